"""Captures out of a folder of files: pages, text, PDF and ePub.

Every file is one capture, except an ePub, which is one for each chapter in reading order. Nothing is known of
when a file was captured, so that is left open; the licence is the folder's and must be said.

Not covered: MediaWiki exports (their markup is a language of its own), text in pictures of a PDF, encrypted
files, and archives in archives.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import monotonic
from urllib.parse import quote

from pydantic import Field

from amalia.corpus.capture import Capture, Place
from amalia.corpus.drop import Drop
from amalia.corpus.epub import BookLimits, chapters
from amalia.errors import ArtifactError, MissingExtra, RecordError
from amalia.recipe import Settings

STEP = "read_folder@1"
MEDIA_TYPES = {
    ".html": "text/html",
    ".htm": "text/html",
    ".xhtml": "application/xhtml+xml",
    ".txt": "text/plain",
    ".md": "text/markdown",
    ".pdf": "application/pdf",
    ".epub": "application/epub+zip",
}
"""What is read, by the end of its name in lower case."""


class FileLimits(Settings):
    """What is read of a folder at most."""

    max_file_bytes: int = Field(default=64 << 20, gt=0)
    """Of one file; a larger one is dropped."""
    max_chapter_bytes: int = Field(default=8 << 20, gt=0)
    """Of one chapter of a book, unpacked."""
    max_book_bytes: int = Field(default=128 << 20, gt=0)
    """Of one book, unpacked."""
    max_chapters: int = Field(default=2000, gt=0)
    """Of one book."""


class Folder:
    """A folder of files under one licence; give its captures with ``for … in folder``."""

    def __init__(
        self,
        path: Path,
        *,
        collection: str,
        license: str,
        limits: FileLimits | None = None,
        names: Sequence[str] | None = None,
    ) -> None:
        self.path = path
        self.collection = collection
        self.license = license
        self.limits = limits or FileLimits()
        self.names = names

    def __iter__(self) -> Iterator[Capture | Drop]:
        """Read the files in the order of their names, whatever the file system's is.

        Yields:
            Captures, and a ``Drop`` for what is too large, empty, damaged, of another kind (``media_type``),
            or a link that leads out of the folder (``outside_folder``).

        Raises:
            ArtifactError: There is no such folder.
        """
        if not self.path.is_dir():
            raise ArtifactError(f"there is no folder {self.path}; give one that holds files")
        root = self.path.resolve()
        for name in file_names(self.path) if self.names is None else self.names:
            path = self.path / name
            try:
                if not path.resolve().is_relative_to(root):
                    raise RecordError("a link out of the folder", reason="outside_folder")
                yield from self._read(path, name)
            except RecordError as error:
                yield Drop(_url(name), error.reason, STEP, str(error))
            except OSError as error:
                yield Drop(_url(name), "unreadable", STEP, error.strerror or str(error))

    def _read(self, path: Path, name: str) -> Iterator[Capture | Drop]:
        media_type = MEDIA_TYPES.get(path.suffix.lower())
        if media_type is None:
            raise RecordError(f"ends in {path.suffix[:20]!r}", reason="media_type")
        if not path.is_file():
            raise RecordError("neither file nor folder", reason="media_type")
        with path.open("rb") as file:
            body = file.read(self.limits.max_file_bytes + 1)
        if len(body) > self.limits.max_file_bytes:
            raise RecordError(
                f"more than {self.limits.max_file_bytes} bytes are not read", reason="too_large"
            )
        if not body.strip():
            raise RecordError("nothing but space", reason="empty_body")
        if media_type != MEDIA_TYPES[".epub"]:
            yield self._capture(_url(name), media_type, body, Place(self.collection, name, 0))
            return
        limits = BookLimits(
            self.limits.max_chapter_bytes, self.limits.max_book_bytes, self.limits.max_chapters
        )
        for chapter in chapters(body, limits):
            url = f"{_url(name)}#{quote(chapter.name)}"
            if chapter.fault:
                yield Drop(url, chapter.fault, STEP, chapter.detail)
            else:
                place = Place(self.collection, name, chapter.offset_bytes)
                yield self._capture(url, "text/html", chapter.body, place)

    def _capture(self, url: str, media_type: str, body: bytes, place: Place) -> Capture:
        digest = hashlib.sha256(body).hexdigest()
        return Capture(url, None, media_type, None, body, digest, place)


def read_folder(
    path: Path,
    *,
    collection: str,
    license: str,
    limits: FileLimits | None = None,
    names: Sequence[str] | None = None,
) -> Folder:
    """Open a folder of files.

    Args:
        path: The folder; folders in it are read too.
        collection: What the recipe calls it.
        license: SPDX identifier of all that is in it; kept with the folder, for a file cannot say it.
        limits: What is read at most.
        names: Files that are read, of ``file_names``; all by default.

    Returns:
        The folder, to be iterated over.
    """
    return Folder(path, collection=collection, license=license, limits=limits, names=names)


def file_names(path: Path) -> list[str]:
    """Name the files of a folder, from it, in the order in which they are read."""
    return [found.relative_to(path).as_posix() for found in _files(path)]


def pdf_text(
    body: bytes, *, max_pages: int = 2000, max_chars: int = 5_000_000, max_s: float = 60.0
) -> str:
    """Give the text layer of a PDF, pages separated by an empty line.

    Lines are joined as they stand on the page; a word that is cut at its end is given whole, as far as the PDF
    says that its hyphen is one.

    Args:
        body: The file.
        max_pages: Pages that are read; the rest is left out.
        max_chars: Where reading ends.
        max_s: Where reading ends, too; looked at between pages.

    Returns:
        Text with a line feed between lines.

    Raises:
        RecordError: ``broken_pdf``, ``encrypted_pdf``, or ``no_text_layer``.
        MissingExtra: ``amalia[corpus]`` is not installed.
    """
    try:
        import pypdfium2
    except ImportError as error:
        raise MissingExtra("reading PDF files", "corpus") from error
    until = monotonic() + max_s
    pages, num_chars = list[str](), 0
    try:
        document = pypdfium2.PdfDocument(body)
    except pypdfium2.PdfiumError as error:
        reason = "encrypted_pdf" if "password" in str(error).lower() else "broken_pdf"
        raise RecordError(f"cannot be opened: {error}", reason=reason) from error
    try:
        for number in range(min(len(document), max_pages)):
            if num_chars >= max_chars or monotonic() > until:
                break
            try:
                text = _page_text(document, number, max_chars - num_chars)
            except pypdfium2.PdfiumError:
                continue  # one page that cannot be loaded does not spoil the others
            num_chars += len(text)
            pages.append(text)
    finally:
        document.close()
    joined = "\n\n".join(page for page in pages if page)
    if not joined:
        raise RecordError(f"no text on {len(pages)} pages", reason="no_text_layer")
    return joined


def _page_text(document: object, number: int, max_chars: int) -> str:
    page = document[number]  # type: ignore[index]  # pypdfium2 has no types
    try:
        layer = page.get_textpage()
        try:
            text: str = layer.get_text_range(count=min(max_chars, layer.count_chars()))
        finally:
            layer.close()
    finally:
        page.close()
    # U+FFFE stands for a hyphen at the end of a line whose word goes on.
    lines = text.replace("\ufffe\r\n", "").replace("\ufffe", "").replace("\x00", "")
    return "\n".join(line.rstrip() for line in lines.splitlines()).strip()


def _files(folder: Path) -> Iterator[Path]:
    """Give files in the order of their whole names; no link to a folder is followed."""
    for at, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            yield Path(at) / name


def _url(name: str) -> str:
    return f"file:{quote(name, errors='replace')}"
