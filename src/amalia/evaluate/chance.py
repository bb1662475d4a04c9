"""What chance alone does: quantiles, intervals, tests and resamples of plain numbers.

``estimates`` and ``agreement`` decide which of these belongs to which scores; here nothing is known
of samples and metrics. Every interval is 95 %, every p-value two-sided, and whatever is drawn comes
from a fixed seed, so that a number in a report can be computed again to the last digit.

A *unit* is what was drawn independently: a sample, or a cluster of samples that share a picture, a
text or a prompt.
"""

from collections.abc import Callable, Sequence
from math import cos, pi, sin, sqrt, tan
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from amalia.errors import TaskError

Floats = npt.NDArray[np.float64]
Index = npt.NDArray[np.intp]
Statistic = Callable[[Floats], Floats]

Z_95 = 1.959963984540054
RESAMPLES = 2000
FLIPS = 10_000
BOOTSTRAP_SEED = 20_240_601
_EXACT_UNITS = 14
_EXPANSION_DEGREES = 100
# Numbers in one block of weights: 4 MB, of which a statistic may hold several.
_BLOCK = 1 << 19


def unit_index(n: int, clusters: Sequence[str] | None) -> Index:
    """Give the position of each sample's unit, from 0, in sorted order of the clusters' names.

    Args:
        n: samples.
        clusters: name of each sample's cluster; a sample that shares nothing has a name of its own.
            None makes every sample a unit.

    Returns:
        ``[n]``; the number of units is its maximum plus one.

    Raises:
        TaskError: if there is not one cluster a sample.
    """
    if clusters is None:
        return np.arange(n)
    if len(clusters) != n:
        raise TaskError(
            f"{len(clusters)} clusters were given for {n} samples; expected one for each sample"
        )
    positions = {name: position for position, name in enumerate(sorted(set(clusters)))}
    return np.array([positions[name] for name in clusters], dtype=np.intp)


