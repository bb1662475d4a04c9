"""Benchmarks that belong together, and their averages.

A family is data: which metric of which task counts, and whether every task weighs alike or by its size. It has a
result only where all of its tasks do, for an average over what happened to be run says nothing. Tasks are independent
of each other, so the variance of an average is the weighted sum of theirs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import erfc, sqrt
from typing import Literal, TypeVar

from amalia.evaluate.compare import Comparison
from amalia.evaluate.estimates import ALPHA, Z_95, Verdict, holm
from amalia.evaluate.log import EvalLog

Weighting = Literal["macro", "size"]
T = TypeVar("T")
_SCALES = {"": 1.0, "%": 0.01}


@dataclass(frozen=True, slots=True)
class Leaf:
    """One task of a family and the metric that stands for it, between 0 and 1 (or 0 and 100 %), more being better."""

    task: str
    metric: str
    upstream: str = ""
    """The same where the task was scored as published; empty where that has no such metric."""

    def of(self, metrics: Mapping[str, T]) -> T | None:
        """Take what belongs to this leaf, of what there is by metric."""
        return metrics.get(self.metric) or metrics.get(self.upstream)


@dataclass(frozen=True, slots=True)
class Family:
    """Tasks with a common average."""

    name: str
    leaves: tuple[Leaf, ...]
    weighting: Weighting
    """``macro``: every task weighs alike; ``size``: by its samples."""
    is_ours: bool = False
    """Whether the average is of our making; the others are published with the tasks."""


@dataclass(frozen=True, slots=True)
class FamilyResult:
    """The average of one family for one model."""

    family: Family
    value: float
    """0 to 1."""
    standard_error: float
    low: float
    high: float
    n: int
    """Samples of all its tasks."""


@dataclass(frozen=True, slots=True)
class FamilyDifference:
    """First minus second, on the samples that both scored."""

    family: Family
    first: float
    """The average of the first model on these samples, 0 to 1."""
    second: float
    value: float
    standard_error: float
    low: float
    high: float
    n: int
    adjusted_p: float
    """Of the normal distribution, after Holm's correction over the families."""
    verdict: Verdict


_PORTEXTO = (
    "portexto_handwritten",
    "portexto_handwritten_full_page",
    "portexto_in_the_wild",
    "portexto_synthetic",
)

FAMILIES = (
    # The suite is published without an average, and its metrics are on scales of their own. Ours takes one metric
    # between 0 and 1 for every task: of MME the share of right answers instead of its points, of captions ROUGE-L,
    # which unlike CIDEr has a greatest value, of boxes the share that cover the right one by half. Scored as
    # published, some tasks have no such metric, so the average is only of our scoring.
    Family(
        "amalia_vl_eval_pt",
        (
            Leaf("ai2d", "accuracy"),
            Leaf("chartqa", "relaxed_accuracy"),
            Leaf("docvqa", "anls"),
            Leaf("infovqa", "anls"),
            Leaf("textvqa", "vqa_accuracy"),
            Leaf("ocrbench", "accuracy"),
            Leaf("mme", "accuracy"),
            Leaf("mmmu", "accuracy"),
            Leaf("mmmu_pro", "accuracy"),
            Leaf("mmstar", "average"),
            Leaf("seedbench", "accuracy"),
            Leaf("mathvision", "accuracy"),
            Leaf("realworldqa", "accuracy"),
            Leaf("embspatial", "accuracy"),
            Leaf("pope", "accuracy"),
            Leaf("coco2017_cap", "rouge_l"),
            Leaf("refcoco_bbox", "rouge_l"),
            Leaf("refcoco_bbox_rec", "acc@0.5"),
        ),
        "macro",
        is_ours=True,
    ),
    # The published configuration weighs by size; its description says that all parts count alike. Both are given.
    Family("portexto", tuple(Leaf(task, "anls") for task in _PORTEXTO), "size"),
    Family("portexto_macro", tuple(Leaf(task, "anls") for task in _PORTEXTO), "macro"),
    Family("portexto_bleu1", tuple(Leaf(task, "bleu1", "bleu") for task in _PORTEXTO), "size"),
    Family(
        "caravela",
        (
            Leaf("caravela_mcq", "accuracy", "caravela_score"),
            Leaf("caravela_vqa", "accuracy", "caravela_score"),
            Leaf("caravela_reasoning", "f1", "caravela_score"),
        ),
        "macro",
    ),
)


