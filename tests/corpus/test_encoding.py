from __future__ import annotations

import pytest

from amalia.corpus.capture import Capture, Place
from amalia.corpus.encoding import MAX_BYTES, decoded
from amalia.errors import RecordError

TEXT = "A freguesia de São João não tem pão, só açúcar."


def capture(body: bytes, charset: str | None = None) -> Capture:
    return Capture("http://a.pt/", None, "text/html", charset, body, "", Place("a", "b", 0))


def meta(charset: str, text: str = TEXT) -> str:
    return f'<html><head><meta charset="{charset}"></head><body>{text}</body></html>'


@pytest.mark.parametrize(
    ("body", "charset", "expected"),
    [
        # what is declared, what it is
        (TEXT.encode("utf-8"), None, TEXT),
        (TEXT.encode("utf-8"), "iso-8859-1", TEXT),
        (TEXT.encode("cp1252"), "utf-8", TEXT),
        (TEXT.encode("cp1252"), "iso-8859-1", TEXT),
        (TEXT.encode("cp1252"), "us-ascii", TEXT),
        (TEXT.encode("cp1252"), "x-não-existe", TEXT),
        (TEXT.encode("cp1252"), "utf-7", TEXT),
        (TEXT.encode("cp1252"), "base64", TEXT),
        ("«Olá» – disse “ele”…".encode("cp1252"), "iso-8859-1", "«Olá» – disse “ele”…"),
        ("Custa 5 €".encode("iso-8859-15"), "iso-8859-15", "Custa 5 €"),
        ("Custa 5 €".encode("cp1252"), "iso-8859-1", "Custa 5 €"),
        ("Здравствуй, мир".encode("cp1251"), "windows-1251", "Здравствуй, мир"),
        # marks of the byte order win over everything
        (b"\xef\xbb\xbf" + TEXT.encode("utf-8"), "iso-8859-1", TEXT),
        (b"\xff\xfe" + TEXT.encode("utf-16-le"), "utf-8", TEXT),
        (b"\xfe\xff" + TEXT.encode("utf-16-be"), None, TEXT),
        (TEXT.encode("utf-16-le"), None, TEXT),
        (TEXT.encode("utf-16-be"), None, TEXT),
        # other machines of the 1990s, undeclared
        (TEXT.encode("cp850"), None, TEXT),
        (TEXT.encode("mac-roman"), None, TEXT),
        (TEXT.encode("mac-roman"), "macintosh", TEXT),
        # cut within a letter; one foreign letter among those of UTF-8
        ("São João não".encode()[:-1] + b"\xc3", None, "São João nã"),
        (TEXT.encode() + b" Fim \xe0.", "utf-8", TEXT + " Fim à."),
        # bytes that Windows-1252 leaves open
        (b"caf\xe9 \x81", None, "café \x81"),
        (b"", None, ""),
        (b"ola", "latin-1", "ola"),
    ],
)
def test_bytes_become_text(body, charset, expected):
    assert decoded(capture(body, charset)) == expected


def test_the_page_knows_better_than_a_silent_server():
    text = meta("iso-8859-15", "Custa 5 €")
    assert decoded(capture(text.encode("iso-8859-15"))) == text
    old = '<META HTTP-EQUIV="Content-Type" CONTENT="text/html; charset=koi8-r">Привет'
    assert decoded(capture(old.encode("koi8-r"))) == old
    xml = '<?xml version="1.0" encoding="windows-1251"?><p>Привет</p>'
    assert decoded(capture(xml.encode("cp1251"))) == xml


def test_a_wrong_declaration_of_the_page_is_not_believed():
    text = meta("utf-8")
    assert decoded(capture(text.encode("cp1252"))) == text


def test_only_the_first_4_kb_declare():
    text = " " * 5000 + meta("koi8-r")
    assert decoded(capture(text.encode("cp1252"))) == text


def test_a_body_beyond_the_limit_is_refused():
    with pytest.raises(RecordError) as caught:
        decoded(capture(b"a" * (MAX_BYTES + 1)))
    assert caught.value.reason == "body_too_long"
