"""Figures over samples with the interval that belongs to them, and comparisons of two models.

Every interval is 95 %. Samples that share a picture, a text or a prompt are not independent: name
what they share as their *cluster*, and intervals and p-values are of clusters. Which method a figure
gets:

    scores 0 and 1    Wilson; with clusters Wilson of the effective number of samples
    other means       percentile bootstrap; with clusters Student's t over the clusters
    pooled metrics    bootstrap of whole clusters
    two models        0 and 1: Newcombe and McNemar; other scores, and clusters: as for means, with
                      the signs of whole units flipped; pooled metrics: the same bootstrap for both

One unit alone, a single cluster, says nothing of others: its interval is all that is possible, 0–1
for scores that lie there and without bounds (``-inf``, ``inf``) for others. No bound is ever nan.

In simulations with a correlation of 0.5 in the clusters, clustered intervals cover what they should
in 95 to 96 of 100 cases with 200 clusters of 4 and in 93 to 96 with 20 of 10; in 88 to 91 where 90 to
95 % are right and few of the 20 hold all that is wrong. Unequal sizes cost up to three points more.

Not covered: that the model would answer otherwise if it were asked again, or trained again with
another seed (``mean_of_runs``), and questions that differ from those that will be asked.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from math import inf, isfinite, sqrt
from typing import Literal

import numpy as np

from amalia.errors import TaskError
from amalia.evaluate import chance
from amalia.evaluate.chance import Floats, Index

Verdict = Literal["first", "second", "cannot tell"]
Combine = Callable[[Floats], Floats]
Bounds = tuple[float, float]

ALPHA = 0.05
Z_95 = chance.Z_95
RESAMPLES = chance.RESAMPLES
MAX_RUNS = 10
UNBOUNDED: Bounds = (-inf, inf)
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure, its 95 % interval, and how much it stands on."""

    value: float
    low: float
    high: float
    n: int
    """Scores it is of."""
    standard_error: float
    """Of the value; of a single unit half the interval, the most that it can be."""
    num_clusters: int
    """Independent units among the n; equal to n where nothing is shared."""


@dataclass(frozen=True, slots=True)
class Difference:
    """First minus second on the same samples, and whether it is more than chance."""

    value: float
    low: float
    high: float
    n: int
    standard_error: float
    num_clusters: int
    p_value: float
    """Two-sided: how often chance alone gives as much, if neither is higher."""

    @property
    def verdict(self) -> Verdict:
        """Which of the two is higher.

        The interval and the p-value come from different methods and may disagree near 5 %. Only
        where the p-value is below 0.05 and the interval leaves out 0 is one of them named.
        """
        if self.p_value < ALPHA and self.low > 0:
            return "first"
        if self.p_value < ALPHA and self.high < 0:
            return "second"
        return "cannot tell"


def accuracy(right: Sequence[float]) -> Estimate:
    """Share of scores that are 1, with Wilson's interval.

    Args:
        right: independent scores, each 0 or 1.

    Raises:
        TaskError: without scores, or if one is neither 0 nor 1.
    """
    values = _checked(right)
    if not _is_binary(values):
        odd = next(score for score in right if score not in (0, 1))
        raise TaskError(f"accuracy is of scores that are 0 or 1, got {odd}; use mean")
    share, n = float(values.mean()), len(values)
    low, high = chance.wilson(share, n)
    return Estimate(share, low, high, n, sqrt(share * (1 - share) / n), n)


def mean(scores: Sequence[float], clusters: Sequence[str] | None = None) -> Estimate:
    """Mean of scores, with the interval that suits them (see the module).

    With clusters the standard error is the cluster-robust one, corrected by G / (G − 1). For scores
    of 0 and 1 it is never below that of independent samples, and the effective number of samples is
    n over the design effect; where all are right or all wrong no design effect can be seen, and it
    is the number of clusters. Student's quantile with G − 1 degrees of freedom stands for the normal
    one, because the design effect is estimated from G clusters.

    Args:
        scores: one a sample.
        clusters: name of what each sample shares with others; None where they share nothing.

    Raises:
        TaskError: without scores, if one is not finite, or if there is not one cluster a score.

    Source: Miller 2024 (arXiv:2411.00640); Cameron & Miller 2015, J. Hum. Resour. 50 (2), for
    the correction and the quantile; Korn & Graubard 1998, Surv. Methodol. 24 (2), for the effective
    number of samples.
    """
    values = _checked(scores)
    index = chance.unit_index(len(values), clusters)
    n, units = len(values), _num_units(index)
    value = float(values.mean())
    possible = _possible(values)
    if units == n and _is_binary(values):
        return accuracy(scores)
    if units == 1:
        return _undecided(value, n, possible)
    error = chance.robust_error(values, index)
    quantile = chance.t_quantile(0.975, units - 1)
    if units == n:
        low, high = chance.bootstrap_mean(values)
    elif _is_binary(values):
        spread = value * (1 - value)
        error = max(error, sqrt(spread / n))
        effective = spread / error**2 if spread else units
        low, high = chance.wilson(value, effective, quantile)
    else:
        low = max(value - quantile * error, possible[0])
        high = min(value + quantile * error, possible[1])
    return Estimate(value, low, high, n, error, units)


