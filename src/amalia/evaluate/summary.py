"""Outcomes → results: means with intervals, next to the blind run and the best constant answer.

A pure function of what was logged; no model is asked here.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict

from amalia.evaluate import adherence
from amalia.evaluate.estimates import Estimate, mean, paired_difference, pooled, pooled_difference
from amalia.evaluate.log import Counts, EvalLog, Outcome, Result
from amalia.evaluate.refusals import is_refusal
from amalia.evaluate.scoring import INVALID_JUDGEMENT
from amalia.evaluate.task import AnyMetric, PooledMetric, Score, Task
from amalia.records import Sample

EVERY_ORDER = "every_order"
_ORDER = "~"


def summarize(
    engine: str,
    tasks: Sequence[Task],
    samples: Mapping[str, Sample],
    outcomes: Iterable[Outcome],
) -> EvalLog:
    """Average the outcomes of every task and of every group in it.

    Args:
        engine: Name of the model.
        tasks: As they scored; one without outcomes has no result.
        samples: By id.
        outcomes: At most one for a sample and condition.
    """
    results: dict[str, dict[str, Result]] = {}
    groups: dict[str, dict[str, Result]] = {}
    counts: dict[str, Counts] = {}
    varieties = {}
    found = list(outcomes)
    for task in tasks:
        own = [outcome for outcome in found if outcome.task == task.name]
        if not own:
            continue
        pairs = _paired(own, samples)
        counts[task.name] = _counts(task, own, samples)
        if task.kind == "generate":
            said = [text for outcome, _ in pairs for text in outcome.texts]
            if spoken := adherence.of_answers(said):
                varieties[task.name] = spoken
        if not pairs:
            continue
        blind = {outcome.sample: outcome for outcome in own if outcome.condition == "blind"}
        results[task.name] = _results(task, pairs, blind) | _every_order(pairs)
        for group in sorted({group for _, sample in pairs for group in sample.groups}):
            members = [pair for pair in pairs if group in pair[1].groups]
            groups[f"{task.name}/{group}"] = _results(task, members, blind)
    return EvalLog(
        engine=engine,
        tasks={task.name: task.version for task in tasks if task.name in counts},
        results=results,
        groups=groups,
        counts=counts,
        adherence=varieties,
    )


Pair = tuple[Outcome, Sample]


def _paired(outcomes: Sequence[Outcome], samples: Mapping[str, Sample]) -> list[Pair]:
    """Give what was said with the pictures shown and has a score, with its sample."""
    return [
        (outcome, samples[outcome.sample])
        for outcome in outcomes
        if outcome.condition == "seen" and outcome.value is not None
    ]


def _results(task: Task, pairs: Sequence[Pair], blind: Mapping[str, Outcome]) -> dict[str, Result]:
    seen = [score_of(outcome) for outcome, _ in pairs]
    samples = [sample for _, sample in pairs]
    unseen = [blind.get(sample.id) for sample in samples]
    told = [outcome for outcome in unseen if outcome is not None and outcome.value is not None]
    blind_scores = [score_of(outcome) for outcome in told] if len(told) == len(samples) else None
    constant: list[Score] | None = None
    if task.kind == "generate" and task.constant is not None and task.rubric is None:
        answer = task.constant(samples)
        constant = [task.score(answer, sample) for sample in samples]
    found = {}
    for metric in task.metrics:
        result = _result(metric, samples, seen, blind=blind_scores, constant=constant)
        if result is not None:
            found[metric.name] = result
    return found


def _result(
    metric: AnyMetric,
    samples: Sequence[Sample],
    seen: Sequence[Score],
    *,
    blind: Sequence[Score] | None,
    constant: Sequence[Score] | None,
) -> Result | None:
    estimate = estimate_of(metric, seen, samples)
    if estimate is None:
        return None
    unseen = estimate_of(metric, blind, samples) if blind is not None else None
    fixed = estimate_of(metric, constant, samples) if constant is not None else None
    return Result(
        **asdict(estimate),
        blind=None if unseen is None else unseen.value,
        majority=None if fixed is None else fixed.value,
        readable=sum(score.readable for score in seen) / len(seen),
        is_lower_better=metric.is_lower_better,
        unit=metric.unit,
        beats_blind=None if blind is None else _beats(metric, seen, blind, samples),
    )


def estimate_of(
    metric: AnyMetric, scores: Sequence[Score], samples: Sequence[Sample]
) -> Estimate | None:
    """Estimate a metric; None where it applies to no sample or is not defined."""
    units = [sample.unit for sample in samples]
    if isinstance(metric, PooledMetric):
        found = pooled(
            metric.statistics(scores, samples), metric.combine, units, possible=metric.possible
        )
        return found if found.value == found.value else None
    values, kept = _values(metric, scores, samples)
    return mean(values, [units[place] for place in kept]) if values else None


def _beats(
    metric: AnyMetric, seen: Sequence[Score], blind: Sequence[Score], samples: Sequence[Sample]
) -> bool | None:
    """Say whether the pictures help beyond chance."""
    units = [sample.unit for sample in samples]
    better, worse = (blind, seen) if metric.is_lower_better else (seen, blind)
    if isinstance(metric, PooledMetric):
        found = pooled_difference(
            metric.statistics(better, samples),
            metric.statistics(worse, samples),
            metric.combine,
            units,
            possible=metric.possible_difference,
        )
        return found.verdict == "first"
    first, kept = _values(metric, better, samples)
    second, others = _values(metric, worse, samples)
    if kept != others or not kept:
        return None
    return paired_difference(first, second, [units[place] for place in kept]).verdict == "first"


def _values(
    metric: AnyMetric, scores: Sequence[Score], samples: Sequence[Sample]
) -> tuple[list[float], list[int]]:
    """Measure every sample that a metric applies to; give the values and their places."""
    assert not isinstance(metric, PooledMetric)
    measured = [
        metric.measure(score, sample) for score, sample in zip(scores, samples, strict=True)
    ]
    kept = [place for place, value in enumerate(measured) if value is not None]
    return [value for value in measured if value is not None], kept


def _every_order(pairs: Sequence[Pair]) -> dict[str, Result]:
    """Say how often a choice was right in every order of its options, where several were asked."""
    questions: dict[str, list[Pair]] = {}
    for outcome, sample in pairs:
        questions.setdefault(outcome.sample.partition(_ORDER)[0], []).append((outcome, sample))
    if all(len(asked) == 1 for asked in questions.values()):
        return {}
    values = [
        float(all(outcome.value == 1 for outcome, _ in asked)) for asked in questions.values()
    ]
    estimate = mean(values, [asked[0][1].unit for asked in questions.values()])
    return {
        EVERY_ORDER: Result(
            **asdict(estimate),
            readable=sum(outcome.readable for outcome, _ in pairs) / len(pairs),
        )
    }


def _counts(task: Task, outcomes: Sequence[Outcome], samples: Mapping[str, Sample]) -> Counts:
    seen = [outcome for outcome in outcomes if outcome.condition == "seen"]
    answered = [outcome for outcome in seen if outcome.texts]
    failed = Counter(
        outcome.failure for outcome in seen if outcome.failure not in ("", INVALID_JUDGEMENT)
    )
    letters = Counter(
        outcome.answer
        for outcome in answered
        if outcome.answer and outcome.answer in samples[outcome.sample].choices
    )
    is_lettered = letters and all(len(letter) == 1 for letter in letters)
    total = sum(letters.values())
    return Counts(
        asked=len(seen),
        answered=len(answered),
        failed=dict(sorted(failed.items())),
        unreadable=sum(not o.readable and o.value is not None for o in answered),
        cut=sum("length" in outcome.finish for outcome in answered),
        refused=sum(_is_declined(outcome) for outcome in answered)
        if task.kind == "generate"
        else 0,
        invalid_judgements=sum(outcome.failure == INVALID_JUDGEMENT for outcome in seen),
        letters={name: letters[name] / total for name in sorted(letters)} if is_lettered else {},
    )


def _is_declined(outcome: Outcome) -> bool:
    return "content_filter" in outcome.finish or any(is_refusal(text) for text in outcome.texts)


def score_of(outcome: Outcome) -> Score:
    """Give the score that an outcome holds."""
    return Score(outcome.value or 0.0, outcome.answer, outcome.readable, outcome.note)
