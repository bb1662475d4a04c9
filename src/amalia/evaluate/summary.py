"""Outcomes → results: means with intervals, next to the blind run and the best constant answer.

A pure function of what was logged; no model is asked here.
"""

from collections.abc import Mapping, Sequence

from amalia.evaluate.estimates import mean, paired_difference
from amalia.evaluate.log import Condition, EvalLog, Header, Outcome, Result
from amalia.evaluate.task import Metric, Score, Task
from amalia.records import Sample

Outcomes = Mapping[tuple[str, Condition], Outcome]


def summarize(
    header: Header, samples: Sequence[Sample], tasks: Sequence[Task], outcomes: Outcomes
) -> EvalLog:
    """Average the outcomes of every task and of every group in it.

    Args:
        header: of the log the outcomes come from.
        samples: all of them, in any order.
        tasks: those the samples name; one that no sample names has no result.
        outcomes: by sample and condition; every sample has one that is ``seen``.
    """
    results: dict[str, dict[str, Result]] = {}
    groups: dict[str, dict[str, Result]] = {}
    for task in tasks:
        own = [sample for sample in samples if sample.task == task.name]
        if not own:
            continue
        results[task.name] = _results(task, own, outcomes)
        for group in sorted({sample.group for sample in own} - {""}):
            members = [sample for sample in own if sample.group == group]
            groups[f"{task.name}/{group}"] = _results(task, members, outcomes)
    return EvalLog(
        engine=header.engine,
        samples=header.samples,
        tasks=header.tasks,
        results=results,
        groups=groups,
    )


def _results(task: Task, samples: Sequence[Sample], outcomes: Outcomes) -> dict[str, Result]:
    seen = [_score(outcomes[sample.id, "seen"]) for sample in samples]
    is_blind_run = all((sample.id, "blind") in outcomes for sample in samples)
    blind = [_score(outcomes[sample.id, "blind"]) for sample in samples] if is_blind_run else None
    constant: list[Score] | None = None
    if task.kind == "generate":
        answer = task.constant(samples)
        constant = [task.score(answer, sample) for sample in samples]
    return {
        metric.name: _result(metric, samples, seen, blind=blind, constant=constant)
        for metric in task.metrics
    }


def _result(
    metric: Metric,
    samples: Sequence[Sample],
    seen: Sequence[Score],
    *,
    blind: Sequence[Score] | None,
    constant: Sequence[Score] | None,
) -> Result:
    values = _values(metric, seen, samples)
    estimate = mean(values)
    blind_values = None if blind is None else _values(metric, blind, samples)
    beats_blind = None
    if blind_values is not None:
        better, worse = (blind_values, values) if metric.is_lower_better else (values, blind_values)
        beats_blind = paired_difference(better, worse).low > 0
    return Result(
        value=estimate.value,
        low=estimate.low,
        high=estimate.high,
        n=estimate.n,
        blind=None if blind_values is None else _mean(blind_values),
        majority=None if constant is None else _mean(_values(metric, constant, samples)),
        readable=_mean([float(score.readable) for score in seen]),
        is_lower_better=metric.is_lower_better,
        beats_blind=beats_blind,
    )


def _values(metric: Metric, scores: Sequence[Score], samples: Sequence[Sample]) -> list[float]:
    return [metric.measure(score, sample) for score, sample in zip(scores, samples, strict=True)]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _score(outcome: Outcome) -> Score:
    return Score(outcome.value, outcome.answer, outcome.readable, outcome.note)
