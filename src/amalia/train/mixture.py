"""Which record stands where: an endless order over weighted sources, a function of (seed, position).

Nothing is remembered, so any position can be asked for. Sources alternate by weight in cycles of
``CYCLE`` places; inside a source every epoch is another order. Records that are read together (row
groups of Parquet) stay near each other: blocks are shuffled, and then the records of neighbouring blocks
with one another. A source of up to ``BUFFER`` records is shuffled whole; a larger one is never.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

CYCLE = 1000
BUFFER = 16_384

Order = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Weighted:
    """A source and its share of the mixture."""

    name: str
    blocks: tuple[int, ...]
    """Records of each block, in order; a source that is not read by blocks has one."""
    weight: float

    def __len__(self) -> int:
        """Records of one epoch."""
        return sum(self.blocks)


class Place(NamedTuple):
    """A record of a source, in an epoch."""

    source: int
    record: int
    epoch: int


class Mixture:
    """Weighted sources in one order.

    Args:
        sources: At least one; shares are normalized.
        seed: With the position, all that the order depends on.
    """

    def __init__(self, sources: Sequence[Weighted], *, seed: int) -> None:
        self.sources = tuple(sources)
        self._seed = seed
        self._lengths = [len(source) for source in sources]
        self._quotas = _quotas([source.weight for source in sources])

    def at(self, position: int) -> Place:
        """Say which record stands at a position of the endless order."""
        cycle, slot = divmod(position, CYCLE)
        plan, ranks = _plan(self._seed, cycle, self._quotas)
        source = int(plan[slot])
        count = cycle * self._quotas[source] + int(ranks[slot])
        epoch, place = divmod(count, self._lengths[source])
        return Place(source, self._index(source, epoch, place), epoch)

    def _index(self, source: int, epoch: int, place: int) -> int:
        length = self._lengths[source]
        key = (self._seed, 5, source, epoch)
        if length <= BUFFER:
            return int(_permutation(key, length)[place])
        return _epoch(key, self.sources[source]).index((self._seed, 9, source, epoch), place)

    def epochs(self, positions: int) -> dict[str, float]:
        """Say how often each source is read in so many positions."""
        return {
            source.name: positions * quota / CYCLE / len(source)
            for source, quota in zip(self.sources, self._quotas, strict=True)
        }


def _quotas(weights: Sequence[float]) -> tuple[int, ...]:
    """Places of each source in a cycle: at least one each, by largest remainder."""
    exact = np.asarray(weights, dtype=float) / sum(weights) * CYCLE
    quotas = np.maximum(np.floor(exact).astype(int), 1)
    while quotas.sum() != CYCLE:
        step = 1 if quotas.sum() < CYCLE else -1
        wanting = np.where(quotas + step > 0, (exact - quotas) * step, -math.inf)
        quotas[int(np.argmax(wanting))] += step
    return tuple(int(quota) for quota in quotas)


@lru_cache(maxsize=4)
def _plan(seed: int, cycle: int, quotas: tuple[int, ...]) -> tuple[Order, Order]:
    """Which source stands at each place of a cycle, and the how-manieth of that source it is."""
    plan = np.repeat(np.arange(len(quotas)), quotas)
    np.random.default_rng((seed, 3, cycle)).shuffle(plan)
    ranks = np.zeros(CYCLE, dtype=np.int64)
    for source in range(len(quotas)):
        places = plan == source
        ranks[places] = np.arange(int(places.sum()))
    return plan, ranks


@dataclass(frozen=True, slots=True, eq=False)
class _Epoch:
    """The order of a source in one epoch."""

    starts: Order
    """First record of each block, in the order in which blocks are read."""
    ends: Order
    """Records read up to the end of each block."""
    bounds: Order
    """Blocks at which buffers begin, and the number of blocks."""

    def index(self, key: tuple[int, ...], place: int) -> int:
        """Give the record at a place."""
        buffer = int(np.searchsorted(self.ends[self.bounds[1:] - 1], place, side="right"))
        first, last = int(self.bounds[buffer]), int(self.bounds[buffer + 1])
        start = self._end_before(first)
        within = _permutation((*key, first), int(self.ends[last - 1]) - start)
        chosen = start + int(within[place - start])
        block = int(np.searchsorted(self.ends, chosen, side="right"))
        return int(self.starts[block]) + chosen - self._end_before(block)

    def _end_before(self, block: int) -> int:
        return int(self.ends[block - 1]) if block else 0


@lru_cache(maxsize=16)
def _epoch(key: tuple[int, ...], source: Weighted) -> _Epoch:
    sizes = np.asarray(source.blocks, dtype=np.int64)
    order = np.random.default_rng(key).permutation(len(sizes))
    ends = np.cumsum(sizes[order])
    # A buffer is closed by the block that makes it ``BUFFER`` records or more.
    full = np.searchsorted(ends, np.arange(BUFFER, int(ends[-1]), BUFFER), side="left") + 1
    bounds = np.unique(np.concatenate([[0], full, [len(ends)]]))
    return _Epoch((np.cumsum(sizes) - sizes)[order], ends, bounds)


@lru_cache(maxsize=32)
def _permutation(key: tuple[int, ...], length: int) -> Order:
    return np.random.default_rng(key).permutation(length)
