"""What a stage reads: weighted artifacts in an order that is a function of (seed, position).

Nothing is remembered between batches, so resuming needs a step number and no state. Sources alternate by
weight in cycles of ``CYCLE`` places; inside a source every epoch is a new permutation. Records of a
window of ``WINDOW`` batches are sorted by length and cut into batches, so that little is padding.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from amalia.columns import from_columns
from amalia.errors import ArtifactError
from amalia.model.render import Rendered, Renderer
from amalia.records import Record, Row
from amalia.store import open_shard, read_group, read_rows, shards

CYCLE = 1000
WINDOW = 8

T = TypeVar("T", covariant=True)


class Source(Protocol[T]):
    """Something with a length whose items can be had in any order."""

    @property
    def name(self) -> str:
        """Name of the artifact."""
        ...

    def __len__(self) -> int:
        """Items of one epoch."""
        ...

    def item(self, index: int, epoch: int) -> T:
        """Give item ``index`` of an epoch."""
        ...


class Rows:
    """The records of an artifact, kept as encoded columns and decoded when asked for."""

    def __init__(self, folder: Path, kind: str) -> None:
        self.name = folder.name
        self._kind = kind
        self._columns: list[tuple[Path, int, int]] = []
        for path in shards(folder):
            with open_shard(path) as table:
                for group in range(table.num_row_groups):
                    rows = table.metadata.row_group(group).num_rows
                    self._columns += [(path, group, row) for row in range(rows)]
        if not self._columns:
            raise ArtifactError(f"artifact {folder} holds no records; there is nothing to train on")

    def __len__(self) -> int:
        return len(self._columns)

    def item(self, index: int, epoch: int) -> Row:  # type: ignore[type-arg]
        """Give a record; all epochs hold the same ones."""
        del epoch
        path, group, row = self._columns[index]
        return from_columns(_row_group(path, group).slice(row, 1).to_pylist()[0], self._kind)

    def record(self, index: int) -> Record:
        """Give a record without its pictures."""
        record: Record = self.row(index).record
        return record

    def row(self, index: int) -> Row[Any]:
        """Give a record with its pictures."""
        return self.item(index, 0)


class TokenRuns:
    """Documents joined end to end and cut into runs of equal length, for pre-training."""

    def __init__(self, folder: Path, renderer: Renderer, *, max_tokens: int, seed: int) -> None:
        self.name = folder.name
        self._max_tokens = max_tokens
        self._seed = seed
        texts = [row.record.text for row in read_rows(folder, kind="documents")]
        self._documents = [np.asarray(renderer.text(text).ids, dtype=np.int32) for text in texts]
        self.num_tokens = sum(len(document) for document in self._documents)
        if self.num_tokens < max_tokens:
            raise ArtifactError(
                f"artifact {folder} holds {self.num_tokens} tokens, less than one run of {max_tokens}; "
                "lower max_tokens or add text"
            )
        self._epoch: tuple[int, npt.NDArray[np.int32]] | None = None

    def __len__(self) -> int:
        return self.num_tokens // self._max_tokens

    def item(self, index: int, epoch: int) -> Rendered:
        """Give a run of ``max_tokens`` tokens; documents are joined in another order every epoch."""
        if self._epoch is None or self._epoch[0] != epoch:
            order = np.random.default_rng((self._seed, epoch)).permutation(len(self._documents))
            self._epoch = (epoch, np.concatenate([self._documents[place] for place in order]))
        start = index * self._max_tokens
        ids = tuple(self._epoch[1][start : start + self._max_tokens].tolist())
        no_tiles = np.zeros((0, 3, 1, 1), np.uint8)
        return Rendered(ids, (True,) * len(ids), no_tiles, (), f"{self.name}[{index}]")


@dataclass(frozen=True, slots=True)
class Weighted(Generic[T]):
    """A source and its share of the mixture."""

    source: Source[T]
    weight: float


class Mixture(Generic[T]):
    """Weighted sources, batch by batch.

    Args:
        sources: At least one; shares are normalized.
        batch_size: Items a step.
        seed: With the step, all that the order depends on.
        length: How long an item is, to sort a window by; ``None`` keeps the drawn order.
    """

    def __init__(
        self,
        sources: Sequence[Weighted[T]],
        *,
        batch_size: int,
        seed: int,
        length: Callable[[T], int] | None,
    ) -> None:
        self.sources = sources
        self._batch_size = batch_size
        self._seed = seed
        self._length = length
        self._quotas = _quotas([weighted.weight for weighted in sources])
        self._window: tuple[int, list[list[T]]] | None = None

    def batch(self, step: int) -> list[T]:
        """Give the items of a step, counted from 0."""
        if self._length is None:
            start = step * self._batch_size
            return [self.draw(start + place) for place in range(self._batch_size)]
        number, place = divmod(step, WINDOW)
        if self._window is None or self._window[0] != number:
            self._window = (number, self._sorted_window(number))
        return self._window[1][place]

    def draw(self, position: int) -> T:
        """Give the item at a position of the endless order."""
        cycle, slot = divmod(position, CYCLE)
        plan, ranks = _plan(self._seed, cycle, self._quotas)
        chosen = int(plan[slot])
        source = self.sources[chosen].source
        count = cycle * self._quotas[chosen] + int(ranks[slot])
        epoch, place = divmod(count, len(source))
        return source.item(int(_permutation(self._seed, chosen, epoch, len(source))[place]), epoch)

    def epochs(self, steps: int) -> dict[str, float]:
        """Say how often each source is read in a number of steps."""
        drawn = steps * self._batch_size
        return {
            weighted.source.name: drawn * quota / CYCLE / len(weighted.source)
            for weighted, quota in zip(self.sources, self._quotas, strict=True)
        }

    def _sorted_window(self, number: int) -> list[list[T]]:
        assert self._length is not None
        size = WINDOW * self._batch_size
        items = [self.draw(number * size + place) for place in range(size)]
        items.sort(key=self._length)
        batches = [
            items[start : start + self._batch_size] for start in range(0, size, self._batch_size)
        ]
        order = np.random.default_rng((self._seed, 7, number)).permutation(WINDOW)
        return [batches[place] for place in order]


def _quotas(weights: Sequence[float]) -> tuple[int, ...]:
    """Places of each source in a cycle: at least one each, by largest remainder."""
    exact = np.asarray(weights, dtype=float) / sum(weights) * CYCLE
    quotas = np.maximum(np.floor(exact).astype(int), 1)
    while quotas.sum() != CYCLE:
        step = 1 if quotas.sum() < CYCLE else -1
        wanting = np.where(quotas + step > 0, (exact - quotas) * step, -math.inf)
        quotas[int(np.argmax(wanting))] += step
    return tuple(int(quota) for quota in quotas)


@lru_cache(maxsize=4)
def _plan(
    seed: int, cycle: int, quotas: tuple[int, ...]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Which source stands at each place of a cycle, and the how-manieth of that source it is."""
    plan = np.repeat(np.arange(len(quotas)), quotas)
    np.random.default_rng((seed, 3, cycle)).shuffle(plan)
    ranks = np.zeros(CYCLE, dtype=np.int64)
    for source in range(len(quotas)):
        places = plan == source
        ranks[places] = np.arange(int(places.sum()))
    return plan, ranks


@lru_cache(maxsize=16)
def _permutation(seed: int, source: int, epoch: int, length: int) -> npt.NDArray[np.int64]:
    return np.random.default_rng((seed, 5, source, epoch)).permutation(length)


@lru_cache(maxsize=256)
def _row_group(path: Path, group: int):  # type: ignore[no-untyped-def]
    return read_group(path, group)
