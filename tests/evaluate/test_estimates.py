"""Means and intervals against published values and by their own properties."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalia.errors import TaskError
from amalia.evaluate import estimates


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
    found: estimates.Estimate, value: float, low: float, high: float, n: int, *, abs: float = 6e-5
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
