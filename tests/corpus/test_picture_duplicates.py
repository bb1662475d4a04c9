from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalia.corpus import picture_duplicates
from amalia.corpus.picture_duplicates import near_pairs, picture_clusters


def hashes_with_copies(seed: int, count: int, max_bits: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    hashes = rng.integers(0, 2**64, count, dtype=np.uint64)
    for place in range(count // 2, count):
        hash_ = hashes[rng.integers(0, place)]
        for bit in rng.choice(64, rng.integers(0, max_bits + 3), replace=False):
            hash_ ^= np.uint64(1) << np.uint64(bit)
        hashes[place] = hash_
    return hashes


def all_pairs(hashes: np.ndarray, max_bits: int) -> set[tuple[int, int]]:
    numbers = hashes.tolist()
    return {
        (first, second)
        for second in range(len(numbers))
        for first in range(second)
        if (numbers[first] ^ numbers[second]).bit_count() <= max_bits
    }


@given(st.integers(0, 10**6), st.sampled_from([0, 3, 4, 8]))
def test_no_pair_is_missed_and_none_is_invented(seed: int, max_bits: int) -> None:
    hashes = hashes_with_copies(seed, 24, max_bits)
    found = {
        pair
        for first, second in near_pairs(hashes, max_bits=max_bits)
        for pair in zip(first.tolist(), second.tolist(), strict=True)
    }
    assert found == all_pairs(hashes, max_bits)


def test_small_blocks_find_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    hashes = hashes_with_copies(5, 200, 6)
    wanted = picture_clusters(hashes, max_bits=6)
    monkeypatch.setattr(picture_duplicates, "BLOCK_PAIRS", 7)
    assert picture_clusters(hashes, max_bits=6).tolist() == wanted.tolist()


def test_pictures_are_clustered_by_way_of_others() -> None:
    far = 0xFFFF << 32
    hashes = np.array([0b1111, far, 0b0011, 0b0000, far, far + 2**63], dtype=np.uint64)
    assert picture_clusters(hashes, max_bits=2).tolist() == [0, 1, 0, 0, 1, 1]
    assert picture_clusters(hashes, max_bits=0).tolist() == [0, 1, 2, 3, 1, 5]
    assert picture_clusters(hashes[:0], max_bits=2).tolist() == []


class Looker:
    def __init__(self) -> None:
        self.asked: list[tuple[int, int]] = []

    def look_alike(self, first: int, second: int) -> bool:
        self.asked.append((first, second))
        return 2 not in (first, second)


def test_who_looks_at_both_has_the_last_word() -> None:
    hashes = np.array([5, 5, 5, 5], dtype=np.uint64)
    looker = Looker()
    assert picture_clusters(hashes, max_bits=1, pictures=looker).tolist() == [0, 0, 2, 0]
    assert (1, 3) not in looker.asked


def test_too_many_bits_are_refused() -> None:
    with pytest.raises(ValueError, match="max_bits is 24"):
        list(near_pairs(np.zeros(1, np.uint64), max_bits=24))
