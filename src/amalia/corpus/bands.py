"""Which documents agree in a band of their signatures: first files of signatures, then edges between documents.

``write_signatures`` writes one file for each shard of documents, its bands sorted by hash and cut into partitions.
``match`` is one task for each band and partition: it reads that part of every file, nothing else, and writes an
edge for every document to the first one with the same hash. Tasks share nothing, and what they write depends neither on
their number nor on the order in which the files are given. Band 0 is that of exact duplicates: there the whole digest
has to agree.

Memory of a task is bounded by the number of partitions (``num_partitions``). Documents that come many times in one
shard count once there, so that a page which was saved a million times does not fill it.

Not here: what the edges make of the documents (``clusters``), and the documents of earlier collections
(``known_documents``).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from amalia.corpus.checked_arrays import Array, ArrayFile, write_arrays
from amalia.corpus.edges import ROW_BITS, EdgesFile, Ids
from amalia.corpus.signatures import MinHashSettings, Signed, identity
from amalia.errors import ArtifactError

EXACT = 0
"""The band of exact duplicates; the bands of near ones are 1 to ``num_bands``."""
VERSION = 1
MAX_PARTITIONS = 2**16
MEMORY_BYTES = 2**30
"""Of a task, beside the 60 MB of an interpreter with NumPy."""
BYTES_PER_ENTRY = 96
"""Most that a task holds for a document while it sorts; measured, the exact band needs most."""

Keys = npt.NDArray[np.uint64]


class Part(NamedTuple):
    """What one task compares."""

    band: int
    partition: int
    num_partitions: int
    """A power of 2; a partition holds the hashes that begin with its bits."""

    @property
    def name(self) -> str:
        """For files."""
        return f"{self.band:03d}-{self.partition:05d}"


@dataclass(frozen=True, slots=True)
class Entries:
    """Hashes of documents, ascending."""

    keys: Keys
    lows: Keys
    """The second half of the digest in the band of exact duplicates; empty in the others."""
    ids: Ids


class Shard(Protocol):
    """Documents of one shard, whose orders are read when they are needed."""

    @property
    def number(self) -> int:
        """That no other shard has."""
        ...

    @property
    def collection(self) -> int:
        """Comes before the order: of two duplicates, the one of the earlier collection stays."""
        ...

    def __len__(self) -> int: ...

    def orders(self) -> npt.NDArray[np.int64]:
        """Read the order of each document: the smallest stays; of equal ones, the one that stands first."""
        ...


def num_partitions(num_documents: int, memory_bytes: int = MEMORY_BYTES) -> int:
    """Say into how many partitions a band is cut so that a task stays within a memory; a power of 2."""
    needed = -(-max(1, num_documents) * BYTES_PER_ENTRY // memory_bytes)
    number: int = 1 << max(0, needed - 1).bit_length()
    if number > MAX_PARTITIONS:
        raise ArtifactError(
            f"{num_documents} documents need {number} partitions of {memory_bytes} bytes; at most {MAX_PARTITIONS} "
            "are made: give more memory"
        )
    return number


def parts(settings: MinHashSettings, num_partitions: int) -> list[Part]:
    """List the tasks of a comparison: those of exact duplicates first, then band by band."""
    return [
        Part(band, partition, num_partitions)
        for band in range(settings.num_bands + 1)
        for partition in range(num_partitions)
    ]


def write_signatures(
    path: Path,
    signed: Signed,
    settings: MinHashSettings,
    *,
    shard: int,
    orders: Sequence[int] | None = None,
    num_partitions: int = 1,
) -> None:
    """Write what is compared of the documents of one shard.

    Takes 200 bytes of disk for a document by default, 512 with 40 bands, and a little more of memory.

    Args:
        path: File to make.
        signed: Of the documents, in the order of the shard.
        settings: That they were signed with.
        shard: Number of this shard, 0 or more, that no other has.
        orders: Of each document (``Shard.orders``), for example its capture time in seconds; all 0 by default.
        num_partitions: A power of 2. A comparison may use another number, then it reads more than it needs.
    """
    count = len(signed)
    near = signed.bands
    exact = signed.digests.view("<u8").astype(np.uint64, copy=False).reshape(count, 2)
    starts = np.zeros((settings.num_bands + 1, num_partitions + 1), dtype=np.uint32)
    sums = np.zeros((settings.num_bands + 1, num_partitions), dtype=np.uint32)
    data = np.empty(sum(map(_row_bytes, range(settings.num_bands + 1))) * count, dtype=np.uint8)
    filled = 0
    for band in range(settings.num_bands + 1):
        keys = exact[:, 0] if band == EXACT else near[band - 1]
        rows = np.lexsort((exact[:, 1], keys)) if band == EXACT else keys.argsort(kind="stable")
        sorted_keys = keys[rows]
        starts[band] = _cuts(sorted_keys, num_partitions)
        for partition in range(num_partitions):
            part = slice(int(starts[band, partition]), int(starts[band, partition + 1]))
            piece = sorted_keys[part].astype("<u8", copy=False).tobytes()
            if band == EXACT:
                piece += exact[rows[part], 1].astype("<u8", copy=False).tobytes()
            piece += rows[part].astype("<u4").tobytes()
            sums[band, partition] = _checksum(piece, Part(band, partition, num_partitions))
            data[filled : filled + len(piece)] = np.frombuffer(piece, dtype=np.uint8)
            filled += len(piece)
    facts = {
        "version": VERSION,
        "identity": identity(settings),
        "shard": shard,
        "num_documents": count,
        "num_partitions": num_partitions,
    }
    numbers = np.zeros(count, np.int64) if orders is None else np.asarray(orders, dtype=np.int64)
    if len(numbers) != count:
        raise ValueError(f"{count} documents have {len(numbers)} orders; give one for each")
    arrays: dict[str, Array] = {
        "orders": numbers,
        "num_words": signed.num_words,
        "starts": starts,
        "sums": sums,
        "bands": data,
    }
    write_arrays(path, facts, arrays)


class SignatureFile:
    """A file of signatures, opened by its header; a ``Shard``.

    Args:
        path: That ``write_signatures`` made.
        settings: It has to be made with.
        first_shard: Added to the number of the shard.
        collection: Number of the collection it is of.

    Raises:
        ArtifactError: Missing, damaged, or made with other settings.
    """

    def __init__(
        self,
        path: Path,
        settings: MinHashSettings,
        *,
        first_shard: int = 0,
        collection: int = 0,
    ) -> None:
        self.path = path
        self._file = ArrayFile(path)
        check_identity(path, self._file.facts, settings)
        self.number: int = self._file.facts["shard"] + first_shard
        self.collection = collection
        self.checksum = self._file.checksum
        """Of all that is in it."""
        self._num_documents: int = self._file.facts["num_documents"]
        self._num_partitions: int = self._file.facts["num_partitions"]

    def __len__(self) -> int:
        return self._num_documents

    def orders(self) -> npt.NDArray[np.int64]:
        """Read the order of each document."""
        numbers: npt.NDArray[np.int64] = self._file.read("orders")
        return numbers

    def num_words(self) -> npt.NDArray[np.uint32]:
        """Read how many words its documents have."""
        numbers: npt.NDArray[np.uint32] = self._file.read("num_words")
        return numbers

    def entries(self, part: Part) -> Entries:
        """Read the hashes of a part, and check them."""
        width = _row_bytes(part.band)
        first_byte = (
            0 if part.band == EXACT else len(self) * (_row_bytes(EXACT) + (part.band - 1) * width)
        )
        found = []
        for own in overlapping(part, self._num_partitions):
            # Only what is needed of the tables is read, so it is not checked by itself: rows taken from another place
            # have another checksum.
            cell = part.band * self._num_partitions + own
            start, end = self._cells("starts", cell + part.band, 2)
            data = self._file.read_bytes(
                "bands", first_byte + start * width, max(0, end - start) * width
            )
            if [_checksum(data, Part(part.band, own, self._num_partitions))] != self._cells(
                "sums", cell, 1
            ):
                raise self._file.damage(f"partition {own} of band {part.band} is another")
            found.append(_decoded(data, part.band == EXACT, self.number))
        return cut(joined(found), part)

    def _cells(self, name: str, first: int, count: int) -> list[int]:
        """Read some numbers of a table."""
        data = self._file.read_bytes(name, first * 4, count * 4)
        return [
            int.from_bytes(data[place : place + 4], "little") for place in range(0, len(data), 4)
        ]


def match(
    files: Iterable[SignatureFile], part: Part, path: Path, *, known: Entries | None = None
) -> Entries:
    """Find the documents that agree in one part of a band, and write edges to them.

    Args:
        files: Of all documents that are compared, in any order.
        part: What this task compares.
        path: File of edges to make.
        known: Of documents that were compared before, each hash once; their shards come before all others.

    Returns:
        Each hash once, with the first document that has it.
    """
    found = [] if known is None else [known]
    with EdgesFile(path) as edges:
        # In the order of shards, so that equal hashes come out in the order of documents.
        ordered = sorted(files, key=lambda file: file.number)
        found += [_linked(file.entries(part), edges) for file in ordered]
        every = joined(found)
        found.clear()
        by = (every.lows, every.keys) if part.band == EXACT else (every.keys,)
        places = np.lexsort(by)  # stable
        lows = every.lows[places] if len(every.lows) else every.lows
        return _linked(Entries(every.keys[places], lows, every.ids[places]), edges)


def cut(entries: Entries, part: Part) -> Entries:
    """Leave out hashes that are not of a partition."""
    bits = part.num_partitions.bit_length() - 1
    first, last = (part.partition + end << 64 - bits for end in (0, 1))
    start = int(np.searchsorted(entries.keys, np.uint64(first)))
    end = (
        len(entries.keys) if last == 2**64 else int(np.searchsorted(entries.keys, np.uint64(last)))
    )
    return Entries(entries.keys[start:end], entries.lows[start:end], entries.ids[start:end])


def joined(found: Sequence[Entries]) -> Entries:
    """Put entries one after another; ascending if they are of partitions in order."""
    none = np.empty(0, np.uint64)
    return Entries(
        np.concatenate([none, *(item.keys for item in found)]),
        np.concatenate([none, *(item.lows for item in found)]),
        np.concatenate([none, *(item.ids for item in found)]),
    )


def overlapping(part: Part, num_partitions: int) -> range:
    """Say which of so many partitions hold hashes of a part."""
    if num_partitions >= part.num_partitions:
        ratio = num_partitions // part.num_partitions
        return range(part.partition * ratio, (part.partition + 1) * ratio)
    own = part.partition // (part.num_partitions // num_partitions)
    return range(own, own + 1)


def check_identity(path: Path, facts: dict[str, object], settings: MinHashSettings) -> None:
    """Refuse what was made by another version or with other settings."""
    if facts["version"] != VERSION:
        raise ArtifactError(
            f"{path} has version {facts['version']}; this program reads version {VERSION}: make it again"
        )
    if facts["identity"] != (wanted := identity(settings)):
        found = facts["identity"]
        assert isinstance(found, dict)
        changed = ", ".join(
            f"{key} {found.get(key)} instead of {value}"
            for key, value in wanted.items()
            if found.get(key) != value
        )
        raise ArtifactError(
            f"{path} was made with other settings ({changed}); use those, or make it again"
        )


def _linked(entries: Entries, edges: EdgesFile) -> Entries:
    """Write an edge from every document to the first with the same hash, and give the first ones."""
    is_first = np.ones(len(entries.keys), dtype=bool)
    is_first[1:] = entries.keys[1:] != entries.keys[:-1]
    if len(entries.lows):
        is_first[1:] |= entries.lows[1:] != entries.lows[:-1]
    if is_first.all():
        return entries
    firsts = entries.ids[is_first]
    groups = np.cumsum(is_first)[~is_first] - 1
    edges.add(firsts[groups], entries.ids[~is_first])
    lows = entries.lows[is_first] if len(entries.lows) else entries.lows
    return Entries(entries.keys[is_first], lows, firsts)


def _row_bytes(band: int) -> int:
    return 20 if band == EXACT else 12


def _checksum(data: bytes, part: Part) -> int:
    return zlib.crc32(data, part.band * MAX_PARTITIONS + part.partition)


def _decoded(data: bytes, is_exact: bool, shard: int) -> Entries:
    count = len(data) // (20 if is_exact else 12)
    keys = np.frombuffer(data, dtype="<u8", count=count)
    lows = np.frombuffer(data, dtype="<u8", count=count if is_exact else 0, offset=count * 8)
    rows = np.frombuffer(data, dtype="<u4", offset=count * (16 if is_exact else 8))
    return Entries(keys, lows, rows.astype(np.uint64) | np.uint64(shard << ROW_BITS))


def _cuts(keys: Keys, num_partitions: int) -> npt.NDArray[np.int64]:
    """Say where each partition of sorted hashes begins, and where the last one ends."""
    bits = num_partitions.bit_length() - 1
    inner = np.arange(1, num_partitions, dtype=np.uint64) << np.uint64(64 - bits if bits else 0)
    cuts = np.searchsorted(keys, inner)
    return np.concatenate([[0], cuts, [len(keys)]]).astype(np.int64)
