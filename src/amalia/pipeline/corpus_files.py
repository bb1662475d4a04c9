"""The files that the phases of a corpus hand to each other: where they lie, and what is counted beside them.

A folder of a task gets its name when all is in it, so what has its name is whole.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from amalia.corpus.classifier import Classifier
from amalia.corpus.drop import SHOWN_CHARS, Drop
from amalia.errors import ArtifactError
from amalia.records import Document, Row
from amalia.store import disk_errors, read_shard, sha256_of, write_rows, write_text

TOLD = "told.json"
DROPPED = "dropped.jsonl"
BATCH_DOCUMENTS = 1000
"""Held at a time, and written in a file."""
ALWAYS_SHOWN = 5
"""Of each reason and task so many are kept to look at, however few there are."""


@dataclass(slots=True)
class Drops:
    """What a task leaves out: counted, and a sample of it kept."""

    sample_fraction: float
    counts: Counter[str] = field(default_factory=Counter)
    shown: list[Drop] = field(default_factory=list)

    def add(self, drop: Drop) -> None:
        """Count one, and keep it when its turn comes; whether it does depends on its name alone."""
        self.counts[drop.reason] += 1
        first_bytes = hashlib.sha256(drop.name.encode()).digest()[:8]
        is_drawn = int.from_bytes(first_bytes, "big") < self.sample_fraction * 2**64
        if is_drawn or self.counts[drop.reason] <= ALWAYS_SHOWN:
            self.shown.append(drop)

    def add_document(self, document: Document, reason: str, step: str, detail: str = "") -> None:
        """Leave out a document."""
        name = document.url or document.id
        self.add(Drop(name, reason, step, detail, document.text[:SHOWN_CHARS]))

    def write(self, folder: Path) -> None:
        """Write what is shown, one a line."""
        lines = [json.dumps(as_json(drop), ensure_ascii=False) + "\n" for drop in self.shown]
        write_text(folder / DROPPED, "".join(lines))


class DocumentShards:
    """Writes documents in shards of a bounded number, scored by classifiers before they are written."""

    def __init__(
        self, folder: Path, stem: str, classifiers: Mapping[str, Classifier] | None = None
    ) -> None:
        """Begin with none; files are called ``stem`` and a number."""
        self._folder = folder
        self._stem = stem
        self._classifiers = classifiers or {}
        self._waiting: list[Document] = []
        self._num_shards = 0

    def add(self, document: Document) -> None:
        """Write a document, in time."""
        self._waiting.append(document)
        if len(self._waiting) >= BATCH_DOCUMENTS:
            self.finish()

    def finish(self) -> None:
        """Write what is waiting."""
        if not self._waiting:
            return
        for name, classifier in self._classifiers.items():
            found = classifier.scores([document.text for document in self._waiting])
            self._waiting = [
                document.model_copy(
                    update={"scores": {**document.scores, f"classifier_{name}": score}}
                )
                for document, score in zip(self._waiting, found, strict=True)
            ]
        path = self._folder / f"{self._stem}{self._num_shards:05d}.parquet"
        write_rows(path, "documents", [Row(document, {}) for document in self._waiting])
        self._waiting = []
        self._num_shards += 1


def as_json(drop: Drop) -> dict[str, str]:
    """Write a drop as plain data."""
    return {
        "name": drop.name,
        "reason": drop.reason,
        "step": drop.step,
        "detail": drop.detail,
        "text": drop.text,
    }


def task_folder(folder: Path, task: int) -> Path:
    """Name the folder of a task."""
    return folder / f"{task:06d}"


@contextmanager
def making(folder: Path, task: int) -> Iterator[Path]:
    """Give a new folder for what a task makes; it gets its name when the block ends well."""
    whole = task_folder(folder, task)
    partial = whole.with_suffix(".partial")
    with disk_errors(partial):
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        yield partial
        partial.rename(whole)


def tell(folder: Path, facts: dict[str, Any]) -> None:
    """Write what is to be known of a task, with the digests of its files."""
    files = {path.name: sha256_of(path) for path in sorted(folder.iterdir()) if path.name != TOLD}
    told = {**facts, "files": files}
    write_text(folder / TOLD, json.dumps(told, ensure_ascii=False, sort_keys=True) + "\n")


def told(folder: Path, task: int) -> dict[str, Any]:
    """Read what is to be known of a task."""
    facts: dict[str, Any] = json.loads((task_folder(folder, task) / TOLD).read_text("utf-8"))
    return facts


def documents_of(folder: Path, task: int) -> Iterator[Document]:
    """Read the documents of a task in order, once their files are what was written.

    Raises:
        ArtifactError: A file was changed since.
    """
    own = task_folder(folder, task)
    for name, digest in told(folder, task)["files"].items():
        path = own / name
        if not name.endswith(".parquet"):
            continue
        if sha256_of(path) != digest:
            raise ArtifactError(
                f"{path} is not what was written; remove {own} and run again, it is made anew"
            )
        for row in read_shard(path, "documents"):
            yield row.record
