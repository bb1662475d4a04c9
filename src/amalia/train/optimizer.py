"""What changes the weights: AdamW, or Muon for the matrices inside the network and AdamW for the rest.

Muon (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon) makes the update of a matrix
orthogonal. Scaled as by Liu et al. 2025 (arXiv:2502.16982) its updates are as large as those of AdamW, so
one learning rate serves both. On two cores it took a tower of 3.4 M parameters to 75 % of 330 names
with the 49,000 pictures that took AdamW to 31 %.

Low-rank adapters are always AdamW's. What acts on the network is the product of two thin matrices, so an
update that is orthogonal in each of them is not so in the product; and what Muon saves, the second
moments, is next to nothing for them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import nn
from transformers import PreTrainedModel

from amalia.model import build
from amalia.train.schedule import Schedule
from amalia.train.stage import OptimizerKind, Trainable
from amalia.train.trainable import trained_of

# Readout layers: their rows belong to single tokens, like those of an embedding.
_HEADS = ("lm_head", "readout")


@dataclass(frozen=True, slots=True)
class Optimizers:
    """Optimizers of disjoint parameters that step together.

    A group of parameters says in ``part`` whose they are, and in ``peak_lr`` their highest rate.
    """

    each: tuple[torch.optim.Optimizer, ...]
    schedules: Mapping[str, Schedule] = field(default_factory=dict)
    """That of each part."""

    @property
    def parameters(self) -> list[nn.Parameter]:
        """All that is trained."""
        return [
            parameter
            for optimizer in self.each
            for group in optimizer.param_groups
            for parameter in group["params"]
        ]

    def set_rates(self, step: int, steps: int) -> dict[str, float]:
        """Set the learning rates for step ``step`` (from 0) of ``steps``.

        Returns:
            Part → its learning rate.
        """
        rates: dict[str, float] = {}
        for optimizer in self.each:
            for group in optimizer.param_groups:
                fraction = self.schedules[group["part"]].at(step, steps)
                group["lr"] = rates[group["part"]] = group["peak_lr"] * fraction
        return rates

    def zero_grad(self) -> None:
        """Forget all gradients."""
        for optimizer in self.each:
            optimizer.zero_grad(set_to_none=True)

    def step(self) -> None:
        """Change the weights once."""
        for optimizer in self.each:
            optimizer.step()

    def state_dict(self) -> list[dict[str, Any]]:
        """Give the state of each, in order."""
        return [optimizer.state_dict() for optimizer in self.each]

    def load_state_dict(self, states: list[dict[str, Any]]) -> None:
        """Go on from the states of ``state_dict``."""
        for optimizer, state in zip(self.each, states, strict=True):
            optimizer.load_state_dict(state)


class Shares(NamedTuple):
    """What trains of a part, by the optimizer that changes it."""

    muon: list[nn.Parameter]
    adamw: list[nn.Parameter]


class FullMuon(torch.optim.Muon):
    """Muon that makes updates orthogonal in the format of the gradients.

    Torch's always does so in bfloat16. A processor that has to emulate it takes ten times as long for
    that as for the rest of a step.
    """

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Change the weights once."""
        assert closure is None
        for group in self.param_groups:
            for value in group["params"]:
                if value.grad is None:
                    continue
                state = self.state[value]
                if not state:
                    state["momentum_buffer"] = torch.zeros_like(value.grad)
                momentum: torch.Tensor = state["momentum_buffer"]
                momentum.lerp_(value.grad, 1 - group["momentum"])
                update = _orthogonal(value.grad.lerp(momentum, group["momentum"]), group)
                value.mul_(1 - group["lr"] * group["weight_decay"])
                # As large as an update of AdamW (Liu et al. 2025, section 2.2).
                value.add_(update, alpha=-group["lr"] * 0.2 * math.sqrt(max(value.shape)))


def _orthogonal(update: torch.Tensor, group: Mapping[str, Any]) -> torch.Tensor:
    """Draw the singular values of a matrix near 1, by iterations of Newton and Schulz (Jordan et al. 2024)."""
    a, b, c = group["ns_coefficients"]
    wide: torch.Tensor = update.T if update.shape[0] > update.shape[1] else update
    wide = wide / wide.norm().clamp(min=group["eps"])
    for _ in range(group["ns_steps"]):
        gram = wide @ wide.T
        wide = a * wide + (b * gram + c * gram @ gram) @ wide
    return wide.T if update.shape[0] > update.shape[1] else wide


def optimizers_for(
    model: PreTrainedModel,
    trainable: Mapping[Any, Trainable],
    *,
    kind: OptimizerKind,
    beta2: float,
    schedule: Schedule | None = None,
    has_bfloat16: bool = True,
) -> Optimizers:
    """Make the optimizers of the parts that train.

    Args:
        model: Whose parts.
        trainable: Learning rate, weight decay and schedule of each part. Only matrices decay.
        kind: ``muon`` gives the matrices of linear layers to Muon, but not heads, embeddings and adapters.
        beta2: Of AdamW.
        schedule: Of the parts that have none of their own; without one it is the default.
        has_bfloat16: Whether the machine multiplies bfloat16 in hardware.
    """
    muon: list[dict[str, Any]] = []
    adamw: list[dict[str, Any]] = []
    for name, part in build.parts(model).items():
        if name not in trainable:
            continue
        how = trainable[name]
        share = shares(model, part, how, kind=kind)
        for groups, values, decay in (
            (muon, share.muon, how.weight_decay),
            (adamw, [value for value in share.adamw if value.ndim >= 2], how.weight_decay),
            (adamw, [value for value in share.adamw if value.ndim < 2], 0.0),
        ):
            if values:
                pace = {"lr": how.lr, "peak_lr": how.lr, "part": name}
                groups.append({"params": values, "weight_decay": decay, **pace})
    each: list[torch.optim.Optimizer] = []
    if muon:
        kind_of_muon = torch.optim.Muon if has_bfloat16 else FullMuon
        each.append(kind_of_muon(muon, adjust_lr_fn="match_rms_adamw"))
    if adamw:
        each.append(torch.optim.AdamW(adamw, betas=(0.9, beta2), fused=True))
    shared = schedule or Schedule()
    schedules = {name: how.schedule or shared for name, how in trainable.items()}
    return Optimizers(tuple(each), schedules)


def shares(
    model: PreTrainedModel, part: build.Part, how: Trainable, *, kind: OptimizerKind
) -> Shares:
    """Divide what trains of a part between Muon and AdamW."""
    values = list(trained_of(part, how).values())
    if kind == "adamw" or how.lora:
        return Shares([], values)
    inner = inner_matrices(model)
    return Shares(
        [value for value in values if id(value) in inner],
        [value for value in values if id(value) not in inner],
    )


def inner_matrices(model: PreTrainedModel) -> set[int]:
    """Name, by ``id``, the matrices that Muon may have: those of linear layers, but not heads."""
    return {
        id(module.weight)
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and name.rpartition(".")[2] not in _HEADS
    }
