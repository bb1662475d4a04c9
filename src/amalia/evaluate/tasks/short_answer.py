"""Questions of one's own with a short right answer, with or without a picture.

Columns: ``question``, ``answer`` (one, or a list of equally right ones), and perhaps ``image``, ``group`` and ``id``.
An answer is right when nothing is left of it beside the right one but a full stop, quotation marks, «é», the article
and capitals; ``anls`` also gives part of the credit for nearly the same letters, and overlooks the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from amalia.evaluate import answers, metrics
from amalia.evaluate.draft import Draft, Fields
from amalia.evaluate.task import UNREADABLE, Metric, Score, Task
from amalia.records import Sample

_STATED = re.compile(r"^(?:a )?resposta(?: (?:certa|correta|final))?(?: é|:)\s*", re.IGNORECASE)


def read(fields: Fields) -> Iterator[Draft]:
    """Read one question."""
    right = fields.texts("answer")
    yield Draft(
        question=fields.text("question"),
        target=right[0],
        accepted=right[1:],
        pictures=(fields.picture("image"),) if fields.has("image") else (),
        groups=(fields.text("group"),) if fields.has("group") else (),
        id=fields.text("id") if fields.has("id") else "",
    )


def score(text: str, sample: Sample) -> Score:
    """Score an answer that has to be right but for its form."""
    said = answers.quoted(_STATED.sub("", text.strip()))
    right = {_bare(target) for target in sample.targets}
    if said is None or not (answers.normalize(said) or _bare(said) in right):
        return UNREADABLE
    return Score(float(_bare(said) in right), said.strip(), True)


def anls(found: Score, sample: Sample) -> float:
    """Measure how near the letters of the answer are to those of the nearest right one."""
    return metrics.anls(_bare(found.answer), [_bare(target) for target in sample.targets])


def _bare(text: str) -> str:
    return answers.normalize(text) or text.strip()


TASK = Task(
    "short_answer",
    "A short answer to a question of one's own, with or without a picture.",
    score,
    (Metric("accuracy"), Metric("anls", anls)),
    read=read,
    columns=("question", "answer"),
    instruction="Responde só com uma palavra ou com poucas.",
)
