"""Tokenizer recipes: train a vocabulary on document artifacts."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from pydantic import Field

from amalia import manifest as manifests
from amalia.manifest import Input, Manifest
from amalia.recipe import Settings, fingerprint
from amalia.store import Workshop, read_rows


class TokenizerRecipe(Settings):
    """A byte-level BPE tokenizer."""

    name: str
    texts: tuple[str, ...] = Field(min_length=1)
    """Document artifacts beside the output."""
    vocab_size: int = Field(ge=300)


def build(recipe: TokenizerRecipe, out: Path) -> Manifest:
    """Train a tokenizer on documents and leave it as an artifact."""
    folders = {name: out.parent / name for name in recipe.texts}
    inputs = tuple(
        Input(name=name, path=name, fingerprint=manifests.read(folder).fingerprint)
        for name, folder in folders.items()
    )
    tree = recipe.model_dump(mode="json")
    identity = fingerprint(recipe, **{item.name: item.fingerprint for item in inputs})
    shop = Workshop(out, fingerprint=identity, recipe=tree)
    if shop.is_finished:
        return manifests.read(out)
    from amalia.model import tokenizer as tokenizers  # transformers: too slow to read a recipe

    with shop:
        began = time.monotonic()
        trained = tokenizers.train(_texts(folders), vocab_size=recipe.vocab_size)
        trained.save_pretrained(shop.partial)
        return shop.finish(
            "tokenizer",
            recipe.name,
            inputs=inputs,
            figures={"vocab_size": len(trained), "seconds": round(time.monotonic() - began, 1)},
        )


def _texts(folders: dict[str, Path]) -> Iterator[str]:
    for folder in folders.values():
        for row in read_rows(folder, kind="documents"):
            yield row.record.text
