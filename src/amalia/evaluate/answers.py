"""What an answer in Portuguese says: a letter, a number, yes or no, a box, a quotation, a name.

Letters are read in ``letters``, numbers in ``numerals``, yes and no in ``assent``; all are to be used from here. Every
function is pure and gives None for an answer that cannot be read; the task decides that this
is wrong. Nothing here knows the right answer, so parsing cannot lean towards it. The tests hold the
specification as tables of Portuguese cases.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Literal

from amalia.evaluate.assent import YesNo, yes_no
from amalia.evaluate.denials import affirmed
from amalia.evaluate.letters import letter, option_number
from amalia.evaluate.numerals import number
from amalia.evaluate.phrases import stated, without_opening, without_reasoning

__all__ = [
    "YesNo",
    "affirmed",
    "alternatives",
    "box",
    "contains_name",
    "known_names",
    "letter",
    "longest_name",
    "names_in",
    "normalize",
    "number",
    "option_number",
    "quoted",
    "side",
    "stated",
    "without_opening",
    "without_reasoning",
    "yes_no",
]

Box = tuple[float, float, float, float]
Side = Literal["esquerda", "direita", "cima", "baixo"]

# --- box ------------------------------------------------------------------------------------------

_KEYS = (
    ("x1", "xmin", "left"),
    ("y1", "ymin", "top"),
    ("x2", "xmax", "right"),
    ("y2", "ymax", "bottom"),
)
_GROUP = re.compile(r"\([^()]*\)\s*[,;]?\s*\([^()]*\)|[\[({][^\[\](){}]*[\])}]")
_DOTTED = re.compile(r"(?<![A-Za-z_\d])-?\d+(?:\.\d+)?")
_COMMAED = re.compile(r"(?<![A-Za-z_\d])-?\d+(?:[.,]\d+)?")


def box(text: str) -> Box | None:
    """Read a bounding box as fractions of the picture.

    Args:
        text: four numbers x1, y1, x2, y2 as fractions (0 to 1) or thousandths (0 to 1000),
            bracketed, bare or as JSON, with decimal points or commas.

    Returns:
        ``(x1, y1, x2, y2)`` with 0 <= x1 < x2 <= 1 and the same for y, or None.
    """
    keyed = _keyed(text)
    if keyed is not None:
        return _valid(keyed)
    for candidate in (*(match.group() for match in _GROUP.finditer(text)), text):
        for pattern in (_DOTTED, _COMMAED):
            numbers = pattern.findall(candidate)
            if len(numbers) == 4:
                return _valid([float(item.replace(",", ".")) for item in numbers])
    return None


def _keyed(text: str) -> list[float] | None:
    values = []
    for names in _KEYS:
        match = re.search(rf"\"?\b(?:{'|'.join(names)})\"?\s*[:=]\s*(-?\d+(?:[.,]\d+)?)", text)
        if match is None:
            return None
        values.append(float(match[1].replace(",", ".")))
    return values


def _valid(values: list[float]) -> Box | None:
    top = max(values)
    # Just above one is a fraction that misses the picture, not a thousandth.
    slipped = 1 < top <= 2 and any(value != int(value) for value in values)
    if min(values) < 0 or top > 1000 or slipped:
        return None
    x1, y1, x2, y2 = (value / 1000 if top > 1 else value for value in values)
    return (x1, y1, x2, y2) if x1 < x2 and y1 < y2 else None


# --- words ----------------------------------------------------------------------------------------

_QUOTES = re.compile(r"«([^«»]*)»|“([^“”]*)”|\"([^\"]*)\"")
_OPENING = re.compile(r"^(?:(?:isto |isso )?(?:é|são) )?(?:(?:uma|umas|uns|um|os|as|o|a) (?=\S))?")
_SIDES = re.compile(
    r"(?P<esquerda>\besquerd[ao]\b)|(?P<direita>\bdireit[ao]\b)"
    r"|(?P<cima>\b(?:cima|acima|sobre)\b)|(?P<baixo>\b(?:baixo|abaixo|debaixo|sob)\b)"
)
# Words between two alternatives: «um gato ou um cão», «à esquerda ou talvez à direita».
_OR = re.compile(r"(?:\s+[^\W\d_]+){0,2}\s+ou\s+(?:[^\W\d_]+\s+){0,3}")


def quoted(text: str) -> str | None:
    """Read what an answer quotes, in «…», “…” or "…"; without quotes, all of it.

    Returns:
        The text, stripped; None when nothing is left.
    """
    for match in _QUOTES.finditer(text):
        inside = next(group for group in match.groups() if group is not None).strip()
        if inside:
            return inside
    return text.strip() or None


def side(text: str) -> Side | None:
    """Read a relative position: the first of left, right, above and below that the answer says, not denies.

    Returns:
        The side, or None; also where it is one or the other («à esquerda ou à direita»).
    """
    said = affirmed(text).casefold()
    found = [(match.lastgroup, match) for match in _SIDES.finditer(said)]
    for (one, match), (other, following) in pairwise(found):
        if one != other and _OR.fullmatch(said[match.end() : following.start()]):
            return None
    sides: dict[str, Side] = {"esquerda": "esquerda", "direita": "direita", "cima": "cima"}
    return sides.get(found[0][0] or "", "baixo") if found else None


def normalize(text: str) -> str:
    """Bring a name to the form in which names are compared.

    NFC, casefold, no punctuation (hyphens and apostrophes inside words and separators inside
    numbers stay), single blanks, no opening ``é``, ``isto é`` or article. Accents stay: they tell
    words apart.
    """
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())
    kept = []
    for position, char in enumerate(folded):
        inside = 0 < position < len(folded) - 1
        before, after = (folded[position - 1], folded[position + 1]) if inside else (" ", " ")
        joins = (char in "-'’" and before.isalnum() and after.isalnum()) or (
            char in ".," and before.isdigit() and after.isdigit()
        )
        plain = unicodedata.category(char)[0] not in "PS" or joins
        kept.append(char if plain else " ")
    return _OPENING.sub("", " ".join("".join(kept).split()), count=1)


def known_names(names: Iterable[str]) -> dict[str, str]:
    """Index names by their normalized form for ``names_in``; of two equal forms the first stays."""
    index: dict[str, str] = {}
    for name in names:
        key = normalize(name)
        if key:
            index.setdefault(key, name)
    return index


def names_in(text: str, known: Mapping[str, str]) -> list[str]:
    """Find known names as whole words, in order; where two begin alike the longer one stands.

    Denied ones are found too; take them away with ``affirmed`` where only what is said counts.

    Args:
        text: an answer.
        known: normalized form → name, from ``known_names``.

    Returns:
        Normalized forms, in the order of the answer, perhaps repeated, none over another.
    """
    found = []
    free = 0
    for start, end, key in _spans(text, known):
        if start >= free:
            found.append(key)
            free = end
    return found


def alternatives(text: str, known: Mapping[str, str]) -> set[str]:
    """Find the known names between which an answer does not choose: «um gato ou um cão»."""
    said = normalize(text)
    pairs = pairwise(names_in(said, known))
    return {
        name
        for pair in pairs
        if re.search(rf"\b{re.escape(pair[0])}{_OR.pattern}{re.escape(pair[1])}\b", said)
        for name in pair
    }


def longest_name(text: str, known: Mapping[str, str]) -> str | None:
    """Read the name an answer gives: the longest known one in it, the first of equally long ones.

    What is denied does not count: «não é um gato, é um cão» gives ``cão``.

    Returns:
        Its normalized form, or None when no known name is there.
    """
    return max((key for _, _, key in _spans(affirmed(text), known)), key=len, default=None)


def _spans(text: str, known: Mapping[str, str]) -> Iterator[tuple[int, int, str]]:
    """Every known name: its first word, the word behind it, its form; longer first at one place."""
    words = normalize(text).split()
    widest = max((key.count(" ") + 1 for key in known), default=0)
    for start in range(len(words)):
        for end in range(min(start + widest, len(words)), start, -1):
            key = " ".join(words[start:end])
            if key in known:
                yield start, end, key


def contains_name(text: str, names: Iterable[str], all_names: Iterable[str]) -> bool:
    """Tell whether the name an answer gives is one of the right ones.

    The longest known name decides, so ``cão`` does not pass inside ``cão-guia``, nor ``maçã`` in
    ``maçã verde``.

    Args:
        text: an answer.
        names: the right names.
        all_names: every name an answer may give; the right ones need not be among them.
    """
    right = known_names(names)
    return longest_name(text, known_names(all_names) | right) in right
