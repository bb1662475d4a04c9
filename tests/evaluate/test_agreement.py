"""Agreement of graders against scikit-learn, scipy and counts by hand."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.metrics import cohen_kappa_score

from amalia.errors import TaskError
from amalia.evaluate import agreement
from amalia.evaluate.agreement import Place

PEOPLE = [5, 4, 2, 5, 3, 1, 5, 4, 1, 5, 3, 2]
JUDGE = [5, 5, 2, 4, 3, 2, 5, 3, 1, 5, 4, 1]
PROMPTS = [f"pergunta {number // 3}" for number in range(12)]

# From the shortest to the longest, with the grade that a person gave.
ANSWERS = (
    ("Não sei.", 1),
    ("É o autocarro.", 3),
    ("Vou de autocarro.", 2),
    ("Em Portugal diz-se autocarro, no Brasil diz-se ônibus.", 5),
    ("O ecrã do telemóvel está partido e já não liga.", 4),
)

grades = st.lists(st.tuples(st.integers(0, 10), st.integers(0, 10)), min_size=1, max_size=30)


@pytest.mark.parametrize(
    ("first", "second", "wanted"),
    [
        ([1, 2, 3], [1, 2, 3], 1.0),
        ([1, 1, 3, 3], [1, 3, 1, 3], 0.0),
        ([1, 3], [3, 1], -1.0),
        # Misses cost 0, 1, 4 and 0, in the mean 1.25; by chance 1.25 + 1.6875 + 0.0625 = 3.
        ([1, 2, 3, 4], [1, 3, 1, 4], 1 - 1.25 / 3),
        ([2, 2], [4, 4], 0.0),
        ([3, 3], [3, 3], None),
    ],
)
def test_quadratic_kappa_by_hand(first: list[int], second: list[int], wanted: float | None) -> None:
    found = agreement.quadratic_kappa(first, second, low=1, high=5)
    assert found == (None if wanted is None else pytest.approx(wanted))


@given(grades)
def test_quadratic_kappa_is_that_of_scikit_learn(pairs: list[tuple[int, int]]) -> None:
    first, second = [one for one, _ in pairs], [other for _, other in pairs]
    found = agreement.quadratic_kappa(first, second, low=0, high=10)
    if len({*first, *second}) == 1:
        assert found is None
        return
    wanted = cohen_kappa_score(first, second, weights="quadratic", labels=range(11))
    assert found == pytest.approx(wanted)


@pytest.mark.parametrize("odd", [0, 6, 2.5, float("nan")])
def test_a_grade_that_there_is_not_is_refused(odd: float) -> None:
    with pytest.raises(TaskError, match=f"a grade is {odd}; expected a whole number from 1 to 5"):
        agreement.quadratic_kappa([1, odd], [1, 2], low=1, high=5)  # type: ignore[list-item]


@pytest.mark.parametrize(
    ("first", "second", "wanted"),
    [
        ([1, 2, 3], [10, 20, 90], 1.0),
        ([1, 2, 3], [3, 2, 1], -1.0),
        # Ranks 1, 2.5, 2.5, 4 against 1, 2, 3, 4: 4.5 / √(4.5 · 5)
        ([1, 2, 2, 3], [1, 2, 3, 4], 4.5 / sqrt(22.5)),
        ([1, 1], [1, 2], None),
        ([4], [4], None),
    ],
)
def test_spearman_by_hand(first: list[float], second: list[float], wanted: float | None) -> None:
    found = agreement.spearman(first, second)
    assert found == (None if wanted is None else pytest.approx(wanted))


@given(grades)
def test_spearman_is_that_of_scipy(pairs: list[tuple[int, int]]) -> None:
    first, second = [one for one, _ in pairs], [other for _, other in pairs]
    found = agreement.spearman(first, second)
    if len(set(first)) == 1 or len(set(second)) == 1:
        assert found is None
        return
    assert found == pytest.approx(stats.spearmanr(first, second).statistic)


def test_share_and_distance_by_hand() -> None:
    assert agreement.exact([1, 5, 3, 3], [1, 4, 3, 1]) == 0.5
    assert agreement.mean_absolute_difference([1, 5, 3, 3], [1, 4, 3, 1]) == 0.75


@pytest.mark.parametrize(("first", "second"), [([1, 2], [1]), ([], [])])
def test_graders_need_the_same_answers(first: list[int], second: list[int]) -> None:
    with pytest.raises(TaskError, match=f"got {len(first)} and {len(second)} grades; expected"):
        agreement.exact(first, second)


def test_an_agreement_is_its_figures_with_intervals() -> None:
    found = agreement.agreement(JUDGE, PEOPLE, low=1, high=5)
    assert found.exact.value == agreement.exact(JUDGE, PEOPLE) == 0.5
    assert found.mean_absolute_difference.value == pytest.approx(0.5)
    assert found.quadratic_kappa is not None
    assert found.spearman is not None
    assert found.quadratic_kappa.value == pytest.approx(
        cohen_kappa_score(JUDGE, PEOPLE, weights="quadratic")
    )
    assert found.spearman.value == pytest.approx(stats.spearmanr(JUDGE, PEOPLE).statistic)
    for part in (found.exact, found.quadratic_kappa, found.spearman):
        assert -1 <= part.low < part.value < part.high <= 1
        assert (part.n, part.num_clusters) == (12, 12)
    # Half of the misses are 0, half are 1: a fraction of the widest miss, 4, and not of 1.
    assert found.mean_absolute_difference.high > 0.7
    assert found == agreement.agreement(JUDGE, PEOPLE, low=1, high=5)


def test_the_interval_of_spearman_is_a_bootstrap() -> None:
    generator = np.random.default_rng(0)
    first = generator.integers(1, 6, 150)
    second = np.clip(first + generator.integers(-2, 3, 150), 1, 5)
    found = agreement.agreement(first.tolist(), second.tolist(), low=1, high=5).spearman
    assert found is not None
    drawn = [
        stats.spearmanr(first[picked], second[picked]).statistic
        for picked in (generator.integers(0, 150, 150) for _ in range(300))
    ]
    assert found.standard_error == pytest.approx(np.std(drawn), rel=0.15)
    assert found.low == pytest.approx(np.quantile(drawn, 0.025), abs=0.03)
    assert found.high == pytest.approx(np.quantile(drawn, 0.975), abs=0.03)


def test_an_agreement_over_prompts_is_of_prompts() -> None:
    found = agreement.agreement(JUDGE, PEOPLE, low=1, high=5, clusters=PROMPTS)
    assert found.spearman is not None
    assert found.quadratic_kappa is not None
    for part in (found.exact, found.quadratic_kappa, found.spearman):
        assert (part.n, part.num_clusters) == (12, 4)
    one = agreement.agreement(JUDGE, PEOPLE, low=1, high=5, clusters=["pergunta"] * 12)
    assert one.spearman is not None
    assert (one.spearman.low, one.spearman.high) == (-1, 1)
    assert (one.mean_absolute_difference.low, one.mean_absolute_difference.high) == (0, 4)


def test_graders_who_agree_on_everything() -> None:
    found = agreement.agreement([3] * 10, [3] * 10, low=1, high=5)
    assert found.quadratic_kappa is None
    assert found.spearman is None
    assert found.exact.value == 1
    assert found.exact.low == pytest.approx(0.7225, abs=1e-4)
    # Ten answers do not show that no grade is ever missed.
    assert found.mean_absolute_difference.value == 0
    assert found.mean_absolute_difference.high == pytest.approx(4 * 0.2775, abs=1e-3)


def test_the_length_baseline_by_hand() -> None:
    texts, people = [text for text, _ in ANSWERS], [grade for _, grade in ANSWERS]
    # 2, 3, 3, 8 and 10 words. Those of equal length get the lower middle of the grades 2 and 3 that
    # are theirs, so 1, 2, 2, 4, 5 are handed out.
    found = agreement.length_baseline(texts, people)
    assert found.exact.value == pytest.approx(2 / 5)
    assert found.mean_absolute_difference.value == pytest.approx(3 / 5)
    assert found.quadratic_kappa is not None
    assert found.quadratic_kappa.value == pytest.approx(
        cohen_kappa_score([1, 2, 2, 4, 5], people, weights="quadratic")
    )
    assert found.spearman is not None
    words = [2, 3, 3, 8, 10]
    assert found.spearman.value == pytest.approx(stats.spearmanr(words, people).statistic)


def test_the_length_baseline_does_not_follow_the_order_of_answers() -> None:
    texts = ["um dois", "três quatro", "cinco seis"] * 4
    forward = agreement.length_baseline(texts, [5, 3, 1] * 4)
    assert forward.exact.value == pytest.approx(1 / 3)
    assert forward.spearman is None
    assert agreement.length_baseline(texts, [1, 3, 5] * 4) == forward


def test_a_judge_of_length_alone_is_biased_and_one_of_people_is_not() -> None:
    generator = np.random.default_rng(0)
    people = generator.integers(1, 6, 300)
    lengths = generator.integers(5, 100, 300)
    by_length = np.ceil(lengths / 20).astype(int)
    mixed = np.round((people + by_length) / 2).astype(int)
    noisy = np.clip(people + generator.integers(-1, 2, 300), 1, 5)
    lows = []
    for judge in (by_length, mixed, noisy):
        found = agreement.length_bias(lengths.tolist(), judge.tolist(), people.tolist())
        assert found is not None
        lows.append(found.low)
    assert lows[0] > 0.9
    assert 0.3 < lows[1] < 0.9
    assert lows[2] < 0


def test_length_bias_is_the_correlation_of_what_is_left_of_ranks() -> None:
    lengths = [40, 35, 20, 50, 18, 12, 60, 22, 9, 41, 30, 16]
    one, other, given_ = (stats.rankdata(values) for values in (JUDGE, lengths, PEOPLE))
    left = [part - np.polyval(np.polyfit(given_, part, 1), given_) for part in (one, other)]
    found = agreement.length_bias(lengths, JUDGE, PEOPLE, PROMPTS)
    assert found is not None
    assert found.value == pytest.approx(np.corrcoef(left[0], left[1])[0, 1])
    assert found.num_clusters == 4


@pytest.mark.parametrize(
    ("lengths", "judge"), [([7] * 12, JUDGE), (list(range(12)), [3] * 12), (PEOPLE, JUDGE)]
)
def test_length_bias_is_not_defined_where_nothing_is_left(
    lengths: list[int], judge: list[int]
) -> None:
    assert agreement.length_bias(lengths, judge, PEOPLE) is None
    assert agreement.length_bias(list(range(12)), PEOPLE, PEOPLE) is None


@pytest.mark.parametrize(
    ("asked", "swapped", "wanted"),
    [
        ("first", "second", (0, 0, 0)),  # the same answer wins at either place
        ("second", "first", (0, 0, 0)),
        ("tie", "tie", (0, 0, 0)),
        ("first", "first", (1, 1, 0)),
        ("first", "tie", (1, 1, 0)),
        ("tie", "first", (1, 1, 0)),
        ("second", "second", (1, 0, 1)),
        ("second", "tie", (1, 0, 1)),
        ("tie", "second", (1, 0, 1)),
    ],
)
def test_what_a_pair_says_of_places(
    asked: Place, swapped: Place, wanted: tuple[int, int, int]
) -> None:
    found = agreement.position_bias([asked], [swapped])
    assert (found.flips.value, found.prefers_first.value, found.prefers_second.value) == wanted


def test_a_judge_that_takes_the_first_place_differs_from_one_that_is_unsure() -> None:
    biased = agreement.position_bias(["first"] * 10, ["first"] * 8 + ["second"] * 2)
    assert biased.prefers_first.value == 0.8
    assert (biased.difference.value, biased.difference.verdict) == (0.8, "first")
    flips: list[Place] = ["first", "second"] * 5
    unsure = agreement.position_bias(flips, flips)
    assert unsure.flips.value == 1
    assert (unsure.difference.value, unsure.difference.verdict) == (0, "cannot tell")
    pairs = agreement.position_bias(flips, flips, [f"par {number // 2}" for number in range(10)])
    assert pairs.flips.num_clusters == 5


def test_a_verdict_is_a_place_or_a_tie() -> None:
    with pytest.raises(TaskError, match="a verdict is 'A'; expected first, second or tie"):
        agreement.position_bias(["A"], ["first"])  # type: ignore[list-item]
    with pytest.raises(TaskError, match="got 1 and 2 grades"):
        agreement.position_bias(["tie"], ["tie", "tie"])
