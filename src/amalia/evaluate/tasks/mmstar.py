"""Multiple choice that cannot be answered without the picture, of eighteen abilities in six categories: MMStar.

The options stand in the question. ``average`` is the mean over the eighteen abilities, each weighing alike; the six
categories are groups. The published program takes the letter at several places and is content with any of them, so that
«A resposta é B» is right whether B or A is.

Source: Chen et al. 2024, Are We on the Right Way for Evaluating Large Vision-Language Models? (arXiv:2403.20330).
"""

from collections.abc import Iterator, Sequence

import numpy as np

from amalia.evaluate.draft import Draft, Fields
from amalia.evaluate.published import choice_letters
from amalia.evaluate.task import (
    Array,
    Data,
    Metric,
    PooledMetric,
    Published,
    Score,
    Task,
    macro_mean,
)
from amalia.evaluate.tasks import multiple_choice
from amalia.records import Sample

LETTERS = ("A", "B", "C", "D")
CATEGORIES = (
    "coarse perception",
    "fine-grained perception",
    "instance reasoning",
    "logical reasoning",
    "science & technology",
    "math",
)


def read(fields: Fields) -> Iterator[Draft]:
    """Make the question of a row, grouped by category and by ability."""
    yield Draft(
        fields.text("question"),
        LETTERS[fields.choice("answer", LETTERS)],
        pictures=(fields.picture("image"),),
        continuations=LETTERS,
        groups=(
            f"category:{fields.text('category')}",
            f"ability:{fields.text('l2_category')}",
        ),
    )


def _ability(sample: Sample) -> str:
    return sample.groups[1]


AVERAGE = macro_mean("average", _ability)


def _within(category: str) -> PooledMetric:
    """Make the mean over the abilities of one category."""

    def statistics(scores: Sequence[Score], samples: Sequence[Sample]) -> Array:
        inside = [f"category:{category}" == sample.groups[0] for sample in samples]
        of_category = AVERAGE.statistics(
            [score for score, is_inside in zip(scores, inside, strict=True) if is_inside],
            [sample for sample, is_inside in zip(samples, inside, strict=True) if is_inside],
        )
        rows = np.zeros((len(samples), max(2, of_category.shape[1])))
        if any(inside):
            rows[inside] = of_category
        return rows

    return PooledMetric(category, statistics, AVERAGE.combine)


TASK = Task(
    "mmstar",
    "Multiple choice that cannot be answered without the picture.",
    multiple_choice.score,
    (AVERAGE, Metric("accuracy")),
    max_new_tokens=1024,
    read=read,
    columns=("question", "answer", "category", "l2_category", "image"),
    instruction=multiple_choice.TASK.instruction,
    data=Data("amalia-llm/MMStar-PT", "validation", license="unknown"),
    published=Published(
        choice_letters.any_fitting_place,
        (*(_within(category) for category in CATEGORIES), AVERAGE),
        "The letter may stand at any of several places, so the article «A» counts as option A as well.",
    ),
)
