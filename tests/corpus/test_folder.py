"""A user's folder: both forms, every reason for a drop, and artifacts that finish or do not."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import make
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalia import manifest as manifests
from amalia.corpus.folder import build, read_folder
from amalia.corpus.funnel import Dropped
from amalia.errors import ArtifactError, RecordError
from amalia.records import Conversation, Row
from amalia.store import check, read_rows

Write = Callable[..., Path]
Item = Row[Conversation] | Dropped

ASK = {"role": "user", "content": "Que animal é este?"}
ANSWER = {"role": "assistant", "content": "É um gato."}
SHOW = {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "O que vês?"}]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the picture ``cat.png`` (20x12) in it, and one outside of it."""
    path = tmp_path / "mine"
    path.mkdir()
    (path / "cat.png").write_bytes(make.picture())
    (tmp_path / "outside.png").write_bytes(make.picture())
    return path


@pytest.fixture
def write(folder: Path) -> Write:
    """Write records as lines; text goes in as it is."""

    def make_file(*records: dict[str, Any] | str, name: str = "talks.jsonl") -> Path:
        lines = [item if isinstance(item, str) else json.dumps(item) for item in records]
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("\n".join(lines) + "\n", "utf-8")
        return folder

    return make_file


def read(path: Path, **more: Any) -> list[Item]:
    return list(read_folder(path, **{"language": "pt-PT", "license": "CC0-1.0", **more}))


def one(path: Path, **more: Any) -> Row[Conversation]:
    (item,) = read(path, **more)
    assert isinstance(item, Row), item
    return item


def said(row: Row[Conversation]) -> list[tuple[str, list[str]]]:
    """Give role and parts of each turn, a picture as its size."""
    return [
        (
            turn.role,
            [
                part.text if part.type == "text" else f"{part.width_px}x{part.height_px}"
                for part in turn.parts
            ],
        )
        for turn in row.record.turns
    ]


def test_text_only(write):
    row = one(write({"messages": [ASK, ANSWER], "id": 7}))
    assert said(row) == [("user", ["Que animal é este?"]), ("assistant", ["É um gato."])]
    assert (row.record.id, row.record.language) == ("7", "pt-PT")
    origin = row.record.origin
    assert (origin.source, origin.license, origin.created) == ("folder:mine", "CC0-1.0", "found")
    assert origin.parents == ("talks.jsonl:1",)


def test_what_a_record_says_comes_before_the_arguments(write):
    row = one(write({"messages": [ASK, ANSWER], "language": "mwl", "license": "MIT"}))
    assert (row.record.language, row.record.origin.license) == ("mwl", "MIT")
    assert row.record.id == "talks.jsonl:1"


@pytest.mark.parametrize("key", ["path", "image", "url"])
def test_a_part_names_its_picture(write, key):
    part = {"type": "image", key: "cat.png"}
    row = one(write({"messages": [{"role": "user", "content": [part]}, ANSWER]}))
    assert said(row)[0] == ("user", ["20x12"])
    assert list(row.images.values()) == [make.picture()]


def test_bare_parts_take_the_listed_pictures_in_order(write, folder):
    (folder / "dog.png").write_bytes(make.picture(8, 8))
    row = one(write({"messages": [SHOW, ANSWER, SHOW, ANSWER], "images": ["dog.png", "cat.png"]}))
    assert said(row)[0] == ("user", ["8x8", "O que vês?"])
    assert said(row)[2] == ("user", ["20x12", "O que vês?"])


def test_llava_placeholders_become_pictures(write):
    talk = [
        {"from": "system", "value": ""},
        {"from": "human", "value": "<image>\nQue animal é este?"},
        {"from": "gpt", "value": "É um gato."},
    ]
    row = one(write({"conversations": talk, "image": "cat.png", "id": "000"}))
    assert said(row) == [
        ("system", []),
        ("user", ["20x12", "Que animal é este?"]),
        ("assistant", ["É um gato."]),
    ]
    assert row.record.id == "000"


