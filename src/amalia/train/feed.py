"""From a mixture to the tensors of one step, for each objective.

A step is a list of micro-batches, each a function of the model that gives a ``LossSum``. Records longer
than ``max_tokens`` are skipped for the next one of their source and counted in ``too_long``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial as partial_
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from transformers import PreTrainedTokenizerFast

from amalia import manifest as manifests
from amalia.device import Device
from amalia.errors import TrainingError
from amalia.model.decode import tiles_of
from amalia.model.fork import Fork, collate_forks, fork_of
from amalia.model.letters import spelled, targets
from amalia.model.render import Rendered, Renderer, collate, scaled
from amalia.model.tile import TileGrid
from amalia.recipe import fingerprint
from amalia.records import Preference, Row
from amalia.store import read_rows
from amalia.train import objectives, reference
from amalia.train.mixture import Mixture, Rows, Source, TokenRuns, Weighted
from amalia.train.objectives import LossSum, Written
from amalia.train.reference import Pair, key
from amalia.train.stage import Contrast, NewPair, Preferences, Stage
from amalia.train.start import Begun, Find

# On a CPU every new shape of a matrix product costs a new kernel.
LENGTH_STEP = 16

T = TypeVar("T")
Compute = Callable[[Any], LossSum]


@dataclass(frozen=True, slots=True)
class MicroBatch:
    """What is computed at once, and how much it is."""

    compute: Compute
    num_tokens: int
    num_tiles: int
    names: tuple[str, ...] = ()
    """Of the records, for messages."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is computed at once."""

    rows: int
    tokens: int = 0
    """Padding included; 0 is as many as the rows have. One row may always have more."""

    def cut(self, items: Sequence[T], length: Callable[[T], int]) -> Iterator[Sequence[T]]:
        """Cut the items of a step into portions, in order."""
        start = longest = 0
        for place, item in enumerate(items):
            longest = max(longest, length(item))
            size = place - start
            if size == self.rows or (size and self.tokens and longest * (size + 1) > self.tokens):
                yield items[start:place]
                start, longest = place, length(item)
        yield items[start:]


@dataclass
class RenderedRows:
    """Conversations of an artifact, rendered; those too long give way to the next."""

    rows: Rows
    renderer: Renderer
    max_tokens: int
    too_long: set[int] = field(default_factory=set)

    @property
    def name(self) -> str:
        """Name of the artifact."""
        return self.rows.name

    def __len__(self) -> int:
        return len(self.rows)

    def item(self, index: int, epoch: int) -> Rendered:
        """Render a record, or the next that fits."""
        _, rendered = _first_that_fits(
            self, index, epoch, self.renderer.conversation, lambda item: len(item.ids)
        )
        return rendered


@dataclass(frozen=True, slots=True)
class AnswerPair:
    """A preference, rendered, with what the reference thinks of it."""

    fork: Fork
    reference: Pair


@dataclass
class RenderedPairs:
    """Preferences of an artifact, rendered."""

    rows: Rows
    renderer: Renderer
    max_tokens: int
    reference: Mapping[str, Pair]
    too_long: set[int] = field(default_factory=set)

    @property
    def name(self) -> str:
        """Name of the artifact."""
        return self.rows.name

    def __len__(self) -> int:
        return len(self.rows)

    def item(self, index: int, epoch: int) -> AnswerPair:
        """Render a pair, or the next that fits."""
        row, fork = _first_that_fits(
            self, index, epoch, partial_(fork_of, self.renderer), lambda fork: fork.longest
        )
        return AnswerPair(fork, self.reference[key(row)])


@dataclass(frozen=True, slots=True)
class Feed(Generic[T]):
    """What a stage reads, step by step and held out."""

    mixture: Mixture[T]
    held_out: Sequence[T]
    """Rows the validation loss is measured on; may be empty."""
    cut: Callable[[Sequence[T]], list[MicroBatch]]

    def step(self, number: int) -> list[MicroBatch]:
        """Give the micro-batches of a step, counted from 0."""
        return self.cut(self.mixture.batch(number))

    def validation(self) -> list[MicroBatch]:
        """Give the micro-batches of the held-out rows."""
        return self.cut(self.held_out)

    @property
    def num_too_long(self) -> int:
        """Records met so far that do not fit into ``max_tokens``."""
        return sum(len(getattr(item.source, "too_long", ())) for item in self.mixture.sources)


