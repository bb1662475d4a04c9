"""Questions about a scene, a chart or a written word, with the answer known by construction.

Each function looks at the value a picture was drawn from, never at pixels. A question carries its
right answer as a sentence, the bare fact in that sentence, and a wrong answer of the same shape, so
that conversations, preferences and samples are made from the same questions.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from amalia.pack import Thing
from amalia.synth import phrasing
from amalia.synth.grammar import (
    agreement,
    counted,
    definite,
    enumerated,
    indefinite,
    inflected,
    number_word,
)
from amalia.synth.lettering import Lettering
from amalia.synth.phrasing import Bank, ask, fill
from amalia.synth.scene import MAX_GROUP, Box, Placed, Relation, Scene, relations
from amalia.synth.spelling import misspelt

# Between two things that leave a gap: "acima de", since "em cima de" would mean standing on it.
_SIDES: Mapping[Relation, tuple[str, str, tuple[str, ...]]] = {
    "left": ("à esquerda", "à esquerda", ("esquerda",)),
    "right": ("à direita", "à direita", ("direita",)),
    "above": ("em cima", "acima", ("acima", "por cima")),
    "below": ("em baixo", "abaixo", ("abaixo", "por baixo")),
}


@dataclass(frozen=True, slots=True)
class Question:
    """A question with its known answer."""

    kind: str
    """naming, variety, yes_no, describing, counting, position, pointing, reading, reading_line,
    letters or chart."""
    text: str
    answer: str
    """The right answer as a sentence."""
    target: str
    """The bare fact: "gato", "3", "sim", "à esquerda", "[0.12, 0.30, 0.45, 0.71]"."""
    accepted: tuple[str, ...] = ()
    """Other right forms of the fact."""
    group: str = ""
    """A finer label within the kind."""
    wrong_answer: str | None = None
    """Shaped like ``answer`` with the fact wrong; None where no wrong fact suggests itself."""


def naming(rng: random.Random, thing: Thing, *, other: Thing) -> Question:
    """Ask what the one thing in a picture is; the wrong answer says it is ``other``."""
    bank = phrasing.NAMING
    form = rng.choice(bank.answers)
    return Question(
        "naming",
        ask(rng, bank, {}),
        fill(form, agreement(thing)),
        thing.name,
        (indefinite(thing), definite(thing)),
        thing.category,
        fill(form, agreement(other)),
    )


def choice(rng: random.Random, thing: Thing, *, other: Thing) -> Question:
    """Ask which of two things a picture shows, named in either order."""
    bank = phrasing.CHOICE
    form = rng.choice(bank.answers)
    first, second = (thing, other) if rng.random() < 0.5 else (other, thing)
    return Question(
        "naming",
        ask(rng, bank, agreement(first) | agreement(second, "2")),
        fill(form, agreement(thing, "3")),
        thing.name,
        (indefinite(thing), definite(thing)),
        "choice",
        fill(form, agreement(other, "3")),
    )


def local_name(rng: random.Random, names: tuple[str, str]) -> Question:
    """Ask what the one thing in a picture is called in Portugal; wrong is its Brazilian name."""
    ours, theirs = names
    bank = phrasing.LOCAL_NAME
    form = rng.choice(bank.answers)
    text = ask(rng, bank, {"br": theirs})
    right, wrong = (fill(form, {"name": name}) for name in names)
    return Question("variety", text, right, ours, (), "name", wrong)


def is_it(rng: random.Random, thing: Thing, *, other: Thing, truth: bool) -> Question:
    """Ask whether the one thing shown is ``thing``, which it is (``truth``), or ``other``."""
    asked = thing if truth else other
    fields = agreement(asked) | agreement(other if truth else thing, "2")
    return _closed(rng, phrasing.IS_IT, fields, truth=truth, group="portrait")


def presence(rng: random.Random, scene: Scene, thing: Thing) -> Question:
    """Ask whether a thing is in a picture; the answer lists all there is before it says yes or no.

    The wrong answer lists the same and says the opposite: were its list wrong too, who learns from it
    would unlearn that the verdict follows from the list.
    """
    number = _number(scene, thing)
    fields = agreement(thing) | {"list": _listed(_tally(scene))}
    return _closed(rng, phrasing.PRESENCE, fields, truth=number > 0, group="presence")


def count_check(rng: random.Random, scene: Scene, thing: Thing, *, asked: int) -> Question:
    """Ask whether there are exactly ``asked`` (2 or more) of a thing that is in the picture."""
    number = _number(scene, thing)
    assert thing.gender is not None
    # Who says no to the right number takes one for another.
    mistaken = asked if asked != number else asked - 1
    fields = {
        "asked": counted(asked, thing),
        "denied": number_word(asked, thing.gender),
        "counted": counted(number, thing),
    }
    return _closed(
        rng,
        phrasing.COUNT_CHECK,
        fields,
        truth=asked == number,
        group="count",
        wrong_fields={"counted": counted(mistaken, thing)},
    )


def describing(rng: random.Random, scene: Scene, *, other: Thing) -> Question:
    """Ask for everything in a picture; the answer goes along its longer side, from left or top.

    It adds what there is more than one of and sometimes where one thing is. The wrong answer names
    ``other`` in place of one thing.
    """
    tally = _tally(scene)
    bank = phrasing.DESCRIBING
    form = rng.choice(bank.answers)
    swapped = rng.randrange(len(tally))
    mistaken = _swapped(tally, swapped, other)
    answer = fill(form, {"list": _listed(tally)}) + _several(tally)
    wrong_answer = fill(form, {"list": _listed(mistaken)}) + _several(mistaken)
    places = _sided(scene)
    if places and rng.random() < 0.4:
        one, another, relation = rng.choice(places)
        one_thing, another_thing = one.thing, another.thing
        replaced = tally[swapped][0].id
        answer += " " + _place(one_thing, another_thing, relation)
        wrong_answer += " " + _place(
            other if one_thing.id == replaced else one_thing,
            other if another_thing.id == replaced else another_thing,
            relation,
        )
    return Question(
        "describing",
        ask(rng, bank, {}),
        answer,
        enumerated([counted(number, thing) for thing, number in tally]),
        (enumerated([counted(number, thing) for thing, number in reversed(tally)]),),
        str(len(tally)),
        wrong_answer,
    )


def counting(rng: random.Random, scene: Scene, thing: Thing) -> Question:
    """Ask how many of a thing there are; the wrong answer is another number a scene can have."""
    assert thing.gender is not None
    number = _number(scene, thing)
    if number == len(scene.placed):
        # Any number as often: were it always a neighbour, the largest would hardly ever be wrong, and
        # who learns from the wrong answers would say it too often.
        wrong = rng.choice([n for n in range(1, MAX_GROUP + 1) if n != number])
    else:
        wrong = number + rng.choice((-1, 1)) if number else 1
    bank = phrasing.COUNTING
    form = rng.randrange(len(bank.answers))
    spelled = (number_word(number, thing.gender),)
    none = (inflected(thing, "nenhum"),) if number == 0 else ()
    return Question(
        "counting",
        ask(rng, bank, agreement(thing)),
        _how_many(form, thing, number),
        str(number),
        none + spelled,
        str(number),
        _how_many(form, thing, wrong),
    )


def side(rng: random.Random, scene: Scene) -> Question | None:
    """Ask on which side of one thing another is; None if every pair leaves doubt."""
    places = _sided(scene)
    if not places:
        return None
    one, another, relation = rng.choice(places)
    opposite = next(r for a, b, r in places if (a, b) == (another, one))
    bank = phrasing.SIDE
    form = rng.choice(bank.answers)
    fields = agreement(one.thing) | agreement(another.thing, "2")
    said, _, said_also = _SIDES[relation]
    return Question(
        "position",
        ask(rng, bank, fields),
        fill(form, fields | {"side": said}),
        said,
        said_also,
        "side",
        fill(form, fields | {"side": _SIDES[opposite][0]}),
    )


def neighbour(rng: random.Random, scene: Scene, *, other: Thing) -> Question | None:
    """Ask what is on one side of a thing; None unless just one thing is on such a side."""
    asked: list[tuple[Placed, Placed, Relation]] = []
    for another, one, relation in _sided(scene):
        rivals = [p for p in scene.placed if p not in (one, another) and _leans(p, one, relation)]
        if not rivals:
            asked.append((one, another, relation))
    if not asked:
        return None
    one, another, relation = rng.choice(asked)
    bank = phrasing.NEIGHBOUR
    form = rng.choice(bank.answers)
    fields = agreement(one.thing) | {"side": _SIDES[relation][1]}
    answer = another.thing
    return Question(
        "position",
        ask(rng, bank, fields),
        fill(form, fields | agreement(answer, "2")),
        answer.name,
        (indefinite(answer), definite(answer)),
        "neighbour",
        fill(form, fields | agreement(other, "2")),
    )


def pointing(rng: random.Random, scene: Scene) -> Question | None:
    """Ask for the box of a thing that is there once, or None if all are there several times."""
    alone = _alone(scene)
    if not alone:
        return None
    placed = rng.choice(alone)
    bank = phrasing.POINTING
    box = box_text(placed.box)
    fields = agreement(placed.thing)
    answer = fill(rng.choice(bank.answers), fields | {"box": box})
    return Question("pointing", ask(rng, bank, fields), answer, box, group=str(len(scene.placed)))


def box_text(box: Box) -> str:
    """Write a box as "[0.12, 0.30, 0.45, 0.71]"."""
    return f"[{', '.join(f'{value:.2f}' for value in box)}]"


def reading(rng: random.Random, lettering: Lettering, *, is_word: bool = True) -> Question:
    """Ask what is written; the wrong answer has a letter or two wrong.

    Args:
        rng: Source of every choice.
        lettering: A word, a line of words, or letters that are no word.
        is_word: Whether it may be called a word.
    """
    several = " " in lettering.text
    single = phrasing.READING if is_word else phrasing.READING_LETTERS
    bank = phrasing.READING_LINE if several else single
    form = rng.choice(bank.answers)
    return Question(
        "reading_line" if several else "reading",
        ask(rng, bank, {}),
        fill(form, {"read": lettering.text}),
        lettering.text,
        (),
        lettering.style,
        fill(form, {"read": misspelt(rng, lettering.text)[0]}),
    )


def first_letter(rng: random.Random, lettering: Lettering) -> Question:
    """Ask for the first letter of what is written."""
    bank, letter = phrasing.FIRST_LETTER, lettering.text[0]
    answer = fill(rng.choice(bank.answers), {"read": letter})
    return Question("letters", ask(rng, bank, {}), answer, letter, group="first")


def num_letters(rng: random.Random, lettering: Lettering) -> Question:
    """Ask how many letters (at most 12) the written word has."""
    bank, number = phrasing.NUM_LETTERS, len(lettering.text)
    spelled = number_word(number, "f")
    answer = fill(rng.choice(bank.answers), {"number": spelled})
    return Question("letters", ask(rng, bank, {}), answer, str(number), (spelled,), "number")


def _closed(
    rng: random.Random,
    bank: Bank,
    fields: Mapping[str, str],
    *,
    truth: bool,
    group: str,
    wrong_fields: Mapping[str, str] | None = None,
) -> Question:
    form = rng.randrange(len(bank.answers))
    right, wrong = (bank.answers, bank.denials) if truth else (bank.denials, bank.answers)
    return Question(
        "yes_no",
        ask(rng, bank, fields),
        fill(right[form], fields),
        "sim" if truth else "não",
        (),
        group,
        fill(wrong[form], {**fields, **(wrong_fields or {})}),
    )


def _how_many(form: int, thing: Thing, number: int) -> str:
    bank = phrasing.COUNTING
    if number == 0:
        none = {"none": inflected(thing, "nenhum")}
        return fill(bank.denials[form], agreement(thing) | none)
    assert thing.gender is not None
    fields = {"counted": counted(number, thing), "number": number_word(number, thing.gender)}
    return fill(bank.answers[form], fields)


def _number(scene: Scene, thing: Thing) -> int:
    return sum(placed.thing.id == thing.id for placed in scene.placed)


def _tally(scene: Scene) -> list[tuple[Thing, int]]:
    """Give each thing once with its number, along the longer side: from the left or from the top."""
    width, height = scene.size_px
    along = 0 if width >= height else 1
    ordered = sorted(scene.placed, key=lambda placed: placed.center[along])
    firsts = {placed.thing.id: placed.thing for placed in ordered}
    return [(thing, _number(scene, thing)) for thing in firsts.values()]


def _swapped(
    tally: Sequence[tuple[Thing, int]], place: int, other: Thing
) -> list[tuple[Thing, int]]:
    """Put another thing into a place of a tally; one whose name is a plural comes once."""
    number = 1 if other.is_plural else tally[place][1]
    return [*tally[:place], (other, number), *tally[place + 1 :]]


def _listed(tally: Sequence[tuple[Thing, int]]) -> str:
    """Name each thing once; a number before a name would commit as an article does."""
    return enumerated([thing.name for thing, _ in tally])


def _several(tally: Sequence[tuple[Thing, int]]) -> str:
    """Say what there is more than one of: " Há duas maçãs.", or nothing."""
    counts = [counted(number, thing) for thing, number in tally if number > 1]
    return f" {fill(phrasing.SEVERAL, {'counted': enumerated(counts)})}" if counts else ""


def _alone(scene: Scene) -> list[Placed]:
    return [placed for placed in scene.placed if _number(scene, placed.thing) == 1]


def _sided(scene: Scene) -> list[tuple[Placed, Placed, Relation]]:
    """Give pairs of things that are there once and stand straight left, right, above or below."""
    alone = _alone(scene)
    pairs = [(a, b, relations(a, b)) for a in alone for b in alone if a is not b]
    return [(a, b, held[0]) for a, b, held in pairs if len(held) == 1]


def _leans(placed: Placed, one: Placed, relation: Relation) -> bool:
    """Say whether ``placed`` could at all be said to be on that side of ``one``."""
    (x, y), (one_x, one_y) = placed.center, one.center
    return {"left": x < one_x, "right": x > one_x, "above": y < one_y, "below": y > one_y}[relation]


def _place(one: Thing, another: Thing, relation: Relation) -> str:
    fields = agreement(one) | agreement(another, "2")
    return fill(phrasing.PLACE, fields | {"side": _SIDES[relation][1]})
