"""Which records go into one packed sequence: best fit under a budget of tokens and one of tiles.

An item is as large as the larger of its two shares. Items are placed from the largest to the smallest,
each where least room would be left (best fit decreasing; Johnson 1973, "Near-optimal bin packing
algorithms").
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Size(NamedTuple):
    """What a record takes of a pack."""

    tokens: int
    tiles: int = 0


@dataclass(frozen=True, slots=True)
class Budget:
    """What a pack holds at most."""

    tokens: int
    tiles: int = 0
    """0 is as many as there are."""

    def holds(self, size: Size) -> bool:
        """Say whether something fits into an empty pack."""
        return size.tokens <= self.tokens and (not self.tiles or size.tiles <= self.tiles)

    def share(self, size: Size) -> float:
        """Give the larger of the two shares that something takes."""
        tiles = size.tiles / self.tiles if self.tiles else 0.0
        return max(size.tokens / self.tokens, tiles)


def best_fit(sizes: Sequence[Size], budget: Budget, *, first: int = 0) -> list[list[int]]:
    """Distribute items over packs.

    Args:
        sizes: Of each item; each fits into an empty pack.
        budget: Of a pack.
        first: So many items from the start are placed before all others, so that none waits for ever.

    Returns:
        Packs of item numbers; every item stands in exactly one.
    """
    order = [
        *range(first),
        *sorted(range(first, len(sizes)), key=lambda n: -budget.share(sizes[n])),
    ]
    packs: list[list[int]] = []
    tiles_left: list[int] = []
    # Tokens left and pack, the fullest first: the first that has room fits best.
    room: list[tuple[int, int]] = []
    for item in order:
        tokens, tiles = sizes[item]
        for place in range(bisect_left(room, (tokens, 0)), len(room)):
            left, pack = room[place]
            if not budget.tiles or tiles_left[pack] >= tiles:
                del room[place]
                break
        else:
            left, pack = budget.tokens, len(packs)
            packs.append([])
            tiles_left.append(budget.tiles)
        packs[pack].append(item)
        tiles_left[pack] -= tiles
        insort(room, (left - tokens, pack))
    return packs


def fill(sizes: Sequence[Size], budget: Budget) -> float:
    """Give the larger of the two shares of a pack's budget that are used."""
    return budget.share(Size(sum(size.tokens for size in sizes), sum(size.tiles for size in sizes)))
