"""Artifacts and stages to plan."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import make
import pytest

from amalia.plan.hardware import Accelerator, Cluster
from amalia.plan.shape import Here
from amalia.train.stage import Stage

Build = Callable[..., Stage]


@pytest.fixture(autouse=True)
def _empty_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Plan where nobody has trained: artifacts of a demo in the checkout would be found and planned with."""
    folder = tmp_path / "working"
    folder.mkdir()
    monkeypatch.chdir(folder)


@pytest.fixture
def build_stage() -> Build:
    """Make a stage of the tiny model; keyword arguments replace its keys."""

    def build(**more: Any) -> Stage:
        tree: dict[str, Any] = {
            "name": "teste",
            "start": {"kind": "model", "model": "modelo"},
            "objective": {"kind": "next_token"},
            "trainable": {"connector": {"lr": 1e-3}, "language": {"lr": 1e-4}},
            "mixture": [{"artifact": "cores", "weight": 3}, {"artifact": "prosa", "weight": 1}],
            "steps": 4,
            "batch": 4,
            "max_tokens": 96,
        }
        return Stage.model_validate({**tree, **more})

    return build


@pytest.fixture
def here(tmp_path: Path, tiny_model: Path) -> Here:
    """A model, conversations about colors, and prose."""
    rows = []
    for number in range(12):
        shown = [make.picture(20, 12) if number % 2 else make.picture(16, 16)] if number % 3 else []
        answer = "É vermelho." * (1 + number % 4)
        rows.append(
            make.conversation(("user", *shown, "Que cor?"), ("assistant", answer), id=f"c{number}")
        )
    rows.append(make.conversation(("user", "Fala."), ("assistant", "Sim. " * 60), id="comprida"))
    prose = [make.document(text, id=f"d{n}") for n, text in enumerate(make.TEXTS * 4)]
    return make.folders(
        modelo=tiny_model,
        cores=make.write_artifact(tmp_path / "cores", "conversations", rows),
        prosa=make.write_artifact(tmp_path / "prosa", "documents", prose),
    )


@pytest.fixture
def processor() -> Cluster:
    """A processor of 100 GFLOP/s with 16 GB."""
    return Cluster(1, Accelerator("CPU", 100e9, 16 * 10**9, 1, "a test", 4, "cpu"))
