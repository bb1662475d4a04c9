"""The committed questions asked of the committed passages; ``python tests/retrieve/measure.py`` prints the table."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from amalia.records import Document, Origin, Row
from amalia.retrieve.encoder import Encode, Packaged
from amalia.retrieve.index import build
from amalia.retrieve.search import Search
from amalia.retrieve.settings import IndexSettings, RetrieveSettings
from amalia.store import Workshop, write_rows

HERE = Path(__file__).parent
WAYS: tuple[Literal["words", "meaning", "hybrid"], ...] = ("words", "meaning", "hybrid")


def table(name: str) -> list[dict[str, str]]:
    with (HERE / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


def artifact(folder: Path) -> Path:
    """Write the passages as an artifact of documents."""
    out = folder / "documents"
    rows = [
        Row(
            Document(
                id=one["id"],
                text=f"# {one['title']}\n\n{one['text']}\n",
                language="pt-PT",
                origin=Origin(source="test", license="CC0-1.0", created="authored"),
            ),
            {},
        )
        for one in table("passages.tsv")
    ]
    with Workshop(out, fingerprint="0" * 16, recipe={}) as shop:
        counts = write_rows(shop.partial / "documents-00000.parquet", "documents", rows)
        shop.finish("documents", "documents", counts=counts)
    return out


@contextmanager
def indexed() -> Iterator[tuple[Path, Encode]]:
    """Make the index of the passages in a folder that goes away."""
    encoder = Packaged()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "index"
        build(artifact(Path(folder)), out, settings=IndexSettings(), encoder=encoder)
        yield out, encoder


def recalls(index: Path, encoder: Encode, num: int) -> dict[str, dict[str, int]]:
    """Count, by way and kind of question, how often the passage is among the first ``num``."""
    found: dict[str, dict[str, int]] = {}
    for way in WAYS:
        settings = RetrieveSettings(index=str(index), by=way, num_passages=num)
        search = Search.open(index, settings, encoder)
        counts = found.setdefault(way, {})
        for asked in table("questions.tsv"):
            hit = asked["passage"] in [
                one.document_id for one in search.passages(asked["question"])
            ]
            for kind in (asked["kind"], "all"):
                counts[kind] = counts.get(kind, 0) + hit
        search.close()
    return found


def lines() -> list[str]:
    """Write the table of docs/retrieval.md."""
    kinds = ("plain", "unaccented", "paraphrase", "brazilian", "all")
    asked = [one["kind"] for one in table("questions.tsv")]
    sizes = {kind: len(asked) if kind == "all" else asked.count(kind) for kind in kinds}
    made = []
    with indexed() as (index, encoder):
        for num in (1, 4):
            for way, counts in recalls(index, encoder, num).items():
                cells = " | ".join(f"{counts[kind]}/{sizes[kind]}" for kind in kinds)
                made.append(f"| {way} | {num} | {cells} |")
    return made


if __name__ == "__main__":
    print("\n".join(lines()))  # noqa: T201
