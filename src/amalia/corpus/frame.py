"""Records of a web archive as they lie in its file, sound or not, one after the other.

What a record says is not looked at here. The two forms (WARC, ARC) say how a record begins; this module
finds where it ends, and where the next one begins when a record is damaged: in a compressed file at the
next member that inflates to a beginning of a record, in a plain one at the next line that looks like one.
So a damaged record costs itself and nothing else.

Not covered: many records in one gzip member (some old tools wrote that; it is against the standard). They
are read, but damage in such a member costs the rest of it.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from amalia.corpus.flow import GZIP, FileFlow, Flow, MemberFlow, TooLarge, TooSlow
from amalia.errors import RecordError

_MAX_BLANK_BYTES = 64
# Enough of what is too large to see what it is.
_SHOWN_BYTES = 1 << 13
_GZIP = re.compile(re.escape(GZIP))
_MAX_START_BYTES = 4096
DAMAGE = (zlib.error, EOFError, TooLarge, TooSlow)
"""What reading from a compressed record may raise."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A record between its two ends."""

    offset_bytes: int
    """Where it begins in the file as it is stored; of a compressed one, its member."""
    kind: str
    """As WARC names it, for example ``response``; ``unknown`` where it does not say."""
    fields: Mapping[str, str]
    """Its own header by WARC's names in lower case; the first of equal names."""
    block: bytes
    """All of its content, or the beginning where it has a fault."""
    fault: str = ""
    """Reason why it cannot be used, empty for a sound one."""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Head:
    """What stands before the content of a record."""

    kind: str
    fields: Mapping[str, str]
    length_bytes: int


class Form(Protocol):
    """How the records of a kind of archive begin."""

    begins: re.Pattern[bytes]
    """Matches the beginning of any record at the beginning of bytes."""
    ends: bytes | None
    """What stands after each record; None if it could as well stand in one."""
    between: re.Pattern[bytes]
    """Finds a record behind damage; its group ``skip`` is what stands before the record."""

    def head(self, flow: Flow, *, max_bytes: int) -> Head:
        """Take the header of a record; raises ``RecordError`` for one that is none."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Limits of a frame."""

    max_header_bytes: int
    max_block_bytes: int
    max_member_bytes: int


def read_frames(raw: FileFlow, form: Form, sizes: Sizes) -> Iterator[Frame]:
    """Give every record from where the flow stands, the damaged ones with their fault."""
    while head := raw.peek(len(GZIP)):
        raw.clock.restart()
        if head == GZIP:
            yield from _member(raw, form, sizes)
        elif not _begins(raw, form):
            start = raw.position
            _find_next(raw, form)
            detail = f"{raw.position - start} bytes that are no record"
            yield Frame(start, "unknown", {}, b"", "garbage", detail)
        else:
            yield from _plain(raw, form, sizes)


def _begins(raw: FileFlow, form: Form) -> bool:
    start = raw.peek(_MAX_START_BYTES).lstrip(b"\r\n")
    return not start or form.begins.match(start) is not None


def _plain(raw: FileFlow, form: Form, sizes: Sizes) -> Iterator[Frame]:
    _skip_blank(raw)
    start = raw.position
    found = _frame(raw, form, sizes)
    if found is None:
        return
    frame, is_lost = found
    if is_lost:
        raw.seek(start + 1)
        _find_next(raw, form)
    yield frame


def _member(raw: FileFlow, form: Form, sizes: Sizes) -> Iterator[Frame]:
    start = raw.position
    member = MemberFlow(raw, max_bytes=sizes.max_member_bytes)
    while True:
        raw.clock.restart()
        try:
            _skip_blank(member)
            found = _frame(member, form, sizes)
        except DAMAGE as error:
            found = Frame(start, "unknown", {}, b"", _fault(error), str(error)), True
        if found is None:
            return
        frame, is_lost = found
        # What follows a damaged record in its member is of no use; often nothing does.
        if is_lost and not _ends(member):
            raw.seek(start + 1)
            _find_next(raw, form)
            yield frame
            return
        yield frame


def _frame(flow: Flow, form: Form, sizes: Sizes) -> tuple[Frame, bool] | None:
    """Give the record that begins here, and whether its end was not found; None at the end."""
    if not flow.peek(1):
        return None
    offset = flow.offset_bytes
    try:
        head = form.head(flow, max_bytes=sizes.max_header_bytes)
    except RecordError as error:
        return Frame(offset, "unknown", {}, b"", error.reason, str(error)), True
    length, block = head.length_bytes, b""
    fault = detail = ""
    is_lost = True
    try:
        if length > sizes.max_block_bytes:
            fault = "too_large"
            detail = f"says {length} bytes; up to {sizes.max_block_bytes} are read"
            block = flow.take(_SHOWN_BYTES)
            num_bytes = len(block) + flow.skip(length - len(block))
        else:
            block = flow.take(length)
            num_bytes = len(block)
        if num_bytes < length:
            fault = fault or "truncated"
            detail = detail or f"says {length} bytes, has {num_bytes}"
        elif _is_at_next(flow, form):
            is_lost = False
        else:
            fault = fault or "wrong_length"
            detail = detail or f"says {length} bytes, and more follow"
    except DAMAGE as error:
        fault, detail = fault or _fault(error), detail or str(error)
    return Frame(offset, head.kind, head.fields, block, fault, detail), is_lost


def _is_at_next(flow: Flow, form: Form) -> bool:
    """Whether the record ends here: by its sign, or before the next record or the end of all."""
    start = flow.peek(_MAX_BLANK_BYTES)
    if form.ends is not None and start.startswith(form.ends):
        return True
    rest = start.lstrip(b"\r\n")
    if not rest:
        return len(start) < _MAX_BLANK_BYTES
    return form.begins.match(flow.peek(_MAX_START_BYTES).lstrip(b"\r\n")) is not None


def _ends(member: MemberFlow) -> bool:
    try:
        return not member.peek(1)
    except DAMAGE:
        return False


def _find_next(raw: FileFlow, form: Form) -> None:
    """Go to the next member or line that begins a record, or to the end."""
    raw.clock.restart()
    if not raw.is_compressed:
        raw.skip_to(form.between, overlap_bytes=_MAX_START_BYTES)
        return
    while raw.skip_to(_GZIP, overlap_bytes=len(GZIP)):
        raw.clock.restart()
        if _is_record(raw.peek(1 << 14), form):
            return
        raw.take(1)


def _is_record(data: bytes, form: Form) -> bool:
    try:
        start = zlib.decompressobj(31).decompress(data, _MAX_START_BYTES)
    except zlib.error:
        return False
    return form.begins.match(start.lstrip(b"\r\n")) is not None


def _skip_blank(flow: Flow) -> None:
    while blank := flow.peek(_MAX_BLANK_BYTES):
        size = len(blank) - len(blank.lstrip(b"\r\n"))
        flow.skip(size)
        if size < len(blank):
            return


def _fault(error: Exception) -> str:
    if isinstance(error, TooSlow):
        return "too_slow"
    if isinstance(error, TooLarge):
        return "too_large"
    return "truncated" if isinstance(error, EOFError) else "broken_gzip"
