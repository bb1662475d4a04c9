"""Index files: plain, compressed, ZipNum clusters; merged, each capture once."""

from __future__ import annotations

import gzip
from pathlib import Path

import make_archives as make
import pytest

from amalia.corpus import cdx_files
from amalia.corpus.cdx import IndexEntry, IndexRules
from amalia.corpus.cdx_files import merge, read_index, select
from amalia.corpus.drop import Drop
from amalia.errors import ArtifactError


def line(host: str, second: int = 0, *, mime: str = "text/html") -> str:
    url = f"http://{host}.pt/"
    return f'pt,{host})/ 200905041020{second:02d} {{"url": "{url}", "mime": "{mime}", "status": "200"}}'


def told(found: list[IndexEntry | Drop]) -> list[str]:
    return [
        one.reason if isinstance(one, Drop) else f"{one.surt[3:-2]}{one.captured_at.second}"
        for one in found
    ]


LINES = [line("a"), line("a", 1), line("b"), line("c", 7)]
SHOWN = ["a0", "a1", "b0", "c7"]


@pytest.mark.parametrize("compress", ["no", "one member", "a member a line", "no last line end"])
def test_a_file_is_read_line_by_line(tmp_path: Path, compress: str) -> None:
    data = "".join(f"{one}\n" for one in LINES).encode()
    packed = {
        "no": data,
        "one member": gzip.compress(data),
        "a member a line": make.members(*(one.encode() for one in LINES)),
        "no last line end": data.rstrip(),
    }
    assert told(list(read_index(make.write(tmp_path / "a.cdxj", packed[compress])))) == SHOWN


def test_the_first_line_of_a_cdx_file_names_its_fields(tmp_path: Path) -> None:
    text = (
        " CDX A b a m s k V g\npt,a)/ 20090504102030 http://a.pt/ text/html 200 - 12 x.arc.gz\r\n"
    )
    (entry,) = read_index(make.write(tmp_path / "a.cdx", text.encode()))
    assert isinstance(entry, IndexEntry)
    assert (entry.surt, entry.offset_bytes, entry.file) == ("pt,a)/", 12, "x.arc.gz")


def test_a_broken_line_costs_itself_only(tmp_path: Path) -> None:
    path = make.write(
        tmp_path / "a.cdxj",
        "\n".join([LINES[0], "lixo", "\udcff", LINES[2]]).encode("utf-8", "surrogateescape"),
    )
    found = list(read_index(path))
    assert told(found) == ["a0", "broken_index_line", "broken_index_line", "b0"]
    assert isinstance(found[1], Drop)
    assert (found[1].name, found[1].text) == ("a.cdxj:2", "lixo")


def test_a_line_without_end_is_cut(tmp_path: Path) -> None:
    path = make.write(tmp_path / "a.cdxj", b"x" * 3_000_000, f"\n{LINES[0]}\n".encode())
    assert told(list(read_index(path))) == ["broken_index_line", "a0"]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (gzip.compress("\n".join(LINES).encode())[:-20], "truncated"),
        (make.flipped(gzip.compress("\n".join(LINES * 50).encode())), "broken_gzip"),
        (make.bomb(f"{LINES[0]}\n".encode(), 300), "too_large"),
    ],
)
def test_a_damaged_file_ends_with_a_drop(tmp_path: Path, data: bytes, reason: str) -> None:
    found = list(read_index(make.write(tmp_path / "a.cdxj.gz", data)))
    assert told(found)[-1] == reason


def test_a_cluster_is_read_block_by_block(tmp_path: Path) -> None:
    index = make.cluster(tmp_path, [LINES[:2], LINES[2:]])
    assert told(list(read_index(index))) == SHOWN


def test_only_the_blocks_of_a_domain_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts = "abcdefgh"
    index = make.cluster(tmp_path, [[line(host), line(host, 1)] for host in hosts])
    parsed = list[str]()
    parse = cdx_files.parse_line

    def counted(text: str, fields: list[str] | None) -> IndexEntry:
        parsed.append(text)
        return parse(text, fields)

    monkeypatch.setattr(cdx_files, "parse_line", counted)
    assert told(list(read_index(index, surt_prefix="pt,d)"))) == ["d0", "d1"]
    assert len(parsed) == 4  # the block before may end with it


def test_a_damaged_block_costs_itself_only(tmp_path: Path) -> None:
    index = make.cluster(tmp_path, [LINES[:2], LINES[2:3] * 40, LINES[3:]])
    rows = [row.split("\t") for row in index.read_text().splitlines()]
    start, size = int(rows[1][2]), int(rows[1][3])
    data = bytearray((tmp_path / "cluster.cdx.gz").read_bytes())
    data[start + size - 8] ^= 0xFF
    (tmp_path / "cluster.cdx.gz").write_bytes(data)
    index.write_text(index.read_text() + "sem campos\n")
    found = told(list(read_index(index)))
    assert [found[0], *found[1:3], found[-2], found[-1]] == [
        "broken_index_line",
        "a0",
        "a1",
        "broken_gzip",
        "c7",
    ]


def test_blocks_lie_where_the_list_of_places_says(tmp_path: Path) -> None:
    index = make.cluster(tmp_path, [LINES])
    (tmp_path / "dados").mkdir()
    (tmp_path / "cluster.cdx.gz").rename(tmp_path / "dados/outro.gz")
    with pytest.raises(ArtifactError, match=r"names cluster, which is not there; expected one of"):
        list(read_index(index))
    (tmp_path / "cluster.loc").write_text("cluster\tnenhures.gz\tdados/outro.gz\n")
    assert told(list(read_index(index))) == SHOWN


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="No such file or directory; give a CDX"):
        list(read_index(tmp_path / "a.cdx"))


def test_merged_indexes_give_each_capture_once(tmp_path: Path) -> None:
    first = make.write(tmp_path / "1.cdxj", "\n".join(LINES).encode())
    lines = [line("a", 1), line("a", 2, mime="image/png"), "lixo", line("b", 5)]
    second = make.write(tmp_path / "2.cdxj", "\n".join(lines).encode())
    found = list(select(merge(read_index(first), read_index(second)), IndexRules()))
    kept = [one for one in found if isinstance(one, IndexEntry)]
    assert told([*kept]) == ["a0", "a1", "b0", "b5", "c7"]
    drops = [one for one in found if isinstance(one, Drop)]
    assert sorted(drop.reason for drop in drops) == [
        "broken_index_line", "duplicate_capture", "media_type",
    ]  # fmt: skip
    assert {drop.detail for drop in drops if drop.reason == "media_type"} == {
        "20090504102002 200 image/png"
    }
