"""What was said → what it is worth, by our scoring or by the published one, without asking anybody again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from amalia.errors import TaskError
from amalia.evaluate.answers import without_reasoning
from amalia.evaluate.log import Outcome, Said, Scoring
from amalia.evaluate.task import Score, Task
from amalia.records import Sample

INVALID_JUDGEMENT = "invalid_judgement"


def as_published(task: Task) -> Task:
    """Give a task that scores as the benchmark's own program does, defects included.

    Raises:
        TaskError: No published scoring is known.
    """
    if task.published is None:
        raise TaskError(
            f"task {task.name} has no published scoring that differs; expected scoring: ours"
        )
    return replace(
        task,
        score=task.published.score,
        metrics=task.published.metrics or task.metrics,
        published=None,
        # Published programs that take thinking out do so themselves.
        thinks_apart=False,
    )


def scored(task: Task, scoring: Scoring) -> Task:
    """Give a task as a recipe wants it scored; one without a published scoring has only ours."""
    return as_published(task) if scoring == "upstream" and task.published else task


def outcome_of(task: Task, sample: Sample, said: Said) -> Outcome:
    """Score what was said to a sample; the mean over turns, where there are several."""
    told = said.model_dump(include=set(Said.model_fields))
    if said.failure and said.failure != INVALID_JUDGEMENT:
        return Outcome(**told)
    texts = said.judgements if task.rubric else said.texts
    heard = [without_reasoning(text) if task.thinks_apart else text for text in texts]
    scores = [task.score(text, sample) for text in heard]
    if task.rubric and not all(score.readable for score in scores):
        told |= {
            "failure": INVALID_JUDGEMENT,
            "message": f"the judge's reply cannot be read: {_shown(texts, scores)}",
        }
        return Outcome(**told)
    told |= {"failure": "", "message": ""}
    merged = merge(scores)
    return Outcome(
        **told,
        value=merged.value,
        answer=merged.answer,
        readable=merged.readable,
        note=merged.note,
    )


def merge(scores: list[Score]) -> Score:
    """Make one score of those of several turns."""
    if len(scores) == 1:
        return scores[0]
    return Score(
        value=sum(score.value for score in scores) / len(scores),
        answer="; ".join(score.answer for score in scores),
        readable=all(score.readable for score in scores),
        note="; ".join(filter(None, (score.note for score in scores))),
    )


@dataclass(frozen=True, slots=True)
class Explained:
    """A sample that our scoring and the published one judge differently."""

    task: str
    sample: str
    target: str
    text: str
    ours: Score
    upstream: Score
    why: str


def explain(
    tasks: Mapping[str, Task], samples: Mapping[str, Sample], outcomes: Iterable[Outcome]
) -> Iterator[Explained]:
    """List the samples on which the two scorings differ, and why.

    Args:
        tasks: By name, with our scoring; those without a published one have nothing to explain.
        samples: By id.
        outcomes: Of a log; only what was said with the pictures shown is looked at.
    """
    for outcome in outcomes:
        task = tasks.get(outcome.task)
        sample = samples.get(outcome.sample)
        if task is None or task.published is None or sample is None:
            continue
        if outcome.condition != "seen" or outcome.failure or not outcome.texts:
            continue
        text = outcome.texts[-1]
        ours = task.score(without_reasoning(text), sample)
        upstream = task.published.score(text, sample)
        if abs(ours.value - upstream.value) > 1e-9:
            told = (
                f"upstream read {upstream.answer or 'nothing'!r}, ours {ours.answer or 'nothing'!r}"
            )
            why = "; ".join(filter(None, (told, upstream.note, ours.note)))
            yield Explained(task.name, sample.id, sample.target, text, ours, upstream, why)


def one_line(text: str) -> str:
    """Show an answer on one line of at most a hundred characters."""
    short = " ".join(text.split())
    return short if len(short) <= 100 else short[:99] + "…"


def _shown(texts: Iterable[str], scores: Iterable[Score]) -> str:
    bad = next(text for text, score in zip(texts, scores, strict=True) if not score.readable)
    return repr(one_line(bad))
