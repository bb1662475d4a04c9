"""What a stage logs becomes curves."""

from __future__ import annotations

import json
from pathlib import Path

from amalia.pipeline import summary


def test_the_learning_rate_of_every_part_is_a_curve_of_one_chart(tmp_path: Path) -> None:
    entries = [
        {"step": 0, "series": "validation", "loss": 3.0},
        {"step": 1, "series": "train", "loss": 2.5, "lr_vision": 1e-4, "lr_connector": 1e-3},
        {"step": 2, "series": "train", "loss": 2.0, "lr_vision": 2e-4, "lr_connector": 5e-4},
    ]
    path = tmp_path / "log.jsonl"
    path.write_text("".join(f"{json.dumps(entry)}\n" for entry in entries))
    found = {(curve.chart, curve.series): curve.points for curve in summary._curves("sft", path)}
    assert found == {
        ("loss", "validation"): ((0, 3.0),),
        ("loss", "train"): ((1, 2.5), (2, 2.0)),
        ("learning_rate", "vision"): ((1, 1e-4), (2, 2e-4)),
        ("learning_rate", "connector"): ((1, 1e-3), (2, 5e-4)),
    }
