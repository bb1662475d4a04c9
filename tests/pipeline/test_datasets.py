"""Data recipes: the same rows whatever the number of workers, and no shard made twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import make
import pytest

from amalia import manifest as manifests
from amalia import store
from amalia.errors import ArtifactError, RecipeError
from amalia.pipeline import datasets
from amalia.pipeline.datasets import DataRecipe, build
from amalia.recipe import parse
from amalia.records import Row
from amalia.store import read_rows


def recipe(seed: int = 0, rows: int = 5, **run: Any) -> DataRecipe:
    sets = {"conversas": {"make": "chats", "split": "train", "rows": rows}}
    return DataRecipe.model_validate({"seed": seed, "sets": sets, "run": {"workers": 1, **run}})


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Take the maker's place: shards of two rows that say where they come from; lists those made."""
    shards: list[int] = []

    def sizes(spec: Any) -> list[int]:
        return [2] * (spec.rows // 2) + [1] * (spec.rows % 2)

    def shard(spec: Any, *, name: str, seed: int, number: int, size: int) -> Iterator[Row[Any]]:
        del spec
        shards.append(number)
        for row in range(size):
            answer = f"{seed}:{name}:{number}:{row}"
            yield make.conversation(("user", "?"), ("assistant", answer), id=f"{number}-{row}")

    monkeypatch.setattr(datasets, "shard_sizes", sizes)
    monkeypatch.setattr(datasets, "make_shard", shard)
    return shards


def test_a_set_becomes_an_artifact_of_its_name(tmp_path: Path, made: list[int]) -> None:
    (manifest,) = build(recipe(), tmp_path)
    assert manifest == manifests.read(tmp_path / "conversas")
    assert (manifest.kind, manifest.name, manifest.seed) == ("conversations", "conversas", 0)
    assert manifest.counts == manifests.Counts(records=5, licenses={"CC0-1.0": 5})
    assert [output.path for output in manifest.outputs] == [
        f"conversas-{number:05d}.parquet" for number in range(3)
    ]
    answers = [row.record.turns[1].text for row in read_rows(tmp_path / "conversas")]
    assert answers[0] == "0:conversas:0:0"
    assert len(set(answers)) == 5
    assert made == [0, 1, 2]


def test_a_finished_set_is_left_alone_and_another_recipe_is_refused(
    tmp_path: Path, made: list[int]
) -> None:
    first = build(recipe(), tmp_path)
    assert build(recipe(workers=2), tmp_path) == first
    assert made == [0, 1, 2]
    with pytest.raises(
        ArtifactError, match=r"conversas was made from another recipe \(seed: 0 → 1\)"
    ):
        build(recipe(seed=1), tmp_path)


def test_a_stopped_set_goes_on_with_the_shards_that_are_missing(
    tmp_path: Path, made: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    write_rows = store.write_rows

    def stopping(path: Path, *arguments: Any) -> Any:
        if path.name.endswith("00001.parquet"):
            raise KeyboardInterrupt
        return write_rows(path, *arguments)

    monkeypatch.setattr(datasets, "write_rows", stopping)
    with pytest.raises(KeyboardInterrupt):
        build(recipe(), tmp_path)
    assert not (tmp_path / "conversas").exists()
    made.clear()
    monkeypatch.setattr(datasets, "write_rows", write_rows)
    build(recipe(), tmp_path)
    assert made == [1, 2]


def test_what_cannot_be_made_is_told_with_its_path() -> None:
    tree = {
        "sets": {
            "a": {"make": "poems", "split": "train"},
            "b": {"make": "chats", "split": "dev", "rows": 0},
        }
    }
    with pytest.raises(RecipeError) as caught:
        parse(tree, DataRecipe, name="data.yaml")
    message = str(caught.value)
    assert "data.yaml has 3 problems:" in message
    assert "sets.a: got" in message
    assert "sets.b.split: got 'dev'" in message
    assert "sets.b.rows: got 0; input should be greater than 0" in message