def open_feed(
    stage: Stage, begun: Begun, find: Find, *, partial: Path, device: Device
) -> Feed[Any]:
    """Connect a stage's mixture to its objective.

    Args:
        stage: The recipe.
        begun: Model and renderer.
        find: Where artifacts are.
        partial: Folder of the artifact being made; DPO keeps its reference log-probabilities there.
        device: Where to compute.
    """
    micro = Limits(stage.run.micro_batch or stage.batch, stage.run.micro_tokens)
    pad_id = begun.renderer.pad_id
    objective = stage.objective
    if isinstance(objective, Contrast):
        assert isinstance(stage.start, NewPair)
        cut: Callable[[Any], list[MicroBatch]] = partial_(
            contrast_step,
            tokenizer=begun.renderer.tokenizer,
            image_px=stage.start.tower.image_px,
            max_tokens=stage.start.text.max_tokens,
            letters=stage.start.letters,
            is_exact=stage.pictures == "exact",
            device=device.kind,
        )
        return _feed(stage, find, lambda folder: Rows(folder, "preferences"), None, cut)
    if isinstance(objective, Preferences):
        artifacts = [item.artifact for item in stage.mixture]
        artifacts += [stage.validation.artifact] if stage.validation else []
        known = reference.compute(
            begun.model.eval(),
            begun.renderer,
            [
                row
                for name in dict.fromkeys(artifacts)
                for row in read_rows(find(name), kind="preferences")
            ],
            path=partial / "reference.json",
            model_fingerprint=fingerprint(
                stage.start, **{n: manifests.read(find(n)).fingerprint for n in stage.references()}
            ),
            batch=micro.rows,
            device=device,
        )
        cut = partial_(
            preference_step, objective=objective, micro=micro, pad_id=pad_id, device=device.kind
        )

        def pairs(folder: Path) -> RenderedPairs:
            return RenderedPairs(
                Rows(folder, "preferences"), begun.renderer, stage.max_tokens, known
            )

        return _feed(stage, find, pairs, lambda pair: len(pair.fork), cut)
    cut = partial_(next_token_step, micro=micro, pad_id=pad_id, device=device.kind)

    def rendered(folder: Path) -> Source[Rendered]:
        if manifests.read(folder).kind == "documents":
            return TokenRuns(folder, begun.renderer, max_tokens=stage.max_tokens, seed=stage.seed)
        return RenderedRows(Rows(folder, "conversations"), begun.renderer, stage.max_tokens)

    return _feed(stage, find, rendered, lambda item: len(item.ids), cut)


def _feed(
    stage: Stage,
    find: Find,
    source: Callable[[Path], Source[Any]],
    length: Callable[[Any], int] | None,
    cut: Callable[[Any], list[MicroBatch]],
) -> Feed[Any]:
    weighted = [Weighted(source(find(item.artifact)), item.weight) for item in stage.mixture]
    mixture = Mixture(weighted, batch_size=stage.batch, seed=stage.seed, length=length)
    held_out: list[Any] = []
    if stage.validation:
        aside = source(find(stage.validation.artifact))
        held_out = [aside.item(index, 0) for index in range(min(stage.validation.rows, len(aside)))]
    return Feed(mixture, held_out, cut)


def next_token_step(
    items: Sequence[Rendered], *, micro: Limits, pad_id: int, device: str
) -> list[MicroBatch]:
    """Cut the items of a step into micro-batches of next-token prediction."""
    found = []
    for chunk in micro.cut(items, lambda item: len(item.ids)):
        batch = collate(chunk, pad_id=pad_id, multiple=LENGTH_STEP).to(device)
        tiles = sum(len(item.tiles) for item in chunk)
        tokens = sum(len(item.ids) for item in chunk)
        names = tuple(item.name for item in chunk)
        found.append(MicroBatch(partial_(objectives.next_token, batch=batch), tokens, tiles, names))
    return found


