"""The report draws what the log of a stage says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from amalia.pipeline.summary import _curves
from amalia.report import Curve


def curves(path: Path, *entries: dict[str, Any]) -> list[Curve]:
    path.write_text("".join(f"{json.dumps(entry)}\n" for entry in entries))
    return list(_curves("sft", path))


def test_losses_are_drawn_by_source_where_there_are_several(tmp_path: Path) -> None:
    found = curves(
        tmp_path / "log.jsonl",
        {"step": 0, "series": "validation", "loss": 4.0, "loss_of": {"de-parte": 4.0}},
        {"step": 1, "series": "train", "loss": 3.0, "loss_of": {"cores": 2.0, "prosa": 5.0}},
        {"step": 2, "series": "refused", "tokens": 9, "records": ["a"]},
        {"step": 3, "series": "train", "loss": 2.0, "loss_of": {"cores": 1.5}},
    )
    assert found == [
        Curve("sft", "loss", "validation", "nat", ((0, 4.0),)),
        Curve("sft", "loss", "train", "nat", ((1, 3.0), (3, 2.0))),
        Curve("sft", "loss_of", "cores", "nat", ((1, 2.0), (3, 1.5))),
        Curve("sft", "loss_of", "prosa", "nat", ((1, 5.0),)),
    ]


def test_one_source_has_no_drawing_of_its_own(tmp_path: Path) -> None:
    found = curves(
        tmp_path / "log.jsonl",
        {"step": 1, "series": "train", "loss": 3.0, "loss_of": {"cores": 3.0}},
    )
    assert [curve.chart for curve in found] == ["loss"]


def test_speed_is_drawn(tmp_path: Path) -> None:
    found = curves(
        tmp_path / "log.jsonl",
        {"step": 1, "series": "train", "tokens_per_s": 900.0},
        {"step": 2, "series": "train", "tokens_per_s": 1100.0},
    )
    assert found == [Curve("sft", "throughput", "train", "tokens/s", ((1, 900.0), (2, 1100.0)))]


def test_the_learning_rate_of_every_part_is_a_curve_of_one_chart(tmp_path: Path) -> None:
    entries = [
        {"step": 0, "series": "validation", "loss": 3.0},
        {"step": 1, "series": "train", "loss": 2.5, "lr_vision": 1e-4, "lr_connector": 1e-3},
        {"step": 2, "series": "train", "loss": 2.0, "lr_vision": 2e-4, "lr_connector": 5e-4},
    ]
    path = tmp_path / "log.jsonl"
    path.write_text("".join(f"{json.dumps(entry)}\n" for entry in entries))
    found = {(curve.chart, curve.series): curve.points for curve in _curves("sft", path)}
    assert found == {
        ("loss", "validation"): ((0, 3.0),),
        ("loss", "train"): ((1, 2.5), (2, 2.0)),
        ("learning_rate", "vision"): ((1, 1e-4), (2, 2e-4)),
        ("learning_rate", "connector"): ((1, 1e-3), (2, 5e-4)),
    }
