"""Words and marks of a text, split once for every rule that counts them.

A word is a run of letters, digits and underscores, held together by one hyphen, apostrophe, full stop, slash or @
between two of them («disse-me», «d'água», «3.º», «e/ou») and by a comma or colon between digits («3,5», «10:30»).
An address («https://…», «www.…») is one word. Anything else but space is a mark of its own; full stops or hyphens in
a row are one mark («...», «-----»). This is close to what spaCy's blank Portuguese does, which the constants of
FineWeb-2 were fitted with; see ``docs/quality.md`` for how close.

It finds no sentences, folds no case and knows no language.
"""

from __future__ import annotations

import re
from collections import defaultdict
from itertools import count

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]
Mask = NDArray[np.bool_]

_WORD = re.compile(
    r"(?:https?://|www\.)\S*[\w/]"
    r"|\w++(?:(?:[-.'’@/]|[,:](?<=\d[,:])(?=\d))\w++)*+"
    r"|\.\.+|--+|[^\w\s]"
)

_ENDS = frozenset(".!?")


def split(text: str) -> list[str]:
    """Give the words and marks of a text in order."""
    return _WORD.findall(text)


def numbered(words: list[str]) -> tuple[list[str], Ids]:
    """Give the distinct words in the order of their first place, and the number of each word among them."""
    numbers: defaultdict[str, int] = defaultdict(
        count().__next__
    )  # a new word gets the next number
    ids = np.array(list(map(numbers.__getitem__, words)), np.int64)
    return list(numbers), ids


def spoken_and_lettered(distinct: list[str]) -> tuple[Mask, Mask]:
    """Say of each word whether it has a letter or digit (else it is a mark), and whether it has a letter.

    Returns:
        Two masks of shape (words,).
    """
    lettered = np.fromiter(map(str.isalpha, distinct), bool, len(distinct))
    spoken = lettered.copy()
    for place in np.flatnonzero(~lettered).tolist():  # few are not all letters
        word = distinct[place]
        lettered[place] = any(map(str.isalpha, word))
        spoken[place] = any(map(str.isalnum, word))
    return spoken, lettered


def num_sentence_ends(distinct: list[str], ids: Ids) -> int:
    """Count the marks . ? ! that stand for themselves; several in a row are one, and an ellipsis is none.

    Args:
        distinct: As ``numbered`` gives them.
        ids: The same.
    """
    ends = [place for place, word in enumerate(distinct) if word in _ENDS]
    if not ends:
        return 0
    of_words = np.zeros(len(distinct), bool)
    of_words[ends] = True
    is_end = of_words[ids]
    return int(is_end[0]) + int(np.count_nonzero(is_end[1:] > is_end[:-1]))
