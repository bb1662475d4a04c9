"""From evaluation logs to the values of their page. Reads what was gathered and asks no model."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from amalia import manifest as manifests
from amalia.evaluate.log import Outcome, Result, Stored, TaskSpec
from amalia.pipeline.evaluation_gathered import Compared, Gathered
from amalia.pipeline.evaluation_samples import sample_rows
from amalia.report import evaluation_text as words
from amalia.report.evaluation import (
    AdherenceRow,
    ComparisonRow,
    EvaluationPage,
    FamilyRow,
    HealthRow,
    LettersRow,
    ModelRow,
    Reason,
    ResultRow,
    TaskRow,
    Wording,
)

MAX_SAMPLES = 2000
"""Samples on a page by default; a browser still filters them at once."""
_NON_COMMERCIAL = re.compile(r"(?<![a-z])nc(?![a-z])|non-?commercial", re.IGNORECASE)


def page_of(gathered: Gathered, *, max_samples: int = MAX_SAMPLES) -> EvaluationPage:
    """Make the values of the page.

    Args:
        gathered: What was read.
        max_samples: Show this many samples at most, the worst ones and some of the others.
    """
    named = list(zip(gathered.names, gathered.logs, strict=True))
    samples, num_samples = sample_rows(gathered.names, gathered.logs, max_samples)
    return EvaluationPage(
        title=words.title(gathered.names),
        created_at=manifests.now(),
        models=tuple(_model(name, log) for name, log in named),
        health=tuple(sorted(_health(named), key=lambda row: not row.is_failing)),
        results=tuple(row for name, log in named for row in _results(name, log)),
        families=tuple(_family_rows(gathered)),
        comparisons=tuple(row for pair in gathered.pairs for row in _comparisons(pair)),
        letters=tuple(
            LettersRow(name, task, counts.letters)
            for name, log in named
            for task, counts in log.log.counts.items()
            if counts.letters
        ),
        adherence=tuple(_adherence(named)),
        samples=samples,
        num_samples=num_samples,
        tasks=tuple(_tasks(named)),
    )


def is_non_commercial(license_: str) -> bool:
    """Tell whether a licence forbids commercial use, by its identifier: ``cc-by-nc-4.0``."""
    return bool(_NON_COMMERCIAL.search(license_))


Named = Sequence[tuple[str, Stored]]


def _model(name: str, log: Stored) -> ModelRow:
    spec, code = log.spec, log.spec.code
    return ModelRow(
        name=name,
        engine=spec.engine,
        code=words.code(
            code.get("commit"),
            is_dirty=bool(code.get("dirty")),
            version=str(code.get("version", "")),
        )
        if code
        else "",
        packages=spec.packages,
        command=spec.command,
        started=spec.started,
        finished=spec.finished,
    )


def _health(named: Named) -> Iterator[HealthRow]:
    for name, log in named:
        examples = _examples(log.outcomes)
        for task, counts in log.log.counts.items():
            yield HealthRow(
                model=name,
                task=task,
                num_asked=counts.asked,
                num_answered=counts.answered,
                reasons=tuple(
                    Reason(reason, count, examples.get((task, reason), ""))
                    for reason, count in sorted(counts.failed.items(), key=lambda item: -item[1])
                ),
                num_unreadable=counts.unreadable,
                num_cut=counts.cut,
                num_refused=counts.refused,
                num_invalid_judgements=counts.invalid_judgements,
                is_failing=task in log.log.failing,
            )


def _examples(outcomes: Sequence[Outcome]) -> dict[tuple[str, str], str]:
    """Give the first message of every reason for which samples of a task failed."""
    found: dict[tuple[str, str], str] = {}
    for outcome in outcomes:
        if outcome.condition == "seen" and outcome.failure and outcome.message:
            found.setdefault((outcome.task, outcome.failure), outcome.message)
    return found


def _results(name: str, log: Stored) -> Iterator[ResultRow]:
    for task, metrics in log.log.results.items():
        for metric, result in metrics.items():
            yield _result(name, task, metric, result)
    for place, metrics in log.log.groups.items():
        task, _, group = place.partition("/")
        for metric, result in metrics.items():
            yield _result(name, task, metric, result, group=group)


def _result(name: str, task: str, metric: str, result: Result, *, group: str = "") -> ResultRow:
    return ResultRow(
        model=name,
        task=task,
        metric=metric,
        group=group,
        value=result.value,
        standard_error=result.standard_error,
        low=result.low,
        high=result.high,
        n=result.n,
        num_units=result.num_clusters,
        blind=result.blind,
        majority=result.majority,
        readable=result.readable,
        beats_blind=result.beats_blind,
        is_lower_better=result.is_lower_better,
        unit=result.unit,
    )


def _family_rows(gathered: Gathered) -> Iterator[FamilyRow]:
    for name, averages in zip(gathered.names, gathered.families, strict=True):
        for found in averages:
            yield FamilyRow(
                model=name,
                family=found.family.name,
                weighting=found.family.weighting,
                num_tasks=len(found.family.leaves),
                value=found.value,
                standard_error=found.standard_error,
                low=found.low,
                high=found.high,
                n=found.n,
                is_ours=found.family.is_ours,
            )


def _comparisons(pair: Compared) -> Iterator[ComparisonRow]:
    for found in pair.families:
        yield ComparisonRow(
            first=pair.first,
            second=pair.second,
            task=found.family.name,
            metric=words.WEIGHTINGS[found.family.weighting],
            is_family=True,
            first_value=found.first,
            second_value=found.second,
            difference=found.value,
            low=found.low,
            high=found.high,
            n=found.n,
            adjusted_p=found.adjusted_p,
            verdict=found.verdict,
        )
    for item in pair.comparisons:
        difference = item.difference
        yield ComparisonRow(
            first=pair.first,
            second=pair.second,
            task=item.task,
            metric=item.metric,
            group=item.group,
            first_value=item.first,
            second_value=item.second,
            difference=None if difference is None else difference.value,
            low=0.0 if difference is None else difference.low,
            high=0.0 if difference is None else difference.high,
            n=0 if difference is None else difference.n,
            p_value=None if difference is None else difference.p_value,
            adjusted_p=item.adjusted_p,
            verdict=item.verdict,
            is_headline=item.is_headline,
            is_lower_better=item.is_lower_better,
            unit=item.unit,
            num_other=item.num_other,
            num_alone=item.num_alone,
            differs=item.differs,
        )


def _adherence(named: Named) -> Iterator[AdherenceRow]:
    for name, log in named:
        for task, found in log.log.adherence.items():
            signs = tuple(Wording(sign.text, sign.instead, sign.count) for sign in found.evidence)
            yield AdherenceRow(
                name, task, found.labels, found.pt_pt, found.low, found.high, evidence=signs
            )


def _tasks(named: Named) -> Iterator[TaskRow]:
    """Give how every task was run, once for all models for which it was run alike."""
    found: dict[tuple[str, str], tuple[TaskSpec, list[str]]] = {}
    for name, log in named:
        for task, spec in log.spec.tasks.items():
            _, models = found.setdefault((task, spec.model_dump_json()), (spec, []))
            models.append(name)
    for (task, _), (spec, models) in found.items():
        yield TaskRow(
            models=tuple(models),
            task=task,
            version=spec.version,
            scoring=spec.scoring,
            data=spec.data,
            revision=spec.revision,
            license=spec.license,
            is_non_commercial=is_non_commercial(spec.license),
            orders=spec.orders,
            judge=spec.judge,
            instruction=spec.instruction,
            max_new_tokens=spec.max_new_tokens,
        )
