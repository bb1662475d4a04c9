"""An evaluation on disk: one folder, from which reports and re-scoring are made without asking again.

``spec.json`` says what was asked of which model, ``samples.parquet`` holds every question with what was said and what
that is worth, ``results.json`` the results. Nothing there but the spec knows of times or paths, so two equal runs give
equal results.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from amalia.errors import ArtifactError
from amalia.records import Sample
from amalia.store import disk_errors, write_text

Condition = Literal["seen", "blind"]
Scoring = Literal["ours", "upstream"]
SPEC_NAME, SAMPLES_NAME, RESULTS_NAME = "spec.json", "samples.parquet", "results.json"


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", ser_json_inf_nan="strings")


class Said(_Entry):
    """What a model said to one sample under one condition."""

    sample: str
    task: str
    condition: Condition
    texts: tuple[str, ...] = ()
    """One answer for each user turn; the choice, where choices were weighed."""
    finish: tuple[str, ...] = ()
    """How each answer ended: ``stop``, ``length``, ``content_filter``."""
    num_tokens: int = 0
    num_prompt_tokens: int | None = None
    weights_nats: tuple[float, ...] = ()
    """Log-probability of each choice, where choices were weighed."""
    judgements: tuple[str, ...] = ()
    """The judge's reply to each answer, where there is a judge."""
    failure: str = ""
    """Why there is no answer, in one word; empty where there is one."""
    message: str = ""

    @property
    def text(self) -> str:
        """Everything that was said."""
        return "\n\n".join(self.texts)


class Outcome(Said):
    """What was said and what it is worth."""

    value: float | None = None
    """None where there is nothing to score: no answer, or no valid judgement."""
    answer: str = ""
    readable: bool = False
    note: str = ""


class TaskSpec(_Entry):
    """One task as it was run."""

    version: int
    scoring: Scoring = "ours"
    instruction: str = ""
    max_new_tokens: int
    data: str
    """Where the samples came from."""
    split: str = ""
    """Which part of them, where the recipe or the task says one."""
    config: str = ""
    revision: str
    """Commit, or digest of the files or samples."""
    license: str
    orders: int = 1
    judge: str = ""
    """Name of the judge and version of its rubric."""


class Spec(_Entry):
    """What a log is of."""

    format: Literal[2] = 2
    engine: str
    """Name of the engine, which identifies the weights."""
    tasks: dict[str, TaskSpec]
    blind: bool
    position: int = 0
    """Of the model among those of its run."""
    code: dict[str, Any] = Field(default_factory=dict)
    packages: dict[str, str] = Field(default_factory=dict)
    command: str = ""
    started: datetime | None = None
    finished: datetime | None = None


class Result(_Entry):
    """A metric over the samples of one task, or of one group of them."""

    value: float
    standard_error: float
    low: float
    high: float
    n: int = Field(ge=1)
    num_clusters: int = Field(ge=1)
    """How many of them are independent: pictures, conversations."""
    blind: float | None = None
    """The same model shown blank pictures; None for samples without pictures."""
    majority: float | None = None
    """The best constant answer; None where a constant answer makes no sense."""
    readable: float
    """Share of answers that could be read; the others count as wrong."""
    is_lower_better: bool = False
    unit: str = ""
    beats_blind: bool | None = None
    """Whether the pictures help beyond chance (95 %, paired); None without a blind run."""


class Counts(_Entry):
    """What became of the samples of one task, shown their pictures."""

    asked: int
    answered: int
    failed: dict[str, int] = Field(default_factory=dict)
    """Reason → samples that got no answer: a missing picture, a prompt longer than the model reads, an error."""
    unreadable: int = 0
    """Answered, and not in a form that is read; counted as wrong."""
    cut: int = 0
    """Answers that end at the limit of tokens."""
    refused: int = 0
    """Answers that decline, or that a filter of the server took away."""
    invalid_judgements: int = 0
    letters: dict[str, float] = Field(default_factory=dict)
    """Letter → share of the answers that chose it."""

    @property
    def failed_fraction(self) -> float:
        """Share of the samples that have no score through no fault of the answer."""
        return sum(self.failed.values()) / self.asked if self.asked else 0.0


class Sign(_Entry):
    """A wording that told the variety."""

    text: str
    instead: str | None
    """What Portugal says."""
    count: int


class Adherence(_Entry):
    """In which Portuguese the answers of a task are."""

    labels: dict[str, int]
    """pt-PT, pt-BR, undecided, other → answers."""
    pt_pt: float
    """Share of pt-PT among the decided; 0 to 1."""
    low: float
    high: float
    evidence: tuple[Sign, ...] = ()
    """What was Brazilian in them, most frequent first."""


class EvalLog(_Entry):
    """Results of one model: task → metric → result."""

    engine: str
    tasks: dict[str, int]
    """Task → version of its scoring."""
    results: dict[str, dict[str, Result]]
    groups: dict[str, dict[str, Result]] = Field(default_factory=dict)
    """The same by ``task/group``, for samples that name groups."""
    counts: dict[str, Counts] = Field(default_factory=dict)
    adherence: dict[str, Adherence] = Field(default_factory=dict)
    """Task → variety of its answers, for tasks whose answers are sentences."""

    @property
    def failing(self) -> dict[str, float]:
        """Tasks of which more than one sample in a hundred failed, with the share."""
        return {
            task: counts.failed_fraction
            for task, counts in self.counts.items()
            if counts.failed_fraction > MAX_FAILED_FRACTION
        }


