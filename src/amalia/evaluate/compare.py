"""Which of two models is better, task by task, on the very samples that both answered.

Reads two logs and asks nobody. A difference is only taken where the two were asked the same: a task that was run by
another version, scoring, instruction, judge or revision of its data is named instead, and so is a sample whose prompt
or answer is another one. Verdicts stand after Holm's correction, since of twenty tasks without any difference one
would show one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from amalia.evaluate.estimates import (
    ALPHA,
    Difference,
    Verdict,
    holm,
    paired_difference,
    pooled_difference,
)
from amalia.evaluate.log import Outcome, Stored, TaskSpec
from amalia.evaluate.scoring import scored
from amalia.evaluate.summary import score_of
from amalia.evaluate.task import AnyMetric, PooledMetric, Score, Task
from amalia.records import Sample

_MUST_AGREE = ("version", "scoring", "instruction", "revision", "judge")
_SHOULD_AGREE = ("max_new_tokens",)


@dataclass(frozen=True, slots=True)
class Comparison:
    """One metric of one task, or of a group in it, for two models on the same samples."""

    task: str
    metric: str
    """Empty where no metric of both logs is known."""
    group: str = ""
    is_headline: bool = False
    """Whether it is the first metric over the whole task, which the verdicts are about before all others."""
    is_lower_better: bool = False
    unit: str = ""
    first: float | None = None
    """The metric over the shared samples."""
    second: float | None = None
    difference: Difference | None = None
    """First minus second; None where the two cannot be compared."""
    adjusted_p: float | None = None
    """After Holm's correction over all comparisons of its kind: first metrics, further metrics, groups."""
    verdict: Verdict = "cannot tell"
    """Which is better, lower or higher being better as the metric says."""
    num_other: int = 0
    """Samples that both scored and whose prompt or answer is another one; left out."""
    num_alone: int = 0
    """Samples that only one of the two scored; left out."""
    differs: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Setting → its two values, where the task was not run in the same way."""

    @property
    def is_comparable(self) -> bool:
        """Whether a difference was taken."""
        return self.difference is not None

    @property
    def warning(self) -> str:
        """Say on one line what stands in the way of the comparison; empty where nothing does."""
        if not self.metric:
            return f"{self.task}: not compared, no metric of both logs is known to this version"
        told = "; ".join(f"{name} {one!r} and {two!r}" for name, (one, two) in self.differs.items())
        if self.difference is not None:
            return f"{self.task}: the two runs differ in {told}" if told else ""
        if told:
            return f"{self.task}: not comparable, the two runs differ in {told}"
        left_out = (
            f"{self.num_other} have another prompt or answer, {self.num_alone} only one score"
        )
        return f"{self.task}: not comparable, no sample counts for both ({left_out})"


def compare(
    tasks: Mapping[str, Task], first: Stored, second: Stored, *, groups: bool = False
) -> list[Comparison]:
    """Compare two models on every task and metric that both logs have.

    Args:
        tasks: By name, scored as ours; a log scored as published is compared by the published metrics.
        first: Log of one model.
        second: Log of the other.
        groups: Also compare within every group of every task.

    Returns:
        In the order of the first log and of the metrics; where a task cannot be compared, one entry whose
        ``warning`` says why.
    """
    found: list[Comparison] = []
    for name, metrics in first.log.results.items():
        others = second.log.results.get(name)
        if others is None:
            continue
        specs = first.spec.tasks[name], second.spec.tasks[name]
        shared: list[AnyMetric] = []
        if name in tasks:
            known = scored(tasks[name], specs[0].scoring).metrics
            shared = [metric for metric in known if metric.name in {*metrics} & {*others}]
        if differs := _differing(*specs, _MUST_AGREE):
            headline = shared[0].name if shared else next(iter(metrics))
            found.append(Comparison(name, headline, is_headline=True, differs=differs))
        elif not shared:
            found.append(Comparison(name, "", is_headline=True))
        else:
            softly = _differing(*specs, _SHOULD_AGREE)
            found += [
                replace(item, task=name, differs=softly)
                for item in _of_task(shared, _paired(name, first, second), groups=groups)
            ]
    return _judged(found)


@dataclass(frozen=True, slots=True)
class _Pairs:
    """Samples that both scored, with the two scores."""

    samples: tuple[Sample, ...]
    first: tuple[Score, ...]
    second: tuple[Score, ...]
    num_other: int
    num_alone: int

    def of_group(self, group: str) -> _Pairs:
        kept = [place for place, sample in enumerate(self.samples) if group in sample.groups]
        return replace(
            self,
            samples=tuple(self.samples[place] for place in kept),
            first=tuple(self.first[place] for place in kept),
            second=tuple(self.second[place] for place in kept),
        )


def _of_task(metrics: Sequence[AnyMetric], pairs: _Pairs, *, groups: bool) -> Iterator[Comparison]:
    names = sorted({group for sample in pairs.samples for group in sample.groups}) if groups else []
    for group in ("", *names):
        members = pairs.of_group(group) if group else pairs
        for metric in metrics:
            found = _compared(metric, members)
            is_headline = metric is metrics[0] and not group
            if found is None and not is_headline:
                continue
            yield replace(
                found or Comparison("", metric.name),
                group=group,
                is_headline=is_headline,
                num_other=pairs.num_other,
                num_alone=pairs.num_alone,
            )


def _differing(
    first: TaskSpec, second: TaskSpec, names: Iterable[str]
) -> dict[str, tuple[str, str]]:
    values = {name: (str(getattr(first, name)), str(getattr(second, name))) for name in names}
    return {name: (one, two) for name, (one, two) in values.items() if one != two}


def _paired(task: str, first: Stored, second: Stored) -> _Pairs:
    scores, others = _scored_outcomes(task, first), _scored_outcomes(task, second)
    both = [name for name in scores if name in others]
    same = [name for name in both if _asked(first.samples[name]) == _asked(second.samples[name])]
    return _Pairs(
        samples=tuple(first.samples[name] for name in same),
        first=tuple(score_of(scores[name]) for name in same),
        second=tuple(score_of(others[name]) for name in same),
        num_other=len(both) - len(same),
        num_alone=len(scores) + len(others) - 2 * len(both),
    )


def _scored_outcomes(task: str, log: Stored) -> dict[str, Outcome]:
    return {
        outcome.sample: outcome
        for outcome in log.outcomes
        if outcome.task == task and outcome.condition == "seen" and outcome.value is not None
    }


def _asked(sample: Sample) -> tuple[object, ...]:
    """Give what makes two samples the same question, pictures by their digests."""
    turns = tuple((turn.role, turn.parts) for turn in sample.prompt.turns)
    return (turns, sample.follow_ups, sample.targets, sample.choices)


def _compared(metric: AnyMetric, pairs: _Pairs) -> Comparison | None:
    """Take the difference of one metric; None where it applies to no sample or is not defined."""
    if isinstance(metric, PooledMetric):
        if not pairs.samples:
            return None
        sums = [
            np.asarray(metric.statistics(scores, pairs.samples), dtype=np.float64)
            for scores in (pairs.first, pairs.second)
        ]
        one, two = (float(metric.combine(rows.sum(0))) for rows in sums)
        if not np.isfinite([one, two]).all():
            return None
        units = [sample.unit for sample in pairs.samples]
        found = pooled_difference(
            sums[0], sums[1], metric.combine, units, possible=metric.possible_difference
        )
    else:
        ours: list[float] = []
        theirs: list[float] = []
        members: list[str] = []
        for score, other, sample in zip(pairs.first, pairs.second, pairs.samples, strict=True):
            value, against = metric.measure(score, sample), metric.measure(other, sample)
            if value is not None and against is not None:
                ours.append(value)
                theirs.append(against)
                members.append(sample.unit)
        if not ours:
            return None
        one, two = sum(ours) / len(ours), sum(theirs) / len(theirs)
        found = paired_difference(ours, theirs, members)
    return Comparison(
        "",
        metric.name,
        is_lower_better=metric.is_lower_better,
        unit=metric.unit,
        first=one,
        second=two,
        difference=found,
    )


def _judged(found: Sequence[Comparison]) -> list[Comparison]:
    """Correct the p-values and give the verdicts."""
    adjusted: dict[int, float] = {}
    for kind in ("headline", "metric", "group"):
        places = [
            place
            for place, item in enumerate(found)
            if item.difference is not None and _kind(item) == kind
        ]
        raw = [item.p_value for place in places if (item := found[place].difference)]
        adjusted |= dict(zip(places, holm(raw) if raw else (), strict=True))
    return [
        replace(item, adjusted_p=adjusted[place], verdict=_verdict(item, adjusted[place]))
        if place in adjusted
        else item
        for place, item in enumerate(found)
    ]


def _kind(item: Comparison) -> str:
    if item.is_headline:
        return "headline"
    return "group" if item.group else "metric"


def _verdict(item: Comparison, adjusted_p: float) -> Verdict:
    """Say which is better; the interval and the adjusted p-value must both tell the two apart."""
    difference = item.difference
    assert difference is not None
    if adjusted_p >= ALPHA or difference.low <= 0 <= difference.high:
        return "cannot tell"
    return "first" if (difference.value > 0) != item.is_lower_better else "second"
