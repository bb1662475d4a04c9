"""Data recipes: named sets of records, each its own artifact, made in shards by several processes.

A shard is a function of (seed, set, shard number) and is written whole or not at all, so a run that was
stopped goes on with the shards that are missing, and the result is the same whatever the number of
workers.
"""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from pydantic import Field

from amalia import lineage, pack
from amalia import manifest as manifests
from amalia.corpus import folder
from amalia.manifest import Counts, Input, Manifest
from amalia.pipeline.sets import KINDS, Folder, Made, Set, make_shard, shard_sizes
from amalia.progress import Progress
from amalia.recipe import Settings, fingerprint
from amalia.store import Workshop, shards, write_rows


class DataRun(Settings):
    """Execution, not identity."""

    workers: int = Field(default=0, ge=0)
    """Processes; 0 takes one for each core."""


class DataRecipe(Settings):
    """Named sets of records."""

    seed: int = Field(default=0, ge=0)
    sets: dict[str, Set] = Field(min_length=1)
    run: DataRun = DataRun()


@dataclass(frozen=True, slots=True)
class _Job:
    path: Path
    name: str
    spec: Made
    seed: int
    number: int
    size: int


def build(recipe: DataRecipe, out: Path) -> list[Manifest]:
    """Make every set of a data recipe as ``out/NAME``.

    Args:
        recipe: What to make.
        out: Folder that gets one artifact a set; finished ones are left alone.

    Returns:
        Their manifests, in the recipe's order.

    Raises:
        ArtifactError: A folder belongs to another recipe, or the disk is full.
    """
    made = []
    for name, spec in recipe.sets.items():
        if isinstance(spec, Folder):
            made.append(_read_folder(name, spec, out / name))
        else:
            made.append(_build_set(name, spec, recipe, out / name))
    return made


def _read_folder(name: str, spec: Folder, out: Path) -> Manifest:
    return folder.build(
        spec.path,
        out,
        name=name,
        language=spec.language,
        license=spec.license,
        max_error_fraction=spec.max_error_fraction,
    )


def _build_set(name: str, spec: Made, recipe: DataRecipe, out: Path) -> Manifest:
    resolved = {"set": name, "seed": recipe.seed, **spec.model_dump(mode="json")}
    packed = pack_fingerprint()
    identity = fingerprint(resolved, pack=packed)
    shop = Workshop(out, fingerprint=identity, recipe=resolved)
    if shop.is_finished:
        return manifests.read(out)
    with shop:
        began = time.monotonic()
        jobs = [
            _Job(
                shop.partial / f"{name}-{number:05d}.parquet", name, spec, recipe.seed, number, size
            )
            for number, size in enumerate(shard_sizes(spec))
        ]
        missing = [job for job in jobs if not job.path.is_file()]
        with Progress(name, len(jobs), done=len(jobs) - len(missing)) as progress:
            for _ in _run(missing, recipe.run.workers or len(os.sched_getaffinity(0))):
                progress.advance()
        return shop.finish(
            KINDS[spec.make],
            name,
            inputs=(Input(name="pack", path=lineage.PACK, fingerprint=packed),),
            counts=_count(shop.partial),
            figures={"seconds": round(time.monotonic() - began, 1)},
            seed=recipe.seed,
        )


def pack_fingerprint() -> str:
    """Digest the pack's own manifest, which holds the digests of its files."""
    return hashlib.sha256((pack.path() / manifests.FILE_NAME).read_bytes()).hexdigest()[:16]


def _run(jobs: Sequence[_Job], workers: int) -> Iterator[None]:
    if len(jobs) <= 1 or workers == 1:
        for job in jobs:
            _make(job)
            yield
        return
    # spawn: a forked child could inherit locks of libraries with threads
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(jobs)), mp_context=context) as pool:
        futures = [pool.submit(_make, job) for job in jobs]
        try:
            for future in as_completed(futures):
                future.result()
                yield
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _make(job: _Job) -> None:
    rows = make_shard(job.spec, name=job.name, seed=job.seed, number=job.number, size=job.size)
    write_rows(job.path, KINDS[job.spec.make], rows)


def _count(folder: Path) -> Counts:
    licenses: Counter[str] = Counter()
    for path in shards(folder):
        origins: list[Any] = pq.read_table(path, columns=["origin"]).column("origin").to_pylist()
        licenses.update(json.loads(origin)["license"] for origin in origins)
    return Counts(records=sum(licenses.values()), licenses=dict(sorted(licenses.items())))
