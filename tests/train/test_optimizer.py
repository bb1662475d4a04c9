"""Which weights go to which optimizer, and what a step of each does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from amalia.model import export
from amalia.train.optimizer import Optimizers, optimizers_for
from amalia.train.stage import Trainable


def groups(optimizers: Optimizers) -> list[tuple[str, float, float, list[int]]]:
    return [
        (
            type(optimizer).__name__,
            group["weight_decay"],
            group["lr"],
            sorted(p.ndim for p in group["params"]),
        )
        for optimizer in optimizers.each
        for group in optimizer.param_groups
    ]


def names(model: Any, optimizer: torch.optim.Optimizer) -> set[str]:
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    return {name for name, value in model.named_parameters() if id(value) in held}


def test_matrices_decay_and_the_rest_does_not(tiny_model: Path) -> None:
    model = export.load(tiny_model)
    connector = {"connector": Trainable(lr=0.5, weight_decay=0.1)}
    assert groups(optimizers_for(model, connector, kind="adamw", beta2=0.95)) == [
        ("AdamW", 0.1, 0.5, [2, 2]),
        ("AdamW", 0.0, 0.5, [1, 1, 1]),
    ]
    assert groups(optimizers_for(model, connector, kind="muon", beta2=0.95)) == [
        ("Muon", 0.1, 0.5, [2, 2]),
        ("AdamW", 0.0, 0.5, [1, 1, 1]),
    ]


def test_embeddings_patches_and_heads_are_left_to_adamw(tiny_model: Path) -> None:
    model = export.load(tiny_model)
    every = {part: Trainable(lr=0.1) for part in ("vision", "connector", "language")}
    muon, adamw = optimizers_for(model, every, kind="muon", beta2=0.95).each
    inner, rest = names(model, muon), names(model, adamw)
    assert not inner & rest
    assert inner | rest == {name for name, _ in model.named_parameters()}
    assert all(name.endswith((".weight",)) for name in inner)
    assert any(name.endswith("self_attn.q_proj.weight") for name in inner)
    assert not any("embed" in name or "lm_head" in name for name in inner)


def test_a_muon_step_is_as_large_as_one_of_adamw() -> None:
    torch.manual_seed(0)
    for shape in ((64, 64), (32, 128), (128, 32)):
        weight = torch.nn.Parameter(torch.zeros(shape))
        weight.grad = torch.randn(shape) * 1e-3
        optimizer = torch.optim.Muon([weight], lr=0.01, adjust_lr_fn="match_rms_adamw")
        optimizer.step()
        rms = float(weight.detach().square().mean().sqrt())
        # 0.2 of the learning rate is what AdamW's updates usually are (arXiv:2502.16982, section 2.2).
        assert rms == pytest.approx(0.002, rel=0.3), shape


def test_the_rate_of_every_group_follows_the_schedule() -> None:
    one, other = torch.nn.Parameter(torch.zeros(2, 2)), torch.nn.Parameter(torch.zeros(2))
    optimizers = Optimizers(
        (
            torch.optim.SGD([{"params": [one], "lr": 0.5, "peak_lr": 0.5}]),
            torch.optim.SGD([{"params": [other], "lr": 0.1, "peak_lr": 0.1}]),
        )
    )
    optimizers.set_rate(0.5)
    assert [g["lr"] for o in optimizers.each for g in o.param_groups] == [0.25, 0.05]
    assert optimizers.parameters == [one, other]
