"""Which weights go to which optimizer, and what a step of each does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from amalia.model import build, export
from amalia.train.optimizer import FullMuon, Optimizers, optimizers_for
from amalia.train.schedule import Schedule
from amalia.train.stage import Lora, Trainable
from amalia.train.trainable import freeze


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


def test_every_part_has_its_own_rate_and_schedule(tiny_model: Path) -> None:
    model = export.load(tiny_model)
    linear = Schedule(warmup_fraction=0, decay="linear", final_fraction=0)
    trainable = {
        "vision": Trainable(lr=0.5, schedule=Schedule(warmup_fraction=0, decay="none")),
        "connector": Trainable(lr=0.1, weight_decay=0.2),
        "language": Trainable(lr=0.3, schedule=Schedule(warmup_fraction=0.5, decay="none")),
    }
    optimizers = optimizers_for(model, trainable, kind="muon", beta2=0.9, schedule=linear)
    assert optimizers.set_rates(0, 4) == pytest.approx(
        {"vision": 0.5, "connector": 0.1, "language": 0.15}
    )
    rates = optimizers.set_rates(1, 4)
    assert rates == pytest.approx({"vision": 0.5, "connector": 0.075, "language": 0.3})
    decays = {"vision": 0.05, "connector": 0.2, "language": 0.05}
    for optimizer in optimizers.each:
        for group in optimizer.param_groups:
            held = names(model, torch.optim.SGD(group["params"]))
            part = build.parts(model)[group["part"]]
            assert held <= set(part.parameters)
            assert group["lr"] == rates[part.name]
            matrices = {value.ndim >= 2 for value in group["params"]}
            assert [group["weight_decay"]] == [decays[part.name] * has for has in matrices]


def test_a_part_without_a_schedule_follows_that_of_the_stage_and_that_the_default(
    tiny_language: Path,
) -> None:
    model, one = export.load(tiny_language), {"language": Trainable(lr=1.0)}
    optimizers = optimizers_for(model, one, kind="adamw", beta2=0.9)
    assert optimizers.set_rates(3, 100) == {"language": pytest.approx(Schedule().at(3, 100))}


@pytest.mark.parametrize("kind", ["adamw", "muon"])
def test_adapters_are_left_to_adamw(tiny_model: Path, kind: Any) -> None:
    model = export.load(tiny_model)
    trainable = {
        "connector": Trainable(lr=0.5, weight_decay=0.1),
        "language": Trainable(lr=0.1, lora=Lora(rank=2, targets=("q_proj",))),
    }
    trained = freeze(model, trainable)
    optimizers = optimizers_for(model, trainable, kind=kind, beta2=0.95)
    *_, adamw = optimizers.each
    held = names(model, adamw)
    assert {name for name in trained if ".lora_" in name} <= held
    assert {name for one in optimizers.each for name in names(model, one)} == set(trained)
    assert [type(one).__name__ for one in optimizers.each] == ["Muon"] * (kind == "muon") + [
        "AdamW"
    ]


@pytest.mark.parametrize("shape", [(24, 40), (40, 24), (16, 16)])
def test_muon_in_full_precision_does_what_torch_does_in_half(shape: tuple[int, int]) -> None:
    torch.manual_seed(0)
    start = torch.randn(shape)
    values = [torch.nn.Parameter(start.clone()) for _ in range(2)]
    settings: dict[str, Any] = {"lr": 0.1, "weight_decay": 0.1, "adjust_lr_fn": "match_rms_adamw"}
    each = (torch.optim.Muon([values[0]], **settings), FullMuon([values[1]], **settings))
    for _ in range(3):
        gradient = torch.randn(shape)
        for value, optimizer in zip(values, each, strict=True):
            value.grad = gradient.clone()
            optimizer.step()
    moved = [(value - start).detach() for value in values]
    assert (moved[0] - moved[1]).norm() / moved[0].norm() < 0.03
    half, whole = (optimizer.state[value] for value, optimizer in zip(values, each, strict=True))
    torch.testing.assert_close(whole["momentum_buffer"], half["momentum_buffer"])
