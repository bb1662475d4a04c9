"""Captures and drops of whole archives, sound and damaged in every way that is met."""

from __future__ import annotations

import gzip
import hashlib
import itertools
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import make_archives as make
import pytest

from amalia.corpus import flow
from amalia.corpus.archive import ArchiveLimits, read_archive
from amalia.corpus.capture import Capture, Place
from amalia.corpus.drop import Drop
from amalia.errors import ArtifactError

LIMITS = ArchiveLimits(max_body_bytes=100_000, max_member_bytes=8 << 20)


def read(path: Path, limits: ArchiveLimits = LIMITS) -> list[str]:
    """Say what came out, a word or a body's text each."""
    return [told(one) for one in read_archive(path, collection="AWP1", limits=limits)]


def told(one: Capture | Drop) -> str:
    if isinstance(one, Drop):
        return one.reason
    return one.body.decode("utf-8", "replace").partition("<p>")[2].partition("</p>")[0] or "capture"


FIRST, LAST = "Página número 1.", "Página número 9."


@pytest.mark.parametrize("is_compressed", [False, True])
@pytest.mark.parametrize("form", ["warc", "arc"])
def test_a_page_keeps_where_it_was_found(tmp_path: Path, form: str, is_compressed: bool) -> None:
    body = make.page("Olá, mundo.")
    record = (make.warc if form == "warc" else make.arc)(make.http(body))
    start = make.warc(b"", kind="warcinfo", url="") if form == "warc" else make.arc_start()
    packed = [make.members(one) if is_compressed else one for one in (start, record, record)]
    path = make.write(tmp_path / f"a.{form}{'.gz' if is_compressed else ''}", *packed)

    archive = read_archive(path, collection="AWP1", limits=LIMITS)
    first, second = archive

    assert first == Capture(
        url="http://jornal.example.pt/",
        captured_at=datetime(2009, 5, 4, 10, 20, 30, tzinfo=UTC),
        media_type="text/html",
        charset="utf-8",
        body=body,
        digest=hashlib.sha256(body).hexdigest(),
        place=Place("AWP1", path.name, len(packed[0])),
    )
    assert isinstance(second, Capture)
    assert second.place.offset_bytes == len(packed[0]) + len(packed[1])
    assert archive.counts == {"warcinfo": 1, "response": 2}
    assert archive.num_skipped == 1


PAGE = make.page("Olá.")
JOINED = make.chunked(PAGE[:20], PAGE[20:])
ENCODINGS = {
    "gzip": (gzip.compress(PAGE), ["Content-Encoding: gzip"]),
    "x-gzip": (gzip.compress(PAGE), ["content-encoding: x-gzip"]),
    "deflate": (zlib.compress(PAGE), ["Content-Encoding: deflate"]),
    "bare deflate": (zlib.compress(PAGE)[2:-4], ["Content-Encoding: deflate"]),
    "brotli": (make.brotli(PAGE), ["Content-Encoding: br"]),
    "chunks": (JOINED, ["Transfer-Encoding: chunked"]),
    "chunks with more said": (
        b"5;a=b\r\n" + PAGE[:5] + b"\r\n" + make.chunked(PAGE[5:]),
        ["Transfer-Encoding: chunked"],
    ),
    "gzip in chunks": (
        make.chunked(gzip.compress(PAGE)),
        ["Transfer-Encoding: chunked", "Content-Encoding: gzip"],
    ),
    "twice": (gzip.compress(zlib.compress(PAGE)), ["Content-Encoding: deflate, gzip"]),
    "said but not done": (PAGE, ["Transfer-Encoding: chunked", "Content-Encoding: gzip"]),
}


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_encodings_are_undone(tmp_path: Path, encoding: str) -> None:
    raw, fields = ENCODINGS[encoding]
    path = make.write(tmp_path / "a.warc", make.warc(make.http(raw, fields=fields)))
    assert read(path) == ["Olá."]


