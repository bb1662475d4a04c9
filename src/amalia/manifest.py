"""The record beside every artifact: what was run, on what, with which code, and what came out.

Identity is ``fingerprint``; everything else is there to be read by people and by ``lineage``.
"""

from __future__ import annotations

import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from amalia.errors import ArtifactError

FILE_NAME = "manifest.json"
PACKAGED = "package:"
"""Start of the path of an input that ships with this package."""
HUB = "hub:"
"""Start of the path of an input that was read from the Hugging Face hub."""


Kind = Literal[
    "conversations",
    "preferences",
    "documents",
    "samples",
    "archives",
    "model",
    "tokenizer",
    "evaluation",
]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Input(_Entry):
    """An artifact this one was made from."""

    name: str
    path: str
    fingerprint: str


class Output(_Entry):
    """One file of the artifact."""

    path: str
    sha256: str
    bytes: int = Field(ge=0)


class Counts(_Entry):
    """The funnel of a data artifact."""

    records: int = 0
    dropped: dict[str, int] = {}
    """Drop reason → records."""
    licenses: dict[str, int] = {}
    """SPDX expression → records."""


class Code(_Entry):
    """Which code made the artifact."""

    version: str
    commit: str | None
    dirty: bool | None


class Manifest(_Entry):
    """What an artifact is and where it came from."""

    kind: Kind
    name: str
    fingerprint: str
    recipe: dict[str, Any]
    inputs: tuple[Input, ...] = ()
    outputs: tuple[Output, ...] = ()
    counts: Counts = Counts()
    figures: dict[str, float | int | str] = {}
    """Sizes and times worth reading: parameters, steps, seconds, peak_memory_bytes."""
    seed: int | None = None
    code: Code
    environment: dict[str, str]
    command: str
    started: datetime
    finished: datetime

    @property
    def bytes(self) -> int:
        """Size of the artifact without its manifest."""
        return sum(output.bytes for output in self.outputs)


def read(folder: Path, *, check_sizes: bool = True) -> Manifest:
    """Read the manifest of a finished artifact.

    Args:
        folder: The artifact.
        check_sizes: Also see that every file is there and as long as it was, which costs next to nothing;
            ``store.check`` compares digests.

    Raises:
        ArtifactError: The folder is missing or unfinished, or its manifest or a file of it is damaged.
    """
    path = folder / FILE_NAME
    if not path.is_file():
        if folder.with_name(folder.name + ".partial").is_dir():
            raise ArtifactError(
                f"artifact {folder} is unfinished; run its recipe again to complete it"
            )
        state = (
            "has no manifest.json, so it is not a finished artifact"
            if folder.is_dir()
            else "does not exist"
        )
        raise ArtifactError(f"artifact {folder} {state}; run the recipe that makes it")
    try:
        manifest = Manifest.model_validate_json(path.read_text("utf-8"))
    except ValueError as error:
        raise ArtifactError(
            f"the manifest {path} is damaged; remove {folder} and run its recipe again"
        ) from error
    for output in manifest.outputs if check_sizes else ():
        file = folder / output.path
        size = file.stat().st_size if file.is_file() else None
        if size != output.bytes:
            state = "is missing" if size is None else f"has {size} bytes, expected {output.bytes}"
            raise ArtifactError(f"{file} {state}; remove {folder} and run its recipe again")
    return manifest


def code() -> Code:
    """Say which code is running: package version and, in a checkout, commit and whether it is changed."""
    here = Path(__file__).parent
    commit = _git(here, "rev-parse", "HEAD")
    changed = _git(here, "status", "--porcelain", "--", str(here)) if commit else None
    return Code(
        version=metadata.version("amalia"),
        commit=commit,
        dirty=None if changed is None else bool(changed),
    )


def environment(
    packages: tuple[str, ...] = (
        "torch",
        "transformers",
        "tokenizers",
        "pyarrow",
        "pillow",
        "numpy",
    ),
) -> dict[str, str]:
    """Name the versions and the machine an artifact was made with."""
    found: dict[str, str] = {"python": platform.python_version(), "machine": platform.machine()}
    for package in packages:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def command() -> str:
    """Give the command line without the path of the program."""
    return " ".join([Path(sys.argv[0]).name, *sys.argv[1:]])


def now() -> datetime:
    """Give the time in UTC, to the second."""
    return datetime.now(UTC).replace(microsecond=0)


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
