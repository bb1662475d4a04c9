"""Artifacts: whole or not at all, and read back exactly as they were written."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import datasets  # type: ignore[import-untyped]
import make
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as PillowImage

from amalia import manifest as manifests
from amalia import store
from amalia.errors import ArtifactError, RecordError
from amalia.records import PLACEHOLDER, CapturePlace, PictureReference, Row
from amalia.store import Workshop, read_rows, write_rows

RED = make.picture(color="red")
WIDE = make.picture(31, 7, noise=1, format="JPEG")

ROWS: dict[str, list[Row[Any]]] = {
    "conversations": [
        make.conversation(
            ("system", ""),
            ("user", "Antes ", RED, "e depois ", WIDE, "?"),
            ("assistant", "Diz «Pão» 🍞.\nE uma linha."),
            ("user", "Outra vez ", RED),
            ("assistant", ""),
            id="c1",
        ),
        make.conversation(id="c2", language="en"),
    ],
    "preferences": [
        make.preference(("user", WIDE, "O que vês?"), id="p1"),
        make.preference(("user", "Olá."), ("assistant", "Olá!"), ("user", "E agora?"), id="p2"),
    ],
    "samples": [
        make.sample(
            ("user", RED, "Que cor é?"), target="vermelho", accepted=("encarnado",), groups=("cor",)
        ),
        make.sample(id="s2", choices=("ônibus", "autocarro")),
    ],
    "documents": [
        make.document(),
        make.document(
            "Olá,\n\n«mundo» 🌍",
            id="d2",
            url="https://exemplo.pt/a",
            captured_at=datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC),
            title="Olá",
            pictures=(PictureReference(url="https://exemplo.pt/a.png", alt="um gato"),),
            scores={"num_words": 2.0, "p_pt_pt": 0.75},
            cluster_size=3,
            capture=CapturePlace(
                collection="AWP1", archive="a.warc.gz", offset_bytes=2**40, digest="a" * 64
            ),
        ),
    ],
}


@pytest.mark.parametrize("kind", list(ROWS))
def test_rows_come_back_as_they_were(tmp_path: Path, kind: Any) -> None:
    folder = make.write_artifact(tmp_path / "a", kind, ROWS[kind])
    assert list(read_rows(folder, kind=kind)) == ROWS[kind]
    assert manifests.read(folder).counts == manifests.Counts(records=2, licenses={"CC0-1.0": 2})


words = st.text(st.characters(exclude_categories=["Cs"]), max_size=30).filter(
    lambda text: not PLACEHOLDER.search(text)
)


@given(st.lists(st.tuples(words, words), min_size=1, max_size=3))
def test_any_text_comes_back(
    tmp_path_factory: pytest.TempPathFactory, turns: list[tuple[str, str]]
) -> None:
    path = tmp_path_factory.mktemp("any") / "a.parquet"
    roles = [
        (role, text)
        for pair in turns
        for role, text in zip(("user", "assistant"), pair, strict=True)
    ]
    row = make.conversation(*roles)
    write_rows(path, "conversations", [row])
    assert list(store.read_shard(path, "conversations")) == [row]


def test_no_rows_is_an_artifact_too(tmp_path: Path) -> None:
    assert list(read_rows(make.write_artifact(tmp_path / "a", "documents", []))) == []


def test_many_rows_keep_their_order_over_row_groups_and_shards(tmp_path: Path) -> None:
    folder = tmp_path / "a"
    folder.mkdir()
    rows = [make.document(str(number), id=f"d{number}") for number in range(1100)]
    write_rows(folder / "a-00000.parquet", "documents", rows[:600])
    write_rows(folder / "a-00001.parquet", "documents", rows[600:])
    make.finish(folder, "documents")
    assert pq.ParquetFile(folder / "a-00000.parquet").num_row_groups == 2
    assert list(read_rows(folder)) == rows


def test_datasets_reads_messages_and_decodes_pictures(tmp_path: Path) -> None:
    folder = make.write_artifact(tmp_path / "a", "conversations", ROWS["conversations"])
    read = datasets.load_dataset(
        "parquet",
        data_files=str(folder / "*.parquet"),
        split="train",
        cache_dir=str(tmp_path / "cache"),
    )
    first = read[0]
    assert [message["role"] for message in first["messages"]] == [
        "system", "user", "assistant", "user", "assistant",
    ]  # fmt: skip
    assert [part["type"] for part in first["messages"][1]["content"]] == [
        "text", "image", "text", "image", "text",
    ]  # fmt: skip
    assert first["messages"][2]["content"][0]["text"] == "Diz «Pão» 🍞.\nE uma linha."
    assert all(isinstance(picture, PillowImage.Image) for picture in first["images"])
    assert [picture.size for picture in first["images"]] == [(20, 12), (31, 7), (20, 12)]
    assert read[1]["images"] == []


def test_preferences_have_the_columns_that_trl_reads(tmp_path: Path) -> None:
    folder = make.write_artifact(tmp_path / "a", "preferences", ROWS["preferences"])
    read = datasets.load_dataset(
        "parquet",
        data_files=str(folder / "*.parquet"),
        split="train",
        cache_dir=str(tmp_path / "cache"),
    )
    assert read[1]["prompt"][-1] == {
        "role": "user",
        "content": [{"type": "text", "text": "E agora?"}],
    }
    assert read[1]["chosen"][0]["role"] == read[1]["rejected"][0]["role"] == "assistant"
    assert read[0]["images"][0].size == (31, 7)


def test_a_row_carries_exactly_the_pictures_its_turns_name(tmp_path: Path) -> None:
    row = make.conversation(("user", RED, "O que é?"), ("assistant", "Vermelho."), id="c9")
    too_many = Row(row.record, {**row.images, make.image(WIDE).sha256: WIDE})
    for wrong, carried in ((Row(row.record, {}), 0), (too_many, 2)):
        with pytest.raises(
            RecordError, match=f"record c9 name 1 pictures and its row carries {carried}"
        ):
            write_rows(tmp_path / "a.parquet", "conversations", [wrong])
    assert list(tmp_path.iterdir()) == []


def changed(path: Path, change: Any) -> None:
    table = pq.read_table(path)
    rows = table.to_pylist()
    change(rows[0])
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), path)


def other_picture(row: dict[str, Any]) -> None:
    row["images"][0]["bytes"] = WIDE


def one_picture_more(row: dict[str, Any]) -> None:
    row["images"].append(row["images"][0])
    row["image_sizes_px"].append([12, 20])


def one_picture_less(row: dict[str, Any]) -> None:
    row["messages"][0]["content"].append({"type": "image", "text": None})


def placeholder(row: dict[str, Any]) -> None:
    row["messages"][1]["content"][0]["text"] = "<image>"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (other_picture, "is not the one that was written"),
        (one_picture_more, "its turns mention 1 pictures and it carries 2"),
        (one_picture_less, "its turns mention 2 pictures and it carries 1"),
        (placeholder, "text of turn 1 holds the reserved token '<image>'"),
    ],
)
def test_a_row_that_was_changed_is_named(tmp_path: Path, change: Any, said: str) -> None:
    path = tmp_path / "a.parquet"
    write_rows(
        path,
        "conversations",
        [make.conversation(("user", RED, "?"), ("assistant", "Sim."), id="c7")],
    )
    changed(path, change)
    with pytest.raises(RecordError, match=f"record c7 is not valid: .*{said}") as caught:
        list(store.read_shard(path, "conversations"))
    assert "\n" not in str(caught.value)


def test_reading_refuses_what_is_not_a_whole_artifact_of_the_kind(tmp_path: Path) -> None:
    folder = make.write_artifact(tmp_path / "a", "documents", ROWS["documents"])
    with pytest.raises(ArtifactError, match="holds documents; expected conversations"):
        list(read_rows(folder, kind="conversations"))
    (folder / "manifest.json").unlink()
    with pytest.raises(ArtifactError, match=r"has no manifest\.json"):
        list(read_rows(folder))
    with pytest.raises(ArtifactError, match="does not exist"):
        list(read_rows(tmp_path / "b"))


def test_a_missing_or_cut_shard_is_named(tmp_path: Path) -> None:
    folder = make.write_artifact(tmp_path / "a", "documents", ROWS["documents"])
    shard = folder / "a-00000.parquet"
    whole = shard.read_bytes()
    shard.write_bytes(whole[:-20])
    with pytest.raises(ArtifactError, match=r"a-00000\.parquet has \d+ bytes, expected \d+"):
        list(read_rows(folder))
    with pytest.raises(ArtifactError, match=r"shard .*a-00000\.parquet is damaged"):
        list(store.read_shard(shard, "documents"))
    shard.unlink()
    with pytest.raises(ArtifactError, match=r"a-00000\.parquet is missing"):
        list(read_rows(folder))
    assert store.check(folder) == ["a-00000.parquet"]


def test_a_shard_with_changed_bytes_is_named(tmp_path: Path) -> None:
    folder = make.write_artifact(tmp_path / "a", "documents", ROWS["documents"])
    shard = folder / "a-00000.parquet"
    assert store.check(folder) == []
    data = bytearray(shard.read_bytes())
    data[4:200] = bytes(196)
    shard.write_bytes(data)
    with pytest.raises(ArtifactError, match=r"shard .*a-00000\.parquet is damaged"):
        list(read_rows(folder))
    assert store.check(folder) == ["a-00000.parquet"]


def made(
    out: Path, rows: Iterable[Row[Any]] = (), *, fingerprint: str = "f", **recipe: Any
) -> Path:
    """Make an artifact of one shard as a data run does."""
    shop = Workshop(out, fingerprint=fingerprint, recipe={"seed": 0, **recipe})
    with shop:
        write_rows(shop.partial / "a.parquet", "documents", rows)
        shop.finish("documents", out.name)
    return out


def test_an_artifact_gets_its_name_when_it_is_whole(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "a"
    shop = Workshop(out, fingerprint="f", recipe={"seed": 0})
    assert not shop.is_finished
    with shop:
        (shop.partial / "checkpoints").mkdir()
        (shop.partial / "checkpoints" / "x").write_text("x")
        write_rows(shop.partial / "a.parquet", "documents", ROWS["documents"])
        assert not out.exists()
        whole = shop.finish("documents", "a", discard=("checkpoints",))
    assert sorted(path.name for path in out.iterdir()) == ["a.parquet", "manifest.json"]
    assert [path.name for path in out.parent.iterdir()] == ["a"]
    assert [output.path for output in whole.outputs] == ["a.parquet"]
    assert manifests.read(out) == whole
    assert shop.is_finished
    assert store.check(out) == []


def test_a_stopped_run_leaves_a_partial_folder_that_the_next_one_continues(tmp_path: Path) -> None:
    out = tmp_path / "a"
    with pytest.raises(KeyboardInterrupt), Workshop(out, fingerprint="f", recipe={}) as shop:
        write_rows(shop.partial / "a.parquet", "documents", ROWS["documents"])
        raise KeyboardInterrupt
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.partial"]
    with pytest.raises(ArtifactError, match="is unfinished; run its recipe again"):
        list(read_rows(out))
    with Workshop(out, fingerprint="f", recipe={}) as shop:
        assert (shop.partial / "a.parquet").is_file()


def test_drift_names_the_changed_field(tmp_path: Path) -> None:
    out = made(tmp_path / "a", rows=[], lr=1e-3)
    other = Workshop(out, fingerprint="g", recipe={"seed": 0, "lr": 2e-3, "run": {"workers": 2}})
    with pytest.raises(
        ArtifactError, match=r"made from another recipe \(lr: 0\.001 → 0\.002\); give"
    ):
        _ = other.is_finished
    same = Workshop(out, fingerprint="g", recipe={"seed": 0, "lr": 1e-3})
    with pytest.raises(ArtifactError, match=r"\(its inputs or the code that makes it\)"):
        _ = same.is_finished


def test_a_partial_folder_of_another_recipe_is_not_continued(tmp_path: Path) -> None:
    out = tmp_path / "a"
    with pytest.raises(KeyboardInterrupt), Workshop(out, fingerprint="f", recipe={"seed": 1}):
        raise KeyboardInterrupt
    said = r"a\.partial was begun from another recipe \(seed: 1 → 2\); remove it"
    with (
        pytest.raises(ArtifactError, match=said),
        Workshop(out, fingerprint="g", recipe={"seed": 2}),
    ):
        pass
    with Workshop(out, fingerprint="f", recipe={"seed": 1}):
        pass


def test_two_runs_in_one_folder_are_one_error(tmp_path: Path) -> None:
    out = tmp_path / "a"
    with Workshop(out, fingerprint="f", recipe={}):
        with (
            pytest.raises(
                ArtifactError, match=r"another run is working on .*a; wait for it or give another"
            ),
            Workshop(out, fingerprint="f", recipe={}),
        ):
            pass
        # The one that was refused must not have taken the lock away.
        with (
            pytest.raises(ArtifactError, match="another run"),
            Workshop(out, fingerprint="f", recipe={}),
        ):
            pass
    with Workshop(out, fingerprint="f", recipe={}):
        pass


HOLD = """
import sys
from pathlib import Path
from amalia.store import Workshop
with Workshop(Path(sys.argv[1]), fingerprint="f", recipe={}):
    print("ready", flush=True)
    sys.stdin.read()