def test_llava_text_stays_around_several_pictures(write):
    talk = [
        {"from": "human", "value": "Antes <image> e depois <image>"},
        {"from": "gpt", "value": "!"},
    ]
    row = one(write({"conversations": talk, "image": ["cat.png", "cat.png"]}))
    assert said(row)[0] == ("user", ["Antes", "20x12", "e depois", "20x12"])


def test_a_json_file_with_a_list_is_read_and_one_with_an_object_is_not(write, folder):
    write(json.dumps([{"messages": [ASK, ANSWER]}] * 2, indent=2), name="list.json")
    write(json.dumps({"version": 1}), name="info.json")
    items = read(folder)
    assert [row.record.id for row in items] == ["list.json:1", "list.json:2"]


def test_parquet_with_bytes_and_paths(folder):
    content = pa.list_(pa.struct([("type", pa.string()), ("text", pa.string())]))
    schema = pa.schema(
        [
            ("messages", pa.list_(pa.struct([("role", pa.string()), ("content", content)]))),
            ("images", pa.list_(pa.struct([("bytes", pa.binary()), ("path", pa.string())]))),
            ("language", pa.string()),
            ("notes", pa.string()),
        ]
    )
    answer = {"role": "assistant", "content": [{"type": "text", "text": "É um gato."}]}
    pictures = [{"bytes": make.picture(8, 8), "path": None}], [{"bytes": None, "path": "cat.png"}]
    rows = [{"messages": [SHOW, answer], "images": images} for images in pictures]
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), folder / "train.parquet")
    items = read(folder)
    assert [said(row)[0][1][0] for row in items] == ["8x8", "20x12"]
    assert [row.record.id for row in items] == ["train.parquet:1", "train.parquet:2"]


def test_pictures_are_found_beside_the_file_or_from_the_top(write, folder):
    (folder / "deep").mkdir()
    (folder / "deep" / "near.png").write_bytes(make.picture(8, 8))
    for image in ("near.png", "../cat.png", "cat.png"):
        row = one(write({"messages": [SHOW, ANSWER], "image": image}, name="deep/talks.jsonl"))
        assert len(row.images) == 1


def test_files_are_read_in_order_and_blank_lines_are_nothing(write, folder):
    write({"messages": [ASK, ANSWER]}, "", {"messages": [ASK, ANSWER]}, name="b.jsonl")
    write("\ufeff" + json.dumps({"messages": [ASK, ANSWER]}), name="a.jsonl")
    assert [row.record.id for row in read(folder)] == ["a.jsonl:1", "b.jsonl:1", "b.jsonl:3"]


def test_large_pictures_shrink(write, folder):
    (folder / "wide.png").write_bytes(make.picture(64, 16))
    row = one(write({"messages": [SHOW, ANSWER], "image": "wide.png"}), max_side_px=32)
    assert said(row)[0][1][0] == "32x8"


def talk(*turns: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"messages": list(turns), **more}


