"""How far a judge can be believed: its grades beside those of people, and its choices with the places changed.

Answers that people have graded are graded again by the judge. Beside the agreement stand what counting words would have
reached, whether the judge favors long answers, and whether it favors the answer that it reads first.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from amalia.errors import AmaliaError, TaskError
from amalia.evaluate.agreement import (
    Agreement,
    Place,
    PositionBias,
    agreement,
    length_baseline,
    length_bias,
    position_bias,
)
from amalia.evaluate.estimates import Estimate
from amalia.evaluate.grades import preferred
from amalia.evaluate.judge import Graded, GradingRubric, pair_question, question
from amalia.inference import Generate, Sampling
from amalia.progress import Progress
from amalia.records import Origin, Sample

_ORIGIN = Origin(source="graded", license="unknown", created="found")


class JudgeReport(BaseModel):
    """How far the grades of a judge are those of people."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    judge: str
    rubric: str
    """Version of the rubric."""
    num_answers: int
    """Answers with a grade of a person, all of which the judge was asked about."""
    num_ungraded: int
    """Answers left out because nobody graded them."""
    num_invalid: int
    """Replies of the judge without a grade that can be read; not part of any figure below."""
    num_failed: int
    """Answers to which the judge gave no reply at all."""
    overall: Agreement | None = None
    """None where no reply could be read."""
    length_only: Agreement | None = None
    """What a judge would reach that only counts words, on the same answers."""
    length_bias: Estimate | None = None
    """How much of what sets the judge apart from people goes with length."""
    categories: dict[str, Agreement] = Field(default_factory=dict)
    num_pairs: int = 0
    """Pairs of answers asked in both orders."""
    num_invalid_pairs: int = 0
    position: PositionBias | None = None
    """None where no pair was asked, or none could be read in both orders."""


def read_graded(path: Path) -> list[Graded]:
    """Read answers that people have graded.

    Args:
        path: A CSV file with ``Prompt``, columns that begin with ``Answer`` and as many that begin with ``Rating``, in
            the same order, and perhaps ``id`` and ``category``; or a folder of such, whose names are the categories.

    Returns:
        One for each answer that is there; without a rating where the cell is empty.

    Raises:
        TaskError: The file is missing or is not of this form.

    Source: the form is that of ALBA's judge selection (Vieira et al. 2026).
    """
    files = sorted(path.rglob("*.csv")) if path.is_dir() else [path]
    if not files:
        raise TaskError(f"{path} holds no CSV files; expected graded answers; correct the path")
    found: list[Graded] = []
    for file in files:
        name = file.relative_to(path).with_suffix("").as_posix() if path.is_dir() else file.stem
        try:
            with file.open(encoding="utf-8-sig", newline="") as stream:
                rows = list(csv.reader(stream))
        except (OSError, ValueError, csv.Error) as error:
            raise TaskError(
                f"graded answers {file} cannot be read ({error}); mend the file"
            ) from error
        found += _graded(rows, name, category=file.stem if path.is_dir() else "", file=file)
    return found


def judge_agreement(
    judge: Generate,
    graded: Sequence[Graded],
    rubric: GradingRubric,
    *,
    pairs: int,
    max_new_tokens: int = 1024,
) -> JudgeReport:
    """Let a judge grade answers that people have graded, and compare.

    Args:
        judge: The model that judges; it answers without randomness.
        graded: Answers; those without a rating are left out and counted.
        rubric: What it is asked.
        pairs: How many pairs of answers to one prompt, of different ratings, are asked in both orders; taken evenly
            from all there are. 0 asks none.
        max_new_tokens: Room for an explanation and the grade.

    Raises:
        TaskError: There are no graded answers, or a rating is off the scale of the rubric.
        GenerationError: The judge answers nothing at all.
    """
    rated = [one for one in graded if one.rating is not None]
    if not rated:
        raise TaskError("there are no graded answers to compare a judge with; give at least one")
    for one in rated:
        if not rubric.low <= (one.rating or 0) <= rubric.high:
            raise TaskError(
                f"the answer {one.id} is rated {one.rating}; expected {rubric.low} to {rubric.high}; give the rubric's"
                " own scale"
            )
    questions = [rubric.ask(_sample(one), one.answer) for one in rated]
    replies = _replies(judge, questions, Sampling(max_new_tokens=max_new_tokens), "grades")
    grades = [None if reply is None else rubric.read(reply) for reply in replies]
    report = JudgeReport(
        judge=judge.name,
        rubric=rubric.version,
        num_answers=len(rated),
        num_ungraded=len(graded) - len(rated),
        num_invalid=sum(
            grade is None and reply is not None
            for grade, reply in zip(grades, replies, strict=True)
        ),
        num_failed=replies.count(None),
    )
    judged = [(one, grade) for one, grade in zip(rated, grades, strict=True) if grade is not None]
    update = _compared(judged, rubric) if judged else {}
    return report.model_copy(update=update | _positions(judge, rated, pairs, max_new_tokens))


