"""How far a judge's grades are those of people, and what it may be looking at instead.

A judge is a model that grades answers. Before its grades count, they are held against answers that
people graded: do they agree, would the length of an answer alone agree as well, does the judge lean
to long answers beyond what people do, and does it lean to the answer that it is shown first.

Answers to one prompt are not independent; name the prompt as their cluster, and every interval is of
clusters. A figure that is not defined, as a correlation with grades that are all the same, is None.

Not covered: how far people agree with each other, which bounds what any judge can reach, and replies
of a judge that hold no grade. Leave those out before, and count them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import isfinite
from typing import Literal, get_args

import numpy as np

from amalia.errors import TaskError
from amalia.evaluate import chance, estimates
from amalia.evaluate.chance import Floats, Index
from amalia.evaluate.estimates import Difference, Estimate

Place = Literal["first", "second", "tie"]
_SIGNED = (-1.0, 1.0)
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class Agreement:
    """Two graders on the same answers, each figure with its interval."""

    exact: Estimate
    """Share of answers with the same grade, 0–1."""
    quadratic_kappa: Estimate | None
    """1 for the same grades, 0 for what chance gives; None where all grades of both are one."""
    spearman: Estimate | None
    """Rank correlation, −1 to 1; None where one side gave a single grade."""
    mean_absolute_difference: Estimate
    """In grades."""


@dataclass(frozen=True, slots=True)
class PositionBias:
    """What happens to a judge's choice between two answers when they change places."""

    flips: Estimate
    """Share of pairs in which the choice is another one, to or from a tie included."""
    prefers_first: Estimate
    """Share of pairs in which it flips towards whichever answer is shown first."""
    prefers_second: Estimate
    difference: Difference
    """``prefers_first`` minus ``prefers_second``; a judge that is only unsure flips both ways."""


def exact(first: Sequence[int], second: Sequence[int]) -> float:
    """Share of answers to which both give the same grade, 0–1.

    Raises:
        TaskError: without grades, or if the lengths differ.
    """
    one, other = _paired(first, second)
    return float((one == other).mean())


def quadratic_kappa(
    first: Sequence[int], second: Sequence[int], *, low: int, high: int
) -> float | None:
    """Agreement beyond chance, where a miss costs the square of its distance.

    Computed from sums instead of a table of all grades: what chance would cost is the variance of
    each side plus the square of the difference of their means. Grades that nobody gave change
    nothing.

    Args:
        first: grades, whole numbers from ``low`` to ``high``.
        second: grades of the same answers.
        low: lowest grade there is.
        high: highest grade there is.

    Returns:
        At most 1; 0 for what chance gives; None where both gave one and the same grade to all.

    Raises:
        TaskError: without grades, if the lengths differ, or for a grade that there is not.

    Source: Cohen 1968, Psychol. Bull. 70 (4); by sums: Fleiss & Cohen 1973, Educ. Psychol. Meas.
    33 (3).
    """
    _check_grades(first, low, high)
    _check_grades(second, low, high)
    return _known(_kappa, _moments(*_paired(first, second)).sum(axis=0, keepdims=True))