ZEROS = bytes(4_000_000)
NOT_PAGES: dict[str, tuple[bytes, str]] = {
    "moved": (make.warc(make.http(b"", status="302 Found")), "http_status"),
    "picture": (make.warc(make.http(b"GIF89a", media_type="image/gif")), "media_type"),
    "kind not told": (make.warc(make.http(b"a b c", media_type="")), "media_type"),
    "empty": (make.warc(make.http(b" \r\n")), "empty_body"),
    "no answer": (make.warc(b""), "not_http"),
    "gopher": (make.warc(b"Hello"), "not_http"),
    "cut by the crawler": (
        make.warc(make.http(PAGE), fields=["WARC-Truncated: length"]),
        "truncated",
    ),
    "too long": (make.warc(make.http(b"<html>" + bytes(100_000))), "too_large"),
    "gzip bomb": (
        make.warc(make.http(gzip.compress(ZEROS), fields=["Content-Encoding: gzip"])),
        "too_large",
    ),
    "brotli bomb": (
        make.warc(make.http(make.brotli(ZEROS), fields=["Content-Encoding: br"])),
        "too_large",
    ),
    "deflate bomb": (
        make.warc(make.http(zlib.compress(ZEROS), fields=["Content-Encoding: deflate"])),
        "too_large",
    ),
    "endless chunk": (
        make.warc(
            make.http(b"ffffffffffff\r\n" + PAGE, fields=["Transfer-Encoding: chunked"]),
        ),
        "truncated",
    ),
    "last chunk missing": (
        make.warc(make.http(make.chunked(PAGE, end=b""), fields=["Transfer-Encoding: chunked"])),
        "truncated",
    ),
    "broken chunk": (
        make.warc(
            make.http(make.chunked(PAGE, end=b"<html>"), fields=["Transfer-Encoding: chunked"])
        ),
        "broken_chunks",
    ),
    "cut gzip": (
        make.warc(make.http(gzip.compress(PAGE)[:-12], fields=["Content-Encoding: gzip"])),
        "truncated",
    ),
    "broken gzip": (
        make.warc(
            make.http(b"\x1f\x8b\x08\0" + b"\xff" * 40, fields=["Content-Encoding: gzip"]),
        ),
        "broken_encoding",
    ),
    "broken deflate": (
        make.warc(make.http(b"no deflate", fields=["Content-Encoding: deflate"])),
        "broken_encoding",
    ),
    "broken brotli": (
        make.warc(make.http(b"no brotli, really", fields=["Content-Encoding: br"])),
        "broken_encoding",
    ),
    "unknown encoding": (
        make.warc(make.http(PAGE, fields=["Content-Encoding: rot13"])),
        "unknown_encoding",
    ),
    "too many encodings": (
        make.warc(make.http(PAGE, fields=["Content-Encoding: gzip, gzip, gzip, gzip"])),
        "unknown_encoding",
    ),
    "wrong payload digest": (
        make.warc(make.http(PAGE), fields=[f"WARC-Payload-Digest: {make.sha1(b'other')}"]),
        "digest_mismatch",
    ),
    "wrong block digest": (
        make.warc(make.http(PAGE), fields=[f"WARC-Block-Digest: {make.sha1(b'other')}"]),
        "digest_mismatch",
    ),
    "long HTTP header": (
        make.warc(make.http(PAGE, fields=["X-Long: " + "a" * 40_000])),
        "header_too_large",
    ),
}


@pytest.mark.parametrize("is_compressed", [False, True])
@pytest.mark.parametrize("name", NOT_PAGES)
def test_what_is_no_page_costs_itself_only(tmp_path: Path, name: str, is_compressed: bool) -> None:
    record, reason = NOT_PAGES[name]
    records = [make.numbered(1), record, make.numbered(9)]
    path = make.write(
        tmp_path / "a.warc", *([make.members(*records)] if is_compressed else records)
    )
    assert read(path) == [FIRST, reason, LAST]


