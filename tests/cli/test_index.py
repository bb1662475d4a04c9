"""``amalia index``: one line when it is done, one when it is not."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from amalia.cli.app import app
from amalia.errors import AmaliaError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "guias"
    made.mkdir()
    (made / "museu.md").write_text("# Museu\n\nAbre às dez.\n", "utf-8")
    (made / "foto.png").write_bytes(b"x")
    return made


def test_a_folder_is_indexed(folder: Path, tmp_path: Path) -> None:
    out = str(tmp_path / "index")
    said = ["--license", "CC0-1.0", "--language", "pt-PT"]
    result = CliRunner().invoke(app, ["index", str(folder), "encoder=null", "--out", out, *said])
    assert result.exit_code == 0, result.output
    assert (
        result.stdout == f"{out}: 1 documents, 1 passages, encoder none; left out: other_format 1\n"
    )


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ([], "have no licence"),
        (["--license", "CC0-1.0"], "have no language"),
        (["max_chars=5"], "max_chars"),
        (["encoder.kind=magia"], "encoder"),
    ],
)
def test_what_is_wrong_is_told(folder: Path, tmp_path: Path, more: list[str], told: str) -> None:
    result = CliRunner().invoke(app, ["index", str(folder), *more, "--out", str(tmp_path / "x")])
    assert isinstance(result.exception, AmaliaError)
    assert told in str(result.exception)
