"""Means and intervals against published values and by their own properties."""

from collections.abc import Callable
from math import inf, isnan, sqrt

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalia.errors import TaskError
from amalia.evaluate import chance, estimates
from amalia.evaluate.chance import Floats


def test_accuracy_is_wilsons_interval() -> None:
    # Newcombe 1998 (Stat. Med. 17, 857–872), table I, method 3: 81 of 263, 15 of 148, 0 of 20.
    assert_estimate(estimates.accuracy([1] * 81 + [0] * 182), 81 / 263, 0.2553, 0.3662, 263)
    assert_estimate(estimates.accuracy([1] * 15 + [0] * 133), 15 / 148, 0.0624, 0.1605, 148)
    assert_estimate(estimates.accuracy([0] * 20), 0, 0, 0.1611, 20)


def test_accuracy_refuses_what_is_neither_right_nor_wrong() -> None:
    with pytest.raises(TaskError, match=r"got 0\.5; use mean"):
        estimates.accuracy([1, 0.5])
    with pytest.raises(TaskError, match="no scores"):
        estimates.accuracy([])


def test_mean_of_right_and_wrong_is_accuracy() -> None:
    assert estimates.mean([1.0, 0.0, 1.0]) == estimates.accuracy([1, 0, 1])
    with pytest.raises(TaskError, match="no scores"):
        estimates.mean([])


def test_mean_of_other_scores_is_close_to_the_normal_interval() -> None:
    scores = np.random.default_rng(0).uniform(size=400)
    half = 1.96 * scores.std() / 20
    found = estimates.mean(scores.tolist())
    assert found.value == pytest.approx(scores.mean())
    assert found.low == pytest.approx(scores.mean() - half, abs=0.003)
    assert found.high == pytest.approx(scores.mean() + half, abs=0.003)


def test_mean_is_the_same_every_time() -> None:
    assert estimates.mean([0.2, 0.5, 0.9]) == estimates.mean([0.2, 0.5, 0.9])


def test_paired_difference_is_newcombes_interval() -> None:
    # Altman et al. 2000, Statistics with Confidence, table 6.2: 0.122 (0.011 to 0.226).
    first = [1] * 14 + [1] * 5 + [0] * 22
    second = [1] * 14 + [0] * 5 + [0] * 22
    assert_estimate(
        estimates.paired_difference(first, second), 5 / 41, 0.011, 0.226, 41, abs=0.0006
    )


def test_paired_difference_of_equal_answers_contains_zero() -> None:
    found = estimates.paired_difference([1, 1, 0], [1, 1, 0])
    assert found.value == 0
    assert found.low < 0 < found.high


def test_paired_difference_knows_the_pairs() -> None:
    scores = np.random.default_rng(1).uniform(size=100)
    found = estimates.paired_difference((scores + 0.01).tolist(), scores.tolist())
    assert_estimate(found, 0.01, 0.01, 0.01, 100)


def test_paired_difference_needs_the_same_samples() -> None:
    with pytest.raises(TaskError, match="2 and 1 scores"):
        estimates.paired_difference([1, 0], [1])


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=1, max_size=40))
def test_paired_difference_turns_with_its_arguments(pairs: list[tuple[int, int]]) -> None:
    first, second = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    there, back = (
        estimates.paired_difference(first, second),
        estimates.paired_difference(second, first),
    )
    assert_estimate(back, -there.value, -there.high, -there.low, len(pairs))
    assert -1 - 1e-9 <= there.low <= there.value <= there.high <= 1 + 1e-9


def assert_estimate(
    found: estimates.Estimate | estimates.Difference,
    value: float,
    low: float,
    high: float,
    n: int,
    *,
    abs: float = 6e-5,
) -> None:
    assert found.value == pytest.approx(value)
    assert found.low == pytest.approx(low, abs=abs)
    assert found.high == pytest.approx(high, abs=abs)
    assert found.n == n


def test_a_mean_of_runs_has_students_interval() -> None:
    found = estimates.mean_of_runs([0.70, 0.74, 0.75])
    assert found.value == pytest.approx(0.73)
    # 4.302653 × 0.026458 / √3
    assert found.high - found.value == pytest.approx(0.065724, abs=1e-5)
    assert found.n == 3


