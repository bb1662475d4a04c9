"""Averages of tasks that belong together: only of whole families, with errors that a person can add up."""

from __future__ import annotations

from math import sqrt

import pytest

from amalia.evaluate.catalog import published_tasks
from amalia.evaluate.compare import Comparison
from amalia.evaluate.estimates import Difference
from amalia.evaluate.families import (
    FAMILIES,
    Family,
    Leaf,
    family_differences,
    family_results,
)
from amalia.evaluate.log import EvalLog, Result
from amalia.evaluate.scoring import as_published

PAIR = (Leaf("linhas", "anls"), Leaf("páginas", "bleu"))
MACRO, SIZE = Family("macro", PAIR, "macro"), Family("size", PAIR, "size")


def result(value: float, error: float, n: int, unit: str = "") -> Result:
    return Result(
        value=value,
        standard_error=error,
        low=value,
        high=value,
        n=n,
        num_clusters=n,
        readable=1,
        unit=unit,
    )


def make_log(**tasks: Result) -> EvalLog:
    metrics = {"linhas": "anls", "páginas": "bleu"}
    return EvalLog(
        engine="modelo",
        tasks=dict.fromkeys(tasks, 1),
        results={name: {metrics[name]: found} for name, found in tasks.items()},
    )


def test_averages_weigh_alike_or_by_size_and_their_errors_add_as_squares() -> None:
    log = make_log(linhas=result(0.8, 0.03, 300), páginas=result(40.0, 4.0, 100, "%"))
    macro, size = family_results(log, (MACRO, SIZE))
    assert macro.value == pytest.approx((0.8 + 0.4) / 2)
    assert macro.standard_error == pytest.approx(sqrt(0.03**2 + 0.04**2) / 2)
    assert macro.low == pytest.approx(0.6 - 1.959964 * 0.025)
    assert size.value == pytest.approx((300 * 0.8 + 100 * 0.4) / 400)
    assert size.standard_error == pytest.approx(sqrt((0.75 * 0.03) ** 2 + (0.25 * 0.04) ** 2))
    assert (macro.n, size.n) == (400, 400)


def test_an_average_stays_between_0_and_1() -> None:
    (found,) = family_results(
        make_log(linhas=result(1.0, 0.1, 9), páginas=result(98.0, 9.0, 9, "%")), (MACRO,)
    )
    assert (found.value, found.high) == (pytest.approx(0.99), 1.0)


def test_a_log_scored_as_published_is_averaged_by_the_published_metric() -> None:
    family = Family("caravela", (Leaf("mcq", "accuracy", "caravela_score"),), "macro")
    log = EvalLog(
        engine="modelo",
        tasks={"mcq": 1},
        results={"mcq": {"caravela_score": result(61.0, 1.0, 9, "%")}},
    )
    assert [found.value for found in family_results(log, (family,))] == [pytest.approx(0.61)]


@pytest.mark.parametrize(
    "log",
    [
        make_log(linhas=result(0.8, 0.03, 300)),
        make_log(linhas=result(0.8, 0.03, 300), páginas=result(1400.0, 4.0, 100, "points")),
    ],
)
def test_a_family_with_a_task_missing_or_on_another_scale_has_no_average(log: EvalLog) -> None:
    assert family_results(log, (MACRO,)) == []


def comparison(leaf: Leaf, value: float, error: float, n: int, unit: str = "") -> Comparison:
    first = 0.9 if unit == "" else 90.0
    return Comparison(
        leaf.task,
        leaf.metric,
        unit=unit,
        first=first,
        second=first - value,
        difference=Difference(value, value - error, value + error, n, error, n, 0.5),
    )


@pytest.mark.parametrize(
    ("values", "verdict"),
    [((0.10, 6.0), "first"), ((-0.10, -6.0), "second"), ((0.02, 1.0), "cannot tell")],
)
def test_differences_average_to_one_verdict(values: tuple[float, float], verdict: str) -> None:
    items = [
        comparison(PAIR[0], values[0], 0.03, 300),
        comparison(PAIR[1], values[1], 4.0, 100, "%"),
    ]
    (found,) = family_differences(items, (MACRO,))
    assert found.value == pytest.approx((values[0] + values[1] / 100) / 2)
    assert found.first - found.second == pytest.approx(found.value)
    assert found.standard_error == pytest.approx(0.025)
    assert found.verdict == verdict


def test_differences_need_every_task_and_are_corrected_together() -> None:
    items = [comparison(leaf, 0.05, 0.02, 100) for leaf in PAIR]
    assert family_differences(items[:1], (MACRO,)) == []
    assert family_differences([], (MACRO,)) == []
    (alone,) = family_differences(items, (MACRO,))
    both = family_differences(items, (MACRO, SIZE))
    # z = 0.05 / (0.02 / √2) = 3.54
    assert alone.adjusted_p == pytest.approx(0.000407, abs=1e-6)
    assert [item.adjusted_p for item in both] == pytest.approx([2 * alone.adjusted_p] * 2)


def test_tasks_without_any_spread_are_equal_or_not() -> None:
    same = [comparison(leaf, 0.0, 0.0, 5) for leaf in PAIR]
    other = [comparison(leaf, 0.5, 0.0, 5) for leaf in PAIR]
    assert family_differences(same, (MACRO,))[0].verdict == "cannot tell"
    assert family_differences(other, (MACRO,))[0].verdict == "first"


def test_families_are_of_tasks_and_metrics_that_there_are_each_once() -> None:
    assert len({family.name for family in FAMILIES}) == len(FAMILIES)
    for family in FAMILIES:
        assert len({leaf.task for leaf in family.leaves}) == len(family.leaves)
    tasks = {task.name: task for task in published_tasks()}
    leaves = [leaf for family in FAMILIES for leaf in family.leaves]
    for leaf in leaves:
        metrics = {metric.name: metric for metric in tasks[leaf.task].metrics}
        assert metrics[leaf.metric].unit in ("", "%")
        assert not metrics[leaf.metric].is_lower_better
        if leaf.upstream:
            assert leaf.upstream in as_published(tasks[leaf.task]).metric_names
    suite = next(family for family in FAMILIES if family.name == "amalia_vl_eval_pt")
    assert len(suite.leaves) == 18 and suite.is_ours
