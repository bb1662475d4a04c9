"""Whether something is true of the picture, half of the time: POPE's question about everyday things.

Beside accuracy stand precision and recall of «sim», their harmonic mean, and how often the model said «sim»,
which betrays one that always agrees.

Source: Li et al. 2023, Evaluating Object Hallucination in Large Vision-Language Models (arXiv:2305.10355).
"""

from collections.abc import Sequence

import numpy as np

from amalia.evaluate import answers
from amalia.evaluate.task import UNREADABLE, Array, Metric, PooledMetric, Score, Task, ratio
from amalia.records import Sample


def score(text: str, sample: Sample) -> Score:
    """Score ``sim`` or ``não``; ``não sei`` is readable and wrong unless it is the target."""
    said = answers.yes_no(text)
    if said is None:
        return UNREADABLE
    right = {answers.yes_no(target) for target in sample.targets}
    return Score(float(said in right), said, readable=True)


def _counts(scores: Sequence[Score], samples: Sequence[Sample]) -> Array:
    """Count right yes, said yes, true yes and all, [N, 4]."""
    rows = []
    for found, sample in zip(scores, samples, strict=True):
        said, true = found.answer == "sim", answers.yes_no(sample.target) == "sim"
        rows.append((said and true, said, true, True))
    return np.asarray(rows, dtype=np.float64)


def _precision(sums: Array) -> Array:
    return ratio(sums[..., 0], sums[..., 1])


def _recall(sums: Array) -> Array:
    return ratio(sums[..., 0], sums[..., 2])


def _f1(sums: Array) -> Array:
    return ratio(2 * sums[..., 0], sums[..., 1] + sums[..., 2])


def _yes_share(sums: Array) -> Array:
    return ratio(sums[..., 1], sums[..., 3])


METRICS = (
    Metric("accuracy"),
    PooledMetric("precision", _counts, _precision),
    PooledMetric("recall", _counts, _recall),
    PooledMetric("f1", _counts, _f1),
    PooledMetric("yes_share", _counts, _yes_share),
)
TASK = Task("yes_no", "Whether something is true of the picture.", score, METRICS, version=3)
