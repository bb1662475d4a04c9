"""Records of WARC files: fastwarc as long as all is well, our own reader where it is not.

fastwarc takes less than half the time, but stops at the first damage, and takes the next records for content of
one that says it is longer than it is. So a record counts as sound only when the next one begins where this
one ends; any doubt hands it to ``frame``, which reads on until the next sound record.

Not covered: WARC files compressed with zstd.
"""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from amalia.corpus.flow import GZIP, Clock, FileFlow, Flow, TooSlow
from amalia.corpus.frame import Frame, Head, Sizes, read_frames
from amalia.errors import MissingExtra, RecordError

USED_KINDS = ("response", "resource", "revisit", "request", "conversion")
"""Kinds of records whose content is read; of the others only the header is."""
_KNOWN_KINDS = frozenset({*USED_KINDS, "warcinfo", "metadata", "continuation"})
_NUM_HELD = 2
_BLANK = " \t\r\n"
_LENGTH = re.compile(r"\d{1,18}\Z", re.ASCII)
# A tool that opened its file as text wrote two carriage returns.
_ENDS = re.compile(rb"\r*\n\r*\n")
# In a compressed file no record holds the beginning of another but one that swallowed it.
_WITHIN = re.compile(rb"\nWARC/[01]\.\d+\r?\nWARC-")


class Warc:
    """How records of a WARC file begin; see ``frame.Form``."""

    begins = re.compile(rb"WARC/\d+\.\d+[ \t]*\r*\n")
    ends: bytes | None = b"\r\n\r\n"
    between = re.compile(rb"WARC/\d+\.\d+[ \t]*\r*\n(?=[A-Za-z-]+:)")

    def head(self, flow: Flow, *, max_bytes: int) -> Head:
        """Take the header of a record.

        Raises:
            RecordError: It is none (``garbage``), does not end (``header_too_large``), or says no
                length (``bad_length``).
        """
        for size in (2048, max_bytes):
            start = flow.peek(size)
            end = _ENDS.search(start)
            if end is not None:
                break
        if self.begins.match(start) is None:
            raise RecordError(f"begins with {start[:40]!r}, not with WARC/1", reason="garbage")
        if end is None:
            if len(start) < max_bytes:
                raise RecordError("ends within its header", reason="truncated")
            raise RecordError(
                f"its header is longer than {max_bytes} bytes", reason="header_too_large"
            )
        flow.skip(end.end())
        fields = _fields(start[: end.start()])
        return Head(fields.get("warc-type", "unknown").lower(), fields, _length(fields))


def warc_frames(path: Path, sizes: Sizes, clock: Clock) -> Iterator[Frame]:
    """Give every record of a WARC file, the damaged ones with their fault.

    Raises:
        MissingExtra: ``amalia[corpus]`` is not installed.
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        is_compressed = FileFlow(file, clock).is_compressed
        offset = 0
        while True:
            quick = _Quick(file, clock, sizes, offset=offset, is_compressed=is_compressed)
            yield from quick.frames()
            flow = FileFlow(file, clock)
            flow.seek(quick.next_offset_bytes)
            for frame in read_frames(flow, Warc(), sizes):
                if frame.offset_bytes > quick.next_offset_bytes and not frame.fault:
                    offset = frame.offset_bytes
                    break
                yield frame
            else:
                return


class _Quick:
    """Records by fastwarc, up to the first one in doubt; the last ones of a file are always."""

    def __init__(
        self, file: BinaryIO, clock: Clock, sizes: Sizes, *, offset: int, is_compressed: bool
    ) -> None:
        self._stream = _Stream(file, clock, offset)
        self._clock = clock
        self._sizes = sizes
        self._is_compressed = is_compressed
        self.next_offset_bytes = offset
        """Where our own reader goes on."""

    def frames(self) -> Iterator[Frame]:
        try:
            from fastwarc.warc import ArchiveIterator
        except ImportError as error:
            raise MissingExtra("reading WARC files", "corpus") from error
        base = self.next_offset_bytes
        held = deque[Frame]()
        self._clock.restart()
        try:
            records = ArchiveIterator(
                self._stream, parse_http=False, max_header_len=self._sizes.max_header_bytes
            )
            for record in records:
                frame = self._frame(record, base + record.stream_pos)
                if frame is None or (held and frame.offset_bytes <= held[-1].offset_bytes):
                    return
                held.append(frame)
                # The second record of a gzip member is said to stand where the next member does, and only
                # the one after it shows that. So there are always two that may have to be read again.
                if len(held) > _NUM_HELD:
                    self.next_offset_bytes = held[1].offset_bytes
                    yield held.popleft()
                self._clock.restart()
        except (OSError, TooSlow):
            return

    def _frame(self, record: Any, offset: int) -> Frame | None:
        """Give a record with its content; None when in doubt."""
        fields: dict[str, str] = {}
        for name, value in record.headers.items():
            key, value = name.strip(_BLANK).lower(), value.strip(_BLANK)
            if not key:
                return None
            if fields.setdefault(key, value) != value and key == "content-length":
                return None
        kind = fields.get("warc-type", "").lower()
        length = fields.get("content-length", "")
        if (
            kind not in _KNOWN_KINDS
            or not _LENGTH.match(length)
            or int(length) > self._sizes.max_block_bytes
        ):
            return None
        block = record.reader.read(int(length)) if length != "0" else b""
        if len(block) < int(length):
            return None
        if self._is_compressed and (_WITHIN.search(block) or not self._stream.has_member(offset)):
            return None
        return Frame(offset, kind, fields, block if kind in USED_KINDS else b"")


class _Stream:
    """A file from a place on, as fastwarc reads it; every read looks at the clock."""

    def __init__(self, file: BinaryIO, clock: Clock, offset: int) -> None:
        self._file = file
        self._clock = clock
        self._offset = offset
        file.seek(offset)

    def read(self, size: int = -1) -> bytes:
        self._clock.check()
        return self._file.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        place = self._file.seek(offset + (self._offset if whence == 0 else 0), whence)
        return place - self._offset

    def tell(self) -> int:
        return self._file.tell() - self._offset

    def has_member(self, offset: int) -> bool:
        """Whether a gzip member begins at a place of the file."""
        return os.pread(self._file.fileno(), len(GZIP), offset) == GZIP

    def close(self) -> None:
        """Leave the file open: it is not this stream's."""


def _fields(head: bytes) -> dict[str, str]:
    """Read the lines of a header; a line that begins with space goes on with the one before."""
    fields: dict[str, str] = {}
    name = ""
    for line in head.decode("utf-8", "replace").split("\n")[1:]:
        if line[:1] in (" ", "\t") and name:
            fields[name] += " " + line.strip(_BLANK)
            continue
        name, separator, value = line.partition(":")
        name = name.strip(_BLANK).lower() if separator else ""
        if name:
            fields.setdefault(name, value.strip(_BLANK))
    return fields


def _length(fields: dict[str, str]) -> int:
    text = fields.get("content-length", "")
    if not _LENGTH.match(text):
        raise RecordError(
            f"its Content-Length is {text[:40]!r}; expected a number of bytes", reason="bad_length"
        )
    return int(text)
