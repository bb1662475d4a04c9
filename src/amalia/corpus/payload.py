"""What a server answered: status, media type and body, out of the bytes that went over the wire.

Transfer and content encodings are undone up to a size; what is larger, broken or cut is refused with
its reason. A header that names an encoding which the body does not have is taken for one that an archive tool
left behind when it decoded the body, as many did.

Not covered: a body shorter than its HTTP ``Content-Length``, for tools that decode bodies leave that behind too.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO

from amalia.errors import MissingExtra, RecordError

_STATUS = re.compile(rb"HTTP/\d(?:\.\d)?[ \t]+(\d{3})(?!\d)")
_ENDS = re.compile(rb"\r*\n\r*\n")
_CHARSET = re.compile(r"charset\s*=\s*[\"']?\s*([A-Za-z0-9_.:-]{1,40})", re.I)
_MEDIA_TYPE = re.compile(r"\s*([a-z0-9!#$&^_.+-]+/[a-z0-9!#$&^_.+-]+)", re.I)
_CHUNK = re.compile(rb"[ \t]*([0-9A-Fa-f]{1,16})[ \t]*(?:;[^\r\n]*)?\r?\n")
_MAX_ENCODINGS = 3
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True, slots=True)
class Answer:
    """A server's answer before its body is decoded."""

    status: int
    media_type: str
    charset: str | None
    encodings: tuple[str, ...]
    """Content encodings in the order they were applied."""
    is_chunked: bool
    raw: bytes
    """The body as it went over the wire."""


def read_answer(block: bytes, *, max_header_bytes: int) -> Answer:
    """Take apart an HTTP response.

    Raises:
        RecordError: ``not_http``, ``header_too_large`` or ``truncated`` (within the header).
    """
    status = _STATUS.match(block)
    if status is None:
        raise RecordError(f"begins with {block[:40]!r}, not with HTTP/", reason="not_http")
    end = _ENDS.search(block, 0, max_header_bytes)
    if end is None and len(block) >= max_header_bytes:
        raise RecordError(
            f"its HTTP header is longer than {max_header_bytes} bytes", reason="header_too_large"
        )
    # A header without end has no body: empty, and no reason to look further.
    head, raw = (block, b"") if end is None else (block[: end.start()], block[end.end() :])
    fields = _fields(head)
    media_type, charset = media_type_of(fields.get("content-type", ""))
    encodings = tuple(
        name for one in fields.get("content-encoding", "").split(",") if (name := one.strip())
    )
    is_chunked = "chunked" in fields.get("transfer-encoding", "")
    return Answer(int(status[1]), media_type, charset, encodings, is_chunked, raw)


def media_type_of(text: str) -> tuple[str, str | None]:
    """Split a ``Content-Type`` into media type and charset, in lower case."""
    found = _MEDIA_TYPE.match(text)
    charset = _CHARSET.search(text)
    return (found[1].lower() if found else "", charset[1].lower() if charset else None)


def decode(answer: Answer, *, max_body_bytes: int) -> bytes:
    """Undo transfer and content encodings.

    Raises:
        RecordError: ``too_large``, ``truncated``, ``broken_chunks``, ``broken_encoding`` or
            ``unknown_encoding``.
        MissingExtra: ``amalia[corpus]``, which reads Brotli and zstd, is not installed.
    """
    body = without_chunks(answer.raw) if answer.is_chunked else answer.raw
    if len(answer.encodings) > _MAX_ENCODINGS:
        raise RecordError(
            f"{len(answer.encodings)} encodings; up to {_MAX_ENCODINGS} are undone",
            reason="unknown_encoding",
        )
    for name in reversed(answer.encodings):
        if body:
            body = _decoded(body, name, max_body_bytes)
    if len(body) > max_body_bytes:
        raise _too_large(max_body_bytes)
    return body


def without_chunks(raw: bytes) -> bytes:
    """Join the chunks of a body; one that has none is given back.

    Raises:
        RecordError: ``broken_chunks``, or ``truncated`` when the last chunk is missing.
    """
    size = _CHUNK.match(raw)
    if size is None:
        return raw
    parts = list[bytes]()
    at = 0
    while size is not None:
        length = int(size[1], 16)
        start = size.end()
        if length == 0:
            return b"".join(parts)
        if start + length > len(raw):
            raise RecordError(
                f"a chunk says {length} bytes, has {len(raw) - start}", reason="truncated"
            )
        parts.append(raw[start : start + length])
        at = start + length
        at += 2 if raw[at : at + 2] == b"\r\n" else 1 if raw[at : at + 1] == b"\n" else 0
        size = _CHUNK.match(raw, at)
    if at >= len(raw):
        raise RecordError("its last chunk is missing", reason="truncated")
    raise RecordError(f"no size of a chunk but {raw[at : at + 20]!r}", reason="broken_chunks")


def _decoded(body: bytes, name: str, max_bytes: int) -> bytes:
    if name in ("gzip", "x-gzip"):
        return _inflated(body, 31, max_bytes) if body[:2] == _GZIP else body
    if name in ("deflate", "x-deflate"):
        # The standard says zlib; many servers sent the bare stream.
        try:
            return _inflated(body, 15, max_bytes)
        except RecordError as error:
            if error.reason != "broken_encoding":
                raise
        return _inflated(body, -15, max_bytes)
    if name in ("br", "zstd"):
        return _by_fastwarc(body, name, max_bytes)
    if name in ("identity", "none", "utf-8", "binary", "8bit", "7bit"):
        return body
    raise RecordError(f"content encoding {name[:40]!r}", reason="unknown_encoding")


def _inflated(body: bytes, window: int, max_bytes: int) -> bytes:
    inflater = zlib.decompressobj(window)
    try:
        data = inflater.decompress(body, max_bytes + 1)
    except zlib.error as error:
        raise RecordError(str(error), reason="broken_encoding") from error
    if len(data) > max_bytes:
        raise _too_large(max_bytes)
    if not inflater.eof:
        raise RecordError("its compressed body ends too early", reason="truncated")
    return data


def _by_fastwarc(body: bytes, name: str, max_bytes: int) -> bytes:
    try:
        from fastwarc.stream_io import BrotliReader, ZstdReader
    except ImportError as error:
        raise MissingExtra(f"reading bodies encoded with {name}", "corpus") from error
    parts, left = list[bytes](), max_bytes + 1
    try:
        with (BrotliReader if name == "br" else ZstdReader)(BytesIO(body)) as reader:
            while left > 0 and (part := reader.read(min(left, 1 << 18))):
                parts.append(part)
                left -= len(part)
    except (OSError, EOFError, ValueError) as error:
        raise RecordError(str(error), reason="broken_encoding") from error
    if left <= 0:
        raise _too_large(max_bytes)
    return b"".join(parts)


def _fields(head: bytes) -> Mapping[str, str]:
    """Read the few fields that matter, names and encodings in lower case."""
    fields: dict[str, str] = {}
    for line in head.decode("latin-1").split("\n")[1:]:
        name, _, value = line.partition(":")
        name = name.strip().lower()
        if name in ("content-type", "content-encoding", "transfer-encoding"):
            fields[name] = value.strip() if name == "content-type" else value.strip().lower()
    return fields


def _too_large(max_bytes: int) -> RecordError:
    return RecordError(f"decodes to more than {max_bytes} bytes", reason="too_large")
