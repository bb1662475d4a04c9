"""Which parts of a model train."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn
from transformers import PreTrainedModel

from amalia.device import Device
from amalia.errors import TrainingError
from amalia.model import build
from amalia.train import adapters
from amalia.train.stage import Trainable


def freeze(model: PreTrainedModel, trainable: Mapping[Any, Trainable]) -> dict[str, nn.Parameter]:
    """Let exactly the named parts train, or the adapters that they get.

    New adapters are drawn from torch's own random numbers; they change nothing before the first step.

    Returns:
        The parameters that train, by name.

    Raises:
        MissingExtra: A part is to have adapters and peft is not installed.
        TrainingError: A part the model does not have; adapters of layers that a part does not have.
    """
    have = build.parts(model)
    unknown = sorted(set(trainable) - set(have))
    if unknown:
        raise TrainingError(
            f"trainable names {', '.join(unknown)}; this model has the parts {', '.join(sorted(have))}"
        )
    loras = {name: how.lora for name, how in trainable.items() if how.lora}
    if loras:
        adapters.inject(model, loras)
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    trained: dict[str, nn.Parameter] = {}
    for name, part in build.parts(model).items():
        if name in trainable:
            trained |= trained_of(part, trainable[name])
    for parameter in trained.values():
        parameter.requires_grad_(True)
    return trained


def lighten(model: PreTrainedModel, device: Device) -> None:
    """Hold on a GPU what does not train in the format it is multiplied in anyway.

    A frozen model of nine billion parameters takes 19 GB so instead of 38. Nothing is lost: models are
    written in bfloat16. Meant for one process; several cut the model over them and gather it in bfloat16.

    Args:
        model: After ``freeze``.
        device: What it will compute on. On a CPU all stays as it is.
    """
    if device.kind == "cpu":
        return
    for parameter in model.parameters():
        if not parameter.requires_grad:
            parameter.data = parameter.data.to(device.torch_dtype)


def trained_of(part: build.Part, how: Trainable) -> Mapping[str, nn.Parameter]:
    """Give what trains of a part that trains: its adapters if it has them, else all of it."""
    return part.adapters if how.lora else part.parameters
