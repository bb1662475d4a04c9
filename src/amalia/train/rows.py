"""Records of an artifact by number, without an index of them and without all of them in memory.

Parquet is read a row group at a time. What is remembered is where groups begin: a few bytes for
hundreds of records. Groups last read are kept, up to ``KEPT_BYTES``, and pictures are only read of
records that are looked at, so that lengths can be known of records another process trains on.
"""

from __future__ import annotations

from collections import OrderedDict
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from amalia.columns import from_columns
from amalia.errors import ArtifactError
from amalia.records import Record, Row
from amalia.store import open_shard, read_group, shards

KEPT_BYTES = 2**30
# Of a picture everything but its bytes: the digest it is named by.
_WITHOUT_BYTES = "images.list.element.path"


class Rows:
    """The records of an artifact, decoded when asked for.

    Args:
        folder: The artifact, local or on any store fsspec knows.
        kind: What it holds.
        kept_bytes: Row groups that stay in memory, the last used.

    Raises:
        ArtifactError: It holds nothing, or a shard is damaged.
    """

    def __init__(self, folder: Path, kind: str, *, kept_bytes: int = KEPT_BYTES) -> None:
        self.name = folder.name
        self._kind = kind
        self._groups: list[tuple[Path, int]] = []
        self._without_bytes: list[str] | None = None
        sizes: list[int] = []
        for path in shards(folder):
            with open_shard(path) as table:
                names = table.schema_arrow.names
                if "images" in names:
                    self._without_bytes = [*(set(names) - {"images"}), _WITHOUT_BYTES]
                for group in range(table.num_row_groups):
                    self._groups.append((path, group))
                    sizes.append(table.metadata.row_group(group).num_rows)
        self.blocks = tuple(sizes)
        """Records of each row group; records of one are cheap to read together."""
        self._ends = np.array([*accumulate(sizes)], dtype=np.int64)
        if not len(self):
            raise ArtifactError(f"artifact {folder} holds no records; there is nothing to train on")
        self._kept: OrderedDict[tuple[int, bool], pa.Table] = OrderedDict()
        self._kept_bytes = kept_bytes

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    def record(self, index: int) -> Record:
        """Give a record without its pictures."""
        record: Record = from_columns(self._columns(index, with_pictures=False), self._kind).record
        return record

    def row(self, index: int) -> Row[Any]:
        """Give a record with its pictures."""
        return from_columns(self._columns(index, with_pictures=True), self._kind)

    def _columns(self, index: int, *, with_pictures: bool) -> dict[str, Any]:
        block = int(np.searchsorted(self._ends, index, side="right"))
        place = index - int(self._ends[block]) + self.blocks[block]
        table = self._group(block, with_pictures=with_pictures)
        columns: dict[str, Any] = table.slice(place, 1).to_pylist()[0]
        return columns

    def _group(self, block: int, *, with_pictures: bool) -> pa.Table:
        for wanted in (block, with_pictures), (block, True):
            if wanted in self._kept:
                self._kept.move_to_end(wanted)
                return self._kept[wanted]
        path, group = self._groups[block]
        table = read_group(path, group, columns=None if with_pictures else self._without_bytes)
        self._kept[block, with_pictures] = table
        while len(self._kept) > 1 and self._size() > self._kept_bytes:
            self._kept.popitem(last=False)
        return table

    def _size(self) -> int:
        return sum(table.nbytes for table in self._kept.values())
