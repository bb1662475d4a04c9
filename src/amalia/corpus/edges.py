"""Pairs of documents that are duplicates, in files that are written and read piece by piece.

A document is named by one number, its shard times 2^32 and its row in the shard's file of signatures. A file of edges
may be larger than the memory: it is a mark, then blocks of pairs with their number and CRC-32, and at last an empty
block with the number of all pairs, so that a file cut short is noticed.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import numpy as np
import numpy.typing as npt

from amalia.errors import ArtifactError
from amalia.store import disk_errors

ROW_BITS = 32
BLOCK_EDGES = 2**18
_MARK = b"AMEDGES1"

Ids = npt.NDArray[np.uint64]
Edges = npt.NDArray[np.uint64]
"""[K, 2]"""


def document_id(shard: int, row: int) -> int:
    """Name a document by one number."""
    return (shard << ROW_BITS) | row


class EdgesFile:
    """A file of edges being written; it is there whole when the ``with`` ends, and not before.

    Raises:
        ArtifactError: The disk is full or the folder cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.num_edges = 0
        self._temporary = path.with_name(path.name + ".tmp")
        self._file: BinaryIO

    def __enter__(self) -> Self:
        with disk_errors(self.path):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._temporary.open("wb")
            self._file.write(_MARK)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with disk_errors(self.path):
            if error is None:
                self._file.write(_start_of_block(0, self.num_edges))
            self._file.close()
            if error is None:
                self._temporary.replace(self.path)

    def add(self, first: Ids, second: Ids) -> None:
        """Write edges, cut into blocks."""
        for start in range(0, len(first), BLOCK_EDGES):
            part = slice(start, start + BLOCK_EDGES)
            data = np.stack([first[part], second[part]], axis=1).astype("<u8").tobytes()
            with disk_errors(self.path):
                self._file.write(_start_of_block(len(data) // 16, zlib.crc32(data)))
                self._file.write(data)
        self.num_edges += len(first)


def read_edges(paths: Sequence[Path]) -> Iterator[Edges]:
    """Read files of edges block by block.

    Raises:
        ArtifactError: A file is missing or damaged.
    """
    for path in paths:
        if not path.is_file():
            raise ArtifactError(f"there is no file {path}; run the step before again")
        with path.open("rb") as file:
            if file.read(len(_MARK)) != _MARK:
                raise _damage(path)
            yield from _blocks(file, path)


def _blocks(file: BinaryIO, path: Path) -> Iterator[Edges]:
    num_edges = 0
    while True:
        start = file.read(16)
        count, check = int.from_bytes(start[:8], "little"), int.from_bytes(start[8:], "little")
        if len(start) < 16 or count > BLOCK_EDGES:
            raise _damage(path)
        if count == 0:
            break
        data = file.read(count * 16)
        if zlib.crc32(data) != check or len(data) < count * 16:
            raise _damage(path)
        num_edges += count
        yield np.frombuffer(data, dtype="<u8").reshape(-1, 2)
    if num_edges != check or file.read(1):
        raise _damage(path)


def _start_of_block(count: int, check: int) -> bytes:
    return count.to_bytes(8, "little") + check.to_bytes(8, "little")


def _damage(path: Path) -> ArtifactError:
    return ArtifactError(f"{path} is damaged or cut short; remove it and run the step again")
