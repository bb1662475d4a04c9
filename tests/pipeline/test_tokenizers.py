"""Tokenizer recipes: a vocabulary from documents, as an artifact."""

from __future__ import annotations

from pathlib import Path

import make
import pytest

from amalia import manifest as manifests
from amalia.errors import ArtifactError
from amalia.model.export import load_tokenizer
from amalia.pipeline.tokenizers import TokenizerRecipe, build


def test_a_tokenizer_is_trained_on_documents_and_left_alone(tmp_path: Path) -> None:
    rows = [make.document(text, id=f"d{n}") for n, text in enumerate(make.TEXTS * 20)]
    make.write_artifact(tmp_path / "prosa", "documents", rows)
    recipe = TokenizerRecipe(name="palavras", texts=("prosa",), vocab_size=350)
    manifest = build(recipe, tmp_path / "palavras")
    words = load_tokenizer(tmp_path / "palavras")
    assert len(words) == manifest.figures["vocab_size"] == 350
    assert words.decode(words.encode("Olá, «mundo»!", add_special_tokens=False)) == "Olá, «mundo»!"
    assert (manifest.kind, [item.name for item in manifest.inputs]) == ("tokenizer", ["prosa"])
    assert build(recipe, tmp_path / "palavras") == manifest == manifests.read(tmp_path / "palavras")


def test_texts_that_are_not_there_are_named(tmp_path: Path) -> None:
    recipe = TokenizerRecipe(name="palavras", texts=("prosa",), vocab_size=350)
    with pytest.raises(ArtifactError, match="prosa does not exist; run the recipe that makes it"):
        build(recipe, tmp_path / "palavras")
