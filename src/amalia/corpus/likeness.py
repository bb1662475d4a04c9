"""How alike the documents of a cluster truly are, and near pairs that are left out because they are not.

A MinHash only estimates, and a chain of near duplicates can join a first and a last text that have little in common.
With the texts at hand, pairs can be compared by all their n-grams before clusters are made of them (``confirmed``), and
finished clusters can be measured (``measure``).

Confirming compares each document with the first of its band only: a pair of two others, alike to each other but not to
the first, is lost with it unless another band has them too.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from amalia.corpus.clusters import ShardClusters
from amalia.corpus.edges import Edges, document_id
from amalia.corpus.signatures import MinHashSettings, jaccard


class Texts(Protocol):
    """Where texts of documents are read."""

    def text(self, document: int) -> str:
        """Give the text of a document, which is named as in ``edges``."""
        ...


@dataclass(frozen=True, slots=True)
class Likeness:
    """True Jaccard similarities of documents and the representatives of their clusters, 0–1."""

    num_pairs: int
    mean: float
    """Of all pairs that were measured; 1 if there were none."""
    lowest: float
    below_fraction: float
    """How many of them are less alike than was asked for."""


def confirmed(
    edges: Iterable[Edges], texts: Texts, settings: MinHashSettings, *, min_jaccard: float
) -> Iterator[Edges]:
    """Leave out edges between documents that are not alike.

    Args:
        edges: Block by block.
        texts: Of both documents of each edge.
        settings: Whose n-grams are compared.
        min_jaccard: Of an edge that stays, 0–1.
    """
    for block in edges:
        kept = [
            jaccard(texts.text(first), texts.text(second), settings) >= min_jaccard
            for first, second in block.tolist()
        ]
        yield block[np.array(kept, dtype=bool)]


def measure(
    clusters: ShardClusters,
    texts: Texts,
    *,
    shard: int,
    settings: MinHashSettings,
    min_jaccard: float,
    num_pairs: int = 1000,
) -> Likeness:
    """Compare some documents that do not stay with the one that stays of their cluster.

    Args:
        clusters: Of one shard.
        texts: Of its documents and their representatives.
        shard: Its number.
        settings: Whose n-grams are compared, and whose seed draws the documents.
        min_jaccard: What counts as alike, 0–1.
        num_pairs: Most that are compared.
    """
    rows = np.flatnonzero(clusters.kinds).tolist()
    if len(rows) > num_pairs:
        rows = sorted(random.Random(settings.seed).sample(rows, num_pairs))
    values = [
        jaccard(
            texts.text(int(clusters.representatives[row])),
            texts.text(document_id(shard, row)),
            settings,
        )
        for row in rows
    ]
    if not values:
        return Likeness(0, 1.0, 1.0, 0.0)
    below = sum(value < min_jaccard for value in values)
    return Likeness(len(values), sum(values) / len(values), min(values), below / len(values))
