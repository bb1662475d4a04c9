"""What a page about evaluations is made of: plain frozen values, filled in by whoever read the logs.

Nothing here reads a log, scores or compares. Values are on the scale of their ``unit``: a share from 0 to 1 where it is
empty, else what it says. Names of tasks, metrics and reasons are the identifiers the rest of the system uses;
``evaluation_text`` has their Portuguese labels, and an identifier it does not know is shown as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from amalia.report.model import Picture

State = Literal["right", "partial", "wrong", "unreadable", "failed"]
Verdict = Literal["first", "second", "cannot tell"]


@dataclass(frozen=True, slots=True)
class Reason:
    """Why samples have no answer, with what was said about one of them."""

    name: str
    count: int
    example: str = ""


@dataclass(frozen=True, slots=True)
class HealthRow:
    """What became of the samples of one task for one model."""

    model: str
    task: str
    num_asked: int
    num_answered: int
    reasons: tuple[Reason, ...] = ()
    num_unreadable: int = 0
    num_cut: int = 0
    num_refused: int = 0
    num_invalid_judgements: int = 0
    is_failing: bool = False
    """Whether so many failed that the results cannot be relied on."""

    @property
    def num_failed(self) -> int:
        """Samples without an answer, for any reason."""
        return sum(reason.count for reason in self.reasons)

    @property
    def failed_fraction(self) -> float:
        """Share of them, 0 to 1."""
        return self.num_failed / self.num_asked if self.num_asked else 0.0


@dataclass(frozen=True, slots=True)
class ResultRow:
    """One metric of one task, or of a group in it, for one model."""

    model: str
    task: str
    metric: str
    value: float
    standard_error: float
    low: float
    high: float
    n: int
    num_units: int
    """How many of them are independent."""
    group: str = ""
    blind: float | None = None
    majority: float | None = None
    """The best constant answer."""
    readable: float = 1.0
    beats_blind: bool | None = None
    is_lower_better: bool = False
    unit: str = ""


@dataclass(frozen=True, slots=True)
class FamilyRow:
    """The average of tasks that belong together, for one model; 0 to 1."""

    model: str
    family: str
    weighting: Literal["macro", "size"]
    num_tasks: int
    value: float
    standard_error: float
    low: float
    high: float
    n: int
    is_ours: bool = False
    """Whether the average is not one that its authors publish."""


@dataclass(frozen=True, slots=True)
class ComparisonRow:
    """First model minus second, on the same samples."""

    first: str
    second: str
    task: str
    """Name of a task, or of a family."""
    metric: str
    group: str = ""
    is_family: bool = False
    first_value: float | None = None
    second_value: float | None = None
    difference: float | None = None
    """None where the two cannot be compared."""
    low: float = 0.0
    high: float = 0.0
    n: int = 0
    p_value: float | None = None
    adjusted_p: float | None = None
    verdict: Verdict = "cannot tell"
    is_headline: bool = True
    is_lower_better: bool = False
    unit: str = ""
    num_other: int = 0
    """Samples left out because the question or the right answer differs."""
    num_alone: int = 0
    """Samples left out because only one model has a score."""
    differs: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    """Setting → its two values, where the task was run in two ways."""


@dataclass(frozen=True, slots=True)
class LettersRow:
    """Which options a model chose."""

    model: str
    task: str
    shares: Mapping[str, float]
    """Letter → share of the answers, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Wording:
    """A wording of Brazil and what Portugal says instead."""

    text: str
    instead: str | None
    count: int


@dataclass(frozen=True, slots=True)
class AdherenceRow:
    """In which Portuguese a model answers a task."""

    model: str
    task: str
    labels: Mapping[str, int]
    """pt-PT, pt-BR, undecided, other → answers."""
    pt_pt: float
    """Share of pt-PT among the decided; 0 to 1."""
    low: float
    high: float
    evidence: tuple[Wording, ...] = ()


@dataclass(frozen=True, slots=True)
class SaidBy:
    """What one model said to a sample and what that is worth."""

    model: str
    text: str
    state: State
    value: float | None = None
    read: str = ""
    """What was understood of it."""
    note: str = ""
    """Why it is worth that."""
    failure: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class SampleRow:
    """One question with what every model said to it."""

    id: str
    task: str
    question: str
    target: str
    said: tuple[SaidBy, ...]
    groups: tuple[str, ...] = ()
    picture: Picture | None = None

    @property
    def is_disputed(self) -> bool:
        """Whether the models fared differently."""
        return len({(said.state, said.value) for said in self.said}) > 1


@dataclass(frozen=True, slots=True)
class TaskRow:
    """How one task was run, and on what data."""

    models: tuple[str, ...]
    task: str
    version: int
    scoring: Literal["ours", "upstream"]
    data: str
    revision: str
    license: str
    max_new_tokens: int
    is_non_commercial: bool = False
    orders: int = 1
    judge: str = ""
    instruction: str = ""


@dataclass(frozen=True, slots=True)
class ModelRow:
    """One model and the run that asked it."""

    name: str
    """Short; stands in every other row."""
    engine: str
    """What identifies the weights."""
    code: str = ""
    packages: Mapping[str, str] = field(default_factory=dict)
    command: str = ""
    started: datetime | None = None
    finished: datetime | None = None


@dataclass(frozen=True, slots=True)
class EvaluationPage:
    """Everything one page about evaluations shows; a section whose values are empty is left out."""

    title: str
    created_at: datetime
    models: tuple[ModelRow, ...]
    health: tuple[HealthRow, ...] = ()
    results: tuple[ResultRow, ...] = ()
    """Over whole tasks and over groups."""
    families: tuple[FamilyRow, ...] = ()
    comparisons: tuple[ComparisonRow, ...] = ()
    letters: tuple[LettersRow, ...] = ()
    adherence: tuple[AdherenceRow, ...] = ()
    samples: tuple[SampleRow, ...] = ()
    """The worst first."""
    num_samples: int = 0
    """How many there are, shown or not."""
    tasks: tuple[TaskRow, ...] = ()
