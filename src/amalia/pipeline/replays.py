"""Replay recipes: captures that an index lists, asked of an archive's API and kept as WARC files.

What is kept is an artifact of archives, which a corpus recipe reads like any other. A run that was stopped asks only
for the blocks that are missing.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from pydantic import Field

from amalia import manifest as manifests
from amalia.corpus.cdx import IndexEntry, IndexRules
from amalia.corpus.cdx_files import merge, read_index, select
from amalia.corpus.drop import Drop
from amalia.corpus.replay import ReplaySettings, fetch_blocks
from amalia.errors import ArtifactError
from amalia.manifest import Counts, Input, Manifest
from amalia.pipeline.corpus_files import Drops
from amalia.progress import Progress
from amalia.recipe import Settings, fingerprint
from amalia.store import Workshop, disk_errors, sha256_of


class ReplayRecipe(Settings):
    """Which captures are asked for, and how."""

    kind: Literal["replay"]
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    license: str = Field(min_length=1)
    """Of what is captured, as SPDX writes it; it has no default."""
    indexes: tuple[str, ...] = Field(min_length=1)
    """CDX or CDXJ files, plain or compressed, or the ``.idx`` file of a ZipNum cluster; sorted."""
    surt_prefix: str = ""
    """Only addresses that begin so, turned round: ``pt,`` reads those blocks of a cluster alone."""
    rules: IndexRules = IndexRules()
    sample_fraction: float = Field(default=0.01, ge=0, le=1)
    """Of the captures that are not asked for, so many are kept to look at; of each reason the first few are."""
    run: ReplaySettings = ReplaySettings()
    """How the archive is asked; no part of what is asked for."""


def build(recipe: ReplayRecipe, out: Path) -> Manifest:
    """Ask for the captures of a recipe; those that are there are not asked for again.

    Raises:
        ArtifactError: An index is missing, too many captures of a block gave no answer, or the disk is full.
    """
    indexes = [Path(name) for name in recipe.indexes]
    for path in indexes:
        if not path.is_file():
            raise ArtifactError(f"there is no index {path}; name CDX, CDXJ or .idx files")
    tree = recipe.model_dump(mode="json", exclude={"run"})
    inputs = tuple(
        Input(name=path.name, path=str(path), fingerprint=sha256_of(path)[:16]) for path in indexes
    )
    identity = fingerprint(tree, **{str(n): item.fingerprint for n, item in enumerate(inputs)})
    shop = Workshop(out, fingerprint=identity, recipe=tree)
    if shop.is_finished:
        return manifests.read(out)
    with shop, disk_errors(shop.partial):
        began = time.monotonic()
        drops = Drops(recipe.sample_fraction)
        # Read once more only to be counted: asking takes days, and people want to know how many.
        num_entries = sum(1 for _ in _wanted(recipe, indexes, Drops(0.0)))
        with Progress(recipe.name, num_entries) as progress:
            num_kept = asyncio.run(
                _fetch(recipe, _wanted(recipe, indexes, drops), shop, drops, progress)
            )
        drops.write(shop.partial)
        return shop.finish(
            "archives",
            recipe.name,
            inputs=inputs,
            counts=Counts(
                records=num_kept,
                dropped=dict(sorted(drops.counts.items())),
                licenses={recipe.license: num_kept},
            ),
            figures={"seconds": round(time.monotonic() - began, 1)},
        )


async def _fetch(
    recipe: ReplayRecipe,
    wanted: Iterator[IndexEntry],
    shop: Workshop,
    drops: Drops,
    progress: Progress,
) -> int:
    num_kept = 0
    async for block in fetch_blocks(wanted, recipe.run, shop.partial):
        progress.advance(block.num_entries)
        num_kept += block.num_entries - len(block.drops)
        for drop in block.drops:
            drops.add(drop)
    return num_kept


def _wanted(recipe: ReplayRecipe, indexes: list[Path], drops: Drops) -> Iterator[IndexEntry]:
    read = (read_index(path, surt_prefix=recipe.surt_prefix) for path in indexes)
    for entry in select(merge(*read), recipe.rules):
        if isinstance(entry, Drop):
            drops.add(entry)
        else:
            yield entry


def told(manifest: Manifest) -> str:
    """Say what was kept."""
    dropped = Counter(manifest.counts.dropped).most_common()
    left_out = ", ".join(f"{reason} {count:,}" for reason, count in dropped)
    return f"{manifest.name}: {manifest.counts.records:,} captures" + (
        f"; not kept: {left_out}" if left_out else ""
    )
