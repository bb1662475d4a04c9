"""How well an extractor finds the paragraphs of a page, against what a person marked.

A paragraph counts as found if nine tenths of its words, in order, stand in one line of what was
extracted. Headings of the page, bylines and captions are *neutral*: a person would take them or leave
them, so that they count neither for nor against. A page without main text is right only if nothing was
extracted. Figures of many pages are means over pages, so that a long page has no more say than a short.

Not covered: the order of paragraphs, and text that belongs to another paragraph's line.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

MIN_LIKENESS = 0.9
"""From which two paragraphs are the same; 2 x words in common over words of both."""

_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Score:
    """Fractions of 0 to 1."""

    paragraph_precision: float
    paragraph_recall: float
    word_precision: float
    word_recall: float

    @property
    def paragraph_f1(self) -> float:
        """The harmonic mean over paragraphs."""
        return _f1(self.paragraph_precision, self.paragraph_recall)

    @property
    def word_f1(self) -> float:
        """The harmonic mean over words."""
        return _f1(self.word_precision, self.word_recall)


@dataclass(frozen=True, slots=True)
class MeanScore:
    """Means over pages, each page counting once."""

    num_pages: int
    paragraph_precision: float
    paragraph_recall: float
    paragraph_f1: float
    word_f1: float


def score(found: str, gold: Sequence[str], *, neutral: Iterable[str] = ()) -> Score:
    """Compare extracted text, one paragraph a line, with the paragraphs that a person marked.

    Args:
        found: What was extracted.
        gold: Main text of the page, in order; empty if the page has none.
        neutral: Lines that count neither for nor against.
    """
    indifferent = [words for line in neutral if (words := _words(line))]
    lines = [
        words
        for line in found.splitlines()
        if (words := _words(line)) and not any(_is_same(words, other) for other in indifferent)
    ]
    wanted = [_words(paragraph) for paragraph in gold]
    if not wanted or not lines:
        right = 1.0 if not wanted and not lines else 0.0
        return Score(right, right, right, right)
    hits = _num_found(wanted, lines)
    bag = Counter(word for line in lines for word in line)
    gold_bag = Counter(word for words in wanted for word in words)
    common = (bag & gold_bag).total()
    return Score(
        hits / len(lines), hits / len(wanted), common / bag.total(), common / gold_bag.total()
    )


def mean(scores: Sequence[Score]) -> MeanScore:
    """Average over pages; raises ``ZeroDivisionError`` if there is none."""

    def over(values: Iterable[float]) -> float:
        return sum(values) / len(scores)

    return MeanScore(
        num_pages=len(scores),
        paragraph_precision=over(each.paragraph_precision for each in scores),
        paragraph_recall=over(each.paragraph_recall for each in scores),
        paragraph_f1=over(each.paragraph_f1 for each in scores),
        word_f1=over(each.word_f1 for each in scores),
    )


def _num_found(wanted: Sequence[Sequence[str]], lines: Sequence[Sequence[str]]) -> int:
    left = list(lines)
    hits = 0
    for paragraph in wanted:
        for index, line in enumerate(left):
            if _is_same(paragraph, line):
                hits += 1
                del left[index]
                break
    return hits


def _is_same(one: Sequence[str], other: Sequence[str]) -> bool:
    if one == other:
        return True
    shorter, longer = sorted((len(one), len(other)))
    if 2 * shorter < MIN_LIKENESS * (shorter + longer):
        return False
    return SequenceMatcher(None, one, other, autojunk=False).ratio() >= MIN_LIKENESS


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


def _f1(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0
