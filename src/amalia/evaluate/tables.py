"""Where rows come from: a dataset of the hub at a commit, or files on this machine.

A recipe decides; nothing is fetched otherwise. Files that authors publish are read as they are: Parquet, CSV, TSV, JSON
and JSON lines, alone or a folder of them.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field, model_validator

from amalia.errors import MissingExtra, TaskError
from amalia.evaluate.task import Data
from amalia.recipe import Settings
from amalia.store import sha256_of

_SUFFIXES = (".parquet", ".csv", ".tsv", ".jsonl", ".json")
_COMMIT = r"^[0-9a-f]{40}$"
# csv refuses fields over 128 kB by default; pictures in base64 are longer.
_LONGEST_FIELD = 2**27


class Source(Settings):
    """Data of one benchmark."""

    path: str | None = None
    """A Parquet, CSV, TSV, JSON or JSON lines file, or a folder of such; relative to the working folder."""
    hub: str | None = None
    """A dataset of the hub; ``published`` means the one the task knows."""
    revision: str | None = Field(default=None, pattern=_COMMIT)
    """The commit of it, 40 hexadecimal digits; data that may change is no benchmark."""
    split: str | None = None
    """Which part; by default the one the task knows."""
    config: str | None = None
    columns: dict[str, str] = Field(default_factory=dict)
    """What the task calls a column → what the data calls it."""
    license: str | None = None
    """SPDX identifier, where the task does not know it or the data is other."""

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if (self.path is None) == (self.hub is None):
            raise ValueError(
                f"a source is either path or hub, got path={self.path!r} and hub={self.hub!r}"
            )
        if self.hub is not None and self.revision is None:
            raise ValueError(
                f"data of the hub ({self.hub}) needs its revision; give the commit, 40 hexadecimal digits"
            )
        return self


def revision_of(source: Source, task: str, known: Data | None) -> str:
    """Give what identifies the rows of a source: its commit on the hub, or a digest of its files.

    Raises:
        TaskError: There are no such files.
    """
    return source.revision if source.revision else files_of(source, task, known)[2]


def files_of(source: Source, task: str, known: Data | None) -> tuple[list[Path], Path, str]:
    """Give the files of a source, the folder they are in, and what identifies them.

    Args:
        source: What a recipe says.
        task: Name of the task, for messages.
        known: Where the published data of the task is.

    Raises:
        TaskError: There are none, or they cannot be had.
        MissingExtra: The hub's library is not installed.
    """
    if source.hub is not None:
        return _hub_files(source, task, known)
    path = Path(str(source.path))
    if path.is_file():
        files, folder = [path], path.parent
    elif path.is_dir():
        split = source.split
        found = sorted(item for item in path.rglob("*") if item.suffix in _SUFFIXES)
        files = [
            item for item in found if split is None or split in item.stem or split in item.parts
        ]
        folder = path
        if found and not files:
            names = ", ".join(str(item.relative_to(path)) for item in found[:5])
            raise TaskError(
                f"task {task}: {path} has no file of the split {split!r}; it has {names}; correct split"
            )
    else:
        raise TaskError(
            f"task {task}: there is no {path}; expected a file or folder of"
            f" {', '.join(_SUFFIXES)}; correct path"
        )
    if not files or files[0].suffix not in _SUFFIXES:
        raise TaskError(
            f"task {task}: {path} is not data that is read here; expected {', '.join(_SUFFIXES)}"
        )
    digest = hashlib.sha256()
    for file in files:
        state = file.stat()
        digest.update(bytes.fromhex(_digest(file.resolve(), state.st_size, state.st_mtime_ns)))
    return files, folder, digest.hexdigest()[:16]


@cache
def _digest(file: Path, num_bytes: int, changed_ns: int) -> str:
    """Digest a file once, as long as it stays as it is: a run asks for it before it reads the rows."""
    del num_bytes, changed_ns
    return sha256_of(file)


def _hub_files(source: Source, task: str, known: Data | None) -> tuple[list[Path], Path, str]:
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError
    except ModuleNotFoundError as error:
        raise MissingExtra("Reading data of the hub", "eval") from error
    name = source.hub
    if name == "published":
        if known is None:
            raise TaskError(f"task {task} knows no published data; give hub: OWNER/NAME or path")
        name = known.hub
    split = source.split or (known.split if known else None)
    config = source.config or (known.config if known else None)
    pattern = (known.files if known else None) or "*"
    assert name is not None
    try:
        folder = Path(
            snapshot_download(
                name,
                repo_type="dataset",
                revision=source.revision,
                allow_patterns=[f"**{suffix}" for suffix in _SUFFIXES]
                + ["*" + s for s in _SUFFIXES],
            )
        )
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        detail = " ".join(str(error).split())[:200]
        raise TaskError(
            f"task {task}: {name} at {source.revision} cannot be had from the hub ({detail});"
            " check name, revision and access, or give path"
        ) from error
    files = [file for file in sorted(folder.rglob(pattern)) if file.suffix in _SUFFIXES]
    if config:
        files = [file for file in files if config in file.relative_to(folder).parts] or files
    chosen = [file for file in files if split and file.stem.startswith(split)] or (
        files if pattern != "*" or split is None else []
    )
    if not chosen:
        names = ", ".join(str(file.relative_to(folder)) for file in files[:6])
        raise TaskError(
            f"task {task}: {name} has no file of the split {split!r}; it has {names or 'none'};"
            " correct split or config"
        )
    return chosen, folder, str(source.revision)


def read_table(path: Path, task: str) -> list[Mapping[str, Any]]:
    """Read the rows of one file, column → value; what is empty in a CSV is null.

    Raises:
        TaskError: The file is not what its name says.
    """
    try:
        if path.suffix == ".parquet":
            return list(pq.read_table(path).to_pylist())
        if path.suffix in (".csv", ".tsv"):
            return _delimited(path)
        text = path.read_text("utf-8-sig")
        if path.suffix == ".jsonl":
            return [_mapping(json.loads(line)) for line in text.splitlines() if line.strip()]
        return _nested(json.loads(text))
    except (pa.ArrowException, OSError, ValueError, csv.Error, TypeError) as error:
        detail = " ".join(str(error).split())[:200]
        raise TaskError(
            f"task {task}: {path} cannot be read ({detail}); expected {path.suffix.removeprefix('.')}; mend the file"
        ) from error


def _delimited(path: Path) -> list[Mapping[str, Any]]:
    csv.field_size_limit(_LONGEST_FIELD)
    with path.open(encoding="utf-8-sig", newline="") as file:
        delimiter = "\t" if path.suffix == ".tsv" else ","
        rows = list(csv.DictReader(file, delimiter=delimiter))
    for number, row in enumerate(rows, start=2):
        if None in row:
            raise ValueError(f"record {number} has more fields than the header")
    return [{name: value if value != "" else None for name, value in row.items()} for row in rows]


def _nested(tree: Any) -> list[Mapping[str, Any]]:
    """Give the rows of a JSON file: a list of them, or a mapping from id to row or to a list of values."""
    if isinstance(tree, list):
        return [_mapping(item) for item in tree]
    if isinstance(tree, dict) and len(tree) == 1 and isinstance(next(iter(tree.values())), dict):
        return _nested(next(iter(tree.values())))
    if isinstance(tree, dict):
        return [
            {"id": key, **value} if isinstance(value, dict) else {"id": key, "value": value}
            for key, value in tree.items()
        ]
    raise ValueError(f"it holds {type(tree).__name__}; expected a list of rows")


def _mapping(item: Any) -> Mapping[str, Any]:
    if not isinstance(item, dict):
        raise ValueError(f"a row is {type(item).__name__}; expected names with values")
    return item