"""


def test_a_killed_run_holds_nothing(tmp_path: Path) -> None:
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "a")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"ready\n"
        with (
            pytest.raises(ArtifactError, match="another run is working on"),
            Workshop(tmp_path / "a", fingerprint="f", recipe={}),
        ):
            pass
        other.kill()
    with Workshop(tmp_path / "a", fingerprint="f", recipe={}):
        pass


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path) -> None:
    out = tmp_path / "a"
    out.mkdir()
    (out / "holiday.txt").write_text("Praia")
    with (
        pytest.raises(ArtifactError, match="exists and is not an artifact"),
        Workshop(out, fingerprint="f", recipe={}),
    ):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    (out / "holiday.txt").unlink()
    made(out)


@pytest.mark.parametrize("name", ["a.tmp", "manifest.json.tmp", "recipe.json.tmp"])
def test_a_full_disk_leaves_nothing_that_looks_finished(tmp_path: Path, name: str) -> None:
    # Writing to /dev/full fails as writing to a full disk does.
    out = tmp_path / "a"
    partial = tmp_path / "a.partial"
    partial.mkdir()
    (partial / name).symlink_to("/dev/full")
    with pytest.raises(
        ArtifactError, match=r"the disk is full while writing .*; free some space"
    ) as caught:
        made(out, ROWS["documents"])
    assert "\n" not in str(caught.value)
    assert not out.exists()
    (partial / name).unlink(missing_ok=True)
    made(out, ROWS["documents"])
    assert list(read_rows(out)) == ROWS["documents"]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(ArtifactError, match=r"cannot be written \(.*\); give another --out"),
        Workshop(tmp_path / "file" / "a", fingerprint="f", recipe={}),
    ):
        pass


def test_writers_that_hide_the_systems_error_are_understood(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class WriterError(Exception):
        pass

    with (
        pytest.raises(ArtifactError, match="the disk is full while writing"),
        store.disk_errors(tmp_path / "a", WriterError),
    ):
        raise WriterError("No space left on device (os error 28)")
    with pytest.raises(WriterError), store.disk_errors(tmp_path / "a", WriterError):
        raise WriterError("another thing")
    monkeypatch.setattr(store, "_is_full", lambda _: True)
    with pytest.raises(ArtifactError), store.disk_errors(tmp_path / "a", WriterError):
        raise WriterError("file write failed")


def test_text_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    store.write_text(path, "antes")
    (tmp_path / "a.json.tmp").symlink_to("/dev/full")
    with pytest.raises(ArtifactError, match="the disk is full"):
        store.write_text(path, "depois")
    assert path.read_text() == "antes"
