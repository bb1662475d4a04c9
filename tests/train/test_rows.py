"""Records by number, from any store, with as little memory and reading as can be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import make
import pyarrow.parquet as pq
import pytest
from upath import UPath

from amalia.errors import ArtifactError
from amalia.train import rows as module
from amalia.train.rows import Rows


def conversations(count: int) -> list[Any]:
    return [
        make.conversation(("user", make.picture(noise=n), "?"), ("assistant", str(n)), id=f"c{n}")
        for n in range(count)
    ]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Seven conversations in row groups of three."""
    made = make.write_artifact(tmp_path / "a", "conversations", conversations(7))
    (shard,) = made.glob("*.parquet")
    pq.write_table(pq.read_table(shard), shard, row_group_size=3)
    return made


def test_rows_come_by_number(folder: Path) -> None:
    rows = Rows(folder, "conversations")
    assert (rows.name, len(rows), rows.blocks) == ("a", 7, (3, 3, 1))
    made = conversations(7)
    assert [rows.row(n) for n in (3, 0, 6, 2)] == [made[3], made[0], made[6], made[2]]


def test_a_record_is_had_without_reading_its_pictures(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[list[str]] = []
    original = module.read_group

    def reading(path: Path, group: int, *, columns: Any = None) -> Any:
        table = original(path, group, columns=columns)
        read.append(table.schema.field("images").type.value_type.names)
        return table

    monkeypatch.setattr(module, "read_group", reading)
    rows = Rows(folder, "conversations")
    assert [rows.record(n) for n in (1, 2)] == [row.record for row in conversations(3)[1:]]
    assert read == [["path"]]
    # Once the pictures are there nothing is read again for the text.
    assert rows.row(4).record == rows.record(5).model_copy(
        update={"id": "c4", "turns": rows.record(4).turns}  # type: ignore[union-attr]
    )
    assert read == [["path"], ["bytes", "path"]]


def test_what_was_read_longest_ago_is_forgotten(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = 0
    original = module.read_group

    def counting(*arguments: Any, **more: Any) -> Any:
        nonlocal reads
        reads += 1
        return original(*arguments, **more)

    monkeypatch.setattr(module, "read_group", counting)
    roomy, narrow = Rows(folder, "conversations"), Rows(folder, "conversations", kept_bytes=1)
    for rows, expected in ((roomy, 3), (narrow, 6)):
        reads = 0
        for number in (0, 3, 6, 1, 4, 6):
            rows.row(number)
        assert reads == expected


def test_an_artifact_on_another_store_is_read_where_it_lies(folder: Path) -> None:
    remote = UPath("memory://balde/a")
    remote.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        (remote / path.name).write_bytes(path.read_bytes())
    rows = Rows(remote, "conversations")
    assert (rows.name, len(rows)) == ("a", 7)
    assert rows.row(5) == conversations(7)[5]
    assert rows.record(1) == conversations(7)[1].record


def test_nothing_to_read_is_refused(tmp_path: Path) -> None:
    folder = make.write_artifact(tmp_path / "a", "conversations", [])
    with pytest.raises(ArtifactError, match="holds no records; there is nothing to train on"):
        Rows(folder, "conversations")
