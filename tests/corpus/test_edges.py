from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from amalia.corpus import edges
from amalia.corpus.edges import EdgesFile, document_id, read_edges
from amalia.errors import ArtifactError


def write(path: Path, count: int) -> None:
    with EdgesFile(path) as file:
        ids = np.arange(count, dtype=np.uint64)
        file.add(ids, ids + np.uint64(1))
        file.add(ids[:1], ids[:1])


def test_edges_are_read_as_they_were_added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edges, "BLOCK_EDGES", 2)
    write(tmp_path / "a", 3)
    write(tmp_path / "b", 0)
    blocks = [block.tolist() for block in read_edges([tmp_path / "a", tmp_path / "b"])]
    assert blocks == [[[0, 1], [1, 2]], [[2, 3]], [[0, 0]]]


def test_an_interrupted_file_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), EdgesFile(tmp_path / "a"):
        raise KeyboardInterrupt
    assert not (tmp_path / "a").exists()


def test_any_changed_byte_any_cut_and_any_addition_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write(path, 2)
    whole = path.read_bytes()
    damaged = [whole[:place] for place in range(len(whole))] + [whole + b"\0"]
    damaged += [
        whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :]
        for place in range(len(whole))
    ]
    for data in damaged:
        path.write_bytes(data)
        with pytest.raises(ArtifactError, match="damaged or cut short"):
            list(read_edges([path]))
    path.unlink()
    with pytest.raises(ArtifactError, match="there is no file"):
        list(read_edges([path]))


def test_a_document_is_named_by_shard_and_row() -> None:
    assert document_id(2, 7) == 2 * 2**32 + 7
