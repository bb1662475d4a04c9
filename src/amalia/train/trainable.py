"""Which parts of a model train."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn
from transformers import PreTrainedModel

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


def trained_of(part: build.Part, how: Trainable) -> Mapping[str, nn.Parameter]:
    """Give what trains of a part that trains: its adapters if it has them, else all of it."""
    return part.adapters if how.lora else part.parameters