HEAD_OF_BOMB = make.warc(b"", length=40_000_000)[:-4]
DAMAGE: dict[str, tuple[bytes, str]] = {
    "2 GB said": (make.warc(make.http(PAGE), length=1 << 31), "too_large"),
    "a bit more said": (make.warc(make.http(PAGE), length=900), "truncated"),
    "less said": (make.warc(make.http(PAGE), length=60), "wrong_length"),
    "negative length": (make.warc(make.http(PAGE), length=-5), "bad_length"),
    "absurd length": (make.warc(make.http(PAGE), length=1 << 80), "bad_length"),
    "no number": (make.warc(make.http(PAGE), length="muitos"), "bad_length"),
    "no length": (make.warc(make.http(PAGE), length=""), "bad_length"),
    "long header": (
        make.warc(make.http(PAGE), fields=["X-Long: " + "a" * 3_000_000]),
        "header_too_large",
    ),
    "no end of header": (b"WARC/1.0\r\n" + b"X-Short: 1\r\n" * 200_000, "header_too_large"),
    "garbage": (b"\x00isto nao e nada\n\n" * 40, "garbage"),
}


@pytest.mark.parametrize("is_compressed", [False, True])
@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_record_costs_itself_only(tmp_path: Path, name: str, is_compressed: bool) -> None:
    record, reason = DAMAGE[name]
    records = [make.numbered(1), record, make.numbered(9)]
    path = make.write(
        tmp_path / "a.warc", *([make.members(*records)] if is_compressed else records)
    )
    assert read(path) == [FIRST, reason, LAST]


SOUND = make.members(make.numbered(5))
COMPRESSED_DAMAGE: dict[str, tuple[bytes, str]] = {
    "bomb that says so": (make.bomb(HEAD_OF_BOMB, 40), "too_large"),
    "bomb that lies": (make.bomb(make.warc(b"", length=100)[:-4], 40), "wrong_length"),
    "bomb without a record": (make.bomb(b"", 40), "garbage"),
    "bomb in the header": (make.bomb(b"WARC/1.0\r\nX: ", 40), "header_too_large"),
    "damaged": (make.flipped(make.members(make.warc(make.http(bytes(range(256)) * 40)))), "broken_gzip"),
    "wrong checksum": (SOUND[:-8] + b"abcd" + SOUND[-4:], "broken_gzip"),
    "cut, and more follows": (SOUND[:-60], "broken_gzip"),
    "not compressed": (b"\x00lixo\n" * 50, "garbage"),
    "looks compressed": (b"\x1f\x8b\x08 mas nao e", "broken_gzip"),
}  # fmt: skip


@pytest.mark.parametrize("form", ["warc", "arc"])
@pytest.mark.parametrize("name", COMPRESSED_DAMAGE)
def test_a_damaged_member_costs_itself_only(tmp_path: Path, name: str, form: str) -> None:
    data, reason = COMPRESSED_DAMAGE[name]
    numbered = make.numbered if form == "warc" else make.numbered_arc
    around = [make.members(numbered(number)) for number in (1, 9)]
    path = make.write(tmp_path / f"a.{form}.gz", around[0], data, around[1])
    found = read(path)
    if form == "arc":  # the damaged ones are WARC records, and that is no beginning here
        assert (found[0], len(found), found[-1]) == (FIRST, 3, LAST)
    else:
        assert found == [FIRST, reason, LAST]


ARC_DAMAGE = {
    "length -1": (make.arc(make.http(PAGE), length=-1), "bad_length"),
    "length abc": (make.arc(make.http(PAGE), length="abc"), "bad_length"),
    "2 GB said": (make.arc(make.http(PAGE), length=1 << 31), "too_large"),
    "less said": (make.arc(make.http(PAGE), length=60), "wrong_length"),
    "too few fields": (b"http://so.isto 12\n\n", "garbage"),
    "long line": (make.arc(b"", url="http://a.pt/" + "a" * 40_000), "header_too_large"),
    "garbage": (b"\x00isto nao e nada\n\n" * 40, "garbage"),
}


