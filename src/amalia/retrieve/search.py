"""Question → passages: by words (BM25), by meaning (vectors), or both, fused by their ranks.

The same question gives the same passages in the same order; passages that are equally good stand in the order of the
index. Every vector is compared: for the tens of thousands of passages this is made for, that takes milliseconds.

Not covered: millions of passages, filters, and questions that only the conversation before them explains.
"""

from __future__ import annotations

import hashlib
import sqlite3
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from amalia import manifest as manifests
from amalia.errors import ArtifactError, RecordError
from amalia.retrieve.encoder import Encode, Vectors, opened
from amalia.retrieve.settings import RetrieveSettings
from amalia.retrieve.words import stems

DATABASE = "passages.sqlite"
VECTORS = "vectors.npy"

# Cormack, Clarke and Büttcher 2009 (SIGIR), who found 60 good and its exact value of no weight.
_RANK_OFFSET = 60
_TITLE_WEIGHT = 2.0
_MAX_STEMS = 64
_HALF_CHARS = 600


@dataclass(frozen=True, slots=True)
class Passage:
    """A passage that was found."""

    id: str
    document_id: str
    title: str
    """Of its document, and the headings it stands under."""
    url: str | None
    licence: str
    """SPDX expression."""
    text: str
    score: float
    """Only good for comparing passages of one question: fused ranks, BM25, or the cosine (``by``)."""
    sha256: str
    """Of the passage's text as it is in the index."""
    start: int
    """Where it stands in its document's text, in characters."""
    end: int


