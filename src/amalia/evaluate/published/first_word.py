"""Yes and no as POPE and MME are scored by amalia-vl-eval: by the first word, and by the first four characters."""

from collections.abc import Sequence

import numpy as np

from amalia.evaluate import answers
from amalia.evaluate.task import Array, PooledMetric, Score
from amalia.records import Sample

_YES = {"yes", "y", "sim", "s"}
_NO = {"no", "n", "não", "nao"}
_FOUR_YES = ("yes", "sim")
_FOUR_NO = ("no", "não", "nao")


def four_characters(text: str, sample: Sample) -> Score:
    """Score as MME-PT does: a yes or no anywhere in the first four characters, be it inside a word."""
    said = text.lower().strip().replace(".", "").strip()
    start = said[:4]
    if said in ("y", "s") or any(word in start for word in _FOUR_YES):
        read = "yes"
    elif said == "n" or any(word in start for word in _FOUR_NO):
        read = "no"
    else:
        read = "other"
    note = f"only {start!r} is looked at"
    return Score(float(read == _target(sample)), read, readable=read != "other", note=note)


def first_word(text: str, sample: Sample) -> Score:
    """Score as POPE-PT does: the first word is yes or no, once its full stops and commas are gone.

    An empty answer ends the published program; here it is wrong.
    """
    said = text.lower().strip()
    word = said.split(maxsplit=1)[0].replace(".", "").replace(",", "") if said else ""
    read = "yes" if word in _YES else "no" if word in _NO else ""
    note = f"only the first word {word!r} is looked at"
    return Score(float(read == _target(sample)), read, readable=bool(read), note=note)


def _counts(scores: Sequence[Score], samples: Sequence[Sample]) -> Array:
    """Count right, said yes rightly, said yes wrongly, said no wrongly, true yes and all, [N, 6]."""
    rows = []
    for score, sample in zip(scores, samples, strict=True):
        is_yes = _target(sample) == "yes"
        yes, no = score.answer == "yes", score.answer == "no"
        rows.append((score.value, yes and is_yes, yes and not is_yes, no and is_yes, is_yes, True))
    return np.asarray(rows, dtype=np.float64)


def _ratio(above: Array, below: Array) -> Array:
    """Divide; nothing by nothing is 0 in the published program."""
    return np.asarray(np.divide(above, below, out=np.zeros_like(below), where=below > 0))


def _precision(sums: Array) -> Array:
    return _ratio(sums[..., 1], sums[..., 1] + sums[..., 2])


def _recall(sums: Array) -> Array:
    return _ratio(sums[..., 1], sums[..., 1] + sums[..., 3])


def _f1(sums: Array) -> Array:
    precision, recall = _precision(sums), _recall(sums)
    return _ratio(2 * precision * recall, precision + recall)


POPE_METRICS = (
    PooledMetric("pope_accuracy", _counts, lambda sums: _ratio(sums[..., 0], sums[..., 5])),
    PooledMetric("pope_precision", _counts, _precision),
    PooledMetric("pope_recall", _counts, _recall),
    PooledMetric("pope_f1_score", _counts, _f1),
    PooledMetric("pope_yes_ratio", _counts, lambda sums: _ratio(sums[..., 4], sums[..., 5])),
)
"""An answer that is neither yes nor no misses no yes in the recall, and the ratio is that of the true answers."""


def _target(sample: Sample) -> str:
    return "yes" if answers.yes_no(sample.target) == "sim" else "no"