@pytest.mark.parametrize("is_compressed", [False, True])
@pytest.mark.parametrize("name", ARC_DAMAGE)
def test_a_damaged_arc_record_costs_itself_only(
    tmp_path: Path, name: str, is_compressed: bool
) -> None:
    record, reason = ARC_DAMAGE[name]
    records = [make.arc_start(), make.numbered_arc(1), record, make.numbered_arc(9)]
    path = make.write(tmp_path / "a.arc", *([make.members(*records)] if is_compressed else records))
    if name == "garbage" and not is_compressed:
        # An ARC record has no end of its own, so what stands behind it seems to be of it.
        assert read(path) == ["wrong_length", LAST]
    else:
        assert read(path) == [FIRST, reason, LAST]


@pytest.mark.parametrize("cut", [3, 30, 150, 230])
@pytest.mark.parametrize("is_compressed", [False, True])
def test_a_file_cut_in_the_middle_ends_with_a_drop(
    tmp_path: Path, cut: int, is_compressed: bool
) -> None:
    records = [make.numbered(1), make.numbered(2)]
    data = make.members(*records) if is_compressed else b"".join(records)
    path = make.write(tmp_path / "a.warc", data[:-cut])
    found = read(path)
    whole = not is_compressed and cut < 4  # nothing but line ends were cut
    assert found == [FIRST, "Página número 2." if whole else "truncated"]


def test_many_damaged_records_cost_one_drop_each(tmp_path: Path) -> None:
    damaged = [record for record, _ in DAMAGE.values()]
    pairs = zip(damaged, map(make.numbered, itertools.count(1)), strict=False)
    path = make.write(tmp_path / "a.warc.gz", make.members(*itertools.chain(*pairs)))
    found = read(path)
    assert [word for word in found if word.startswith("Página")] == [
        f"Página número {number}." for number in range(1, len(damaged) + 1)
    ]
    assert len(found) == 2 * len(damaged)


def test_a_record_that_takes_too_long_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = itertools.count()
    monkeypatch.setattr(flow, "monotonic", lambda: float(next(ticks)))
    bomb = make.bomb(HEAD_OF_BOMB, 40)
    path = make.write(
        tmp_path / "a.warc.gz", make.members(make.numbered(1)), bomb, make.members(make.numbered(9))
    )
    limits = ArchiveLimits(max_record_s=30, max_body_bytes=100 << 20)
    assert read(path, limits) == [FIRST, "too_slow", LAST]


def test_many_records_in_one_member_are_read(tmp_path: Path) -> None:
    records = [make.numbered(number) for number in range(5)]
    one, other = make.members(b"".join(records[:3])), make.members(b"".join(records[3:]))
    path = make.write(tmp_path / "a.warc.gz", one, other, make.members(make.numbered(9)))
    found = list(read_archive(path, collection="AWP1", limits=LIMITS))
    assert [told(one) for one in found] == [f"Página número {n}." for n in (0, 1, 2, 3, 4, 9)]
    places = [capture.place.offset_bytes for capture in found if isinstance(capture, Capture)]
    assert places == [0, 0, 0, len(one), len(one), len(one) + len(other)]


@pytest.mark.parametrize("date", ["", "ontem", "2009-02-31T10:00:00Z", "20090504102030000"])
def test_a_date_that_is_none_leaves_the_moment_open(tmp_path: Path, date: str) -> None:
    path = make.write(tmp_path / "a.warc", make.warc(make.http(PAGE), date=date), make.numbered(9))
    first, last = read_archive(path, collection="AWP1", limits=LIMITS)
    assert isinstance(first, Capture)
    assert first.captured_at is None
    assert told(last) == LAST


