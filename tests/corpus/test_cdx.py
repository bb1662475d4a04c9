"""Lines of indexes, and which captures AMALIA's rules want."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydantic import ValidationError

from amalia.corpus.cdx import IndexEntry, IndexRules, parse_line, surt_of, why_not, why_not_address
from amalia.errors import RecordError

ENTRY = IndexEntry(
    surt="pt,publico)/mundo",
    captured_at=datetime(2009, 5, 4, 10, 20, 30, tzinfo=UTC),
    url="http://www.publico.pt/Mundo",
    media_type="text/html",
    status=200,
    digest="B2LTWWPUOYAH7UIPQ7ZUPQ4VMBSVC36A",
    length_bytes=1043,
    offset_bytes=333,
    file="AWP1-00000.arc.gz",
)
DIGEST = ENTRY.digest
LINES = {
    "eleven fields": (
        f"pt,publico)/mundo 20090504102030 http://www.publico.pt/Mundo text/html 200 {DIGEST} - - 1043 333 "
        "AWP1-00000.arc.gz",
        None,
    ),
    "nine fields": (
        f"pt,publico)/mundo 20090504102030 http://www.publico.pt/Mundo text/html 200 {DIGEST} 1043 333 "
        "AWP1-00000.arc.gz",
        "N b a m s k S V g".split(),
    ),
    "key that is not turned": (
        f"publico.pt/mundo 20090504102030 http://www.publico.pt/Mundo TEXT/HTML 200 {DIGEST} - - 1043 333 "
        "AWP1-00000.arc.gz",
        None,
    ),
    "CDXJ": (
        'pt,publico)/mundo 20090504102030 {"url": "http://www.publico.pt/Mundo", "mime": "text/html", "status": "200", '
        f'"digest": "{DIGEST}", "length": "1043", "offset": "333", "filename": "AWP1-00000.arc.gz"}}',
        None,
    ),
    "JSON of a server": (
        '{"urlkey": "pt,publico)/mundo", "timestamp": "20090504102030", "url": "http://www.publico.pt/Mundo", '
        f'"mime": "text/html", "status": 200, "digest": "{DIGEST}", "length": 1043, "offset": 333, '
        '"filename": "AWP1-00000.arc.gz", "collection": "AWP1"}\n',
        None,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LINES)
def test_every_form_of_line_says_the_same(name: str) -> None:
    line, fields = LINES[name]
    assert parse_line(line, fields) == ENTRY


def test_what_a_line_leaves_out_is_open() -> None:
    entry = parse_line('pt,a)/ 20090504102030 {"url": "http://a.pt/"}')
    assert (entry.media_type, entry.status, entry.digest, entry.length_bytes) == (
        "",
        None,
        "",
        None,
    )
    assert (entry.offset_bytes, entry.file, entry.timestamp) == (None, "", "20090504102030")


def test_halves_of_characters_are_replaced() -> None:
    assert parse_line('pt,a)/ 20090504102030 {"url": "http://a.pt/\\ud800"}').url == "http://a.pt/?"


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("isto nao e um indice", "5 fields; expected 11"),
        ('pt,a)/ 20090504102030 {"url": ', "its JSON cannot be read"),
        ('pt,a)/ 20090504102030 {"mime": "text/html"}', "no address"),
        ('pt,a)/ 2009 {"url": "http://a.pt/"}', "capture time '2009'; expected 14 digits"),
        ('pt,a)/ 20090231102030 {"url": "http://a.pt/"}', "expected a date that exists"),
        (
            'pt,a)/ 20090504102030 {"url": "http://a.pt/", "length": "-1"}',
            "length '-1'; expected a",
        ),
        ("[" * 100_000, "100000 characters; expected up to 65536"),
        ("{" + '"a":{' * 10_000, "its JSON cannot be read"),
    ],
)
def test_a_broken_line_says_what_is_wrong(line: str, what: str) -> None:
    with pytest.raises(RecordError) as caught:
        parse_line(line)
    assert what in str(caught.value)
    assert caught.value.reason == "broken_index_line"


ADDRESSES = [
    # in the domain of Portugal
    ("http://www.publico.pt/", None),
    ("http://publico.pt", None),
    ("http://biblioteca.ua.pt:8080/livros?id=1", None),
    ("http://www.brisa.pt/", None),
    ("http://www.publico.pt/br/", "address_excluded"),
    ("http://www.empresa.pt/pt-br/sobre", "address_excluded"),
    # of elsewhere, in Portuguese by its path
    ("http://www.example.com/pt/sobre.html", None),
    ("http://www.example.com/PT/sobre.html", None),
    ("http://www.example.com/pt-pt/", None),
    ("http://www.example.com/pt_PT/", None),
    ("http://www.example.com/pt", None),
    ("http://www.example.com/copia/www.publico.pt/x.html", None),
    ("http://www.example.com/ptolomeu", "address_elsewhere"),
    ("http://www.example.com/?lang=pt", "address_elsewhere"),
    ("http://www.example.com/", "address_elsewhere"),
    # of Brazil
    ("http://www.example.com/pt-br/", "address_excluded"),
    ("http://www.example.com/pt-BR", "address_excluded"),
    ("http://www.example.com/pt_br/", "address_excluded"),
    ("http://www.example.com/br/pt/", "address_excluded"),
    ("http://www.example.com/brasil/pt/", "address_excluded"),
    ("http://www.globo.com.br/pt/", "address_excluded"),
    ("http://folha.br/pt/", "address_excluded"),
]


@pytest.mark.parametrize(("url", "reason"), ADDRESSES)
def test_addresses_are_judged_as_for_amalia(url: str, reason: str | None) -> None:
    assert why_not_address(url, IndexRules()) == reason


def test_without_address_rules_every_address_is_wanted() -> None:
    rules = IndexRules(
        surt_prefixes=(),
        url_parts=(),
        url_ends=(),
        excluded_url_parts=(),
        excluded_surt_prefixes=(),
    )
    assert why_not_address("http://globo.com.br/", rules) is None


YEAR = IndexRules(
    since=datetime(2009, 1, 1, tzinfo=UTC),
    until=datetime(2010, 1, 1, tzinfo=UTC),
    max_length_bytes=5000,
)


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        ({}, None),
        ({"mime": "warc/revisit", "status": "-"}, "revisit"),
        ({"mime": "unk", "status": "302"}, "http_status"),
        ({"status": "404"}, "http_status"),
        ({"mime": "image/png"}, "media_type"),
        ({"mime": "-"}, "media_type"),
        ({"urlkey": "pt,a)/?__wb_method=post&x=1"}, "post_request"),
        ({"timestamp": "20081231235959"}, "too_early"),
        ({"timestamp": "20090101000000"}, None),
        ({"timestamp": "20091231235959"}, None),
        ({"timestamp": "20100101000000"}, "too_late"),
        ({"length": "5000"}, None),
        ({"length": "5001"}, "too_large"),
        ({"url": "http://a.example/", "urlkey": "example,a)/"}, "address_elsewhere"),
    ],
)  # fmt: skip
def test_captures_are_judged(told: dict[str, str], reason: str | None) -> None:
    import json

    line = {
        "urlkey": "pt,a)/",
        "timestamp": "20090504102030",
        "url": "http://a.pt/",
        "mime": "text/html",
        "status": "200",
    }
    assert why_not(parse_line(json.dumps(line | told)), YEAR) == reason


def test_a_range_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(ValidationError, match=r"since \(2010.*\) is not before until"):
        IndexRules(since=YEAR.until, until=YEAR.since)


@pytest.mark.parametrize(
    ("url", "surt"),
    [
        ("http://www.publico.pt/Mundo?b=1#topo", "pt,publico)/mundo?b=1"),
        ("https://publico.pt:443", "pt,publico)/"),
        ("http://www2.publico.pt:8080/a/", "pt,publico:8080)/a"),
        ("publico.pt/a", "pt,publico)/a"),
        ("http://zé@publico.pt./", "pt,publico)/"),
        ("http://192.0.2.7/a", "192.0.2.7)/a"),
        ("urn:X:y", "urn:x:y"),
        ("http://[::1/", "http://[::1/"),
        ("http://a.pt:porta/", "http://a.pt:porta/"),
        ("http:///x", "http:///x"),
    ],
)
def test_addresses_are_turned_round(url: str, surt: str) -> None:
    assert surt_of(url) == surt
