"""Means with the interval that belongs to them.

Every interval is 95 %. Scores of 0 and 1 get Wilson's interval, which stays inside 0–1 and does not
collapse when everything is right; other scores a percentile bootstrap with a fixed seed, so that a
number in a report can be computed again to the last digit.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
import numpy.typing as npt

from amalia.errors import TaskError

Z_95 = 1.959963984540054
RESAMPLES = 2000
# 97.5 % quantiles of Student's t with 1 to 9 degrees of freedom.
_T_95 = (12.706205, 4.302653, 3.182446, 2.776445, 2.570582, 2.446912, 2.364624, 2.306004, 2.262157)
BOOTSTRAP_SEED = 20_240_601


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean, its 95 % interval, and how many scores it is of."""

    value: float
    low: float
    high: float
    n: int


def accuracy(right: Sequence[float]) -> Estimate:
    """Share of scores that are 1, with Wilson's interval.

    Args:
        right: scores, each 0 or 1.

    Raises:
        TaskError: without scores, or if one is neither 0 nor 1.

    Source: Wilson 1927, J. Am. Stat. Assoc. 22 (158).
    """
    if not right:
        raise TaskError("a mean of no scores was asked for; expected at least one")
    if not _is_binary(right):
        odd = next(score for score in right if score not in (0, 1))
        raise TaskError(f"accuracy is of scores that are 0 or 1, got {odd}; use mean")
    low, high = _wilson(int(sum(right)), len(right))
    return Estimate(sum(right) / len(right), low, high, len(right))


def mean(scores: Sequence[float]) -> Estimate:
    """Mean with its interval: Wilson's for scores of 0 and 1, else a bootstrap with a fixed seed.

    Raises:
        TaskError: without scores.
    """
    if not scores or _is_binary(scores):
        return accuracy(scores)
    return _bootstrap(np.asarray(scores, dtype=np.float64))


def paired_difference(first: Sequence[float], second: Sequence[float]) -> Estimate:
    """Mean of first minus second on the same samples, with an interval that knows they are paired.

    Scores of 0 and 1 get Newcombe's hybrid of two Wilson intervals, others a bootstrap of the
    differences. The first is better, beyond chance, where ``low`` is above 0.

    Args:
        first: scores, one a sample.
        second: scores of the same samples in the same order.

    Raises:
        TaskError: without scores, or if the lengths differ.

    Source: Newcombe 1998, Stat. Med. 17, 2635–2650, method 10.
    """
    if len(first) != len(second) or not first:
        raise TaskError(
            f"a paired difference got {len(first)} and {len(second)} scores;"
            " expected the same samples, at least one, in both"
        )
    if _is_binary(first) and _is_binary(second):
        return _newcombe(first, second)
    return _bootstrap(np.asarray(first, dtype=np.float64) - np.asarray(second, dtype=np.float64))


def mean_of_runs(values: Sequence[float]) -> Estimate:
    """Mean over runs with Student's interval, which stays inside 0–1 for values that do.

    Args:
        values: One figure a run, 2 to 10 runs that differ in the seed.

    Returns:
        The mean; ``n`` is the number of runs.

    Raises:
        TaskError: with fewer or more runs.

    Source: Student 1908, Biometrika 6 (1).
    """
    if not 2 <= len(values) <= len(_T_95) + 1:
        raise TaskError(f"a mean over runs got {len(values)} runs; expected 2 to {len(_T_95) + 1}")
    found = np.asarray(values, dtype=np.float64)
    middle = float(found.mean())
    half = _T_95[len(values) - 2] * float(found.std(ddof=1)) / sqrt(len(values))
    low, high = middle - half, middle + half
    if found.min() >= 0:
        low = max(low, 0.0)
        high = min(high, 1.0) if found.max() <= 1 else high
    return Estimate(middle, low, high, len(values))


def _is_binary(scores: Sequence[float]) -> bool:
    return all(score in (0, 1) for score in scores)


def _wilson(right: int, n: int) -> tuple[float, float]:
    share = right / n
    scale = 1 + Z_95**2 / n
    middle = (share + Z_95**2 / (2 * n)) / scale
    half = Z_95 / scale * sqrt(share * (1 - share) / n + Z_95**2 / (4 * n * n))
    # The ends are 0 and 1 exactly when nothing or everything is right; rounding would miss them.
    low = 0.0 if right == 0 else middle - half
    high = 1.0 if right == n else middle + half
    return low, high


def _bootstrap(scores: npt.NDArray[np.float64]) -> Estimate:
    generator = np.random.default_rng(BOOTSTRAP_SEED)
    means = np.empty(RESAMPLES)
    for position in range(RESAMPLES):
        means[position] = scores[generator.integers(0, len(scores), len(scores))].mean()
    low, high = np.quantile(means, [0.025, 0.975])
    return Estimate(float(scores.mean()), float(low), float(high), len(scores))


def _newcombe(first: Sequence[float], second: Sequence[float]) -> Estimate:
    n = len(first)
    both = sum(1 for one, other in zip(first, second, strict=True) if one and other)
    wins, losses = int(sum(first)), int(sum(second))
    share, other_share = wins / n, losses / n
    low, high = _wilson(wins, n)
    other_low, other_high = _wilson(losses, n)
    agreement = both * (n - wins - losses + both) - (wins - both) * (losses - both)
    # Continuity correction of the correlation; a negative one is kept as it is.
    corrected = max(agreement - n / 2, 0.0) if agreement > 0 else float(agreement)
    product = wins * (n - wins) * losses * (n - losses)
    phi = corrected / sqrt(product) if product else 0.0
    down, up = share - low, high - share
    other_down, other_up = other_share - other_low, other_high - other_share
    value = share - other_share
    return Estimate(
        value,
        value - sqrt(down**2 - 2 * phi * down * other_up + other_up**2),
        value + sqrt(up**2 - 2 * phi * up * other_down + other_down**2),
        n,
    )