def test_an_interval_over_runs_of_fractions_stays_a_fraction() -> None:
    found = estimates.mean_of_runs([0.9, 1.0])
    assert (found.low, found.high) == (pytest.approx(0.95 - 0.635310, abs=1e-5), 1.0)
    assert estimates.mean_of_runs([10.0, 12.0]).high > 12


@pytest.mark.parametrize("runs", [1, 11])
def test_one_run_or_too_many_have_no_interval(runs: int) -> None:
    with pytest.raises(TaskError, match=f"a mean over runs got {runs} runs; expected 2 to 10"):
        estimates.mean_of_runs([0.5] * runs)


def named(numbers: npt.NDArray[np.int_]) -> list[str]:
    return [f"fotografia {number}" for number in numbers]


def f1(sums: Floats) -> Floats:
    return 2 * sums[..., 0] / (2 * sums[..., 0] + sums[..., 1])


def ratio(sums: Floats) -> Floats:
    return sums[..., 0] / sums[..., 1]


def test_standard_errors_of_independent_scores() -> None:
    share = estimates.mean([1, 0, 0, 0])
    assert (share.standard_error, share.num_clusters) == (pytest.approx(sqrt(0.25 * 0.75 / 4)), 4)
    other = estimates.mean([0.1, 0.2, 0.6])
    assert other.standard_error == pytest.approx(np.std([0.1, 0.2, 0.6], ddof=1) / sqrt(3))
    runs = estimates.mean_of_runs([0.70, 0.74, 0.75])
    assert (runs.standard_error, runs.num_clusters) == (
        pytest.approx(0.026458 / sqrt(3), abs=1e-6),
        3,
    )


@pytest.mark.parametrize("scores", [[1, 0, 1, 1], [0.5, 0.1, 0.9, 0.2]])
def test_clusters_of_one_sample_change_nothing(scores: list[float]) -> None:
    alone = named(np.arange(4))
    assert estimates.mean(scores, alone) == estimates.mean(scores)
    turned = scores[::-1]
    assert estimates.paired_difference(scores, turned, alone) == estimates.paired_difference(
        scores, turned
    )


def test_scores_that_share_clusters_have_students_interval() -> None:
    # Around 0.5 the clusters sum to −0.4, 0.4 and 0: error √(3/2 · 0.32) / 6, quantile 4.302653.
    clusters = ["rio", "rio", "mar", "mar", "lago", "lago"]
    found = estimates.mean([0.2, 0.4, 0.6, 0.8, 0.5, 0.5], clusters)
    assert_estimate(found, 0.5, 0.5 - 0.496828, 0.5 + 0.496828, 6)
    assert found.standard_error == pytest.approx(0.1154701)
    assert found.num_clusters == 3


def test_an_interval_over_clusters_stays_where_scores_are() -> None:
    found = estimates.mean([0.9, 0.9, 1.0, 0.95], ["a", "a", "b", "b"])
    assert found.high == 1
    assert estimates.mean([9.0, 9.0, 10.0, 9.5], ["a", "a", "b", "b"]).high > 10


