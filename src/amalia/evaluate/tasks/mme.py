"""Two questions about every picture, one to be answered yes and one no, of fourteen kinds: MME.

A kind is worth at most 200 points: the share of right answers and the share of pictures with both right, each times
100. ``perception`` adds up ten kinds (at most 2000), ``cognition`` four (at most 800). A picture without exactly two
scored questions is left out of both and counted in ``pairs_left_out``; a kind that has no whole pair makes its sum
undefined. The published program leaves such pictures out as well, says so in a log only, and counts the kind as 0.

Source: Fu et al. 2023, MME (arXiv:2306.13394).
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np

from amalia.evaluate.draft import Draft, Fields
from amalia.evaluate.published import first_word
from amalia.evaluate.task import (
    Array,
    Data,
    Metric,
    PooledMetric,
    Published,
    Score,
    Task,
)
from amalia.evaluate.tasks import pope, yes_no
from amalia.records import Sample

PERCEPTION = (
    *("existence", "count", "position", "color", "posters", "celebrity", "scene", "landmark"),
    *("artwork", "OCR"),
)
COGNITION = (
    "commonsense_reasoning",
    "numerical_calculation",
    "text_translation",
    "code_reasoning",
)


def read(fields: Fields) -> Iterator[Draft]:
    """Make the question of a row; the two about one picture belong together."""
    category = fields.text("category")
    if category not in PERCEPTION + COGNITION:
        raise fields.refuse(
            f"has the category {category!r}; expected one of {', '.join(PERCEPTION + COGNITION)}",
            "malformed_field",
        )
    yield Draft(
        fields.text("question"),
        pope.target(fields),
        pictures=(fields.picture("image"),),
        groups=(category,),
        cluster=fields.text("question_id"),
    )


def _pairs(samples: Sequence[Sample]) -> dict[tuple[str, str], list[int]]:
    """Find the places of the questions that belong to each picture of each kind."""
    found: dict[tuple[str, str], list[int]] = defaultdict(list)
    for place, sample in enumerate(samples):
        found[sample.groups[0], sample.cluster].append(place)
    return found


def points(name: str, kinds: Sequence[str], *, without_pair: float = np.nan) -> PooledMetric:
    """Make the sum over kinds of the points of their pictures.

    Args:
        name: Of the metric.
        kinds: Those that are added up, as far as there are questions of them.
        without_pair: Points of a kind that has no whole pair.
    """

    def statistics(scores: Sequence[Score], samples: Sequence[Sample]) -> Array:
        there = [kind for kind in kinds if any(kind == sample.groups[0] for sample in samples)]
        rows = np.zeros((len(samples), 2 * len(there) + 1))
        rows[:, -1] = [sample.groups[0] in there for sample in samples]
        for (kind, _), places in _pairs(samples).items():
            if kind not in there or len(places) != 2:
                continue
            right = sum(scores[place].value for place in places)
            column = 2 * there.index(kind)
            # The pair stands at its first question; the two are only ever drawn together.
            rows[places[0], column] = 50 * right + 100 * (right == 2)
            rows[places[0], column + 1] = 1.0
        return rows

    def combine(sums: Array) -> Array:
        earned, pairs = sums[..., :-1:2], sums[..., 1:-1:2]
        with np.errstate(invalid="ignore", divide="ignore"):
            total = np.where(pairs > 0, earned / pairs, without_pair).sum(-1)
        return np.asarray(np.where(sums[..., -1] > 0, total, np.nan))

    return PooledMetric(name, statistics, combine, unit="points", most=200.0 * len(kinds))


def _left_out(scores: Sequence[Score], samples: Sequence[Sample]) -> Array:  # noqa: ARG001
    rows = np.zeros((len(samples), 1))
    for places in _pairs(samples).values():
        if len(places) != 2:
            rows[places[0]] = 1.0
    return rows


TASK = Task(
    "mme",
    "Two questions about every picture, one yes and one no.",
    yes_no.score,
    (
        Metric("accuracy"),
        points("perception", PERCEPTION),
        points("cognition", COGNITION),
        PooledMetric(
            "pairs_left_out",
            _left_out,
            lambda sums: np.asarray(sums[..., 0]),
            is_lower_better=True,
            unit="pairs",
        ),
    ),
    max_new_tokens=16,
    read=read,
    columns=("question", "answer", "category", "question_id", "image"),
    instruction="Responde só com sim ou não.",
    data=Data("amalia-llm/MME-PT", "test", license="unknown"),
    published=Published(
        first_word.four_characters,
        (
            points("mme_perception_score", PERCEPTION, without_pair=0.0),
            points("mme_cognition_score", COGNITION, without_pair=0.0),
        ),
        "A yes or no is read inside the first four characters only, be it part of a word such as «nos».",
    ),
)
