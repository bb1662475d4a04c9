"""Captioned stamps → conversations in pt-PT and preferences over pt-BR."""

from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path

import make
import pytest

from amalia.corpus import stamps as module
from amalia.corpus.stamps import build, done
from amalia.errors import ArtifactError
from amalia.manifest import Input
from amalia.store import read_rows

PACKAGE = Input(
    name="tuxpaint-stamps-default", path="t_1.0_all.deb", fingerprint="0123456789abcdef"
)

# Draws what it is asked for as a blue rectangle twice as high as wide.
RASTERIZER = """
import io
from PIL import Image

def svg_to_bytes(*, svg_path, dpi, skip_system_fonts, width=None, height=None):
    if "broken" in svg_path:
        raise ValueError("no root element")
    width = width or height // 2
    out = io.BytesIO()
    Image.new("RGBA", (width, width * 2), "blue").save(out, "PNG")
    return out.getvalue()
"""


@pytest.fixture
def no_rasterizer(monkeypatch: pytest.MonkeyPatch) -> None:
    version = importlib.metadata.version

    def missing(name: str) -> str:
        if name == "resvg-py":
            raise importlib.metadata.PackageNotFoundError(name)
        return version(name)

    monkeypatch.setattr(importlib.metadata, "version", missing)


@pytest.fixture
def rasterizer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A library of the rasterizer's name, installed before any real one."""
    library = tmp_path / "library"
    (library / "resvg_py-0.0.1.dist-info").mkdir(parents=True)
    metadata = "Metadata-Version: 2.1\nName: resvg-py\nVersion: 0.0.1\n"
    (library / "resvg_py-0.0.1.dist-info" / "METADATA").write_text(metadata)
    (library / "resvg_py.py").write_text(RASTERIZER)
    monkeypatch.delitem(sys.modules, "resvg_py", raising=False)
    monkeypatch.syspath_prepend(library)
    yield
    sys.modules.pop("resvg_py", None)


@pytest.mark.usefixtures("rasterizer")
def test_conversations_answer_with_the_caption(stamps, tmp_path):
    manifest, _ = build(stamps, tmp_path / "out", package=PACKAGE)
    assert manifest.counts.records == 5
    assert manifest.counts.dropped == {"no_picture": 1}
    assert manifest.counts.licenses == {"GPL-2.0-only": 5}
    assert manifest.recipe["rasterizer"] == "resvg-py 0.0.1"
    rows = list(read_rows(tmp_path / "out" / "stamps", kind="conversations"))
    assert {row.record.id: row.record.turns[1].text for row in rows} == {
        "stamps/animals/birds/duck": "Um pato.",
        "stamps/clothes/jeans": "Umas calças de ganga azuis.",
        "stamps/plants/tree": "Uma árvore de Natal.",
        "stamps/seasonal/present": "Um presente.",
        "stamps/vehicles/bus": "Um autocarro.",
    }
    for row in rows:
        asked, answered = row.record.turns
        assert (asked.role, answered.role, row.record.language) == ("user", "assistant", "pt-PT")
        assert len(asked.images) == 1
        assert asked.text in module._REQUESTS
    duck, bus = rows[0].record, rows[4].record
    assert rows[0].images[duck.images[0].sha256] == make.picture(20, 12)
    assert (bus.images[0].width_px, bus.images[0].height_px) == (128, 256)
    assert duck.origin.parents == ("animals/birds/duck",)


@pytest.mark.usefixtures("rasterizer")
def test_preferences_are_pairs_that_differ_in_words(stamps, tmp_path):
    _, manifest = build(stamps, tmp_path / "out", package=PACKAGE)
    assert manifest.counts.records == 2
    assert manifest.counts.dropped == {
        "no_picture": 1,
        "no_pt_br_caption": 1,
        "same_caption": 1,
        "same_words": 1,
    }
    rows = list(read_rows(tmp_path / "out" / "stamps-preferences", kind="preferences"))
    pairs = [(row.record.chosen.text, row.record.rejected.text) for row in rows]
    assert pairs == [
        ("Umas calças de ganga azuis.", "Uma calça jeans."),
        ("Um autocarro.", "Um ônibus."),
    ]
    assert {row.record.reason for row in rows} == {"variety_pt_br"}
    talks = {
        row.record.id: row.record.turns[0].text for row in read_rows(tmp_path / "out" / "stamps")
    }
    assert rows[1].record.prompt.turns[0].text == talks["stamps/vehicles/bus"]


@pytest.mark.usefixtures("no_rasterizer")
def test_a_drawing_without_a_rasterizer_is_dropped(stamps, tmp_path):
    conversations, preferences = build(stamps, tmp_path / "out", package=PACKAGE)
    assert conversations.counts.dropped == {"no_picture": 1, "no_rasterizer": 1}
    assert preferences.counts.records == 1
    dropped = (tmp_path / "out" / "stamps" / "dropped.jsonl").read_text()
    assert "vehicles/bus: an SVG, and nothing to draw it: run  pip install" in dropped


@pytest.mark.usefixtures("rasterizer")
def test_bad_stamps_are_dropped_with_their_reason(stamps, tmp_path):
    root = stamps / "usr/share/tuxpaint/stamps"
    (root / "broken.txt").write_text("pt.utf8=Uma coisa.")
    (root / "broken.svg").write_text("<svg")
    (root / "silent.txt").write_text("A thing.\npt_BR.utf8=Uma coisa.")
    (root / "torn.txt").write_text("pt.utf8=Uma coisa.")
    (root / "torn.png").write_bytes(make.picture()[:40])
    conversations, _ = build(stamps, tmp_path / "out", package=PACKAGE)
    assert conversations.counts.records == 5
    assert conversations.counts.dropped == {"image_unreadable": 2, "no_caption": 1, "no_picture": 1}


@pytest.mark.usefixtures("no_rasterizer")
def test_what_is_there_is_left_alone_and_another_version_refused(stamps, tmp_path):
    out = tmp_path / "out"
    assert done(out, package=PACKAGE) == ()
    made = build(stamps, out, package=PACKAGE)
    assert done(out, package=PACKAGE) == made
    assert build(stamps, out, package=PACKAGE) == made
    newer = PACKAGE.model_copy(update={"path": "t_2.0_all.deb", "fingerprint": "f" * 16})
    with pytest.raises(ArtifactError, match=r"t_1\.0_all\.deb' → 't_2\.0_all\.deb"):
        done(out, package=newer)


def test_a_package_of_another_layout_is_refused(tmp_path):
    with pytest.raises(ArtifactError, match="has no captions in"):
        build(tmp_path, tmp_path / "out", package=PACKAGE)


def test_the_real_rasterizer_draws_sizes_in_points(stamps, tmp_path):
    pytest.importorskip("resvg_py", reason="the corpus part is not installed")
    build(stamps, tmp_path / "out", package=PACKAGE)
    bus = [row.record for row in read_rows(tmp_path / "out" / "stamps")][-1]
    assert (bus.images[0].width_px, bus.images[0].height_px) == (128, 256)
