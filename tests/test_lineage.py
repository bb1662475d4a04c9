"""From an artifact back to what it was made from."""

from __future__ import annotations

import json
from pathlib import Path

import make
import pytest

from amalia import lineage
from amalia.errors import ArtifactError
from amalia.manifest import Counts, Input


def artifact(folder: Path, digit: str, *inputs: Input, **more: object) -> Input:
    """Make an artifact and give it as an input of another beside it."""
    folder.mkdir(parents=True)
    make.finish(folder, "documents", fingerprint=digit * 16, inputs=inputs, **more)
    return Input(name=folder.name, path=folder.name, fingerprint=digit * 16)


def test_the_tree_shows_inputs_indented_and_shared_ones_once(tmp_path: Path) -> None:
    prose = artifact(tmp_path / "prosa", "a", counts=Counts(records=1234))
    words = artifact(tmp_path / "palavras", "b", prose)
    gone = Input(name="torre", path=str(tmp_path / "gone"), fingerprint="c" * 16)
    artifact(tmp_path / "modelo", "d", words, gone, prose, words)
    assert lineage.tree(tmp_path / "modelo") == [
        "modelo  documents  0.0 MB  dddddddddddddddd",
        "  palavras  documents  0.0 MB  bbbbbbbbbbbbbbbb",
        "    prosa  documents  1,234 records  aaaaaaaaaaaaaaaa",
        "  torre  not here any more  cccccccccccccccc",
        "  prosa  documents  1,234 records  aaaaaaaaaaaaaaaa",
        "  palavras  documents  0.0 MB  bbbbbbbbbbbbbbbb  (above)",
    ]


def test_an_input_elsewhere_is_found_by_its_whole_path(tmp_path: Path) -> None:
    artifact(tmp_path / "elsewhere" / "prosa", "a")
    away = Input(name="prosa", path=str(tmp_path / "elsewhere" / "prosa"), fingerprint="a" * 16)
    artifact(tmp_path / "modelo", "b", away)
    assert lineage.tree(tmp_path / "modelo")[1] == "  prosa  documents  0.0 MB  aaaaaaaaaaaaaaaa"


def test_it_ends_at_published_packages_with_version_and_license(tmp_path: Path) -> None:
    pack = Input(name="pack", path=lineage.PACK, fingerprint="e" * 16)
    artifact(tmp_path / "dados", "f", pack)
    _, packed, *sources = lineage.tree(tmp_path / "dados")
    described = json.loads((lineage.packaged("pack") / "manifest.json").read_text("utf-8"))
    assert packed == "  pack  eeeeeeeeeeeeeeee"
    assert len(sources) == len(described["sources"]) > 0
    first = described["sources"][0]
    assert sources[0] == (
        f"    {first['registry']}:{first['package']} {first['version']}  {first['license']}"
    )


def test_what_is_no_artifact_has_no_lineage(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="does not exist"):
        lineage.tree(tmp_path / "nada")
