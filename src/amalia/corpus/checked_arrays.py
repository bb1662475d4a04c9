"""Files of arrays that are there whole or not at all, and that notice when a byte of them changed.

A file is a mark, the length and CRC-32 of a header, the header (JSON), and the arrays, little-endian, each with a
CRC-32 of its own. A reader takes one array, or one part of one, without reading the rest. The same arrays give the same
bytes.

A checksum finds what disks, transfers and kills do; it is no protection from somebody who changes a file on purpose.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from amalia.errors import ArtifactError
from amalia.store import disk_errors

_MARK = b"AMALIA\x001"
_LENGTHS_BYTES = 8

Array = npt.NDArray[Any]  # of any numbers


def write_arrays(path: Path, facts: Mapping[str, Any], arrays: Mapping[str, Array]) -> None:
    """Write arrays whole or not at all.

    Args:
        path: File to make; its folder is made as well.
        facts: What a reader wants to know first; plain values.
        arrays: Of numbers.

    Raises:
        ArtifactError: The disk is full or the folder cannot be written.
    """
    plain = {
        name: np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"), copy=False)
        for name, array in arrays.items()
    }
    places = {}
    offset = 0
    for name, array in plain.items():
        places[name] = [array.dtype.str, list(array.shape), offset, zlib.crc32(_bytes(array))]
        offset += array.nbytes
    header = json.dumps({"facts": dict(facts), "arrays": places}, sort_keys=True).encode()
    temporary = path.with_name(path.name + ".tmp")
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            file.write(_MARK)
            file.write(len(header).to_bytes(4, "little"))
            file.write(zlib.crc32(header).to_bytes(4, "little"))
            file.write(header)
            for array in plain.values():
                file.write(_bytes(array))
        temporary.replace(path)


class ArrayFile:
    """A file of arrays, opened by its header.

    Raises:
        ArtifactError: The file is missing or damaged.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.is_file():
            raise ArtifactError(f"there is no file {path}; run the step before again")
        with path.open("rb") as file:
            start = file.read(len(_MARK) + _LENGTHS_BYTES)
            if len(start) < len(_MARK) + _LENGTHS_BYTES or not start.startswith(_MARK):
                raise self.damage("its beginning is another")
            num_bytes = int.from_bytes(start[-8:-4], "little")
            header = file.read(num_bytes)
        self.checksum = int.from_bytes(start[-4:], "little")
        """CRC-32 of the header, and so of all checksums in it."""
        if zlib.crc32(header) != self.checksum:
            raise self.damage("its header is not the one that was written")
        tree = json.loads(header)
        self.facts: dict[str, Any] = tree["facts"]
        self._arrays: dict[str, Any] = tree["arrays"]
        self._first_byte = len(start) + num_bytes

    def read(self, name: str) -> Array:
        """Read one array and check it."""
        kind, shape, _, checksum = self._arrays[name]
        data = self.read_bytes(
            name, 0, int(np.prod(shape, dtype=np.int64)) * np.dtype(kind).itemsize
        )
        if zlib.crc32(data) != checksum:
            raise self.damage(f"{name} is not what was written")
        return np.frombuffer(data, dtype=kind).reshape(shape)

    def read_bytes(self, name: str, first: int, num_bytes: int) -> bytes:
        """Read some bytes of an array, which the caller has to check."""
        with self.path.open("rb") as file:
            file.seek(self._first_byte + self._arrays[name][2] + first)
            data = file.read(num_bytes)
        if len(data) < num_bytes:
            raise self.damage("it is cut short")
        return data

    def damage(self, what: str) -> ArtifactError:
        """Say that this file is damaged."""
        return ArtifactError(f"{self.path} is damaged ({what}); remove it and run the step again")


def _bytes(array: Array) -> memoryview:
    # Arrays without elements have no view of bytes.
    return array.reshape(-1).view(np.uint8).data if array.size else memoryview(b"")
