"""Every record looked at: lengths as they are trained on, headers without pixels, and what is wrong."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import make
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import amalia.plan.survey
from amalia.model.fork import fork_of
from amalia.model.render import Renderer
from amalia.plan.survey import NAMES_SHOWN, survey, wrong_with
from amalia.records import Image
from amalia.train.stage import Stage

Build = Callable[..., Stage]


def test_counts_are_those_of_the_rendered_records(
    build_stage: Build, tmp_path: Path, tiny_model: Path
) -> None:
    rows = [
        make.conversation(("user", make.picture(), "Que cor?"), ("assistant", "Azul."), id="a"),
        make.conversation(id="b"),
    ]
    renderer = Renderer.load(tiny_model)
    folder = make.write_artifact(tmp_path / "dados", "conversations", rows)
    found = survey(folder, build_stage(), renderer)
    rendered = [renderer.conversation(row) for row in rows]
    assert found.tokens.tolist() == found.longest.tolist() == [len(one.ids) for one in rendered]
    assert found.supervised.tolist() == [sum(one.supervised) for one in rendered]
    assert found.tiles.tolist() == [len(one.tiles) for one in rendered]
    assert (found.num_bad, found.bad, found.name_of(1)) == (0, [], "b")
    assert found.licenses == {"CC0-1.0": 2}


def test_pairs_count_their_prompt_once(
    build_stage: Build, tmp_path: Path, tiny_model: Path
) -> None:
    rows = [make.preference(("user", make.picture(), "O que vês?"), chosen="Um gato e um cão.")]
    renderer = Renderer.load(tiny_model)
    folder = make.write_artifact(tmp_path / "pares", "preferences", rows)
    found = survey(folder, build_stage(objective={"kind": "dpo"}), renderer)
    fork = fork_of(renderer, rows[0])
    assert found.tokens.tolist() == [len(fork)]
    assert found.longest.tolist() == [fork.longest]
    assert found.supervised.tolist() == [sum(map(len, fork.answers))]


def test_captions_are_one_tile_and_must_have_one_picture(
    build_stage: Build, tmp_path: Path, tiny_language: Path
) -> None:
    rows = [make.preference(("user", make.picture())), make.preference(id="sem")]
    stage = build_stage(
        start={
            "kind": "siglip",
            "tokenizer": "t",
            "tower": make.TOWER.model_dump(),
            "text": make.TEXT_TOWER.model_dump(),
        },
        objective={"kind": "contrast"},
        trainable={"vision": {"lr": 1e-3}},
    )
    folder = make.write_artifact(tmp_path / "legendas", "preferences", rows)
    found = survey(folder, stage, Renderer.load(tiny_language))
    assert found.tiles.tolist() == [1, 0]
    assert found.bad == [("sem", "it has 0 pictures; the loss wants one")]


def test_documents_are_runs_of_full_length(
    build_stage: Build, tmp_path: Path, tiny_model: Path
) -> None:
    rows = [make.document(text, id=f"d{n}") for n, text in enumerate(make.TEXTS * 4)]
    renderer = Renderer.load(tiny_model)
    folder = make.write_artifact(tmp_path / "prosa", "documents", rows)
    total = sum(len(renderer.text(row.record.text).ids) for row in rows)
    found = survey(folder, build_stage(max_tokens=50), renderer)
    assert found.tokens.tolist() == [50] * (total // 50)
    assert found.name_of(3) == "prosa[3]"


def replaced(folder: Path, number: int, **values: object) -> None:
    """Change columns of one row behind the back of the artifact."""
    (path,) = folder.glob("*.parquet")
    table = pq.read_table(path)
    rows = table.to_pylist()
    rows[number] |= values
    pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), path)
    (folder / "manifest.json").unlink()


def test_a_header_that_is_not_as_recorded_is_told_with_the_record(
    build_stage: Build, tmp_path: Path, tiny_model: Path
) -> None:
    rows = [
        make.conversation(
            ("user", make.picture(20 + n, 12), "Que cor?"), ("assistant", "Azul."), id=f"c{n}"
        )
        for n in range(9)
    ]
    folder = make.write_artifact(tmp_path / "dados", "conversations", rows)
    for number in range(1, 8):
        replaced(folder, number, image_sizes_px=[[12, 99]])
        (folder / "manifest.json").touch()
    (folder / "manifest.json").unlink()
    found = survey(folder, build_stage(), Renderer.load(tiny_model))
    digest = rows[1].record.images[0].sha256[:12]
    assert found.num_bad == 7
    assert len(found.bad) == NAMES_SHOWN
    assert found.bad[0] == ("c1", f"picture {digest} is 21 × 12 px, recorded as 99 × 12")
    assert found.usable(96).tolist() == [0, 8]


def test_a_record_that_breaks_a_rule_is_told_by_its_row(
    build_stage: Build, tmp_path: Path, tiny_model: Path
) -> None:
    rows = [make.conversation(id="bom"), make.conversation(id="mau")]
    folder = make.write_artifact(tmp_path / "dados", "conversations", rows)
    replaced(
        folder, 1, messages=[{"role": "assistant", "content": [{"type": "image", "text": None}]}]
    )
    found = survey(folder, build_stage(), Renderer.load(tiny_model))
    (bad,) = found.bad
    assert bad.name == "row 1"
    assert "mentions 1 pictures" not in bad.wrong
    assert "mau" in bad.wrong


def test_without_a_tokenizer_headers_are_looked_at_all_the_same(
    build_stage: Build, tmp_path: Path
) -> None:
    row = make.conversation(("user", make.picture(), "Que cor?"), ("assistant", "Azul."))
    folder = make.write_artifact(tmp_path / "dados", "conversations", [row])
    found = survey(folder, build_stage(), None)
    assert not found.is_measured
    assert (found.rows, found.num_bad) == (1, 0)


def test_pixels_are_not_decoded() -> None:
    whole = make.picture(64, 48, noise=1)
    image = make.image(whole)
    assert wrong_with(image, whole[:60]) is None
    assert wrong_with(image, b"") == f"picture {image.sha256[:12]} has no header that can be read"


@given(st.binary(max_size=200))
def test_no_bytes_are_too_strange_for_a_header(data: bytes) -> None:
    image = Image(sha256="0" * 64, width_px=7, height_px=5)
    assert wrong_with(image, data) is not None


@pytest.mark.parametrize(("limit", "usable"), [(30, []), (10_000, [0, 1])])
def test_what_is_too_long_is_numbered(
    build_stage: Build, tmp_path: Path, tiny_model: Path, limit: int, usable: list[int]
) -> None:
    rows = [make.conversation(id="a"), make.conversation(id="b")]
    folder = make.write_artifact(tmp_path / "dados", "conversations", rows)
    found = survey(folder, build_stage(), Renderer.load(tiny_model))
    assert found.usable(limit).tolist() == usable
    assert np.union1d(found.usable(limit), found.too_long(limit)).tolist() == [0, 1]


@pytest.mark.parametrize("workers", [1, 2])
def test_spans_and_processes_change_nothing(
    build_stage: Build,
    tmp_path: Path,
    tiny_model: Path,
    workers: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Threads in place of processes, which take seconds to start.
    monkeypatch.setattr(
        amalia.plan.survey, "ProcessPoolExecutor", lambda count, **_: ThreadPoolExecutor(count)
    )
    rows = [make.conversation(("user", "Olá." * n), ("assistant", "Sim.")) for n in range(1, 8)]
    folder = make.write_artifact(tmp_path / "dados", "conversations", rows)
    renderer = Renderer.load(tiny_model)
    whole = survey(folder, build_stage(), renderer)
    parts = survey(folder, build_stage(), renderer, workers=workers, span=4)
    assert parts.tokens.tolist() == whole.tokens.tolist()
    assert parts.supervised.tolist() == whole.supervised.tolist()
