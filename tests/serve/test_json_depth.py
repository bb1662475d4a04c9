"""What would be dear or dangerous to parse is seen before it is parsed."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalia.errors import RequestError
from amalia.serve.json_depth import check_json


def refusal(body: bytes, *, max_depth: int = 8, max_items: int = 100) -> RequestError:
    with pytest.raises(RequestError) as caught:
        check_json(body, max_depth=max_depth, max_items=max_items)
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{}", b"[[[[[[[[]]]]]]]]", b'{"a":"[[[[[[[[[[[["}', rb'{"a":"\"[[[[[[[[[[[["}',
        rb'{"a":"\\","b":[1]}', rb'{"a":"\\\"[[[[[[[[[[[[[["}', '{"a":"ação"}'.encode(), b'{"a":"\\u00e7\\u00e3o"}',
        rb'{"a":"\ud83d\ude00 \uD83D\uDE00"}', rb'{"a":"\\ud800"}', b'{"a":"NaN Infinity -Infinity 1e999"}',
        b'{"a":true,"b":null,"c":1e22,"d":-1E-300,"e":0.5}', b'{"a":"\\u0000"}', rb'{"C:\\Users\\NaN":1}',
        b"[" + b"9" * 200 + b"]", b"[1e0099]", b" \r\n\t{ } ",
    ],
)  # fmt: skip
def test_harmless_bodies_pass(body):
    check_json(body, max_depth=8, max_items=100)


@pytest.mark.parametrize(
    ("body", "status", "code", "words"),
    [
        (
            b"[" * 9 + b"]" * 9,
            400,
            "json_too_deep",
            "9 brackets within brackets; expected at most 8",
        ),
        (b'{"a":' * 9 + b"1" + b"}" * 9, 400, "json_too_deep", "9 brackets"),
        (b"[" * 9, 400, "json_too_deep", "9 brackets"),
        (rb'{"a":"\\"' + b"[" * 9, 400, "json_too_deep", "10 brackets"),
        (b'{"a":"["' + b"[" * 9, 400, "json_too_deep", "10 brackets"),
        (b"[" * 1_000_000, 413, "body_too_large", "1000000 items; expected at most 100"),
        (b"[" + b"1," * 101 + b"1]", 413, "body_too_large", "102 items"),
        (b"[" + b"{}," * 51 + b"{}]", 413, "body_too_large", "104 items"),
        (b"[" + b'"" ' * 101 + b"]", 413, "body_too_large", "101 strings"),
        (
            b" " * 4001,
            413,
            "body_too_large",
            "4001 bytes outside of strings; expected at most 4000",
        ),
        (b'{"a":NaN}', 400, "invalid_json", "NaN is no JSON number"),
        (b"[-Infinity]", 400, "invalid_json", "Infinity is no JSON number"),
        (b"[1e999]", 400, "invalid_json", "a number is too large"),
        (b"[1E+0999]", 400, "invalid_json", "a number is too large"),
        (b"[" + b"9" * 201 + b"]", 400, "invalid_json", "a number is too large"),
        (rb'{"a":"\ud800"}', 400, "invalid_json", "half of a surrogate pair"),
        (rb'{"a":"\uDC00\uD800"}', 400, "invalid_json", "half of a surrogate pair"),
        (rb'{"a":"\\\ud800"}', 400, "invalid_json", "half of a surrogate pair"),
        (rb'{"a":"\ud83d","b":"\ude00"}', 400, "invalid_json", "half of a surrogate pair"),
        (b'{"a":"\xed\xa0\x80"}', 400, "invalid_json", "byte 6 is not UTF-8"),
        (b'{"a":"\xff"}', 400, "invalid_json", "byte 6 is not UTF-8"),
        ("ação".encode("latin-1"), 400, "invalid_json", "is not UTF-8"),
        ('{"∢":"["}'.encode("utf-16"), 400, "invalid_json", "not UTF-8 without a mark"),
        ('{"∢":"["}'.encode("utf-16-le"), 400, "invalid_json", "not UTF-8"),
        ('{"a":1}'.encode("utf-32-be"), 400, "invalid_json", "not UTF-8"),
        (b"\xef\xbb\xbf{}", 400, "invalid_json", "not UTF-8 without a mark"),
    ],
)
def test_each_danger_has_its_refusal(body, status, code, words):
    error = refusal(body)
    assert (error.status, error.code) == (status, code)
    assert words in str(error)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)  # fmt: skip


def depth_of(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth_of, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth_of, value), default=0)
    return 0


@given(value=JSON, ascii_=st.booleans(), indent=st.none() | st.integers(0, 3))
def test_depth_is_that_of_the_parsed_value(value, ascii_, indent):
    try:
        body = json.dumps(value, ensure_ascii=ascii_, indent=indent).encode()
    except UnicodeEncodeError:
        return
    depth = depth_of(value)
    huge = any(mark in body for mark in (b"e+1", b"e+2", b"e+3"))
    if not huge:  # 1e100 and more is refused early, which no request needs
        check_json(body, max_depth=max(depth, 1), max_items=10_000)
    if depth > 1:
        assert f"{depth} brackets" in str(refusal(body, max_depth=depth - 1, max_items=10_000))


@given(body=st.text(alphabet='[]{}",\\ué1eN').map(str.encode))
def test_whatever_gets_past_is_no_deeper_than_the_parser_finds(body):
    """Broken JSON too: what the parser meets before it stops was counted."""
    try:
        check_json(body, max_depth=3, max_items=1000)
    except RequestError:
        return
    try:
        deepest = depth_of(json.loads(body))
    except ValueError:
        return
    assert deepest <= 3


@pytest.mark.parametrize(
    "body",
    [
        b'{"image":"' + b"iVBORw0KGgo" * 500_000 + b'"}', b'"' + b"\\\\" * 2_000_000 + b'"', b'"' + b'\\"' * 2_000_000,
        b'"' + b"\\ud83d\\ude00" * 400_000 + b'"', b'"' + b"\\ud800" * 700_000, b"[" * 4_000_000, b'"' * 4_000_000,
        b"1" * 3_900_000, b"e" * 3_900_000, (b"e" + b"0" * 400) * 9_000, b"," * 4_000_000, b"\\" * 4_000_000,
    ],
    ids=lambda body: repr(body[:14]),
)  # fmt: skip
def test_no_body_takes_long(body):
    started = time.process_time()
    try:
        check_json(body, max_depth=32)
    except RequestError as error:
        assert error.status in (400, 413)
    assert (
        time.process_time() - started < 0.8
    )  # tenths at most; a step that is not linear takes minutes