def t_quantile(probability: float, degrees: int) -> float:
    """Quantile of Student's t.

    The distribution function of whole degrees of freedom is a finite sum, which is bisected over the
    angle atan(t / √degrees); beyond 100 degrees the expansion around the normal quantile is good to
    eight digits.

    Args:
        probability: inside 0–1.
        degrees: of freedom, 1 or more.

    Source: Abramowitz & Stegun 1964, 26.7.3–26.7.5.
    """
    if probability < 0.5:
        return -t_quantile(1 - probability, degrees)
    if degrees > _EXPANSION_DEGREES:
        z = NormalDist().inv_cdf(probability)
        terms = (
            (z**3 + z) / 4,
            (5 * z**5 + 16 * z**3 + 3 * z) / 96,
            (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
            (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
        )
        return z + sum(term / float(degrees) ** power for power, term in enumerate(terms, 1))
    low, high = 0.0, pi / 2
    for _ in range(60):
        middle = (low + high) / 2
        if _t_within(middle, degrees) < 2 * probability - 1:
            low = middle
        else:
            high = middle
    return sqrt(degrees) * tan(low)


def wilson(share: float, n: float, quantile: float = Z_95) -> tuple[float, float]:
    """Wilson's interval of a share, which stays inside 0–1 and never collapses.

    Args:
        share: 0–1.
        n: independent samples, or the effective number of dependent ones.
        quantile: the 97.5 % quantile; Student's where the variance was estimated.

    Source: Wilson 1927, J. Am. Stat. Assoc. 22 (158).
    """
    scale = 1 + quantile**2 / n
    middle = (share + quantile**2 / (2 * n)) / scale
    half = quantile / scale * sqrt(share * (1 - share) / n + quantile**2 / (4 * n * n))
    # The ends are 0 and 1 exactly when nothing or everything is right; rounding would miss them.
    low = 0.0 if share == 0 else middle - half
    high = 1.0 if share == 1 else middle + half
    return low, high


def newcombe(
    first: Floats, second: Floats, *, n: int, quantile: float = Z_95
) -> tuple[float, float]:
    """Interval of the difference of two shares on the same samples.

    Newcombe's hybrid of two Wilson intervals with the correlation of the pairs.

    Args:
        first: scores of 0 and 1 ``[samples]``.
        second: scores of the same samples.
        n: number of samples, or the effective number of dependent ones.
        quantile: as in ``wilson``.

    Source: Newcombe 1998, Stat. Med. 17, 2635–2650, method 10.
    """
    share, other_share = float(first.mean()), float(second.mean())
    low, high = wilson(share, n, quantile)
    other_low, other_high = wilson(other_share, n, quantile)
    both = float((first * second).mean())
    neither = float(((1 - first) * (1 - second)).mean())
    agreement = both * neither - (share - both) * (other_share - both)
    # Continuity correction of the correlation; a negative one is kept as it is.
    corrected = max(agreement - 1 / (2 * n), 0.0) if agreement > 0 else agreement
    product = share * (1 - share) * other_share * (1 - other_share)
    phi = corrected / sqrt(product) if product else 0.0
    down, up = share - low, high - share
    other_down, other_up = other_share - other_low, other_high - other_share
    value = share - other_share
    return (
        value - sqrt(down**2 - 2 * phi * down * other_up + other_up**2),
        value + sqrt(up**2 - 2 * phi * up * other_down + other_down**2),
    )


def mcnemar(first_only: int, second_only: int) -> float:
    """Exact p-value of McNemar's test: how odd so uneven a split of what only one has right is.

    Source: McNemar 1947, Psychometrika 12 (2), with the binomial instead of χ².
    """
    total = first_only + second_only
    tail, term = 0, 1
    for position in range(min(first_only, second_only) + 1):
        tail += term
        term = term * (total - position) // (position + 1)
    # Whole numbers, divided at the end: nothing is rounded on the way.
    return min(1.0, 2 * tail / (1 << total))


def sign_flip(totals: Floats) -> float:
    """Two-sided p-value that units differ in favor of neither side.

    If neither is better, each unit's difference could as well have the other sign. All patterns of
    signs are tried for up to 14 units that differ at all, 10,000 drawn ones for more, and the one
    that was seen counts among them. Five units or fewer can never give less than 0.05.

    Args:
        totals: sum of the differences in each unit ``[units]``.

    Source: Fisher 1935, The Design of Experiments, §21; Phipson & Smyth 2010, Stat. Appl.
    Genet. Mol. Biol. 9 (1), for the one that is added.
    """
    differing = totals[totals != 0]
    units = len(differing)
    if not units:
        return 1.0
    total = differing.sum()
    # Sums of the same numbers in another order differ in the last digits.
    bound = abs(total) - 1e-9 * np.abs(differing).sum()
    if units <= _EXACT_UNITS:
        flipped = np.arange(2**units)[:, None] >> np.arange(units) & 1
        return float(np.mean(np.abs(total - 2 * (flipped @ differing)) >= bound))
    generator = np.random.default_rng(BOOTSTRAP_SEED)
    extreme = 0
    for rows in _blocks(FLIPS, units):
        flipped = generator.integers(0, 2, (rows, units), dtype=np.int8).astype(np.float64)
        extreme += int(np.sum(np.abs(total - 2 * (flipped @ differing)) >= bound))
    return (extreme + 1) / (FLIPS + 1)


def robust_error(values: Floats, index: Index) -> float:
    """Standard error of a mean over samples that share clusters, corrected by G / (G − 1).

    Args:
        values: ``[n]``.
        index: unit of each ``[n]``; 2 units or more.

    Source: Miller 2024 (arXiv:2411.00640); the correction: Cameron & Miller 2015, J. Hum.
    Resour. 50 (2).
    """
    totals = np.bincount(index, weights=values - values.mean())
    return sqrt(len(totals) / (len(totals) - 1) * float((totals**2).sum())) / len(values)


def bootstrap_mean(values: Floats) -> tuple[float, float]:
    """Interval of a mean of independent values ``[n]`` between percentiles of resampled means.

    Source: Efron 1979, Ann. Stat. 7 (1).
    """
    generator = np.random.default_rng(BOOTSTRAP_SEED)
    means = np.empty(RESAMPLES)
    for position in range(RESAMPLES):
        means[position] = values[generator.integers(0, len(values), len(values))].mean()
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def resamples(statistic: Statistic, index: Index) -> Floats:
    """Values of a statistic when whole units are drawn again, with replacement.

    Args:
        statistic: from how often each unit counts ``[R, units]`` to values ``[R]``; it is asked in
            blocks of R.
        index: unit of each sample ``[n]``.

    Returns:
        Up to 2,000; those that are not finite, as of 0/0, are left out.

    Source: Cameron & Miller 2015, J. Hum. Resour. 50 (2), on resampling whole clusters.
    """
    generator = np.random.default_rng(BOOTSTRAP_SEED)
    units = int(index.max()) + 1
    found: list[Floats] = []
    for rows in _blocks(RESAMPLES, len(index)):
        drawn = generator.integers(0, units, (rows, units)) + units * np.arange(rows)[:, None]
        weights = np.bincount(drawn.ravel(), minlength=rows * units).reshape(rows, units)
        with np.errstate(divide="ignore", invalid="ignore"):
            found.append(statistic(weights.astype(np.float64)))
    values = np.concatenate(found)
    return values[np.isfinite(values)]


def percentile_interval(found: Floats, units: int) -> tuple[float, float]:
    """Interval between the expanded percentiles of resamples.

    Resamples of few units vary too little; the percentiles are moved out by what Student's t and
    n / (n − 1) would ask for. With many units they are 2.5 % and 97.5 %.

    Args:
        found: finite values, at least one.
        units: that were resampled, 2 or more.

    Source: Hesterberg 2015, Am. Stat. 69 (4), the expanded percentile interval.
    """
    tail = NormalDist().cdf(-sqrt(units / (units - 1)) * t_quantile(0.975, units - 1))
    low, high = np.quantile(found, [tail, 1 - tail])
    return float(low), float(high)


def _t_within(angle: float, degrees: int) -> float:
    """Probability that t lies within √degrees · tan(angle) of 0."""
    is_odd = degrees % 2
    term, total = (cos(angle) if is_odd else 1.0), 0.0
    for power in range(is_odd, degrees - 1, 2):
        total += term
        term *= (power + 1) / (power + 2) * cos(angle) ** 2
    return 2 / pi * (angle + sin(angle) * total) if is_odd else sin(angle) * total


def _blocks(rows: int, width: int) -> list[int]:
    size = max(1, _BLOCK // width)
    return [min(size, rows - start) for start in range(0, rows, size)]
