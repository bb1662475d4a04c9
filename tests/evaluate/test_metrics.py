"""Metrics by golden tables; intervals against published values and by their own properties."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalia.errors import TaskError
from amalia.evaluate import metrics


@pytest.mark.parametrize(
    ("answer", "targets", "expected"),
    [
        ("maçã", ["maçã"], 1),
        ("mac\u0327a\u0303", ["maçã"], 1),
        ("  bom   dia ", ["bom dia"], 1),
        ("maca", ["maçã"], 0),
        ("Maçã", ["maçã"], 0),
        ("maçã.", ["maçã"], 0),
        ("pera", ["maçã", "pera"], 1),
        ("", ["maçã"], 0),
    ],
)
def test_exact(answer: str, targets: list[str], expected: float) -> None:
    assert metrics.exact(answer, targets) == expected


@pytest.mark.parametrize(
    ("answer", "target", "expected"),
    [
        ("maçã", "maçã", 0),
        ("maca", "maçã", 2 / 4),
        ("maç", "maçã", 1 / 4),
        ("amaçã", "maçã", 1 / 4),
        ("", "maçã", 1),
        ("gatinhos", "pato", 5 / 4),
        ("", "", 0),
        ("a", "", 1),
    ],
)
def test_cer(answer: str, target: str, expected: float) -> None:
    assert metrics.cer(answer, target) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("answer", "targets", "expected"),
    [
        ("Lisboa", ["lisboa"], 1),
        ("Lisbos", ["Lisboa"], 5 / 6),
        ("Lis", ["Lisboa"], 0),  # half of it is wrong: not below the threshold
        ("Lisb", ["Lisboa"], 4 / 6),
        ("Porto", ["Lisboa"], 0),
        ("Oporto", ["Lisboa", "Porto"], 5 / 6),
        ("", ["Lisboa"], 0),
        ("", [""], 1),
    ],
)
def test_anls(answer: str, targets: list[str], expected: float) -> None:
    assert metrics.anls(answer, targets) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((0, 0, 1, 1), (0, 0, 1, 1), 1),
        ((0, 0, 2, 2), (1, 0, 3, 2), 1 / 3),
        ((0, 0, 1, 1), (0, 0, 0.5, 0.5), 0.25),
        ((0, 0, 1, 1), (1, 0, 2, 1), 0),
        ((0, 0, 1, 1), (3, 3, 4, 4), 0),
    ],
)
def test_iou(first: metrics.Box, second: metrics.Box, expected: float) -> None:
    assert metrics.iou(first, second) == pytest.approx(expected)
    assert metrics.iou(second, first) == pytest.approx(expected)


@given(st.text(alphabet="abç", max_size=6), st.text(alphabet="abç", max_size=6))
def test_edit_distance_is_a_distance(first: str, second: str) -> None:
    distance = metrics.edit_distance(first, second)
    assert distance == metrics.edit_distance(second, first)
    assert (distance == 0) == (first == second)
    assert abs(len(first) - len(second)) <= distance <= max(len(first), len(second))


def test_accuracy_is_wilsons_interval() -> None:
    # Newcombe 1998 (Stat. Med. 17, 857–872), table I, method 3: 81 of 263, 15 of 148, 0 of 20.
    assert_estimate(metrics.accuracy([1] * 81 + [0] * 182), 81 / 263, 0.2553, 0.3662, 263)
    assert_estimate(metrics.accuracy([1] * 15 + [0] * 133), 15 / 148, 0.0624, 0.1605, 148)
    assert_estimate(metrics.accuracy([0] * 20), 0, 0, 0.1611, 20)


def test_accuracy_refuses_what_is_neither_right_nor_wrong() -> None:
    with pytest.raises(TaskError, match=r"got 0\.5; use mean"):
        metrics.accuracy([1, 0.5])
    with pytest.raises(TaskError, match="no scores"):
        metrics.accuracy([])


def test_mean_of_right_and_wrong_is_accuracy() -> None:
    assert metrics.mean([1.0, 0.0, 1.0]) == metrics.accuracy([1, 0, 1])
    with pytest.raises(TaskError, match="no scores"):
        metrics.mean([])


def test_mean_of_other_scores_is_close_to_the_normal_interval() -> None:
    scores = np.random.default_rng(0).uniform(size=400)
    half = 1.96 * scores.std() / 20
    found = metrics.mean(scores.tolist())
    assert found.value == pytest.approx(scores.mean())
    assert found.low == pytest.approx(scores.mean() - half, abs=0.003)
    assert found.high == pytest.approx(scores.mean() + half, abs=0.003)


def test_mean_is_the_same_every_time() -> None:
    assert metrics.mean([0.2, 0.5, 0.9]) == metrics.mean([0.2, 0.5, 0.9])


def test_paired_difference_is_newcombes_interval() -> None:
    # Altman et al. 2000, Statistics with Confidence, table 6.2: 0.122 (0.011 to 0.226).
    first = [1] * 14 + [1] * 5 + [0] * 22
    second = [1] * 14 + [0] * 5 + [0] * 22
    assert_estimate(metrics.paired_difference(first, second), 5 / 41, 0.011, 0.226, 41, abs=0.0006)


def test_paired_difference_of_equal_answers_contains_zero() -> None:
    found = metrics.paired_difference([1, 1, 0], [1, 1, 0])
    assert found.value == 0
    assert found.low < 0 < found.high


def test_paired_difference_knows_the_pairs() -> None:
    scores = np.random.default_rng(1).uniform(size=100)
    found = metrics.paired_difference((scores + 0.01).tolist(), scores.tolist())
    assert_estimate(found, 0.01, 0.01, 0.01, 100)


def test_paired_difference_needs_the_same_samples() -> None:
    with pytest.raises(TaskError, match="2 and 1 scores"):
        metrics.paired_difference([1, 0], [1])


@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=1, max_size=40))
def test_paired_difference_turns_with_its_arguments(pairs: list[tuple[int, int]]) -> None:
    first, second = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    there, back = metrics.paired_difference(first, second), metrics.paired_difference(second, first)
    assert_estimate(back, -there.value, -there.high, -there.low, len(pairs))
    assert -1 - 1e-9 <= there.low <= there.value <= there.high <= 1 + 1e-9


def assert_estimate(
    found: metrics.Estimate, value: float, low: float, high: float, n: int, *, abs: float = 6e-5
) -> None:
    assert found.value == pytest.approx(value)
    assert found.low == pytest.approx(low, abs=abs)
    assert found.high == pytest.approx(high, abs=abs)
    assert found.n == n


def test_a_mean_of_runs_has_students_interval() -> None:
    found = metrics.mean_of_runs([0.70, 0.74, 0.75])
    assert found.value == pytest.approx(0.73)
    # 4.302653 × 0.026458 / √3
    assert found.high - found.value == pytest.approx(0.065724, abs=1e-5)
    assert found.n == 3


def test_an_interval_over_runs_of_fractions_stays_a_fraction() -> None:
    found = metrics.mean_of_runs([0.9, 1.0])
    assert (found.low, found.high) == (pytest.approx(0.95 - 0.635310, abs=1e-5), 1.0)
    assert metrics.mean_of_runs([10.0, 12.0]).high > 12


@pytest.mark.parametrize("runs", [1, 11])
def test_one_run_or_too_many_have_no_interval(runs: int) -> None:
    with pytest.raises(TaskError, match=f"a mean over runs got {runs} runs; expected 2 to 10"):
        metrics.mean_of_runs([0.5] * runs)
