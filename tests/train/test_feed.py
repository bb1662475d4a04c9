"""From artifacts to the micro-batches of a step, whatever is packed, broken or shared out."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import make
import pytest

from amalia.device import Device
from amalia.errors import TrainingError
from amalia.model import attention, export
from amalia.model.render import Renderer
from amalia.train.feed import Feed, Step, open_feed
from amalia.train.order import Cursor
from amalia.train.ranks import ALONE, Ranks
from amalia.train.stage import Stage
from amalia.train.start import Begun

CPU = Device("cpu", "float32", "a test", "test", 1, 0)


@pytest.fixture(scope="module")
def renderer(tiny_model: Path) -> Renderer:
    return Renderer.load(tiny_model)


def talk(number: int, *, long: bool = False) -> Any:
    shown = [make.picture(20, 12, noise=number)] if number % 2 else []
    answer = "É um gato. " * (40 if long else 1 + number % 3)
    return make.conversation(
        ("user", *shown, "Que é isto?"), ("assistant", answer), id=f"c{number}"
    )


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory, tiny_model: Path) -> dict[str, Path]:
    """Artifacts by name: conversations, two of them far too long, and prose."""
    folder = tmp_path_factory.mktemp("found")
    talks = [talk(n, long=n in (3, 4)) for n in range(20)]
    prose = [make.document(text, id=text[:3]) for text in make.TEXTS * 4]
    return {
        "model": tiny_model,
        "conversas": make.write_artifact(folder / "conversas", "conversations", talks),
        "prosa": make.write_artifact(folder / "prosa", "documents", prose),
    }


def stage(**more: Any) -> Stage:
    tree: dict[str, Any] = {
        "name": "teste",
        "start": {"kind": "model", "model": "model"},
        "objective": {"kind": "next_token"},
        "trainable": {"language": {"lr": 1e-3}},
        "steps": 4,
        "batch": 4,
        "max_tokens": 64,
    }
    return Stage.model_validate({**tree, **more})


def opened(
    found: dict[str, Path],
    renderer: Renderer,
    partial: Path,
    ranks: Ranks = ALONE,
    **more: Any,
) -> Feed:
    model = export.load(found["model"])
    return open_feed(
        stage(**more),
        Begun(model, renderer),
        found.__getitem__,
        partial=partial,
        device=CPU,
        ranks=ranks,
    )


def steps(feed: Feed, count: int, cursor: Cursor | None = None) -> list[Step]:
    cursor, taken = cursor or Cursor(), []
    for _ in range(count):
        taken.append(feed.step(cursor))
        cursor = taken[-1].following
    return taken


def names(step: Step) -> list[str]:
    return sorted(name for batch in step.batches for name in batch.names)


MIXED = [{"artifact": "conversas", "weight": 1}, {"artifact": "prosa", "weight": 1}]
TALKS = [{"artifact": "conversas", "weight": 1}]
PACKED = {"tokens": 128, "tiles": 9, "window": 4}


@pytest.mark.parametrize("packing", [None, PACKED])
def test_a_feed_mixes_text_and_conversations_and_keeps_some_aside(
    tmp_path: Path, found: dict[str, Path], renderer: Renderer, packing: Any
) -> None:
    feed = opened(
        found,
        renderer,
        tmp_path,
        mixture=MIXED,
        validation={"artifact": "conversas", "rows": 3},
        packing=packing,
    )
    assert len(feed.held_out) == 3
    assert len(feed.validation()) == (1 if packing is None else 2)
    taken = steps(feed, 60)
    sources = Counter(s for step in taken for batch in step.batches for s in batch.sources)
    assert set(sources) == {"conversas", "prosa"}
    assert feed.skipped.num_too_long == 2
    skipped = [skip.record for step in taken for skip in step.skipped]
    assert sorted(skipped) == ["c3", "c4"]
    # Any step can be prepared again from its cursor.
    again = opened(found, renderer, tmp_path, mixture=MIXED, packing=packing)
    following = steps(again, 3, taken[40].following)
    assert [names(step) for step in following] == [names(step) for step in taken[41:44]]


def test_packs_are_micro_batches_within_both_budgets(
    tmp_path: Path, found: dict[str, Path], renderer: Renderer
) -> None:
    feed = opened(found, renderer, tmp_path, mixture=MIXED, packing=PACKED)
    batches = [batch for step in steps(feed, 20) for batch in step.batches]
    assert len(batches) == 80
    assert max(batch.num_tokens for batch in batches) <= 128
    assert max(batch.num_tiles for batch in batches) <= 9
    assert sum(batch.num_tokens for batch in batches) / (80 * 128) > 0.9


@pytest.mark.parametrize("packing", [None, PACKED])
@pytest.mark.parametrize("world", [2, 3])
def test_processes_share_out_what_one_would_train_on(
    tmp_path: Path, found: dict[str, Path], renderer: Renderer, packing: Any, world: int
) -> None:
    alone = steps(opened(found, renderer, tmp_path, mixture=MIXED, packing=packing), 12)
    shared = [
        steps(
            opened(found, renderer, tmp_path, Ranks(rank, world), mixture=MIXED, packing=packing),
            12,
        )
        for rank in range(world)
    ]
    for number, whole in enumerate(alone):
        parts = sorted(name for process in shared for name in names(process[number]))
        assert parts == names(whole)
        assert {process[number].following for process in shared} == {whole.following}


@pytest.fixture
def damaged(tmp_path: Path, found: dict[str, Path]) -> dict[str, Path]:
    """Conversations of which number 5 has a picture that cannot be decoded."""
    talks = [make.broken(talk(n)) if n == 5 else talk(n) for n in range(12)]
    folder = make.write_artifact(tmp_path / "conversas", "conversations", talks)
    return {**found, "conversas": folder}


@pytest.mark.parametrize("packing", [None, PACKED])
def test_a_broken_picture_is_named_and_its_record_replaced(
    tmp_path: Path, damaged: dict[str, Path], renderer: Renderer, packing: Any
) -> None:
    feed = opened(damaged, renderer, tmp_path, mixture=TALKS, packing=packing)
    taken = steps(feed, 12)
    (skip,) = [skip for step in taken for skip in step.skipped]
    assert (skip.source, skip.record) == ("conversas", "conversas[5]")
    assert "of conversation c5 cannot be read" in skip.reason
    assert feed.skipped.num_unreadable == 1
    assert all("c5" not in names(step) for step in taken)
    if packing is None:
        assert [len(names(step)) for step in taken] == [4] * 12
    else:
        assert max(b.num_tokens for step in taken for b in step.batches) <= 128


def test_too_many_broken_pictures_stop_the_stage(
    tmp_path: Path, found: dict[str, Path], renderer: Renderer
) -> None:
    talks = [make.broken(talk(n)) if n % 2 else talk(n) for n in range(40)]
    folder = make.write_artifact(tmp_path / "conversas", "conversations", talks)
    feed = opened({**found, "conversas": folder}, renderer, tmp_path, mixture=TALKS)
    with pytest.raises(
        TrainingError, match=r"11 of \d+ records read cannot be used, more than run"
    ):
        steps(feed, 20)
    patient = {"unreadable": 0.6}
    feed = opened({**found, "conversas": folder}, renderer, tmp_path, mixture=TALKS, run=patient)
    steps(feed, 20)
    assert feed.skipped.num_unreadable == 20


def test_a_blank_micro_batch_computes_nothing(
    tmp_path: Path, found: dict[str, Path], renderer: Renderer
) -> None:
    model = export.load(found["model"])
    attention.attend(model, "eager", "documents")
    blank = opened(found, renderer, tmp_path, mixture=TALKS).blank()
    result = blank.compute(model)
    assert (result.count, result.total.item()) == (0, 0.0)
    result.total.backward()
    assert all(p.grad is None or not p.grad.any() for p in model.parameters())


def test_a_feed_of_preferences_computes_the_reference_beside_the_artifact(
    tmp_path: Path, tiny_model: Path, renderer: Renderer
) -> None:
    rows = [make.preference(id=f"p{n}", chosen=f"São {n}.", rejected=f"Tem {n}.") for n in range(5)]
    folder = make.write_artifact(tmp_path / "pares", "preferences", rows)
    feed = opened(
        {"model": tiny_model, "pares": folder},
        renderer,
        tmp_path,
        objective={"kind": "dpo"},
        mixture=[{"artifact": "pares", "weight": 1}],
    )
    (batch,) = feed.step(Cursor()).batches
    result = batch.compute(export.load(tiny_model))
    assert result.total.item() / result.count == pytest.approx(0.693147, abs=1e-5)
