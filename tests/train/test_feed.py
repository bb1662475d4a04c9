"""From artifacts to micro-batches: what is too long gives way, and nothing is lost on the way."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import make
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from amalia.device import Device
from amalia.errors import TrainingError
from amalia.model import export
from amalia.model.fork import fork_of
from amalia.model.render import Renderer
from amalia.train.feed import (
    AnswerPair,
    Limits,
    RenderedPairs,
    RenderedRows,
    contrast_step,
    next_token_step,
    open_feed,
    preference_step,
)
from amalia.train.mixture import Rows
from amalia.train.reference import key
from amalia.train.stage import Preferences, Stage
from amalia.train.start import Begun

CPU = Device("cpu", "float32", "a test", "test", 1, 0)


@pytest.fixture(scope="module")
def renderer(tiny_model: Path) -> Renderer:
    return Renderer.load(tiny_model)


@pytest.fixture
def conversations(tmp_path: Path) -> Path:
    """Ten conversations, number 3 and 4 far too long."""
    rows = [
        make.conversation(
            ("user", *([make.picture(20, 12, noise=n)] if n % 2 else []), "Que é isto?"),
            ("assistant", "É um gato. " * (40 if n in (3, 4) else 1)),
            id=f"c{n}",
        )
        for n in range(10)
    ]
    return make.write_artifact(tmp_path / "conversas", "conversations", rows)


def test_what_is_too_long_gives_way_to_the_next_and_is_counted(
    conversations: Path, renderer: Renderer
) -> None:
    rows = RenderedRows(Rows(conversations, "conversations"), renderer, max_tokens=80)
    assert (rows.name, len(rows)) == ("conversas", 10)
    assert rows.item(3, 0).ids == rows.item(5, 0).ids == rows.item(4, 1).ids
    assert rows.too_long == {3, 4}
    assert all(len(rows.item(n, 0).ids) <= 80 for n in range(10))


def test_when_everything_is_too_long_there_is_one_line(
    conversations: Path, renderer: Renderer
) -> None:
    rows = RenderedRows(Rows(conversations, "conversations"), renderer, max_tokens=5)
    with pytest.raises(TrainingError, match="no record of conversas fits into max_tokens 5; raise"):
        rows.item(0, 0)


def test_pairs_carry_what_the_reference_thinks_of_them(tmp_path: Path, renderer: Renderer) -> None:
    made = [make.preference(id="p0", chosen="Sim. " * 99), make.preference(id="p1")]
    folder = make.write_artifact(tmp_path / "pares", "preferences", made)
    known = {key(made[1]): (-1.5, -2.5)}
    pairs = RenderedPairs(Rows(folder, "preferences"), renderer, 80, known)
    item = pairs.item(0, 0)
    assert item.reference == (-1.5, -2.5)
    assert pairs.too_long == {0}
    both = [item.fork.prompt.ids + answer for answer in item.fork.answers]
    assert both == [one.ids for one in renderer.answers(made[1])]
    pairs.max_tokens = 5
    with pytest.raises(TrainingError, match="no record of pares fits"):
        pairs.item(0, 0)


def test_micro_batches_hold_every_item_once(conversations: Path, renderer: Renderer) -> None:
    rows = RenderedRows(Rows(conversations, "conversations"), renderer, max_tokens=80)
    items = [rows.item(n, 0) for n in (0, 1, 2, 5, 7)]
    batches = next_token_step(items, micro=Limits(2), pad_id=renderer.pad_id, device="cpu")
    assert [len(batch.compute.keywords["batch"].input_ids_BT) for batch in batches] == [2, 2, 1]  # type: ignore[attr-defined]
    assert sum(batch.num_tokens for batch in batches) == sum(len(item.ids) for item in items)
    assert [batch.num_tiles for batch in batches] == [3, 3, 3]


def test_chosen_and_rejected_stay_with_their_reference(
    tiny_model: Path, renderer: Renderer
) -> None:
    rows = [make.preference(id="p1"), make.preference(id="p2", chosen="Sim, há.", rejected="Não.")]
    model = export.load(tiny_model)
    items = [AnswerPair(fork_of(renderer, row), (0.0, 0.0)) for row in rows]
    objective = Preferences(kind="dpo", beta=0.1)
    # The rewards at reference 0 are the log-probabilities themselves.
    settings: dict[str, Any] = {"pad_id": renderer.pad_id, "device": "cpu"}
    (whole,) = preference_step(items, objective, micro=Limits(2), **settings)
    halves = preference_step(items, objective, micro=Limits(1), **settings)
    together, apart = whole.compute(model), [half.compute(model) for half in halves]
    torch.testing.assert_close(together.total, apart[0].total + apart[1].total)
    assert together.count == 2
    assert whole.num_tokens == sum(half.num_tokens for half in halves)
    shifted = AnswerPair(items[0].fork, (0.0, 10.0))
    (moved,) = preference_step([shifted, items[1]], objective, micro=Limits(2), **settings)
    gained = moved.compute(model).metrics["reward_margin"] - together.metrics["reward_margin"]
    assert gained == pytest.approx(0.1 * 10, rel=1e-4)


def shown(caption: str, wrong: str, color: str, id: str) -> Any:
    return make.preference(
        ("user", make.picture(30, 20, color)), chosen=caption, rejected=wrong, id=id
    )


def test_a_contrastive_step_knows_which_captions_are_true(renderer: Renderer) -> None:
    rows = [
        shown("um gato", "um cão", "red", "a"),
        shown("um cão", "um gato", "blue", "b"),
        shown("um gato", "uma vaca", "green", "c"),
    ]
    (batch,) = contrast_step(rows, renderer.tokenizer, image_px=16, max_tokens=12, device="cpu")
    inputs = batch.compute.keywords  # type: ignore[attr-defined]
    assert inputs["matches_BC"].tolist() == [
        [True, False, True, False, True, False],
        [False, True, False, True, False, False],
        [True, False, True, False, True, False],
    ]  # fmt: skip
    assert inputs["captions_CT"].shape == (6, 12)
    # The last token of every caption stands in the last place.
    assert inputs["caption_mask_CT"][:, -1].tolist() == [1] * 6
    assert inputs["pixels_B3PP"].shape == (3, 3, 16, 16)
    assert inputs["pixels_B3PP"][0, :, 0, 0].tolist() == [1.0, -1.0, -1.0]
    assert batch.num_tiles == 3
    again = renderer.tokenizer.batch_decode(inputs["captions_CT"], skip_special_tokens=True)
    assert again == ["um gato", "um cão", "um gato", "um cão", "um gato", "uma vaca"]


def test_writing_is_read_where_its_letters_are_known(renderer: Renderer) -> None:
    rows = [
        shown("um gato", "um cão", "red", "a"),
        shown("«bá»", "«ba»", "blue", "b"),
        shown("«bw»", "«bv»", "green", "c"),
        shown("«ab»", "«bb»", "yellow", "d"),
    ]
    fixed: dict[str, Any] = {"image_px": 16, "max_tokens": 12, "device": "cpu"}
    (batch,) = contrast_step(rows, renderer.tokenizer, letters="aáb", **fixed)
    written = batch.compute.keywords["written"]  # type: ignore[attr-defined]
    assert written.rows_W.tolist() == [1, 3]
    assert written.letters_L.tolist() == [3, 2, 1, 3]
    assert written.lengths_W.tolist() == [2, 2]
    for chosen, letters in ((rows[:1], "aáb"), (rows, "")):
        (batch,) = contrast_step(chosen, renderer.tokenizer, letters=letters, **fixed)
        assert batch.compute.keywords["written"] is None  # type: ignore[attr-defined]


def test_a_contrastive_step_wants_one_picture_each(renderer: Renderer) -> None:
    with pytest.raises(
        TrainingError, match="record p1 has 0 pictures; the contrastive loss wants one"
    ):
        contrast_step(
            [make.preference()], renderer.tokenizer, image_px=16, max_tokens=8, device="cpu"
        )


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


def test_a_feed_mixes_text_and_conversations_and_keeps_some_aside(
    tmp_path: Path, conversations: Path, tiny_model: Path, renderer: Renderer
) -> None:
    folder = make.write_artifact(
        tmp_path / "prosa",
        "documents",
        [make.document(text, id=text[:3]) for text in make.TEXTS * 4],
    )
    found = {"conversas": conversations, "prosa": folder, "model": tiny_model}
    feed = open_feed(
        stage(
            mixture=[{"artifact": "conversas", "weight": 1}, {"artifact": "prosa", "weight": 1}],
            validation={"artifact": "conversas", "rows": 3},
            run={"micro_batch": 2},
        ),
        Begun(export.load(tiny_model), renderer),
        found.__getitem__,
        partial=tmp_path,
        device=CPU,
    )
    batches = feed.step(1)
    assert len(batches) == 2
    assert len(feed.held_out) == 3
    assert len(feed.validation()) == 2
    # Steps can be asked for in any order.
    order = list(range(8))
    random.Random(0).shuffle(order)
    tokens = {number: [batch.num_tokens for batch in feed.step(number)] for number in order}
    assert tokens[1] == [batch.num_tokens for batch in batches]
    for number in range(200):
        feed.step(number)
    assert feed.num_too_long == 2


def test_a_feed_of_preferences_computes_the_reference_beside_the_artifact(
    tmp_path: Path, tiny_model: Path, renderer: Renderer
) -> None:
    rows = [make.preference(id=f"p{n}", chosen=f"São {n}.", rejected=f"Tem {n}.") for n in range(5)]
    found = {
        "model": tiny_model,
        "pares": make.write_artifact(tmp_path / "pares", "preferences", rows),
    }
    model = export.load(tiny_model)
    feed = open_feed(
        stage(objective={"kind": "dpo"}, mixture=[{"artifact": "pares", "weight": 1}]),
        Begun(model, renderer),
        found.__getitem__,
        partial=tmp_path,
        device=CPU,
    )
    assert (tmp_path / "reference/part-00000-00000.parquet").is_file()
    (batch,) = feed.step(0)
    result = batch.compute(model)
    assert result.total.item() / result.count == pytest.approx(0.693147, abs=1e-5)


@given(
    lengths=st.lists(st.integers(1, 50), min_size=1, max_size=20),
    rows=st.integers(1, 8),
    tokens=st.integers(0, 120),
)
def test_portions_hold_everything_in_order_and_stay_inside_the_limits(
    lengths: list[int], rows: int, tokens: int
) -> None:
    portions = list(Limits(rows, tokens).cut(lengths, lambda length: length))
    assert [length for portion in portions for length in portion] == lengths
    for portion in portions:
        assert 1 <= len(portion) <= rows
        assert not tokens or len(portion) == 1 or max(portion) * len(portion) <= tokens


def test_portions_are_as_large_as_the_limits_allow() -> None:
    assert list(Limits(8, 100).cut([20, 30, 30, 40, 90, 10], lambda length: length)) == [
        [20, 30, 30], [40], [90], [10],
    ]  # fmt: skip
