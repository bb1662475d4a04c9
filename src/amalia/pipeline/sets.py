"""The kinds of record sets a data recipe can ask for, and which maker makes each.

A set is made in shards. ``shard_sizes`` says how many and how large; ``make_shard`` makes one as a pure
function of the seed and the shard's number.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import groupby, islice
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from amalia import pack
from amalia.recipe import Settings
from amalia.records import Document, Origin, Row
from amalia.synth import splits
from amalia.synth.captions import caption_pairs
from amalia.synth.chats import TEXT_WEIGHTS, text_conversations
from amalia.synth.conversations import PICTURE_WEIGHTS, picture_conversations
from amalia.synth.preferences import PREFERENCE_WEIGHTS, preferences
from amalia.synth.samples import samples
from amalia.synth.splits import Split, split_of
from amalia.synth.subjects import MAX_WORD_LETTERS, Studio
from amalia.synth.varieties import Varieties

ROWS_PER_SHARD = 500


class Prose(Settings):
    """The pack's pt-PT help pages, one document a page."""

    make: Literal["prose"]
    split: Split


class Captions(Settings):
    """Pictures with a right caption and a hard wrong one, to train a tower."""

    make: Literal["captions"]
    split: Split
    rows: int = Field(gt=0)


class Shown(Settings):
    """What may be in the pictures of a set."""

    things: int | None = Field(default=None, ge=8)
    """So many of the everyday things, always the same, drawn by lot; all when left out."""
    max_letters: int = Field(default=MAX_WORD_LETTERS, ge=3, le=MAX_WORD_LETTERS)
    """Of a word to read."""


class Pictures(Shown):
    """Conversations about rendered pictures."""

    make: Literal["pictures"]
    split: Split
    rows: int = Field(gt=0)
    weights: Mapping[str, float] = PICTURE_WEIGHTS
    """Kind of picture → share."""


class Chats(Settings):
    """Conversations without pictures."""

    make: Literal["chats"]
    split: Split
    rows: int = Field(gt=0)
    weights: Mapping[str, float] = TEXT_WEIGHTS
    """Kind of conversation → share."""


class Preferred(Shown):
    """Better and worse answers to the same prompt."""

    make: Literal["preferences"]
    split: Split
    rows: int = Field(gt=0)
    weights: Mapping[str, float] = PREFERENCE_WEIGHTS
    """What is wrong with the worse answer → share."""


class Samples(Shown):
    """Evaluation questions with known answers."""

    make: Literal["samples"]
    split: Split
    counts: dict[str, int]
    """Task → number of questions."""


class Folder(Settings):
    """Conversations of one's own: JSONL or Parquet with pictures beside."""

    make: Literal["folder"]
    path: Path
    language: str
    license: str
    max_error_fraction: float = Field(default=0.1, ge=0, le=1)


Made = Prose | Captions | Pictures | Chats | Preferred | Samples
"""Sets made in shards from the pack."""
Set = Annotated[Made | Folder, Field(discriminator="make")]

Kind = Literal["documents", "preferences", "conversations", "samples"]
KINDS: dict[str, Kind] = {
    "prose": "documents",
    "captions": "preferences",
    "pictures": "conversations",
    "chats": "conversations",
    "preferences": "preferences",
    "samples": "samples",
}


def shard_sizes(spec: Made) -> list[int]:
    """Divide a set into shards of at most ``ROWS_PER_SHARD`` rows; 0 is one shard of all there is."""
    if isinstance(spec, Prose | Samples):
        return [0]
    whole, rest = divmod(spec.rows, ROWS_PER_SHARD)
    return [ROWS_PER_SHARD] * whole + ([rest] if rest else [])


def make_shard(spec: Made, *, name: str, seed: int, number: int, size: int) -> Iterator[Row[Any]]:
    """Make the rows of one shard.

    Args:
        spec: What to make.
        name: Name of the set.
        seed: Of the recipe.
        number: Of the shard, from 0.
        size: Rows of the shard.
    """
    rng = random.Random(f"{seed}:{name}:{number}")
    things, split = pack.things(), spec.split
    made: Iterator[Row[Any]]
    match spec:
        case Prose():
            return _prose(split)
        case Samples():
            studio, varieties = _studio(spec), _varieties(split)
            return samples(seed, counts=spec.counts, studio=studio, varieties=varieties)
        case Captions():
            words = vocabulary()[split]
            made = caption_pairs(rng, things=things, fonts=pack.fonts(), words=words, split=split)
        case Pictures():
            made = picture_conversations(rng, studio=_studio(spec), weights=spec.weights)
        case Chats():
            made = text_conversations(
                rng,
                things=things,
                words=vocabulary()[split],
                varieties=_varieties(split),
                split=split,
                weights=spec.weights,
            )
        case Preferred():
            studio, varieties = _studio(spec), _varieties(split)
            made = preferences(rng, studio=studio, varieties=varieties, weights=spec.weights)
    return islice(made, size)


def _studio(spec: Pictures | Preferred | Samples) -> Studio:
    return Studio.of(
        pack.things(),
        fonts=pack.fonts(),
        words=vocabulary()[spec.split],
        split=spec.split,
        num_things=spec.things,
        max_letters=spec.max_letters,
    )


@cache
def _varieties(split: Split) -> Varieties:
    return Varieties.of(pack.things(), pack.paragraphs(), split)


@cache
def vocabulary() -> dict[Split, tuple[str, ...]]:
    """Give the words that pictures show, by split."""
    return splits.words(
        (paragraph.pt_pt for paragraph in pack.paragraphs()),
        (thing.name for thing in pack.things()),
    )


def _prose(split: Split) -> Iterator[Row[Document]]:
    """Pages of help, and the names and keywords of things as short lines of their own."""
    for page, paragraphs in groupby(pack.paragraphs(), key=lambda paragraph: paragraph.page):
        if split_of(f"paragraph:{page}") != split:
            continue
        text = "\n".join(paragraph.pt_pt for paragraph in paragraphs)
        origin = Origin(
            source="libreoffice-help-pt", license="MPL-2.0", created="translated", parents=(page,)
        )
        yield Row(Document(id=f"page-{page}", text=text, language="pt-PT", origin=origin), {})
    things = [
        thing
        for thing in pack.things()
        if split_of(f"thing:{thing.id}") == split or split == "train"
    ]
    for thing in things:
        text = f"{thing.name}: {', '.join(thing.keywords)}."
        origin = Origin(
            source="cldr-annotations", license="Unicode-3.0", created="found", parents=(thing.id,)
        )
        yield Row(Document(id=f"thing-{thing.id}", text=text, language="pt-PT", origin=origin), {})
