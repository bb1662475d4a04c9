"""Answers written as WARC records, each compressed for itself, the same bytes for the same answer."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from io import BytesIO
from typing import BinaryIO

from amalia.errors import MissingExtra

_SOFTWARE = "amalia"


@dataclass(frozen=True, slots=True)
class Answered:
    """What a server answered."""

    url: str
    captured_at: datetime
    status: int
    media_type: str
    """With its parameters, as the server told it."""
    encoding: str
    """Content encoding that the body has; empty for none."""
    body: bytes


def write_info(file: BinaryIO, *, name: str, captured_at: datetime) -> None:
    """Write the record that begins a WARC file and says who wrote it."""
    writer, _ = _writer(file)
    record = writer.create_warcinfo_record(
        name, {"software": _SOFTWARE, "format": "WARC File Format 1.0"}
    )
    record.rec_headers.replace_header("WARC-Date", _date(captured_at))
    record.rec_headers.replace_header("WARC-Record-ID", _id("warcinfo", name, captured_at))
    writer.write_record(record)


def write_warc(file: BinaryIO, answer: Answered) -> None:
    """Write an answer as a response record.

    Raises:
        MissingExtra: ``amalia[corpus]`` is not installed.
    """
    writer, headers_of = _writer(file)
    fields = [("Content-Type", _one_line(answer.media_type))] if answer.media_type else []
    fields += [("Content-Encoding", _one_line(answer.encoding))] if answer.encoding else []
    fields.append(("Content-Length", str(len(answer.body))))
    known = {status.value: status.phrase for status in HTTPStatus}
    http = headers_of(
        f"{answer.status} {known.get(answer.status, '')}".strip(), fields, protocol="HTTP/1.1"
    )
    record = writer.create_warc_record(
        _one_line(answer.url),
        "response",
        payload=BytesIO(answer.body),
        length=len(answer.body),  # without it, warcio copies the body to a file first
        http_headers=http,
        warc_headers_dict={
            "WARC-Date": _date(answer.captured_at),
            "WARC-Record-ID": _id("response", answer.url, answer.captured_at),
        },
    )
    writer.write_record(record)


def _writer(file: BinaryIO):  # type: ignore[no-untyped-def]  # warcio has no types
    try:
        from warcio.statusandheaders import StatusAndHeaders
        from warcio.warcwriter import WARCWriter
    except ImportError as error:
        raise MissingExtra("writing WARC files", "corpus") from error
    return WARCWriter(file, gzip=True), StatusAndHeaders


def _id(kind: str, name: str, captured_at: datetime) -> str:
    told = f"{kind} {_date(captured_at)} {name}"
    return f"<urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, told)}>"


def _date(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _one_line(text: str) -> str:
    return " ".join(text.split())
