"""Letters of Portuguese: strings of no meaning, and slightly wrong spellings of a text.

Both exist to teach letters rather than words.
"""

from __future__ import annotations

import random
from typing import Literal

Slip = Literal["letter_replaced", "letters_swapped", "letter_dropped", "diacritic_changed"]

_JUMBLE = "aaaeeeiioooussrrntdmlcpvgfbqhzjxáãâàéêíóõôúç"
_LETTERS = "abcdefghijlmnopqrstuvxz"
_LOOKALIKES = {
    "a": "oeu", "b": "dhp", "c": "eor", "d": "bqa", "e": "cao", "f": "tlj", "g": "qpj", "h": "nbl",
    "i": "ljt", "j": "ifg", "l": "tif", "m": "nrh", "n": "mru", "o": "aec", "p": "qbg", "q": "pgd",
    "r": "nvc", "s": "zec", "t": "lfi", "u": "vna", "v": "uxr", "x": "zvs", "z": "xse",
}  # fmt: skip
_MARKS = {
    "a": "áàâã", "á": "aàâã", "à": "aáâã", "â": "aáãà", "ã": "aáâà", "c": "ç", "ç": "c",
    "e": "éê", "é": "eê", "ê": "eé", "i": "í", "í": "i", "o": "óôõ", "ó": "oôõ", "ô": "oóõ",
    "õ": "oóô", "u": "ú", "ú": "u",
}  # fmt: skip
_BARE_MARKED = frozenset("aeioucAEIOUC")


def jumbled(rng: random.Random, most: int) -> str:
    """Make a string of 1 to ``most`` letters, every length as often, common letters more often.

    Nothing but the letters themselves tells what comes next, so a model that reads them must look.
    """
    return "".join(rng.choices(_JUMBLE, k=rng.randint(1, most)))


def misspelt(rng: random.Random, text: str) -> tuple[str, Slip]:
    """Spell a text wrongly in one or two letters.

    Half of the replaced letters become one of similar shape.

    Args:
        rng: Source of every choice.
        text: Lower-case letters, perhaps with spaces; at least one letter.

    Returns:
        Another text, never equal to ``text``, and what was done to it.
    """
    slips: tuple[Slip, ...] = (
        "letter_replaced", "letters_swapped", "letter_dropped", "diacritic_changed",
    )  # fmt: skip
    while True:
        slip = rng.choices(slips, (5, 2, 2, 3))[0]
        wrong = _slipped(rng, text, slip)
        if wrong != text:
            return wrong, slip


def _slipped(rng: random.Random, text: str, slip: Slip) -> str:
    letters = list(text)
    places = [place for place, letter in enumerate(letters) if letter.isalpha()]
    if slip == "letter_replaced":
        # Of a text of three letters or fewer, two wrong ones would make an easy mistake.
        num_wrong = 2 if len(places) > 3 and rng.random() < 0.33 else 1
        for place in rng.sample(places, num_wrong):
            alike = _LOOKALIKES.get(letters[place], _LETTERS)
            letters[place] = rng.choice(alike if rng.random() < 0.5 else _LETTERS)
    elif slip == "letters_swapped":
        pairs = [p for p in places if p + 1 in places and letters[p] != letters[p + 1]]
        if pairs:
            place = rng.choice(pairs)
            letters[place], letters[place + 1] = letters[place + 1], letters[place]
    elif slip == "letter_dropped":
        if len(places) > 1:
            del letters[rng.choice(places)]
    else:
        # A letter that bears a mark is the one to get wrong; marks added to bare ones come second.
        marked = [p for p in places if letters[p] in _MARKS and letters[p] not in _BARE_MARKED]
        bare = [p for p in places if letters[p] in _MARKS]
        if marked or bare:
            place = rng.choice(marked if marked and rng.random() < 0.8 else bare)
            letters[place] = rng.choice(_MARKS[letters[place]])
    return "".join(letters)