def pooled(
    statistics: Floats,
    combine: Combine,
    clusters: Sequence[str] | None = None,
    *,
    possible: Bounds = UNBOUNDED,
) -> Estimate:
    """Estimate a metric that is a function of sums over samples: F1, BLEU, a mean of group means.

    Whole clusters are drawn again and combined. Resamples without a value (0/0) are left out. The
    interval collapses where all resamples agree, as for an F1 of 1; the bootstrap cannot see what
    no sample shows. Where all samples together have no value, it is nan, as ``combine`` says, and
    the interval is all that is possible.

    Args:
        statistics: what each sample adds to the K sums ``[N, K]``.
        combine: from sums ``[..., K]`` to the metric ``[...]``.
        clusters: as in ``mean``.
        possible: least and greatest value of the metric, which is the interval of a single unit.

    Raises:
        TaskError: without samples, if a number is not finite, if there is not one cluster a sample,
            or if ``combine`` does not keep the leading axes.
    """
    sums, index = _unit_sums(statistics, clusters)
    return resampled(lambda weights: combine(weights @ sums), index, possible=possible)


def resampled(
    statistic: chance.Statistic, index: Index, *, possible: Bounds = UNBOUNDED
) -> Estimate:
    """Estimate whatever can be computed from how often each unit counts, as ``pooled`` does.

    Args:
        statistic: from the weights of the units ``[R, units]`` to values ``[R]``.
        index: unit of each sample ``[n]``, from ``chance.unit_index``.
        possible: as in ``pooled``.

    Raises:
        TaskError: as ``pooled``.
    """
    value = _whole(statistic, index)
    return _spread(value, chance.resamples(statistic, index), index, possible)


def paired_difference(
    first: Sequence[float], second: Sequence[float], clusters: Sequence[str] | None = None
) -> Difference:
    """Mean of first minus second on the same samples, with an interval that knows they are paired.

    Independent scores of 0 and 1 get Newcombe's interval and McNemar's exact p-value. Others get the
    interval of the mean of their differences, and a p-value from flipping the signs of whole units.

    Args:
        first: scores, one a sample.
        second: scores of the same samples in the same order.
        clusters: as in ``mean``.

    Returns:
        The difference; the verdict names the model with the higher scores, so errors, of which fewer
        are better, change places.

    Raises:
        TaskError: without scores, if one is not finite, if the lengths differ, or if there is not
            one cluster a score.

    Source: Miller 2024 (arXiv:2411.00640), for pairing.
    """
    _check_pairs(first, second)
    one, other = _checked(first), _checked(second)
    index = chance.unit_index(len(one), clusters)
    n, units = len(one), _num_units(index)
    gain = one - other
    value = float(gain.mean())
    is_binary = _is_binary(one) and _is_binary(other)
    if units == n and is_binary:
        low, high = chance.newcombe(one, other, n=n)
        p_value = chance.mcnemar(int((gain > 0).sum()), int((gain < 0).sum()))
        return Difference(value, low, high, n, float(gain.std()) / sqrt(n), n, p_value)
    width = max(_possible(one)[1], _possible(other)[1])
    if units == 1:
        return Difference(**asdict(_undecided(value, n, (-width, width))), p_value=1.0)
    error = chance.robust_error(gain, index)
    quantile = chance.t_quantile(0.975, units - 1)
    low, high = max(value - quantile * error, -width), min(value + quantile * error, width)
    if units == n:
        low, high = chance.bootstrap_mean(gain)
    elif is_binary and error < _ROUNDING:
        # Clusters that agree to the last answer still are only so many clusters.
        low, high = chance.newcombe(one, other, n=units, quantile=quantile)
    p_value = chance.sign_flip(np.bincount(index, weights=gain).astype(np.float64))
    return Difference(value, low, high, n, error, units, p_value)