BAD = {
    "{": "not_json",
    "[1, 2]": "not_json",
    "[" * 100_000: "not_json",
    "{}": "no_messages",
    json.dumps(talk()): "no_messages",
    json.dumps({"messages": "olá"}): "no_messages",
    json.dumps(talk("olá")): "bad_content",
    json.dumps(talk({"role": "user", "content": 3}, ANSWER)): "bad_content",
    json.dumps(talk({"role": "user", "content": [{"type": "video"}]}, ANSWER)): "bad_content",
    json.dumps(talk({"role": "user", "content": [{"type": "text"}]}, ANSWER)): "bad_content",
    json.dumps(talk({"role": "user", "content": ["olá"]}, ANSWER)): "bad_content",
    json.dumps(talk({"role": "user", "content": "\ud800"}, ANSWER)): "bad_content",
    json.dumps({"conversations": [{"from": "human", "value": None}]}): "bad_content",
    json.dumps(talk({"role": "tool", "content": "olá"}, ANSWER)): "unknown_role",
    json.dumps(talk({"content": "olá"}, ANSWER)): "unknown_role",
    json.dumps(talk({"role": ["user"], "content": "olá"}, ANSWER)): "unknown_role",
    json.dumps(talk(ASK)): "no_assistant_turn",
    json.dumps(talk({"role": "user", "content": "Vês <image>?"}, ANSWER)): "reserved_token",
    json.dumps(talk(ASK, {"role": "assistant", "content": "Sim.</s>"})): "reserved_token",
    json.dumps(talk(ASK, ANSWER, {"role": "system", "content": "Olá"})): "system_not_first",
    json.dumps(talk(ASK, {"role": "assistant", "content": " \n"})): "empty_answer",
    json.dumps(talk(ASK, {"role": "assistant", "content": None})): "empty_answer",
    json.dumps(talk({"role": "user", "content": ""}, ANSWER)): "empty_question",
    json.dumps(talk(ASK, {**SHOW, "role": "assistant"}, image="cat.png")): "image_in_answer",
    json.dumps(talk(ASK, ANSWER, images=["cat.png"])): "image_count",
    json.dumps(talk(SHOW, ANSWER)): "image_count",
    json.dumps(talk(SHOW, ANSWER, images=["cat.png"] * 2)): "image_count",
    json.dumps(talk(SHOW, ANSWER, image="../outside.png")): "image_outside",
    json.dumps(talk(SHOW, ANSWER, image="/etc/hostname")): "image_outside",
    json.dumps(talk(SHOW, ANSWER, image="https://example.org/cat.png")): "image_outside",
    json.dumps(talk(SHOW, ANSWER, image="link.png")): "image_outside",
    json.dumps(talk(SHOW, ANSWER, image="missing.png")): "image_unreadable",
    json.dumps(talk(SHOW, ANSWER, image="\0.png")): "image_unreadable",
    json.dumps(talk(SHOW, ANSWER, image="x" * 5000)): "image_unreadable",
    json.dumps(talk(SHOW, ANSWER, images=[3])): "image_unreadable",
    json.dumps(talk(SHOW, ANSWER, image="empty.png")): "image_unreadable",
    json.dumps(talk(SHOW, ANSWER, image="talks.jsonl")): "image_unreadable",
    json.dumps(talk(SHOW, ANSWER, image="dot.png")): "image_too_small",
    json.dumps(talk(SHOW, ANSWER, image="thread.png")): "image_aspect",
    json.dumps(talk(SHOW, ANSWER, image="huge.png")): "image_too_large",
    json.dumps(talk(ASK, ANSWER, language="Portuguese")): "bad_language",
    json.dumps(talk(ASK, ANSWER, language=5)): "no_language",
    json.dumps(talk(ASK, ANSWER, license=["MIT"])): "no_license",
}


@pytest.mark.parametrize("line", BAD, ids=lambda line: line[:70])
def test_a_bad_record_is_dropped_and_its_neighbours_are_not(write, folder, line):
    (folder / "empty.png").touch()
    (folder / "link.png").symlink_to(folder.parent / "outside.png")
    (folder / "dot.png").write_bytes(make.picture(1, 1))
    (folder / "thread.png").write_bytes(make.picture(800, 4))
    if "huge" in line:
        (folder / "huge.png").write_bytes(make.picture(8000, 8000))
    first, bad, last = read(write(talk(ASK, ANSWER), line, talk(ASK, ANSWER)))
    assert isinstance(first, Row)
    assert isinstance(last, Row)
    assert isinstance(bad, Dropped)
    assert bad.reason == BAD[line]
    assert bad.name == "talks.jsonl:2"
    assert bad.detail.startswith("talks.jsonl:2: ")
    assert "\n" not in bad.detail


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)
PARTS = st.fixed_dictionaries(
    {"type": st.sampled_from(["text", "image"]) | VALUES},
    optional={"text": VALUES, "path": st.just("cat.png") | VALUES},
)
TURNS = st.fixed_dictionaries(
    {},
    optional={
        "role": st.sampled_from(["system", "user", "assistant"]) | VALUES,
        "content": VALUES | st.lists(PARTS, max_size=3),
        "from": st.sampled_from(["human", "gpt"]) | VALUES,
        "value": st.sampled_from(["<image>", "<image>\nO que é?", "Olá."]) | VALUES,
    },
)
RECORDS = st.fixed_dictionaries(
    {},
    optional={
        "messages": VALUES | st.lists(TURNS, max_size=3),
        "conversations": VALUES | st.lists(TURNS, max_size=3),
        "images": VALUES | st.lists(st.just("cat.png") | VALUES, max_size=2),
        "id": VALUES,
        "language": VALUES,
        "license": VALUES,
    },
)


