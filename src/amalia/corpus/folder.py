"""A user's own conversations, from a folder of files as they are usually kept.

Read are ``*.jsonl`` (one object a line), ``*.json`` that holds a list of objects, and
``*.parquet``, at any depth. A record is in one of two forms, told apart by its key:

- ``messages``: turns of ``role`` and ``content``, which is text or a list of parts, ``{"type":
  "text", "text": …}`` and ``{"type": "image"}``; a picture part names a file itself (``path``,
  ``image`` or ``url``) or takes the next of the record's ``images``;
- ``conversations`` (LLaVA): turns of ``from`` and ``value`` where ``<image>`` in the text stands
  for the next of the record's ``image`` or ``images``.

A record may say its ``id``, ``language`` and ``license``. Pictures are files of the folder,
relative to the file that names them or to the folder itself; nothing is fetched. What cannot be
used is dropped with a reason, never mended by guessing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import TypeAdapter, ValidationError

from amalia.corpus.fit import MAX_SIDE_PX
from amalia.corpus.form import shown, turns_of, whole
from amalia.corpus.funnel import Dropped, Plan, write
from amalia.corpus.gallery import Gallery
from amalia.errors import ArtifactError, RecordError
from amalia.manifest import Input, Manifest
from amalia.records import Conversation, Language, Origin, Row
from amalia.store import sha256_of

_STEP = "amalia.corpus.folder@1"
_KEYS = ("id", "messages", "conversations", "images", "image", "language", "license")
_BATCH_ROWS = 64


@dataclass(frozen=True, slots=True)
class _Reading:
    """The folder, and what holds where a record says nothing."""

    root: Path
    language: str | None
    license: str | None
    max_side_px: int


@dataclass(frozen=True, slots=True)
class _Entry:
    """One record before it is looked into: a line still to be parsed, or a value."""

    file: Path
    line: int
    value: object

    def name(self, root: Path) -> str:
        return f"{self.file.relative_to(root)}:{self.line}"


def read_folder(
    path: Path,
    *,
    language: str | None = None,
    license: str | None = None,
    max_side_px: int = MAX_SIDE_PX,
) -> Iterator[Row[Conversation] | Dropped]:
    """Read the conversations of a folder, file by file in the order of their names.

    Args:
        path: The folder.
        language: BCP-47 tag of the records that do not say theirs; there is no default.
        license: SPDX expression for the records that do not say theirs; there is no default.
        max_side_px: Larger pictures shrink to this.

    Returns:
        A conversation with its pictures, or what was dropped and why, for each record.

    Raises:
        ArtifactError: There is no such folder, it holds no such file, or a Parquet file is damaged.
        RecordError: ``language`` is not a tag.
    """
    _check_language(language)
    files = _data_files(path)
    return _records(files, _Reading(path, language, license, max_side_px))


def build(
    path: Path,
    out: Path,
    *,
    name: str,
    language: str | None,
    license: str | None,
    max_error_fraction: float = 0.1,
) -> Manifest:
    """Make an artifact of kind conversations from a folder; see ``read_folder``.

    Args:
        path: The folder; it is only read.
        out: The artifact's folder, outside of ``path``.
        name: The artifact's name, for recipes and lineage.
        language: Of the records that do not say theirs.
        license: Of the records that do not say theirs.
        max_error_fraction: Share of bad records, 0-1, above which nothing is finished.

    Returns:
        Its manifest; an artifact already made from the same files is left alone.

    Raises:
        ArtifactError: Too many records are bad, ``out`` is in use, inside ``path`` or of another
            recipe, or the disk is full.
        RecordError: ``language`` is not a tag.
    """
    if not 0 <= max_error_fraction <= 1:
        raise ArtifactError(f"max_error_fraction is {max_error_fraction}; expected 0 to 1")
    if out.resolve().is_relative_to(path.resolve()):
        raise ArtifactError(f"{out} lies in {path}, which is read; give another --out")
    items = read_folder(path, language=language, license=license)
    plan = Plan(
        name=name,
        kind="conversations",
        recipe={
            "folder": name,
            "language": language,
            "license": license,
            "max_error_fraction": max_error_fraction,
            "max_side_px": MAX_SIDE_PX,
            "step": _STEP,
        },
        inputs=(Input(name=path.resolve().name, path=str(path), fingerprint=_digest(path)),),
        max_error_fraction=max_error_fraction,
    )
    return write(plan, items, out, total=sum(_count(file) for file in _data_files(path)))


def _check_language(language: str | None) -> None:
    try:
        TypeAdapter(Language | None).validate_python(language)
    except ValidationError as error:
        raise RecordError(
            f"language {shown(language)} is not a tag; expected for example 'pt-PT'",
            reason="bad_language",
        ) from error


def _data_files(root: Path) -> list[Path]:
    if not root.is_dir():
        raise ArtifactError(f"there is no folder {root}; give the folder with your conversations")
    found = sorted(
        path
        for path in root.rglob("*")
        if path.suffix in {".jsonl", ".json", ".parquet"} and path.is_file()
    )
    if not found:
        raise ArtifactError(f"folder {root} holds no .jsonl, .json or .parquet file; expected one")
    return found


def _digest(root: Path) -> str:
    """Digest all files, pictures too, so that a mended one makes another artifact."""
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*")):
        if path.is_file():
            try:
                line = f"{path.relative_to(root)}\0{sha256_of(path)}\0"
            except OSError as error:
                raise ArtifactError(
                    f"{path} cannot be read ({error.strerror}); mend that"
                ) from error
            # A file name need not be UTF-8.
            digest.update(line.encode(errors="surrogateescape"))
    return digest.hexdigest()[:16]


def _count(file: Path) -> int:
    if file.suffix == ".parquet":
        return int(_parquet(file).metadata.num_rows)
    if file.suffix == ".json":
        return sum(1 for _ in _list_entries(file))
    with file.open("rb") as lines:
        return sum(1 for line in lines if line.strip())


def _records(files: list[Path], reading: _Reading) -> Iterator[Row[Conversation] | Dropped]:
    seen: set[str] = set()
    for file in files:
        for entry in _entries(file):
            name = entry.name(reading.root)
            try:
                row = _row(entry, reading)
                if row.record.id in seen:
                    raise RecordError(
                        f"id {row.record.id!r} stands twice; give each record its own",
                        reason="duplicate_id",
                    )
            except RecordError as error:
                detail = " ".join(f"{name}: {error}".split())
                yield Dropped(name, error.reason, detail)
                continue
            seen.add(row.record.id)
            yield row


def _entries(file: Path) -> Iterator[_Entry]:
    if file.suffix == ".parquet":
        yield from _parquet_entries(file)
    elif file.suffix == ".json":
        yield from _list_entries(file)
    else:
        with file.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if line.strip():
                    yield _Entry(file, number, line)


def _list_entries(file: Path) -> Iterator[_Entry]:
    """Give the items of a JSON list; an object is metadata of somebody else and holds no record."""
    data = file.read_bytes()
    try:
        value = _parse(data)
    except RecordError:
        yield _Entry(file, 1, data)
        return
    if isinstance(value, list):
        for number, item in enumerate(value, 1):
            yield _Entry(file, number, item)


def _parquet_entries(file: Path) -> Iterator[_Entry]:
    table = _parquet(file)
    columns = [key for key in _KEYS if key in table.schema_arrow.names]
    number = 0
    try:
        for batch in table.iter_batches(batch_size=_BATCH_ROWS, columns=columns):
            for value in batch.to_pylist():
                number += 1
                yield _Entry(file, number, value)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(file, error) from error


def _parquet(file: Path) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(file)
    except (pa.ArrowException, OSError) as error:
        raise _damaged(file, error) from error


def _damaged(file: Path, error: Exception) -> ArtifactError:
    return ArtifactError(f"{file} is damaged ({str(error).splitlines()[0]}); replace the file")


def _parse(data: bytes) -> object:
    try:
        return json.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise RecordError(
            f"not UTF-8 text ({error.reason} at byte {error.start}); save it as UTF-8",
            reason="not_json",
        ) from error
    except (ValueError, RecursionError) as error:
        raise RecordError(
            f"not JSON ({getattr(error, 'msg', error)}); expected one object a line",
            reason="not_json",
        ) from error


def _row(entry: _Entry, reading: _Reading) -> Row[Conversation]:
    value = _parse(entry.value) if isinstance(entry.value, bytes) else entry.value
    if not isinstance(value, dict):
        raise RecordError(f"{shown(value)} is not a JSON object; expected one", reason="not_json")
    gallery = Gallery(
        value, root=reading.root, folder=entry.file.parent, max_side_px=reading.max_side_px
    )
    turns = turns_of(value, gallery)
    name = entry.name(reading.root)
    given = value.get("id")
    language = _said(value, "language", reading.language)
    _check_language(language)
    record = Conversation(
        id=name if given is None or given == "" else whole(str(given)),
        turns=turns,
        language=language,
        origin=Origin(
            source=f"folder:{reading.root.resolve().name}",
            license=_said(value, "license", reading.license),
            created="found",
            parents=(name,),
            steps=(_STEP,),
        ),
    )
    return Row(record, gallery.encoded)


def _said(value: dict[str, Any], key: str, otherwise: str | None) -> str:
    said = value.get(key) or otherwise
    if not isinstance(said, str):
        raise RecordError(
            f"no {key} (got {shown(said)}); expected one in the record or given for all",
            reason=f"no_{key}",
        )
    return whole(said)