def pooled_difference(
    first: Floats,
    second: Floats,
    combine: Combine,
    clusters: Sequence[str] | None = None,
    *,
    possible: Bounds = UNBOUNDED,
) -> Difference:
    """Difference of a pooled metric between two models, from the same resampled clusters for both.

    The p-value is twice the share of resamples on the rarer side of 0, where the observed samples
    count as one more. It is never below what flipping the signs of so few clusters could give, so
    that five clusters or fewer leave the question open.

    Args:
        first: statistics of the first model ``[N, K]``, as in ``pooled``.
        second: of the second, on the same samples in the same order.
        combine: as in ``pooled``.
        clusters: as in ``mean``.
        possible: least and greatest value of the metric.

    Raises:
        TaskError: as ``pooled``, or if the shapes differ.
    """
    _check_pairs(first, second)
    sums, index = _unit_sums(first, clusters)
    others, _ = _unit_sums(second, clusters)

    def gain(weights: Floats) -> Floats:
        return combine(weights @ sums) - combine(weights @ others)

    value, found = _whole(gain, index), chance.resamples(gain, index)
    width = possible[1] - possible[0]
    estimate = _spread(value, found, index, (-width, width))
    tail = 1 + min(int((found <= 0).sum()), int((found >= 0).sum()))
    p_value = max(min(1.0, 2 * tail / (len(found) + 1)), 0.5 ** (estimate.num_clusters - 1))
    return Difference(**asdict(estimate), p_value=p_value if isfinite(value) else 1.0)


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjust the p-values of a family of comparisons, so that 5 % is the chance of one false find.

    Args:
        p_values: of all comparisons that were made, in any order.

    Returns:
        Adjusted p-values in the same order, each at least as large and at most 1.

    Raises:
        TaskError: if one is not within 0–1.

    Source: Holm 1979, Scand. J. Stat. 6 (2).
    """
    for p_value in p_values:
        if not 0 <= p_value <= 1:
            raise TaskError(f"a p-value is {p_value}; expected 0 to 1")
    adjusted = [0.0] * len(p_values)
    floor = 0.0
    for rank, position in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        floor = max(floor, min(1.0, (len(p_values) - rank) * p_values[position]))
        adjusted[position] = floor
    return adjusted


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
    if not 2 <= len(values) <= MAX_RUNS:
        raise TaskError(f"a mean over runs got {len(values)} runs; expected 2 to {MAX_RUNS}")
    found = np.asarray(values, dtype=np.float64)
    middle, runs = float(found.mean()), len(found)
    error = float(found.std(ddof=1)) / sqrt(runs)
    half = chance.t_quantile(0.975, runs - 1) * error
    low, high = middle - half, middle + half
    if found.min() >= 0:
        low = max(low, 0.0)
        high = min(high, 1.0) if found.max() <= 1 else high
    return Estimate(middle, low, high, runs, error, runs)


def _checked(scores: Sequence[float] | Floats) -> Floats:
    values = np.asarray(scores, dtype=np.float64)
    if not values.size:
        raise TaskError("a mean of no scores was asked for; expected at least one")
    if not np.isfinite(values).all():
        odd = values[~np.isfinite(values)][0]
        raise TaskError(f"a score is {odd}; expected a finite number, leave out what has none")
    return values


def _check_pairs(first: Sequence[float] | Floats, second: Sequence[float] | Floats) -> None:
    if np.shape(first) != np.shape(second) or not len(first):
        raise TaskError(
            f"a paired difference got {len(first)} and {len(second)} scores;"
            " expected the same samples, at least one, in both"
        )


def _is_binary(values: Floats) -> bool:
    return bool(((values == 0) | (values == 1)).all())


def _possible(values: Floats) -> Bounds:
    return (0.0, 1.0) if values.min() >= 0 and values.max() <= 1 else UNBOUNDED


def _num_units(index: Index) -> int:
    return int(index.max()) + 1


def _unit_sums(statistics: Floats, clusters: Sequence[str] | None) -> tuple[Floats, Index]:
    found = np.asarray(statistics, dtype=np.float64)
    if found.ndim != 2 or not found.size:
        raise TaskError(f"a pooled metric got statistics of shape {found.shape}; expected [N, K]")
    _checked(found)
    index = chance.unit_index(len(found), clusters)
    sums = np.zeros((_num_units(index), found.shape[1]))
    np.add.at(sums, index, found)
    return sums, index


def _whole(statistic: chance.Statistic, index: Index) -> float:
    with np.errstate(divide="ignore", invalid="ignore"):
        found = statistic(np.ones((1, _num_units(index))))
    if np.shape(found) != (1,):
        raise TaskError(
            f"a pooled metric made the shape {np.shape(found)} of [1, K] sums; expected (1,)"
        )
    return float(found[0])


def _spread(value: float, found: Floats, index: Index, possible: Bounds) -> Estimate:
    units = _num_units(index)
    if units == 1 or len(found) < 2 or not isfinite(value):
        # Also where every resample missed something the value cannot do without.
        return _undecided(value, len(index), possible, units)
    low, high = chance.percentile_interval(found, units)
    return Estimate(value, low, high, len(index), float(found.std(ddof=1)), units)


def _undecided(value: float, n: int, possible: Bounds, units: int = 1) -> Estimate:
    low, high = possible
    return Estimate(value, low, high, n, (high - low) / 2, units)
