"""What the made conversations are about: the cast of things, and pictures chosen within one split.

Whatever must not be seen twice is named by a key and belongs to one split (see ``splits``): a
portrait by the seed it is drawn from, a group by its thing and count, a gathering by its
composition, a chart by its bars, writing by its words. The functions here choose again until the
key is of the wanted split.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from amalia.errors import RecordError
from amalia.pack import Font, Thing
from amalia.records import Image, Origin
from amalia.synth import chart as charts
from amalia.synth import lettering, scene
from amalia.synth.chart import Chart
from amalia.synth.lettering import Hand, Lettering, Typecase
from amalia.synth.scene import Album, Scene
from amalia.synth.splits import (
    MAX_TRIES,
    Split,
    drawn_letters,
    drawn_seed,
    nothing_fits,
    split_of,
    word_split,
)
from amalia.synth.varieties import content_words

GENERATOR = "amalia.synth@4"
"""Goes up when the same seed makes something else."""

MAX_WORD_LETTERS = 12

_MAX_LINE_LETTERS = 20
_MIN_CAST = 8
# A word to be read begins near the left edge, as on paper.
_INDENTS = (0.0, 0.15)
# A tile of the mini model for each thing, in a row or a column: smaller ones are told apart far less often.
_TILE_PX = 96
_MAX_TILES = 4


@dataclass(frozen=True, slots=True)
class Picture:
    """A rendered picture and where it came from."""

    image: Image
    data: bytes
    """The encoded picture that ``image`` names."""
    origin: Origin


@dataclass(frozen=True, slots=True)
class Cast:
    """The everyday things that questions are asked about."""

    things: tuple[Thing, ...]
    countable: tuple[Thing, ...]
    """Those whose name is a singular, so that two of them can be spoken of."""
    _by_category: dict[str, tuple[Thing, ...]] = field(repr=False)

    @classmethod
    def of(cls, things: Iterable[Thing], *, number: int | None = None) -> Cast:
        """Keep what is everyday, has a gender and a plural.

        Args:
            things: Candidates; their order is kept.
            number: Keep at most so many, drawn by lot: always the same ones, and those of a smaller
                number are among those of a larger one. None keeps all.

        Raises:
            RecordError: If too few are left to ask about what is not there.
        """
        known = tuple(t for t in things if t.everyday and t.gender and t.plural)
        if number is not None:
            lots = sorted(known, key=lambda t: hashlib.sha256(f"cast:{t.id}".encode()).digest())
            drawn = {thing.id for thing in lots[:number]}
            known = tuple(thing for thing in known if thing.id in drawn)
        if len(known) < _MIN_CAST:
            raise RecordError(
                f"only {len(known)} everyday things; expected at least {_MIN_CAST}, give more",
                reason="too_few_things",
            )
        categories = dict.fromkeys(thing.category for thing in known)
        grouped = {name: tuple(t for t in known if t.category == name) for name in categories}
        return cls(known, tuple(t for t in known if not t.is_plural), grouped)

    def absent(
        self, rng: random.Random, present: Collection[Thing], *, countable: bool = False
    ) -> Thing:
        """Choose a thing that nobody could take for one of those present.

        Half of the time it is of the category of one present, which is harder to tell apart.

        Args:
            rng: Source of every choice.
            present: What is shown.
            countable: Whether its name must be a singular.
        """
        near = self.things
        if present:
            near = self._by_category.get(rng.choice(list(present)).category, self.things)
        for attempt in range(MAX_TRIES):
            pool = near if attempt < 8 and rng.random() < 0.5 else self.things
            thing = rng.choice(pool)
            fits = not (countable and thing.is_plural)
            if fits and not any(confusable(thing, other) for other in present):
                return thing
        raise nothing_fits("thing unlike those shown", "any split")


@dataclass(frozen=True, slots=True)
class Studio:
    """What pictures of one split are made of and with."""

    cast: Cast
    words: tuple[str, ...]
    """Words to read; all are of ``split``."""
    split: Split
    typecase: Typecase
    album: Album

    @classmethod
    def of(
        cls,
        things: Iterable[Thing],
        *,
        fonts: Sequence[Font],
        words: Iterable[str],
        split: Split,
        num_things: int | None = None,
        max_letters: int = MAX_WORD_LETTERS,
    ) -> Studio:
        """Open a studio; words of other splits are left out.

        Args:
            things: What can be shown and named; only the everyday ones are.
            fonts: At least one printed and one handwriting.
            words: Words to write.
            split: Of words, counts, compositions, charts and picture seeds.
            num_things: How many everyday things to use, as in ``Cast.of``; None is all.
            max_letters: Longer words are left out.

        Raises:
            RecordError: If there are too few everyday things.
        """
        readable = tuple(w for w in words if word_split(w) == split and len(w) <= max_letters)
        cast = Cast.of(things, number=num_things)
        return cls(cast, readable, split, Typecase(fonts), Album())


def confusable(one: Thing, other: Thing) -> bool:
    """Say whether the names leave doubt which of two things is meant.

    True for the same thing, for names with a word in common ("urso", "urso polar") and where the
    name of one is a keyword of the other ("mocho", "coruja").
    """
    if one.id == other.id or one.name in other.keywords or other.name in one.keywords:
        return True
    return not content_words(one.name).isdisjoint(content_words(other.name))


def portrait(rng: random.Random, thing: Thing, *, studio: Studio) -> tuple[Scene, Picture]:
    """Draw one thing, from a seed of its own that belongs to the studio's split."""
    own = random.Random(drawn_seed(rng, "naming", studio.split))
    return _drawn(own, scene.portrait(own, thing, album=studio.album), studio)


