"""Pairs of a better and a worse answer to the same prompt.

Half are about the variety: the same thing said in European and in Brazilian Portuguese. The other
half are about a picture: the right answer and one of the same shape with one fact wrong. ``reason``
says which. Everything stays within one split.

Not covered: answers that differ in style or length only, unsafe answers.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from amalia.records import Conversation, Origin, Preference, Row
from amalia.synth import chart_questions, phrasing, questions, subjects
from amalia.synth.conversations import (
    assistant,
    conversation,
    drawn,
    drawn_kind,
    scene_questions,
    user,
)
from amalia.synth.lettering import Hand
from amalia.synth.phrasing import ask, fill
from amalia.synth.questions import Question
from amalia.synth.subjects import Picture, Studio
from amalia.synth.varieties import Varieties

PREFERENCE_WEIGHTS: Mapping[str, float] = {
    "variety_pt_br": 0.5,
    "hallucinated_object": 0.08,
    "wrong_name": 0.1,
    "wrong_count": 0.08,
    "wrong_position": 0.05,
    "wrong_reading": 0.08,
    "wrong_yes_no": 0.07,
    "wrong_chart": 0.04,
}
_MIN_SHARED_WORDS = 3


@dataclass(frozen=True, slots=True)
class Pair:
    """A prompt with the pt-PT and the pt-BR answer."""

    text: str
    ours: str
    theirs: str
    group: str
    """"paragraph" or "name"."""
    origin: Origin
    picture: Picture | None = None


def preferences(
    rng: random.Random,
    *,
    studio: Studio,
    varieties: Varieties,
    weights: Mapping[str, float] = PREFERENCE_WEIGHTS,
) -> Iterator[Row[Preference]]:
    """Make preferences without end.

    Args:
        rng: Source of every choice; the same state gives the same rows.
        studio: What pictures are made of and with, and their split.
        varieties: What Portugal and Brazil say differently; of the same split.
        weights: How often each reason of ``PREFERENCE_WEIGHTS`` is made, relative to their sum.

    Yields:
        A preference and the PNG of its picture, if it has one.

    Raises:
        RecipeError: If ``weights`` names an unknown reason or nothing has a weight.
        RecordError: If the studio lacks what a reason needs.
    """
    reasons = set(PREFERENCE_WEIGHTS)
    if not varieties.names and not varieties.twins:
        reasons.remove("variety_pt_br")
    available = {reason: reason for reason in sorted(reasons)}
    while True:
        reason = drawn_kind(rng, weights, available, known=PREFERENCE_WEIGHTS)
        if reason == "variety_pt_br":
            pair = variety_pair(rng, varieties, studio=studio)
            yield _row(pair.text, pair.ours, pair.theirs, reason, pair.origin, pair.picture)
        else:
            question, picture = _asked(rng, reason, studio)
            assert question.wrong_answer is not None
            right, wrong = question.answer, question.wrong_answer
            yield _row(question.text, right, wrong, reason, picture.origin, picture)


def variety_pair(
    rng: random.Random, varieties: Varieties, *, studio: Studio, group: str | None = None
) -> Pair:
    """Make a prompt that asks for Portuguese, and the answers of Portugal and of Brazil.

    Args:
        rng: Source of every choice.
        varieties: What to say; not empty for the group wanted.
        studio: What pictures are drawn with.
        group: "paragraph", "name", or either (seven in ten are paragraphs).
    """
    if group is None:
        both = varieties.twins and varieties.names
        paragraph = rng.random() < 0.7 if both else bool(varieties.twins)
        group = "paragraph" if paragraph else "name"
    if group == "paragraph":
        return _paragraph_pair(rng, varieties)
    thing, names = rng.choice(varieties.names)
    if thing in studio.cast.things and rng.random() < 0.5:
        _, picture = subjects.portrait(rng, thing, studio=studio)
        return _name_pair(questions.local_name(rng, names), picture)
    bank = phrasing.TRANSLATE_NAME
    form = rng.choice(bank.answers)
    ours, theirs = (fill(form, {"name": name}) for name in names)
    text = ask(rng, bank, {"br": names[1]})
    origin = subjects.made_from("pack:things", "Unicode-3.0", (f"thing:{thing.id}",))
    return Pair(text, ours, theirs, "name", origin)


def _paragraph_pair(rng: random.Random, varieties: Varieties) -> Pair:
    twin = rng.choice(varieties.twins)
    ours, theirs = twin.pt_pt, twin.pt_br
    start = _shared_start(ours, theirs)
    title = varieties.titles.get(twin.page)
    kinds = {"rewrite": 0.3, "translate": 0.3}
    if start:
        kinds["continue"] = 0.4
    if title:
        kinds["about"] = 0.2
    kind = drawn(rng, kinds)
    if kind == "rewrite":
        text = ask(rng, phrasing.REWRITE, {"text": theirs})
    elif kind == "translate":
        text = ask(rng, phrasing.TRANSLATE, {"text": twin.en})
    elif kind == "about":
        text = ask(rng, phrasing.ABOUT, {"text": title or ""})
    else:
        text = ask(rng, phrasing.CONTINUE, {"text": start})
        ours, theirs = (said.removeprefix(start).strip() for said in (ours, theirs))
    origin = subjects.made_from("pack:paragraphs", "MPL-2.0", (twin.id,))
    return Pair(text, ours, theirs, "paragraph", origin)


def _name_pair(question: Question, picture: Picture) -> Pair:
    assert question.wrong_answer is not None
    right, wrong = question.answer, question.wrong_answer
    return Pair(question.text, right, wrong, "name", picture.origin, picture)


def _shared_start(ours: str, theirs: str) -> str:
    """Give the words two texts begin with alike; nothing if they are few or end one text."""
    a, b = ours.split(" "), theirs.split(" ")
    shared = 0
    while shared < min(len(a), len(b)) and a[shared] == b[shared]:
        shared += 1
    if shared < _MIN_SHARED_WORDS or shared == min(len(a), len(b)):
        return ""
    return " ".join(a[:shared])


def _asked(rng: random.Random, reason: str, studio: Studio) -> tuple[Question, Picture]:
    if reason == "wrong_name":
        thing = rng.choice(studio.cast.things)
        other = studio.cast.absent(rng, [thing])
        _, picture = subjects.portrait(rng, thing, studio=studio)
        return questions.naming(rng, thing, other=other), picture
    if reason == "wrong_reading":
        style: Hand = "printed" if rng.random() < 0.5 else "handwriting"
        write = subjects.word if rng.random() < 0.8 else subjects.line
        written, picture = write(rng, studio=studio, style=style)
        return questions.reading(rng, written), picture
    if reason == "wrong_chart":
        chart, picture = subjects.chart(rng, studio=studio)
        lowest = rng.random() < 0.5
        asked = (
            chart_questions.tallest(rng, chart, lowest=lowest),
            chart_questions.bar_value(rng, chart),
            chart_questions.num_bars(rng, chart),
        )
        return rng.choice(asked), picture
    if reason == "wrong_count":
        # Of one thing alone: among others there is mostly one of each, and whoever learns to prefer
        # one to two from those says "two" too seldom.
        scene, picture = subjects.group(rng, studio=studio)
        return questions.counting(rng, scene, scene.placed[0].thing), picture
    wanted = {
        "hallucinated_object": ("describing",),
        "wrong_yes_no": ("presence",),
        "wrong_position": ("side", "neighbour"),
    }[reason]
    while True:
        scene, picture = subjects.gathering(rng, studio=studio)
        found = scene_questions(rng, scene, cast=studio.cast)
        usable = [found[kind] for kind in wanted if kind in found]
        if usable:
            return rng.choice(usable), picture


def _row(
    text: str, chosen: str, rejected: str, reason: str, origin: Origin, picture: Picture | None
) -> Row[Preference]:
    turn = user(text, picture)
    prompt: Conversation = conversation(f"preference-{reason}", [turn], origin)
    # The same question of the same picture may come with another pair of answers.
    answered = [turn, assistant(chosen), assistant(rejected)]
    said = conversation(f"preference-{reason}", answered, origin)
    made = Preference(
        id=said.id,
        prompt=prompt,
        chosen=assistant(chosen),
        rejected=assistant(rejected),
        reason=reason,
        origin=origin,
    )
    return Row(made, {picture.image.sha256: picture.data} if picture else {})