@given(st.lists(RECORDS | VALUES, min_size=1, max_size=4))
def test_whatever_stands_in_a_line_is_a_record_or_a_drop(records):
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "cat.png").write_bytes(make.picture())
        (folder / "a.jsonl").write_text("\n".join(json.dumps(record) for record in records))
        items = read(folder)
    assert len(items) == len(records)
    for item in items:
        if isinstance(item, Dropped):
            assert item.detail.isprintable()
        else:
            assert item.record.turns


def test_deep_and_long_values_are_shown_short(write):
    deep: Any = "fundo"
    for _ in range(900):
        deep = [deep]
    bad = read(
        write(talk(ASK, {"role": "assistant", "content": {"a": deep}}), {"messages": "a" * 999})
    )
    assert [item.reason for item in bad] == ["bad_content", "no_messages"]
    assert all(len(item.detail) < 200 for item in bad)


def test_text_that_is_not_utf_8_is_not_json(folder):
    (folder / "talks.jsonl").write_bytes('{"messages": "olá"}'.encode("latin-1"))
    (bad,) = read(folder)
    assert bad.reason == "not_json"
    assert "not UTF-8" in bad.detail


def test_a_damaged_json_file_is_one_drop(write):
    (bad,) = read(write("[{", name="list.json"))
    assert (bad.name, bad.reason) == ("list.json:1", "not_json")


def test_an_id_may_stand_once(write):
    first, second = read(write(talk(ASK, ANSWER, id="a"), talk(ASK, ANSWER, id="a")))
    assert isinstance(first, Row)
    assert (second.name, second.reason) == ("talks.jsonl:2", "duplicate_id")


def test_language_and_license_have_no_default(write):
    path = write(talk(ASK, ANSWER))
    assert [item.reason for item in read(path, language=None)] == ["no_language"]
    assert [item.reason for item in read(path, license=None)] == ["no_license"]
    with pytest.raises(RecordError, match="language 'pt_PT' is not a tag"):
        read(path, language="pt_PT")


def test_a_folder_without_records_is_refused(folder):
    with pytest.raises(ArtifactError, match=r"holds no \.jsonl"):
        read(folder)
    with pytest.raises(ArtifactError, match="there is no folder"):
        read(folder / "nowhere")


def test_a_damaged_parquet_file_is_refused(folder):
    (folder / "train.parquet").write_bytes(b"PAR1 and nothing more")
    with pytest.raises(ArtifactError, match=r"train\.parquet is damaged"):
        read(folder)


def make_artifact(folder: Path, **more: Any) -> manifests.Manifest:
    given = {"name": "mine", "language": "pt-PT", "license": "CC0-1.0", **more}
    return build(folder, given.pop("out", folder.parent / "out"), **given)


