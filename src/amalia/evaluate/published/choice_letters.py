"""The letter of an option as four published programs read it: AI2D, MMStar, SEED-Bench and EmbSpatial-Bench.

All four are of lmms-eval as forked for amalia-vl-eval. What they have in common is that they look at places where
a letter may stand and never ask whether the letter there is the article «A».
"""

import re
import string

from amalia.evaluate.task import Score
from amalia.records import Sample

_OPENING = re.compile(r"\s*([A-Z])\.", re.IGNORECASE)
_ALONE = re.compile(r"\s*([A-Z])\s*", re.IGNORECASE)
_PHRASE = re.compile(
    r"(?:resposta|answer|opção|opcao|letra)\s*(?:(?:correta )?[ée])?\s*(?:a\s+)?:?\s*([A-Z])\b",
    re.IGNORECASE,
)
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)
_FIRST = re.compile(r"[\s(]*([A-Z])", re.IGNORECASE)
# Opening of an answer → where the letter is then looked for. MMStar tries all that fit, SEED-Bench the first.
_MMSTAR_PLACES = (
    ("option ", 7),
    ("the answer is ", 14),
    ("opção ", 6),
    ("opcao ", 6),
    ("a resposta é ", 13),
    ("a resposta e ", 13),
    ("a resposta é a ", 15),
    ("a resposta e a ", 15),
    ("resposta: ", 10),
)
_SEED_PLACES = (
    ("opção ", 6),
    ("opcao ", 6),
    ("option ", 7),
    ("a resposta é ", 13),
    ("a resposta e ", 13),
    ("the answer is ", 14),
    ("resposta: ", 10),
)


def phrase_or_whole(text: str, sample: Sample) -> Score:
    """Score as AI2D-PT does: a letter behind one of five nouns, else the whole answer without punctuation."""
    rules = (
        ("a letter and a full stop open the answer", _OPENING.match(text)),
        ("a letter stands behind a noun such as «resposta»", _PHRASE.search(text)),
        ("the answer is one letter", _ALONE.fullmatch(text)),
    )
    note, said = "the whole answer is compared", text.strip()
    for rule, match in rules:
        if match:
            note, said = rule, match[1].upper()
            break
    is_right = _bare(said) == _bare(sample.target)
    return Score(float(is_right), said, readable=bool(said), note=note)


def any_fitting_place(text: str, sample: Sample) -> Score:
    """Score as MMStar-PT does: right if the letter stands at any place that the opening allows."""
    said = _one_line(text)
    target = _one_line(sample.target)
    places = [0, *([1] if said.startswith("(") else [])]
    places += [place for opening, place in _MMSTAR_PLACES if said.startswith(opening)]
    found = [said[place : place + 1] for place in places]
    found = [letter for letter in found if letter]
    is_right = target in found
    read = target if is_right else (found[-1] if found else "")
    note = f"right if it is any of {', '.join(letter.upper() for letter in found) or 'nothing'}"
    return Score(float(is_right), read.upper(), readable=bool(found), note=note)


def first_fitting_place(text: str, sample: Sample) -> Score:
    """Score as SEED-Bench-PT does: the letter behind the first opening that fits, else the first character.

    «a resposta é a B» fits «a resposta é », so that the article is read.
    """
    said = text.strip()
    lowered = _one_line(text)
    place = next((place for opening, place in _SEED_PLACES if lowered.startswith(opening)), None)
    letter = said[:1] if place is None else lowered[place : place + 1]
    note = f"the character at place {place or 0} is read"
    is_right = letter.upper().lower().strip() == sample.target.lower()
    return Score(float(is_right), letter.upper(), readable=bool(letter), note=note)


def first_letter(text: str, sample: Sample) -> Score:
    """Score as EmbSpatial-Bench-PT does: the letter with which the answer begins, of a word or alone."""
    match = _FIRST.match(text.strip())
    read = match[1].upper() if match else ""
    note = "the letter with which the answer begins is read, even that of a word"
    return Score(float(read == sample.target), read, readable=bool(match), note=note)


def _one_line(text: str) -> str:
    return text.strip().lower().replace("\n", " ").strip()


def _bare(text: str) -> str:
    return text.lower().translate(_NO_PUNCTUATION)
