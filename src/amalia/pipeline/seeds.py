"""Several runs that differ in the seed alone, as one: means over the seeds and their intervals.

The data, the start of the connector, the order of training and the held-out questions all follow the
seed, so the interval speaks of everything that chance decided.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from amalia.evaluate.estimates import mean_of_runs
from amalia.report import EvalRow, Interval, Report
from amalia.report.text import first_seed_only

Key = TypeVar("Key")
_AVERAGED = ("blind", "majority", "readable")


def merged_report(pages: Sequence[Report]) -> Report:
    """Give the report of the first run with the evaluation of all.

    Args:
        pages: Reports of at least two runs of the same recipe, each of one seed.

    Returns:
        The first, whose evaluation is the mean over all; curves, samples and times stay its own.
    """
    tables = [{(row.task, row.group, row.metric): row for row in page.evaluation} for page in pages]
    rows = [_merged_row([table[key] for table in tables]) for key in _common(tables)]
    seeds = tuple(seed for page in pages for seed in page.seeds)
    return replace(
        pages[0],
        evaluation=tuple(rows),
        seeds=seeds,
        limitations=(*pages[0].limitations, first_seed_only(seeds[0])),
    )


def merged_results(results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Give task → metric → figures, each the mean over runs, with the runs' values under ``seeds``."""
    return {
        task: {
            metric: _merged_figures([result[task][metric] for result in results])
            for metric in results[0][task]
        }
        for task in _common(results)
    }


def _common(tables: Sequence[Mapping[Key, Any]]) -> list[Key]:
    """Give what stands in all, in the order of the first; a small group may be missing in one."""
    return [key for key in tables[0] if all(key in table for table in tables)]


def _merged_row(rows: Sequence[EvalRow]) -> EvalRow:
    return replace(
        rows[0],
        n=sum(row.n for row in rows),
        after=_interval([row.after for row in rows]),
        before=_interval([row.before for row in rows]),
        blind=_mean([row.blind for row in rows]),
        majority=_mean([row.majority for row in rows]),
        readable_fraction=_mean([row.readable_fraction for row in rows]),
        seed_values=tuple(row.after.value for row in rows if row.after),
    )


def _merged_figures(found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    values = [float(figures["value"]) for figures in found]
    estimate = mean_of_runs(values)
    merged: dict[str, Any] = {
        "value": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "n": sum(int(figures["n"]) for figures in found),
        "seeds": values,
    }
    merged |= {name: _mean([figures[name] for figures in found]) for name in _AVERAGED}
    if "before" in found[0]:
        merged["before"] = _merged_figures([figures["before"] for figures in found])
    return merged


def _interval(found: Sequence[Interval | None]) -> Interval | None:
    values = [interval.value for interval in found if interval is not None]
    if len(values) < len(found):
        return None
    estimate = mean_of_runs(values)
    return Interval(estimate.value, estimate.low, estimate.high)


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if len(known) == len(values) else None
