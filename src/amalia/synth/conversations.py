"""Conversations with known answers about a picture: one is shown, and one to four things are asked.

They are an endless, pure function of the generator's state, and stay within one split.

Not covered: several pictures in one conversation, questions whose answer needs knowledge of
the world.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator, Mapping, Sequence

from amalia.errors import RecipeError
from amalia.records import Conversation, Image, Origin, Row, Text, Turn
from amalia.synth import chart_questions, questions, subjects
from amalia.synth.lettering import Hand
from amalia.synth.questions import Question
from amalia.synth.scene import Scene
from amalia.synth.splits import Split
from amalia.synth.subjects import Cast, Picture, Studio
from amalia.synth.varieties import names_by_variety, variety_split

PICTURE_WEIGHTS: Mapping[str, float] = {
    "naming": 0.26,
    "gathering": 0.34,
    "counting": 0.08,
    "reading": 0.26,
    "chart": 0.06,
}
# Once a question has said the name, the picture teaches less: most portraits are to be named.
_FIRST_OF_A_PORTRAIT = {"naming": 0.74, "is_it": 0.18, "choice": 0.08}
_MORE_OF_A_PORTRAIT = 0.3
_FIRST_OF_A_GATHERING = {"describing": 0.42, "presence": 0.42, "placing": 0.16}
# A box is as long as four names, and hard: asked often, it drowns what can be learnt sooner.
_POINTED_AT = 0.04
_LINES = 0.06
# Of few words, seen often, a model guesses the rest; letters in no order have to be looked at.
_LETTERS = 0.5
Asked = tuple[list[Question], Picture]


def picture_conversations(
    rng: random.Random,
    *,
    studio: Studio,
    weights: Mapping[str, float] = PICTURE_WEIGHTS,
) -> Iterator[Row[Conversation]]:
    """Make conversations about one picture each, without end.

    Args:
        rng: Source of every choice; the same state gives the same rows.
        studio: What pictures are made of and with, and their split.
        weights: How often each kind of ``PICTURE_WEIGHTS`` is made, relative to their sum.

    Yields:
        A conversation and the PNG of its picture, which stands in the first user turn.

    Raises:
        RecipeError: If ``weights`` names an unknown kind or nothing has a weight.
        RecordError: If the studio lacks what a kind needs.
    """
    kinds: dict[str, Callable[[random.Random, Studio], Asked]] = {
        "naming": _about_portrait,
        "gathering": _about_gathering,
        "counting": _about_group,
        "reading": _about_writing,
        "chart": _about_chart,
    }
    while True:
        kind = drawn_kind(rng, weights, kinds)
        asked, picture = kinds[kind](rng, studio)
        turns: list[Turn] = []
        for position, question in enumerate(asked):
            shown = picture if position == 0 else None
            turns.append(user(question.text, shown, image_first=rng.random() < 0.7))
            turns.append(assistant(question.answer))
        made = conversation(f"{kind}-{studio.split}", turns, picture.origin)
        yield Row(made, {picture.image.sha256: picture.data})


def user(text: str, picture: Picture | None = None, *, image_first: bool = True) -> Turn:
    """Make a user turn, with a picture before or after the text or none."""
    said = Text(text=text)
    if picture is None:
        return Turn(role="user", parts=(said,))
    parts: tuple[Text | Image, ...] = (
        (picture.image, said) if image_first else (said, picture.image)
    )
    return Turn(role="user", parts=parts)


def assistant(text: str) -> Turn:
    """Make an assistant turn."""
    return Turn(role="assistant", parts=(Text(text=text),))


def conversation(prefix: str, turns: Sequence[Turn], origin: Origin) -> Conversation:
    """Make a conversation whose id is ``prefix`` and a digest of all that is said and shown."""
    said = "\n".join(turn.model_dump_json() for turn in turns)
    digest = hashlib.sha256(said.encode()).hexdigest()[:16]
    return Conversation(
        id=f"{prefix}-{digest}", turns=tuple(turns), language="pt-PT", origin=origin
    )


def drawn_kind(
    rng: random.Random,
    weights: Mapping[str, float],
    available: Mapping[str, object],
    *,
    known: Mapping[str, object] | None = None,
) -> str:
    """Draw a kind among those available, by weight.

    Raises:
        RecipeError: If a weighted kind is not known, or none of the available has a weight.
    """
    unknown = sorted(set(weights) - set(known or available))
    if unknown:
        raise RecipeError(
            f"unknown kind {unknown[0]!r} in weights; expected some of "
            f"{', '.join(sorted(known or available))}; correct its name"
        )
    kinds = [kind for kind in weights if kind in available and weights[kind] > 0]
    if not kinds:
        raise RecipeError(
            f"nothing can be made with weights {dict(weights)}; expected a weight above 0 for one "
            f"of {', '.join(sorted(available))}; give one"
        )
    return drawn(rng, {kind: weights[kind] for kind in kinds})


def scene_questions(rng: random.Random, scene: Scene, *, cast: Cast) -> dict[str, Question]:
    """Ask one question of each kind that a picture of several things allows."""
    present = [placed.thing for placed in scene.placed]
    absent = cast.absent(rng, present)
    countable = [thing for thing in present if not thing.is_plural]
    counted = cast.absent(rng, present, countable=True) if rng.random() < 0.1 else None
    found: dict[str, Question | None] = {
        "describing": questions.describing(rng, scene, other=absent),
        "counting": questions.counting(rng, scene, counted or rng.choice(countable)),
        "presence": _presence(rng, scene, cast),
        "side": questions.side(rng, scene),
        "neighbour": questions.neighbour(rng, scene, other=absent),
    }
    return {kind: question for kind, question in found.items() if question is not None}


def portrait_questions(
    rng: random.Random,
    scene: Scene,
    *,
    cast: Cast,
    split: Split,
    weights: Mapping[str, float] = _FIRST_OF_A_PORTRAIT,
) -> list[Question]:
    """Ask one or two questions about a picture of one thing; ``weights`` are of the first."""
    thing = scene.placed[0].thing
    other = cast.absent(rng, [thing])
    first = {
        "naming": questions.naming(rng, thing, other=other),
        "is_it": questions.is_it(rng, thing, other=other, truth=rng.random() < 0.5),
        "choice": questions.choice(rng, thing, other=other),
    }
    chosen = [first.pop(drawn(rng, weights))]
    if rng.random() < _MORE_OF_A_PORTRAIT:
        more = list(first.values())
        names = names_by_variety(thing)
        if names and variety_split(names) == split:
            more.append(questions.local_name(rng, names))
        chosen.append(rng.choice(more))
    return chosen


def gathering_questions(
    rng: random.Random,
    scene: Scene,
    *,
    cast: Cast,
    weights: Mapping[str, float] = _FIRST_OF_A_GATHERING,
) -> list[Question]:
    """Ask one to three questions about a picture of several things; ``weights`` are of the first.

    A list of all there is answers most other questions, so these come first, or without it.
    """
    found = scene_questions(rng, scene, cast=cast)
    placing = [found[kind] for kind in ("side", "neighbour") if kind in found]
    first = drawn(rng, weights)
    if first == "placing":
        return _mixed(rng, [*placing, found["counting"]], rng.randint(1, 3))
    return [found[first], *_mixed(rng, placing, rng.randint(0, 1))]


def _presence(rng: random.Random, scene: Scene, cast: Cast) -> Question:
    present = [placed.thing for placed in scene.placed]
    asked = rng.choice(present) if rng.random() < 0.5 else cast.absent(rng, present)
    return questions.presence(rng, scene, asked)


def _about_portrait(rng: random.Random, studio: Studio) -> Asked:
    thing = rng.choice(studio.cast.things)
    scene, picture = subjects.portrait(rng, thing, studio=studio)
    asked = portrait_questions(rng, scene, cast=studio.cast, split=studio.split)
    return asked + _pointed_at(rng, scene), picture


def _about_gathering(rng: random.Random, studio: Studio) -> Asked:
    scene, picture = subjects.gathering(rng, studio=studio)
    return gathering_questions(rng, scene, cast=studio.cast) + _pointed_at(rng, scene), picture


def _about_group(rng: random.Random, studio: Studio) -> Asked:
    scene, picture = subjects.group(rng, studio=studio)
    thing, number = scene.placed[0].thing, len(scene.placed)
    absent = studio.cast.absent(rng, [thing], countable=True)
    near = [n for n in (number - 1, number + 1) if n >= 2]
    # Of a single thing only a wrong number can be asked; saying yes as often keeps the balance.
    asked = number if number >= 2 and rng.random() < 0.6 else rng.choice(near)
    others = [
        questions.describing(rng, scene, other=absent),
        questions.count_check(rng, scene, thing, asked=asked),
        questions.counting(rng, scene, absent),
    ]
    # Whatever says how many there are comes after the question of how many.
    return [questions.counting(rng, scene, thing), *rng.sample(others, rng.randint(0, 1))], picture


def _about_writing(rng: random.Random, studio: Studio) -> Asked:
    style: Hand = "printed" if rng.random() < 0.5 else "handwriting"
    if rng.random() < _LINES:
        lettering, picture = subjects.line(rng, studio=studio, style=style)
        return [questions.reading(rng, lettering)], picture
    if rng.random() < _LETTERS:
        lettering, picture = subjects.letters(rng, studio=studio, style=style)
        return [questions.reading(rng, lettering, is_word=False)], picture
    lettering, picture = subjects.word(rng, studio=studio, style=style)
    chosen = [questions.reading(rng, lettering)]
    if rng.random() < 0.3:
        chosen.append(questions.first_letter(rng, lettering))
    if rng.random() < 0.2:
        chosen.append(questions.num_letters(rng, lettering))
    return chosen, picture


def _about_chart(rng: random.Random, studio: Studio) -> Asked:
    chart, picture = subjects.chart(rng, studio=studio)
    pool = [
        chart_questions.tallest(rng, chart),
        chart_questions.tallest(rng, chart, lowest=True),
        chart_questions.num_bars(rng, chart),
        chart_questions.bar_value(rng, chart),
        chart_questions.bar_value(rng, chart),
    ]
    return _mixed(rng, pool, rng.randint(2, 4)), picture


def drawn(rng: random.Random, weights: Mapping[str, float]) -> str:
    """Draw a key by its weight."""
    return rng.choices(list(weights), list(weights.values()))[0]


def _pointed_at(rng: random.Random, scene: Scene) -> list[Question]:
    asked = questions.pointing(rng, scene) if rng.random() < _POINTED_AT else None
    return [asked] if asked else []


def _mixed(rng: random.Random, pool: Sequence[Question], number: int) -> list[Question]:
    """Choose questions in any order, none asked twice."""
    chosen: dict[tuple[str, str, str], Question] = {}
    for question in rng.sample(pool, len(pool)):
        chosen.setdefault((question.kind, question.group, question.target), question)
    return list(chosen.values())[:number]