def family_results(log: EvalLog, families: Sequence[Family] = FAMILIES) -> list[FamilyResult]:
    """Average the families of which a log has every task.

    Args:
        log: Results of one model.
        families: In the order of the results.
    """
    found = []
    for family in families:
        results = [leaf.of(log.results.get(leaf.task, {})) for leaf in family.leaves]
        there = [result for result in results if result is not None and result.unit in _SCALES]
        if len(there) < len(family.leaves):
            continue
        value, error = _average(
            family,
            [result.value * _SCALES[result.unit] for result in there],
            [result.standard_error * _SCALES[result.unit] for result in there],
            [result.n for result in there],
        )
        low, high = max(0.0, value - Z_95 * error), min(1.0, value + Z_95 * error)
        n = sum(result.n for result in there)
        found.append(FamilyResult(family, value, error, low, high, n))
    return found


def family_differences(
    comparisons: Sequence[Comparison], families: Sequence[Family] = FAMILIES
) -> list[FamilyDifference]:
    """Average the differences of the families of which every task was compared.

    Args:
        comparisons: Of two models, as ``compare`` gives them.
        families: In the order of the results.
    """
    known: dict[str, dict[str, Comparison]] = {}
    for item in comparisons:
        if not item.group:
            known.setdefault(item.task, {})[item.metric] = item
    averaged: list[FamilyDifference] = []
    for family in families:
        items = [leaf.of(known.get(leaf.task, {})) for leaf in family.leaves]
        there = [item for item in items if item is not None and item.unit in _SCALES]
        taken = [item.difference for item in there if item.difference is not None]
        if len(taken) < len(family.leaves):
            continue
        scales = [_SCALES[item.unit] for item in there]
        sizes = [difference.n for difference in taken]
        errors = [d.standard_error * scale for d, scale in zip(taken, scales, strict=True)]
        first, error = _average(
            family, _scaled([item.first for item in there], scales), errors, sizes
        )
        second, _ = _average(
            family, _scaled([item.second for item in there], scales), errors, sizes
        )
        averaged.append(
            FamilyDifference(
                family=family,
                first=first,
                second=second,
                value=first - second,
                standard_error=error,
                low=first - second - Z_95 * error,
                high=first - second + Z_95 * error,
                n=sum(sizes),
                adjusted_p=_p_value(first - second, error),
                verdict="cannot tell",
            )
        )
    return [
        replace(item, adjusted_p=p, verdict=_verdict(item.value, p))
        for item, p in zip(averaged, holm([item.adjusted_p for item in averaged]), strict=True)
    ]


def _scaled(values: Sequence[float | None], scales: Sequence[float]) -> list[float]:
    return [(value or 0.0) * scale for value, scale in zip(values, scales, strict=True)]


def _verdict(value: float, adjusted_p: float) -> Verdict:
    if adjusted_p >= ALPHA:
        return "cannot tell"
    return "first" if value > 0 else "second"


def _average(
    family: Family, values: Sequence[float], errors: Sequence[float], sizes: Sequence[int]
) -> tuple[float, float]:
    """Give the weighted mean and its standard error."""
    whole = float(sum(sizes))
    weights = [1 / len(values) if family.weighting == "macro" else size / whole for size in sizes]
    value = sum(weight * one for weight, one in zip(weights, values, strict=True))
    variance = sum((weight * one) ** 2 for weight, one in zip(weights, errors, strict=True))
    return value, sqrt(variance)


def _p_value(value: float, error: float) -> float:
    """Give the two-sided p-value of a difference; without any spread it is certain or nothing."""
    if error == 0:
        return 1.0 if value == 0 else 0.0
    return erfc(abs(value) / error / sqrt(2))
