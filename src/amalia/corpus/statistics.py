"""All that the quality rules of Gopher, C4 and FineWeb ask of a text, from one pass over words and one over lines.

Statistics are stored with a document, so that thresholds (``amalia.corpus.thresholds``) can be chosen and changed later
without reading the text again. Each field says whose it is; ``docs/quality.md`` has the definitions in one table. A
fraction of nothing is 0.

Not covered: lists of bad words, classifiers, anything about meaning. A text must be clean before (line ends, encoding).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from amalia.corpus import lines as line_counts
from amalia.corpus import repetition, words

STOP_WORDS = frozenset("de a e o em do da que um no uma com para na é foi".split())
"""Those of FineWeb-2 for Portuguese, which AMALIA's chain uses."""


@dataclass(frozen=True, slots=True)
class Statistics:
    """Plain numbers about one text; fractions are between 0 and 1 where nothing else is said."""

    num_chars: int
    num_words: int
    """Without marks (Gopher)."""
    num_words_and_marks: int
    """What the ratios of Gopher and FineWeb divide by."""
    num_lines: int
    """All, also empty ones."""
    num_sentences: int
    """In lines of three words or more that name neither JavaScript nor a policy (C4)."""
    num_sentences_finished: int
    """The same, only in lines that end in a full stop, question or exclamation mark, or quotation mark (C4)."""
    num_stop_words: int
    """Different ones, written in small letters (Gopher)."""
    mean_word_chars: float
    """Of words without marks (Gopher)."""
    hash_sign_ratio: float
    """# for each word or mark (Gopher)."""
    ellipsis_ratio: float
    """… and ... for each word or mark (Gopher)."""
    alpha_word_fraction: float
    """Words and marks with a letter, of all words and marks (Gopher)."""
    bullet_line_fraction: float
    """Lines that begin with • or - (Gopher)."""
    ellipsis_line_fraction: float
    """Lines that end in an ellipsis (Gopher)."""
    duplicate_line_fraction: float
    """Lines that stood before (Gopher)."""
    duplicate_line_char_fraction: float
    duplicate_paragraph_fraction: float
    duplicate_paragraph_char_fraction: float
    top_2_gram_char_fraction: float
    """Characters in all copies of the most frequent one (Gopher); may exceed 1, as copies overlap."""
    top_3_gram_char_fraction: float
    top_4_gram_char_fraction: float
    duplicate_5_gram_char_fraction: float
    """Characters in 5-grams that stood before, none counted twice (Gopher)."""
    duplicate_6_gram_char_fraction: float
    duplicate_7_gram_char_fraction: float
    duplicate_8_gram_char_fraction: float
    duplicate_9_gram_char_fraction: float
    duplicate_10_gram_char_fraction: float
    finished_line_fraction: float
    """Lines that end as a sentence does, of those with more than space (FineWeb)."""
    short_line_fraction: float
    """Lines of 30 characters or fewer, of those with more than space (FineWeb)."""
    duplicate_char_fraction: float
    """Characters of lines that stood before, of all but line feeds (FineWeb)."""
    new_line_ratio: float
    """Line feeds for each word or mark (FineWeb)."""
    has_lorem_ipsum: bool
    has_curly_bracket: bool
    has_javascript: bool

    def as_mapping(self) -> dict[str, int | float | bool]:
        """Give the numbers by name, in order."""
        return {name: getattr(self, name) for name in _NAMES}

    @classmethod
    def from_mapping(cls, numbers: Mapping[str, float]) -> Statistics:
        """Take the numbers from a mapping that may hold others, as they are stored with a document.

        Raises:
            KeyError: One is missing.
        """
        return cls(**{name: _KINDS[name](numbers[name]) for name in _NAMES})


_NAMES = tuple(field.name for field in fields(Statistics))
_KINDS: dict[str, Callable[[float], Any]] = {  # whole numbers come back from storage as fractions
    name: bool if name.startswith("has_") else int if name.startswith("num_") else float
    for name in _NAMES
}


def statistics(text: str, *, stop_words: Iterable[str] = STOP_WORDS) -> Statistics:
    """Measure a text.

    Args:
        text: The whole text of a document; may be empty.
        stop_words: In small letters.
    """
    found = words.split(text)
    distinct, ids = words.numbered(found)
    lengths_of = np.fromiter(map(len, distinct), np.int64, len(distinct))
    is_spoken, has_letter = words.spoken_and_lettered(distinct)
    times = np.bincount(ids, minlength=len(distinct))
    num_spoken = int(times[is_spoken].sum())
    spoken_chars = int((times * lengths_of)[is_spoken].sum())
    top, again = repetition.ngram_chars(ids, lengths_of[ids])
    folded = text.lower()
    lines = line_counts.count(text, folded, words.num_sentence_ends(distinct, ids))
    paragraphs = repetition.repeated_paragraphs(text)
    num_feeds = text.count("\n")
    num_chars, num_all = len(text), len(found)
    per_char, per_line = 1 / max(num_chars, 1), 1 / max(lines.num_lines, 1)
    per_word, per_filled = 1 / max(num_all, 1), 1 / max(lines.num_filled, 1)
    return Statistics(
        num_chars=num_chars,
        num_words=num_spoken,
        num_words_and_marks=num_all,
        num_lines=lines.num_lines,
        num_sentences=lines.num_sentences,
        num_sentences_finished=lines.num_sentences_finished,
        num_stop_words=len(frozenset(stop_words).intersection(distinct)),
        mean_word_chars=spoken_chars / max(num_spoken, 1),
        hash_sign_ratio=text.count("#") * per_word,
        ellipsis_ratio=(text.count("...") + text.count("…")) * per_word,
        alpha_word_fraction=int(times[has_letter].sum()) * per_word,
        bullet_line_fraction=lines.num_bulleted * per_line,
        ellipsis_line_fraction=lines.num_trailing_off * per_line,
        duplicate_line_fraction=lines.repeated.num_again / max(lines.repeated.num_parts, 1),
        duplicate_line_char_fraction=lines.repeated.chars_again * per_char,
        duplicate_paragraph_fraction=paragraphs.num_again / paragraphs.num_parts,
        duplicate_paragraph_char_fraction=paragraphs.chars_again * per_char,
        top_2_gram_char_fraction=top[0] * per_char,
        top_3_gram_char_fraction=top[1] * per_char,
        top_4_gram_char_fraction=top[2] * per_char,
        duplicate_5_gram_char_fraction=again[0] * per_char,
        duplicate_6_gram_char_fraction=again[1] * per_char,
        duplicate_7_gram_char_fraction=again[2] * per_char,
        duplicate_8_gram_char_fraction=again[3] * per_char,
        duplicate_9_gram_char_fraction=again[4] * per_char,
        duplicate_10_gram_char_fraction=again[5] * per_char,
        finished_line_fraction=lines.num_finished * per_filled,
        short_line_fraction=lines.num_short * per_filled,
        duplicate_char_fraction=lines.filled_chars_again / max(num_chars - num_feeds, 1),
        new_line_ratio=num_feeds * per_word,
        has_lorem_ipsum="lorem ipsum" in folded,
        has_curly_bracket="{" in text,
        has_javascript="javascript" in folded,
    )
