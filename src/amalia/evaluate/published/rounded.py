"""Means that are published rounded."""

from collections.abc import Sequence

import numpy as np

from amalia.evaluate.task import Array, PooledMetric, Score
from amalia.records import Sample


def mean(name: str, *, digits: int, scale: float = 1.0, unit: str = "") -> PooledMetric:
    """Make the mean over all samples, rounded.

    Args:
        name: Of the metric.
        digits: Decimals that are kept.
        scale: What the mean is multiplied by before it is rounded, 100 for a value in percent.
        unit: Of the value.
    """

    def statistics(scores: Sequence[Score], samples: Sequence[Sample]) -> Array:  # noqa: ARG001
        return np.asarray([(score.value, 1.0) for score in scores], dtype=np.float64)

    def combine(sums: Array) -> Array:
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(np.round(scale * (sums[..., 0] / sums[..., 1]), digits))

    return PooledMetric(name, statistics, combine, unit=unit)
