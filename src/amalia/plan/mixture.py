"""What a stage reads, counted: sources and their shares, how steps are cut, how much of them is padding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from amalia.plan.hours import Work
from amalia.plan.memory import Load
from amalia.plan.survey import NAMES_SHOWN, Bad, Survey
from amalia.train.micro_batch import LENGTH_STEP, Limits
from amalia.train.mixture import Mixture, Weighted
from amalia.train.order import Batches, Cursor, Drawn, Packs, Walk
from amalia.train.packing import Budget, Size
from amalia.train.stage import NextToken, Stage

STEPS_LOOKED_AT = 200
"""From the first on; the order of the data does not change its nature later."""


class Named(NamedTuple):
    """A record worth naming."""

    source: str
    name: str
    tokens: int
    tiles: int


@dataclass(frozen=True, slots=True)
class Ingredient:
    """One source of the mixture, or what is held out."""

    reference: str
    weight: float
    share: float
    """Of the rows drawn, 0 to 1; 0 of what is held out."""
    is_here: bool
    rows: int = 0
    epochs: float | None = None
    """How often it is read over the stage."""
    tokens: int | None = None
    """Of one epoch, without what is dropped; None without a tokenizer."""
    supervised: int = 0
    tiles: int = 0
    licenses: Mapping[str, int] | None = None
    num_too_long: int = 0
    too_long: tuple[str, ...] = ()
    """Names of the first few."""
    num_bad: int = 0
    bad: tuple[Bad, ...] = ()
    """The first few."""


@dataclass(frozen=True, slots=True)
class Steps:
    """How steps are cut, measured on the first of them."""

    looked_at: int
    load: Load
    work: Work
    """Of one step, on average."""
    rows: float
    """Of one step, on average."""
    padding: float
    """Share of the computed tokens that nobody wrote; of packs, what is left empty."""


def drawn(
    stage: Stage, surveys: Sequence[Survey], weights: Sequence[float], *, world: int
) -> Steps:
    """Go through the first steps of a mixture as the loop will cut them.

    Args:
        stage: The recipe.
        surveys: Its sources, measured, each with a row that can be used.
        weights: Of the sources.
        world: GPUs that share a step.
    """
    sources = [_Lengths(one, limit(stage)) for one in surveys]
    weighted = [
        Weighted(source.name, source.blocks, weight)
        for source, weight in zip(sources, weights, strict=True)
    ]
    mixture = Mixture(weighted, seed=stage.seed)
    order: Batches | Packs = Batches(
        mixture, sources, stage.batch, stage.seed, sort=stage.objective.kind != "contrast"
    )
    if stage.packing:
        budget = Budget(stage.packing.tokens, stage.packing.tiles)
        order = Packs(mixture, sources, budget, stage.packing.window, stage.batch, stage.seed)
    looked_at = min(stage.steps, STEPS_LOOKED_AT)
    portions = _portions(stage, Walk(order), looked_at, world)
    if stage.packing:
        spaces = [stage.packing.tokens] * len(portions)
    elif isinstance(stage.objective, NextToken):
        spaces = [_rounded(sum(one.size.tokens for one in portion)) for portion in portions]
    else:
        spaces = [
            len(portion) * _rounded(max(one.size.tokens for one in portion)) for portion in portions
        ]
    per_step = float(looked_at)

    def size(item: Drawn, what: str = "tokens") -> int:
        return int(getattr(surveys[item.source], what)[item.record])

    lengths = np.array([size(item) for portion in portions for item in portion], dtype=np.float64)
    items = [item for portion in portions for item in portion]
    work = Work(
        tokens=float(lengths.sum()) / per_step,
        supervised=sum(size(item, "supervised") for item in items) / per_step,
        squares=float((lengths**2).sum()) / per_step,
        tiles=sum(size(item, "tiles") for item in items) / per_step,
    )
    load = Load(
        tokens=max(spaces),
        tiles=max(sum(size(item, "tiles") for item in portion) for portion in portions),
        longest=int(lengths.max()),
    )
    padding = 1 - float(lengths.sum()) / max(1, sum(spaces))
    return Steps(looked_at, load, work, len(items) / per_step, padding)


def bound(stage: Stage, *, patches: int, world: int) -> Steps:
    """Say what a step takes at most, when its records are not here.

    Args:
        stage: The recipe.
        patches: Tokens of a tile; 0 for a model that reads text only.
        world: GPUs that share a step.
    """
    if stage.packing:
        tokens = stage.packing.tokens
        tiles = (stage.packing.tiles or -(-tokens // patches)) if patches else 0
        longest = limit(stage)
        whole, looks = float(tokens * stage.batch), float(tiles * stage.batch)
    else:
        answers = 2 if stage.objective.kind == "dpo" else 1
        longest = _rounded(stage.max_tokens * answers)
        rows = stage.run.micro_batch or -(-stage.batch // world)
        tokens = rows * longest
        if stage.run.micro_tokens:
            # Rows are cut by their own lengths and then padded to a round one.
            most = stage.run.micro_tokens + rows * (LENGTH_STEP - 1)
            tokens = min(tokens, max(most, longest))
        tiles = -(-tokens // patches) if patches else 0
        whole, looks = float(longest * stage.batch), tiles * longest * stage.batch / tokens
    if stage.objective.kind == "contrast":
        tiles, looks = stage.batch, float(stage.batch)
    work = Work(tokens=whole, supervised=whole, squares=whole * longest, tiles=looks)
    return Steps(0, Load(tokens, tiles, longest), work, float(stage.batch), 0.0)


def limit(stage: Stage) -> int:
    """Give the tokens a record may have."""
    return min(stage.max_tokens, stage.packing.tokens) if stage.packing else stage.max_tokens


def ingredient(
    reference: str,
    weight: float,
    share: float,
    found: Survey | None,
    stage: Stage,
    rows_of_step: float | None,
) -> Ingredient:
    """Describe one source.

    Args:
        reference: What the recipe calls it.
        weight: As the recipe has it.
        share: Of the rows drawn.
        found: What is in it; None when it is not here.
        stage: The recipe.
        rows_of_step: Rows drawn a step, from all sources; None when it is not known.
    """
    if found is None:
        return Ingredient(reference, weight, share, is_here=False)
    rows, dropped = found.usable(limit(stage)), found.too_long(limit(stage))
    return Ingredient(
        reference,
        weight,
        share,
        is_here=True,
        rows=found.rows,
        epochs=None
        if rows_of_step is None
        else stage.steps * rows_of_step * share / max(1, found.rows),
        tokens=found.total("tokens", rows) if found.is_measured else None,
        supervised=found.total("supervised", rows),
        tiles=found.total("tiles", rows),
        licenses=found.licenses,
        num_too_long=len(dropped),
        too_long=tuple(found.name_of(int(row)) for row in dropped[:NAMES_SHOWN]),
        num_bad=found.num_bad,
        bad=tuple(found.bad),
    )


def longest(surveys: Sequence[Survey], max_tokens: int) -> tuple[Named, ...]:
    """Name the longest records that are read, longest first."""
    found = []
    for one in surveys:
        if one.is_runs:
            continue
        rows = one.usable(max_tokens)
        for row in rows[np.argsort(-one.tokens[rows], kind="stable")[:NAMES_SHOWN]].tolist():
            tokens, tiles = int(one.tokens[row]), int(one.tiles[row])
            found.append(Named(one.name, one.name_of(row), tokens, tiles))
    return tuple(sorted(found, key=lambda record: -record.tokens)[:NAMES_SHOWN])


class _Lengths:
    """The rows of a source by number, as ``train.sources.Source`` has them; there is nothing in them."""

    def __init__(self, found: Survey, max_tokens: int) -> None:
        self.name = found.name
        self.blocks = (found.rows,)
        self._found = found
        self._usable = frozenset(found.usable(max_tokens).tolist())

    def sizes(self, index: int, epoch: int) -> list[Size]:
        """Say how large a row is; one that cannot be used gives way to the next, as in the feed."""
        del epoch
        if index not in self._usable:
            return []
        return [Size(int(self._found.tokens[index]), int(self._found.tiles[index]))]

    def item(self, index: int, epoch: int, piece: int = 0) -> None:
        """Give nothing."""
        del index, epoch, piece


def _portions(stage: Stage, walk: Walk, steps: int, world: int) -> list[list[Drawn]]:
    """Take the first steps, cut into what is computed at once."""
    limits = Limits(stage.run.micro_batch or -(-stage.batch // world), stage.run.micro_tokens)
    cursor, found = Cursor(), []
    for _ in range(steps):
        taken, cursor = walk.step(cursor)
        if stage.packing:
            found += taken
            continue
        (rows,) = taken
        if isinstance(stage.objective, NextToken):
            packs = limits.packs([row.size.tokens for row in rows])
            found += [[rows[place] for place in pack] for pack in packs]
        else:
            found += [list(portion) for portion in limits.cut(rows, lambda row: row.size.tokens)]
    return found


def _rounded(tokens: int) -> int:
    return tokens + -tokens % LENGTH_STEP
