"""Records and drops, one after the other → one artifact that says how many of each there were.

What could not be used is never silent: every drop is counted under its reason in the manifest,
and a few of each reason are kept, with file and line, in ``dropped.jsonl``. When too many are bad
nothing is finished.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeVar

from amalia import manifest as manifests
from amalia.errors import ArtifactError
from amalia.manifest import Counts, Input, Manifest
from amalia.progress import Progress
from amalia.recipe import fingerprint
from amalia.records import Conversation, Preference, Row
from amalia.store import Workshop, shards, write_rows, write_text

FILE_NAME = "dropped.jsonl"
EXAMPLES_PER_REASON = 20
SHARD_RECORDS = 500
SHARD_BYTES = 256_000_000
"""A shard is made in memory, so one of large photographs ends before it has all its records."""

R = TypeVar("R", Conversation, Preference)


@dataclass(frozen=True, slots=True)
class Dropped:
    """A record that is not used, and why."""

    name: str
    """Where it stands: file and line, or its file in the package."""
    reason: str
    """A ``snake_case`` fact, for example ``image_unreadable``."""
    detail: str
    """One line for people; it begins with the name."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What an artifact will be; the same plan is the same artifact."""

    name: str
    kind: Literal["conversations", "preferences"]
    recipe: dict[str, Any]
    inputs: tuple[Input, ...]
    max_error_fraction: float = 1.0
    """Share of dropped records, 0-1, above which nothing is finished."""

    @property
    def fingerprint(self) -> str:
        """Digest of the recipe and of what it reads."""
        return fingerprint(self.recipe, inputs=",".join(item.fingerprint for item in self.inputs))


@dataclass(slots=True)
class _Funnel:
    kept: int = 0
    licenses: Counter[str] = field(default_factory=Counter)
    dropped: Counter[str] = field(default_factory=Counter)
    examples: list[Dropped] = field(default_factory=list)

    def drop(self, item: Dropped) -> None:
        self.dropped[item.reason] += 1
        if self.dropped[item.reason] <= EXAMPLES_PER_REASON:
            self.examples.append(item)

    def count(self, shard: Counts) -> None:
        self.kept += shard.records
        self.licenses.update(shard.licenses)

    @property
    def reasons(self) -> dict[str, int]:
        return dict(sorted(self.dropped.items()))


def finished(plan: Plan, out: Path) -> Manifest | None:
    """Give the manifest of the artifact if this very one is already in ``out``.

    Raises:
        ArtifactError: ``out`` holds an artifact made from another recipe.
    """
    shop = Workshop(out, fingerprint=plan.fingerprint, recipe=plan.recipe)
    return manifests.read(out) if shop.is_finished else None


def write(plan: Plan, items: Iterable[Row[R] | Dropped], out: Path, *, total: int) -> Manifest:
    """Write an artifact; one that is already there is left alone.

    Args:
        plan: What it is.
        items: Records to keep and records dropped, in order.
        out: Folder to make.
        total: How many items there will be, for the progress bar only.

    Returns:
        Its manifest, with the drops counted by reason.

    Raises:
        ArtifactError: Too many records are bad or none is good, ``out`` is in use or of another
            recipe, or the disk is full.
    """
    there = finished(plan, out)
    if there is not None:
        return there
    with Workshop(out, fingerprint=plan.fingerprint, recipe=plan.recipe) as shop:
        began = time.monotonic()
        for stale in shards(shop.partial):
            stale.unlink()
        funnel = _Funnel()
        with Progress(plan.name, total) as progress:
            kept = _kept(items, funnel, progress)
            for number, rows in enumerate(_batches(kept)):
                path = shop.partial / f"{plan.name}-{number:05d}.parquet"
                funnel.count(write_rows(path, plan.kind, rows))
        _write_examples(shop.partial, funnel)
        _refuse_bad(plan, funnel, shop.partial)
        return shop.finish(
            plan.kind,
            plan.name,
            inputs=plan.inputs,
            counts=Counts(
                records=funnel.kept,
                dropped=funnel.reasons,
                licenses=dict(sorted(funnel.licenses.items())),
            ),
            figures={"seconds": round(time.monotonic() - began, 1)},
        )


def _kept(
    items: Iterable[Row[R] | Dropped], funnel: _Funnel, progress: Progress
) -> Iterator[Row[R]]:
    for item in items:
        progress.advance()
        if isinstance(item, Dropped):
            funnel.drop(item)
        else:
            yield item


def _batches(rows: Iterable[Row[R]]) -> Iterator[list[Row[R]]]:
    batch: list[Row[R]] = []
    size_bytes = 0
    for row in rows:
        batch.append(row)
        size_bytes += sum(len(data) for data in row.images.values())
        if len(batch) == SHARD_RECORDS or size_bytes >= SHARD_BYTES:
            yield batch
            batch, size_bytes = [], 0
    if batch:
        yield batch


def _write_examples(folder: Path, funnel: _Funnel) -> None:
    lines = [json.dumps(asdict(item)) for item in funnel.examples]
    if lines:
        write_text(folder / FILE_NAME, "\n".join(lines) + "\n")
    else:
        (folder / FILE_NAME).unlink(missing_ok=True)


def _refuse_bad(plan: Plan, funnel: _Funnel, partial: Path) -> None:
    """Raise when too little is good; the examples stay behind, and no claim on the folder."""
    bad = sum(funnel.dropped.values())
    seen = funnel.kept + bad
    if funnel.kept and bad <= plan.max_error_fraction * seen:
        return
    for path in (*shards(partial), partial / "recipe.json"):
        path.unlink()
    if not seen:
        partial.rmdir()
        raise ArtifactError(f"{plan.name}: there are no records to read; expected at least one")
    reasons = ", ".join(f"{reason} {count}" for reason, count in funnel.reasons.items())
    raise ArtifactError(
        f"{plan.name}: {bad:,} of {seen:,} records are bad ({bad / seen:.1%}: {reasons}), expected "
        f"at most {plan.max_error_fraction:.1%} and one that is good; mend them (examples in "
        f"{partial / FILE_NAME}) or raise max_error_fraction; "
        f"the first: {funnel.examples[0].detail}"
    )
