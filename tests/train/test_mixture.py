"""The order of data is a function of (seed, position), shares are kept, an epoch is a permutation."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amalia.train import mixture as module
from amalia.train.mixture import CYCLE, Mixture, Weighted


def mixture(*shares: tuple[int, float], seed: int = 0, block: int = 10**6) -> Mixture:
    """Sources of so many records in blocks, each with its weight."""
    sources = []
    for number, (size, weight) in enumerate(shares):
        full, left = divmod(size, block)
        blocks = (block,) * full + ((left,) if left else ())
        sources.append(Weighted(f"s{number}", blocks, weight))
    return Mixture(sources, seed=seed)


@given(
    positions=st.lists(st.integers(0, 9000), min_size=1, max_size=5),
    seed=st.integers(0, 9),
    block=st.sampled_from([7, 10**6]),
)
def test_a_place_is_the_same_however_one_gets_there(
    positions: list[int], seed: int, block: int
) -> None:
    kept = mixture((13, 2), (50, 1), seed=seed, block=block)
    for position in positions:
        assert kept.at(position) == mixture((13, 2), (50, 1), seed=seed, block=block).at(position)


def test_another_seed_is_another_order() -> None:
    first, second = (mixture((50, 1), seed=seed) for seed in (0, 1))
    assert [first.at(n) for n in range(16)] != [second.at(n) for n in range(16)]


@settings(max_examples=30)
@given(weights=st.lists(st.floats(1e-4, 1e4), min_size=1, max_size=6))
def test_shares_are_kept_to_a_thousandth_and_nothing_is_left_out(weights: list[float]) -> None:
    mixed = mixture(*((50, weight) for weight in weights))
    counts = Counter(f"s{mixed.at(position).source}" for position in range(3 * CYCLE))
    shares = [weight / sum(weights) for weight in weights]
    # A share below a thousandth is raised to one, which the others give.
    tolerance = 1 if min(shares) >= 1 / CYCLE else len(shares)
    for number, share in enumerate(shares):
        drawn = counts[f"s{number}"] / 3
        assert drawn >= 1
        assert abs(drawn - share * CYCLE) <= tolerance


def test_equal_and_round_shares_are_exact() -> None:
    counts = Counter(mixture((9, 1), (9, 1), (9, 2)).at(n).source for n in range(CYCLE))
    assert counts == {0: 250, 1: 250, 2: 500}


def test_tiny_shares_are_not_lost_to_rounding() -> None:
    counts = Counter(mixture((9, 999.9), (9, 0.05), (9, 0.05)).at(n).source for n in range(CYCLE))
    assert counts == {0: 998, 1: 1, 2: 1}


@pytest.mark.parametrize("block", [10**6, 5])
def test_every_epoch_reads_everything_once_in_a_new_order(
    block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BUFFER", 16 if block == 5 else 10**6)
    mixed = mixture((37, 1), (11, 3), block=block)
    drawn = [mixed.at(position) for position in range(2 * CYCLE)]
    for number, size in ((0, 37), (1, 11)):
        own = [place for place in drawn if place.source == number]
        epochs = [own[start : start + size] for start in range(0, len(own) - size + 1, size)]
        assert len(epochs) > 10
        for epoch_number, epoch in enumerate(epochs):
            assert sorted(place.record for place in epoch) == list(range(size))
            assert {place.epoch for place in epoch} == {epoch_number}
        orders = {tuple(place.record for place in epoch) for epoch in epochs}
        assert len(orders) == len(epochs)


@settings(max_examples=60)
@given(blocks=st.lists(st.integers(1, 40), min_size=1, max_size=12), buffer=st.integers(1, 120))
def test_large_sources_are_shuffled_by_blocks_and_then_inside_a_buffer(
    blocks: list[int], buffer: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BUFFER", buffer)
        mixed = Mixture([Weighted("s0", tuple(blocks), 1)], seed=4)
        order = [mixed.at(position).record for position in range(sum(blocks))]
    assert sorted(order) == list(range(sum(blocks)))
    if sum(blocks) > buffer:
        owner = [number for number, size in enumerate(blocks) for _ in range(size)]
        seen = [owner[record] for record in order]
        # No block is begun more than a buffer, and the block that closes it, before another is done.
        for number in set(seen):
            spread = len(seen) - seen[::-1].index(number) - seen.index(number)
            assert spread <= buffer + max(blocks)


def test_five_million_records_cost_the_memory_of_their_blocks() -> None:
    mixed = mixture((5_000_000, 1), block=512)
    assert len(mixed.sources[0].blocks) == 9766
    places = [mixed.at(position).record for position in range(2000)]
    assert len(set(places)) == 2000
    assert len({record // 512 for record in places}) == 32
    assert mixed.at(4_999_999).record < 5_000_000


def test_epochs_say_how_often_each_source_is_read() -> None:
    assert mixture((100, 1), (50, 3)).epochs(400) == {"s0": 1.0, "s1": 6.0}
