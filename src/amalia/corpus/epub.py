"""Chapters of an ePub book in reading order: a zip file of XHTML with a list of what it holds.

Nothing is unpacked to disk. What is unpacked in memory has a limit, whatever the zip file says of its size;
names that point out of the book, entities and documents in any encoding but UTF-8 in its lists are refused.
"""

from __future__ import annotations

import posixpath
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from urllib.parse import unquote
from xml.parsers import expat

from amalia.errors import RecordError

_CONTAINER = "META-INF/container.xml"
_PAGES = ("application/xhtml+xml", "text/html")
_MAX_LIST_BYTES = 4 << 20
_MAX_MEMBERS = 20_000


@dataclass(frozen=True, slots=True)
class BookLimits:
    """What is read of a book at most."""

    max_chapter_bytes: int
    max_book_bytes: int
    max_chapters: int


@dataclass(frozen=True, slots=True)
class Chapter:
    """A document of a book, or why it cannot be read."""

    name: str
    """In the book."""
    offset_bytes: int
    """Where it begins in the file."""
    body: bytes
    fault: str = ""
    detail: str = ""


def chapters(body: bytes, limits: BookLimits) -> Iterator[Chapter]:
    """Give the documents of a book in the order they are read.

    Raises:
        RecordError: The book cannot be read at all: ``broken_zip``, ``broken_book`` (a list in it is
            missing or no sound XML), ``too_large`` (more members or lists than any book has).
    """
    try:
        book = zipfile.ZipFile(BytesIO(body))
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
        raise RecordError(f"no zip file: {error}", reason="broken_zip") from error
    with book:
        if len(book.infolist()) > _MAX_MEMBERS:
            raise RecordError(f"{len(book.infolist())} members", reason="too_large")
        names = _spine(book)
        left = limits.max_book_bytes
        for number, name in enumerate(names):
            if number >= limits.max_chapters:
                detail = f"chapters beyond {limits.max_chapters} are not read"
                yield Chapter(name, 0, b"", "too_many_chapters", detail)
                return
            chapter = _chapter(book, name, min(left, limits.max_chapter_bytes))
            left -= len(chapter.body)
            yield chapter


def _chapter(book: zipfile.ZipFile, name: str, max_bytes: int) -> Chapter:
    try:
        offset, body = _member(book, name, max_bytes)
        if not body.strip():
            raise RecordError("nothing but space", reason="empty_body")
    except RecordError as error:
        return Chapter(name, 0, b"", error.reason, str(error))
    return Chapter(name, offset, body)


def _spine(book: zipfile.ZipFile) -> list[str]:
    """Give the names of the documents in reading order."""
    try:
        starts = _elements(_member(book, _CONTAINER, _MAX_LIST_BYTES)[1])
        package = next(
            (fields.get("full-path", "") for name, fields in starts if name == "rootfile"), ""
        )
        if not package:
            raise RecordError("it names no package", reason="broken_book")
        starts = _elements(_member(book, package, _MAX_LIST_BYTES)[1])
    except RecordError as error:
        reason = "too_large" if error.reason == "too_large" else "broken_book"
        raise RecordError(f"the book's list: {error}", reason=reason) from error
    folder = posixpath.dirname(package)
    pages = {
        fields.get("id", ""): fields.get("href", "")
        for name, fields in starts
        if name == "item" and fields.get("media-type", "") in _PAGES
    }
    order = [fields.get("idref", "") for name, fields in starts if name == "itemref"]
    # A list that names a document twice gives it once.
    hrefs = dict.fromkeys(pages[one] for one in order if one in pages)
    return [posixpath.normpath(posixpath.join(folder, unquote(href))) for href in hrefs if href]


def _member(book: zipfile.ZipFile, name: str, max_bytes: int) -> tuple[int, bytes]:
    """Read a member and where it begins; raises ``RecordError``."""
    if name.startswith(("/", "../")) or name == ".." or "\\" in name:
        raise RecordError(f"{name[:80]!r} points out of the book", reason="outside_book")
    try:
        info = book.getinfo(name)
    except KeyError as error:
        raise RecordError(f"{name[:80]!r} is not in it", reason="missing_chapter") from error
    if info.flag_bits & 1:
        raise RecordError(f"{name[:80]!r} is encrypted", reason="encrypted")
    try:
        with book.open(info) as file:
            body = file.read(max_bytes + 1)
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        OSError,
        NotImplementedError,
        RuntimeError,
    ) as error:
        raise RecordError(f"{name[:80]!r}: {error}", reason="broken_zip") from error
    if len(body) > max_bytes:
        raise RecordError(
            f"{name[:80]!r} unpacks to more than {max_bytes} bytes", reason="too_large"
        )
    return info.header_offset, body


def _elements(data: bytes) -> list[tuple[str, dict[str, str]]]:
    """List the elements of an XML document with their attributes, names without prefix.

    No tree is built, so depth costs nothing; entities are refused, so nothing grows.
    """
    found = list[tuple[str, dict[str, str]]]()
    parser = expat.ParserCreate("utf-8")

    def start(name: str, fields: dict[str, str]) -> None:
        found.append((name.rpartition(":")[2], fields))

    def entity(name: str, *_: object) -> None:
        raise RecordError(f"its XML declares an entity {name!r}", reason="broken_book")

    parser.StartElementHandler = start
    parser.EntityDeclHandler = entity
    try:
        parser.Parse(data, True)
    except expat.ExpatError as error:
        raise RecordError(f"its XML is broken: {error}", reason="broken_book") from error
    return found