def test_right_and_wrong_in_clusters_have_wilsons_interval_of_fewer_samples() -> None:
    # Ten photographs with two questions each, both right or both wrong: ten answers, not twenty.
    answers = np.repeat([1, 0, 1, 1, 0, 1, 1, 1, 0, 1], 2)
    found = estimates.mean(answers.tolist(), named(np.arange(20) // 2))
    assert found.standard_error == pytest.approx(sqrt(0.7 * 0.3 / 9))
    assert (found.low, found.high) == pytest.approx(chance.wilson(0.7, 9, 2.262157), abs=1e-6)
    assert (found.n, found.num_clusters) == (20, 10)


def test_right_and_wrong_never_count_as_more_samples_than_there_are() -> None:
    # One right and one wrong everywhere: clusters do not differ at all.
    found = estimates.mean([1, 0] * 10, named(np.arange(20) // 2))
    assert found.standard_error == pytest.approx(sqrt(0.25 / 20))
    assert (found.low, found.high) == pytest.approx(chance.wilson(0.5, 20, 2.262157), abs=1e-6)


def test_all_right_in_clusters_counts_clusters() -> None:
    found = estimates.mean([1] * 40, named(np.arange(40) // 4))
    assert (found.value, found.high) == (1, 1)
    assert found.low == pytest.approx(10 / (10 + 2.262157**2))
    assert estimates.mean([0] * 40, named(np.arange(40) // 4)).high == pytest.approx(1 - found.low)


def test_one_cluster_says_nothing_of_others() -> None:
    shares = estimates.mean([1, 1, 0.5, 1], ["rio"] * 4)
    assert (shares.low, shares.high, shares.standard_error) == (0, 1, 0.5)
    assert estimates.mean([1, 1, 1], ["rio"] * 3).low == 0
    assert estimates.mean([0.5]).high == 1
    points = estimates.mean([30.0, 50.0], ["rio"] * 2)
    assert (points.value, points.low, points.high) == (40, -inf, inf)


@pytest.mark.parametrize(
    ("scores", "clusters", "message"),
    [
        ([0.5, float("nan")], None, "a score is nan; expected a finite number"),
        ([1, float("inf")], None, "a score is inf; expected a finite number"),
        ([1, 0], ["rio"], "1 clusters were given for 2 samples; expected one for each sample"),
    ],
)
def test_a_mean_refuses_what_has_none(
    scores: list[float], clusters: list[str] | None, message: str
) -> None:
    with pytest.raises(TaskError, match=message):
        estimates.mean(scores, clusters)


def test_intervals_over_clusters_cover_what_they_should() -> None:
    generator = np.random.default_rng(3)
    clusters, covered, naive = named(np.arange(200) // 5), 0, 0
    for _ in range(2000):
        # Shares of photographs from a beta distribution: correlation 0.5 within, mean 0.7.
        shares = np.repeat(generator.beta(0.7, 0.3, 40), 5)
        scores = (generator.random(200) < shares).astype(float).tolist()
        found, plain = estimates.mean(scores, clusters), estimates.mean(scores)
        covered += found.low <= 0.7 <= found.high
        naive += plain.low <= 0.7 <= plain.high
    assert 0.93 <= covered / 2000 <= 0.97
    assert naive / 2000 < 0.8


def test_a_pooled_metric_is_of_sums_and_not_a_mean() -> None:
    # True positives, and misses of either kind: 2 · 3 / (2 · 3 + 2)
    statistics = np.array([[1, 0], [1, 0], [1, 1], [0, 1], [0, 0]], dtype=float)
    assert estimates.pooled(statistics, f1).value == pytest.approx(0.75)


def test_a_pooled_mean_is_the_mean() -> None:
    scores = np.random.default_rng(0).uniform(size=300)
    statistics = np.stack([scores, np.ones(300)], axis=1)
    found, wanted = estimates.pooled(statistics, ratio), estimates.mean(scores.tolist())
    assert_estimate(found, wanted.value, wanted.low, wanted.high, 300, abs=0.004)
    assert found.standard_error == pytest.approx(wanted.standard_error, rel=0.05)
    assert found == estimates.pooled(statistics, ratio)


def test_a_pooled_metric_draws_whole_clusters() -> None:
    generator = np.random.default_rng(0)
    shares = np.repeat(generator.uniform(size=60), 4)
    scores = np.clip(shares + generator.normal(0, 0.05, 240), 0, 1)
    clusters = named(np.arange(240) // 4)
    statistics = np.stack([scores, np.ones(240)], axis=1)
    found, wanted = estimates.pooled(statistics, ratio, clusters), estimates.mean(scores, clusters)
    assert found.standard_error == pytest.approx(wanted.standard_error, rel=0.05)
    assert found.standard_error > 1.8 * estimates.pooled(statistics, ratio).standard_error
    assert (found.n, found.num_clusters) == (240, 60)


def test_a_resample_without_a_value_is_left_out() -> None:
    # Only one of the samples has what is divided by; a third of the resamples miss it.
    statistics = np.array([[1, 2], [0, 0], [0, 0]], dtype=float)
    assert_estimate(estimates.pooled(statistics, ratio), 0.5, 0.5, 0.5, 3)


def test_a_metric_that_no_resample_has_is_undecided() -> None:
    # Every one of many samples is needed, which no resample with replacement holds.
    def all_needed(sums: Floats) -> Floats:
        return np.where((sums > 0).all(axis=-1), 0.5, np.nan)

    found = estimates.pooled(np.eye(30), all_needed, possible=(0, 1))
    assert (found.value, found.low, found.high, found.standard_error) == (0.5, 0, 1, 0.5)


def test_a_metric_without_a_value_is_undecided() -> None:
    # Nothing to find and nothing found: 0/0.
    found = estimates.pooled(np.zeros((3, 2)), f1)
    assert (isnan(found.value), found.low, found.high) == (True, -inf, inf)
    gain = estimates.pooled_difference(np.zeros((3, 2)), np.ones((3, 2)), f1, possible=(0, 1))
    assert (isnan(gain.value), gain.low, gain.high, gain.p_value) == (True, -1, 1, 1)


def test_one_cluster_leaves_a_pooled_metric_all_that_is_possible() -> None:
    statistics, clusters = np.ones((3, 2)), ["rio"] * 3
    found = estimates.pooled(statistics, f1, clusters, possible=(0, 1))
    assert (found.low, found.high, found.standard_error) == (0, 1, 0.5)
    unknown = estimates.pooled(statistics, f1, clusters)
    assert (unknown.low, unknown.high) == (-inf, inf)
    gain = estimates.pooled_difference(statistics, statistics, f1, clusters, possible=(0, 1))
    assert (gain.low, gain.high, gain.p_value, gain.verdict) == (-1, 1, 1, "cannot tell")


@pytest.mark.parametrize(
    ("statistics", "combine", "message"),
    [
        (np.ones((2, 2)), lambda sums: sums.sum(), r"made the shape \(\) of \[1, K\] sums"),
        (np.ones(3), f1, r"statistics of shape \(3,\); expected \[N, K\]"),
        (np.ones((0, 2)), f1, r"statistics of shape \(0, 2\); expected \[N, K\]"),
        (np.array([[np.nan, 1]]), f1, "a score is nan"),
    ],
)
def test_a_pooled_metric_says_what_it_cannot_do(
    statistics: Floats, combine: Callable[[Floats], Floats], message: str
) -> None:
    with pytest.raises(TaskError, match=message):
        estimates.pooled(statistics, combine)


def test_an_interval_alone_is_no_verdict() -> None:
    # As above, Altman et al.: the interval leaves out 0, five to none is odd in 1 of 16 cases.
    first, second = [1] * 19 + [0] * 22, [1] * 14 + [0] * 27
    found = estimates.paired_difference(first, second)
    assert found.low > 0
    assert found.p_value == pytest.approx(2 / 32)
    assert found.verdict == "cannot tell"
    assert found.standard_error == pytest.approx(sqrt((5 - 25 / 41) / 41**2))


def test_six_to_none_is_a_verdict() -> None:
    first, second = [1] * 20 + [0] * 21, [1] * 14 + [0] * 27
    assert estimates.paired_difference(first, second).verdict == "first"
    assert estimates.paired_difference(second, first).verdict == "second"


@pytest.mark.parametrize("clusters", [None, ["rio", "rio", "mar", "mar"], ["rio"] * 4])
@pytest.mark.parametrize("scores", [[1, 0, 1, 1], [0.5, 0.1, 0.9, 0.2], [3.0, 5.0, 2.0, 1.0]])
def test_the_same_scores_tell_nothing(scores: list[float], clusters: list[str] | None) -> None:
    found = estimates.paired_difference(scores, scores, clusters)
    assert (found.value, found.p_value, found.verdict) == (0, 1, "cannot tell")
    assert found.low <= 0 <= found.high


def test_one_cluster_is_no_verdict_however_many_answers() -> None:
    found = estimates.paired_difference([1] * 50, [0] * 50, ["rio"] * 50)
    assert (found.low, found.high, found.p_value) == (-1, 1, 1)
    assert found.verdict == "cannot tell"
    assert estimates.paired_difference([7.0, 8.0], [1.0, 2.0], ["rio"] * 2).high == inf


def test_a_difference_counts_clusters() -> None:
    # Eight photographs, each better by 1 to 4 of ten answers. By hand: error of 8 totals
    # around 2.5, and only all plus or all minus of 2⁸ patterns sum to 20.
    totals = [1, 2, 3, 4, 1, 2, 3, 4]
    first = np.concatenate([[1] * total + [0] * (10 - total) for total in totals])
    clusters = named(np.arange(80) // 10)
    found = estimates.paired_difference(first.tolist(), [0] * 80, clusters)
    error = sqrt(8 / 7 * 10) / 80
    assert_estimate(found, 0.25, 0.25 - 2.364624 * error, 0.25 + 2.364624 * error, 80)
    assert found.standard_error == pytest.approx(error)
    assert found.num_clusters == 8
    assert found.p_value == pytest.approx(2 / 2**8)
    assert found.verdict == "first"
    # Without clusters the same answers look far more certain.
    assert estimates.paired_difference(first.tolist(), [0] * 80).p_value < 1e-5


def test_clusters_that_agree_to_the_last_answer_keep_an_interval() -> None:
    clusters = named(np.arange(16) // 2)
    found = estimates.paired_difference([1, 0] * 8, [0, 0] * 8, clusters)
    assert found.value == 0.5
    assert found.low < 0.4 < 0.6 < found.high
    assert found.p_value == pytest.approx(2 / 2**8)
    same = estimates.paired_difference([1, 0] * 8, [1, 0] * 8, clusters)
    assert same.low < 0 < same.high


def test_other_scores_get_their_p_value_from_flipped_signs() -> None:
    found = estimates.paired_difference([0.5, 0.6, 0.9], [0.4, 0.4, 0.6])
    assert found.p_value == pytest.approx(2 / 8)
    assert found.low > 0
    assert found.verdict == "cannot tell"


def test_a_pooled_difference_uses_the_same_resamples() -> None:
    generator = np.random.default_rng(0)
    hits = (generator.random(200) < 0.6).astype(float)
    second = np.stack([hits, 1 - hits], axis=1)
    first = second.copy()
    first[np.flatnonzero(hits == 0)[:12]] = [1, 0]
    found = estimates.pooled_difference(first, second, f1)
    assert found.value == pytest.approx(float(f1(first.sum(0)) - f1(second.sum(0))))
    # Of two F1 with an error near 0.03 each, which alone would hide a difference of 0.05.
    assert found.standard_error < 0.5 * estimates.pooled(second, f1).standard_error
    assert (found.verdict, found.n, found.num_clusters) == ("first", 200, 200)
    back = estimates.pooled_difference(second, first, f1)
    assert_estimate(back, -found.value, -found.high, -found.low, 200)
    assert (back.p_value, back.verdict) == (found.p_value, "second")


def test_a_pooled_difference_of_the_same_statistics_tells_nothing() -> None:
    statistics = np.random.default_rng(0).uniform(size=(30, 2))
    found = estimates.pooled_difference(statistics, statistics, f1)
    assert (found.value, found.low, found.high, found.p_value) == (0, 0, 0, 1)
    assert found.verdict == "cannot tell"


def test_five_clusters_are_too_few_for_a_pooled_verdict() -> None:
    second = np.tile([1.0, 9.0], (60, 1))
    first = np.tile([9.0, 1.0], (60, 1)) + np.arange(60)[:, None] % 3
    few, more = named(np.arange(60) % 5), named(np.arange(60) % 6)
    found = estimates.pooled_difference(first, second, f1, few)
    assert (found.p_value, found.verdict) == (1 / 16, "cannot tell")
    assert estimates.pooled_difference(first, second, f1, more).verdict == "first"
    with pytest.raises(TaskError, match="got 60 and 59 scores"):
        estimates.pooled_difference(first, second[1:], f1)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=12))
def test_a_verdict_turns_with_its_arguments(pairs: list[tuple[int, int]]) -> None:
    first, second = [one / 4 for one, _ in pairs], [other / 4 for _, other in pairs]
    clusters = named(np.arange(len(pairs)) // 2)
    there = estimates.paired_difference(first, second, clusters)
    back = estimates.paired_difference(second, first, clusters)
    turned = {"first": "second", "second": "first", "cannot tell": "cannot tell"}
    assert back.verdict == turned[there.verdict]
    assert back.p_value == pytest.approx(there.p_value)
    assert_estimate(back, -there.value, -there.high, -there.low, len(pairs))


def test_holm_adjusts_a_family() -> None:
    # 4 · 0.005, 3 · 0.01, 2 · 0.03, and 0.04, which may not fall below its forerunner.
    assert estimates.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert estimates.holm([0.6, 0.7]) == [1, 1]
    assert estimates.holm([0.02]) == [0.02]
    assert estimates.holm([]) == []
    with pytest.raises(TaskError, match=r"a p-value is 1\.2; expected 0 to 1"):
        estimates.holm([0.5, 1.2])
