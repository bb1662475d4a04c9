"""Questions about everyday scenes, many seen from a car: RealWorldQA.

A question holds its options and says itself how to answer. Most are answered by a letter; the others by a number, yes
or no, or a few words, which are compared by value and by words. The published program reads letters without knowing any
Portuguese phrase («A resposta é B.» is A) and wants other answers letter by letter («2» but not «dois»).

Source: xAI 2024, RealWorldQA.
"""

import re
from collections.abc import Iterator

from amalia.evaluate import open_answers
from amalia.evaluate.draft import LETTERS, Draft, Fields
from amalia.evaluate.published import ranked_letters
from amalia.evaluate.task import Data, Metric, Published, Score, Task
from amalia.evaluate.tasks import multiple_choice
from amalia.records import Sample

_OPTION = re.compile(r"(?m)^\s*\(?([A-D])[.):]\s")


def read(fields: Fields) -> Iterator[Draft]:
    """Make the question of a row, grouped by how it is answered."""
    question, target = fields.text("question"), fields.text("answer")
    is_letter = target.upper() in ("A", "B", "C", "D")
    target = target.upper() if is_letter else target
    last = max([target, *_OPTION.findall(question)]) if is_letter else ""
    yield Draft(
        question,
        target,
        pictures=(fields.picture("image"),),
        continuations=tuple(LETTERS[: max(2, LETTERS.index(last) + 1)]) if last else (),
        groups=("letra" if is_letter else "livre",),
    )


def score(text: str, sample: Sample) -> Score:
    """Score a letter where there are options, else a short answer."""
    return (multiple_choice.score if sample.choices else open_answers.score)(text, sample)


def published_score(text: str, sample: Sample) -> Score:
    """Score as the published program does: the letter of highest rank, else the same small letters."""
    if sample.choices:
        return ranked_letters.score(text, sample)
    said = text.strip().lower().rstrip(".")
    note = "the whole answer is compared letter by letter"
    return Score(float(said == sample.target.lower()), said, readable=bool(said), note=note)


TASK = Task(
    "realworldqa",
    "Questions about everyday scenes.",
    score,
    max_new_tokens=16,
    read=read,
    columns=("question", "answer", "image"),
    data=Data("amalia-llm/RealWorldQA-PT", "test", license="unknown"),
    published=Published(
        published_score,
        (Metric("exact_match"),),
        "A letter that begins the answer outranks all others, the article «A» too; the rest is compared as it is.",
    ),
)
