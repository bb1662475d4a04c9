"""A small trained classifier: what a text asks for, from the pieces of its words.

One logistic regression for each of the twelve harms and the two attacks, and one for what is harmless, over
hashed runs of three to five letters, words, and pairs of words; nothing but NumPy at run time. It learnt from
sentences of a grammar of ours (``scripts/build_guard.py``), not from texts that people sent, and sees what the
rules have no words for; what it adds to them and what it costs is measured in ``docs/guard-rates.md``.

Not covered:
    - Meaning: it weighs pieces of words and cannot tell who does what to whom, irony, or quotation. A text that
      refuses, reports, or asks about the law shares its words with one that asks for harm.
    - Texts whose harm shows over several turns, and requests in words that the grammar does not have.
    - Other languages than Portuguese, and letters hidden by signs that look alike.
    - Identifiers and variety: those have checks of their own.
    - Harm spread over sentences: each is judged by itself, only short ones together.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from amalia.guard.verdict import ATTACKS, HARMS, Finding, Place

LABELS: tuple[str, ...] = (*HARMS, *ATTACKS, "harmless")
"""What the columns of the weights stand for."""
FILE = Path(__file__).with_name("classifier.npz")
THRESHOLD = 0.4
"""The lowest tenth at which at most 5 % of 504 texts that only look harmful reach it: 2 of 126 in ``safety.tsv``
of the evaluation, 13 of 280 and 5 of 98 that the authors of the rules wrote. ``prompts.tsv`` is not among them."""
TABLE_BITS = 15
# A request drowns in what stands around it: among five ordinary sentences 8 % of the requests of other authors
# were found where sentences were judged together up to 240 letters, and 58 %, as many as alone, up to 60.
_TOGETHER = 60
_LONGEST = 240
_WORD = re.compile(r"(\S+)(\s*)")
_ENDS = ".!?…:;"
_LETTERS = 27
_KEYS = np.array([(k * 0x9FB21C651E98DF25 | 1) & (1 << 64) - 1 for k in range(1, 9)], np.uint64)
_SHIFT = np.uint64(64 - TABLE_BITS)

Rows = NDArray[np.int64]
Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Weights:
    """What was learnt."""

    table: Floats
    """Weight of each feature for each label, ``[2 ** TABLE_BITS, len(LABELS)]``."""
    bias: Floats
    """``[len(LABELS)]``."""
    training: str
    """Fingerprint of the texts it learnt from."""

    @classmethod
    def load(cls, file: Path = FILE) -> Weights:
        """Read weights as ``save`` writes them."""
        with np.load(file) as saved:
            table = saved["table"].astype(np.float32) * saved["scale"]
            return cls(table, saved["bias"], str(saved["training"]))

    def save(self, file: Path) -> None:
        """Write weights, a byte each."""
        scale = np.abs(self.table).max(axis=0) / 127
        steps = np.round(self.table / np.where(scale > 0, scale, 1)).astype(np.int8)
        np.savez_compressed(
            file, table=steps, scale=scale, bias=self.bias, training=np.array(self.training)
        )

    def scores(self, text: str) -> Floats:
        """Give the probability of each label, ``[len(LABELS)]``; each is asked by itself."""
        rows = features(text)
        logits = self.table[rows].sum(axis=0) / np.sqrt(max(len(rows), 1)) + self.bias
        return np.asarray(1 / (1 + np.exp(-logits)), np.float32)


class Classifier:
    """Finds harms and attacks by a trained linear model."""

    name = "classifier@1"

    def __init__(self, threshold: float = THRESHOLD) -> None:
        """Load the weights of the package.

        Args:
            threshold: From this score on something is found, between 0 and 1.

        Raises:
            ValueError: The threshold is not between 0 and 1.
        """
        if not 0 < threshold < 1:
            raise ValueError(
                f"the threshold of the classifier is {threshold}; expected a number above 0 and below 1; "
                f"leave it out for {THRESHOLD}"
            )
        self.threshold = threshold
        self._weights = _shipped()

    def find(self, text: str, place: Place) -> Sequence[Finding]:  # noqa: ARG002 - the protocol's
        """Give the likeliest category of each piece whose score reaches the threshold."""
        found = []
        for start, end in pieces(text):
            category, score = judged(self._weights.scores(text[start:end]))
            if score >= self.threshold:
                found.append(Finding(category, start, end, self.name, score))
        return found


def judged(scores: Floats) -> tuple[str, float]:
    """Give the likeliest category and how sure it is that the text is not harmless.

    Args:
        scores: Of every label, ``[len(LABELS)]``.
    """
    best = int(scores[:-1].argmax())
    return LABELS[best], float(scores[best] * (1 - scores[-1])) ** 0.5


def pieces(text: str) -> Iterator[tuple[int, int]]:
    """Split a text into sentences, short ones together and very long ones at words, without blanks."""
    words = list(_WORD.finditer(text))
    start = sentence_end = (
        0  # counted in words; the piece begins at one, its last sentence ends before the other
    )
    for at, word in enumerate(words):
        length = word.end(1) - words[start].start()
        if length > _TOGETHER and sentence_end > start:
            yield words[start].start(), words[sentence_end - 1].end(1)
            start = sentence_end
        elif length > _LONGEST and at > start:
            yield words[start].start(), words[at - 1].end(1)
            start = at
        if word[1][-1] in _ENDS or "\n" in word[2]:
            sentence_end = at + 1
    if words:
        yield words[start].start(), words[-1].end(1)


def features(text: str) -> Rows:
    """Give the rows of the table that a text has, each once, in order."""
    codes = _codes(text)
    if len(codes) < 3:
        return np.zeros(0, np.int64)
    hashes = []
    run = codes[:-1] + (codes[1:] << np.uint64(5))
    for width in (3, 4, 5):
        if len(codes) < width:
            break
        run = run[: len(codes) - width + 1] + (codes[width - 1 :] << np.uint64(5 * (width - 1)))
        hashes.append((run * _KEYS[0]) ^ (run >> np.uint64(7)) * _KEYS[1])
    words = _words(codes)
    hashes += [words * _KEYS[2], words[:-1] * _KEYS[3] + words[1:] * _KEYS[4]]
    hashes.append(words[:-2] * _KEYS[5] + words[2:] * _KEYS[6])
    rows = (np.concatenate(hashes) * _KEYS[7]) >> _SHIFT
    present = np.zeros(1 << TABLE_BITS, np.bool_)
    present[rows.astype(np.int64)] = True
    return np.flatnonzero(present)


def _codes(text: str) -> NDArray[np.uint64]:
    """Turn a text into letters without accents or case, one space between words, at both ends too."""
    raw = unicodedata.normalize("NFC", text).lower().encode("latin-1", "replace")
    codes = _table()[np.frombuffer(b" " + raw + b" ", np.uint8)]
    kept = codes > 0
    kept[1:] |= codes[:-1] > 0
    return codes[kept] if kept[0] else np.concatenate((codes[:1], codes[kept]))


def _words(codes: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Give a hash of each word; every word has a space before it and one behind."""
    starts = np.flatnonzero(codes[:-1] == 0) + 1
    starts = starts[starts < len(codes) - 1]
    if len(starts) == 0:
        return np.zeros(0, np.uint64)
    lengths = np.diff(np.append(starts, len(codes)))
    inside = np.arange(len(codes) - starts[0]) - np.repeat(starts - starts[0], lengths)
    keys = (inside.astype(np.uint64) * _KEYS[5]) | np.uint64(1)
    return np.add.reduceat(codes[starts[0] :] * keys * keys, starts - starts[0])


@cache
def _table() -> NDArray[np.uint64]:
    """Lay out the code of each Latin-1 character: 0 for what separates, then letters, then any digit."""
    table = np.zeros(256, np.uint64)
    for byte in range(256):
        letter = unicodedata.normalize("NFD", chr(byte).lower())[0]
        if "a" <= letter <= "z":
            table[byte] = ord(letter) - ord("a") + 1
        elif letter.isdecimal():
            table[byte] = _LETTERS
    return table


@cache
def _shipped() -> Weights:
    """Load the weights of the package once."""
    return Weights.load()
