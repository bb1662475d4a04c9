"""How steps are cut, beside the feed that cuts them, and what a step takes at most."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalia.device import Device
from amalia.model import export
from amalia.model.render import Renderer
from amalia.plan.mixture import bound, drawn, ingredient, longest
from amalia.plan.shape import Here
from amalia.plan.survey import Survey, survey
from amalia.train.feed import open_feed
from amalia.train.micro_batch import LENGTH_STEP
from amalia.train.order import Cursor
from amalia.train.stage import Packing, Stage
from amalia.train.start import Begun

Build = Callable[..., Stage]
CPU = Device("cpu", "float32", "a test", "test", 1, 0)


def surveyed(lengths: list[int], *, tiles: int = 0, name: str = "dados") -> Survey:
    """A source of records of these lengths."""
    tokens = np.array(lengths, np.int32)
    each = np.full(len(lengths), tiles, np.int32)
    return Survey(name, tokens, tokens, tokens // 2, each, lambda row: f"r{row}", {}, True)


@pytest.mark.parametrize("run", [{}, {"micro_batch": 2}, {"micro_tokens": 150}])
def test_steps_are_those_of_the_feed(
    build_stage: Build, here: Here, tmp_path: Path, tiny_model: Path, run: dict[str, int]
) -> None:
    stage = build_stage(run=run)
    renderer = Renderer.load(tiny_model)

    def find(name: str) -> Path:
        folder = here(name)
        assert folder is not None
        return folder

    begun = Begun(export.load(tiny_model), renderer)
    feed = open_feed(stage, begun, find, partial=tmp_path, device=CPU)
    cursor, batches = Cursor(), []
    for _ in range(stage.steps):
        taken = feed.step(cursor)
        cursor = taken.following
        batches += taken.batches
    surveys = [survey(find(item.artifact), stage, renderer) for item in stage.mixture]
    found = drawn(stage, surveys, [item.weight for item in stage.mixture], world=1)
    assert found.looked_at == stage.steps
    assert found.work.tokens == sum(batch.num_tokens for batch in batches) / stage.steps
    assert found.work.tiles == sum(batch.num_tiles for batch in batches) / stage.steps
    assert found.load.tiles == max(batch.num_tiles for batch in batches)
    spaces = [batch.compute.keywords["batch"].input_ids_1T.numel() for batch in batches]  # type: ignore[attr-defined]
    assert found.load.tokens == max(spaces)
    tokens = sum(batch.num_tokens for batch in batches)
    assert found.padding == pytest.approx(1 - tokens / sum(spaces))


def test_more_gpus_compute_fewer_rows_at_once(build_stage: Build) -> None:
    stage = build_stage(mixture=[{"artifact": "dados", "weight": 1}], batch=16)
    one, four = (drawn(stage, [surveyed([40] * 9)], [1.0], world=world) for world in (1, 4))
    assert one.load.tokens == 16 * 40
    assert four.load.tokens == 4 * 40
    assert one.work == four.work


def packed(build_stage: Build, **more: int) -> Stage:
    return build_stage(
        mixture=[{"artifact": "dados", "weight": 1}],
        packing={"tokens": 100, "window": 4, **more},
        max_tokens=100,
        batch=2,
    )


def test_packs_that_fill_exactly_have_no_padding(build_stage: Build) -> None:
    stage = packed(build_stage)
    found = drawn(stage, [surveyed([50] * 8)], [1.0], world=1)
    assert (found.padding, found.rows) == (0.0, 4.0)
    assert found.work.tokens == 200
    assert found.load.longest == 50


def test_tiles_close_a_pack_as_tokens_do(build_stage: Build) -> None:
    survey_ = surveyed([25] * 8, tiles=3)
    loose = drawn(packed(build_stage, tiles=0), [survey_], [1.0], world=1)
    tight = drawn(packed(build_stage, tiles=7), [survey_], [1.0], world=1)
    assert loose.padding == 0
    assert tight.padding == pytest.approx(0.5)
    assert tight.load.tiles == 6


@given(st.lists(st.integers(1, 100), min_size=1, max_size=30), st.integers(0, 12))
def test_no_pack_is_over_its_budgets(lengths: list[int], tiles: int) -> None:
    stage = Stage.model_validate(
        {
            "name": "x",
            "start": {"kind": "model", "model": "m"},
            "objective": {"kind": "next_token"},
            "trainable": {"language": {"lr": 1.0}},
            "mixture": [{"artifact": "dados", "weight": 1}],
            "steps": 3,
            "batch": 2,
            "max_tokens": 100,
            "packing": Packing(tokens=100, tiles=tiles, window=3).model_dump(),
        }
    )
    found = drawn(stage, [surveyed(lengths, tiles=min(tiles, 2))], [1.0], world=1)
    assert found.load.tokens == 100
    assert found.load.tiles <= max(tiles, 0)
    assert 0 <= found.padding < 1


def test_a_bound_is_never_below_what_is_measured(build_stage: Build) -> None:
    lengths = list(range(5, 96))
    for run in ({}, {"micro_batch": 2}, {"micro_tokens": 200}):
        stage = build_stage(mixture=[{"artifact": "dados", "weight": 1}], batch=8, run=run)
        found = drawn(stage, [surveyed(lengths)], [1.0], world=2)
        most = bound(stage, patches=0, world=2)
        assert most.load.tokens >= found.load.tokens
        assert most.work.tokens >= found.work.tokens
        assert most.work.squares >= found.work.squares


def test_the_bound_of_packs_and_pairs(build_stage: Build) -> None:
    packs = bound(packed(build_stage, tiles=9), patches=4, world=8)
    assert (packs.load.tokens, packs.load.tiles, packs.work.tiles) == (100, 9, 18)
    pairs = build_stage(objective={"kind": "dpo"}, run={"micro_batch": 1})
    assert bound(pairs, patches=0, world=1).load.tokens == 2 * 96
    assert 2 * 96 % LENGTH_STEP == 0


def test_an_ingredient_counts_what_is_left_and_names_what_is_not(build_stage: Build) -> None:
    found = surveyed([10, 20, 97, 300, 30], tiles=1)
    found.tokens[4] = -1
    told = ingredient("dados", 3.0, 0.75, found, build_stage(), rows_of_step=4.0)
    assert (told.rows, told.tokens, told.supervised, told.tiles) == (5, 30, 15, 2)
    assert (told.num_too_long, told.too_long, told.num_bad) == (2, ("r2", "r3"), 1)
    assert told.epochs == 4 * 4.0 * 0.75 / 5


def test_the_longest_are_named_across_sources() -> None:
    named = longest([surveyed([10, 95, 97]), surveyed([50, 96], name="outros")], 96)
    assert [(one.source, one.name, one.tokens) for one in named] == [
        ("outros", "r1", 96),
        ("dados", "r1", 95),
        ("outros", "r0", 50),
        ("dados", "r0", 10),
    ]
