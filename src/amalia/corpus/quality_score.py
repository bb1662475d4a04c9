"""How much a text reads like running Portuguese prose, between 0 and 1: a small trained score, and what it is not.

A logistic regression over hashed beginnings and ends of words, pairs of neighboring word ends, and a few statistics;
weights are in ``quality_score.npz``, made by ``scripts/build_quality_score.py``. Good text was help pages and written
sentences in eight registers, of both countries; bad text was constructed from them and from templates: shuffled words,
menus, key words, listings, notices, cut lines and the like. ``docs/quality.md`` has what was measured.

Not covered: whether a text is true, educational, well argued, kind or new. Fluent nonsense scores high; poems, recipes
and tables score lower than they deserve; text in other languages has no meaningful score. It is for sorting and for
looking at the tails, next to the rules of ``thresholds``, not in their place.
"""

from __future__ import annotations

import math
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from amalia.corpus import words
from amalia.corpus.statistics import Statistics

FILE = Path(__file__).with_name("quality_score.npz")
TABLE_SIZE = 1 << 14
"""Rows for pieces of words, and as many for pairs."""
READ_CHARS = 10_000
"""How much of the beginning of a text the words are read of; the statistics are of all of it."""
MEASURED = (
    "mean_word_chars", "alpha_word_fraction", "hash_sign_ratio", "ellipsis_ratio", "bullet_line_fraction",
    "ellipsis_line_fraction", "duplicate_line_fraction", "top_2_gram_char_fraction",
    "duplicate_5_gram_char_fraction", "finished_line_fraction", "short_line_fraction", "new_line_ratio",
)  # fmt: skip
"""The statistics that are weighed, in order, before the two that are made of several."""

Rows = NDArray[np.int64]
Numbers = NDArray[np.float32]
_FIRST = np.uint64(0x9E3779B97F4A7C15)
_SECOND = np.uint64(0xD6E8FEB86659FD93)
_KEEP_BITS = np.uint64(64 - 14)
_PIECE_CHARS = 6
_END_CHARS = 3
_LONG_SENTENCE_WORDS = 60


@dataclass(frozen=True, slots=True)
class Features:
    """What is weighed of a text."""

    rows: Rows
    """Places in a table of twice ``TABLE_SIZE``, first of pieces, then of pairs."""
    weights: Numbers
    """How much each counts; those of the pieces add up to 1, and so do those of the pairs."""
    measured: Numbers
    """``MEASURED``, then words a sentence and stop words for each word, shape (14,)."""


@dataclass(frozen=True, slots=True)
class Model:
    """The shipped weights."""

    table: Numbers
    """Of rows, shape (2 · ``TABLE_SIZE``,)."""
    center: Numbers
    scale: Numbers
    of_measured: Numbers
    bias: float

    def score(self, features: Features) -> float:
        """Weigh a text."""
        measured = np.clip((features.measured - self.center) / self.scale, -4, 4)
        logit = self.bias + float(measured @ self.of_measured)
        logit += float(self.table[features.rows] @ features.weights)
        return 1 / (1 + math.exp(-min(max(logit, -30.0), 30.0)))


def score(text: str, statistics: Statistics) -> float:
    """Give the score of a text; 0 for one without words.

    Args:
        text: The whole of it.
        statistics: Of the same text.
    """
    if not statistics.num_words:
        return 0.0
    return _shipped().score(features(text, statistics))


def features(text: str, statistics: Statistics) -> Features:
    """Give what is weighed of a text."""
    distinct, ids = words.numbered(words.split(text[:READ_CHARS].lower()))
    times = np.bincount(ids, minlength=len(distinct)).astype(np.float32)
    pieces = [zlib.crc32(word[:_PIECE_CHARS].encode("utf-8", "replace")) for word in distinct]
    ends = [zlib.crc32(word[-_END_CHARS:].encode("utf-8", "replace")) for word in distinct]
    of_pieces = np.array(pieces, np.uint64) * _FIRST >> _KEEP_BITS
    of_ends = np.array(ends, np.uint64)
    end_rows = of_ends * _SECOND >> _KEEP_BITS
    in_order = of_ends[ids]
    pairs = (in_order[:-1] * _FIRST + in_order[1:] * _SECOND) >> _KEEP_BITS
    rows = np.concatenate((of_pieces, end_rows, pairs + np.uint64(TABLE_SIZE)))
    each = times / max(2 * len(ids), 1)
    weights = (each, each, np.full(len(pairs), 1 / max(len(pairs), 1), np.float32))
    return Features(rows.astype(np.int64), np.concatenate(weights), _measured(statistics))


def _measured(statistics: Statistics) -> Numbers:
    sentence_words = statistics.num_words / max(statistics.num_sentences, 1)
    made = (
        min(sentence_words, _LONG_SENTENCE_WORDS),
        statistics.num_stop_words / math.sqrt(max(statistics.num_words, 1)),
    )
    return np.array([*(getattr(statistics, name) for name in MEASURED), *made], np.float32)


@cache
def _shipped() -> Model:
    """Read the weights once."""
    with np.load(FILE) as saved:
        return Model(
            saved["table"].astype(np.float32),
            saved["center"],
            saved["scale"],
            saved["of_measured"],
            float(saved["bias"]),
        )
