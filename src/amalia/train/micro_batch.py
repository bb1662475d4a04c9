"""What is computed at once: items of a step as tensors, each a function of the model that gives a ``LossSum``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import numpy as np
import torch
from transformers import PreTrainedTokenizerFast

from amalia.errors import TrainingError
from amalia.model.decode import tiles_of
from amalia.model.fork import Fork, collate_forks
from amalia.model.letters import spelled, targets
from amalia.model.packed import pack
from amalia.model.render import Rendered, scaled
from amalia.model.tile import TileGrid
from amalia.model.transfer import sent
from amalia.records import Preference, Row
from amalia.train import objectives
from amalia.train.objectives import LossSum, Written
from amalia.train.packing import Budget, Size, best_fit
from amalia.train.sources import AnswerPair
from amalia.train.stage import Preferences

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
    sources: tuple[str, ...] = ()
    """Where each record is from."""
    squares: int = 0
    """Sum of the squared lengths of what attends to itself."""


@dataclass(frozen=True, slots=True)
class Named:
    """An item and the source it is from."""

    item: Any
    source: str


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

    def packs(self, sizes: Sequence[int]) -> list[list[int]]:
        """Distribute sequences that need no padding; those longer than ``tokens`` stand alone."""
        budget = Budget(max(self.tokens or sum(sizes), *sizes, 1), self.rows)
        # A row counts as one tile of as many as there may be rows.
        return best_fit([Size(tokens, 1) for tokens in sizes], budget)


def next_token_batch(
    items: Sequence[Named], *, pad_id: int, length: int = 0, device: str
) -> MicroBatch:
    """Make one packed sequence of rendered conversations or texts.

    Args:
        items: At least one ``Rendered`` each.
        pad_id: Token that fills the end.
        length: Fill up to so many tokens.
        device: Where to compute.
    """
    rendered: list[Rendered] = [named.item for named in items]
    packed = pack(rendered, pad_id=pad_id, length=length, multiple=LENGTH_STEP, device=device)
    sources = tuple(named.source for named in items)
    return MicroBatch(
        partial(objectives.next_token, batch=packed, sources=sources),
        sum(len(item.ids) for item in rendered),
        sum(len(item.tiles) for item in rendered),
        tuple(item.name for item in rendered),
        sources,
        sum(len(item.ids) ** 2 for item in rendered),
    )


def next_token_batches(
    items: Sequence[Named], *, limits: Limits, pad_id: int, device: str
) -> list[MicroBatch]:
    """Cut the items of a step into packed sequences."""
    packs = limits.packs([len(named.item.ids) for named in items])
    return [
        next_token_batch([items[place] for place in places], pad_id=pad_id, device=device)
        for places in packs
    ]


def preference_batches(
    items: Sequence[Named],
    objective: Preferences,
    *,
    limits: Limits,
    pad_id: int,
    device: str,
) -> list[MicroBatch]:
    """Cut the items of a step into micro-batches of DPO."""
    found = []
    for chunk in limits.cut(items, lambda named: len(named.item.fork)):
        pairs: list[AnswerPair] = [named.item for named in chunk]
        forks = [pair.fork for pair in pairs]
        batch = collate_forks(forks, pad_id=pad_id, multiple=LENGTH_STEP, device=device)
        known = torch.tensor([pair.reference for pair in pairs])
        chosen, rejected = sent(known, device).unbind(1)
        compute = partial(
            objectives.preference,
            batch=batch,
            reference=(chosen, rejected),
            beta=objective.beta,
            kind=objective.loss,
            label_smoothing=objective.label_smoothing,
            length_normalized=objective.length_normalized,
            chosen_weight=objective.chosen_weight,
            sources=tuple(named.source for named in chunk),
        )
        tokens = sum(map(len, forks))
        tiles = sum(len(fork.prompt.tiles) for fork in forks)
        names = tuple(fork.prompt.name for fork in forks)
        sources = tuple(named.source for named in chunk)
        squares = sum(_squares(fork) for fork in forks)
        found.append(MicroBatch(compute, tokens, tiles, names, sources, squares))
    return found


def _squares(fork: Fork) -> int:
    """Square the prompt with each answer; the prompt by itself counts once."""
    prompt = len(fork.prompt.ids)
    each = sum((prompt + len(answer)) ** 2 - prompt**2 for answer in fork.answers)
    return prompt**2 + each


def contrast_batch(
    items: Sequence[Named],
    tokenizer: PreTrainedTokenizerFast,
    *,
    image_px: int,
    max_tokens: int,
    letters: str = "",
    is_exact: bool = True,
    device: str,
) -> MicroBatch:
    """Make the one micro-batch of a contrastive step.

    A caption in guillemets is what is written in its picture, to be read if ``letters`` are given.

    Captions are those of all pictures and then all their hard negatives; a caption that stands twice is
    both times true of every picture whose own caption it is.
    """
    rows: list[Row[Preference]] = [named.item for named in items]
    grid = TileGrid(image_px, image_px, ((image_px, image_px),))
    tiles = np.stack([tiles_of(contrast_picture(row), grid, is_exact=is_exact)[0] for row in rows])
    right = [row.record.chosen.text for row in rows]
    captions = [*right, *(row.record.rejected.text for row in rows)]
    matches = torch.tensor([[caption == own for caption in captions] for own in right])
    captions_CT, mask_CT = _padded_left(captions, tokenizer, max_tokens)
    pixels = torch.from_numpy(scaled(tiles))
    compute = partial(
        objectives.contrast,
        pixels_B3PP=sent(pixels, device),
        captions_CT=sent(captions_CT, device),
        caption_mask_CT=sent(mask_CT, device),
        matches_BC=sent(matches, device),
        written=_written(right, letters, device) if letters else None,
    )
    return MicroBatch(
        compute,
        int(mask_CT.sum()),
        len(rows),
        tuple(row.record.id for row in rows),
        tuple(named.source for named in items),
        int(mask_CT.sum(1).square().sum()),
    )


def _padded_left(
    captions: Sequence[str], tokenizer: PreTrainedTokenizerFast, length: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """Give captions as ids and their mask, [C, T] each, cut or filled up to a length.

    The tokenizer could do so itself and would then remember to cut whatever it reads next.
    """
    ids = np.full((len(captions), length), tokenizer.pad_token_id, np.int64)
    mask = np.zeros((len(captions), length), np.int64)
    for row, found in enumerate(tokenizer(list(captions))["input_ids"]):
        kept = found[:length]
        ids[row, length - len(kept) :], mask[row, length - len(kept) :] = kept, 1
    return torch.from_numpy(ids), torch.from_numpy(mask)


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
    rows = torch.tensor(list(found))
    return Written(sent(rows, device), sent(joined, device), sent(lengths, device))


def contrast_picture(row: Row[Preference]) -> bytes:
    """Give the one picture of a caption, encoded."""
    pictures = row.record.prompt.images
    if len(pictures) != 1:
        raise TrainingError(
            f"record {row.record.id} has {len(pictures)} pictures; the contrastive loss wants one each"
        )
    return row.images[pictures[0].sha256]
