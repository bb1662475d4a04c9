"""A step divides what it sums by the right counts, and tells the norms of gradients by part."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import nn

from amalia.device import Device
from amalia.train.micro_batch import MicroBatch
from amalia.train.objectives import LossSum
from amalia.train.optimizer import Optimizers
from amalia.train.sharding import Computed
from amalia.train.step import measure, train_step

CPU = Device("cpu", "float32", "a test", "test", 1, 0)


class Scales(nn.Module):
    """Two parts, of three weights and of one."""

    def __init__(self) -> None:
        super().__init__()
        self.wide = nn.Parameter(torch.ones(3))
        self.thin = nn.Parameter(torch.ones(1))
        self.idle = nn.Parameter(torch.ones(2))


def micro_batch(wide: list[float], thin: float, count: int, **more: Any) -> MicroBatch:
    """A loss with the given gradients."""

    def compute(model: Scales) -> LossSum:
        total = (model.wide * torch.tensor(wide)).sum() + (model.thin * thin).sum()
        return LossSum(total, count, {}, **more)

    return MicroBatch(compute, num_tokens=count, num_tiles=0)


def step(batches: list[MicroBatch], **more: Any) -> tuple[Any, Scales]:
    model: Any = Scales()
    optimizer = Optimizers((torch.optim.SGD(model.parameters(), lr=0.0),))
    options = {"clip_norm": 1e9, "device": CPU, **more}
    if "parts" in options:
        options["parts"] = {
            name: [getattr(model, value) for value in values]
            for name, values in options["parts"].items()
        }
    return train_step(Computed(model), batches, optimizer, **options), model


def test_every_source_is_divided_by_its_own_count_over_all_micro_batches() -> None:
    batches = [
        micro_batch([6.0, 0, 0], 0, 3, groups={"cores": (4.0, 2), "prosa": (2.0, 1)}),
        micro_batch([9.0, 0, 0], 0, 6, groups={"cores": (8.0, 2), "letras": (1.0, 4)}),
    ]
    result, _ = step(batches)
    assert result.loss == pytest.approx(15 / 9)
    assert result.groups == {"cores": 12 / 4, "letras": 1 / 4, "prosa": 2.0}
    assert result.counts == {"cores": 4, "letras": 4, "prosa": 1}
    model: Any = Scales()
    measured = measure(Computed(model), batches, CPU)
    assert (measured.groups, measured.counts) == (result.groups, result.counts)


def test_a_source_of_which_nothing_was_learnt_has_no_loss() -> None:
    result, _ = step(
        [micro_batch([1.0, 0, 0], 0, 1, groups={"cores": (1.0, 1), "prosa": (0.0, 0)})]
    )
    assert result.groups == {"cores": 1.0}
    assert result.counts == {"cores": 1}


def test_norms_of_parts_are_those_before_clipping_and_make_up_the_whole() -> None:
    parts = {"connector": ["wide"], "language": ["thin", "idle"]}
    batches = [micro_batch([6.0, 0, 8.0], 48.0, 2)]
    result, model = step(batches, parts=parts, clip_norm=2.6)
    assert result.grad_norms == {"connector": pytest.approx(5), "language": pytest.approx(24)}
    assert result.grad_norm == pytest.approx(math.hypot(5, 24))
    assert model.thin.grad is not None
    assert float(model.thin.grad) == pytest.approx(24 * 2.6 / math.hypot(5, 24))


def test_the_norm_is_to_the_last_bit_that_of_torch() -> None:
    torch.manual_seed(0)
    wide = torch.randn(3).tolist()
    result, _ = step([micro_batch(wide, 0.3, 1)], parts={"connector": ["wide"]})
    values = [nn.Parameter(torch.tensor(wide)), nn.Parameter(torch.tensor([0.3]))]
    for value in values:
        value.grad = value.detach().clone()
    assert result.grad_norm == float(nn.utils.clip_grad_norm_(values, 1e9))


def test_what_nothing_reached_has_a_gradient_of_zero() -> None:
    result, _ = step([micro_batch([3.0, 4.0, 0], 0, 1)], parts={"idle": ["idle"], "wide": ["wide"]})
    assert result.grad_norms == {"idle": 0, "wide": pytest.approx(5)}


def test_predicted_positions_are_told_by_micro_batch() -> None:
    result, _ = step([micro_batch([1.0, 0, 0], 0, 3), micro_batch([1.0, 0, 0], 0, 2, predicted=40)])
    assert result.predicted == (3, 40)
