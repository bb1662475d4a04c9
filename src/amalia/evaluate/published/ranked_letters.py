"""The letter of an option as lmms-eval's shared reader finds it: places of different rank, the highest one wins.

CARAVELA and RealWorldQA are scored by it. A letter that begins the answer outranks every other, and the reader knows
no Portuguese phrase, so «A resposta correta é B.» is read as A.
"""

from typing import NamedTuple

from amalia.evaluate.task import Score
from amalia.records import Sample

LETTERS = "ABCD"
_MARKS = ",.!?;:'\""
_PHRASES = (
    *(
        f"{before}answer is"
        for before in ("the ", "", "the correct ", "correct ", "the best ", "best ")
    ),
    *(f"{before}option is" for before in ("the correct ", "correct ", "the best ", "best ")),
    *(f"{before}choice is" for before in ("the ", "", "the correct ", "correct ")),
    *("i choose", "i select", "i pick", "my answer is", "my choice is"),
    *("옵션", "정답은", "답은", "답:", "答案是", "答案为", "选", "答えは"),
)


class _Found(NamedTuple):
    rank: int
    place: int
    letter: str
    rule: str


def read(text: str) -> tuple[str, str]:
    """Read a letter from A to D.

    Returns:
        The letter, empty where none is found, and the rule by which it was found.
    """
    padded = text.strip()
    if not padded:
        return "", "the answer is empty"
    for mark in _MARKS:
        padded = padded.strip(mark)
    padded = f" {padded} "
    found = [*_marked(padded), *_phrased(padded), *_outer(padded)]
    if not found:
        found = [
            _Found(0, padded.rfind(letter), letter, "a capital in a word")
            for letter in LETTERS
            if letter in padded
        ]
    # Of equals the first stays, as in a stable sort from high to low.
    best = max(found, key=lambda item: (item.rank, item.place), default=None)
    return (best.letter, best.rule) if best else ("", "no capital from A to D stands in the answer")


def score(text: str, sample: Sample) -> Score:
    """Score the letter that is read."""
    letter, rule = read(text)
    return Score(float(letter == sample.target), letter, readable=bool(letter), note=rule)


def _marked(text: str) -> list[_Found]:
    forms = (
        (6, "({})", "a letter in brackets"),
        (5, "{}.", "a letter before a full stop"),
        (4, "{}:", "a letter before a colon"),
        (3, "{})", "a letter before a bracket"),
        (2, "{} ", "a letter before a blank"),
    )
    return [
        _Found(rank, text.rfind(form.format(letter)), letter, rule)
        for rank, form, rule in forms
        for letter in LETTERS
        if form.format(letter) in text
    ]


def _phrased(text: str) -> list[_Found]:
    """Find, behind each phrase, where every letter stands first, be it inside a word."""
    lowered = text.lower()
    found = []
    for phrase in _PHRASES:
        start = lowered.find(phrase)
        for letter in LETTERS if start >= 0 else "":
            place = text.find(letter, start + len(phrase))
            if place >= 0:
                found.append(_Found(7, place, letter, f"a capital behind «{phrase}»"))
    return found


def _outer(text: str) -> list[_Found]:
    said = text.strip()
    found = []
    for letter in LETTERS:
        if said.startswith(letter) and not said[1:2].isalpha():
            found.append(_Found(10, 0, letter, "the letter begins the answer"))
        if said.endswith(letter) and not said[-2:-1].isalpha():
            found.append(_Found(9, len(text) - 1, letter, "the letter ends the answer"))
    return found
