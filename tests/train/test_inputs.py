"""Where a manifest says its inputs are, so that lineage finds them from anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import make
import pytest

from amalia import lineage
from amalia.errors import ArtifactError
from amalia.train.inputs import inputs_of, seen_from
from amalia.train.stage import Places, Stage


def stage(*references: str) -> Stage:
    model, *data = references
    tree: dict[str, Any] = {
        "name": "teste",
        "start": {"kind": "model", "model": model},
        "objective": {"kind": "next_token"},
        "trainable": {"language": {"lr": 1e-3}},
        "mixture": [{"artifact": name, "weight": 1} for name in data],
        "steps": 1,
        "batch": 1,
        "max_tokens": 8,
    }
    return Stage.model_validate(tree)


def artifact(folder: Path) -> None:
    folder.mkdir(parents=True)
    make.finish(folder, "conversations")


def test_an_input_named_from_the_working_folder_is_found_from_the_artifact(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    artifact(tmp_path / "runs/mini/dpo")
    artifact(tmp_path / "runs/meus/conversas")
    places = Places(Path("runs/meus/teste"), Path("runs/meus"), tmp_path)
    found = inputs_of(stage("runs/mini/dpo", "conversas"), places)
    assert [item.path for item in found] == [str(tmp_path / "runs/mini/dpo"), "conversas"]
    (tmp_path / "runs/meus/teste").mkdir()
    make.finish(tmp_path / "runs/meus/teste", "model", inputs=found)
    assert not any("not here any more" in line for line in lineage.tree(places.out))


def test_inputs_of_another_run_need_not_be_there(tmp_path: Path) -> None:
    names = ("inicio", "hub:org/nome@main", "package:pack", "s3://balde/conversas")
    for name in ("inicio", "conversas"):
        artifact(tmp_path / name)
    places = Places(tmp_path / "teste", tmp_path, tmp_path)
    known = inputs_of(stage("inicio", "conversas"), places)
    others = tuple(known[0].model_copy(update={"name": name}) for name in names)
    elsewhere = Places(tmp_path / "longe/teste", tmp_path / "nada", tmp_path)
    assert [item.path for item in seen_from(elsewhere, others)] == [
        str(tmp_path / "nada/inicio"), *names[1:],
    ]  # fmt: skip


def test_data_of_another_form_is_refused_with_what_to_do(tmp_path: Path) -> None:
    artifact(tmp_path / "inicio")
    (tmp_path / "dados").mkdir()
    (tmp_path / "dados/train.parquet").write_bytes(b"")
    places = Places(tmp_path / "teste", tmp_path, tmp_path)
    with pytest.raises(
        ArtifactError, match=r"dados is data of another form .*make: folder, path: "
    ):
        inputs_of(stage("inicio", "dados"), places)
