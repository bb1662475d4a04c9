"""``amalia data fetch``: what it prints."""

from __future__ import annotations

import importlib.metadata

import pytest
import typer
from typer.testing import CliRunner

from amalia.cli.data_fetch import data_fetch


@pytest.mark.usefixtures("registry")
def test_it_says_what_was_fetched(tmp_path, monkeypatch):
    version = importlib.metadata.version

    def missing(name: str) -> str:
        if name == "resvg-py":
            raise importlib.metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)
    app = typer.Typer()
    app.command()(data_fetch)
    out = tmp_path / "out"
    result = CliRunner().invoke(app, ["tuxpaint-stamps-default", "--out", str(out)])
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        "tuxpaint-stamps-default: 950 drawings and photographs, captions in pt-PT and pt-BR",
        "package  tuxpaint-stamps-default_1.0_all.deb (debian)",
        "licence  GPL-2.0-only; it holds for whatever you publish with these records",
        f"{out}/stamps  4 conversations",
        "  not used: no_picture 1, no_rasterizer 1",
        f"{out}/stamps-preferences  1 preferences",
        "  not used: no_picture 1, no_pt_br_caption 1, no_rasterizer 1, same_caption 1, "
        "same_words 1",
        "no_rasterizer: these are SVG drawings; run  pip install 'amalia[corpus]', "
        f"remove {out}, and fetch again",
    ]
