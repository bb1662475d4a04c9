"""Captures out of web archives: which records are pages, and why the others are not.

One ``Archive`` reads one WARC or ARC file, compressed or not, from its beginning to its end, and gives each page as
a ``Capture`` and what could have been one as a ``Drop``. Damage costs the damaged record; see ``frame``.
Records that never are pages (requests, metadata, DNS answers) are only counted.

Not covered: WARC compressed with zstd, records split into segments (``continuation``), and revisits, whose
page stands elsewhere: they are dropped with what they refer to.
"""

from __future__ import annotations

import hashlib
import re
from base64 import b32encode
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from pydantic import Field

from amalia.corpus.arc import Arc, arc_frames
from amalia.corpus.capture import Capture, Place
from amalia.corpus.drop import SHOWN_CHARS, Drop
from amalia.corpus.flow import Clock, FileFlow, MemberFlow
from amalia.corpus.frame import DAMAGE, Frame, Sizes
from amalia.corpus.payload import Answer, decode, media_type_of, read_answer, without_chunks
from amalia.corpus.warc import warc_frames
from amalia.errors import ArtifactError, RecordError
from amalia.recipe import Settings

STEP = "read_archive@1"
_PAGE = re.compile(rb"<(?:!doctype|html|head|title|body|meta|frameset)\b", re.I)
_DIGEST = re.compile(r"(?:urn:)?(sha-?1|sha-?256|sha-?512|md5):(\w+)=*\Z", re.I | re.ASCII)
# fromisoformat would make a date of 14 digits too, but another one.
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT", re.ASCII)
_SNIFFED_BYTES = 1024
# What an encoded body may be longer than the decoded one.
_MARGIN_BYTES = 1 << 20


class ArchiveLimits(Settings):
    """What is read of a web archive at most."""

    media_types: tuple[str, ...] = ("text/html", "application/xhtml+xml")
    """Kinds of pages. An answer that names no kind is one if it looks like HTML."""
    max_body_bytes: int = Field(default=8 << 20, gt=0)
    """Of a page without its encodings."""
    max_header_bytes: int = Field(default=32 << 10, ge=1 << 10)
    """Of a record's header, and of the HTTP header in it."""
    max_member_bytes: int = Field(default=1 << 30, gt=0)
    """What a compressed record may inflate to before it is given up."""
    max_record_s: float = Field(default=20.0, gt=0)
    """What reading a record may take."""
    compares_digests: bool = True
    """Whether content must be what its record says by SHA-1, SHA-256, SHA-512 or MD5."""


class Archive:
    """A web archive file; give its captures with ``for … in archive``.

    Attributes:
        counts: Records by kind, as far as it has been read: ``response``, ``request``, ``dns`` …
    """

    def __init__(self, path: Path, *, collection: str, limits: ArchiveLimits) -> None:
        self.path = path
        self.collection = collection
        self.limits = limits
        self.counts: Counter[str] = Counter()

    @property
    def num_skipped(self) -> int:
        """Records that gave neither a capture nor a drop."""
        pages = sum(self.counts[kind] for kind in ("response", "resource", "revisit", "unknown"))
        return self.counts.total() - pages

    def __iter__(self) -> Iterator[Capture | Drop]:
        """Read the file.

        Raises:
            ArtifactError: The file cannot be read.
            MissingExtra: ``amalia[corpus]`` is not installed.
        """
        self.counts.clear()
        try:
            for frame, is_post in self._paired():
                if is_post:
                    yield self._drop(frame, "post_request", "the answer to what a form sent")
                else:
                    yield self._read(frame)
        except OSError as error:
            raise ArtifactError(
                f"cannot read {self.path}: {error.strerror or error}; give a WARC or ARC file"
            ) from error

    def _frames(self) -> Iterator[Frame]:
        limits = self.limits
        sizes = Sizes(
            limits.max_header_bytes,
            limits.max_body_bytes + limits.max_header_bytes + _MARGIN_BYTES,
            limits.max_member_bytes,
        )
        clock = Clock(limits.max_record_s)
        if _is_arc(self.path, clock):
            return arc_frames(self.path, sizes, clock)
        return warc_frames(self.path, sizes, clock)

    def _paired(self) -> Iterator[tuple[Frame, bool]]:
        """Give what may be a page, and whether it answers a POST; requests stand before or behind."""
        held: Frame | None = None
        is_post = False
        posts = _Posts()
        for frame in self._frames():
            kind = frame.kind
            is_dns = kind in ("response", "resource") and _is_dns(frame)
            self.counts["dns" if is_dns else kind] += 1
            if kind == "request":
                if frame.block[:5] == b"POST ":
                    posts.add(frame)
                    is_post = is_post or (held is not None and posts.asked(held))
                continue
            if kind == "metadata" and not frame.fault:
                continue
            if held is not None:
                yield held, is_post
                held, is_post = None, False
            if frame.fault or (kind in ("response", "resource", "revisit") and not is_dns):
                held, is_post = frame, posts.asked(frame)
        if held is not None:
            yield held, is_post

    def _read(self, frame: Frame) -> Capture | Drop:
        fields, limits = frame.fields, self.limits
        truncated = fields.get("warc-truncated", "")
        if frame.fault:
            return self._drop(frame, frame.fault, frame.detail)
        if frame.kind == "revisit":
            of = fields.get("warc-refers-to-target-uri") or fields.get("warc-refers-to") or ""
            when = fields.get("warc-refers-to-date", "")
            digest = fields.get("warc-payload-digest", "")
            return self._drop(frame, "revisit", " ".join(filter(None, ("of", of, when, digest))))
        if truncated:
            return self._drop(frame, "truncated", f"the crawler stopped: {truncated}")
        try:
            answer = self._answer(frame)
            self._check_kind(answer)
            if limits.compares_digests:
                _check_digest(frame, answer)
            body = decode(answer, max_body_bytes=limits.max_body_bytes)
            if not body.strip():
                raise RecordError("nothing but space", reason="empty_body")
        except RecordError as error:
            return self._drop(frame, error.reason, str(error))
        return Capture(
            url=_url(frame),
            captured_at=_moment(fields.get("warc-date", "")),
            media_type=answer.media_type,
            charset=answer.charset,
            body=body,
            digest=hashlib.sha256(body).hexdigest(),
            place=Place(self.collection, self.path.name, frame.offset_bytes),
        )

    def _answer(self, frame: Frame) -> Answer:
        if frame.kind == "response" or frame.block[:5] == b"HTTP/":
            return read_answer(frame.block, max_header_bytes=self.limits.max_header_bytes)
        media_type, charset = media_type_of(frame.fields.get("content-type", ""))
        return Answer(200, media_type, charset, (), False, frame.block)

    def _check_kind(self, answer: Answer) -> None:
        if answer.status != 200:
            raise RecordError(f"status {answer.status}; expected 200", reason="http_status")
        if answer.media_type in self.limits.media_types:
            return
        # Without a kind, or with the one that some archives give what has none.
        if answer.media_type in ("", "unk/unk") and (
            answer.encodings or _PAGE.search(answer.raw, 0, _SNIFFED_BYTES)
        ):
            return
        raise RecordError(f"media type {answer.media_type or 'not told'}", reason="media_type")

    def _drop(self, frame: Frame, reason: str, detail: str) -> Drop:
        text = ""
        shown = frame.block[:SHOWN_CHARS]
        if frame.kind in ("response", "resource") and b"\0" not in shown:
            text = shown.decode("utf-8", "replace")
        name = _url(frame) or f"{self.path.name}@{frame.offset_bytes}"
        detail = f"{detail} ({self.path.name}, byte {frame.offset_bytes})"
        return Drop(name, reason, STEP, detail, text)


