"""Quantiles, intervals, tests and resamples against scipy, published values and counts by hand."""

import numpy as np
import pytest
from scipy import stats

from amalia.errors import TaskError
from amalia.evaluate import chance


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 9, 10, 19, 58, 99, 100, 101, 199, 5000])
@pytest.mark.parametrize("probability", [0.025, 0.5, 0.6, 0.9, 0.975, 0.995])
def test_students_quantile(probability: float, degrees: int) -> None:
    found = chance.t_quantile(probability, degrees)
    assert found == pytest.approx(stats.t.ppf(probability, degrees), rel=1e-7, abs=1e-9)


def test_units_are_samples_or_the_clusters_in_sorted_order() -> None:
    assert chance.unit_index(3, None).tolist() == [0, 1, 2]
    assert chance.unit_index(4, ["rio", "mar", "rio", "lago"]).tolist() == [2, 1, 2, 0]
    with pytest.raises(TaskError, match="2 clusters were given for 3 samples; expected one for"):
        chance.unit_index(3, ["rio", "mar"])


def test_wilsons_interval_is_that_of_scipy() -> None:
    theirs = stats.binomtest(15, 148).proportion_ci(method="wilson")
    assert chance.wilson(15 / 148, 148) == pytest.approx((theirs.low, theirs.high))


def test_wilsons_interval_of_all_or_nothing_ends_at_the_end() -> None:
    assert chance.wilson(0, 10) == (0, pytest.approx(1.96**2 / (10 + 1.96**2), abs=1e-4))
    assert chance.wilson(1, 10) == (pytest.approx(10 / (10 + 1.96**2), abs=1e-4), 1)


@pytest.mark.parametrize(("first_only", "second_only"), [(5, 0), (3, 9), (0, 0), (4, 4), (90, 130)])
def test_mcnemar_is_the_exact_binomial(first_only: int, second_only: int) -> None:
    total = first_only + second_only
    wanted = stats.binomtest(first_only, total).pvalue if total else 1.0
    assert chance.mcnemar(first_only, second_only) == pytest.approx(wanted)
    assert chance.mcnemar(second_only, first_only) == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("totals", "wanted"),
    [
        ([1, 2, 3], 2 / 8),  # only +++ and −−− give 6 or more
        ([1, 2, -3], 1.0),  # 0: every pattern gives as much
        ([3, 2, -1], 4 / 8),  # ±4 and ±6
        ([0.1, 0.2, 0.3, 0], 2 / 8),  # what does not differ does not count
        ([0, 0], 1.0),
        ([1] * 5, 2 / 32),  # five units cannot reach 0.05
        ([1] * 6, 2 / 64),
    ],
)
def test_flipped_signs_are_counted(totals: list[float], wanted: float) -> None:
    assert chance.sign_flip(np.array(totals, dtype=float)) == pytest.approx(wanted)
    assert chance.sign_flip(-np.array(totals, dtype=float)) == pytest.approx(wanted)


def test_flipped_signs_of_many_units_are_drawn() -> None:
    gain = np.random.default_rng(0).normal(0.15, 1, 200)
    found = chance.sign_flip(gain)
    assert found == pytest.approx(stats.ttest_1samp(gain, 0).pvalue, abs=0.01)
    assert found == chance.sign_flip(gain)
    # What was seen counts among the 10,000, so that nothing is impossible.
    assert chance.sign_flip(np.full(50, 0.1)) == pytest.approx(1 / 10_001)


def test_a_robust_error_by_hand() -> None:
    # Around 0.5 the clusters sum to −0.4, 0.4 and 0: √(3/2 · 0.32) / 6
    values = np.array([0.2, 0.4, 0.6, 0.8, 0.5, 0.5])
    found = chance.robust_error(values, np.array([0, 0, 1, 1, 2, 2]))
    assert found == pytest.approx(0.1154701)


def test_a_robust_error_without_clusters_is_the_plain_one() -> None:
    values = np.array([0.1, 0.7, 0.4, 0.9])
    found = chance.robust_error(values, np.arange(4))
    assert found == pytest.approx(values.std(ddof=1) / 2)


def test_resamples_draw_as_many_units_as_there_are() -> None:
    index = np.array([0, 0, 1, 2])
    assert set(chance.resamples(lambda weights: weights.sum(axis=1), index)) == {3.0}
    first = chance.resamples(lambda weights: weights[:, 0], index)
    assert first.mean() == pytest.approx(1, abs=0.1)
    assert len(first) == chance.RESAMPLES


def test_resamples_without_a_value_are_left_out() -> None:
    found = chance.resamples(lambda weights: weights[:, 0] / weights[:, 0], np.arange(2))
    # Unit 0 is missed by a quarter of them.
    assert set(found) == {1.0}
    assert len(found) == pytest.approx(0.75 * chance.RESAMPLES, rel=0.05)


def test_resamples_do_not_depend_on_the_size_of_a_block(monkeypatch: pytest.MonkeyPatch) -> None:
    values = np.random.default_rng(0).uniform(size=20)
    whole = chance.resamples(lambda weights: weights @ values, np.arange(20))
    monkeypatch.setattr(chance, "_BLOCK", 300)
    assert chance.resamples(lambda weights: weights @ values, np.arange(20)) == pytest.approx(whole)


def test_percentiles_of_few_units_are_further_out() -> None:
    found = np.linspace(0, 1, 10_001)
    assert chance.percentile_interval(found, 10_000) == pytest.approx((0.025, 0.975), abs=1e-4)
    # Φ(−√(10/9) · 2.262157) = 0.00855
    assert chance.percentile_interval(found, 10) == pytest.approx((0.00855, 0.99145), abs=1e-5)
    assert chance.percentile_interval(found, 2) == (0, 1)