def preference_step(
    items: Sequence[AnswerPair],
    objective: Preferences,
    *,
    micro: Limits,
    pad_id: int,
    device: str,
) -> list[MicroBatch]:
    """Cut the items of a step into micro-batches of DPO."""
    found = []
    for chunk in micro.cut(items, lambda item: len(item.fork)):
        forks = [item.fork for item in chunk]
        batch = collate_forks(forks, pad_id=pad_id, multiple=LENGTH_STEP, device=device)
        chosen, rejected = torch.tensor([item.reference for item in chunk], device=device).unbind(1)
        compute = partial_(
            objectives.preference,
            batch=batch,
            reference=(chosen, rejected),
            beta=objective.beta,
            kind=objective.loss,
            label_smoothing=objective.label_smoothing,
            length_normalized=objective.length_normalized,
            chosen_weight=objective.chosen_weight,
        )
        tokens = sum(map(len, forks))
        tiles = sum(len(fork.prompt.tiles) for fork in forks)
        names = tuple(fork.prompt.name for fork in forks)
        found.append(MicroBatch(compute, tokens, tiles, names))
    return found


def contrast_step(
    rows: Sequence[Row[Preference]],
    tokenizer: PreTrainedTokenizerFast,
    *,
    image_px: int,
    max_tokens: int,
    letters: str = "",
    is_exact: bool = True,
    device: str,
) -> list[MicroBatch]:
    """Make the one micro-batch of a contrastive step.

    A caption in guillemets is what is written in its picture, to be read if ``letters`` are given.

    Captions are those of all pictures and then all their hard negatives; a caption that stands twice is
    both times true of every picture whose own caption it is.
    """
    grid = TileGrid(image_px, image_px, ((image_px, image_px),))
    tiles = np.stack([tiles_of(_picture(row), grid, is_exact=is_exact)[0] for row in rows])
    right = [row.record.chosen.text for row in rows]
    captions = [*right, *(row.record.rejected.text for row in rows)]
    matches = torch.tensor([[caption == own for caption in captions] for own in right])
    encoded = tokenizer(
        captions,
        padding="max_length",
        padding_side="left",
        truncation=True,
        max_length=max_tokens,
        return_tensors="pt",
    )
    pixels = torch.from_numpy(scaled(tiles))
    compute = partial_(
        objectives.contrast,
        pixels_B3PP=pixels.to(device),
        captions_CT=encoded["input_ids"].to(device),
        caption_mask_CT=encoded["attention_mask"].to(device),
        matches_BC=matches.to(device),
        written=_written(right, letters, device) if letters else None,
    )
    names = tuple(row.record.id for row in rows)
    return [MicroBatch(compute, int(encoded["attention_mask"].sum()), len(rows), names)]


def _written(captions: Sequence[str], letters: str, device: str) -> Written | None:
    """Give what can be read in the pictures of some captions, or None if nothing can."""
    found = {
        place: spelling
        for place, caption in enumerate(captions)
        if caption.startswith("«") and (spelling := spelled(caption[1:-1], letters))
    }
    if not found:
        return None
    joined, lengths = targets(list(found.values()))
    return Written(torch.tensor(list(found)).to(device), joined.to(device), lengths.to(device))


def _picture(row: Row[Preference]) -> bytes:
    pictures = row.record.prompt.images
    if len(pictures) != 1:
        raise TrainingError(
            f"record {row.record.id} has {len(pictures)} pictures; the contrastive loss wants one each"
        )
    return row.images[pictures[0].sha256]


def _first_that_fits(
    source: RenderedRows | RenderedPairs,
    index: int,
    epoch: int,
    render: Callable[[Row[Any]], T],
    length: Callable[[T], int],
) -> tuple[Row[Any], T]:
    """Give a record, or the next that fits, also rendered, and remember those that do not fit."""
    for place in range(index, index + len(source)):
        number = place % len(source)
        row = source.rows.item(number, epoch)
        rendered = render(row)
        if length(rendered) <= source.max_tokens:
            return row, rendered
        source.too_long.add(number)
    raise TrainingError(
        f"no record of {source.name} fits into max_tokens {source.max_tokens}; raise max_tokens"
    )
