"""Log-probabilities of preference answers under the model a DPO stage starts from.

Computed once before training and stored beside it, so that one model is in memory while training. They
are kept in Parquet parts, each written whole or not at all while the rest is being computed, so that a
stop loses a minute. A part belongs to a model, a template and a number format, a row of it to a record;
what does not agree, or is damaged, is computed again. What does agree is not simply believed: a few
pairs are computed afresh and compared.

Several processes that share one model compute a share each, in the same number of rounds, because a
forward pass of a sharded model is the business of all.
"""

from __future__ import annotations

import hashlib
import io
import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from transformers import PreTrainedModel

from amalia.device import Device
from amalia.errors import ArtifactError, RecordError, TrainingError
from amalia.model.fork import Fork, collate_forks, fork_of
from amalia.model.render import Rendered, Renderer, chat_template
from amalia.progress import Progress
from amalia.records import Preference, Record, Row
from amalia.store import disk_errors
from amalia.train.objectives import answer_log_probs

Pair = tuple[float, float]
"""Log-probability of the chosen and of the rejected answer, nats."""
PART_EVERY_S = 60.0
# Pairs sorted by length at once: about a row group, so that no picture is read twice.
WINDOW = 512
CHECKED = 4
# How far a stored value may lie from the same one computed in another batch: nats, and a share of it.
# Of answers of hundreds of nats the packaged model's differ by up to 0.0001 nats in float32 and by 0.06 in
# bfloat16; a large model rounds more often.
_TOLERANCE = {"float32": (1e-3, 1e-4), "bfloat16": (0.5, 5e-3)}
_SCHEMA = pa.schema(
    [
        pa.field("key", pa.string(), nullable=False),
        pa.field("chosen", pa.float32(), nullable=False),
        pa.field("rejected", pa.float32(), nullable=False),
    ]
)
_log = logging.getLogger(__name__)


