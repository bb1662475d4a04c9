"""Which parts of a model train."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import nn
from transformers import PreTrainedModel

from amalia.errors import TrainingError
from amalia.model import build
from amalia.train.stage import Trainable


def freeze(model: PreTrainedModel, trainable: Mapping[Any, Trainable]) -> dict[str, nn.Parameter]:
    """Let exactly the named parts train.

    Returns:
        The parameters that train, by name.

    Raises:
        TrainingError: A part the model does not have.
    """
    parts = build.parts(model)
    unknown = sorted(set(trainable) - set(parts))
    if unknown:
        have = ", ".join(sorted(parts))
        raise TrainingError(
            f"trainable names {', '.join(unknown)}; this model has the parts {have}"
        )
    trained: dict[str, nn.Parameter] = {}
    for name, part in parts.items():
        for parameter in part.parameters.values():
            parameter.requires_grad_(name in trainable)
        if name in trainable:
            trained |= part.parameters
    return trained
