"""An index of documents: a documents artifact that also holds passages to search, by words and by meaning.

Beside the documents themselves (Parquet shards, as in any artifact of documents) stand ``passages.sqlite``, the
passages and a full-text table over their stems, and ``vectors.npy``, ``[N, D]`` float32, row for row. Sources are
folders of ``.txt`` and ``.md`` files and artifacts of documents; what cannot be used is counted under a reason.

Not covered: PDF, HTML and office files, fetching, adding to an index that is finished (make it again).
"""

from __future__ import annotations

import hashlib
import sqlite3
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from pydantic import TypeAdapter, ValidationError

from amalia import manifest as manifests
from amalia.errors import ArtifactError, RecordError
from amalia.manifest import Counts, Input, Manifest
from amalia.progress import Progress
from amalia.recipe import fingerprint
from amalia.records import Document, Language, Origin, Row
from amalia.retrieve.chunk import Piece, pieces, title_of
from amalia.retrieve.encoder import Encode, Vectors, opened
from amalia.retrieve.search import DATABASE, VECTORS
from amalia.retrieve.settings import IndexSettings
from amalia.retrieve.words import plain_words, stems
from amalia.store import Workshop, disk_errors, read_rows, sha256_of, shards, write_rows

_STEP = "amalia.retrieve.index@1"
_SUFFIXES = frozenset({".txt", ".md"})
_MAX_FILE_BYTES = 20 * 2**20
_SHARD_DOCUMENTS = 2000
_BATCH = 64
_MAX_URL_CHARS = 2000

_TABLES = """
CREATE TABLE passages (
  number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, document_id TEXT NOT NULL, title TEXT NOT NULL,
  heading TEXT NOT NULL, url TEXT, licence TEXT NOT NULL, text TEXT NOT NULL,
  start INTEGER NOT NULL, "end" INTEGER NOT NULL
);
CREATE VIRTUAL TABLE found USING fts5 (
  title, stems, content = '', tokenize = 'unicode61 remove_diacritics 2'
);
"""


class Left(NamedTuple):
    """What was left out of an index, and why."""

    name: str
    reason: str


@dataclass(slots=True)
class _Made:
    """What has gone into an index so far."""

    documents: int = 0
    passages: int = 0
    without_vector: int = 0
    licences: Counter[str] = field(default_factory=Counter)
    left: Counter[str] = field(default_factory=Counter)
    vectors: list[Vectors] = field(default_factory=list)


def build(
    source: Path,
    out: Path,
    *,
    settings: IndexSettings,
    licence: str | None = None,
    language: str | None = None,
    encoder: Encode | None = None,
) -> Manifest:
    """Make an index; one that is already there and made from the same is left alone.

    Args:
        source: A folder of ``.txt`` and ``.md`` files, or an artifact of documents.
        out: The index's folder, outside of ``source``.
        settings: How it is made.
        licence: SPDX expression of the files of a folder; an artifact says its own.
        language: BCP-47 tag of the files of a folder; an artifact says its own.
        encoder: In place of the one that settings name.

    Returns:
        Its manifest; ``counts.dropped`` says what was left out and why.

    Raises:
        ArtifactError: There is no such source, it holds nothing to index, ``out`` is in use or inside it.
        RecordError: Licence or language are missing, are not valid, or are given for an artifact.
        MissingExtra: The encoder needs an optional part.
        GenerationError: The encoder behind an address gives no vectors.
    """
    if out.resolve().is_relative_to(source.resolve()):
        raise ArtifactError(f"{out} lies in {source}, which is read; give another --out")
    read = _Source.of(source, licence, language)
    if settings.encoder is not None:
        encoder = encoder or opened(settings.encoder)
    recipe = {
        **settings.model_dump(mode="json"),
        "encoder": encoder.name if encoder else None,
        "licence": licence,
        "language": language,
        "step": _STEP,
    }
    digest = read.digest()
    identity = fingerprint(recipe, inputs=digest)
    name = out.resolve().name
    shop = Workshop(out, fingerprint=identity, recipe=recipe)
    if shop.is_finished:
        return manifests.read(out)
    with shop:
        began = time.monotonic()
        for stale in (*shards(shop.partial), shop.partial / DATABASE, shop.partial / VECTORS):
            stale.unlink(missing_ok=True)
        made = _Made()
        with disk_errors(shop.partial, sqlite3.OperationalError), Progress(name, len(read)) as bar:
            _write(shop.partial, _told(read, made, bar), made, (settings, encoder))
        if not made.passages:
            for begun in (shop.partial / "recipe.json", *shop.partial.iterdir()):
                begun.unlink(missing_ok=True)
            shop.partial.rmdir()
            reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(made.left.items()))
            raise ArtifactError(
                f"{source} holds nothing to index ({reasons or 'no .txt or .md file'}); "
                "expected documents with text"
            )
        return shop.finish(
            "documents",
            name,
            inputs=(
                Input(name=source.resolve().name, path=str(source.resolve()), fingerprint=digest),
            ),
            counts=Counts(
                records=made.documents,
                dropped=dict(sorted(made.left.items())),
                licenses=dict(sorted(made.licences.items())),
            ),
            figures=_figures(made, encoder, time.monotonic() - began),
        )