def _compared(judged: Sequence[tuple[Graded, int]], rubric: GradingRubric) -> dict[str, object]:
    def agree(some: Sequence[tuple[Graded, int]]) -> Agreement:
        return agreement(
            [grade for _, grade in some],
            [one.rating or 0 for one, _ in some],
            low=rubric.low,
            high=rubric.high,
            clusters=[one.prompt for one, _ in some],
        )

    answers, grades = [one for one, _ in judged], [grade for _, grade in judged]
    ratings, prompts = [one.rating or 0 for one in answers], [one.prompt for one in answers]
    texts = [one.answer for one in answers]
    names = sorted({one.category for one in answers} - {""})
    return {
        "overall": agree(judged),
        "length_only": length_baseline(texts, ratings, prompts),
        "length_bias": length_bias([len(text.split()) for text in texts], grades, ratings, prompts),
        "categories": {
            name: agree([item for item in judged if item[0].category == name]) for name in names
        },
    }


def _positions(
    judge: Generate, rated: Sequence[Graded], pairs: int, max_new_tokens: int
) -> dict[str, object]:
    candidates = list(_pairs(rated)) if pairs else []
    count = min(pairs, len(candidates))
    chosen = [candidates[place * len(candidates) // count] for place in range(count)]
    if not chosen:
        return {}
    questions = [
        pair_question(one.prompt, one.answer, other.answer)
        for first, second in chosen
        for one, other in ((first, second), (second, first))
    ]
    replies = _replies(judge, questions, Sampling(max_new_tokens=max_new_tokens), "compares")
    places = [preferred(reply) if reply is not None else None for reply in replies]
    asked: list[Place] = []
    swapped: list[Place] = []
    prompts: list[str] = []
    for (first, _), place, other in zip(chosen, places[::2], places[1::2], strict=True):
        if place is not None and other is not None:
            asked.append(place)
            swapped.append(other)
            prompts.append(first.prompt)
    return {
        "num_pairs": len(chosen),
        "num_invalid_pairs": len(chosen) - len(asked),
        "position": position_bias(asked, swapped, prompts) if asked else None,
    }


def _replies(
    judge: Generate, questions: Sequence[str], sampling: Sampling, verb: str
) -> list[str | None]:
    found: list[str | None] = []
    with Progress(f"{judge.name.partition('@')[0]} {verb}", len(questions)) as bar:
        prompts = (question(f"judge/{place}", text) for place, text in enumerate(questions))
        for answer in judge.answer_many(prompts, sampling):
            found.append(None if isinstance(answer, AmaliaError) else answer.text)
            bar.advance()
    return found


def _pairs(rated: Sequence[Graded]) -> Iterator[tuple[Graded, Graded]]:
    """Give answers to one prompt, two by two, that people graded differently."""
    by_prompt: dict[tuple[str, str], list[Graded]] = {}
    for one in rated:
        by_prompt.setdefault((one.category, one.prompt), []).append(one)
    for answers in by_prompt.values():
        for first, second in combinations(answers, 2):
            if first.rating != second.rating:
                yield first, second


def _graded(
    rows: Sequence[Sequence[str]], name: str, *, category: str, file: Path
) -> Iterator[Graded]:
    header = [title.strip().casefold() for title in rows[0]] if rows else []
    answers = [place for place, title in enumerate(header) if title.startswith("answer")]
    ratings = [place for place, title in enumerate(header) if title.startswith("rating")]
    if "prompt" not in header or not answers or len(answers) != len(ratings):
        raise TaskError(
            f"graded answers {file} have the columns {', '.join(rows[0]) if rows else 'none'}; expected Prompt, and"
            " columns Answer… and Rating… in pairs; correct the header"
        )
    for number, cells in enumerate(rows[1:], start=1):
        row = dict(zip(header, cells, strict=False))
        for place, (answer, rating) in enumerate(zip(answers, ratings, strict=True)):
            text = cells[answer].strip() if answer < len(cells) else ""
            if not text:
                continue
            yield Graded(
                id=f"{name}/{row.get('id', '').strip() or number}/{place}",
                prompt=row["prompt"].strip(),
                answer=text,
                rating=_rating(cells[rating] if rating < len(cells) else "", file, number),
                category=row.get("category", "").strip() or category,
            )


def _rating(cell: str, file: Path, number: int) -> int | None:
    if not cell.strip():
        return None
    try:
        value = float(cell.replace(",", "."))
    except ValueError:
        value = 0.5
    if value != int(value):
        raise TaskError(
            f"record {number} of the graded answers {file} has the rating {cell!r}; expected a whole number or"
            " nothing; correct it"
        )
    return int(value)


def _sample(one: Graded) -> Sample:
    return Sample(
        id=one.id,
        task="judge",
        prompt=question(one.id, one.prompt).record,
        target="",
        groups=(one.category,) if one.category else (),
        origin=_ORIGIN,
    )
