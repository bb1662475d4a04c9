"""What an evaluation task is: data that says how rows become questions and answers become scores.

A task holds no samples and no model. ``draft`` turns rows of published data into samples, ``run`` brings samples
and a model together. What a task cannot know by itself (which names exist, say) it is given when it is made.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from amalia.errors import TaskError
from amalia.evaluate.draft import Draft, Fields
from amalia.records import Sample

Kind = Literal["generate", "likelihood"]
Array = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Score:
    """What one answer is worth."""

    value: float
    """0 for wrong to 1 for right; an unreadable answer is 0."""
    answer: str
    """What was read from the answer, in the task's own form; empty when unreadable."""
    readable: bool
    note: str = ""
    """For a person who looks at the log, for example the name that was expected."""


UNREADABLE = Score(value=0.0, answer="", readable=False)
ScoreFunction = Callable[[str, Sample], Score]


def score_value(score: Score, sample: Sample) -> float:  # noqa: ARG001 - the shape of a measure
    """Measure a score by its own value."""
    return score.value


def most_frequent(samples: Sequence[Sample]) -> str:
    """Give the target that most samples share; among equals the first in sorted order."""
    counts = Counter(sample.target for sample in samples)
    return min(counts, key=lambda target: (-counts[target], target))


@dataclass(frozen=True, slots=True)
class Metric:
    """A number that is averaged over the samples of a task."""

    name: str
    measure: Callable[[Score, Sample], float | None] = score_value
    """None where the metric does not apply to a sample, which then does not count."""
    is_lower_better: bool = False
    unit: str = ""
    """What the value is in, where it is not a share of 0 to 1: ``points``, ``%``."""


@dataclass(frozen=True, slots=True)
class PooledMetric:
    """A number that is a function of sums over the samples: F1, corpus BLEU, a mean of means.

    Sums are what resampling needs, so every such number gets its interval by the same few lines.
    """

    name: str
    statistics: Callable[[Sequence[Score], Sequence[Sample]], Array]
    """Scores and samples [N] → statistics [N, K] that add up."""
    combine: Callable[[Array], Array]
    """Sums [..., K] → value [...]; not a number where it is not defined."""
    is_lower_better: bool = False
    unit: str = ""
    most: float | None = None
    """The value of perfection, where the unit does not tell; the least is 0."""

    @property
    def possible(self) -> tuple[float, float]:
        """Least and greatest value there can be."""
        if self.most is not None:
            return 0.0, self.most
        return 0.0, {"": 1.0, "%": 100.0}.get(self.unit, inf)

    @property
    def possible_difference(self) -> tuple[float, float]:
        """Least and greatest difference of two values."""
        least, most = self.possible
        return least - most, most - least


AnyMetric = Metric | PooledMetric


@dataclass(frozen=True, slots=True)
class Data:
    """Where the published data of a task is. Nothing is fetched unless a recipe asks for it."""

    hub: str
    """Name of the dataset on the hub."""
    split: str
    license: str
    """SPDX identifier as published, or ``unknown``; non-commercial ones are pointed out when the data is read."""
    config: str | None = None
    files: str | None = None
    """Pattern of the files in the dataset, where it holds others too."""


@dataclass(frozen=True, slots=True)
class Published:
    """How the benchmark's own program scores, defects included."""

    score: ScoreFunction
    metrics: tuple[AnyMetric, ...] = ()
    """In the published order and under the published names; empty takes those of the task."""
    differs: str = ""
    """One sentence on what is done differently there, for ``--explain``."""


class Rubric(Protocol):
    """What a judge is asked about an answer; the judge's reply is what the task then scores."""

    @property
    def version(self) -> str:
        """Changes with every word of the prompt; stands in the log."""
        ...

    def ask(self, sample: Sample, answer: str) -> str:
        """Write the question to the judge about one answer."""
        ...


@dataclass(frozen=True, slots=True)
class Task:
    """How samples of one kind are made, asked and scored.

    ``generate`` asks the model and scores the text it gives; a sample with follow-ups is asked turn by turn, every
    answer is scored and their mean counts. ``likelihood`` lets the model weigh ``sample.choices``; the likeliest
    is the answer that is scored, the first of equals.
    """

    name: str
    description: str
    score: ScoreFunction
    metrics: tuple[AnyMetric, ...] = (Metric("accuracy"),)
    max_new_tokens: int = 32
    kind: Kind = "generate"
    version: int = 1
    """Counts up when asking or scoring changes; a log scored by another version says so."""
    constant: Callable[[Sequence[Sample]], str] | None = most_frequent
    """The best answer without looking, given samples whose answers are known; None where there is none."""
    read: Callable[[Fields], Iterable[Draft]] | None = None
    """A row of the data → the questions in it; None for tasks whose samples are made as such."""
    columns: tuple[str, ...] = ()
    """Without these the data is not that of the task."""
    instruction: str = ""
    """Ends every prompt, unless a recipe says another."""
    option_mark: str = "."
    """Stands behind the letter of an option."""
    data: Data | None = None
    packaged: Callable[[], Sequence[Mapping[str, Any]]] | None = None
    """Gives rows that ship with the package."""
    published: Published | None = None
    per_token: Literal["none", "character"] = "none"
    """Likelihoods are compared as they are, or for each character."""
    rubric: Rubric | None = None
    """The answers are judged by another model; ``score`` then reads the judge's reply."""
    stop: tuple[str, ...] = ()
    thinks_apart: bool = True
    """What a model thinks aloud between tags is taken out of its answer before that is scored."""

    def __post_init__(self) -> None:
        names = [metric.name for metric in self.metrics]
        if not names or len(set(names)) != len(names):
            raise TaskError(
                f"task {self.name!r} has the metrics {names}; expected one or more, all distinct"
            )
        if self.max_new_tokens < 1:
            raise TaskError(
                f"task {self.name!r} has max_new_tokens {self.max_new_tokens}; expected 1 or more"
            )

    @property
    def metric_names(self) -> tuple[str, ...]:
        """Names of the metrics, in the order of the report."""
        return tuple(metric.name for metric in self.metrics)


def share(name: str, wanted: Callable[[Score, Sample], Any]) -> Metric:
    """Make the metric of how often something holds."""
    return Metric(name, lambda score, sample: float(bool(wanted(score, sample))))


def ratio(above: Array, below: Array) -> Array:
    """Divide sums; not a number where there is nothing to divide by."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(below > 0, above / below, np.nan))


def macro_mean(name: str, group: Callable[[Sample], str], *, unit: str = "") -> PooledMetric:
    """Make the mean over groups of the means within them, every group counting alike.

    Args:
        name: Of the metric.
        group: Which group a sample belongs to.
        unit: Of the value, ``%`` for 0–100.
    """
    scale = 100.0 if unit == "%" else 1.0

    def statistics(scores: Sequence[Score], samples: Sequence[Sample]) -> Array:
        names = sorted({group(sample) for sample in samples})
        rows = np.zeros((len(samples), 2 * len(names)))
        for row, score, sample in zip(rows, scores, samples, strict=True):
            place = names.index(group(sample))
            row[place], row[len(names) + place] = score.value, 1.0
        return rows

    def combine(sums: Array) -> Array:
        half = sums.shape[-1] // 2
        counts = sums[..., half:]
        with np.errstate(invalid="ignore", divide="ignore"):
            means = np.where(counts > 0, sums[..., :half] / counts, np.nan)
            # A group that a resample has missed is left out of it.
            seen = (counts > 0).sum(-1)
            return np.asarray(scale * np.nansum(means, -1) / seen)

    return PooledMetric(name, statistics, combine, unit=unit)
