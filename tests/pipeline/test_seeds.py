"""Means over runs are those of the runs, and what belongs to one run stays its own."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from amalia.pipeline.seeds import merged_report, merged_results
from amalia.report import EvalRow, Interval, Report, render

NOW = datetime(2026, 1, 2, tzinfo=UTC)


def page(seed: int, value: float, *, before: float | None = None) -> Report:
    row = EvalRow(
        task="naming",
        metric="exact",
        n=100,
        after=Interval(value, value - 0.1, value + 0.1),
        before=None if before is None else Interval(before, 0.0, 1.0),
        blind=0.01 * seed,
        majority=0.02,
        readable_fraction=1.0,
    )
    return Report(title="mini", created_at=NOW, evaluation=(row,), seeds=(seed,))


def figures(value: float) -> dict[str, object]:
    return {
        "value": value, "low": 0.0, "high": 1.0, "n": 100, "blind": 0.02, "majority": 0.01,
        "readable": 1.0,
    }  # fmt: skip


def test_a_merged_report_shows_means_over_seeds() -> None:
    merged = merged_report(
        [page(0, 0.75, before=0.5), page(1, 0.8, before=0.6), page(2, 0.85, before=0.7)]
    )
    (row,) = merged.evaluation
    assert row.after is not None
    assert row.before is not None
    assert row.after.value == pytest.approx(0.8)
    # Student with two degrees of freedom: 4.302653 × 0.05 / √3
    assert row.after.high - row.after.value == pytest.approx(0.124207, abs=1e-6)
    assert row.before.value == pytest.approx(0.6)
    assert row.blind == pytest.approx(0.01)
    assert (row.n, row.seed_values) == (300, (0.75, 0.8, 0.85))
    assert merged.seeds == (0, 1, 2)
    assert merged.limitations[-1].startswith("As curvas, os exemplos, os tempos")
    assert "média de 3 sementes" in render(merged)


def test_a_task_without_a_blind_run_has_none_in_the_mean() -> None:
    blindless = [
        replace(one, evaluation=(replace(one.evaluation[0], blind=None),))
        for one in (page(0, 0.5), page(1, 0.7))
    ]
    (row,) = merged_report(blindless).evaluation
    assert (row.blind, row.before) == (None, None)


def test_merged_results_keep_every_seed() -> None:
    runs = [
        {"naming": {"exact": figures(value) | {"before": figures(value - 0.1)}}}
        for value in (0.7, 0.9)
    ]
    merged = merged_results(runs)["naming"]["exact"]
    assert merged["value"] == pytest.approx(0.8)
    assert merged["seeds"] == [0.7, 0.9]
    assert (merged["low"], merged["high"]) == (0.0, 1.0)
    assert merged["n"] == 200
    assert merged["before"]["value"] == pytest.approx(0.7)


def test_what_is_missing_in_one_run_is_left_out() -> None:
    runs = [{"naming": {"exact": figures(0.5)}, "naming/animais": {"exact": figures(0.5)}}]
    runs.append({"naming": {"exact": figures(0.7)}})
    assert list(merged_results(runs)) == ["naming"]
