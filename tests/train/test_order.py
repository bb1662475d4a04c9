"""Portions of steps: the same from any cursor, in packs that are full, each record once an epoch."""

from __future__ import annotations

import json
from collections import Counter
from itertools import chain, pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amalia.errors import TrainingError
from amalia.train.mixture import Mixture, Weighted
from amalia.train.order import WINDOW, Batches, Cursor, Drawn, Packs, Walk
from amalia.train.packing import Budget, Size


class Numbers:
    """A source of records with sizes that have nothing to do with their order, each in some pieces."""

    def __init__(self, name: str, count: int, *, pieces: int = 1, longest: int = 60) -> None:
        self.name = name
        self.blocks = (count,)
        self._pieces = pieces
        self._longest = longest

    def sizes(self, index: int, epoch: int) -> list[Size]:
        del epoch
        tokens = 1 + index * 7919 % self._longest
        return [Size(tokens, index % 3)] * (1 + index % self._pieces)

    def item(self, index: int, epoch: int, piece: int = 0) -> Any:
        return (self.name, index, epoch, piece)


class Nothing(Numbers):
    """A source of which nothing fits."""

    def sizes(self, index: int, epoch: int) -> list[Size]:
        del index, epoch
        return []


def packs(
    *, seed: int = 0, pieces: int = 1, per_step: int = 3, window: int = 6, tiles: int = 0
) -> Packs:
    sources = [Numbers("a", 31, pieces=pieces), Numbers("b", 57, pieces=pieces)]
    mixture = Mixture(
        [Weighted(s.name, s.blocks, w) for s, w in zip(sources, (2, 1), strict=True)], seed=seed
    )
    return Packs(mixture, sources, Budget(100, tiles), window, per_step, seed)


def batches(*, sort: bool = True, batch: int = 4) -> Batches:
    source = Numbers("a", 500)
    return Batches(
        Mixture([Weighted("a", source.blocks, 1)], seed=0), [source], batch, seed=0, sort=sort
    )


def taken(order: Any, steps: int, cursor: Cursor | None = None) -> list[list[list[Drawn]]]:
    walk, cursor, found = Walk(order), cursor or Cursor(), []
    for _ in range(steps):
        portions, cursor = walk.step(cursor)
        found.append(portions)
    return found


@settings(max_examples=25, deadline=None)
@given(
    stop=st.integers(0, 30),
    pieces=st.integers(1, 3),
    per_step=st.integers(1, 9),
    tiles=st.sampled_from([0, 6]),
)
def test_going_on_from_a_saved_cursor_takes_what_would_have_come(
    stop: int, pieces: int, per_step: int, tiles: int
) -> None:
    settings_: dict[str, int] = {"pieces": pieces, "per_step": per_step, "tiles": tiles}
    whole = taken(packs(**settings_), stop + 5)
    walk, cursor = Walk(packs(**settings_)), Cursor()
    for _ in range(stop):
        cursor = walk.step(cursor).following
    saved = json.loads(json.dumps(cursor.as_json()))
    assert taken(packs(**settings_), 5, Cursor.from_json(saved)) == whole[stop:]


@pytest.mark.parametrize("pieces", [1, 3])
def test_every_piece_stands_in_a_pack_once_and_in_its_turn(pieces: int) -> None:
    portions = [pack for step in taken(packs(pieces=pieces), 200) for pack in step]
    drawn = Counter(
        (one.source, one.record, one.epoch, one.piece) for pack in portions for one in pack
    )
    assert set(drawn.values()) == {1}
    # All epochs of the first source but the last two are complete.
    last = max(epoch for source, _, epoch, _ in drawn if source == 0)
    assert last > 5
    for epoch in range(last - 1):
        own = {(record, piece) for source, record, e, piece in drawn if (source, e) == (0, epoch)}
        assert own == {(record, n) for record in range(31) for n in range(1 + record % pieces)}


def test_packs_are_nearly_full_and_never_over() -> None:
    portions = [pack for step in taken(packs(window=32), 100) for pack in step]
    shares = [sum(one.size.tokens for one in pack) / 100 for pack in portions]
    assert max(shares) <= 1
    assert sum(shares) / len(shares) > 0.985


def test_both_budgets_hold() -> None:
    portions = [pack for step in taken(packs(tiles=4), 60) for pack in step]
    assert max(sum(one.size.tiles for one in pack) for pack in portions) == 4
    assert max(sum(one.size.tokens for one in pack) for pack in portions) <= 100


def test_a_step_may_take_packs_of_two_windows() -> None:
    steps = taken(packs(per_step=5, window=6), 12)
    assert {len(step) for step in steps} == {5}


def test_when_nothing_fits_there_is_one_line() -> None:
    source = Nothing("vazia", 3)
    mixture = Mixture([Weighted("vazia", source.blocks, 1)], seed=0)
    with pytest.raises(TrainingError, match="no record of vazia fits into max_tokens; raise"):
        Packs(mixture, [source], Budget(100), 4, 1, 0).window(Cursor())
    with pytest.raises(TrainingError, match="no record of vazia fits into max_tokens; raise"):
        Batches(mixture, [source], 2, 0, sort=True).window(Cursor())


def test_batches_of_a_window_hold_its_rows_sorted_by_length() -> None:
    found = [step[0] for step in taken(batches(), WINDOW)]
    plain = [step[0] for step in taken(batches(sort=False), WINDOW)]
    assert sorted(chain(*found)) == sorted(chain(*plain))
    spans = sorted(
        (min(one.size.tokens for one in b), max(one.size.tokens for one in b)) for b in found
    )
    assert all(a[1] <= b[0] for a, b in pairwise(spans))
    # They come in another order every window.
    orders = set()
    walk, cursor = Walk(batches()), Cursor()
    for _ in range(6):
        firsts = []
        for _ in range(WINDOW):
            portions, cursor = walk.step(cursor)
            firsts.append(portions[0][0].size.tokens)
        orders.add(tuple(sorted(range(WINDOW), key=firsts.__getitem__)))
    assert len(orders) > 1


def test_the_size_of_a_batch_does_not_change_the_order() -> None:
    small, large = (taken(batches(sort=False, batch=size), 16 // size) for size in (2, 8))
    rows = [[row for step in steps for row in step[0]] for steps in (small, large)]
    assert rows[0] == rows[1]
