"""An evaluation on disk: one JSON line a sample as it runs, one summary when it is done.

The first line of the sample log says which model, which samples and which tasks it is of; a run
that was killed goes on from the lines that are there and refuses a log of anything else. The
summary, ``EvalLog``, holds no times and no paths, so that two equal runs give equal files.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from amalia.errors import ArtifactError

Condition = Literal["seen", "blind"]


class _Line(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Header(_Line):
    """What a sample log is of."""

    kind: Literal["header"] = "header"
    format: Literal[1] = 1
    engine: str
    """Name of the engine, which identifies the weights."""
    samples: str
    """Fingerprint of the samples, pictures included."""
    tasks: dict[str, int]
    """Name of each task → version of its scoring."""
    max_new_tokens: dict[str, int]
    blind: bool


class Outcome(_Line):
    """One answer to one sample under one condition, and its score."""

    kind: Literal["outcome"] = "outcome"
    sample: str
    task: str
    group: str = ""
    condition: Condition
    text: str
    """The answer as the model gave it."""
    target: str
    value: float
    answer: str
    readable: bool
    note: str = ""


class Result(_Line):
    """A metric over the samples of one task, or of one group of them."""

    value: float
    low: float
    high: float
    n: int = Field(ge=1)
    blind: float | None = None
    """The same model shown blank pictures; None for samples without pictures."""
    majority: float | None = None
    """The best constant answer; None where a constant answer makes no sense."""
    readable: float
    """Share of answers that could be read; the others count as wrong."""
    is_lower_better: bool = False
    beats_blind: bool | None = None
    """Whether the pictures help beyond chance (95 %, paired); None without a blind run."""


class EvalLog(_Line):
    """Results of one model on one set of samples: task → metric → result."""

    engine: str
    samples: str
    tasks: dict[str, int]
    results: dict[str, dict[str, Result]]
    groups: dict[str, dict[str, Result]] = Field(default_factory=dict)
    """The same by ``task/group``, for samples that name a group."""

    def write(self, path: Path) -> None:
        """Write the summary as JSON."""
        path.write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a summary that ``write`` wrote.

        Raises:
            ArtifactError: if the file is missing or is not such a summary.
        """
        try:
            return cls.model_validate_json(path.read_bytes())
        except (OSError, ValidationError) as error:
            raise ArtifactError(
                f"{path} is not an evaluation summary ({_first(error)}); run the evaluation again"
            ) from error


class SampleLog:
    """A sample log that is open for appending; every line is out of the process as soon as written.

    Use as a context manager. ``done`` holds what earlier runs wrote.
    """

    def __init__(self, path: Path, header: Header) -> None:
        """Open a log, a new one or one with the same header.

        Args:
            path: the JSONL file; made, with its folder, when it is missing.
            header: what this run is of.

        Raises:
            ArtifactError: if the file is of another run or is damaged.
        """
        self._path = path
        self.done: dict[tuple[str, Condition], Outcome] = {}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _drop_half_line(path)
            is_new = not path.exists() or path.stat().st_size == 0
            if not is_new:
                found, outcomes = read_log(path)
                _same(path, found, header)
                self.done = {(outcome.sample, outcome.condition): outcome for outcome in outcomes}
            # Unbuffered, so that what is written survives a kill.
            self._file = path.open("ab", buffering=0)
        except OSError as error:
            raise ArtifactError(
                f"cannot open the evaluation log {path}: {error.strerror}; give a path to write to"
            ) from error
        if is_new:
            self._append(header)

    def __enter__(self) -> Self:
        """Give the log itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self._file.close()

    def append(self, outcome: Outcome) -> None:
        """Write one outcome.

        Raises:
            ArtifactError: if the disk refuses it.
        """
        self._append(outcome)
        self.done[outcome.sample, outcome.condition] = outcome

    def _append(self, line: BaseModel) -> None:
        left = line.model_dump_json().encode() + b"\n"
        try:
            while left:
                left = left[self._file.write(left) :]
        except OSError as error:
            raise ArtifactError(
                f"cannot write the evaluation log {self._path}: {error.strerror};"
                " make room and run the same command again, it goes on where it was"
            ) from error


def read_log(path: Path) -> tuple[Header, list[Outcome]]:
    """Read a sample log.

    Returns:
        The header and the outcomes in the order in which they were written.

    Raises:
        ArtifactError: if the file is missing, empty or holds a line that is neither.
    """
    try:
        lines = path.read_bytes().rstrip(b"\n").split(b"\n")
    except OSError as error:
        raise ArtifactError(f"cannot read the evaluation log {path}: {error.strerror}") from error
    try:
        header = Header.model_validate_json(lines[0])
    except ValidationError as error:
        raise ArtifactError(
            f"{path} does not begin with the header of an evaluation log ({_first(error)});"
            " give another path or delete it"
        ) from error
    outcomes = []
    for number, line in enumerate(lines[1:], start=2):
        try:
            outcomes.append(Outcome.model_validate_json(line))
        except ValidationError as error:
            raise ArtifactError(
                f"line {number} of the evaluation log {path} is damaged ({_first(error)});"
                " delete that line or the file"
            ) from error
    return header, outcomes


def _drop_half_line(path: Path) -> None:
    """Cut what a killed run left behind the last line end."""
    if not path.exists():
        return
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole != len(content):
        with path.open("r+b") as file:
            file.truncate(whole)


def _same(path: Path, found: Header, wanted: Header) -> None:
    was: Mapping[str, object] = found.model_dump()
    for field, value in wanted.model_dump().items():
        if was[field] != value:
            raise ArtifactError(
                f"the evaluation log {path} is of another run: {field} is {was[field]!r},"
                f" expected {value!r}; give another path or delete it"
            )


def _first(error: Exception) -> str:
    if isinstance(error, ValidationError):
        detail = error.errors()[0]
        place = ".".join(str(part) for part in detail["loc"])
        return f"{place}: {detail['msg']}" if place else detail["msg"]
    return str(error)
