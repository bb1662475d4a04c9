"""What a stage begins with."""

from __future__ import annotations

from pathlib import Path

import pytest

from amalia.train.stage import Stage
from amalia.train.start import begin


@pytest.mark.parametrize(
    ("said", "is_exact"),
    [({}, False), ({"pictures": "quick"}, False), ({"pictures": "exact"}, True)],
)
def test_a_stage_says_how_its_pictures_become_tiles(
    tiny_model: Path, said: dict[str, str], is_exact: bool
) -> None:
    stage = Stage.model_validate(
        {
            "name": "teste",
            "start": {"kind": "model", "model": "model"},
            "objective": {"kind": "next_token"},
            "trainable": {"language": {"lr": 1e-3}},
            "mixture": [{"artifact": "conversas", "weight": 1}],
            "steps": 1,
            "batch": 1,
            "max_tokens": 64,
            **said,
        }
    )
    renderer = begin(stage, lambda _: tiny_model).renderer
    assert renderer.is_exact is is_exact
    assert renderer.grid is not None
