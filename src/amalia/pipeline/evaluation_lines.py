"""What tables of evaluation results are made of: one line a metric, all models side by side."""

from __future__ import annotations

from dataclasses import dataclass

from amalia.evaluate.estimates import Verdict
from amalia.evaluate.log import Result
from amalia.pipeline.evaluation_gathered import Compared, Gathered

NONE = "–"
"""Stands for what there is not."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One value of one model."""

    value: float
    low: float
    high: float
    standard_error: float
    n: int
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Gap:
    """First minus second."""

    value: float
    low: float
    high: float
    n: int
    adjusted_p: float
    verdict: Verdict
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """One metric of one task, or the average of a family, for all models."""

    task: str
    metric: str
    figures: tuple[Figure | None, ...]
    gap: Gap | None = None
    warning: str = ""
    is_lower_better: bool = False

    @property
    def label(self) -> str:
        """The metric, with an arrow where less is better."""
        return f"{self.metric} ↓" if self.is_lower_better else self.metric


def lines_of(gathered: Gathered) -> list[Line]:
    """Give the tasks in the order of the logs with their metrics, then the families.

    Differences are there where exactly two logs are.
    """
    pair = gathered.pairs[0] if len(gathered.pairs) == 1 else None
    gaps, warnings = _gaps(pair)
    keys: dict[tuple[str, str], None] = {}
    for log in gathered.logs:
        keys |= {
            (task, metric): None for task, found in log.log.results.items() for metric in found
        }
    tasks = list(dict.fromkeys(task for task, _ in keys))
    lines, told = [], set()
    for task, metric in sorted(keys, key=lambda key: tasks.index(key[0])):
        results = [log.log.results.get(task, {}).get(metric) for log in gathered.logs]
        warning = "" if task in told else warnings.get(task, "")
        told.add(task)
        figures = tuple(_figure(result) if result else None for result in results)
        is_lower_better = any(result.is_lower_better for result in results if result)
        gap = gaps.get((task, metric))
        lines.append(Line(task, metric, figures, gap, warning, is_lower_better))
    return lines + _of_families(gathered, pair)


def _of_families(gathered: Gathered, pair: Compared | None) -> list[Line]:
    families = {found.family.name: found.family for each in gathered.families for found in each}
    gaps = {} if pair is None else {item.family.name: item for item in pair.families}
    lines = []
    for name, family in families.items():
        figures = []
        for each in gathered.families:
            found = next((item for item in each if item.family.name == name), None)
            figures.append(
                Figure(found.value, found.low, found.high, found.standard_error, found.n)
                if found
                else None
            )
        item = gaps.get(name)
        gap = (
            Gap(item.value, item.low, item.high, item.n, item.adjusted_p, item.verdict)
            if item
            else None
        )
        lines.append(Line(name, f"mean, {family.weighting}", tuple(figures), gap))
    return lines


def _gaps(pair: Compared | None) -> tuple[dict[tuple[str, str], Gap], dict[str, str]]:
    gaps: dict[tuple[str, str], Gap] = {}
    warnings: dict[str, str] = {}
    for item in () if pair is None else pair.comparisons:
        if item.warning:
            warnings.setdefault(item.task, item.warning)
        found = item.difference
        if found is None or item.group or item.adjusted_p is None:
            continue
        gaps[item.task, item.metric] = Gap(
            found.value, found.low, found.high, found.n, item.adjusted_p, item.verdict, item.unit
        )
    return gaps, warnings


def _figure(result: Result) -> Figure:
    return Figure(
        result.value, result.low, result.high, result.standard_error, result.n, result.unit
    )
