"""Items of a step as tensors: each once, with what belongs to it, inside the limits."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import make
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from amalia.errors import TrainingError
from amalia.model import export
from amalia.model.fork import fork_of
from amalia.model.render import Renderer
from amalia.train.micro_batch import (
    Limits,
    Named,
    contrast_batch,
    next_token_batches,
    preference_batches,
)
from amalia.train.sources import AnswerPair
from amalia.train.stage import Preferences


@pytest.fixture(scope="module")
def renderer(tiny_model: Path) -> Renderer:
    return Renderer.load(tiny_model)


def named(items: Iterable[Any], source: str = "s") -> list[Named]:
    return [Named(item, source) for item in items]


def test_micro_batches_hold_every_item_once(renderer: Renderer) -> None:
    items = [
        renderer.conversation(
            make.conversation(("user", make.picture(20, 12), "?"), ("assistant", answer), id=answer)
        )
        for answer in ("a", "bb bb", "c", "d", "e")
    ]
    batches = next_token_batches(
        named(items), limits=Limits(2), pad_id=renderer.pad_id, device="cpu"
    )
    assert sorted(len(batch.names) for batch in batches) == [1, 2, 2]
    assert sorted(name for batch in batches for name in batch.names) == [
        "a",
        "bb bb",
        "c",
        "d",
        "e",
    ]
    assert sum(batch.num_tokens for batch in batches) == sum(len(item.ids) for item in items)
    assert sum(batch.num_tiles for batch in batches) == 15
    longest = max(len(item.ids) for item in items)
    apart = next_token_batches(
        named(items), limits=Limits(9, longest + 1), pad_id=renderer.pad_id, device="cpu"
    )
    assert len(apart) == 5


def test_chosen_and_rejected_stay_with_their_reference(
    tiny_model: Path, renderer: Renderer
) -> None:
    rows = [make.preference(id="p1"), make.preference(id="p2", chosen="Sim, há.", rejected="Não.")]
    model = export.load(tiny_model)
    items = [AnswerPair(fork_of(renderer, row), (0.0, 0.0)) for row in rows]
    objective = Preferences(kind="dpo", beta=0.1)
    # The rewards at reference 0 are the log-probabilities themselves.
    settings: dict[str, Any] = {"pad_id": renderer.pad_id, "device": "cpu"}
    (whole,) = preference_batches(named(items), objective, limits=Limits(2), **settings)
    halves = preference_batches(named(items), objective, limits=Limits(1), **settings)
    together, apart = whole.compute(model), [half.compute(model) for half in halves]
    torch.testing.assert_close(together.total, apart[0].total + apart[1].total)
    assert together.count == 2
    assert together.groups == {"s": (pytest.approx(together.total.item()), 2)}
    assert whole.num_tokens == sum(half.num_tokens for half in halves)
    shifted = AnswerPair(items[0].fork, (0.0, 10.0))
    moved_items = named([shifted, items[1]])
    (moved,) = preference_batches(moved_items, objective, limits=Limits(2), **settings)
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
    batch = contrast_batch(
        named(rows), renderer.tokenizer, image_px=16, max_tokens=12, device="cpu"
    )
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


def test_long_captions_are_cut_and_the_tokenizer_does_not_remember_it(renderer: Renderer) -> None:
    long = "um gato e um cão e uma vaca e um pato e um burro e um galo"
    rows = [shown(long, "não", "red", "a")]
    batch = contrast_batch(named(rows), renderer.tokenizer, image_px=16, max_tokens=6, device="cpu")
    inputs = batch.compute.keywords  # type: ignore[attr-defined]
    assert inputs["captions_CT"][0].tolist() == renderer.tokenizer(long)["input_ids"][:6]
    assert renderer.tokenizer.backend_tokenizer.truncation is None
    assert renderer.tokenizer.backend_tokenizer.padding is None


def test_writing_is_read_where_its_letters_are_known(renderer: Renderer) -> None:
    rows = [
        shown("um gato", "um cão", "red", "a"),
        shown("«bá»", "«ba»", "blue", "b"),
        shown("«bw»", "«bv»", "green", "c"),
        shown("«ab»", "«bb»", "yellow", "d"),
    ]
    fixed: dict[str, Any] = {"image_px": 16, "max_tokens": 12, "device": "cpu"}
    batch = contrast_batch(named(rows), renderer.tokenizer, letters="aáb", **fixed)
    written = batch.compute.keywords["written"]  # type: ignore[attr-defined]
    assert written.rows_W.tolist() == [1, 3]
    assert written.letters_L.tolist() == [3, 2, 1, 3]
    assert written.lengths_W.tolist() == [2, 2]
    for chosen, letters in ((rows[:1], "aáb"), (rows, "")):
        batch = contrast_batch(named(chosen), renderer.tokenizer, letters=letters, **fixed)
        assert batch.compute.keywords["written"] is None  # type: ignore[attr-defined]


def test_a_contrastive_step_wants_one_picture_each(renderer: Renderer) -> None:
    with pytest.raises(
        TrainingError, match="record p1 has 0 pictures; the contrastive loss wants one"
    ):
        contrast_batch(
            named([make.preference()]), renderer.tokenizer, image_px=16, max_tokens=8, device="cpu"
        )


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


@given(
    lengths=st.lists(st.integers(1, 50), min_size=1, max_size=20),
    rows=st.integers(1, 8),
    tokens=st.integers(0, 120),
)
def test_packs_of_a_step_need_no_padding(lengths: list[int], rows: int, tokens: int) -> None:
    packs = Limits(rows, tokens).packs(lengths)
    assert sorted(place for pack in packs for place in pack) == list(range(len(lengths)))
    for pack in packs:
        assert len(pack) <= rows
        assert not tokens or sum(lengths[n] for n in pack) <= max(tokens, *lengths)