def test_build_counts_what_it_keeps_and_drops(write, folder):
    good = [talk(SHOW, ANSWER, image="cat.png")] * 30
    write(*good, *[talk()] * 22, "{")
    manifest = make_artifact(folder, max_error_fraction=0.5)
    out = folder.parent / "out"
    assert manifest.counts.records == 30
    assert manifest.counts.dropped == {"no_messages": 22, "not_json": 1}
    assert manifest.counts.licenses == {"CC0-1.0": 30}
    assert (manifest.kind, manifest.name) == ("conversations", "mine")
    lines = [json.loads(line) for line in (out / "dropped.jsonl").read_text().splitlines()]
    assert [line["reason"] for line in lines] == ["no_messages"] * 20 + ["not_json"]
    assert lines[0]["name"] == "talks.jsonl:31"
    assert check(out) == []
    rows = list(read_rows(out, kind="conversations"))
    assert len(rows) == 30
    assert rows[0].images[rows[0].record.images[0].sha256] == make.picture()


def test_build_writes_shards_of_500(write, folder):
    manifest = make_artifact(write(*[talk(ASK, ANSWER)] * 501))
    assert [output.path for output in manifest.outputs] == [
        "mine-00000.parquet",
        "mine-00001.parquet",
    ]
    assert len(list(read_rows(folder.parent / "out"))) == 501


def test_build_does_nothing_twice_and_notices_a_mended_picture(write, folder):
    write(talk(SHOW, ANSWER, image="cat.png"))
    manifest = make_artifact(folder)
    assert make_artifact(folder) == manifest
    (folder / "cat.png").write_bytes(make.picture(color="blue"))
    with pytest.raises(ArtifactError, match="was made from another recipe"):
        make_artifact(folder)


def test_too_many_bad_records_finish_nothing_and_can_be_mended(write, folder):
    write(*[talk(ASK, ANSWER)] * 7, *[talk(ASK)] * 2, "{")
    out = folder.parent / "out"
    with pytest.raises(ArtifactError) as caught:
        make_artifact(folder)
    message = str(caught.value)
    assert message.startswith(
        "mine: 3 of 10 records are bad (30.0%: no_assistant_turn 2, not_json 1), "
        "expected at most 10.0%"
    )
    assert "the first: talks.jsonl:8: no assistant turn" in message
    assert "\n" not in message
    assert not out.exists()
    partial = folder.parent / "out.partial"
    assert [path.name for path in partial.iterdir()] == ["dropped.jsonl"]
    write(*[talk(ASK, ANSWER)] * 10)
    assert make_artifact(folder).counts.records == 10
    assert not (out / "dropped.jsonl").exists()


def test_nothing_good_is_refused_whatever_the_limit(write, folder):
    with pytest.raises(ArtifactError, match=r"1 of 1 records are bad"):
        make_artifact(write(talk()), max_error_fraction=1.0)
    (folder / "talks.jsonl").write_text("\n")
    with pytest.raises(ArtifactError, match="there are no records"):
        make_artifact(folder)
    assert not (folder.parent / "out.partial").exists()


def test_build_refuses_to_write_where_it_reads(write, folder):
    with pytest.raises(ArtifactError, match="lies in"):
        make_artifact(write(talk(ASK, ANSWER)), out=folder / "out")
    with pytest.raises(ArtifactError, match="expected 0 to 1"):
        make_artifact(folder, max_error_fraction=10)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_is_named(write, folder):
    write(talk(ASK, ANSWER))
    (folder / "cat.png").chmod(0)
    with pytest.raises(ArtifactError, match=r"cat\.png cannot be read"):
        make_artifact(folder)


def test_datasets_reads_the_artifact_as_it_is(write, folder, tmp_path):
    datasets = pytest.importorskip("datasets")
    write(*[talk(SHOW, ANSWER, image="cat.png")] * 2, talk())
    make_artifact(folder, max_error_fraction=0.5)
    table = datasets.load_dataset(
        str(folder.parent / "out"), split="train", cache_dir=str(tmp_path / "cache")
    )
    assert table.num_rows == 2
    assert table[0]["images"][0].size == (20, 12)
