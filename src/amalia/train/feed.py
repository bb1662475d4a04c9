"""From a mixture to the tensors of one step, for each objective.

A step is a list of micro-batches, each a function of the model that gives a ``LossSum``, and a cursor to
where the next step begins. A record that cannot be read gives way to the next of its source that has
room; what is passed over is named.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial as partial_
from pathlib import Path
from typing import Any, NamedTuple

from amalia import manifest as manifests
from amalia.device import Device
from amalia.errors import ArtifactError, RecordError
from amalia.model.fork import Fork
from amalia.model.render import Rendered
from amalia.recipe import fingerprint
from amalia.train import reference
from amalia.train.inputs import identity
from amalia.train.micro_batch import (
    Limits,
    MicroBatch,
    Named,
    contrast_batch,
    next_token_batch,
    next_token_batches,
    preference_batches,
)
from amalia.train.mixture import Mixture, Weighted
from amalia.train.order import Batches, Cursor, Drawn, Packs, Walk
from amalia.train.packing import Budget, Size
from amalia.train.ranks import ALONE, Ranks
from amalia.train.rows import Rows
from amalia.train.skipped import Skip, Skipped
from amalia.train.sources import (
    NO_TILES,
    AnswerPair,
    Conversations,
    Pairs,
    Plain,
    Source,
    Texts,
    TokenRuns,
    first_that_fits,
)
from amalia.train.stage import Contrast, NewPair, Preferences, Stage
from amalia.train.start import Begun, Find

# Records that are looked at to replace one that cannot be read.
_REPLACEMENTS = 64

Cut = Callable[[Sequence[Named]], list[MicroBatch]]


class Step(NamedTuple):
    """What one step trains on."""

    batches: list[MicroBatch]
    """Of this process."""
    following: Cursor
    """Where the next step begins."""
    skipped: list[Skip]
    """What was found to be of no use while it was prepared."""


@dataclass(frozen=True, slots=True)
class Feed:
    """What a stage reads, step by step and held out.

    Attributes:
        budget: Of a pack, when portions of the order are packs; each is then a micro-batch.
    """

    mixture: Mixture
    sources: Sequence[Source[Any]]
    walk: Walk
    cut: Cut
    held_out: Sequence[Named]
    """What the validation loss is measured on; may be empty."""
    skipped: Skipped
    budget: Budget | None
    rows_per_step: int
    """Rows of a step, or packs."""
    ranks: Ranks
    blank: Callable[[], MicroBatch]
    """Nothing, to be computed by a process that has less to do than the others."""

    def step(self, cursor: Cursor) -> Step:
        """Prepare the step that begins at a cursor."""
        portions, following = self.walk.step(cursor)
        batches: list[MicroBatch] = []
        if self.budget:
            for pack in portions[self.ranks.rank :: self.ranks.world]:
                batches += self._cut(pack)
        else:
            for rows in portions:
                batches += self._cut(rows[self.ranks.rank :: self.ranks.world])
        return Step(batches, following, self.skipped.news())

    def _cut(self, drawn: Sequence[Drawn]) -> list[MicroBatch]:
        items = self._readable(drawn)
        return self.cut(items) if items else []

    def validation(self) -> list[MicroBatch]:
        """Give the micro-batches of the held-out rows; see ``evened``."""
        own = self.held_out[self.ranks.rank :: self.ranks.world]
        return self.evened(self.cut(own) if own else [])

    def evened(self, batches: list[MicroBatch]) -> list[MicroBatch]:
        """Add blank micro-batches until there are as many as in every other process; all must call it."""
        most = max(self.ranks.gather(len(batches)))
        return batches + [self.blank() for _ in range(most - len(batches))]

    def _readable(self, drawn: Sequence[Drawn]) -> list[Named]:
        found = []
        for one in drawn:
            try:
                item = self.sources[one.source].item(one.record, one.epoch, one.piece)
            except RecordError as error:
                self._pass_over(one.source, one.record, error)
                item = next(self._instead(one, drawn), None)
            if item is not None:
                found.append(Named(item, self.sources[one.source].name))
        return found

    def _instead(self, lost: Drawn, drawn: Sequence[Drawn]) -> Iterator[Any]:
        """Give readable items of the same source that fit where one was lost."""
        source = self.sources[lost.source]
        count = sum(source.blocks)
        others = [one.size for one in drawn if one is not lost]
        for step in range(1, min(_REPLACEMENTS, count)):
            index = (lost.record + step) % count
            for piece, size in enumerate(source.sizes(index, lost.epoch)):
                if self._has_room(others, size):
                    try:
                        yield source.item(index, lost.epoch, piece)
                    except RecordError as error:
                        self._pass_over(lost.source, index, error)

    def _pass_over(self, source: int, index: int, error: RecordError) -> None:
        name = self.sources[source].name
        self.skipped.unreadable(name, f"{name}[{index}]", str(error))

    def _has_room(self, others: Sequence[Size], size: Size) -> bool:
        if self.budget is None:
            return True
        tokens = sum(other.tokens for other in others) + size.tokens
        tiles = sum(other.tiles for other in others) + size.tiles
        return self.budget.holds(Size(tokens, tiles))


def open_feed(
    stage: Stage,
    begun: Begun,
    find: Find,
    *,
    partial: Path,
    device: Device,
    ranks: Ranks = ALONE,
) -> Feed:
    """Connect a stage's mixture to its objective.

    Args:
        stage: The recipe.
        begun: Model and renderer.
        find: Where artifacts are.
        partial: Folder of the artifact being made; DPO keeps its reference log-probabilities there.
        device: Where to compute.
        ranks: Which share of each step is this process's.
    """
    limits = Limits(stage.run.micro_batch or stage.batch, stage.run.micro_tokens)
    pad_id = begun.renderer.pad_id
    skipped = Skipped(stage.run.unreadable)
    objective = stage.objective
    opened = partial_(_opened, stage, find, skipped=skipped, ranks=ranks)
    if isinstance(objective, Contrast):
        assert isinstance(stage.start, NewPair)
        contrast = partial_(
            contrast_batch,
            tokenizer=begun.renderer.tokenizer,
            image_px=stage.start.tower.image_px,
            max_tokens=stage.start.text.max_tokens,
            letters=stage.start.letters,
            is_exact=stage.pictures == "exact",
            device=device.kind,
        )
        return opened(
            lambda folder: Plain(_rows(folder, "preferences")),
            lambda items: [contrast(items)],
            sort=False,
        )
    blank = Rendered((pad_id,), (False,), NO_TILES, ())
    if isinstance(objective, Preferences):
        known = _references(
            stage, begun, find, partial=partial, limits=limits, device=device, ranks=ranks
        )
        cut = partial_(
            preference_batches,
            objective=objective,
            limits=limits,
            pad_id=pad_id,
            device=device.kind,
        )
        nothing = Named(AnswerPair(Fork(blank, ((pad_id,), (pad_id,))), (0.0, 0.0)), "")
        return opened(
            lambda folder: Pairs(
                _rows(folder, "preferences"), begun.renderer, stage.max_tokens, known, skipped
            ),
            cut,
            nothing=nothing,
        )
    return opened(
        partial_(_text_source, stage=stage, begun=begun, skipped=skipped),
        _next_token_cut(stage, limits, pad_id, device),
        nothing=Named(blank, ""),
    )


def _next_token_cut(stage: Stage, limits: Limits, pad_id: int, device: Device) -> Cut:
    if stage.packing is None:
        return partial_(next_token_batches, limits=limits, pad_id=pad_id, device=device.kind)
    # On a GPU every pack has one shape, so that nothing is compiled or allocated anew.
    length = stage.packing.tokens if device.kind == "cuda" else 0
    make = partial_(next_token_batch, pad_id=pad_id, length=length, device=device.kind)
    whole = Limits(stage.packing.tokens, stage.packing.tokens)

    def cut(items: Sequence[Named]) -> list[MicroBatch]:
        # Held-out rows come all at once; a pack stays one.
        packs = whole.packs([len(named.item.ids) for named in items]) if items else []
        return [make([items[place] for place in places]) for places in packs]

    return cut


def _text_source(folder: Path, *, stage: Stage, begun: Begun, skipped: Skipped) -> Source[Rendered]:
    if manifests.read(folder).kind == "documents":
        if stage.packing is None:
            return TokenRuns(folder, begun.renderer, max_tokens=stage.max_tokens, seed=stage.seed)
        return Texts(Rows(folder, "documents"), begun.renderer, max_tokens=stage.max_tokens)
    budget = Budget(stage.max_tokens, stage.packing.tiles if stage.packing else 0)
    rows = _rows(folder, "conversations")
    return Conversations(rows, begun.renderer, budget, skipped, split=stage.too_long == "split")


def _references(
    stage: Stage,
    begun: Begun,
    find: Find,
    *,
    partial: Path,
    limits: Limits,
    device: Device,
    ranks: Ranks,
) -> dict[str, reference.Pair]:
    artifacts = [item.artifact for item in stage.mixture]
    artifacts += [stage.validation.artifact] if stage.validation else []
    return reference.compute(
        begun.model.eval(),
        begun.renderer,
        [_rows(find(name), "preferences") for name in dict.fromkeys(artifacts)],
        folder=partial / "reference",
        model_fingerprint=fingerprint(
            stage.start, **{name: identity(name, find(name)) for name in stage.references()}
        ),
        batch=limits.rows,
        batch_tokens=limits.tokens,
        max_tokens=stage.max_tokens,
        device=device,
        rank=ranks.rank,
        world=ranks.world,
        largest=lambda number: max(ranks.gather(number)),
    )


def _rows(folder: Path, kind: str) -> Rows:
    found = manifests.read(folder).kind
    if found != kind:
        raise ArtifactError(f"artifact {folder} holds {found}; expected {kind}")
    return Rows(folder, kind)


def _opened(
    stage: Stage,
    find: Find,
    source: Callable[[Path], Source[Any]],
    cut: Cut,
    *,
    skipped: Skipped,
    ranks: Ranks,
    nothing: Named | None = None,
    sort: bool = True,
) -> Feed:
    sources = [source(find(item.artifact)) for item in stage.mixture]
    weighted = [
        Weighted(opened.name, opened.blocks, item.weight)
        for opened, item in zip(sources, stage.mixture, strict=True)
    ]
    mixture = Mixture(weighted, seed=stage.seed)
    budget = None
    if stage.packing:
        budget = Budget(stage.packing.tokens, stage.packing.tiles)
        order: Batches | Packs = Packs(
            mixture, sources, budget, stage.packing.window, stage.batch, stage.seed
        )
    else:
        order = Batches(mixture, sources, stage.batch, stage.seed, sort)
    return Feed(
        mixture,
        sources,
        Walk(order),
        cut,
        _held_out(stage, source, find),
        skipped,
        budget,
        stage.batch,
        ranks,
        lambda: cut([nothing] if nothing else [])[0],
    )


def _held_out(stage: Stage, source: Callable[[Path], Source[Any]], find: Find) -> list[Named]:
    if stage.validation is None:
        return []
    aside = source(find(stage.validation.artifact))
    wanted = range(min(stage.validation.rows, sum(aside.blocks)))
    numbers = [first_that_fits(aside, number, 0) for number in wanted]
    return [Named(aside.item(number, 0), aside.name) for number in numbers]
