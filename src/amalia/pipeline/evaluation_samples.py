"""Which samples of evaluation logs are worth showing, with what every model said to them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from amalia.evaluate.log import Outcome, Stored
from amalia.records import Sample
from amalia.report.evaluation import SaidBy, SampleRow, State
from amalia.report.model import Picture

_WORST_FRACTION = 0.75
_BADNESS = {"failed": 3.0, "unreadable": 2.0}


def sample_rows(
    names: Sequence[str], logs: Sequence[Stored], limit: int
) -> tuple[tuple[SampleRow, ...], int]:
    """Choose samples to show: of every task the worst, and a quarter spread over the others.

    Args:
        names: Of the models.
        logs: What they said.
        limit: Choose this many at most, as evenly over the tasks as these allow.

    Returns:
        The samples, the worst of every task first and the tasks in turn; and how many there are to choose from.
    """
    by_task: dict[str, list[SampleRow]] = {}
    for row in _every(names, logs):
        by_task.setdefault(row.task, []).append(row)
    quotas = _quotas([len(rows) for rows in by_task.values()], limit)
    chosen = [_chosen(rows, quota) for rows, quota in zip(by_task.values(), quotas, strict=True)]
    longest = max(map(len, chosen), default=0)
    turns = [rows[rank] for rank in range(longest) for rows in chosen if rank < len(rows)]
    return tuple(turns), sum(map(len, by_task.values()))


def _every(names: Sequence[str], logs: Sequence[Stored]) -> Iterator[SampleRow]:
    said: dict[str, list[SaidBy]] = {}
    known: dict[str, Sample] = {}
    pictures: dict[str, bytes] = {}
    for name, log in zip(names, logs, strict=True):
        known = dict(log.samples) | known
        pictures = dict(log.pictures) | pictures
        for outcome in log.outcomes:
            if outcome.condition == "seen":
                said.setdefault(outcome.sample, []).append(_said(name, outcome))
    for place, told in said.items():
        sample = known.get(place)
        # A row of the data that could not be read has no question; it stands among the failures.
        if sample is None:
            continue
        picture = pictures.get(place)
        yield SampleRow(
            id=sample.id,
            task=sample.task,
            groups=sample.groups,
            question=_numbered((sample.prompt.turns[-1].text, *sample.follow_ups)),
            target="; ".join(dict.fromkeys(filter(None, sample.targets))),
            picture=Picture(picture, "image/jpeg") if picture else None,
            said=tuple(told),
        )


def _said(model: str, outcome: Outcome) -> SaidBy:
    return SaidBy(
        model=model,
        text=_numbered(outcome.texts),
        state=_state(outcome),
        value=outcome.value,
        read=outcome.answer,
        note="\n\n".join(filter(None, (outcome.note, *outcome.judgements))),
        failure=outcome.failure,
        message=outcome.message,
    )


def _state(outcome: Outcome) -> State:
    if outcome.value is None:
        return "failed"
    if not outcome.readable:
        return "unreadable"
    if outcome.value >= 1:
        return "right"
    return "partial" if outcome.value > 0 else "wrong"


def _numbered(texts: Sequence[str]) -> str:
    """Join the turns of a conversation, numbered where there are several."""
    if len(texts) == 1:
        return texts[0].strip()
    return "\n\n".join(f"{place}) {text.strip()}" for place, text in enumerate(texts, start=1))


def _quotas(sizes: Sequence[int], limit: int) -> list[int]:
    """Share a limit out evenly; what small tasks leave goes to the larger ones."""
    quotas = [0] * len(sizes)
    left = limit
    for rank, place in enumerate(sorted(range(len(sizes)), key=sizes.__getitem__)):
        quotas[place] = min(sizes[place], left // (len(sizes) - rank))
        left -= quotas[place]
    return quotas


def _chosen(rows: Sequence[SampleRow], quota: int) -> list[SampleRow]:
    # Of two that are equally bad, the one with its picture says more.
    ranked = sorted(rows, key=lambda row: (-_badness(row), row.picture is None))
    if quota >= len(ranked):
        return ranked
    num_worst = round(quota * _WORST_FRACTION)
    rest, num_rest = ranked[num_worst:], quota - num_worst
    spread = [rest[place * len(rest) // num_rest] for place in range(num_rest)]
    return [*ranked[:num_worst], *spread]


def _badness(row: SampleRow) -> float:
    return sum(_BADNESS.get(said.state, 1 - (said.value or 0.0)) for said in row.said) / len(
        row.said
    )
