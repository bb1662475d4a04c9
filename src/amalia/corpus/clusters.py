"""Clusters of duplicates from the edges between documents, and which document of each stays.

Documents that edges join, however many lie between, are one cluster. Of a cluster the earliest document stays, its
*representative*: of the earliest collection, then with the smallest order (``bands.Shard``), then the one that stands
first. That does not depend on the order of edges, nor on who found them.

A document with the same words as an earlier one of its cluster is ``duplicate_exact``, another that does not stay is
``duplicate_near``; so both can be counted apart, and removing the exact ones first gives the same documents.

Edges are read block by block, and orders shard by shard. What stays in memory is a number for each document and some
for each that has duplicates (``bytes_needed``), on one machine. A chain of near duplicates can join what is not
alike: ``likeness`` measures that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from amalia.corpus.bands import Shard
from amalia.corpus.checked_arrays import Array, ArrayFile, write_arrays
from amalia.corpus.edges import ROW_BITS, Edges, EdgesFile, Ids
from amalia.errors import ArtifactError

KINDS = ("kept", "duplicate_exact", "duplicate_near")
"""Of documents, by number."""
WEIGHTS: Mapping[int, int] = {1: 1, 2: 2, 3: 3, 5: 5, 100: 8, 1000: 1}
"""How often a document is shown in training, from so many duplicates on; AMALIA's (what comes a thousand times and more
is a cookie notice)."""

Numbers = npt.NDArray[np.int64]
_BLOCK = 2**20


@dataclass(frozen=True, slots=True)
class ShardClusters:
    """What is known of the documents of one shard, in its order."""

    representatives: Ids
    """The document that stays of each cluster; a document without duplicates is its own."""
    sizes: npt.NDArray[np.uint32]
    """Documents of its cluster, 1 or more."""
    kinds: npt.NDArray[np.uint8]
    """Places in ``KINDS``."""


@dataclass(frozen=True, slots=True)
class Tally:
    """How many documents there are of each kind."""

    num_documents: int
    num_kept: int
    num_duplicate_exact: int
    num_duplicate_near: int
    largest_cluster: int


class Forest:
    """Numbers 0 to N - 1 joined to sets; of each set the smallest number is the root.

    Memory is 4 bytes a number below 2^31, else 8, and 100 MB while edges are joined.
    """

    def __init__(self, count: int) -> None:
        kind = np.int32 if count < 2**31 else np.int64
        self._parents: Array = np.arange(count, dtype=kind)

    def join(self, first: Numbers, second: Numbers) -> None:
        """Join pairs of numbers.

        All pairs at once: the larger of two roots is put below the smallest one that it is paired with, until no pair
        has two roots. Parents are smaller than their children, so there are no circles.
        """
        while len(first):
            first, second = self._roots(first), self._roots(second)
            apart = first != second
            first, second = first[apart], second[apart]
            low, high = np.minimum(first, second), np.maximum(first, second)
            np.minimum.at(self._parents, high, low.astype(self._parents.dtype))

    def are_joined(self, first: int, second: int) -> bool:
        """Say whether two numbers are in one set."""
        one, other = self._roots(np.array([first, second])).tolist()
        return bool(one == other)

    def members(self) -> tuple[Numbers, Numbers]:
        """Give the numbers that are in a set with others, ascending, and the root of each."""
        is_member = np.zeros(len(self._parents), dtype=bool)
        for start in range(0, len(self._parents), _BLOCK):
            block = np.arange(start, min(start + _BLOCK, len(self._parents)))
            roots = self._roots(block)
            below = roots != block
            is_member[block[below]] = True
            is_member[roots[below]] = True
        numbers = np.flatnonzero(is_member).astype(np.int64)
        return numbers, self._parents[numbers].astype(np.int64)

    def _roots(self, numbers: Numbers) -> Numbers:
        found = self._parents[numbers]
        while True:
            above = self._parents[found]
            if np.array_equal(above, found):
                break
            found = above
        self._parents[numbers] = found
        roots: Numbers = found.astype(np.int64)
        return roots


class Clusters:
    """Clusters of the documents of some shards.

    Args:
        shards: Of all documents.
        exact: Edges between exact duplicates.
        near: Edges between near duplicates.

    Raises:
        ArtifactError: Two shards have the same number, or an edge names a document that is in none of them.
    """

    def __init__(
        self, shards: Sequence[Shard], exact: Iterable[Edges], near: Iterable[Edges]
    ) -> None:
        self._shards = sorted(shards, key=lambda shard: shard.number)
        self._places = _Places(self._shards)
        forest = Forest(self._places.count)
        for edges in exact:
            forest.join(*self._places.of(edges))
        self._exact = _families(forest, self._places)
        for edges in near:
            forest.join(*self._places.of(edges))
        self._near = _families(forest, self._places)

    def of_shard(self, number: int) -> ShardClusters:
        """Give what is known of the documents of one shard."""
        part = self._places.part(number)
        own = np.arange(part.start, part.stop)
        near, sizes = self._near.of(own)
        exact, _ = self._exact.of(own)
        kinds = np.where(near == own, 0, 2).astype(np.uint8)
        kinds[(exact != own) & (near != own)] = 1
        return ShardClusters(self._places.ids(near), sizes, kinds)

    def write(self, folder: Path, numbers: Iterable[int] | None = None) -> Tally:
        """Write one file for each shard, whole or not at all, and count.

        Args:
            folder: Of the files.
            numbers: Of the shards that are written and counted; all by default.
        """
        counts = np.zeros(len(KINDS), dtype=np.int64)
        largest = 0
        for number in [one.number for one in self._shards] if numbers is None else numbers:
            found = self.of_shard(number)
            arrays: dict[str, Array] = {
                "representatives": found.representatives,
                "sizes": found.sizes,
                "kinds": found.kinds,
            }
            write_arrays(clusters_path(folder, number), {"version": 1, "shard": number}, arrays)
            counts += np.bincount(found.kinds, minlength=len(KINDS))
            largest = max(largest, int(found.sizes.max(initial=0)))
        kept, exact, near = counts.tolist()
        return Tally(kept + exact + near, kept, exact, near, largest)

    def write_stars(self, exact: Path, near: Path) -> None:
        """Write the clusters as edges, at most one for each document: all that has to be kept of many edges."""
        for path, families in ((exact, self._exact), (near, self._near)):
            others = families.representatives != families.members
            with EdgesFile(path) as edges:
                first = self._places.ids(families.representatives[others])
                edges.add(first, self._places.ids(families.members[others]))


def clusters_path(folder: Path, shard: int) -> Path:
    """Name the file with the clusters of a shard."""
    return folder / f"{shard:06d}.clusters"


def read_clusters(folder: Path, shard: int) -> ShardClusters:
    """Read what is known of the documents of one shard.

    Raises:
        ArtifactError: Missing or damaged.
    """
    file = ArrayFile(clusters_path(folder, shard))
    return ShardClusters(file.read("representatives"), file.read("sizes"), file.read("kinds"))


def weight(cluster_size: int, table: Mapping[int, int] = WEIGHTS) -> int:
    """Say how often the representative of a cluster is shown in training.

    Args:
        cluster_size: 1 or more.
        table: Weights by the size from which on they count; the smallest has to be 1.
    """
    return table[max(size for size in table if size <= cluster_size)]


def bytes_needed(num_documents: int, num_duplicates: int) -> int:
    """Say how much memory ``Clusters`` needs for so many documents, of which so many are in clusters.

    Measured, beside 50 MB; those in clusters are counted with the one that stays.
    """
    return num_documents * (5 if num_documents < 2**31 else 9) + num_duplicates * 100


@dataclass(frozen=True, slots=True)
class _Families:
    """Documents that have duplicates, ascending."""

    members: Numbers
    representatives: Numbers
    sizes: npt.NDArray[np.uint32]

    def of(self, documents: Numbers) -> tuple[Numbers, npt.NDArray[np.uint32]]:
        """Give representatives and sizes of documents that follow each other."""
        representatives, sizes = documents.copy(), np.ones(len(documents), dtype=np.uint32)
        if len(documents):
            first, last = np.searchsorted(self.members, [documents[0], documents[-1] + 1])
            rows = self.members[first:last] - documents[0]
            representatives[rows] = self.representatives[first:last]
            sizes[rows] = self.sizes[first:last]
        return representatives, sizes


def _families(forest: Forest, places: _Places) -> _Families:
    """Find the earliest document of each cluster, and how many there are."""
    members, roots = forest.members()
    collections, orders = places.orders(members)
    ranked = np.lexsort((members, orders, collections, roots))
    is_first = np.ones(len(ranked), dtype=bool)
    is_first[1:] = roots[ranked[1:]] != roots[ranked[:-1]]
    firsts = np.flatnonzero(is_first)
    lengths = np.diff(firsts, append=len(ranked))
    representatives, sizes = np.empty_like(members), np.empty(len(members), dtype=np.uint32)
    representatives[ranked] = np.repeat(members[ranked[firsts]], lengths)
    sizes[ranked] = np.repeat(lengths, lengths)
    return _Families(members, representatives, sizes)


class _Places:
    """Documents of sorted shards, numbered from 0."""

    def __init__(self, shards: Sequence[Shard]) -> None:
        self._shards = shards
        self._numbers = np.array([shard.number for shard in shards], dtype=np.int64)
        if (self._numbers[1:] == self._numbers[:-1]).any():
            raise ArtifactError(
                "two files of signatures have the same shard number; give every shard a number of its own"
            )
        lengths = np.array([len(shard) for shard in shards], dtype=np.int64)
        self._firsts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        self.count = int(self._firsts[-1])

    def of(self, edges: Edges) -> tuple[Numbers, Numbers]:
        ids = edges.astype(np.int64)
        shards, rows = ids >> ROW_BITS, ids & (2**ROW_BITS - 1)
        which = np.searchsorted(self._numbers, shards).clip(max=max(0, len(self._numbers) - 1))
        known = len(self._numbers) > 0 and (self._numbers[which] == shards).all()
        if not known or (rows >= np.diff(self._firsts)[which]).any():
            raise ArtifactError(
                "an edge names a document that no file of signatures holds; compare again"
            )
        places = self._firsts[which] + rows
        return places[:, 0], places[:, 1]

    def part(self, number: int) -> slice:
        which = int(np.searchsorted(self._numbers, number))
        assert self._numbers[which] == number
        return slice(int(self._firsts[which]), int(self._firsts[which + 1]))

    def ids(self, places: Numbers) -> Ids:
        which = np.searchsorted(self._firsts, places, side="right") - 1
        ids = (self._numbers[which] << ROW_BITS) | (places - self._firsts[which])
        return ids.astype(np.uint64)

    def orders(self, places: Numbers) -> tuple[Numbers, Numbers]:
        """Give collection and order of documents, whose places ascend."""
        cuts = np.searchsorted(places, self._firsts)
        collections, orders = np.empty_like(places), np.empty_like(places)
        for which, shard in enumerate(self._shards):
            part = slice(int(cuts[which]), int(cuts[which + 1]))
            collections[part] = shard.collection
            if part.start < part.stop:
                orders[part] = shard.orders()[places[part] - self._firsts[which]]
        return collections, orders
