"""What a report is made of: plain frozen values, filled in by whoever ran the pipeline.

Nothing here reads a folder, measures or scores; a value that is not known is None and is shown as
a dash. Fractions are 0–1, times seconds, sizes bytes. Names of stages, tasks, metrics, reasons and
curves are the identifiers the rest of the system uses; ``text`` has their Portuguese labels, and an
identifier it does not know is shown as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from amalia.errors import PictureError

MediaType = Literal["image/png", "image/jpeg", "image/webp", "image/gif"]
Box = tuple[float, float, float, float]
"""Normalized x1, y1, x2, y2."""

# What a browser shows without running anything; SVG could carry scripts and links.
_SIGNATURES: Mapping[str, bytes] = {
    "image/png": b"\x89PNG\r\n\x1a\n",
    "image/jpeg": b"\xff\xd8\xff",
    "image/webp": b"RIFF",
    "image/gif": b"GIF8",
}


@dataclass(frozen=True, slots=True)
class Picture:
    """An encoded picture that goes into the page as it is.

    Raises:
        PictureError: If the bytes are not what ``media_type`` says, or the type is not accepted.
    """

    data: bytes
    media_type: MediaType = "image/png"
    alt: str = ""
    """What the picture shows, in pt-PT; empty lets the question stand in for it."""

    def __post_init__(self) -> None:
        signature = _SIGNATURES.get(self.media_type)
        if signature is None:
            raise PictureError(
                f"a report cannot show pictures of type {self.media_type!r}; "
                f"expected one of {', '.join(sorted(_SIGNATURES))}; convert it first"
            )
        if not self.data.startswith(signature):
            raise PictureError(
                f"the picture is not {self.media_type}: it starts with {self.data[:8]!r}, "
                f"expected {signature!r}; give its true media type"
            )


@dataclass(frozen=True, slots=True)
class Shown:
    """One question with its right answer and what the model said."""

    question: str
    gold: str
    answer: str
    """The final answer; where two models are compared, the one after DPO."""
    picture: Picture | None = None
    kind: str = ""
    """Task or kind of question, for example ``counting``."""
    answer_before: str | None = None
    """What the model said before DPO."""
    is_right: bool | None = None
    """Whether ``answer`` was scored as right; None when it was not scored."""
    gold_box: Box | None = None
    answer_box: Box | None = None


@dataclass(frozen=True, slots=True)
class VarietyRow:
    """In which Portuguese some texts are."""

    name: str
    num_texts: int
    shares: Mapping[str, float]
    """pt-PT, pt-BR, undecided, other → share of the texts, 0–1; none is 0."""
    is_answers: bool = False
    """Whether a model of this name answered them."""


@dataclass(frozen=True, slots=True)
class FunnelRow:
    """What one data step kept and dropped."""

    name: str
    num_kept: int
    dropped: Mapping[str, int] = field(default_factory=dict)
    """Reason → number of records."""
    size_bytes: int | None = None

    @property
    def num_dropped(self) -> int:
        """Records dropped for any reason."""
        return sum(self.dropped.values())


@dataclass(frozen=True, slots=True)
class Curve:
    """One series of a training chart; curves of one stage and one chart share their axes."""

    stage: str
    chart: str
    """For example ``loss``, ``reward``, ``learning_rate``."""
    series: str
    """For example ``train``, ``validation``, ``chosen``."""
    unit: str
    """For example ``nat/token``; empty for a pure number."""
    points: tuple[tuple[float, float], ...]
    """Step and value, in order; values that are not finite are left out of the drawing."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A mean and its confidence interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class EvalRow:
    """One metric of one task, before and after DPO, beside its two baselines."""

    task: str
    metric: str
    n: int
    after: Interval | None
    before: Interval | None = None
    blind: float | None = None
    """The same model shown a blank picture; None for a task without pictures."""
    majority: float | None = None
    """Always giving the most frequent answer."""
    readable_fraction: float | None = None
    """How many answers could be read at all; the others count as wrong."""
    group: str = ""
    """A part of the task, for example ``handwriting``; empty for the whole."""
    scale: Literal["fraction", "number"] = "fraction"
    is_lower_better: bool = False
    seed_values: tuple[float, ...] = ()
    """The value after DPO for each training seed, when there is more than one."""

    @property
    def sees(self) -> bool | None:
        """Whether the picture is proved to help.

        The whole interval of the last model must beat both the blind run and the majority answer.
        A baseline that is missing proves nothing.

        Returns:
            None for a task without a blind run.
        """
        if self.blind is None:
            return None
        last = self.after or self.before
        if last is None or self.majority is None:
            return False
        if self.is_lower_better:
            return last.high < min(self.blind, self.majority)
        return last.low > max(self.blind, self.majority)


@dataclass(frozen=True, slots=True)
class StageRow:
    """What one training stage did and cost."""

    name: str
    trainable: tuple[str, ...]
    """The parts that learn, for example ``connector``."""
    num_trained_parameters: int
    num_parameters: int
    num_steps: int
    num_samples: int
    num_tokens: int
    seconds: float
    peak_memory_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class ArtifactRow:
    """One finished folder and what it weighs."""

    name: str
    size_bytes: int
    num_files: int


@dataclass(frozen=True, slots=True)
class Report:
    """Everything one report shows; a section whose values are empty is left out."""

    title: str
    created_at: datetime
    answer: Shown | None = None
    """About a held-out picture: the page says that the model never saw it before."""
    num_asked: int = 1
    """Of how many answers ``answer`` is the one the model is surest of."""
    funnel: tuple[FunnelRow, ...] = ()
    varieties: tuple[VarietyRow, ...] = ()
    samples: tuple[Shown, ...] = ()
    curves: tuple[Curve, ...] = ()
    evaluation: tuple[EvalRow, ...] = ()
    confidence: float = 0.95
    """Of the intervals in ``evaluation``, 0–1."""
    stages: tuple[StageRow, ...] = ()
    artifacts: tuple[ArtifactRow, ...] = ()
    total_seconds: float | None = None
    """Wall time of the whole run; None takes the sum over the stages."""
    peak_memory_bytes: int | None = None
    """Of the whole run; None takes the greatest of the stages."""
    versions: Mapping[str, str] = field(default_factory=dict)
    machine: Mapping[str, str] = field(default_factory=dict)
    """Fact → value, for example ``cores`` → ``2``."""
    recipes: Mapping[str, str] = field(default_factory=dict)
    """Name → YAML text."""
    lineage: str = ""
    """A tree drawn with text."""
    seeds: tuple[int, ...] = ()
    """Of the trainings; with more than one, the page says that ``evaluation`` shows their mean."""
    limitations: tuple[str, ...] = ()
    """Further sentences in pt-PT, after the ones every report has."""
