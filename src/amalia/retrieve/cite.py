"""Which passages an answer names, and how far each bears out the sentence that names it.

Support is the share of the words of a sentence that say something which the passage has too: words by their stems and
without accents, numbers and names as they stand. It is a word count, made to show a reader where to look twice.

Not covered: negation («não abre» is borne out by «abre»), who did what to whom, paraphrase in other words (a true
sentence may have low support), sums and conversions of units («duas horas», «120 minutos»), numbers in words,
sentences without a mark, and names at the beginning of a sentence, which are compared like other words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from amalia.retrieve.search import Passage
from amalia.retrieve.words import MARKS, STOP_WORDS, WORD, plain_words, sentences, stem
from amalia.variety.unaccented import fold

_MARK = re.compile(MARKS)
_RANGE = re.compile(r"(\d+)\s*[-–]\s*(\d+)|(\d+)")
_THOUSANDS = re.compile(r"(?<![\d.,])\d{1,3}(?:[. \u00a0\u202f]\d{3})+(?![\d])")


class Citation(NamedTuple):
    """One passage named in an answer."""

    number: int
    """Of the passage, from 1; more than there are where the model made one up."""
    start: int
    """Where the mark stands in the answer, its bracket included."""
    end: int
    support: float
    """0 to 1; 0 for a passage that is not there and for a sentence without words that say something."""


def citations(answer: str, passages: Sequence[Passage]) -> list[Citation]:
    """Find the marks of an answer: [1], [1, 3], [1-3], [1][2].

    Args:
        answer: Text of a model. A mark behind a full stop belongs to the sentence before it, and one on a line
            of its own to the sentence above.
        passages: What was put before the model, in the order of their numbers.

    Returns:
        A citation for each number of each mark, in the order of the text; the same number once a mark.
    """
    found, told = list[Citation](), ""
    held = [_held(passage) for passage in passages]
    for start, end in sentences(answer, lines_end=True):
        sentence = answer[start:end]
        bare = _MARK.sub(" ", sentence)
        told = bare if WORD.search(bare) else told
        for mark in _MARK.finditer(sentence):
            for number in _numbers(mark.group()):
                support = support_of(told, held[number - 1]) if 1 <= number <= len(held) else 0.0
                found.append(Citation(number, start + mark.start(), start + mark.end(), support))
    return found


def support_of(sentence: str, held: frozenset[str]) -> float:
    """Give the share of what a sentence says that is among the words of a passage, 0 to 1."""
    said = _said(sentence)
    return sum(word in held for word in said) / len(said) if said else 0.0


def _numbers(mark: str) -> list[int]:
    numbers = list[int]()
    for first, last, single in _RANGE.findall(mark):
        # Two digits each, so a range is short.
        numbers += [int(single)] if single else range(int(first), int(last) + 1)
    return list(dict.fromkeys(numbers))


def _said(text: str) -> frozenset[str]:
    """Give what must be in a passage: numbers and names as «=word», other words as their stems."""
    said = set()
    text = _plain_numbers(text)
    for position, match in enumerate(WORD.finditer(text)):
        word = match.group()
        plain = fold(word).lower()
        if word[0].isdigit():
            said.add(f"={word}")
        elif plain in STOP_WORDS or len(plain) == 1:
            continue
        else:
            said.add(f"={plain}" if position and word[0].isupper() else stem(plain))
    return frozenset(said)


def _held(passage: Passage) -> frozenset[str]:
    words = plain_words(_plain_numbers(f"{passage.title}\n{passage.text}"))
    return frozenset({f"={word}" for word in words} | {stem(word) for word in words})


def _plain_numbers(text: str) -> str:
    """Write 25.000 and 25 000 as 25000."""
    return _THOUSANDS.sub(lambda found: re.sub(r"\D", "", found.group()), text)
