"""The table of what trains, letter by letter."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import make
import pytest
import torch
import yaml
from transformers import PreTrainedTokenizerFast

from amalia import lineage
from amalia.model import build, export
from amalia.model.tile import TileGrid
from amalia.train.stage import Stage
from amalia.train.table import table
from amalia.train.trainable import freeze


def stage(trainable: dict[str, Any], **more: Any) -> Stage:
    tree: dict[str, Any] = {
        "name": "teste",
        "start": {"kind": "model", "model": "model"},
        "objective": {"kind": "next_token"},
        "trainable": trainable,
        "mixture": [{"artifact": "cores", "weight": 1}],
        "steps": 6,
        "batch": 4,
        "max_tokens": 96,
    }
    return Stage.model_validate({**tree, **more})


def told(model: Any, stage: Stage) -> list[str]:
    freeze(model, stage.trainable)
    return table(model, stage).splitlines()


def test_every_part_says_how_it_trains(tiny_model: Path) -> None:
    wsd = {"warmup_fraction": 0, "stable_fraction": 0.8, "decay": "sqrt", "final_fraction": 0}
    mixed = stage(
        {
            "connector": {"lr": 1e-3, "weight_decay": 0, "schedule": wsd},
            "language": {"lr": 2e-4, "lora": {"rank": 4}},
        },
        optimizer="muon",
        schedule={"warmup_fraction": 0.03},
    )
    assert told(export.load(tiny_model), mixed) == [
        "part       how       parameters  trained      lr  weight decay  schedule                    optimizer",
        "vision     frozen        23,456        0       –             –  –                           –",
        "connector  full           2,144    2,144   0.001             0  stable 80 %, sqrt to 0 %    Muon + AdamW",
        "language   LoRA r=4      31,392    4,096  0.0002          0.05  warm-up 3 %, cosine to 5 %  AdamW",
        "total                    56,992    6,240  10.9 % of the parameters",
    ]


def test_a_language_model_alone_has_one_line(tiny_language: Path) -> None:
    alone = stage(
        {"language": {"lr": 1e-5, "weight_decay": 0.1}},
        schedule={"warmup_fraction": 0, "decay": "none"},
    )
    assert told(export.load(tiny_language), alone) == [
        "part      how   parameters  trained     lr  weight decay  schedule  optimizer",
        "language  full      31,392   31,392  1e-05           0.1  constant  AdamW",
        "total               31,392   31,392  100 % of the parameters",
    ]


@pytest.mark.parametrize(
    "language", [{"lr": 1e-4}, {"lr": 1e-4, "lora": {"targets": ["q_proj"], "dropout": 0.1}}]
)
def test_a_model_without_weights_gives_the_same_table(
    tiny_tokenizer: PreTrainedTokenizerFast, language: dict[str, Any]
) -> None:
    some = stage({"language": language})
    with torch.device("meta"):
        planned = build.language_model(make.LANGUAGE, tiny_tokenizer)
    assert told(planned, some) == told(build.language_model(make.LANGUAGE, tiny_tokenizer), some)
    assert all(value.is_meta for value in planned.parameters())


def test_the_table_in_the_docs_is_that_of_the_recipe_above_it() -> None:
    text = (Path(__file__).parents[2] / "docs/recipes.md").read_text("utf-8")
    shown = re.search(
        r"```yaml\n(name: minhas-lora\n.*?)```\n.*?\n\n((?: {4}[^\n]+\n)+)", text, re.S
    )
    assert shown is not None
    tower = export.load_tower(lineage.packaged("tower"))
    folder = lineage.packaged("instructed")
    grid = TileGrid(tower.config.image_size, tower.config.patch_size, ((96, 96),))
    tokenizer = export.load_tokenizer(folder)
    model = build.llava_next(tower, export.load_language(folder), tokenizer, grid)
    lines = told(model, Stage.model_validate(yaml.safe_load(shown[1])))
    assert [f"    {line}" for line in lines] == shown[2].splitlines()
