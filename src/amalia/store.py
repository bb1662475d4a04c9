"""Artifacts on disk: Parquet shards that ``datasets.load_dataset`` reads, finished in one move.

An artifact is written in ``NAME.partial/``, its manifest last, and then renamed to ``NAME/``; a reader
refuses a folder without a manifest. One process works in a folder at a time (a lock file says so). A
full disk or a kill leaves only the partial folder, which the next run of the same recipe continues.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from amalia import manifest as manifests
from amalia.columns import from_columns, schema_of, to_columns
from amalia.errors import ArtifactError
from amalia.manifest import Counts, Input, Kind, Manifest, Output
from amalia.recipe import differences
from amalia.records import Row


class Workshop:
    """The partial folder of one artifact while it is being made; use as a context manager.

    Raises:
        ArtifactError: The artifact exists but was made from another recipe, another run holds the
            folder, or the partial folder was begun by another recipe.
    """

    def __init__(self, folder: Path, *, fingerprint: str, recipe: dict[str, Any]) -> None:
        self.folder = folder
        self.partial = folder.with_name(folder.name + ".partial")
        self.fingerprint = fingerprint
        self.recipe = recipe
        self.started: datetime = manifests.now()
        self._lock: int | None = None

    @property
    def is_finished(self) -> bool:
        """Whether the very same artifact is already there."""
        if not (self.folder / manifests.FILE_NAME).is_file():
            return False
        found = manifests.read(self.folder)
        if found.fingerprint != self.fingerprint:
            changed = differences(found.recipe, self.recipe) or [
                "its inputs or the code that makes it"
            ]
            raise ArtifactError(
                f"{self.folder} was made from another recipe ({'; '.join(changed[:4])}); "
                "give another --out, or remove it to make it again"
            )
        return True

    def __enter__(self) -> Workshop:
        with disk_errors(self.folder):
            self.folder.parent.mkdir(parents=True, exist_ok=True)
            self._lock = _locked(self._lock_path)
        if self._lock is None:
            raise ArtifactError(
                f"another run is working on {self.folder}; wait for it or give another --out"
            )
        try:
            self._begin()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        if self._lock is not None:
            self._lock_path.unlink(missing_ok=True)
            os.close(self._lock)
            self._lock = None

    @property
    def _lock_path(self) -> Path:
        return self.folder.with_name(self.folder.name + ".lock")

    def _begin(self) -> None:
        if self.folder.exists() and not (self.folder.is_dir() and not any(self.folder.iterdir())):
            raise ArtifactError(
                f"{self.folder} exists and is not an artifact this run can make again; remove it or give another --out"
            )
        with disk_errors(self.partial):
            self.partial.mkdir(exist_ok=True)
        begun = self.partial / "recipe.json"
        if not begun.is_file():
            write_text(begun, json.dumps({"fingerprint": self.fingerprint, "recipe": self.recipe}))
            return
        saved = json.loads(begun.read_text("utf-8"))
        if saved["fingerprint"] != self.fingerprint:
            changed = differences(saved["recipe"], self.recipe) or ["its inputs or the code"]
            raise ArtifactError(
                f"{self.partial} was begun from another recipe ({'; '.join(changed[:4])}); "
                "remove it to start again, or give another --out"
            )

    def finish(
        self,
        kind: Kind,
        name: str,
        *,
        inputs: Sequence[Input] = (),
        counts: Counts | None = None,
        figures: Mapping[str, float | int | str] | None = None,
        seed: int | None = None,
        discard: Sequence[str] = (),
    ) -> Manifest:
        """Write the manifest, with checksums and what it was made with, and give the artifact its name.

        Args:
            kind: What the artifact holds.
            name: What reports call it.
            inputs: What it was made from.
            counts: The funnel of a data artifact.
            figures: Sizes and times worth reading.
            seed: Of the run, if it has one.
            discard: Folders of the partial artifact that are not part of the finished one.

        Returns:
            The manifest as written.
        """
        left_out = {*discard, "recipe.json", manifests.FILE_NAME}
        files = {
            path.relative_to(self.partial): path
            for path in self.partial.rglob("*")
            if path.is_file()
        }
        outputs = tuple(
            Output(path=str(name), sha256=sha256_of(path), bytes=path.stat().st_size)
            for name, path in sorted(files.items())
            if name.parts[0] not in left_out
        )
        whole = Manifest(
            kind=kind,
            name=name,
            fingerprint=self.fingerprint,
            recipe=self.recipe,
            inputs=tuple(inputs),
            outputs=outputs,
            counts=counts or Counts(),
            figures=dict(figures or {}),
            seed=seed,
            code=manifests.code(),
            environment=manifests.environment(),
            command=manifests.command(),
            started=self.started,
            finished=manifests.now(),
        )
        write_text(self.partial / manifests.FILE_NAME, whole.model_dump_json(indent=1) + "\n")
        self.partial.rename(self.folder)
        # Only now: a kill before the new name would lose the checkpoints, or whose folder it is.
        for name in left_out - {manifests.FILE_NAME}:
            path = self.folder / name
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        return whole


def write_rows(path: Path, kind: str, rows: Iterable[Row[Any]]) -> Counts:
    """Write one shard; it is there whole or not at all.

    Args:
        path: Parquet file to make.
        kind: ``conversations``, ``preferences``, ``samples`` or ``documents``.
        rows: Records with their pictures.

    Returns:
        How many records were written and under which licences.

    Raises:
        ArtifactError: The disk is full or the folder cannot be written.
        RecordError: A row carries other pictures than its record names.
    """
    columns = [to_columns(row) for row in rows]
    licenses: dict[str, int] = {}
    for column in columns:
        license_ = str(json.loads(column["origin"])["license"])
        licenses[license_] = licenses.get(license_, 0) + 1
    table = pa.Table.from_pylist(columns, schema=schema_of(kind))
    temporary = path.with_suffix(".tmp")
    with disk_errors(path):
        pq.write_table(table, temporary, compression="zstd", row_group_size=512)
        temporary.replace(path)
    return Counts(records=len(columns), licenses=licenses)


def read_rows(folder: Path, *, kind: str | None = None) -> Iterator[Row[Any]]:
    """Read every record of a finished artifact in order.

    Args:
        folder: The artifact.
        kind: Refuse an artifact of another kind.

    Raises:
        ArtifactError: Missing, unfinished, damaged, or of another kind.
    """
    manifest = manifests.read(folder)
    if kind is not None and manifest.kind != kind:
        raise ArtifactError(f"artifact {folder} holds {manifest.kind}; expected {kind}")
    for path in shards(folder):
        yield from read_shard(path, manifest.kind)


def shards(folder: Path) -> list[Path]:
    """List the Parquet files of an artifact, in order."""
    return sorted(folder.glob("*.parquet"))


def read_shard(path: Path, kind: str) -> Iterator[Row[Any]]:
    """Read the records of one Parquet file."""
    with open_shard(path) as table:
        groups = range(table.num_row_groups)
    for group in groups:
        for column in read_group(path, group).to_pylist():
            yield from_columns(column, kind)


def read_group(path: Path, group: int, *, columns: Sequence[str] | None = None) -> Any:
    """Read one row group, a pyarrow table, naming the file when it is damaged.

    Args:
        path: Parquet file.
        group: Which of its row groups.
        columns: Read these only, as Parquet names them.
    """
    try:
        with open_shard(path) as file:
            return file.read_row_group(group, columns=None if columns is None else list(columns))
    except (pa.ArrowException, OSError) as error:
        raise _damaged(path, error) from error


def open_shard(path: Path) -> pq.ParquetFile:
    """Open a Parquet file, local or on another store, naming it when it is damaged."""
    try:
        # A path of this machine is mapped, not copied; pyarrow does not know those of other stores.
        return pq.ParquetFile(path if isinstance(path, Path) else path.open("rb"))
    except (pa.ArrowException, OSError) as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> ArtifactError:
    return ArtifactError(
        f"shard {path} is damaged ({str(error).splitlines()[0]}); make the artifact again"
    )


def check(folder: Path) -> list[str]:
    """Compare every file of an artifact with its manifest; give the names of those that differ."""
    return [
        output.path
        for output in manifests.read(folder, check_sizes=False).outputs
        if not (folder / output.path).is_file() or sha256_of(folder / output.path) != output.sha256
    ]


def sha256_of(path: Path) -> str:
    """Digest a file without reading it whole."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all."""
    write_bytes(path, text.encode("utf-8"))


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file whole or not at all."""
    temporary = path.with_name(path.name + ".tmp")
    with disk_errors(path):
        temporary.write_bytes(data)
        temporary.replace(path)


@contextlib.contextmanager
def disk_errors(path: Path, *foreign: type[Exception]) -> Iterator[None]:
    """Turn a disk that is full or cannot be written into one line.

    Args:
        path: What is being written.
        *foreign: What a writer raises in place of the system's own error; such a one is about the disk
            only when it says so or the disk is indeed full.
    """
    failures: tuple[type[Exception], ...] = (OSError, *foreign)
    try:
        yield
    except failures as error:
        number = error.errno if isinstance(error, OSError) else None
        hidden = number is None and ("os error 28" in str(error) or _is_full(path))
        if hidden or number in (errno.ENOSPC, errno.EDQUOT):
            raise ArtifactError(
                f"the disk is full while writing {path}; free some space and run again"
            ) from error
        if number in (errno.EACCES, errno.EROFS, errno.EPERM, errno.ENOTDIR, errno.EEXIST):
            reason = os.strerror(number).lower()
            raise ArtifactError(
                f"{path} cannot be written ({reason}); give another --out"
            ) from error
        raise


def _is_full(path: Path) -> bool:
    return shutil.disk_usage(path.parent).free < 2**20


def _locked(path: Path) -> int | None:
    """Open and lock a file that disappears with its owner; ``None`` when another run has it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    with contextlib.suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # The owner before may have removed the file between our opening and our locking it.
        if path.exists() and os.fstat(descriptor).st_ino == path.stat().st_ino:
            return descriptor
    os.close(descriptor)
    return None