MAX_FAILED_FRACTION = 0.01


@dataclass(frozen=True, slots=True)
class Stored:
    """A log that was read."""

    folder: Path
    spec: Spec
    log: EvalLog
    samples: Mapping[str, Sample]
    """By id, in the order in which they were asked."""
    outcomes: tuple[Outcome, ...]
    pictures: Mapping[str, bytes]
    """Small JPEG pictures of samples worth a look, by sample."""


_SCHEMA = pa.schema(
    [
        ("sample", pa.string()),
        ("task", pa.string()),
        ("condition", pa.string()),
        ("question", pa.string()),
        ("target", pa.string()),
        ("texts", pa.list_(pa.string())),
        ("finish", pa.list_(pa.string())),
        ("num_tokens", pa.int64()),
        ("num_prompt_tokens", pa.int64()),
        ("weights_nats", pa.list_(pa.float64())),
        ("judgements", pa.list_(pa.string())),
        ("failure", pa.string()),
        ("message", pa.string()),
        ("value", pa.float64()),
        ("answer", pa.string()),
        ("readable", pa.bool_()),
        ("note", pa.string()),
        ("picture", pa.binary()),
        ("record", pa.string()),
    ]
)


def write_log(
    folder: Path,
    spec: Spec,
    log: EvalLog,
    *,
    samples: Sequence[Sample],
    outcomes: Sequence[Outcome],
    pictures: Mapping[str, bytes] | None = None,
) -> None:
    """Write a log into a folder that is there.

    Raises:
        ArtifactError: The disk is full or the folder cannot be written.
    """
    known = {sample.id: sample for sample in samples}
    rows = []
    for outcome in outcomes:
        sample = known.get(outcome.sample)
        # The record stands once, beside what was said with the pictures shown.
        is_first = outcome.condition == "seen"
        rows.append(
            {
                **outcome.model_dump(),
                "question": sample.prompt.turns[-1].text if sample else "",
                "target": sample.target if sample else "",
                "record": sample.model_dump_json() if sample and is_first else None,
                "picture": (pictures or {}).get(outcome.sample) if is_first else None,
            }
        )
    path = folder / SAMPLES_NAME
    with disk_errors(path):
        pq.write_table(pa.Table.from_pylist(rows, schema=_SCHEMA), path, compression="zstd")
    write_text(folder / RESULTS_NAME, log.model_dump_json(indent=1) + "\n")
    write_text(folder / SPEC_NAME, spec.model_dump_json(indent=1) + "\n")


def read_log(folder: Path) -> Stored:
    """Read a log.

    Raises:
        ArtifactError: There is none, or a file of it is missing, damaged or of another version.
    """
    spec, log = read_results(folder)
    samples: dict[str, Sample] = {}
    outcomes: list[Outcome] = []
    pictures: dict[str, bytes] = {}
    try:
        for row in pq.read_table(folder / SAMPLES_NAME).to_pylist():
            record, picture = row.pop("record"), row.pop("picture")
            del row["question"], row["target"]
            outcome = Outcome.model_validate(row)
            outcomes.append(outcome)
            if record:
                samples[outcome.sample] = Sample.model_validate_json(record)
            if picture:
                pictures[outcome.sample] = picture
    except (OSError, pa.ArrowException, ValidationError, KeyError) as error:
        raise _damaged(folder / SAMPLES_NAME, error) from error
    return Stored(folder, spec, log, samples, tuple(outcomes), pictures)


def read_results(folder: Path) -> tuple[Spec, EvalLog]:
    """Read what a log is of and its results, without the samples.

    Raises:
        ArtifactError: As ``read_log``.
    """
    return _read(Spec, folder / SPEC_NAME), _read(EvalLog, folder / RESULTS_NAME)


def logs_in(folder: Path) -> list[Path]:
    """Give the log folders that a path means: itself, or those in it, in the order of their run.

    Raises:
        ArtifactError: There is none, or one is damaged.
    """
    if (folder / SPEC_NAME).is_file():
        return [folder]
    found = [path.parent for path in folder.glob(f"*/{SPEC_NAME}")]
    if not found:
        partial = folder.with_name(folder.name + ".partial")
        state = "is unfinished; run its recipe again" if partial.is_dir() else "holds no evaluation"
        raise ArtifactError(f"{folder} {state}; expected a folder with {SPEC_NAME}")
    return sorted(found, key=lambda log: (_read(Spec, log / SPEC_NAME).position, log.name))


def _read(model: type[Any], path: Path) -> Any:
    try:
        return model.model_validate_json(path.read_bytes())
    except (OSError, ValidationError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> ArtifactError:
    if isinstance(error, ValidationError):
        detail = error.errors()[0]
        place = ".".join(str(part) for part in detail["loc"])
        told = f"{place}: {detail['msg']}" if place else detail["msg"]
    else:
        told = " ".join(str(error).split())[:200]
    return ArtifactError(
        f"{path} is not part of an evaluation log of this version ({told}); run the evaluation again"
    )
