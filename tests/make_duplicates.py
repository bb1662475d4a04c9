"""Texts with duplicates among them, signed and written as shards."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

from amalia.corpus.bands import SignatureFile, match, parts, write_signatures
from amalia.corpus.clusters import Clusters
from amalia.corpus.edges import read_edges
from amalia.corpus.signatures import MinHashSettings, signatures_of

FEW_BANDS = MinHashSettings(ngram_words=2, num_bands=4, rows_per_band=2)
WORDS = (
    "rio serra vila ponte mar vento sal pedra barco rede porto feira festa igreja largo rua casa forno pão vinho "
    "azeite cortiça sobreiro pinhal areia duna farol lota peixe sardinha inverno verão chuva sol manhã tarde noite"
).split()


def texts(number: int, seed: int = 0) -> list[str]:
    """Texts of 12 words; a third are earlier ones with a word or two changed, some are earlier ones shouted."""
    rng = random.Random(seed)
    made: list[str] = []
    for _ in range(number):
        kind = rng.random()
        if made and kind < 0.15:
            made.append(rng.choice(made).upper() + "!")
        elif made and kind < 0.5:
            words = rng.choice(made).split()
            for _ in range(rng.randint(1, 2)):
                words[rng.randrange(len(words))] = rng.choice(WORDS)
            made.append(" ".join(words))
        else:
            made.append(" ".join(rng.choices(WORDS, k=12)))
    return made


def shard(
    folder: Path,
    number: int,
    documents: Sequence[str],
    *,
    settings: MinHashSettings = FEW_BANDS,
    orders: Sequence[int] | None = None,
    num_partitions: int = 1,
) -> Path:
    """Write the signatures of a shard."""
    path = folder / f"{number}.signatures"
    signed = signatures_of(documents, settings)
    write_signatures(
        path, signed, settings, shard=number, orders=orders, num_partitions=num_partitions
    )
    return path


def compared(
    folder: Path,
    paths: Sequence[Path],
    *,
    settings: MinHashSettings = FEW_BANDS,
    num_partitions: int = 1,
) -> Clusters:
    """Compare shards with each other: all tasks one after another."""
    files = [SignatureFile(path, settings) for path in paths]
    exact, near = [], []
    for part in parts(settings, num_partitions):
        path = folder / f"{part.name}.edges"
        match(files, part, path)
        (near if part.band else exact).append(path)
    return Clusters(files, read_edges(exact), read_edges(near))
