"""Look at a JSON body before it is parsed: nesting, number of items, bytes that no parser should meet.

A parser builds what it reads, so what is too much has to be seen before. Strings are cut out first by
searching for their quotes, which passes over a picture in base64 at the speed of memory; what is left is
counted. Every step goes once over the body, whatever stands in it.

Also refused here, because parsers differ in it: text that is not UTF-8, halves of surrogate pairs, which can
be parsed but not written again, ``NaN`` and ``Infinity``, and numbers that may be beyond a double.

Not covered: whether the body is JSON, which the parser says, and keys that stand twice, of which the parser
takes the last; nothing that is passed on is the client's own text, so no second reader can take the first.
"""

from __future__ import annotations

import re

import numpy as np

from amalia.errors import RequestError

MAX_ITEMS = 100_000
"""Values, objects and arrays of a body, and also its strings. Building one takes some 100 bytes."""
_BYTES_AN_ITEM = 40
"""Outside of strings: numbers, brackets, commas and what indents them."""

_OPENING, _CLOSING = b"{[", b"}]"
_NOT_BRACKETS = bytes(set(range(256)) - set(_OPENING + _CLOSING))
_STEPS = bytes.maketrans(_OPENING + _CLOSING, b"\x01\x01\xff\xff")
_DIGITS = bytes(48 if 48 <= byte <= 57 else 32 for byte in range(256))
_MAX_DIGITS = 200
"""Of a number in a row: with an exponent below 100 it is still a double."""
_HUGE = re.compile(rb"[eE]\+?0*[1-9][0-9]{2}")
_HIGH, _LOW = rb"\\u[dD][89abAB][0-9a-fA-F]{2}", rb"\\u[dD][c-fC-F][0-9a-fA-F]{2}"
_PAIR = re.compile(_HIGH + _LOW)
_HALF = re.compile(rb"\\u[dD][89a-fA-F]")


def check_json(body: bytes, *, max_depth: int, max_items: int = MAX_ITEMS) -> None:
    """Refuse a body that would be dear or dangerous to parse.

    Args:
        body: As it came.
        max_depth: Brackets within brackets.
        max_items: Values, objects and arrays; also strings.

    Raises:
        RequestError: Too many items (413), too deep, or not text that JSON may have (400).
    """
    _check_bytes(body)
    # Escapes of a backslash and of a quote are exchanged, in this order, so that every quote left is one
    # that begins or ends a string. What stands outside strings has no backslash in JSON; where there is
    # one, the parser stops before anything that was miscounted here.
    plain = body.replace(b"\\\\", b"__").replace(b'\\"', b"__") if b"\\" in body else body
    if plain.count(b'"') > 2 * max_items:
        raise _too_many("strings", plain.count(b'"') // 2, max_items)
    parts = plain.split(b'"')
    outside = b'""'.join(parts[::2])
    num_items = outside.count(b",") + outside.count(b"{") + outside.count(b"[")
    if num_items > max_items:
        raise _too_many("items", num_items, max_items)
    if len(outside) > _BYTES_AN_ITEM * max_items:
        raise _too_many("bytes outside of strings", len(outside), _BYTES_AN_ITEM * max_items)
    depth = _depth(outside)
    if depth > max_depth:
        raise RequestError(
            f"the body has {depth} brackets within brackets; expected at most {max_depth}; send a flatter one",
            code="json_too_deep",
        )
    _check_numbers(outside)
    for inside in parts[1::2]:
        if b"\\u" in inside and _HALF.search(_PAIR.sub(b"", inside)):
            raise _not_json("it holds half of a surrogate pair (like \\ud800 alone)")


def _check_bytes(body: bytes) -> None:
    # Parsers that guess UTF-16 or UTF-32 would see other quotes than are seen here; each has zeros.
    if b"\0" in body or body.startswith((b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff")):
        raise _not_json("it is not UTF-8 without a mark at its beginning")
    if not body.isascii():
        try:
            body.decode("utf-8")
        except UnicodeDecodeError as error:
            raise _not_json(f"byte {error.start} is not UTF-8 ({error.reason})") from error


def _check_numbers(outside: bytes) -> None:
    # true, false and null have no capital letters.
    for word in (b"NaN", b"Infinity"):
        if word[:1] in outside and word in outside:
            raise _not_json(f"{word.decode()} is no JSON number")
    if _HUGE.search(outside) or b"0" * (_MAX_DIGITS + 1) in outside.translate(_DIGITS):
        raise _not_json(
            "a number is too large; expected exponents below 100 and at most 200 digits"
        )


def _depth(outside: bytes) -> int:
    brackets = outside.translate(_STEPS, _NOT_BRACKETS)
    if not brackets:
        return 0
    return int(np.frombuffer(brackets, np.int8).cumsum(dtype=np.int32).max())


def _too_many(what: str, count: int, limit: int) -> RequestError:
    return RequestError(
        f"the body has {count} {what}; expected at most {limit}; send fewer",
        status=413,
        code="body_too_large",
    )


def _not_json(why: str) -> RequestError:
    return RequestError(f"the body is not JSON: {why}; send one JSON object", code="invalid_json")