def read_archive(path: Path, *, collection: str, limits: ArchiveLimits) -> Archive:
    """Open a web archive.

    Args:
        path: WARC or ARC file, plain or with each record compressed by gzip.
        collection: What the recipe calls the collection it belongs to.
        limits: What is read at most.

    Returns:
        The archive, to be iterated over; its ``counts`` say what records it had.
    """
    return Archive(path, collection=collection, limits=limits)


class _Posts:
    """The last POST requests, by what ties them to an answer."""

    def __init__(self) -> None:
        self._ids: tuple[str, ...] = ()
        self._place: tuple[str, str] = ("", "")

    def add(self, request: Frame) -> None:
        fields = request.fields
        names = (fields.get("warc-record-id", ""), fields.get("warc-concurrent-to", ""))
        self._ids = tuple(name for name in names if name)
        self._place = (fields.get("warc-target-uri", ""), fields.get("warc-date", ""))

    def asked(self, answer: Frame) -> bool:
        fields = answer.fields
        names = (fields.get("warc-record-id", ""), fields.get("warc-concurrent-to", ""))
        if any(name in self._ids for name in names if name):
            return True
        place = (fields.get("warc-target-uri", ""), fields.get("warc-date", ""))
        return len(self._ids) < 2 and bool(place[0]) and place == self._place


def _is_arc(path: Path, clock: Clock) -> bool:
    with path.open("rb") as file:
        flow = FileFlow(file, clock)
        try:
            start = (
                MemberFlow(flow, max_bytes=1 << 22).peek(64)
                if flow.is_compressed
                else flow.peek(64)
            )
        except DAMAGE:
            start = b""  # met again, and counted, when it is read
    if start.startswith(b"WARC/"):
        return False
    return start.startswith(b"filedesc:") or (
        ".arc" in path.name.lower() or Arc.begins.match(start) is not None
    )


def _is_dns(frame: Frame) -> bool:
    return frame.fields.get("warc-target-uri", "").startswith("dns:") or frame.fields.get(
        "content-type", ""
    ).startswith("text/dns")


def _url(frame: Frame) -> str:
    # Some tools put it in angle brackets, as the grammar of the first standard did by mistake.
    return frame.fields.get("warc-target-uri", "").strip("<> ")


def _moment(text: str) -> datetime | None:
    if not _MOMENT.match(text):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _check_digest(frame: Frame, answer: Answer) -> None:
    """Compare content with the digest its record names; unknown algorithms say nothing."""
    told = _DIGEST.match(frame.fields.get("warc-payload-digest", ""))
    contents = [answer.raw]
    if told is None:
        told = _DIGEST.match(frame.fields.get("warc-block-digest", ""))
        contents = [frame.block]
    if told is None:
        return
    algorithm = told[1].lower().replace("-", "")
    found = {_digest(algorithm, content, len(told[2])) for content in contents}
    if told[2].upper() in found:
        return
    # Some tools take the digest of the payload without its transfer encoding, some also decoded.
    if contents[0] is answer.raw and answer.is_chunked:
        joined = without_chunks(answer.raw)
        if told[2].upper() == _digest(algorithm, joined, len(told[2])):
            return
    raise RecordError(
        f"its content is not what {told[0][:60]} says; {algorithm} is {min(found)}",
        reason="digest_mismatch",
    )


def _digest(algorithm: str, content: bytes, num_chars: int) -> str:
    found = hashlib.new(algorithm, content, usedforsecurity=False)
    if num_chars == 2 * found.digest_size:
        return found.hexdigest().upper()
    return b32encode(found.digest()).decode().rstrip("=")