def test_bytes_that_are_no_utf8_in_a_header_do_no_harm(tmp_path: Path) -> None:
    path = make.write(
        tmp_path / "a.warc.gz",
        make.members(make.warc(make.http(PAGE), url=b"http://a.pt/not\xedcias"), make.numbered(9)),
    )
    first, last = read_archive(path, collection="AWP1", limits=LIMITS)
    assert isinstance(first, Capture)
    assert first.url == "http://a.pt/not\ufffdcias"
    assert told(last) == LAST


def request(method: str, *fields: str, url: str = "http://jornal.example.pt/") -> bytes:
    return make.warc(
        f"{method} / HTTP/1.1\r\n\r\n".encode(), kind="request", url=url, fields=fields,
        media_type="application/http; msgtype=request",
    )  # fmt: skip


POSTS = {
    "request behind": lambda: [
        make.warc(make.http(PAGE), fields=["WARC-Record-ID: <urn:a>"]),
        request("POST", "WARC-Concurrent-To: <urn:a>"),
    ],
    "request before": lambda: [
        request("POST", "WARC-Record-ID: <urn:b>"),
        make.warc(make.http(PAGE), fields=["WARC-Concurrent-To: <urn:b>"]),
    ],
    "tied by address and second": lambda: [request("POST"), make.warc(make.http(PAGE))],
}
GETS = {
    "GET": lambda: [request("GET"), make.warc(make.http(PAGE))],
    "POST of another": lambda: [
        request("POST", url="http://jornal.example.pt/voto"),
        make.warc(make.http(PAGE)),
    ],
}


@pytest.mark.parametrize("name", [*POSTS, *GETS])
def test_the_answer_to_a_form_is_no_page(tmp_path: Path, name: str) -> None:
    pairs: dict[str, Callable[[], list[bytes]]] = {**POSTS, **GETS}
    path = make.write(tmp_path / "a.warc", *pairs[name](), make.numbered(9))
    assert read(path) == ["post_request" if name in POSTS else "Olá.", LAST]


def test_a_revisit_says_what_it_refers_to(tmp_path: Path) -> None:
    record = make.warc(
        make.http(b""),
        kind="revisit",
        fields=[
            "WARC-Refers-To-Target-URI: http://jornal.example.pt/antes",
            "WARC-Refers-To-Date: 2008-01-01T00:00:00Z",
            "WARC-Payload-Digest: sha1:ABC",
        ],
    )
    path = make.write(tmp_path / "a.warc", record)
    (drop,) = read_archive(path, collection="AWP1", limits=LIMITS)
    assert drop == Drop(
        "http://jornal.example.pt/",
        "revisit",
        "read_archive@1",
        "of http://jornal.example.pt/antes 2008-01-01T00:00:00Z sha1:ABC (a.warc, byte 0)",
    )


def test_what_never_is_a_page_is_only_counted(tmp_path: Path) -> None:
    records = [
        make.warc(b"software: x", kind="warcinfo", url=""),
        request("GET"),
        make.warc(b"via: x", kind="metadata"),
        make.warc(b"1.2.3.4", url="dns:a.pt", media_type="text/dns"),
        make.numbered(1),
    ]
    archive = read_archive(
        make.write(tmp_path / "a.warc", *records), collection="AWP1", limits=LIMITS
    )
    assert [told(one) for one in archive] == [FIRST]
    assert archive.counts == {
        "warcinfo": 1, "request": 1, "metadata": 1, "dns": 1, "response": 1,
    }  # fmt: skip
    assert archive.num_skipped == 4


