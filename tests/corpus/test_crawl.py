"""Folders of pages recorded as archives, the same bytes each time."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from warcio.archiveiterator import ArchiveIterator

from amalia.corpus.archive import ArchiveLimits, read_archive
from amalia.corpus.capture import Capture
from amalia.corpus.crawl import SiteCounts, record_site
from amalia.errors import ArtifactError

MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


@pytest.fixture
def site(tmp_path: Path) -> Path:
    root = tmp_path / "site"
    for name in ("index.html", "guia/índice.htm", "guia/a b.xhtml", "guia/100%.html"):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"<html><p>{name}</p></html>", "utf-8")
    (root / "estilo.css").write_text("p {}")
    return root


def record(root: Path, out: Path, **more: int) -> SiteCounts:
    return record_site(root, out, host="ajuda.example.pt", captured_at=MOMENT, **more)


def captures(counts: SiteCounts) -> list[Capture]:
    found = [
        one
        for path in counts.files
        for one in read_archive(path, collection="ajuda", limits=ArchiveLimits())
    ]
    assert all(isinstance(one, Capture) for one in found)
    return [one for one in found if isinstance(one, Capture)]


def test_every_page_is_recorded_once(site: Path, tmp_path: Path) -> None:
    counts = record(site, tmp_path / "out")
    found = captures(counts)
    assert [one.url for one in found] == [
        "http://ajuda.example.pt/guia/100%25.html",
        "http://ajuda.example.pt/guia/a%20b.xhtml",
        "http://ajuda.example.pt/guia/%C3%ADndice.htm",
        "http://ajuda.example.pt/index.html",
    ]
    assert {one.captured_at for one in found} == {MOMENT}
    assert [one.media_type for one in found][1] == "application/xhtml+xml"
    assert found[-1].body == (site / "index.html").read_bytes()
    assert (counts.num_pages, counts.skipped) == (4, {})
    assert counts.num_bytes == sum(len(one.body) for one in found)
    assert [path.name for path in counts.files] == ["ajuda.example.pt-00000.warc.gz"]


def test_two_runs_give_the_same_bytes(site: Path, tmp_path: Path) -> None:
    one, other = record(site, tmp_path / "1"), record(site, tmp_path / "2")
    assert [p.read_bytes() for p in one.files] == [p.read_bytes() for p in other.files]


def test_other_readers_find_it_sound(site: Path, tmp_path: Path) -> None:
    (path,) = record(site, tmp_path / "out").files
    with path.open("rb") as file:
        records = ArchiveIterator(file, check_digests="raise")
        kinds = [(one.rec_type, len(one.content_stream().read()) > 0) for one in records]
    assert kinds == [("warcinfo", True)] + [("response", True)] * 4


def test_a_file_is_closed_when_it_is_large(site: Path, tmp_path: Path) -> None:
    counts = record(site, tmp_path / "out", max_file_bytes=1000)
    assert len(counts.files) > 1
    assert len(captures(counts)) == 4
    assert sorted((tmp_path / "out").iterdir()) == sorted(counts.files)


def test_pages_can_be_few(site: Path, tmp_path: Path) -> None:
    counts = record(site, tmp_path / "out", max_pages=3)
    assert (counts.num_pages, counts.skipped) == (3, {"beyond_max_pages": 1})


def test_what_is_not_recorded_is_counted(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "fora.html").write_text("fora")
    (site / "fora.html").symlink_to(tmp_path / "fora.html")
    (site / "nada.html").symlink_to(site / "nenhures.html")
    (site / "pasta.html").mkdir()
    (site / "grande.html").write_bytes(bytes(2000))
    monkeypatch.setattr("amalia.corpus.crawl.MAX_PAGE_BYTES", 1000)
    assert record(site, tmp_path / "out").skipped == {
        "outside_folder": 1, "no_file": 2, "too_large": 1,
    }  # fmt: skip


def test_a_folder_without_pages_is_told(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"holds no page; expected files ending in \.html"):
        record(tmp_path, tmp_path / "out")
    with pytest.raises(ArtifactError, match="there is no folder"):
        record(tmp_path / "nada", tmp_path / "out")


def test_a_moment_needs_its_time_zone(site: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="expected a moment with its time zone"):
        record_site(site, tmp_path, host="a.pt", captured_at=datetime(2026, 1, 1))  # noqa: DTZ001
