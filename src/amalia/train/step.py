"""One optimizer step: compute every micro-batch, divide by what all of them hold, clip, change the weights."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

import torch
from torch import nn

from amalia.device import Device
from amalia.train.micro_batch import MicroBatch
from amalia.train.objectives import LossSum
from amalia.train.optimizer import Optimizers
from amalia.train.ranks import ALONE, Ranks
from amalia.train.sharding import Computed, full


class StepResult(NamedTuple):
    """What one optimizer step did."""

    loss: float
    grad_norm: float
    """Before clipping."""
    metrics: dict[str, float]
    groups: dict[str, float]
    """Loss of each source."""
    counts: dict[str, int]
    """What the loss of each source was divided by."""
    grad_norms: dict[str, float]
    """Of each part that trains, before clipping."""
    predicted: tuple[int, ...]
    """Positions whose logits were computed, of each micro-batch of this process."""

    @property
    def is_finite(self) -> bool:
        """Whether loss and gradient are numbers; if not, the step was refused."""
        return math.isfinite(self.loss) and math.isfinite(self.grad_norm)


def train_step(
    computed: Computed,
    batches: Sequence[MicroBatch],
    optimizer: Optimizers,
    *,
    clip_norm: float,
    device: Device,
    parts: Mapping[str, Sequence[nn.Parameter]] = MappingProxyType({}),
    ranks: Ranks = ALONE,
) -> StepResult:
    """Compute all micro-batches, divide by what those of all processes hold, clip, and step.

    Where the loss or the gradient is not finite the model and the optimizer are left as they were.

    Args:
        computed: The model in training.
        batches: The micro-batches of this process, as many as every other process has.
        optimizer: Of what trains.
        clip_norm: Gradients are scaled to at most this norm.
        device: What to compute on.
        parts: Name → parameters, to tell the norms of their gradients apart.
        ranks: The processes.

    Returns:
        The same to every process.
    """
    optimizer.zero_grad()
    sums = _Sums()
    for number, batch in enumerate(batches):
        computed.reduces_between_machines(number == len(batches) - 1)
        with device.autocast():
            result = computed.compute(batch, together=ranks.are_many)
        # Text says nothing about a connector or a tower that train alone.
        if result.total.requires_grad:
            result.total.backward()
        sums.add(result)
    own, sums = sums, _Sums.of_all(ranks.gather(sums))
    sums.predicted = own.predicted
    parameters = optimizer.parameters
    for parameter in parameters:
        # What nothing of the step reached is as if its gradient were 0, whatever another process saw.
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
        parameter.grad.div_(max(sums.count, 1))
    norm, norms = _clip(parameters, parts, clip_norm)
    done = sums.divided(norm, norms)
    if done.is_finite:
        optimizer.step()
    return done


def measure(
    computed: Computed, batches: Sequence[MicroBatch], device: Device, *, ranks: Ranks = ALONE
) -> StepResult:
    """Compute the loss of batches without training; see ``train_step``."""
    computed.eval()
    sums = _Sums()
    with torch.no_grad(), device.autocast():
        for batch in batches:
            sums.add(computed.compute(batch, together=ranks.are_many))
    computed.train()
    return _Sums.of_all(ranks.gather(sums)).divided(0.0, {})


def _clip(
    parameters: Sequence[nn.Parameter], parts: Mapping[str, Sequence[nn.Parameter]], limit: float
) -> tuple[float, dict[str, float]]:
    """Scale gradients to at most a norm; give their norm before, of all and of each part.

    It is ``clip_grad_norm_`` in its two halves: the norms of parts are made of the same norms of single
    gradients, so they cost no second look at the gradients.
    """
    owners = {id(value): name for name, values in parts.items() for value in values}
    gradients = {id(value): value.grad for value in parameters if value.grad is not None}
    if not gradients:
        return 0.0, {}
    # The norm of a gradient that is cut over processes is that of all its pieces.
    each = [full(norm) for norm in torch._foreach_norm(list(gradients.values()))]
    total = torch.linalg.vector_norm(torch.stack(each))
    nn.utils.clip_grads_with_norm_(parameters, limit, total)
    shares: dict[str, list[torch.Tensor]] = {}
    for key, norm in zip(gradients, each, strict=True):
        if key in owners:
            shares.setdefault(owners[key], []).append(norm)
    of_parts = [torch.linalg.vector_norm(torch.stack(norms)) for norms in shares.values()]
    # One look at the device for all of them.
    whole, *found = torch.stack([total, *of_parts]).tolist()
    return whole, dict(zip(shares, found, strict=True))


@dataclass
class _Sums:
    """Losses and metrics of micro-batches, to be divided by their global count once."""

    total: float = 0.0
    count: int = 0
    metrics: dict[str, float] = field(default_factory=dict)
    groups: dict[str, tuple[float, int]] = field(default_factory=dict)
    predicted: list[int] = field(default_factory=list)

    def add(self, result: LossSum) -> None:
        self.total += float(result.total.detach())
        self.count += result.count
        self.predicted.append(result.count if result.predicted is None else result.predicted)
        for name, value in result.metrics.items():
            self.metrics[name] = self.metrics.get(name, 0.0) + value
        self._add_groups(result.groups)

    @classmethod
    def of_all(cls, each: Sequence[_Sums]) -> _Sums:
        """Add up what the processes computed."""
        every = cls()
        for sums in each:
            every.total += sums.total
            every.count += sums.count
            for name, value in sums.metrics.items():
                every.metrics[name] = every.metrics.get(name, 0.0) + value
            every._add_groups(sums.groups)
        return every

    def _add_groups(self, groups: Mapping[str, tuple[float, int]]) -> None:
        for name, (total, number) in groups.items():
            before, seen = self.groups.get(name, (0.0, 0))
            self.groups[name] = (before + total, seen + number)

    def divided(self, grad_norm: float, grad_norms: dict[str, float]) -> StepResult:
        count = max(self.count, 1)
        # A source of which nothing was supervised has no loss.
        groups = {name: pair for name, pair in sorted(self.groups.items()) if pair[1]}
        return StepResult(
            loss=self.total / count,
            grad_norm=grad_norm,
            metrics={name: value / count for name, value in self.metrics.items()},
            groups={name: total / number for name, (total, number) in groups.items()},
            counts={name: number for name, (_, number) in groups.items()},
            grad_norms=grad_norms,
            predicted=tuple(self.predicted),
        )
