"""Multiple choice about pictures and about films, shown as pictures from them: SEED-Bench.

The published program reads the letter at a fixed place, the first character unless one of seven openings fits; in «A
resposta é a B» that is the article.

Source: Li et al. 2023, SEED-Bench (arXiv:2307.16125).
"""

from collections.abc import Iterator

from amalia.evaluate.draft import Draft, Fields
from amalia.evaluate.published import choice_letters
from amalia.evaluate.task import Data, Metric, Published, Score, Task
from amalia.evaluate.tasks import multiple_choice
from amalia.records import Sample

_OPTIONS = ("choice_a", "choice_b", "choice_c", "choice_d")
_KINDS = ("image", "video")


def read(fields: Fields) -> Iterator[Draft]:
    """Make the question of a row, with one picture or several of a film, grouped by which it is."""
    kind = fields.text("data_type")
    if kind not in _KINDS:
        raise fields.refuse(
            f"has {kind!r} as 'data_type'; expected {' or '.join(_KINDS)}", "malformed_field"
        )
    yield Draft(
        fields.text("question"),
        pictures=_pictures(fields),
        options=tuple(fields.text(name) for name in _OPTIONS),
        right=fields.choice("answer", "ABCD"),
        groups=(kind,),
    )


def _pictures(fields: Fields) -> tuple[bytes, ...]:
    value = fields.value("image")
    if not isinstance(value, list | tuple):
        return (fields.picture("image"),)
    found = [Fields({"image": item}, where=fields.where).picture("image") for item in value]
    if not found:
        raise fields.refuse("has no picture in 'image'; expected one or more", "missing_picture")
    return tuple(found)


def _of_kind(kind: str) -> Metric:
    def measure(score: Score, sample: Sample) -> float | None:
        return score.value if sample.groups[0] == kind else None

    return Metric(f"seed_{kind}", measure)


TASK = Task(
    "seedbench",
    "Multiple choice about pictures and films.",
    multiple_choice.score,
    max_new_tokens=1024,
    read=read,
    columns=("question", *_OPTIONS, "answer", "data_type", "image"),
    instruction=multiple_choice.TASK.instruction,
    data=Data("amalia-llm/SEED-Bench-PT", "test", license="unknown"),
    published=Published(
        choice_letters.first_fitting_place,
        (*(_of_kind(kind) for kind in _KINDS), Metric("seed_all")),
        "The character at one fixed place is read, which in «A resposta é a B» is the article.",
    ),
    stop=("ASSISTANT:",),
)