def group(rng: random.Random, *, studio: Studio, count: int | None = None) -> tuple[Scene, Picture]:
    """Draw copies of one thing; thing and count are of the studio's split.

    Args:
        rng: Source of every choice.
        studio: What to draw.
        count: How many, 1 to 6, or any.
    """
    for _ in range(MAX_TRIES):
        number = count if count is not None else rng.randint(1, scene.MAX_GROUP)
        thing = rng.choice(studio.cast.countable)
        if split_of(f"count:{thing.id}x{number}") == studio.split:
            return _drawn(rng, scene.group(rng, thing, number, album=studio.album), studio)
    raise nothing_fits(f"group of {count or 'any count'}", studio.split)


def gathering(rng: random.Random, *, studio: Studio) -> tuple[Scene, Picture]:
    """Draw two to five things, at least two different ones, together of the studio's split."""
    things = company(rng, studio.cast, studio.split)
    length_px = min(len(things), _MAX_TILES) * _TILE_PX
    size_px = rng.choice(((length_px, _TILE_PX), (_TILE_PX, length_px)))
    made = scene.gathering(rng, things, album=studio.album, size_px=size_px)
    return _drawn(rng, made, studio)


def letters(rng: random.Random, *, studio: Studio, style: Hand) -> tuple[Lettering, Picture]:
    """Write one to six letters in no order; those as long as words are of the studio's split."""
    text = drawn_letters(rng, lettering.MAX_SHORT_LETTERS, studio.split)
    own = random.Random(drawn_seed(rng, "lettering", studio.split))
    return _lettered(own, text, studio=studio, style=style)


def word(rng: random.Random, *, studio: Studio, style: Hand) -> tuple[Lettering, Picture]:
    """Write one of the studio's words."""
    if not studio.words:
        raise nothing_fits("word", studio.split)
    return _lettered(rng, rng.choice(studio.words), studio=studio, style=style)


