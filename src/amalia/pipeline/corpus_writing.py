"""The last phase of a corpus: what stays is counted and written, by variety.

Left out here: duplicates, and documents in which a question of an evaluation stands.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from tokenizers import Tokenizer

from amalia.corpus.clusters import KINDS, ShardClusters, read_clusters
from amalia.evaluate.contamination import Index, index, search
from amalia.pipeline.corpus_files import (
    BATCH_DOCUMENTS,
    DocumentShards,
    Drops,
    documents_of,
    making,
    task_folder,
    tell,
)
from amalia.pipeline.corpus_matching import kept_rows
from amalia.pipeline.corpus_recipe import VARIETIES
from amalia.records import Document, Row
from amalia.store import read_rows

_MAX_DOMAINS = 20_000
_LENGTHS = (100, 200, 400, 800, 1600, 3200, 6400, 12_800)
"""Bounds of the histogram of words."""


@dataclass(frozen=True, slots=True)
class Writing:
    """The work of the phase."""

    documents: Path
    judged: Path
    clusters: Path | None
    """None where nothing was compared."""
    folder: Path
    tokenizer: Path
    evaluations: tuple[str, ...]
    sample_fraction: float

    def is_done(self, task: int) -> bool:
        """Whether a unit was written."""
        return task_folder(self.folder, task).is_dir()

    def do(self, task: int) -> None:
        """Write the documents of a unit that stay."""
        drops = Drops(self.sample_fraction)
        counter = _Counter(Tokenizer.from_file(str(self.tokenizer / "tokenizer.json")))
        wanted = _test_set(self.evaluations)
        with making(self.folder, task) as partial:
            writers: dict[str, DocumentShards] = {
                name: DocumentShards(partial, f"{name}.") for name in VARIETIES
            }
            for batch in _batches(self._distinct(task, drops)):
                clean = _decontaminated(batch, wanted, drops)
                for document in counter.counted(clean):
                    writers[document.language].add(document)
            for writer in writers.values():
                writer.finish()
            drops.write(partial)
            facts: dict[str, Any] = {"dropped": dict(sorted(drops.counts.items()))}
            tell(partial, {**facts, "counts": counter.told()})

    def _distinct(self, task: int, drops: Drops) -> Iterator[Document]:
        found: ShardClusters | None = None
        if self.clusters is not None:
            found = read_clusters(self.clusters, task)
        places = {int(row): place for place, row in enumerate(kept_rows(self.judged, task))}
        for row, document in enumerate(documents_of(self.documents, task)):
            place = places.get(row)
            if place is None:
                continue
            if found is None:
                yield document
                continue
            kind = KINDS[found.kinds[place]]
            if kind == "kept":
                yield document.model_copy(update={"cluster_size": int(found.sizes[place])})
            else:
                detail = f"one of {int(found.sizes[place])}"
                drops.add_document(document, kind, "duplicates@1", detail)


@dataclass(slots=True)
class _Counts:
    documents: int = 0
    tokens: int = 0
    words: int = 0
    chars: int = 0
    years: Counter[str] = field(default_factory=Counter)
    domains: Counter[str] = field(default_factory=Counter)
    lengths: Counter[str] = field(default_factory=Counter)
    qualities: Counter[str] = field(default_factory=Counter)


class _Counter:
    """Counts what is written, by variety."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._counts: dict[str, _Counts] = {variety: _Counts() for variety in VARIETIES}

    def counted(self, documents: Sequence[Document]) -> Iterator[Document]:
        """Give documents with their number of tokens."""
        texts = [document.text for document in documents]
        encoded = self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        for document, tokens in zip(documents, encoded, strict=True):
            num_tokens = len(tokens.ids)
            self._count(document, num_tokens)
            scores = {**document.scores, "num_tokens": float(num_tokens)}
            yield document.model_copy(update={"scores": scores})

    def told(self) -> dict[str, Any]:
        """Give the counts as plain data."""
        return {
            variety: {
                "documents": counts.documents,
                "tokens": counts.tokens,
                "words": counts.words,
                "chars": counts.chars,
                "years": dict(sorted(counts.years.items())),
                "domains": dict(counts.domains.most_common(_MAX_DOMAINS)),
                "lengths": dict(counts.lengths),
                "qualities": dict(sorted(counts.qualities.items())),
            }
            for variety, counts in self._counts.items()
        }

    def _count(self, document: Document, num_tokens: int) -> None:
        counts = self._counts[document.language]
        num_words = int(document.scores["num_words"])
        counts.documents += 1
        counts.tokens += num_tokens
        counts.words += num_words
        counts.chars += len(document.text)
        counts.years[str(document.captured_at.year) if document.captured_at else ""] += 1
        counts.domains[urlsplit(document.url or "").hostname or ""] += 1
        counts.lengths[_length(num_words)] += 1
        counts.qualities[f"{int(document.scores['quality'] * 10) / 10:.1f}"] += 1


def _length(num_words: int) -> str:
    at = int(np.searchsorted(_LENGTHS, num_words, side="right"))
    return f"{_LENGTHS[at - 1] if at else 0}+"


def _test_set(folders: Sequence[str]) -> Index | None:
    rows = [row for folder in folders for row in read_rows(Path(folder), kind="samples")]
    return index(rows) if rows else None


def _decontaminated(
    documents: Sequence[Document], wanted: Index | None, drops: Drops
) -> list[Document]:
    if wanted is None:
        return list(documents)
    found: dict[str, str] = {}
    for hit in search(wanted, [Row(document, {}) for document in documents], source="corpus"):
        found.setdefault(hit.record, f"{hit.task}/{hit.sample}: {hit.shown_train}")
    for document in documents:
        if document.id in found:
            drops.add_document(document, "contaminated", "decontaminate@1", found[document.id])
    return [document for document in documents if document.id not in found]


def _batches(documents: Iterable[Document]) -> Iterator[list[Document]]:
    batch: list[Document] = []
    for document in documents:
        batch.append(document)
        if len(batch) == BATCH_DOCUMENTS:
            yield batch
            batch = []
    if batch:
        yield batch
