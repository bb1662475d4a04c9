"""In which order a stage takes records: windows of the mixture, cut into portions of a step.

A window is drawn from the endless order at once: to sort what is padded by length, or to find records
that fill packs together. What comes next is a ``Cursor``, small enough for a checkpoint; the window it
stands in is drawn again from there, so going on costs one window however far a stage has come. Nothing
here depends on the number of processes: each trains on its share of a step.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, Self

import numpy as np

from amalia.train.mixture import Mixture
from amalia.train.packing import Budget, Size, best_fit, fill
from amalia.train.sources import Source, first_that_fits

WINDOW = 8
"""Batches of rows that are sorted together."""


class Drawn(NamedTuple):
    """A piece of a record that is trained on."""

    source: int
    record: int
    epoch: int
    piece: int
    size: Size


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a stage stands in its order."""

    position: int = 0
    """Of the mixture, at which the window begins."""
    waiting: tuple[tuple[int, int], ...] = ()
    """Position and piece of what windows before had no room for."""
    taken: int = 0
    """Portions of the window that were given."""

    def as_json(self) -> dict[str, Any]:
        """Give the cursor as numbers and lists."""
        waiting = [list(item) for item in self.waiting]
        return {"position": self.position, "waiting": waiting, "taken": self.taken}

    @classmethod
    def from_json(cls, tree: dict[str, Any]) -> Self:
        """Read what ``as_json`` gave."""
        waiting = tuple((int(position), int(piece)) for position, piece in tree["waiting"])
        return cls(int(tree["position"]), waiting, int(tree["taken"]))


class Window(NamedTuple):
    """Portions of the order, and where the next window begins."""

    portions: list[list[Drawn]]
    following: Cursor


class Order(Protocol):
    """Cuts a mixture into portions."""

    @property
    def per_step(self) -> int:
        """Portions of a step."""
        ...

    def window(self, cursor: Cursor) -> Window:
        """Draw the window that begins at a cursor, whatever was taken of it."""
        ...


@dataclass(frozen=True, slots=True)
class Batches:
    """Batches of a fixed number of rows; a row that does not fit gives way to the next of its source.

    Attributes:
        batch: Rows of a step.
        sort: Cut the batches of a window from its rows sorted by length, so that little is padding.
    """

    mixture: Mixture
    sources: Sequence[Source[Any]]
    batch: int
    seed: int
    sort: bool
    per_step: int = 1

    def window(self, cursor: Cursor) -> Window:
        """Draw ``WINDOW`` batches."""
        size = WINDOW * self.batch
        rows = [self._row(cursor.position + place) for place in range(size)]
        if self.sort:
            rows.sort(key=lambda row: row.size.tokens)
        batches = [rows[start : start + self.batch] for start in range(0, size, self.batch)]
        if self.sort:
            number = cursor.position // size
            order = np.random.default_rng((self.seed, 7, number)).permutation(WINDOW)
            batches = [batches[place] for place in order]
        return Window(batches, Cursor(cursor.position + size))

    def _row(self, position: int) -> Drawn:
        number, record, epoch = self.mixture.at(position)
        source = self.sources[number]
        record = first_that_fits(source, record, epoch)
        return Drawn(number, record, epoch, 0, source.sizes(record, epoch)[0])


@dataclass(frozen=True, slots=True)
class Packs:
    """Packs under a budget, filled from a window of records by best fit.

    The emptiest pack of a window is not given: what is in it opens the next window.

    Attributes:
        num_packs: Packs of a window, about.
        per_step: Packs of a step.
    """

    mixture: Mixture
    sources: Sequence[Source[Any]]
    budget: Budget
    num_packs: int
    per_step: int
    seed: int

    def window(self, cursor: Cursor) -> Window:
        """Draw records for ``num_packs`` packs and distribute them."""
        found = [(item, self._piece(*item)) for item in cursor.waiting]
        position, num_drawn = cursor.position, 0
        total = Size(sum(d.size.tokens for _, d in found), sum(d.size.tiles for _, d in found))
        while self.budget.share(total) < self.num_packs:
            pieces = self._pieces(position)
            found += [((position, drawn.piece), drawn) for drawn in pieces]
            total = Size(
                total.tokens + sum(drawn.size.tokens for drawn in pieces),
                total.tiles + sum(drawn.size.tiles for drawn in pieces),
            )
            position, num_drawn = position + 1, num_drawn + 1
            if not found and num_drawn >= sum(map(sum, (s.blocks for s in self.sources))):
                first_that_fits(self.sources[0], 0, 0)
        sizes = [drawn.size for _, drawn in found]
        packs = best_fit(sizes, self.budget, first=len(cursor.waiting))
        packs.sort(key=lambda pack: -fill([sizes[place] for place in pack], self.budget))
        waiting = packs.pop() if len(packs) > 1 else []
        order = np.random.default_rng((self.seed, 7, cursor.position)).permutation(len(packs))
        return Window(
            [[found[place][1] for place in packs[number]] for number in order],
            Cursor(position, tuple(found[place][0] for place in waiting)),
        )

    def _pieces(self, position: int) -> list[Drawn]:
        number, record, epoch = self.mixture.at(position)
        sizes = self.sources[number].sizes(record, epoch)
        return [Drawn(number, record, epoch, piece, size) for piece, size in enumerate(sizes)]

    def _piece(self, position: int, piece: int) -> Drawn:
        return self._pieces(position)[piece]


class Portions(NamedTuple):
    """What a step takes, and where the one after it begins."""

    portions: list[list[Drawn]]
    following: Cursor


class Walk:
    """Takes the portions of steps from an order, remembering the window it is in."""

    def __init__(self, order: Order) -> None:
        self._order = order
        self._known: tuple[Cursor, Window] | None = None

    def step(self, cursor: Cursor) -> Portions:
        """Take the portions of the step that begins at a cursor."""
        found: list[list[Drawn]] = []
        while len(found) < self._order.per_step:
            begins = Cursor(cursor.position, cursor.waiting)
            if self._known is None or self._known[0] != begins:
                self._known = (begins, self._order.window(begins))
            window = self._known[1]
            wanted = self._order.per_step - len(found)
            found += window.portions[cursor.taken : cursor.taken + wanted]
            taken = cursor.taken + wanted
            if taken < len(window.portions):
                cursor = Cursor(cursor.position, cursor.waiting, taken)
            else:
                cursor = window.following
        return Portions(found, cursor)
