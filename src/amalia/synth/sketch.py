"""Pictures told in words: a grid of cells, each with the name of what lies in it.

Once a picture is seen, to answer is to find, copy, list and compare names and letters. All of that can
be learnt in text alone, many times faster, from the same questions with the same answers.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from amalia.pack import Thing
from amalia.synth.lettering import SHORT_WORD_PX, Lettering
from amalia.synth.scene import Placed, Scene
from amalia.synth.splits import MAX_TRIES, nothing_fits

_EMPTY = "."
_Grid = tuple[int, int]
# Cells of 32 px, of a portrait and of the two shapes of a gathering.
_PORTRAIT: _Grid = (3, 3)
_GATHERINGS: tuple[_Grid, ...] = ((6, 3), (3, 6))
_LETTER_CELLS = 6
_CELL_PX = 32


@dataclass(frozen=True, slots=True)
class Sketch:
    """A scene and the words that tell it."""

    scene: Scene
    text: str
    """Rows of cells, top row first; a name stands in every cell of its thing."""


def portrait(rng: random.Random, thing: Thing) -> Sketch:
    """Tell a picture of one thing."""
    return _arranged(rng, [thing], _PORTRAIT)


def gathering(rng: random.Random, things: Sequence[Thing]) -> Sketch:
    """Tell a picture of two to five different things, apart from each other."""
    return _arranged(rng, things, rng.choice(_GATHERINGS))


def writing(rng: random.Random, text: str) -> tuple[Lettering, str]:
    """Tell a picture of one to six letters: blank rows and, among them, a row with a letter a cell."""
    indent = rng.randint(0, min(1, _LETTER_CELLS - len(text)))
    row = [_EMPTY] * indent + list(text)
    row += [_EMPTY] * (_LETTER_CELLS - len(row))
    rows = [[_EMPTY] * _LETTER_CELLS for _ in range(3)]
    rows[rng.randrange(len(rows))] = row
    return Lettering(text, "", "printed", SHORT_WORD_PX), _told(rows)


def _arranged(rng: random.Random, things: Sequence[Thing], grid: _Grid) -> Sketch:
    """Give each thing a block of one or two cells each way, none over another; alone, larger ones."""
    width, height = grid
    sides = (2, 3) if len(things) == 1 else (1, 2)
    for _ in range(MAX_TRIES):
        rows = [[_EMPTY] * width for _ in range(height)]
        blocks = [_block(rng, sides, grid) for _ in things]
        cells = [{(x, y) for x in range(a, c) for y in range(b, d)} for a, b, c, d in blocks]
        if len(set().union(*cells)) < sum(map(len, cells)):
            continue
        for thing, own in zip(things, cells, strict=True):
            for x, y in own:
                rows[y][x] = thing.name
        placed = tuple(
            Placed(thing, "noto", (a / width, b / height, c / width, d / height))
            for thing, (a, b, c, d) in zip(things, blocks, strict=True)
        )
        scene = Scene(placed, (width * _CELL_PX, height * _CELL_PX), 0)
        return Sketch(scene, _told(rows))
    raise nothing_fits(f"sketch of {len(things)} things", "any split")


def _block(rng: random.Random, sides: tuple[int, int], grid: _Grid) -> tuple[int, int, int, int]:
    wide, high = (rng.randint(*sides) for _ in grid)
    x, y = rng.randint(0, grid[0] - wide), rng.randint(0, grid[1] - high)
    return x, y, x + wide, y + high


def _told(rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(" ".join(row) for row in rows)
