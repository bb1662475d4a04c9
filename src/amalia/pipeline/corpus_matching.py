"""The middle phases of a corpus: which documents are good enough, and which of those say the same.

Thresholds are applied to what was measured when the documents were made, so changing one reads no page again. Only
documents that stay are compared: of two that say the same, one that is left out anyway must not be the one that stays.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import numpy.typing as npt

from amalia.corpus.bands import EXACT, Part, SignatureFile, match, parts, write_signatures
from amalia.corpus.clusters import Clusters
from amalia.corpus.edges import read_edges
from amalia.corpus.signatures import MinHashSettings, signatures_of
from amalia.corpus.statistics import Statistics
from amalia.corpus.thresholds import Thresholds, failing
from amalia.pipeline.corpus_files import Drops, documents_of, making, task_folder, tell, told
from amalia.records import Document
from amalia.store import write_text

SIGNATURES = "signatures"
KEPT = "kept.npy"
TALLY = "tally.json"


@dataclass(frozen=True, slots=True)
class Judging:
    """Applies thresholds to the documents of each unit, and signs those that stay."""

    documents: Path
    folder: Path
    thresholds: Thresholds
    min_scores: Mapping[str, float]
    settings: MinHashSettings | None
    """None signs nothing."""
    num_partitions: int
    sample_fraction: float

    def is_done(self, task: int) -> bool:
        """Whether a unit was judged."""
        return task_folder(self.folder, task).is_dir()

    def do(self, task: int) -> None:
        """Judge the documents of a unit."""
        drops = Drops(self.sample_fraction)
        rows: list[int] = []
        orders: list[int] = []
        alone: dict[str, int] = {}

        def texts() -> Iterator[str]:
            for row, document in enumerate(documents_of(self.documents, task)):
                reasons = self._reasons(document)
                if reasons:
                    drops.add_document(document, reasons[0], "thresholds@1", ", ".join(reasons[1:]))
                    if len(reasons) == 1:
                        alone[reasons[0]] = alone.get(reasons[0], 0) + 1
                    continue
                rows.append(row)
                orders.append(int(document.captured_at.timestamp()) if document.captured_at else 0)
                yield document.text

        with making(self.folder, task) as partial:
            if self.settings is None:
                for _ in texts():
                    pass
            else:
                signed = signatures_of(texts(), self.settings)
                write_signatures(
                    partial / SIGNATURES,
                    signed,
                    self.settings,
                    shard=task,
                    orders=orders,
                    num_partitions=self.num_partitions,
                )
            np.save(partial / KEPT, np.array(rows, np.int64))
            drops.write(partial)
            facts = {"kept": len(rows), "dropped": dict(sorted(drops.counts.items()))}
            tell(partial, {**facts, "dropped_alone": dict(sorted(alone.items()))})

    def _reasons(self, document: Document) -> tuple[str, ...]:
        scores = document.scores
        reasons = failing(Statistics.from_mapping(scores), self.thresholds)
        # A score that was never found in a document, such as a count of numbers, is 0 there.
        low = (name for name, least in self.min_scores.items() if scores.get(name, 0.0) < least)
        return (*reasons, *(f"low_{name}" for name in low))


def kept_rows(folder: Path, task: int) -> npt.NDArray[np.int64]:
    """Read which documents of a unit were good enough, by their place."""
    found: npt.NDArray[np.int64] = np.load(task_folder(folder, task) / KEPT)
    return found


@dataclass(frozen=True, slots=True)
class Matching:
    """Compares all documents in one part of a band each."""

    judged: Path
    folder: Path
    num_units: int
    settings: MinHashSettings
    num_partitions: int

    @property
    def parts(self) -> list[Part]:
        """What all tasks compare, in their order."""
        return parts(self.settings, self.num_partitions)

    def part(self, task: int) -> Part:
        """What one task compares, without a list of all, which may be a million."""
        return Part(*divmod(task, self.num_partitions), self.num_partitions)

    def is_done(self, task: int) -> bool:
        """Whether a part was compared."""
        return self.path(self.part(task)).is_file()

    def do(self, task: int) -> None:
        """Compare a part."""
        part = self.part(task)
        self.folder.mkdir(parents=True, exist_ok=True)
        match(self.files(), part, self.path(part))

    def path(self, part: Part) -> Path:
        """Name the file with the edges of a part."""
        return self.folder / f"{part.name}.edges"

    def files(self) -> list[SignatureFile]:
        """Open the signatures of all units."""
        return [
            SignatureFile(task_folder(self.judged, unit) / SIGNATURES, self.settings)
            for unit in range(self.num_units)
        ]


@dataclass(frozen=True, slots=True)
class Joining:
    """Makes clusters of what was found to agree; one task."""

    matching: Matching
    documents: Path
    folder: Path

    def is_done(self, task: int) -> bool:
        """Whether the clusters are there."""
        del task
        return (self.folder / TALLY).is_file()

    def do(self, task: int) -> None:
        """Join all edges."""
        del task
        self.folder.mkdir(parents=True, exist_ok=True)
        matching = self.matching
        files = [
            SignatureFile(
                task_folder(matching.judged, unit) / SIGNATURES,
                matching.settings,
                collection=told(self.documents, unit)["order"],
            )
            for unit in range(matching.num_units)
        ]
        exact = [matching.path(part) for part in matching.parts if part.band == EXACT]
        near = [matching.path(part) for part in matching.parts if part.band != EXACT]
        clusters = Clusters(files, read_edges(exact), read_edges(near))
        tally = clusters.write(self.folder)
        facts = {field.name: getattr(tally, field.name) for field in fields(tally)}
        write_text(self.folder / TALLY, json.dumps(facts) + "\n")
