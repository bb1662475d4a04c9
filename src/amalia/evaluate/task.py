"""What an evaluation task is: data that says how an answer becomes a score.

A task holds no samples and no model. Samples name their task; ``run`` brings the three together.
What a task cannot know by itself (which names exist, say) it is given when it is made.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from amalia.errors import TaskError
from amalia.records import Sample

Kind = Literal["generate", "likelihood"]


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
    measure: Callable[[Score, Sample], float] = score_value
    is_lower_better: bool = False


@dataclass(frozen=True, slots=True)
class Task:
    """How the samples of one kind are asked and scored.

    ``generate`` asks the model and scores the text it gives. ``likelihood`` lets it weigh
    ``sample.target`` against ``sample.rejected``; the one with the higher log-probability a
    character is the answer that is scored, and a tie goes to the rejected one.
    """

    name: str
    description: str
    score: ScoreFunction
    metrics: tuple[Metric, ...] = (Metric("accuracy"),)
    max_new_tokens: int = 32
    kind: Kind = "generate"
    version: int = 1
    """Counts up when scoring changes; a log scored by another version is not continued."""
    constant: Callable[[Sequence[Sample]], str] = most_frequent
    """The best answer without looking, given samples whose answers are known."""

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
