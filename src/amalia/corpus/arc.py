"""Records of ARC files, the form of the Internet Archive and of Arquivo.pt before WARC: version 1 and 2.

A record begins with one line (URL, address, date, media type, and in version 2 five more, then its length) and
goes on with what the server answered. It is given as a WARC record with the same content would be.

Not covered: garbage behind a record of a plain file. An ARC record has no end of its own, so that record is
taken for one with a wrong length and dropped with the garbage.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from amalia.corpus.flow import Clock, FileFlow, Flow
from amalia.corpus.frame import Frame, Head, Sizes, read_frames
from amalia.errors import RecordError

_SCHEME = rb"(?:https?|ftp|gopher|dns|filedesc|urn|mailto|nntp|news|whois|screenshot|metadata):"
_NUM_FIELDS = 5
_DATE = re.compile(r"\d{14}")
_LENGTH = re.compile(r"\d{1,18}\Z", re.ASCII)


class Arc:
    """How records of an ARC file begin; see ``frame.Form``."""

    begins = re.compile(_SCHEME + rb"[^\r\n]{1,4000}")
    ends: bytes | None = None
    # A page may hold lines that begin with an address; this one has a date before its last fields.
    between = re.compile(
        rb"(?P<skip>\n)" + _SCHEME + rb"[^\r\n]{1,2500} \d{12,18} [^ \r\n]+ [^\r\n]{1,300}\n"
    )

    def head(self, flow: Flow, *, max_bytes: int) -> Head:
        """Take the line that begins a record.

        Raises:
            RecordError: It does not end (``header_too_large``, ``truncated``), has too few fields
                (``garbage``), or says no length (``bad_length``).
        """
        start = flow.peek(max_bytes)
        end = start.find(b"\n")
        if end < 0:
            if len(start) < max_bytes:
                raise RecordError("ends within its header", reason="truncated")
            raise RecordError(
                f"its header is longer than {max_bytes} bytes", reason="header_too_large"
            )
        line = start[:end].decode("utf-8", "replace").strip("\r")
        fields = line.split(" ")
        flow.skip(end + 1)
        if len(fields) < _NUM_FIELDS:
            raise RecordError(
                f"its header has {len(fields)} fields; expected {_NUM_FIELDS} or 10",
                reason="garbage",
            )
        if not _LENGTH.match(fields[-1]):
            raise RecordError(
                f"its length is {fields[-1][:40]!r}; expected a number of bytes",
                reason="bad_length",
            )
        length = int(fields[-1])
        kind, told = _told(line)
        if kind == "response" and flow.peek(5) != b"HTTP/":
            kind = "resource"
        return Head(kind, told, length)


def arc_frames(path: Path, sizes: Sizes, clock: Clock) -> Iterator[Frame]:
    """Give every record of an ARC file, the damaged ones with their fault.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        yield from read_frames(FileFlow(file, clock), Arc(), sizes)


def _told(line: str) -> tuple[str, dict[str, str]]:
    """Give kind and fields, by WARC's names; URLs of the 1990s hold spaces, so it is read from the date."""
    fields = line.split(" ")
    places = [n for n, field in enumerate(fields) if n >= 2 and _DATE.match(field)]
    at = places[0] if places else 2
    url = " ".join(fields[: at - 1])
    told = {"warc-target-uri": url}
    try:
        date = datetime.strptime(fields[at][:14], "%Y%m%d%H%M%S")  # noqa: DTZ007 - UTC, said below
        told["warc-date"] = f"{date.isoformat()}Z"
    except (ValueError, IndexError):
        pass
    if len(fields) > at + 1:
        told["content-type"] = fields[at + 1]
    if url.startswith("filedesc:"):
        return "warcinfo", told
    return "response", told
