"""Multiple choice about where things in rooms are, as seen by somebody who stands there: EmbSpatial-Bench.

The published program takes the letter with which the answer begins, also when it is that of a word: «A resposta é C.»
is read as A and «Creio que é a B.» as C.

Source: Du et al. 2024, EmbSpatial-Bench (arXiv:2406.05756).
"""

from collections.abc import Iterator

from amalia.evaluate.draft import LETTERS, Draft, Fields
from amalia.evaluate.published import choice_letters
from amalia.evaluate.task import Data, Metric, Published, Score, Task
from amalia.evaluate.tasks import multiple_choice
from amalia.records import Sample

_SOURCES = ("ai2thor", "mp3d", "scannet")


def read(fields: Fields) -> Iterator[Draft]:
    """Make the question of a row, grouped by what is asked about and by where the rooms are from."""
    options = fields.options("answer_options")
    yield Draft(
        fields.text("question"),
        pictures=(fields.picture("image"),),
        options=options,
        right=fields.choice("answer", LETTERS[: len(options)]),
        groups=(f"relation:{fields.text('relation')}", f"source:{fields.text('data_source')}"),
    )


def _of_source(source: str) -> Metric:
    def measure(score: Score, sample: Sample) -> float | None:
        return score.value if f"source:{source}" in sample.groups else None

    return Metric(f"{source}_accuracy", measure)


TASK = Task(
    "embspatial",
    "Multiple choice about where things in rooms are.",
    multiple_choice.score,
    max_new_tokens=1024,
    read=read,
    columns=("question", "answer_options", "answer", "relation", "data_source", "image"),
    instruction=multiple_choice.TASK.instruction,
    option_mark=")",
    data=Data("amalia-llm/EmbSpatial-Bench-PT", "test", license="CC-BY-NC-4.0"),
    published=Published(
        choice_letters.first_letter,
        (Metric("embspatial_acc"), *(_of_source(source) for source in _SOURCES)),
        "The letter with which the answer begins is read, also that of a word such as «A».",
    ),
)
