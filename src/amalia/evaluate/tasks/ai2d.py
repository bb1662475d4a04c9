"""Multiple choice about diagrams from science lessons: AI2D.

Right is the letter that the answer picks. The published program takes the letter behind «resposta», «opção» and three
other nouns, which in «A resposta errada é A, a certa é B.» may be any, and else compares the whole answer, so that
«B) Porto» is wrong.

Source: Kembhavi et al. 2016, A Diagram Is Worth a Dozen Images (arXiv:1603.07396).
"""

from collections.abc import Iterator

from amalia.evaluate.draft import LETTERS, Draft, Fields
from amalia.evaluate.published import choice_letters
from amalia.evaluate.task import Data, Metric, Published, Task
from amalia.evaluate.tasks import multiple_choice


def read(fields: Fields) -> Iterator[Draft]:
    """Make the question of a row, whose answer is the place of an option."""
    options = fields.options("options")
    yield Draft(
        fields.text("question"),
        pictures=(fields.picture("image"),),
        options=options,
        # Options may be numbers, so the answer is never looked up among their texts.
        right=fields.choice("answer", LETTERS[: len(options)]),
    )


TASK = Task(
    "ai2d",
    "Multiple choice about diagrams from science lessons.",
    multiple_choice.score,
    max_new_tokens=16,
    read=read,
    columns=("question", "options", "answer", "image"),
    instruction=multiple_choice.TASK.instruction,
    data=Data("amalia-llm/AI2D-PT", "test", license="unknown"),
    published=Published(
        choice_letters.phrase_or_whole,
        (Metric("exact_match"),),
        "Only a letter alone, before a full stop or behind one of five nouns is read; else all is compared.",
    ),
)
