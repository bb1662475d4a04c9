"""Whether a thing is in the picture, half of the time: POPE, which shows who sees what is not there.

The published program looks at the first word only, leaves answers that are neither yes nor no out of the recall, and
takes its share of yes from the true answers, so that it is the same for every model.

Source: Li et al. 2023, Evaluating Object Hallucination in Large Vision-Language Models (arXiv:2305.10355).
"""

from collections.abc import Iterator

from amalia.evaluate import answers
from amalia.evaluate.draft import Draft, Fields
from amalia.evaluate.published import first_word
from amalia.evaluate.task import Data, Published, Task
from amalia.evaluate.tasks import yes_no


def read(fields: Fields) -> Iterator[Draft]:
    """Make the question of a row."""
    yield Draft(
        fields.text("question"),
        target(fields),
        pictures=(fields.picture("image"),),
        groups=(fields.text("category"),) if fields.has("category") else (),
    )


def target(fields: Fields) -> str:
    """Take the answer, ``sim`` or ``não``.

    Raises:
        RecordError: It is neither.
    """
    found = answers.yes_no(fields.text("answer"))
    if found not in ("sim", "não"):
        raise fields.refuse(
            f"has the answer {fields.text('answer')!r}; expected sim or não", "malformed_field"
        )
    return found


TASK = Task(
    "pope",
    "Whether a thing is in the picture.",
    yes_no.score,
    yes_no.METRICS,
    max_new_tokens=128,
    read=read,
    columns=("question", "answer", "image"),
    instruction="Responde só com sim ou não.",
    data=Data("amalia-llm/POPE-PT", "test", license="unknown"),
    published=Published(
        first_word.first_word,
        first_word.POPE_METRICS,
        "Only the first word is read, recall leaves unreadable answers out, and the yes ratio is of the truth.",
    ),
)
