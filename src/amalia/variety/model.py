"""The shipped model: weights of features, and how sums of them become probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from amalia.variety.features import (
    TABLE_SIZE,
    Encoded,
    Places,
    encode,
    num_letters,
    scores,
    scores_and_strengths,
)
from amalia.variety.text import SEPARATOR, join_readable

Numbers = NDArray[np.float64]
FILE = Path(__file__).with_name("model.npz")
# Letters after which a text has as much evidence as calibration expects of one sentence.
_SENTENCE_LETTERS = 80.0
# A handful of letters is a name or a button in any language.
_FEW_LETTERS = 20
_DOUBT = 6.0
_BYTES_AT_ONCE = 4_000_000


@dataclass(frozen=True, slots=True)
class Calibration:
    """How sums become log-odds, and when these are too small to decide."""

    slope: float
    power: float
    """A sum s of a text of n letters has the logit ``slope * s / (1 + n / 80) ** power``."""
    per_strength: float = 0.0
    """How much certainty the strength of words adds to that of the logit."""
    margin: float = 0.0
    """With less certainty than this, a text with agreeing evidence is undecided."""
    margin_without: float = 0.0
    """The same for a text without evidence, or with evidence of both."""

    def logits(self, sums: Numbers, letters: Numbers | Places) -> Numbers:
        """Give the log-odds that sums of weights of texts of so many letters mean."""
        return self.slope * sums / (1 + letters / _SENTENCE_LETTERS) ** self.power

    def certainty(self, logits: Numbers, strengths: Numbers) -> Numbers:
        """Say how much speaks for deciding; it is to be held against a margin."""
        return np.abs(logits) + self.per_strength * strengths


@dataclass(frozen=True, slots=True)
class Model:
    """Two linear models over the same features."""

    variety: NDArray[np.float32]
    """Weight of each feature for pt-PT (above 0) or pt-BR, shape (``TABLE_SIZE``,)."""
    other: NDArray[np.float32]
    """Weight of each feature for another language than Portuguese (above 0), same shape."""
    calibration: Calibration

    @classmethod
    def load(cls, file: Path = FILE) -> Model:
        """Read a model as ``scripts/build_variety.py`` writes it."""
        with np.load(file) as saved:
            tables = []
            for name in ("variety", "other"):
                table = np.zeros(TABLE_SIZE, np.float32)
                table[saved[f"{name}_rows"]] = saved[f"{name}_weights"]
                tables.append(table)
            calibration = Calibration(*map(float, saved["calibration"]))
        return cls(tables[0], tables[1], calibration)

    def logits(self, encoded: Encoded) -> Numbers:
        """Give the log-odds of pt-PT against pt-BR of each text."""
        return self.calibration.logits(scores(encoded, self.variety), _letters(encoded))

    def logits_and_strengths(self, encoded: Encoded) -> tuple[Numbers, Numbers]:
        """Give ``logits``, and how much the words of each text say, whichever way."""
        sums, strengths = scores_and_strengths(encoded, self.variety)
        return self.calibration.logits(sums, _letters(encoded)), strengths

    def foreignness(self, encoded: Encoded) -> Numbers:
        """Give the log-odds that each text is in another language; short texts get the doubt."""
        doubt = np.where(num_letters(encoded) < _FEW_LETTERS, _DOUBT, 0.0)
        return scores(encoded, self.other) - doubt


def _letters(encoded: Encoded) -> Places:
    return np.diff(encoded.starts) - len(SEPARATOR)


@cache
def shipped() -> Model:
    """Load the shipped model once."""
    return Model.load()


def p_many(texts: Sequence[str]) -> Numbers:
    """Give the calibrated probability that each text is pt-PT rather than pt-BR.

    Of text that carries no sign, or is not Portuguese, it says little: see ``detect``.

    Returns:
        Probabilities, shape (number of texts,).
    """
    model = shipped()
    found = [model.logits(encode(*join_readable(some))) for some in batches(texts)]
    return probabilities(np.concatenate([np.zeros(0), *found]))


def probabilities(logits: Numbers) -> Numbers:
    """Turn log-odds into probabilities."""
    return 1 / (1 + np.exp(-np.clip(logits, -30, 30)))


def batches(texts: Sequence[str]) -> list[Sequence[str]]:
    """Split texts so that memory stays small whatever their number."""
    made: list[Sequence[str]] = []
    start, size = 0, 0
    for at, text in enumerate(texts):
        if size and size + len(text) > _BYTES_AT_ONCE:
            made.append(texts[start:at])
            start, size = at, 0
        size += len(text)
    return [*made, texts[start:]] if start < len(texts) else made