def spearman(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Rank correlation, −1 to 1, equal values sharing the mean of their ranks.

    Returns:
        None where all values of one side are the same.

    Raises:
        TaskError: without values, or if the lengths differ.

    Source: Spearman 1904, Am. J. Psychol. 15 (1).
    """
    one, other = _paired(first, second)
    return _known(lambda weights: _rank_correlation(one, other, weights), np.ones((1, len(one))))


def mean_absolute_difference(first: Sequence[int], second: Sequence[int]) -> float:
    """Mean distance of two grades of the same answer, in grades.

    Raises:
        TaskError: without grades, or if the lengths differ.
    """
    one, other = _paired(first, second)
    return float(np.abs(one - other).mean())


def agreement(
    judged: Sequence[int],
    graded: Sequence[int],
    *,
    low: int,
    high: int,
    clusters: Sequence[str] | None = None,
) -> Agreement:
    """Compare a judge's grades with those of people.

    Args:
        judged: grades of the judge, whole numbers from ``low`` to ``high``.
        graded: grades of people for the same answers, in the same order.
        low: lowest grade there is.
        high: highest grade there is.
        clusters: name of each answer's prompt; None where every answer has its own.

    Raises:
        TaskError: without grades, if the lengths differ, or for a grade that there is not.
    """
    kappa = quadratic_kappa(judged, graded, low=low, high=high)
    one, other = _paired(judged, graded)
    # As shares of the widest miss they are scores of 0–1, whose interval knows what is possible.
    widest = float(max(high - low, 1))
    miss = estimates.mean((np.abs(one - other) / widest).tolist(), clusters)
    return Agreement(
        exact=estimates.mean((one == other).astype(float).tolist(), clusters),
        quadratic_kappa=None
        if kappa is None
        else estimates.pooled(_moments(one, other), _kappa, clusters, possible=_SIGNED),
        spearman=_spearman_estimate(one, other, clusters),
        mean_absolute_difference=replace(
            miss,
            value=miss.value * widest,
            low=miss.low * widest,
            high=miss.high * widest,
            standard_error=miss.standard_error * widest,
        ),
    )


def length_baseline(
    texts: Sequence[str], graded: Sequence[int], clusters: Sequence[str] | None = None
) -> Agreement:
    """Compute how far a judge would agree that counts words and reads nothing.

    The longer an answer, the better its grade: the grades that people gave are handed out in order
    of length, each as often as people gave it. Answers of one length get one grade, the lower middle
    one of theirs. The baseline knows these frequencies, which a judge does not, and is the harder to
    beat for it. The rank correlation is with the number of words itself. Where one grade is
    frequent, giving it to everything can be right more often still, at a kappa of 0.

    Args:
        texts: the answers.
        graded: grades of people.
        clusters: as in ``agreement``.

    Raises:
        TaskError: without answers, or if the lengths differ.
    """
    words, grades = _paired([len(text.split()) for text in texts], graded)
    ends = np.searchsorted(np.sort(words), words, side="right")
    starts = np.searchsorted(np.sort(words), words, side="left")
    handed = np.sort(grades)[(starts + ends - 1) // 2]
    low, high = int(grades.min()), int(grades.max())
    found = agreement(handed.astype(int).tolist(), graded, low=low, high=high, clusters=clusters)
    return replace(found, spearman=_spearman_estimate(words, grades, clusters))


def length_bias(
    lengths: Sequence[float],
    judged: Sequence[int],
    graded: Sequence[int],
    clusters: Sequence[str] | None = None,
) -> Estimate | None:
    """How much of what sets a judge apart from people goes with the length of the answer.

    The partial rank correlation of judged grade and length, given the grade of people: above 0 the
    judge likes long answers more than people do. Grades are coarse, so that a little of what people
    themselves see in length remains; read it beside its interval.

    Args:
        lengths: of the answers, in any unit.
        judged: grades of the judge.
        graded: grades of people.
        clusters: as in ``agreement``.

    Returns:
        −1 to 1; None where one of the three does not vary, or where the grades of people already say
        all about one of the others.

    Raises:
        TaskError: without answers, or if the lengths differ.

    Source: Kendall 1942, Biometrika 32 (3/4), on partial rank correlation.
    """
    length, grade = _paired(lengths, graded)
    judge, _ = _paired(judged, graded)

    def partial(weights: Floats) -> Floats:
        direct = _rank_correlation(judge, length, weights)
        by_judge = _rank_correlation(judge, grade, weights)
        by_length = _rank_correlation(length, grade, weights)
        left = (1 - by_judge**2) * (1 - by_length**2)
        rest = np.sqrt(np.where(left > _ROUNDING, left, np.nan))
        return np.clip((direct - by_judge * by_length) / rest, -1, 1)

    return _weighted(partial, chance.unit_index(len(length), clusters))


def position_bias(
    asked: Sequence[Place], swapped: Sequence[Place], clusters: Sequence[str] | None = None
) -> PositionBias:
    """Measure whether a judge of two answers looks at their places.

    Args:
        asked: for each pair the *place* that won, not the answer.
        swapped: the place that won when the same two answers had changed places. A judge that sees
            the answers alone says first and second, second and first, or twice tie.
        clusters: as in ``agreement``.

    Raises:
        TaskError: without pairs, if the lengths differ, or for another verdict.

    Source: Zheng et al. 2023 (arXiv:2306.05685), on position bias.
    """
    for verdict in (*asked, *swapped):
        if verdict not in get_args(Place):
            raise TaskError(f"a verdict is {verdict!r}; expected first, second or tie")
    points = {"first": 1.0, "tie": 0.0, "second": -1.0}
    one, other = _paired(
        [points[verdict] for verdict in asked], [points[verdict] for verdict in swapped]
    )
    lean = one + other
    first, second = (lean > 0).astype(float).tolist(), (lean < 0).astype(float).tolist()
    return PositionBias(
        flips=estimates.mean((lean != 0).astype(float).tolist(), clusters),
        prefers_first=estimates.mean(first, clusters),
        prefers_second=estimates.mean(second, clusters),
        difference=estimates.paired_difference(first, second, clusters),
    )


def _paired(first: Sequence[float], second: Sequence[float]) -> tuple[Floats, Floats]:
    if len(first) != len(second) or not len(first):
        raise TaskError(
            f"an agreement got {len(first)} and {len(second)} grades;"
            " expected the same answers, at least one, in both"
        )
    return np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)


def _check_grades(grades: Sequence[int], low: int, high: int) -> None:
    for grade in grades:
        if not low <= grade <= high or grade != int(grade):
            raise TaskError(f"a grade is {grade}; expected a whole number from {low} to {high}")


def _moments(one: Floats, other: Floats) -> Floats:
    return np.stack([np.ones_like(one), one, other, one**2, other**2, one * other], axis=1)


def _kappa(sums: Floats) -> Floats:
    n, one, other, one_squared, other_squared, product = np.moveaxis(sums, -1, 0)
    # Times n², which keeps whole numbers whole: 0/0 is then exactly that.
    by_chance = n * one_squared + n * other_squared - 2 * one * other
    found: Floats = 2 * (n * product - one * other) / by_chance
    return found


def _ranks(values: Floats, weights: Floats) -> Floats:
    """Mean ranks ``[R, N]`` of values ``[N]`` that count as often as ``[R, N]``, minus their mean."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ordered = weights[:, np.argsort(values, kind="stable")]
    equal = np.add.reduceat(ordered, np.cumsum(counts) - counts, axis=1)
    middle = np.cumsum(equal, axis=1) - equal / 2
    centered: Floats = middle[:, inverse] - weights.sum(axis=1, keepdims=True) / 2
    return centered


def _rank_correlation(first: Floats, second: Floats, weights: Floats) -> Floats:
    one, other = _ranks(first, weights), _ranks(second, weights)
    spread = (weights * one**2).sum(axis=1) * (weights * other**2).sum(axis=1)
    found: Floats = (weights * one * other).sum(axis=1) / np.sqrt(spread)
    return found


def _spearman_estimate(
    first: Floats, second: Floats, clusters: Sequence[str] | None
) -> Estimate | None:
    return _weighted(
        lambda weights: _rank_correlation(first, second, weights),
        chance.unit_index(len(first), clusters),
    )


def _weighted(statistic: Callable[[Floats], Floats], index: Index) -> Estimate | None:
    """Estimate a statistic of the weights of samples ``[R, N]``."""
    if _known(statistic, np.ones((1, len(index)))) is None:
        return None
    return estimates.resampled(
        lambda weights: statistic(weights[:, index]), index, possible=_SIGNED
    )


def _known(statistic: Callable[[Floats], Floats], given: Floats) -> float | None:
    with np.errstate(divide="ignore", invalid="ignore"):
        found = float(statistic(given)[0])
    return found if isfinite(found) else None
