"""The documents of all earlier collections, on disk, so that a new one is compared without reading them again.

An index is a folder: ``index.json`` names the collections it holds and the *generation* that is valid, a folder with
the hashes of each part of a band (each hash once, sorted, with the first document that has it) and the clusters so
far. An update writes the next generation beside it and then replaces ``index.json``; until that moment the old
index is whole, and after it the new one is. What a killed update left behind is used or removed by the next one.

    known = KnownDocuments(folder, settings)
    update = known.begin("AWP42", paths)       # None: this very collection is known
    for part in update.parts(): update.match(part)   # tasks of their own, in any order, anywhere
    clusters = update.clusters()               # then, alone
    clusters.write(results, update.shards)     # before the commit: it cannot be asked for later
    update.commit(clusters)

What it says is what a comparison of all collections at once says: the documents of a new collection that are
duplicates, of each other or of earlier ones, are the same. Only, a document that stayed earlier has stayed, even if
a new one shows that two of them are of one cluster; ``KnownDocuments.clusters`` tells of those.

One update at a time; a second one that began from the same state is refused when it commits. Collections cannot be
removed from an index, and settings cannot be changed: make another.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from amalia.corpus.bands import (
    EXACT,
    MEMORY_BYTES,
    VERSION,
    Entries,
    Part,
    Shard,
    SignatureFile,
    check_identity,
    cut,
    joined,
    match,
    num_partitions,
    overlapping,
    parts,
)
from amalia.corpus.checked_arrays import ArrayFile, write_arrays
from amalia.corpus.clusters import Clusters
from amalia.corpus.edges import read_edges
from amalia.corpus.signatures import MinHashSettings, identity
from amalia.errors import ArtifactError
from amalia.store import write_text

_INDEX = "index.json"
_EDGES = ".edges"


@dataclass(frozen=True, slots=True)
class KnownShard:
    """Documents of one shard of an earlier collection; a ``bands.Shard``."""

    number: int
    collection: int
    num_documents: int
    first: int
    """Of its documents among those of the collection."""
    path: Path

    def __len__(self) -> int:
        return self.num_documents

    def orders(self) -> npt.NDArray[np.int64]:
        """Read the order of each document."""
        numbers: npt.NDArray[np.int64] = ArrayFile(self.path).read("orders")
        return numbers[self.first : self.first + self.num_documents]


@dataclass(frozen=True, slots=True)
class KnownCollection:
    """A collection that an index holds."""

    name: str
    fingerprint: str
    """Of its files of signatures."""
    shards: tuple[tuple[int, int], ...]
    """Number, as counted in the index, and number of documents."""


class KnownDocuments:
    """An index of documents, opened to be read; it is made by its first update.

    Args:
        folder: Of the index; it need not exist.
        settings: Of all its signatures.

    Raises:
        ArtifactError: Damaged, of another version, or made with other settings.
    """

    def __init__(self, folder: Path, settings: MinHashSettings) -> None:
        self.folder = folder
        self.settings = settings
        tree = _read_index(folder)
        if tree is not None:
            check_identity(folder / _INDEX, tree, settings)
        else:
            tree = {"generation": "", "num_partitions": 1, "collections": []}
        self.generation: str = tree["generation"]
        self.num_partitions: int = tree["num_partitions"]
        self.collections = tuple(
            KnownCollection(item["name"], item["fingerprint"], tuple(map(tuple, item["shards"])))
            for item in tree["collections"]
        )

    @property
    def num_documents(self) -> int:
        """Of all collections, with those that did not stay."""
        return sum(count for one in self.collections for _, count in one.shards)

    @property
    def next_shard(self) -> int:
        """Number that the first shard of the next collection gets."""
        return 1 + max((n for one in self.collections for n, _ in one.shards), default=-1)

    def shards(self) -> list[KnownShard]:
        """List the shards of all collections."""
        found = []
        for number, one in enumerate(self.collections):
            first = 0
            path = _orders_path(self.folder, one.fingerprint)
            for shard, count in one.shards:
                found.append(KnownShard(shard, number, count, first, path))
                first += count
        return found

    def entries(self, part: Part) -> Entries:
        """Read the hashes of a part, each once."""
        if not self.generation:
            return joined([])
        found = []
        for own in overlapping(part, self.num_partitions):
            file = ArrayFile(
                _entries_path(
                    self.folder / self.generation, Part(part.band, own, self.num_partitions)
                )
            )
            found.append(Entries(file.read("keys"), file.read("lows"), file.read("ids")))
        return cut(joined(found), part)

    def clusters(self) -> Clusters:
        """Give the clusters of all collections together."""
        if not self.generation:
            return Clusters([], [], [])
        exact, near = _star_paths(self.folder / self.generation)
        return Clusters(self.shards(), read_edges([exact]), read_edges([near]))

    def begin(
        self, name: str, paths: Sequence[Path], *, memory_bytes: int = MEMORY_BYTES
    ) -> Update | None:
        """Begin to add a collection, or go on with it after a kill.

        Args:
            name: Of the collection, that no other has.
            paths: All its files of signatures, in any order.
            memory_bytes: Of each task.

        Returns:
            What is to be done; None if the index holds this very collection.

        Raises:
            ArtifactError: A file is damaged or was made with other settings, two have the same shard, or the index
                holds another collection of that name.
        """
        files = sorted((SignatureFile(path, self.settings) for path in paths), key=_number)
        fingerprint = _fingerprint(files)
        for one in self.collections:
            if one.name == name and one.fingerprint != fingerprint:
                raise ArtifactError(
                    f"the index {self.folder} holds another collection {name} (fingerprint {one.fingerprint}, "
                    f"now {fingerprint}); give the new one another name, or make the index again"
                )
            if one.name == name:
                _tidy(self.folder, keep={self.generation})
                return None
        generation = f"{len(self.collections) + 1:06d}-{fingerprint}"
        num_documents = self.num_documents + sum(map(len, files))
        own = KnownCollection(
            name,
            fingerprint,
            tuple((file.number + self.next_shard, len(file)) for file in files),
        )
        _tidy(self.folder, keep={self.generation, generation, generation + _EDGES})
        return Update(
            known=self,
            collection=own,
            generation=generation,
            paths=tuple(file.path for file in files),
            num_partitions=num_partitions(num_documents, memory_bytes),
        )


@dataclass(frozen=True, slots=True)
class Update:
    """A collection on its way into an index; can be sent to other processes."""

    known: KnownDocuments
    collection: KnownCollection
    generation: str
    paths: tuple[Path, ...]
    num_partitions: int

    @property
    def shards(self) -> list[int]:
        """Numbers of the collection's shards, as the index counts them, in the order of their own numbers."""
        return [number for number, _ in self.collection.shards]

    def parts(self) -> list[Part]:
        """List the tasks."""
        return parts(self.known.settings, self.num_partitions)

    def match(self, part: Part) -> None:
        """Compare one part; done before, it is not done again."""
        path = _entries_path(self._folder, part)
        if path.is_file():
            return
        known = self.known.entries(part)
        found = match(self._files(), part, self._edges(part), known=known)
        write_arrays(path, {}, {"keys": found.keys, "lows": found.lows, "ids": found.ids})

    def clusters(self) -> Clusters:
        """Give the clusters of all collections and this one; when all parts were compared, by one process."""
        exact, near = [], []
        if self.known.generation:
            stars = _star_paths(self.known.folder / self.known.generation)
            exact, near = [stars[0]], [stars[1]]
        for part in self.parts():
            (exact if part.band == EXACT else near).append(self._edges(part))
        shards: list[Shard] = [*self.known.shards(), *self._files()]
        return Clusters(shards, read_edges(exact), read_edges(near))

    def commit(self, clusters: Clusters) -> None:
        """Make this generation the valid one.

        Raises:
            ArtifactError: The index changed since this update began, or the disk is full.
        """
        folder = self.known.folder
        now = _read_index(folder)
        if (now["generation"] if now else "") != self.known.generation:
            raise ArtifactError(
                f"the index {folder} changed while collection {self.collection.name} was compared with it; begin again"
            )
        orders = [np.empty(0, np.int64), *(file.orders() for file in self._files())]
        write_arrays(
            _orders_path(folder, self.collection.fingerprint),
            {},
            {"orders": np.concatenate(orders)},
        )
        clusters.write_stars(*_star_paths(self._folder))
        collections = [*self.known.collections, self.collection]
        tree = {
            "version": VERSION,
            "identity": identity(self.known.settings),
            "generation": self.generation,
            "num_partitions": self.num_partitions,
            "collections": [
                {"name": one.name, "fingerprint": one.fingerprint, "shards": one.shards}
                for one in collections
            ],
        }
        write_text(folder / _INDEX, json.dumps(tree, indent=1) + "\n")
        _tidy(folder, keep={self.generation})

    @property
    def _folder(self) -> Path:
        return self.known.folder / self.generation

    def _edges(self, part: Part) -> Path:
        return self._folder.with_name(self.generation + _EDGES) / f"{part.name}.edges"

    def _files(self) -> list[SignatureFile]:
        return [
            SignatureFile(
                path,
                self.known.settings,
                first_shard=self.known.next_shard,
                collection=len(self.known.collections),
            )
            for path in self.paths
        ]


def _read_index(folder: Path) -> Any:
    path = folder / _INDEX
    if not path.is_file():
        return None
    try:
        return json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise ArtifactError(f"{path} is damaged; make the index again") from error


def _fingerprint(files: Sequence[SignatureFile]) -> str:
    numbers = [file.number for file in files]
    if len(set(numbers)) < len(numbers):
        raise ArtifactError(
            "two files of signatures have the same shard number; give every shard a number of its own"
        )
    text = json.dumps([[file.number, len(file), file.checksum] for file in files])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _number(file: SignatureFile) -> int:
    return file.number


def _tidy(folder: Path, *, keep: set[str]) -> None:
    """Remove generations that are not valid, with their edges."""
    for path in sorted(folder.iterdir()) if folder.is_dir() else []:
        if path.is_dir() and path.name[:6].isdigit() and path.name not in keep:
            shutil.rmtree(path)


def _entries_path(generation: Path, part: Part) -> Path:
    return generation / f"{part.name}.entries"


def _star_paths(generation: Path) -> tuple[Path, Path]:
    return generation / "exact.edges", generation / "near.edges"


def _orders_path(folder: Path, fingerprint: str) -> Path:
    return folder / "orders" / f"{fingerprint}.orders"
