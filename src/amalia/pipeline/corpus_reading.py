"""The first phase of a corpus: from captures to documents, one task for each archive.

What is in the hands of a process is written down before it is touched. A task that finds that twice a process died
with the same capture in hand leaves that one out; once may have been somebody who ended the process.
"""

from __future__ import annotations

import json
import mmap
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from amalia.corpus import address_lists
from amalia.corpus.address_lists import AddressLists
from amalia.corpus.archive import ArchiveLimits, read_archive
from amalia.corpus.capture import Capture
from amalia.corpus.classifier import Classifier, ClassifierSettings
from amalia.corpus.document import DocumentSettings, Made, Source, made
from amalia.corpus.drop import Drop
from amalia.corpus.files import read_folder
from amalia.corpus.private_data import Seal
from amalia.pipeline.corpus_files import DocumentShards, Drops, making, task_folder, tell
from amalia.store import write_text

SEALED = "sealed.jsonl"
_STRIKES = 2
_NOTHING = -1


@dataclass(frozen=True, slots=True)
class Unit:
    """What one task reads."""

    collection: str
    order: int
    """Of the collection among all; of duplicates, the first one stays."""
    is_archive: bool
    path: str
    """An archive, or a folder of files."""
    license: str
    names: tuple[str, ...] = ()
    """Of the folder, those that this task reads."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The work of the phase."""

    folder: Path
    units: tuple[Unit, ...]
    archives: ArchiveLimits
    documents: DocumentSettings
    hosts: dict[str, str]
    sample_fraction: float

    def is_done(self, task: int) -> bool:
        """Whether the documents of a unit are there."""
        return task_folder(self.folder, task).is_dir()

    def do(self, task: int) -> None:
        """Make the documents of a unit."""
        unit = self.units[task]
        lists = address_lists.packaged()
        if self.hosts:
            read = {name: address_lists.read_hosts(Path(path)) for name, path in self.hosts.items()}
            lists = address_lists.with_hosts(lists, **read)
        key = self.documents.private.key_file
        seal = None if key is None else Seal.load(key)
        classifiers = {name: _loaded(told) for name, told in self.documents.classifiers.items()}
        self.folder.mkdir(parents=True, exist_ok=True)
        with making(self.folder, task) as partial, _in_hand(self.folder, task) as hand:
            shards = DocumentShards(partial, "documents-", classifiers)
            writer = _Writer(partial, shards, Drops(self.sample_fraction), seal)
            for number, item in enumerate(_captures(unit, self.archives)):
                if hand.is_poison(number):
                    item = _crash(item)
                hand.take(number)
                writer.add(_made(item, unit, self.documents, lists))
                hand.take(_NOTHING)
            writer.finish()
            tell(
                partial,
                {
                    "collection": unit.collection,
                    "order": unit.order,
                    "archive": Path(unit.path).name,
                    "captures": writer.num_captures,
                    "documents": writer.num_documents,
                    "dropped": dict(sorted(writer.drops.counts.items())),
                },
            )


def _captures(unit: Unit, limits: ArchiveLimits) -> Iterator[Capture | Drop]:
    path = Path(unit.path)
    if unit.is_archive:
        yield from read_archive(path, collection=unit.collection, limits=limits)
    else:
        yield from read_folder(
            path, collection=unit.collection, license=unit.license, names=unit.names
        )


def _made(
    item: Capture | Drop, unit: Unit, settings: DocumentSettings, lists: AddressLists
) -> Made | Drop:
    if isinstance(item, Drop):
        return item
    return made(item, Source(unit.collection, unit.license), settings, lists)


def _crash(item: Capture | Drop) -> Drop:
    name = item.name if isinstance(item, Drop) else item.url
    return Drop(name, "error:Crash", "document@1", f"{_STRIKES} processes died with it in hand")


class _Writer:
    """Writes documents, drops, and seals."""

    def __init__(
        self, folder: Path, shards: DocumentShards, drops: Drops, seal: Seal | None
    ) -> None:
        self.drops = drops
        self.num_captures = self.num_documents = 0
        self._folder = folder
        self._shards = shards
        self._seal = seal
        self._sealed: list[str] = []

    def add(self, item: Made | Drop) -> None:
        self.num_captures += 1
        if isinstance(item, Drop):
            self.drops.add(item)
            return
        self.num_documents += 1
        self._shards.add(item.document)
        if self._seal is not None and item.values:
            name = item.document.id
            line = {"id": name, "sealed": self._seal.sealed(name, item.values)}
            self._sealed.append(json.dumps(line) + "\n")

    def finish(self) -> None:
        self._shards.finish()
        self.drops.write(self._folder)
        if self._seal is not None:
            write_text(self._folder / SEALED, "".join(self._sealed))


def _loaded(told: ClassifierSettings) -> Classifier:
    return Classifier.load(
        told.folder, label=told.label, max_tokens=told.max_tokens, batch_size=told.batch_size
    )


class _Hand:
    """What a process has in hand, in a file that outlives it."""

    def __init__(self, page: mmap.mmap, poison: frozenset[int]) -> None:
        self._page = page
        self._poison = poison

    def take(self, number: int) -> None:
        self._page[:8] = struct.pack("<q", number)

    def is_poison(self, number: int) -> bool:
        return number in self._poison


@contextmanager
def _in_hand(folder: Path, task: int) -> Iterator[_Hand]:
    path = task_folder(folder, task).with_suffix(".hand")
    strikes = _strikes(path)
    path.write_bytes(struct.pack("<q", _NOTHING) + json.dumps(strikes).encode())
    poison = frozenset(int(number) for number, times in strikes.items() if times >= _STRIKES)
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as page:
        try:
            yield _Hand(page, poison)
        finally:
            # Whoever gets here is alive: an error, or somebody who ends it, is no strike.
            page[:8] = struct.pack("<q", _NOTHING)
    path.unlink()


def _strikes(path: Path) -> dict[str, int]:
    """Read how often a process died with each capture in hand, the last time included."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return {}
    strikes: dict[str, int] = json.loads(data[8:] or b"{}")
    (last,) = struct.unpack("<q", data[:8])
    if last != _NOTHING:
        strikes[str(last)] = strikes.get(str(last), 0) + 1
    return strikes
