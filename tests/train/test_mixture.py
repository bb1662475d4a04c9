"""The order of data is a function of (seed, position), shares are kept, an epoch is a permutation."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import make
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amalia.errors import ArtifactError
from amalia.model.render import Renderer
from amalia.train.mixture import CYCLE, WINDOW, Mixture, Rows, TokenRuns, Weighted


class Item(NamedTuple):
    source: str
    number: int
    epoch: int


class Numbers:
    """A source whose items say which they are."""

    def __init__(self, name: str, length: int) -> None:
        self.name = name
        self._length = length

    def __len__(self) -> int:
        return self._length

    def item(self, index: int, epoch: int) -> Item:
        assert 0 <= index < self._length
        return Item(self.name, index, epoch)


def length(item: Item) -> int:
    """Pretend lengths that have nothing to do with the order."""
    return item.number * 7919 % 101


def mixture(
    *shares: tuple[int, float], batch: int = 4, seed: int = 0, sort: bool = True
) -> Mixture[Item]:
    sources = [Weighted(Numbers(f"s{n}", size), weight) for n, (size, weight) in enumerate(shares)]
    return Mixture(sources, batch_size=batch, seed=seed, length=length if sort else None)


@given(
    steps=st.lists(st.integers(0, 2000), min_size=1, max_size=5),
    seed=st.integers(0, 9),
    sort=st.booleans(),
)
def test_a_batch_is_the_same_however_one_gets_there(
    steps: list[int], seed: int, sort: bool
) -> None:
    kept = mixture((13, 2), (50, 1), seed=seed, sort=sort)
    for step in steps:
        fresh = mixture((13, 2), (50, 1), seed=seed, sort=sort)
        assert kept.batch(step) == fresh.batch(step)


def test_the_size_of_a_batch_does_not_change_the_order() -> None:
    small, large = (mixture((9, 1), (20, 3), batch=size, sort=False) for size in (2, 8))
    assert [item for step in range(8) for item in small.batch(step)] == [
        item for step in range(2) for item in large.batch(step)
    ]


def test_another_seed_is_another_order() -> None:
    first, second = (mixture((50, 1), seed=seed) for seed in (0, 1))
    assert [first.batch(step) for step in range(4)] != [second.batch(step) for step in range(4)]


@settings(max_examples=30)
@given(weights=st.lists(st.floats(1e-4, 1e4), min_size=1, max_size=6))
def test_shares_are_kept_to_a_thousandth_and_nothing_is_left_out(weights: list[float]) -> None:
    mixed = mixture(*((50, weight) for weight in weights))
    counts = Counter(mixed.draw(position).source for position in range(3 * CYCLE))
    shares = [weight / sum(weights) for weight in weights]
    # A share below a thousandth is raised to one, which the others give.
    tolerance = 1 if min(shares) >= 1 / CYCLE else len(shares)
    for number, share in enumerate(shares):
        drawn = counts[f"s{number}"] / 3
        assert drawn >= 1
        assert abs(drawn - share * CYCLE) <= tolerance


def test_equal_and_round_shares_are_exact() -> None:
    counts = Counter(mixture((9, 1), (9, 1), (9, 2)).draw(n).source for n in range(CYCLE))
    assert counts == {"s0": 250, "s1": 250, "s2": 500}


def test_tiny_shares_are_not_lost_to_rounding() -> None:
    counts = Counter(mixture((9, 999.9), (9, 0.05), (9, 0.05)).draw(n).source for n in range(CYCLE))
    assert counts == {"s0": 998, "s1": 1, "s2": 1}


def test_every_epoch_reads_everything_once_in_a_new_order() -> None:
    mixed = mixture((37, 1), (11, 3))
    drawn = [mixed.draw(position) for position in range(2 * CYCLE)]
    for name, size in (("s0", 37), ("s1", 11)):
        own = [item for item in drawn if item.source == name]
        epochs = [own[start : start + size] for start in range(0, len(own) - size + 1, size)]
        assert len(epochs) > 10
        for number, epoch in enumerate(epochs):
            assert sorted(item.number for item in epoch) == list(range(size))
            assert {item.epoch for item in epoch} == {number}
        orders = {tuple(item.number for item in epoch) for epoch in epochs}
        assert len(orders) == len(epochs)


def test_batches_of_a_window_hold_its_items_sorted_by_length() -> None:
    sorted_, plain = mixture((500, 1)), mixture((500, 1), sort=False)
    batches = [sorted_.batch(step) for step in range(WINDOW)]
    drawn = [item for step in range(WINDOW) for item in plain.batch(step)]
    assert sorted(item for batch in batches for item in batch) == sorted(drawn)
    spans = sorted((min(map(length, batch)), max(map(length, batch))) for batch in batches)
    assert all(before[1] <= after[0] for before, after in pairwise(spans))


def test_batches_of_a_window_come_in_another_order_every_window() -> None:
    # Else training would always see short things first.
    mixed = mixture((500, 1))
    orders = set()
    for window in range(4):
        sizes = [sum(map(length, mixed.batch(window * WINDOW + place))) for place in range(WINDOW)]
        orders.add(tuple(sorted(range(WINDOW), key=sizes.__getitem__)))
    assert len(orders) == 4


def test_epochs_say_how_often_each_source_is_read() -> None:
    assert mixture((100, 1), (50, 3), batch=4).epochs(100) == {"s0": 1.0, "s1": 6.0}


def test_rows_of_an_artifact_come_by_number(tmp_path: Path) -> None:
    made = [
        make.conversation(("user", make.picture(noise=n), "?"), ("assistant", str(n)), id=f"c{n}")
        for n in range(5)
    ]
    rows = Rows(make.write_artifact(tmp_path / "a", "conversations", made), "conversations")
    assert (rows.name, len(rows)) == ("a", 5)
    assert [rows.item(n, 0) for n in (3, 0, 4)] == [made[3], made[0], made[4]]
    assert rows.item(1, 0) == rows.item(1, 7)


def test_nothing_to_read_is_refused(tmp_path: Path) -> None:
    folder = make.write_artifact(tmp_path / "a", "conversations", [])
    with pytest.raises(ArtifactError, match="holds no records; there is nothing to train on"):
        Rows(folder, "conversations")


@pytest.fixture
def prose(tmp_path: Path) -> Path:
    rows = [make.document(text, id=f"d{n}") for n, text in enumerate(make.TEXTS)]
    return make.write_artifact(tmp_path / "prosa", "documents", rows)


def test_runs_are_the_documents_end_to_end(prose: Path, tiny_language: Path) -> None:
    renderer = Renderer.load(tiny_language)
    runs = TokenRuns(prose, renderer, max_tokens=16, seed=3)
    assert runs.num_tokens == sum(len(renderer.text(text).ids) for text in make.TEXTS)
    assert len(runs) == runs.num_tokens // 16
    joined = [token for n in range(len(runs)) for token in runs.item(n, 0).ids]
    found = renderer.tokenizer.decode(joined).split("</s>")
    assert set(found[:-1]) < set(make.TEXTS)
    assert all(
        len(runs.item(n, 0).ids) == 16 and all(runs.item(n, 0).supervised) for n in range(len(runs))
    )


def test_runs_are_joined_anew_every_epoch_and_the_same_every_time(
    prose: Path, tiny_language: Path
) -> None:
    renderer = Renderer.load(tiny_language)
    kept = TokenRuns(prose, renderer, max_tokens=16, seed=3)
    for epoch in (0, 1, 0, 5):
        fresh = TokenRuns(prose, renderer, max_tokens=16, seed=3)
        assert kept.item(2, epoch).ids == fresh.item(2, epoch).ids
    assert len({tuple(kept.item(n, epoch).ids for n in range(len(kept))) for epoch in range(6)}) > 1


def test_too_little_text_for_one_run_is_refused(prose: Path, tiny_language: Path) -> None:
    with pytest.raises(ArtifactError, match="tokens, less than one run of 5000; lower max_tokens"):
        TokenRuns(prose, Renderer.load(tiny_language), max_tokens=5000, seed=0)
