"""Questions of one's own with lettered options, with or without a picture; the model says the letter.

Columns: ``question``, ``options`` (a list, or one written as text), ``answer`` (place from 0, letter, or the text of
the option), and perhaps ``image``, ``group`` and ``id``.
"""

from __future__ import annotations

from collections.abc import Iterator

from amalia.evaluate import answers
from amalia.evaluate.draft import Draft, Fields
from amalia.evaluate.task import UNREADABLE, Score, Task
from amalia.records import Sample


def read(fields: Fields) -> Iterator[Draft]:
    """Read one question."""
    options = fields.options("options")
    yield Draft(
        question=fields.text("question"),
        options=options,
        right=fields.choice("answer", options),
        pictures=(fields.picture("image"),) if fields.has("image") else (),
        groups=(fields.text("group"),) if fields.has("group") else (),
        id=fields.text("id") if fields.has("id") else "",
    )


def score(text: str, sample: Sample) -> Score:
    """Score the letter an answer picks."""
    said = answers.letter(text, len(sample.choices))
    return UNREADABLE if said is None else Score(float(said == sample.target), said, True)


TASK = Task(
    "multiple_choice",
    "A letter for a question of one's own with options, with or without a picture.",
    score,
    read=read,
    columns=("question", "options", "answer"),
    instruction="Responde só com a letra da opção certa.",
)
