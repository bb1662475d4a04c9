"""Manifests: what an artifact is, and refusing what is not a finished one."""

from __future__ import annotations

import subprocess
from pathlib import Path

import make
import pytest

from amalia import manifest as manifests
from amalia.errors import ArtifactError
from amalia.manifest import Counts, Manifest


def artifact(folder: Path, **more: object) -> Path:
    folder.mkdir(parents=True)
    (folder / "data.txt").write_text("abc")
    return make.finish(folder, "documents", **more)


def test_a_manifest_is_read_back_as_it_was_written(tmp_path: Path) -> None:
    counts = Counts(records=3, dropped={"too_short": 1}, licenses={"CC0-1.0": 3})
    folder = artifact(
        tmp_path / "prosa", counts=counts, seed=7, figures={"seconds": 1.5, "device": "cpu"}
    )
    found = manifests.read(folder)
    assert (found.kind, found.name, found.seed, found.counts) == ("documents", "prosa", 7, counts)
    assert found.figures == {"seconds": 1.5, "device": "cpu"}
    assert found.bytes == 3
    assert Manifest.model_validate_json(found.model_dump_json()) == found


def refused(folder: Path) -> str:
    with pytest.raises(ArtifactError) as caught:
        manifests.read(folder)
    message = str(caught.value)
    assert "\n" not in message
    assert str(folder) in message
    return message


def test_what_is_not_a_finished_artifact_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "prosa"
    assert "does not exist; run the recipe that makes it" in refused(folder)
    (tmp_path / "prosa.partial").mkdir()
    assert "is unfinished; run its recipe again to complete it" in refused(folder)
    (tmp_path / "prosa.partial").rmdir()
    folder.mkdir()
    assert "has no manifest.json, so it is not a finished artifact" in refused(folder)


@pytest.mark.parametrize("text", ["", "{", "[]", '{"kind": "documents"}', '{"kind": "poems"}'])
def test_a_damaged_manifest_is_refused(tmp_path: Path, text: str) -> None:
    folder = artifact(tmp_path / "prosa")
    (folder / "manifest.json").write_text(text)
    assert "manifest.json is damaged; remove" in refused(folder)


def test_missing_and_cut_files_are_refused(tmp_path: Path) -> None:
    folder = artifact(tmp_path / "prosa")
    (folder / "data.txt").write_text("ab")
    assert "data.txt has 2 bytes, expected 3; remove" in refused(folder)
    (folder / "data.txt").unlink()
    assert "data.txt is missing; remove" in refused(folder)


def test_code_and_environment_say_what_ran(monkeypatch: pytest.MonkeyPatch) -> None:
    assert manifests.code().version == "0.1.0"
    found = manifests.environment(("pyarrow", "no-such-package"))
    assert set(found) == {"python", "machine", "pyarrow"}

    def no_git(*_: object, **__: object) -> None:
        raise FileNotFoundError("git")

    monkeypatch.setattr(subprocess, "run", no_git)
    assert (manifests.code().commit, manifests.code().dirty) == (None, None)


def test_the_command_leaves_the_place_of_the_program_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["/somewhere/bin/amalia", "run", "a.yaml", "seed=2"])
    assert manifests.command() == "amalia run a.yaml seed=2"


def test_times_are_utc_to_the_second() -> None:
    moment = manifests.now()
    assert moment.utcoffset() is not None
    assert moment.microsecond == 0
