"""Pictures with a right and a nearly right caption, to train a vision tower by contrast.

Every pair is a ``Preference`` whose prompt is the picture alone. The rejected caption differs in
the one thing the picture decides: another thing, another count, the opposite side, other letters,
another value; ``reason`` names it. Rows are endless and a pure function of the generator's state.

Not covered: captions that are whole sentences; those are conversations.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from PIL import Image

from amalia.errors import RecordError
from amalia.pack import Font, Thing
from amalia.records import Conversation, Origin, Preference, Row, Turn
from amalia.records import Text as TextPart
from amalia.synth.chart import COLORS, MAX_VALUE, Chart, chart, draw_chart
from amalia.synth.grammar import counted, enumerated
from amalia.synth.lettering import MAX_SHORT_LETTERS, Hand, Typecase, word_picture
from amalia.synth.scene import (
    MAX_GATHERING,
    MAX_GROUP,
    OPPOSITE,
    Album,
    Placed,
    Relation,
    Scene,
    draw,
    encode,
    gathering,
    group,
    portrait,
    relations,
)
from amalia.synth.spelling import misspelt
from amalia.synth.splits import Split, drawn_letters, drawn_seed, split_of, word_split

GENERATOR = "amalia.synth.captions@1"
EVERYDAY_SHARE = 0.9
"""Of the pictures of one thing."""
_FOUND_WORDS = 0.3

_SIDES: dict[Relation, tuple[str, str]] = {
    "left": ("à esquerda de", "do lado esquerdo de"),
    "right": ("à direita de", "do lado direito de"),
    "above": ("acima de", "por cima de"),
    "below": ("abaixo de", "por baixo de"),
}
_DRAWING_LICENSES = {"noto": "Apache-2.0", "fluent": "MIT"}
_NAMES_LICENSE = "Unicode-3.0"
_PROSE_LICENSE = "MPL-2.0"


@dataclass(frozen=True, slots=True)
class Weights:
    """How often each kind of picture is made; relative to their sum."""

    lettering: float = 0.36
    naming: float = 0.40
    groups: float = 0.08
    gatherings: float = 0.12
    charts: float = 0.04


def caption_pairs(
    rng: random.Random,
    *,
    things: Sequence[Thing],
    fonts: Sequence[Font],
    words: Sequence[str],
    split: Split,
    weights: Weights | None = None,
) -> Iterator[Row[Preference]]:
    """Make pictures of 96 by 96 px with a right and a wrong caption, without end.

    Args:
        rng: Source of every choice; the same state gives the same rows.
        things: Everything that can be named. Groups and gatherings use the everyday ones.
        fonts: At least one printed and one handwriting.
        words: Words to write; those of other splits and longer than a tile can show are left out.
            Strings of random letters are added.
        split: Only words, counts, compositions and picture seeds of this split are used.
        weights: How often each kind is made; by default 40 % names, 36 % lettering, 20 % groups
            and gatherings, 4 % charts.

    Yields:
        A preference and the PNG of its picture.

    Raises:
        RecordError: If there are too few things, words or fonts for a kind with a weight.
    """
    weights = weights or Weights()
    maker = _Maker(
        album=Album(),
        typecase=Typecase(fonts),
        things=tuple(things),
        everyday=tuple(t for t in things if t.everyday and t.gender and t.plural),
        words=tuple(
            word for word in words if word_split(word) == split and len(word) <= MAX_SHORT_LETTERS
        ),
        split=split,
    )
    kinds = (maker.lettering, maker.naming, maker.group, maker.gathering, maker.chart)
    shares = (
        weights.lettering, weights.naming, weights.groups, weights.gatherings, weights.charts,
    )  # fmt: skip
    _check(maker, weights)
    while True:
        yield _row(rng.choices(kinds, shares)[0](rng), split)


@dataclass(frozen=True, slots=True)
class _Captioned:
    picture: Image.Image
    right: str
    wrong: str
    reason: str
    source: str
    licenses: frozenset[str]
    parents: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Maker:
    """One kind of captioned picture a method."""

    album: Album
    typecase: Typecase
    things: tuple[Thing, ...]
    everyday: tuple[Thing, ...]
    words: tuple[str, ...]
    split: Split

    def naming(self, rng: random.Random) -> _Captioned:
        seed = drawn_seed(rng, "naming", self.split)
        # Conversations are about the everyday ones, which are a quarter of all.
        among = self.everyday if self.everyday and rng.random() < EVERYDAY_SHARE else self.things
        thing = rng.choice(among)
        other = _unlike(rng, among, (thing,))
        right, wrong = _named(rng, thing, other)
        light = random.Random(seed)
        scene = portrait(light, thing, album=self.album)
        return self._drawn(scene, light, right=right, wrong=wrong, reason="other_thing")

    def group(self, rng: random.Random) -> _Captioned:
        while True:
            thing, count = rng.choice(self.everyday), rng.randint(1, MAX_GROUP)
            if thing.is_plural and count > 1:
                continue
            if split_of(f"count:{thing.id}x{count}") == self.split:
                break
        scene = group(rng, thing, count, album=self.album)
        right = counted(count, thing)
        if thing.is_plural or rng.random() < 0.25:
            other = _unlike(rng, self.everyday, (thing,))
            wrong, reason = counted(1 if other.is_plural else count, other), "other_thing"
        else:
            wrong, reason = counted(_other_count(rng, count, MAX_GROUP), thing), "other_count"
        return self._drawn(scene, rng, right=right, wrong=wrong, reason=reason)

    def gathering(self, rng: random.Random) -> _Captioned:
        while True:
            counts = self._cast(rng)
            cast = [thing for thing, count in counts for _ in range(count)]
            rng.shuffle(cast)
            scene = gathering(rng, cast, album=self.album)
            if split_of(f"scene:{scene.composition}") == self.split:
                break
        single = [placed for placed in scene.placed if cast.count(placed.thing) == 1]
        if len(single) >= 2 and rng.random() < 0.6:
            right, wrong, reason = self._related(rng, single, [thing for thing, _ in counts])
        else:
            right, wrong, reason = self._listed(rng, counts)
        return self._drawn(scene, rng, right=right, wrong=wrong, reason=reason)

    def lettering(self, rng: random.Random) -> _Captioned:
        found = rng.random() < _FOUND_WORDS
        text = (
            rng.choice(self.words) if found else drawn_letters(rng, MAX_SHORT_LETTERS, self.split)
        )
        style: Hand = "printed" if rng.random() < 0.5 else "handwriting"
        own = random.Random(drawn_seed(rng, "lettering", self.split))
        written, picture = word_picture(own, text, style=style, typecase=self.typecase)
        wrong, reason = misspelt(rng, text)
        licenses = {self.typecase.license(written.font)}
        if found:
            licenses |= {_PROSE_LICENSE, _NAMES_LICENSE}
        parents = (f"word:{text}",) if found else ()
        return _Captioned(
            picture, f"«{text}»", f"«{wrong}»", reason, "pack:fonts", frozenset(licenses), parents
        )

    def chart(self, rng: random.Random) -> _Captioned:
        made = chart(rng)
        while split_of(f"chart:{made.composition}") != self.split:
            made = chart(rng)
        other, reason = _other_chart(rng, made)
        licenses = {self.typecase.license(name) for name in self.typecase.names("printed")}
        picture = draw_chart(made, rng, typecase=self.typecase)
        right, wrong = _bars(made), _bars(other)
        return _Captioned(picture, right, wrong, reason, "pack:fonts", frozenset(licenses), ())

    def _drawn(
        self, scene: Scene, rng: random.Random, *, right: str, wrong: str, reason: str
    ) -> _Captioned:
        licenses = {_DRAWING_LICENSES[placed.style] for placed in scene.placed}
        parents = tuple(sorted({f"thing:{placed.thing.id}" for placed in scene.placed}))
        picture = draw(scene, rng, album=self.album)
        return _Captioned(
            picture, right, wrong, reason, "pack:things", frozenset({*licenses, _NAMES_LICENSE}),
            parents,
        )  # fmt: skip

    def _cast(self, rng: random.Random) -> list[tuple[Thing, int]]:
        """Choose two to four kinds of things, each told apart from the others by its name."""
        cast: list[tuple[Thing, int]] = []
        room = MAX_GATHERING
        kinds = rng.choices((2, 3, 4), (6, 3, 1))[0]
        for left in range(kinds, 0, -1):
            thing = _unlike(rng, self.everyday, [thing for thing, _ in cast])
            count = rng.choices((1, 2, 3), (7, 2, 1))[0]
            count = 1 if thing.is_plural else min(count, room - (left - 1))
            cast.append((thing, count))
            room -= count
        return cast

    def _related(
        self, rng: random.Random, single: Sequence[Placed], present: Sequence[Thing]
    ) -> tuple[str, str, str]:
        one, other = rng.sample(single, 2)
        relation = relations(one, other)[0]
        wording = int(rng.random() < 0.25)
        right = _beside(one.thing, relation, other.thing, wording)
        change = rng.choices(("side", "names", "thing"), (4, 3, 3))[0]
        if change == "side":
            wrong = _beside(one.thing, OPPOSITE[relation], other.thing, wording)
        elif change == "names":
            wrong = _beside(other.thing, relation, one.thing, wording)
        else:
            absent = _unlike(rng, self.everyday, present)
            pair = (absent, other.thing) if rng.random() < 0.5 else (one.thing, absent)
            return right, _beside(pair[0], relation, pair[1], wording), "other_thing"
        return right, wrong, "swapped_relation"

    def _listed(
        self, rng: random.Random, counts: Sequence[tuple[Thing, int]]
    ) -> tuple[str, str, str]:
        wrong = list(counts)
        at = rng.randrange(len(wrong))
        thing, count = wrong[at]
        if thing.is_plural or rng.random() < 0.5:
            absent = _unlike(rng, self.everyday, [thing for thing, _ in counts])
            wrong[at], reason = (absent, 1 if absent.is_plural else count), "other_thing"
        else:
            wrong[at], reason = (thing, _other_count(rng, count, 4)), "other_count"
        return _enumerated(counts), _enumerated(wrong), reason


def _check(maker: _Maker, weights: Weights) -> None:
    if weights.lettering > 0:
        if not maker.words:
            raise RecordError(
                f"no word of the {maker.split} split to write; give more words", reason="no_word"
            )
        maker.typecase.names("handwriting")
    if weights.lettering > 0 or weights.charts > 0:
        maker.typecase.names("printed")
    if weights.naming > 0 and len(maker.things) < 2:
        raise RecordError(
            f"too few things to name, got {len(maker.things)}; give at least 2", reason="no_thing"
        )
    # Four are shown at most and one more must be left to be wrong about.
    if (weights.groups > 0 or weights.gatherings > 0) and len(maker.everyday) < MAX_GATHERING:
        raise RecordError(
            f"too few everyday things for groups, got {len(maker.everyday)}; "
            f"give at least {MAX_GATHERING}",
            reason="no_thing",
        )


def _row(made: _Captioned, split: Split) -> Row[Preference]:
    image, data = encode(made.picture)
    origin = Origin(
        source=made.source,
        license=" AND ".join(sorted(made.licenses)),
        created="synthetic",
        generator=GENERATOR,
        parents=made.parents,
    )
    name = f"caption-{split}-{image.sha256[:20]}"
    asked = Conversation(
        id=name, turns=(Turn(role="user", parts=(image,)),), language="pt-PT", origin=origin
    )
    preference = Preference(
        id=name,
        prompt=asked,
        chosen=Turn(role="assistant", parts=(TextPart(text=made.right),)),
        rejected=Turn(role="assistant", parts=(TextPart(text=made.wrong),)),
        reason=made.reason,
        origin=origin,
    )
    return Row(preference, {image.sha256: data})


def _unlike(rng: random.Random, among: Sequence[Thing], present: Sequence[Thing]) -> Thing:
    """Choose a thing whose name would be wrong of all that are present, often a related one."""
    for attempt in range(200):
        other = rng.choice(among)
        related = not present or any(other.category == thing.category for thing in present)
        if attempt < 12 and not related:
            continue
        if all(_told_apart(other, thing) for thing in present):
            return other
    raise RecordError(
        f"no thing with a name apart from {sorted(thing.name for thing in present)}; "
        "give things of more different names",
        reason="no_other_thing",
    )


def _told_apart(one: Thing, other: Thing) -> bool:
    ours, theirs = one.name.casefold(), other.name.casefold()
    if one.id == other.id or ours in other.keywords or theirs in one.keywords:
        return False
    a, b = set(ours.split()), set(theirs.split())
    return not (a <= b or b <= a)


def _named(rng: random.Random, thing: Thing, other: Thing) -> tuple[str, str]:
    form = rng.choices(("name", "article", "keyword"), (55, 25, 20))[0]
    if form == "article" and all(t.everyday and t.gender and t.plural for t in (thing, other)):
        return counted(1, thing), counted(1, other)
    if form == "keyword":
        return _with_keyword(rng, thing), _with_keyword(rng, other)
    return thing.name, other.name


def _with_keyword(rng: random.Random, thing: Thing) -> str:
    known = set(thing.name.casefold().split())
    more = [word for word in thing.keywords if known.isdisjoint(word.casefold().split())]
    return f"{thing.name}, {rng.choice(more)}" if more else thing.name


def _other_count(rng: random.Random, count: int, most: int) -> int:
    near = [other for other in (count - 1, count + 1) if 1 <= other <= most]
    if rng.random() < 0.7:
        return rng.choice(near)
    return rng.choice([other for other in range(1, most + 1) if other != count])


def _beside(one: Thing, relation: Relation, other: Thing, wording: int) -> str:
    return f"{counted(1, one)} {_SIDES[relation][wording]} {counted(1, other)}"


def _enumerated(counts: Sequence[tuple[Thing, int]]) -> str:
    return enumerated([counted(count, thing) for thing, count in counts])


def _bars(made: Chart) -> str:
    first, *others = made.bars
    parts = [f"uma barra {first.color} com {first.value}"]
    parts += [f"uma {bar.color} com {bar.value}" for bar in others]
    return enumerated(parts)


def _other_chart(rng: random.Random, made: Chart) -> tuple[Chart, str]:
    bars = list(made.bars)
    at, then = rng.sample(range(len(bars)), 2)
    change = rng.choice(("other_value", "other_color", "swapped_values"))
    if change == "other_value":
        others = [value for value in range(1, MAX_VALUE + 1) if value != bars[at].value]
        bars[at] = replace(bars[at], value=rng.choice(others))
    elif change == "other_color":
        unused = sorted(set(COLORS) - {bar.color for bar in bars})
        bars[at] = replace(bars[at], color=rng.choice(unused))
    else:
        bars[at], bars[then] = (
            replace(bars[at], value=bars[then].value),
            replace(bars[then], value=bars[at].value),
        )
    return replace(made, bars=tuple(bars)), change