def line(rng: random.Random, *, studio: Studio, style: Hand) -> tuple[Lettering, Picture]:
    """Write two or three of the studio's words, together no longer than 20 letters."""
    for _ in range(MAX_TRIES if studio.words else 0):
        text = " ".join(rng.choices(studio.words, k=rng.choice((2, 2, 3))))
        if len(text) <= _MAX_LINE_LETTERS:
            case = studio.typecase
            written, image = lettering.line_picture(rng, text, style=style, typecase=case)
            return written, _written(written, scene.encode(image), studio)
    raise nothing_fits("short line of words", studio.split)


def chart(rng: random.Random, *, studio: Studio) -> tuple[Chart, Picture]:
    """Draw a bar chart whose bars are of the studio's split."""
    for _ in range(MAX_TRIES):
        shown = charts.chart(rng)
        if split_of(f"chart:{shown.composition}") == studio.split:
            image, data = scene.encode(charts.draw_chart(shown, rng, typecase=studio.typecase))
            printed = studio.typecase.names("printed")
            licenses = {studio.typecase.license(name) for name in printed}
            return shown, Picture(image, data, made_from("pack:fonts", _joined(licenses)))
    raise nothing_fits("chart", studio.split)


def made_from(source: str, license: str, parents: Iterable[str] = ()) -> Origin:
    """Give the origin of something made here from a part of the pack."""
    return Origin(
        source=source,
        license=license,
        created="synthetic",
        generator=GENERATOR,
        parents=tuple(parents),
    )


def company(
    rng: random.Random, cast: Cast, split: Split, *, all_different: bool = False
) -> list[Thing]:
    """Choose two to five things, at least two or all of them different, together of a split."""
    for _ in range(MAX_TRIES):
        things = _company(rng, cast)
        if all_different and len(set(things)) < len(things):
            continue
        if split_of(f"scene:{_composition(things)}") == split:
            return things
    raise nothing_fits("composition of things", split)


def _company(rng: random.Random, cast: Cast) -> list[Thing]:
    """Choose two to five things; none can be taken for another, plural names come once."""
    total = rng.choices((2, 3, 4, 5), (40, 30, 20, 10))[0]
    kinds = rng.randint(2, min(total, 4))
    chosen: list[Thing] = []
    while len(chosen) < kinds:
        thing = rng.choice(cast.countable if not chosen else cast.things)
        if not any(confusable(thing, other) for other in chosen):
            chosen.append(thing)
    repeatable = [thing for thing in chosen if not thing.is_plural]
    chosen += rng.choices(repeatable, k=total - kinds)
    rng.shuffle(chosen)
    return chosen


def _composition(things: Sequence[Thing]) -> str:
    return Scene(
        tuple(scene.Placed(thing, "noto", (0.0, 0.0, 1.0, 1.0)) for thing in things), (1, 1), 0
    ).composition


def _drawn(rng: random.Random, shown: Scene, studio: Studio) -> tuple[Scene, Picture]:
    image, data = scene.encode(scene.draw(shown, rng, album=studio.album))
    drawn = {"Apache-2.0" if p.style == "noto" else "MIT" for p in shown.placed}
    parents = dict.fromkeys(f"thing:{p.thing.id}" for p in shown.placed)
    return shown, Picture(
        image, data, made_from("pack:things", _joined(drawn | {"Unicode-3.0"}), parents)
    )


def _lettered(
    rng: random.Random, text: str, *, studio: Studio, style: Hand
) -> tuple[Lettering, Picture]:
    case = studio.typecase
    written, image = lettering.word_picture(rng, text, style=style, typecase=case, indents=_INDENTS)
    return written, _written(written, scene.encode(image), studio)


def _written(written: Lettering, encoded: tuple[Image, bytes], studio: Studio) -> Picture:
    image, data = encoded
    licenses = {studio.typecase.license(written.font), "MPL-2.0", "Unicode-3.0"}
    parents = [f"word:{text}" for text in written.text.split()]
    return Picture(image, data, made_from("pack:fonts", _joined(licenses), parents))


def _joined(licenses: Iterable[str]) -> str:
    return " AND ".join(sorted(licenses))
