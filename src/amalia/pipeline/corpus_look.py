"""Documents of a corpus that were kept beside some that were not: for a terminal."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from rich.table import Table
from rich.text import Text

from amalia.errors import ArtifactError
from amalia.pipeline.corpus_files import DROPPED
from amalia.pipeline.corpus_recipe import VARIETIES
from amalia.store import open_shard, read_group, shards

_SHOWN_CHARS = 900
_SCORES = ("num_words", "quality", "p_pt_pt", "language")


@dataclass(frozen=True, slots=True)
class Shown:
    """One document, kept or not."""

    head: str
    """What became of it, and its numbers."""
    name: str
    text: str


Pair = tuple[Shown | None, Shown | None]


def pairs(folder: Path, *, reason: str, number: int, seed: int) -> Iterator[Pair]:
    """Draw documents that were kept, and as many that were not.

    Args:
        folder: Of a corpus, or of one of its varieties.
        reason: Beginning of the reasons that are wanted; empty for all.
        number: How many.
        seed: Of the draw.

    Raises:
        ArtifactError: It is no corpus, or nothing was dropped for the reason.
    """
    own = _artifact(folder)
    draw = random.Random(seed)
    yield from zip_longest(_kept(own, number, draw), _dropped(own, reason, number, draw))


def side_by_side(pair: Pair, *, width: int) -> Table:
    """Put two documents beside each other."""
    table = Table(show_header=False, width=width, show_lines=False, pad_edge=False)
    for _ in pair:
        table.add_column(ratio=1, overflow="fold")
    cells = []
    for one, color in zip(pair, ("green", "red"), strict=True):
        text = Text()
        if one is not None:
            text.append(one.head + "\n", style=f"bold {color}")
            text.append(one.name + "\n\n", style="dim")
            text.append(one.text)
        cells.append(text)
    table.add_row(*cells)
    return table


def _artifact(folder: Path) -> Path:
    for own in (folder, *(folder / variety for variety in VARIETIES)):
        if (own / DROPPED).is_file() and shards(own):
            return own
    raise ArtifactError(
        f"{folder} is no corpus; expected a folder that  amalia data  has made of a corpus recipe"
    )


def _kept(folder: Path, number: int, draw: random.Random) -> Iterator[Shown]:
    groups = [
        (path, group)
        for path in shards(folder)
        for group in range(open_shard(path).metadata.num_row_groups)
    ]
    for _ in range(number):
        path, group = draw.choice(groups)
        columns = ["url", "id", "text", "scores", "title", "cluster_size"]
        rows = read_group(path, group, columns=columns).to_pylist()
        row = draw.choice(rows)
        scores = json.loads(row["scores"])
        numbers = ", ".join(f"{name} {scores[name]:g}" for name in _SCORES if name in scores)
        head = f"{folder.name}: {numbers}, cluster of {row['cluster_size']}"
        yield Shown(head, row["url"] or row["id"], _cut(row["text"]))


def _dropped(folder: Path, reason: str, number: int, draw: random.Random) -> Iterator[Shown]:
    with (folder / DROPPED).open(encoding="utf-8") as lines:
        found = [one for one in map(json.loads, lines) if one["reason"].startswith(reason)]
    if not found:
        raise ArtifactError(
            f"nothing that was dropped for {reason or 'any reason'} was kept to look at; see the report for the reasons"
        )
    for one in draw.sample(found, min(number, len(found))):
        detail = f" ({one['detail']})" if one["detail"] else ""
        yield Shown(f"{one['reason']}{detail}", one["name"], _cut(one["text"]))


def _cut(text: str) -> str:
    return text if len(text) <= _SHOWN_CHARS else text[:_SHOWN_CHARS] + " …"