def _figures(made: _Made, encoder: Encode | None, seconds: float) -> dict[str, float | str]:
    return {
        "passages": made.passages,
        "passages_without_vector": made.without_vector,
        "encoder": encoder.name if encoder else "none",
        "dimensions": made.vectors[0].shape[1] if made.vectors else 0,
        "seconds": round(seconds, 1),
    }


@dataclass(frozen=True, slots=True)
class _Source:
    """Where documents come from."""

    root: Path
    files: tuple[Path, ...]
    """Of a folder; none for an artifact."""
    is_artifact: bool
    licence: str = ""
    language: str = ""

    @classmethod
    def of(cls, root: Path, licence: str | None, language: str | None) -> _Source:
        if not root.is_dir():
            raise ArtifactError(
                f"there is no folder {root}; give a folder of .txt and .md files or an artifact of documents"
            )
        if (root / manifests.FILE_NAME).is_file():
            kind = manifests.read(root).kind
            if kind != "documents":
                raise ArtifactError(f"artifact {root} holds {kind}; expected documents")
            if licence is not None or language is not None:
                raise RecordError(
                    f"--license and --language are given for the artifact {root}, whose documents say theirs; "
                    "leave them out"
                )
            return cls(root, (), True)
        if not (licence or "").strip():
            raise RecordError(
                f"the files of {root} have no licence; expected an SPDX expression; give one, "
                "for example  --license CC-BY-4.0",
                reason="no_license",
            )
        if language is None:
            raise RecordError(
                f"the files of {root} have no language; expected a tag; give one, for example  --language pt-PT",
                reason="no_language",
            )
        try:
            TypeAdapter(Language).validate_python(language)
        except ValidationError as error:
            raise RecordError(
                f"language {language!r} is not a tag; expected for example pt-PT",
                reason="bad_language",
            ) from error
        files = (
            path
            for path in root.rglob("*")
            if path.is_file() and not any(part[0] == "." for part in path.relative_to(root).parts)
        )
        return cls(root, tuple(sorted(files)), False, str(licence).strip(), language)

    def __len__(self) -> int:
        return manifests.read(self.root).counts.records if self.is_artifact else len(self.files)

    def digest(self) -> str:
        """Digest all that is read."""
        if self.is_artifact:
            return manifests.read(self.root).fingerprint
        digest = hashlib.sha256()
        for path in self.files:
            if path.suffix.lower() in _SUFFIXES:
                try:
                    line = f"{path.relative_to(self.root)}\0{sha256_of(path)}\0"
                except OSError as error:
                    raise ArtifactError(
                        f"{path} cannot be read ({error.strerror}); mend that, or move it away"
                    ) from error
                digest.update(line.encode(errors="surrogateescape"))
        return digest.hexdigest()[:16]

    def documents(self) -> Iterator[Document | Left]:
        """Read everything in order."""
        if self.is_artifact:
            for row in read_rows(self.root, kind="documents"):
                yield row.record if row.record.text.strip() else Left(row.record.id, "empty")
            return
        for path in self.files:
            yield self._file(path)

    def _file(self, path: Path) -> Document | Left:
        name = path.relative_to(self.root).as_posix()
        shown = name.encode(errors="replace").decode()  # a file's name need not be UTF-8
        if path.suffix.lower() not in _SUFFIXES:
            return Left(shown, "other_format")
        if not path.resolve().is_relative_to(self.root.resolve()):
            return Left(shown, "link_out_of_folder")
        if path.stat().st_size > _MAX_FILE_BYTES:
            return Left(shown, "too_large")
        try:
            text = path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")
        except UnicodeDecodeError:
            return Left(shown, "not_utf8")
        if "\0" in text:
            return Left(shown, "not_text")
        if not plain_words(text):
            return Left(shown, "empty")
        return Document(
            id=shown,
            url=shown[:_MAX_URL_CHARS],
            text=text,
            language=self.language,
            origin=Origin(
                source=f"folder:{self.root.resolve().name}",
                license=self.licence,
                created="found",
                steps=(_STEP,),
            ),
        )