class Records(Protocol):
    """Preferences by number, their pictures only when asked for."""

    def __len__(self) -> int:
        """How many there are."""
        ...

    def record(self, index: int) -> Record:
        """Give a preference; its pictures need not be read."""
        ...

    def row(self, index: int) -> Row[Any]:
        """Give a preference with its pictures."""
        ...


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a preference stands."""

    records: Records
    index: int
    key: str
    num_tokens: int = 0
    """Of the prompt and both answers, once measured."""


def key(row: Row[Preference]) -> str:
    """Digest everything of a preference that its log-probabilities depend on."""
    return _key_of(row.record)


def compute(
    model: PreTrainedModel,
    renderer: Renderer,
    sources: Sequence[Records],
    *,
    folder: Path,
    model_fingerprint: str,
    batch: int,
    batch_tokens: int = 0,
    max_tokens: int,
    device: Device,
    rank: int = 0,
    world: int = 1,
    largest: Callable[[int], int] = lambda number: number,
) -> dict[str, Pair]:
    """Give the reference log-probabilities of preferences, computing those not stored yet.

    Args:
        model: The reference, in evaluation mode.
        renderer: Its renderer.
        sources: Preferences; those that occur twice are computed once.
        folder: Keeps the result as ``part-RANK-NUMBER.parquet``; all processes see the same one.
        model_fingerprint: Identity of the model.
        batch: Most pairs computed at once.
        batch_tokens: Most tokens computed at once, padding included; 0 sets no limit. One pair may
            always have more.
        max_tokens: Pairs whose prompt with its longer answer has more are left out.
        device: Where to compute.
        rank: Which of the processes this is.
        world: How many there are; all call this at the same time with the same preferences.
        largest: Gives the largest of the numbers that all processes call it with, when all have done so.

    Returns:
        ``key(row)`` → pair, for every row that can be read and is not too long.

    Raises:
        ArtifactError: Stored values are not what the model gives, or the disk is full.
        TrainingError: A log-probability is not finite.
    """
    parts = _Parts(folder, _identity(model_fingerprint, device), rank)
    known = parts.read(remove_others=rank == 0)
    wanted = _wanted(sources)
    # Nobody writes before all have read, so that all agree on what is missing.
    largest(0)
    reference = _Reference(model, renderer, device)
    stored = [place for place in wanted if place.key in known]
    _verify(reference, _spread(stored, CHECKED), known, folder)
    missing = [place for place in wanted if place.key not in known]
    share = _measured(_share(missing, rank, world), renderer, max_tokens)
    batches = _batches(share, batch, batch_tokens)
    rounds = largest(len(batches))
    # The first process speaks for all; the others are as far.
    stream = io.StringIO() if rank else None
    with Progress("reference", len(share), stream=stream) as progress:
        for number in range(rounds):
            places = batches[number] if number < len(batches) else []
            parts.add(reference.pairs(places))
            progress.advance(len(places))
        parts.write()
    if rounds:
        largest(0)
        known = parts.read()
    return {place.key: known[place.key] for place in wanted if place.key in known}


class _Reference:
    """The model of which log-probabilities are wanted."""

    def __init__(self, model: PreTrainedModel, renderer: Renderer, device: Device) -> None:
        self._model = model
        self._renderer = renderer
        self.device = device

    def pairs(self, places: Sequence[_Place]) -> dict[str, Pair]:
        """Compute pairs at once; those that cannot be read are left out and named in the log."""
        names, forks = [], []
        for place in places:
            try:
                row = place.records.row(place.index)
                forks.append(fork_of(self._renderer, row))
                names.append((place.key, row.record.id))
            except RecordError as error:
                _log.warning("no reference log-probability: %s", error)
        # With nothing of its own a process still takes part in the forward pass of the others.
        tensors = collate_forks(
            forks or [_blank(self._renderer)],
            pad_id=self._renderer.pad_id,
            device=self.device.kind,
        )
        with torch.no_grad(), self.device.autocast():
            sums_A, _ = answer_log_probs(self._model, tensors)
        chosen, rejected = (part.tolist() for part in sums_A.float().chunk(2))
        found = {}
        for (name, record_id), pair in zip(names, zip(chosen, rejected, strict=True), strict=False):
            if not all(map(math.isfinite, pair)):
                raise TrainingError(
                    f"the log-probabilities {pair[0]} and {pair[1]} of record {record_id} are not finite; "
                    "look at this record and at the model the stage starts from"
                )
            found[name] = pair
        return found


class _Parts:
    """The Parquet files with what is known."""

    def __init__(self, folder: Path, identity: str, rank: int) -> None:
        self._folder = folder
        self._identity = identity
        self._rank = rank
        self._pending: dict[str, Pair] = {}
        self._written_at = time.monotonic()

    def read(self, *, remove_others: bool = False) -> dict[str, Pair]:
        """Read every part that is whole and of this identity.

        Args:
            remove_others: Remove the rest, with what a kill left half written.
        """
        found: dict[str, Pair] = {}
        for path in sorted(self._folder.glob("part-*")):
            pairs = _read(path, self._identity) if path.suffix == ".parquet" else None
            if pairs is not None:
                found |= pairs
            elif remove_others:
                with disk_errors(path):
                    path.unlink(missing_ok=True)
        return found

    def add(self, pairs: dict[str, Pair]) -> None:
        """Take over pairs, and write when it is time."""
        self._pending |= pairs
        if time.monotonic() - self._written_at >= PART_EVERY_S:
            self.write()

    def write(self) -> None:
        """Write what was taken over since the last time as one part."""
        if self._pending:
            columns = [list(self._pending), *map(list, zip(*self._pending.values(), strict=True))]
            schema = _SCHEMA.with_metadata({"identity": self._identity})
            table = pa.table(dict(zip(_SCHEMA.names, columns, strict=True)), schema=schema)
            final = self._folder / f"part-{self._rank:05d}-{self._next():05d}.parquet"
            temporary = final.with_suffix(".tmp")
            with disk_errors(final):
                self._folder.mkdir(parents=True, exist_ok=True)
                pq.write_table(table, temporary, compression="zstd", write_page_checksum=True)
                temporary.replace(final)
        self._pending = {}
        self._written_at = time.monotonic()

    def _next(self) -> int:
        own = self._folder.glob(f"part-{self._rank:05d}-*.parquet")
        return 1 + max((int(path.stem.rpartition("-")[2]) for path in own), default=-1)


def _read(path: Path, identity: str) -> dict[str, Pair] | None:
    """Read a part; ``None`` when it is damaged, of another identity, or holds what is no number."""
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            if (file.schema_arrow.metadata or {}).get(b"identity") != identity.encode():
                return None
            table = file.read()
    except (pa.ArrowException, OSError):
        return None
    if not table.schema.equals(_SCHEMA):
        return None
    chosen, rejected = (table[name].to_numpy() for name in ("chosen", "rejected"))
    if not (np.isfinite(chosen).all() and np.isfinite(rejected).all()):
        return None
    pairs = zip(chosen.tolist(), rejected.tolist(), strict=True)
    return dict(zip(table["key"].to_pylist(), pairs, strict=True))


def _identity(model_fingerprint: str, device: Device) -> str:
    text = f"{model_fingerprint}\n{device.dtype}\n{chat_template()}"
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _key_of(record: Preference) -> str:
    text = record.model_dump_json(exclude={"origin", "reason"})
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def _wanted(sources: Sequence[Records]) -> list[_Place]:
    """Find every preference once; no picture is looked at."""
    found: dict[str, _Place] = {}
    for records in sources:
        for index in range(len(records)):
            try:
                record = records.record(index)
            except RecordError:
                continue  # the mixture says so when it is drawn
            assert isinstance(record, Preference)
            name = _key_of(record)
            found.setdefault(name, _Place(records, index, name))
    return list(found.values())


def _share(places: Sequence[_Place], rank: int, world: int) -> Sequence[_Place]:
    """Give a process what stands together, so that it reads only its own row groups."""
    return places[len(places) * rank // world : len(places) * (rank + 1) // world]


def _measured(places: Sequence[_Place], renderer: Renderer, max_tokens: int) -> list[_Place]:
    """Say how long preferences are, without those that are too long or that this model cannot read."""
    found = []
    for place in places:
        record = place.records.record(place.index)
        assert isinstance(record, Preference)
        try:
            prompt = len(renderer.prompt_outline(record.prompt))
        except RecordError:
            continue  # the mixture says so when it is drawn
        answers = [len(renderer.answer(said.text)) for said in (record.chosen, record.rejected)]
        if prompt + max(answers) <= max_tokens:
            found.append(replace(place, num_tokens=prompt + sum(answers)))
    return found


def _batches(share: Sequence[_Place], batch: int, batch_tokens: int) -> list[list[_Place]]:
    """Cut a share into batches of like length, window by window."""
    found: list[list[_Place]] = []
    for start in range(0, len(share), WINDOW):
        found.append([])
        for place in sorted(share[start : start + WINDOW], key=lambda place: place.num_tokens):
            # Sorted, so this one is the longest and all are padded to it.
            size = len(found[-1]) + 1
            if size > batch or (size > 1 and 0 < batch_tokens < size * place.num_tokens):
                found.append([])
            found[-1].append(place)
    return found


def _verify(
    reference: _Reference, places: Sequence[_Place], known: dict[str, Pair], folder: Path
) -> None:
    absolute, share = _TOLERANCE[reference.device.dtype]
    for place in places:
        for now in reference.pairs([place]).values():
            stored = known[place.key]
            if any(
                abs(new - old) > absolute + share * abs(old)
                for new, old in zip(now, stored, strict=True)
            ):
                raise ArtifactError(
                    f"the reference log-probabilities in {folder} are not those of the model: of record "
                    f"{place.records.record(place.index).id} got {stored[0]:.3f} and {stored[1]:.3f}, "
                    f"expected {now[0]:.3f} and {now[1]:.3f}; remove {folder} to compute them again"
                )


def _spread(places: Sequence[_Place], count: int) -> list[_Place]:
    """Choose some, evenly spaced, the first and the last among them."""
    if len(places) <= count:
        return list(places)
    return [places[number * (len(places) - 1) // (count - 1)] for number in range(count)]


def _blank(renderer: Renderer) -> Fork:
    pad = renderer.pad_id
    return Fork(Rendered((pad,), (False,), np.zeros((0, 3, 1, 1), np.uint8), ()), ((pad,), (pad,)))