class Search:
    """An index that is open; safe to be asked by several threads."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        vectors: Vectors | None,
        encoder: Encode | None,
        settings: RetrieveSettings,
    ) -> None:
        """Keep what ``open`` has checked."""
        self._connection = connection
        self._vectors = vectors
        self._encoder = encoder
        self._settings = settings
        self._lock = threading.Lock()

    @classmethod
    def open(
        cls, folder: Path, settings: RetrieveSettings, encoder: Encode | None = None
    ) -> Search:
        """Open an index.

        Args:
            folder: Made by ``amalia index``.
            settings: How it is searched.
            encoder: In place of the one that settings name.

        Raises:
            ArtifactError: There is no index, it is damaged, or was made with another encoder.
            MissingExtra: The encoder needs an optional part.
        """
        manifest = manifests.read(folder)
        made_with = manifest.figures.get("encoder")
        if not (folder / DATABASE).is_file() or made_with is None:
            raise ArtifactError(
                f"artifact {folder} holds {manifest.kind} and no index; expected one; "
                f"run  amalia index {folder} --out DIR  and name DIR"
            )
        vectors = None
        if settings.by != "words":
            encoder = encoder or opened(settings.encoder)
            if made_with != encoder.name:
                raise ArtifactError(
                    f"index {folder} was made with the encoder {made_with}, and is searched with "
                    f"{encoder.name}; name the same under retrieve.encoder, make the index again, or search by: words"
                )
            vectors = np.load(folder / VECTORS, mmap_mode="r", allow_pickle=False)
        address = f"{(folder / DATABASE).resolve().as_uri()}?mode=ro&immutable=1"
        connection = sqlite3.connect(address, uri=True, check_same_thread=False)
        return cls(connection, vectors, encoder, settings)

    def close(self) -> None:
        """Close the index."""
        with self._lock:
            self._connection.close()

    def passages(self, question: str) -> list[Passage]:
        """Give the best passages for a question, best first; none for a question without words.

        A long question is searched by its beginning and its end, 600 characters each.

        Raises:
            GenerationError: The encoder behind an address gives no vector.
        """
        question = question.strip()
        if len(question) > 2 * _HALF_CHARS:
            question = f"{question[:_HALF_CHARS]} {question[-_HALF_CHARS:]}"
        if not question:
            return []
        by_words = [] if self._settings.by == "meaning" else self._by_words(question)
        if self._settings.by == "words":
            return self._read(by_words[: self._settings.num_passages])
        similar = self._similarities(question)
        by_meaning = self._by_meaning(similar)
        if self._settings.by == "meaning":
            return self._read(by_meaning[: self._settings.num_passages])
        rankings = [
            [row for row, _ in by_words if similar[row] >= self._settings.min_similarity],
            [row for row, _ in by_meaning],
        ]
        return self._read(_fused(rankings)[: self._settings.num_passages])

    def _by_words(self, question: str) -> list[tuple[int, float]]:
        """Give rows (from 0) and BM25 scores, best first."""
        wanted = list(dict.fromkeys(stems(question)))[:_MAX_STEMS]
        if not wanted:
            return []
        asked = " OR ".join(f'"{word}"' for word in wanted)
        with self._lock:
            found = self._connection.execute(
                "SELECT rowid - 1, -bm25(found, ?, 1.0) AS score FROM found WHERE found MATCH ? "
                "ORDER BY score DESC, rowid LIMIT ?",
                (_TITLE_WEIGHT, asked, self._settings.num_candidates),
            ).fetchall()
        return [(int(row), float(score)) for row, score in found]

    def _similarities(self, question: str) -> Vectors:
        """Give the cosine of every passage, ``[N]``."""
        assert self._vectors is not None
        assert self._encoder is not None
        asked = self._vector(question)
        if asked.shape[0] != self._vectors.shape[1]:
            raise ArtifactError(
                f"the encoder {self._encoder.name} gives {asked.shape[0]} dimensions and the index has "
                f"{self._vectors.shape[1]}; make the index again"
            )
        similar: Vectors = np.asarray(self._vectors @ asked)
        return similar

    def _by_meaning(self, similar: Vectors) -> list[tuple[int, float]]:
        """Give rows and cosines, best first."""
        num = min(self._settings.num_candidates, len(similar))
        # All that are as good as the last one, so that ties are cut by place and not by chance.
        least = np.partition(similar, len(similar) - num)[len(similar) - num]
        rows = np.flatnonzero(similar >= max(least, self._settings.min_similarity))
        order = rows[np.lexsort((rows, -similar[rows]))][:num]
        return [(int(row), float(similar[row])) for row in order]

    def _vector(self, question: str) -> Vectors:
        """Encode a question; one that has too many tokens for its letters, in halves."""
        assert self._encoder is not None
        try:
            vector: Vectors = self._encoder.encode([question], "query")[0]
            return vector
        except RecordError:
            middle = len(question) // 2
            if middle < 1:
                raise
            both = self._vector(question[:middle]) + self._vector(question[middle:])
            length = np.linalg.norm(both)
            return (both / length).astype(np.float32) if length else both

    def _read(self, ranked: Sequence[tuple[int, float]]) -> list[Passage]:
        found = []
        for row, score in ranked:
            with self._lock:
                id_, document, title, heading, url, licence, text, start, end = (
                    self._connection.execute(
                        "SELECT id, document_id, title, heading, url, licence, text, start, end "
                        "FROM passages WHERE number = ?",
                        (row + 1,),
                    ).fetchone()
                )
            found.append(
                Passage(
                    id=id_,
                    document_id=document,
                    title=f"{title} › {heading}" if heading else title,
                    url=url,
                    licence=licence,
                    text=text,
                    score=score,
                    sha256=hashlib.sha256(text.encode()).hexdigest(),
                    start=start,
                    end=end,
                )
            )
        return found


def _fused(rankings: Sequence[Sequence[int]]) -> list[tuple[int, float]]:
    """Fuse rankings: a row scores 1 / (60 + rank) in each ranking it is in."""
    scores = dict[int, float]()
    for ranking in rankings:
        for rank, row in enumerate(ranking, 1):
            scores[row] = scores.get(row, 0.0) + 1 / (_RANK_OFFSET + rank)
    return sorted(scores.items(), key=lambda item: (-item[1], item[0]))
