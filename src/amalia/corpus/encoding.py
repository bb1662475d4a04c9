"""Text of the bytes of a page, in spite of what the page says about itself.

The Portuguese web before 2005 declares ISO 8859-1 and means Windows-1252, or declares UTF-8 and was
never converted. So bytes that are UTF-8 are taken as UTF-8 whatever is declared (by chance, accented
Latin text is not); then comes what the server declared, then the page within its first 4 kB; a
declaration that does not decode is not believed. ISO 8859-1 and ASCII mean Windows-1252, as in every
browser. Where little of the result is Portuguese letters, the character sets of DOS and of the Macintosh are
tried as well.

Not covered: other scripts without a declaration (they come out garbled, and the language check drops
them), text that was garbled before it was served (``clean`` repairs it), UTF-7.
"""

from __future__ import annotations

import codecs
import re

from amalia.corpus.capture import Capture
from amalia.errors import RecordError

MAX_BYTES = 16 * 1024 * 1024
"""A longer body is refused: no page that people read has it."""

_DECLARED_WITHIN_BYTES = 4096
_LOOKED_AT_BYTES = 65536
_MIN_PORTUGUESE_FRACTION = 0.5
_MIN_UTF8_FRACTION = 0.8

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_META = re.compile(
    rb"<meta\b[^>]{0,400}?\bcharset\s*=\s*[\"']?\s*([\w.:-]{2,40})"
    rb"|<\?xml\b[^>]{0,200}?\bencoding\s*=\s*[\"']([\w.:-]{2,40})",
    re.IGNORECASE,
)
# Character sets that pages are believed to be in; Python knows others that are none (base64, idna, utf-7).
_BELIEVED = re.compile(
    r"iso-?8859-?(?:[2-9]|1[0-6])|(?:windows-|cp-?)125[0-8]|koi8-[ru]|macintosh|mac-?roman|x-mac-roman|cp-?(?:437|850|858|860)"
    r"|ibm(?:437|850|858|860)|gb2312|gbk|gb18030|big5|euc-(?:jp|kr|tw)|shift[-_]jis|iso-2022-jp"
)
_MEANT = {"macintosh": "mac-roman", "x-mac-roman": "mac-roman", "macroman": "mac-roman"}

_UTF8_SEQUENCE = re.compile(
    rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}"
)
_ASCII = bytes(range(128))
_PORTUGUESE = frozenset("áàâãäéêèíóôõöúüçñÁÀÂÃÉÊÍÓÔÕÚÜÇªº«»“”‘’–—…•€°©®§·\u00a0´")
# What Windows-1252 makes of the bytes that it leaves open is the control character of the same number.
_CP1252 = {
    byte: bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in range(0x80, 0xA0)
}
# Bytes that «surrogateescape» set aside, as Windows-1252.
_SET_ASIDE = {0xDC00 + byte: _CP1252.get(byte, chr(byte)) for byte in range(0x80, 0x100)}


def decoded(capture: Capture) -> str:
    """Give the text of a captured page.

    Raises:
        RecordError: with the reason ``body_too_long`` if the body has more than ``MAX_BYTES``.
    """
    body = capture.body
    if len(body) > MAX_BYTES:
        raise RecordError(
            f"The body of {capture.url} is too long: {len(body)} bytes, expected at most {MAX_BYTES}; "
            "count it as a drop",
            reason="body_too_long",
        )
    for mark, name in _BOMS:
        if body.startswith(mark):
            return body[len(mark) :].decode(name, "replace")
    wide = _wide(body)
    if wide:
        return body.decode(wide, "replace")
    text = _utf8(body)
    if text is not None:
        return text
    for declared in (capture.charset, _declared(body)):
        text = _as_declared(body, declared)
        if text is not None:
            return text
    return _undeclared(body)


def _wide(body: bytes) -> str | None:
    """Tell UTF-16 without a mark: in Latin text, every other byte is zero."""
    start = body[:400]
    if b"\0" not in start or len(start) < 4:
        return None
    even, odd = start[0::2].count(0), start[1::2].count(0)
    if odd > 0.7 * len(start) / 2 and even < 0.1 * len(start):
        return "utf-16-le"
    if even > 0.7 * len(start) / 2 and odd < 0.1 * len(start):
        return "utf-16-be"
    return None


def _utf8(body: bytes) -> str | None:
    """Give the text if the body is UTF-8, cut short or with a few foreign bytes in it; else None."""
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.end == len(body) and error.reason == "unexpected end of data":
            return body[: error.start].decode("utf-8")
    num_high = len(body.translate(None, _ASCII))
    num_utf8 = sum(map(len, _UTF8_SEQUENCE.findall(body)))
    if num_utf8 < _MIN_UTF8_FRACTION * num_high:
        return None
    # A comment or banner of another character set in a page of UTF-8.
    return body.decode("utf-8", "surrogateescape").translate(_SET_ASIDE)


def _declared(body: bytes) -> str | None:
    match = _META.search(body[:_DECLARED_WITHIN_BYTES])
    return (match[1] or match[2]).decode("ascii", "replace") if match else None


def _as_declared(body: bytes, declared: str | None) -> str | None:
    name = (declared or "").strip().strip("\"'").lower().replace("_", "-")
    if not _BELIEVED.fullmatch(name) or name in ("windows-1252", "cp1252", "cp-1252"):
        return None  # Latin-1, ASCII and Windows-1252 are what is tried without a declaration
    try:
        return body.decode(_MEANT.get(name, name.replace("cp-", "cp")))
    except (UnicodeDecodeError, LookupError):
        return None


def _undeclared(body: bytes) -> str:
    """Take Windows-1252 unless its letters are not those of Portuguese and another set's are."""
    high = body[:_LOOKED_AT_BYTES].translate(None, _ASCII)
    best, best_fraction = "cp1252", _portuguese_fraction(high, "cp1252")
    if best_fraction < _MIN_PORTUGUESE_FRACTION:
        for name in ("cp850", "mac-roman"):
            fraction = _portuguese_fraction(high, name)
            if fraction > max(best_fraction + 0.2, _MIN_PORTUGUESE_FRACTION):
                best, best_fraction = name, fraction
    if best == "cp1252":
        return body.decode("latin-1").translate(_CP1252)
    return body.decode(best, "replace")


def _portuguese_fraction(high: bytes, name: str) -> float:
    if not high:
        return 1.0
    text = high.decode(name, "replace")
    return sum(text.count(letter) for letter in _PORTUGUESE) / len(text)