def test_a_resource_is_a_page_without_a_server(tmp_path: Path) -> None:
    records = [
        make.warc(PAGE, kind="resource", media_type="text/html; charset=ISO-8859-1"),
        make.warc(make.http(PAGE), kind="resource"),
        make.warc(b"%PDF", kind="resource", media_type="application/pdf"),
    ]
    path = make.write(tmp_path / "a.warc", *records)
    plain, answer, other = read_archive(path, collection="AWP1", limits=LIMITS)
    assert isinstance(plain, Capture)
    assert (plain.body, plain.media_type, plain.charset) == (PAGE, "text/html", "iso-8859-1")
    assert told(answer) == "Olá."
    assert told(other) == "media_type"


@pytest.mark.parametrize(
    ("fields", "raw", "digested"),
    [
        ([], PAGE, PAGE),
        (["Transfer-Encoding: chunked"], JOINED, JOINED),
        (["Transfer-Encoding: chunked"], JOINED, PAGE),
    ],
)
def test_digests_with_and_without_chunks_are_right(
    tmp_path: Path, fields: list[str], raw: bytes, digested: bytes
) -> None:
    digests = [
        make.sha1(digested),
        f"sha256:{hashlib.sha256(digested).hexdigest()}",
        f"SHA-1:{hashlib.sha1(digested).hexdigest().upper()}",
        "crc32:1234",
    ]
    records = [
        make.warc(make.http(raw, fields=fields), fields=[f"WARC-Payload-Digest: {digest}"])
        for digest in digests
    ]
    assert read(make.write(tmp_path / "a.warc", *records)) == ["Olá."] * len(digests)


def test_wrong_digests_can_be_let_pass(tmp_path: Path) -> None:
    path = make.write(tmp_path / "a.warc", NOT_PAGES["wrong payload digest"][0])
    assert read(path, ArchiveLimits(compares_digests=False)) == ["Olá."]


def test_pages_of_the_early_web_come_without_a_kind(tmp_path: Path) -> None:
    path = make.write(
        tmp_path / "a.arc",
        make.arc_start(),
        make.arc(PAGE, url="http://antigo.example.pt/com espaco.html"),
        make.arc(make.http(PAGE, media_type=""), media_type="no-type"),
    )
    bare, untold = read_archive(path, collection="AWP1", limits=LIMITS)
    assert isinstance(bare, Capture)
    assert (bare.url, bare.media_type) == ("http://antigo.example.pt/com espaco.html", "text/html")
    assert isinstance(untold, Capture)
    assert untold.media_type == ""


def test_version_2_of_arc_has_ten_fields(tmp_path: Path) -> None:
    block = make.http(PAGE)
    line = f"http://a.pt/ 192.0.2.7 20010203040506 text/html 200 - - 0 a.arc {len(block)}\n"
    path = make.write(tmp_path / "a.arc", make.arc_start(), line.encode(), block, b"\n")
    (capture,) = read_archive(path, collection="AWP1", limits=LIMITS)
    assert isinstance(capture, Capture)
    assert (capture.url, capture.media_type) == ("http://a.pt/", "text/html")
    assert capture.captured_at == datetime(2001, 2, 3, 4, 5, 6, tzinfo=UTC)


def test_line_ends_may_be_of_any_kind(tmp_path: Path) -> None:
    record = make.warc(make.http(PAGE))
    head, _, block = record.partition(b"\r\n\r\n")
    doubled = head.replace(b"\r\n", b"\r\r\n") + b"\r\r\n\r\r\n" + block
    bare = head.replace(b"\r\n", b"\n") + b"\n\n" + block
    assert read(make.write(tmp_path / "a.warc", doubled, bare, record)) == ["Olá."] * 3


def test_an_empty_file_has_nothing(tmp_path: Path) -> None:
    assert read(make.write(tmp_path / "a.warc.gz")) == []


def test_a_file_that_is_no_archive_is_one_drop(tmp_path: Path) -> None:
    assert read(make.write(tmp_path / "a.warc", b"Uma carta.\n" * 100)) == ["garbage"]


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"cannot read .*a\.warc: No such file"):
        read(tmp_path / "a.warc")
