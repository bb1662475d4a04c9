"""One optimizer step: compute every micro-batch, divide by what all of them hold, clip, change the weights."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import torch
from torch import nn
from transformers import PreTrainedModel

from amalia.device import Device
from amalia.train.micro_batch import MicroBatch
from amalia.train.objectives import LossSum
from amalia.train.optimizer import Optimizers


class StepResult(NamedTuple):
    """What one optimizer step did."""

    loss: float
    grad_norm: float
    metrics: dict[str, float]
    groups: dict[str, float]
    """Loss of each source."""

    @property
    def is_finite(self) -> bool:
        """Whether loss and gradient are numbers; if not, the step was refused."""
        return math.isfinite(self.loss) and math.isfinite(self.grad_norm)


def train_step(
    model: PreTrainedModel,
    batches: list[MicroBatch],
    optimizer: Optimizers,
    *,
    clip_norm: float,
    device: Device,
) -> StepResult:
    """Compute all micro-batches, divide by their global count, clip, and step.

    Where the loss or the gradient is not finite the model and the optimizer are left as they were.
    """
    optimizer.zero_grad()
    sums = _Sums()
    for batch in batches:
        with device.autocast():
            result = batch.compute(model)
        # Text says nothing about a connector or a tower that train alone.
        if result.total.requires_grad:
            result.total.backward()
        sums.add(result)
    parameters = optimizer.parameters
    for parameter in parameters:
        if parameter.grad is not None:
            parameter.grad.div_(max(sums.count, 1))
    norm = float(nn.utils.clip_grad_norm_(parameters, clip_norm))
    done = sums.divided(norm)
    if done.is_finite:
        optimizer.step()
    return done


def measure(model: PreTrainedModel, batches: list[MicroBatch], device: Device) -> StepResult:
    """Compute the loss of batches without training."""
    model.eval()
    sums = _Sums()
    with torch.no_grad(), device.autocast():
        for batch in batches:
            sums.add(batch.compute(model))
    model.train()
    return sums.divided(0.0)


@dataclass
class _Sums:
    """Losses and metrics of micro-batches, to be divided by their global count once."""

    total: float = 0.0
    count: int = 0
    metrics: dict[str, float] = field(default_factory=dict)
    groups: dict[str, tuple[float, int]] = field(default_factory=dict)

    def add(self, result: LossSum) -> None:
        self.total += float(result.total.detach())
        self.count += result.count
        for name, value in result.metrics.items():
            self.metrics[name] = self.metrics.get(name, 0.0) + value
        for name, (total, number) in result.groups.items():
            before = self.groups.get(name, (0.0, 0))
            self.groups[name] = (before[0] + total, before[1] + number)

    def divided(self, grad_norm: float) -> StepResult:
        count = max(self.count, 1)
        means = {name: value / count for name, value in self.metrics.items()}
        groups = {name: total / max(number, 1) for name, (total, number) in self.groups.items()}
        return StepResult(self.total / count, grad_norm, means, groups)