def _told(read: _Source, made: _Made, progress: Progress) -> Iterator[Document]:
    """Give what is to be indexed, counting what is not."""
    texts, ids = set[str](), set[str]()
    for item in read.documents():
        progress.advance()
        if isinstance(item, Left):
            made.left[item.reason] += 1
            continue
        digest = hashlib.sha256(item.text.encode("utf-8", "replace")).hexdigest()
        if item.id in ids or digest in texts:
            made.left["duplicate_id" if item.id in ids else "duplicate_text"] += 1
            continue
        texts.add(digest)
        ids.add(item.id)
        yield item


def _write(
    folder: Path,
    documents: Iterator[Document],
    made: _Made,
    how: tuple[IndexSettings, Encode | None],
) -> None:
    settings, encoder = how
    number = 0
    with closing(sqlite3.connect(folder / DATABASE)) as database:
        database.executescript(f"PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; {_TABLES}")
        while batch := list(islice(documents, _SHARD_DOCUMENTS)):
            counts = write_rows(
                folder / f"documents-{number:05d}.parquet",
                "documents",
                (Row(one, {}) for one in batch),
            )
            made.documents += counts.records
            made.licences.update(counts.licenses)
            number += 1
            waiting = list[str]()
            for document in batch:
                found = pieces(
                    document, max_chars=settings.max_chars, overlap_chars=settings.overlap_chars
                )
                title = title_of(document)
                _insert(database, document, title, found, made.passages)
                made.passages += len(found)
                waiting += [_context(title, piece) for piece in found]
            if encoder is not None:
                _encode(waiting, encoder, made)
        database.execute("INSERT INTO found (found) VALUES ('optimize')")
        database.commit()
    if made.vectors:
        np.save(folder / VECTORS, np.concatenate(made.vectors))


def _insert(
    database: sqlite3.Connection,
    document: Document,
    title: str,
    found: Sequence[Piece],
    before: int,
) -> None:
    for number, piece in enumerate(found, before + 1):
        database.execute(
            "INSERT INTO passages VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                number, piece.id, document.id, title, piece.heading, document.url,
                document.origin.license, piece.text, piece.start, piece.end,
            ),
        )  # fmt: skip
        database.execute(
            "INSERT INTO found (rowid, title, stems) VALUES (?, ?, ?)",
            (number, " ".join(stems(f"{title} {piece.heading}")), " ".join(stems(piece.text))),
        )


def _context(title: str, piece: Piece) -> str:
    """Write a passage as it is encoded: under its title, since it may not name what it is about."""
    above = f"{title} › {piece.heading}" if piece.heading else title
    return piece.text if piece.text.startswith(title) else f"{above}\n{piece.text}"


def _encode(texts: Iterable[str], encoder: Encode, made: _Made) -> None:
    waiting = iter(texts)
    while batch := list(islice(waiting, _BATCH)):
        try:
            made.vectors.append(encoder.encode(batch, "passage"))
        except RecordError:
            made.vectors.extend(_one(text, encoder, made) for text in batch)


def _one(text: str, encoder: Encode, made: _Made) -> Vectors:
    """Give the vector of a text, ``[1, D]``; zeros, and a count, where it has too many tokens."""
    try:
        return encoder.encode([text], "passage")
    except RecordError:
        made.without_vector += 1
        return np.zeros((1, encoder.dimensions), np.float32)
