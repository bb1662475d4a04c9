"""References to the hub: how they are written, found on this machine, and known by their commit."""

from __future__ import annotations

import shutil
from pathlib import Path

import huggingface_hub
import make
import pytest
from huggingface_hub import constants

from amalia import lineage, recipe
from amalia.errors import ArtifactError, RecipeError
from amalia.train import hub
from amalia.train.inputs import identity
from amalia.train.loop import run_stage
from amalia.train.stage import Places, Stage

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


def cached(cache: Path, kind: str, folder: Path | None = None) -> Path:
    """Put a snapshot of ``org/nome`` into the cache, its branch main included."""
    repository = cache / f"{kind}--org--nome"
    snapshot = repository / "snapshots" / COMMIT
    if folder:
        shutil.copytree(folder, snapshot)
        (snapshot / "manifest.json").unlink()
    else:
        snapshot.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    return snapshot


def stage_tree(model: str, artifact: str = "dados") -> dict[str, object]:
    return {
        "name": "fino",
        "start": {"kind": "model", "model": model},
        "objective": {"kind": "next_token"},
        "trainable": {"connector": {"lr": 1e-3}},
        "mixture": [{"artifact": artifact, "weight": 1}],
        "steps": 1,
        "batch": 2,
        "max_tokens": 96,
    }


@pytest.mark.parametrize(
    "reference", ["hub:nome", "hub:org/nome", "hub:org/nome@", "hub:a/b/c@main"]
)
def test_a_reference_without_owner_name_or_revision_is_one_line(reference: str) -> None:
    with pytest.raises(RecipeError, match=r"start.model: got .*write hub:ORG/NAME@REVISION"):
        recipe.parse(stage_tree(reference), Stage, name="r.yaml")


def test_well_formed_references_are_recipes() -> None:
    tree = stage_tree("hub:org/nome@v1.0", "hub:datasets/org/nome@refs/convert/parquet")
    assert recipe.parse(tree, Stage, name="r.yaml").references() == [
        "hub:org/nome@v1.0",
        "hub:datasets/org/nome@refs/convert/parquet",
    ]


def test_what_is_cached_is_found_without_the_network(cache: Path) -> None:
    snapshot = cached(cache, "models")
    assert hub.snapshot("hub:org/nome@main") == snapshot
    assert hub.snapshot(f"hub:org/nome@{COMMIT}", download=False) == snapshot
    assert hub.identity("hub:org/nome@main", snapshot) == f"org/nome@{COMMIT}"


def test_a_data_set_is_another_repository_than_a_model_of_its_name(cache: Path) -> None:
    snapshot = cached(cache, "datasets")
    assert hub.snapshot("hub:datasets/org/nome@main") == snapshot
    assert hub.identity("hub:datasets/org/nome@main", snapshot) == f"datasets/org/nome@{COMMIT}"
    with pytest.raises(ArtifactError):
        hub.snapshot("hub:org/nome@main")


@pytest.mark.usefixtures("cache")
def test_what_is_neither_cached_nor_in_reach_is_one_line() -> None:
    with pytest.raises(
        ArtifactError, match="is not on this machine and the hub is out of reach"
    ) as e:
        hub.snapshot("hub:org/nome@main")
    assert len(str(e.value).splitlines()) == 1


@pytest.mark.usefixtures("cache")
def test_what_the_hub_refuses_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> str:
        raise OSError("certificate expired\nand more")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", refuse)
    with pytest.raises(
        ArtifactError, match=r"cannot be fetched \(certificate expired\); try again$"
    ):
        hub.snapshot("hub:org/nome@main")


def test_a_stage_goes_on_from_a_model_of_the_hub_and_says_so(
    cache: Path, tmp_path: Path, tiny_model: Path
) -> None:
    cached(cache, "models", tiny_model)
    make.write_artifact(tmp_path / "dados", "conversations", [make.conversation()] * 2)
    stage = Stage.model_validate(stage_tree("hub:org/nome@main"))
    made = run_stage(stage, Places(tmp_path / "fino", tmp_path, tmp_path))
    assert made.inputs[0].path == "hub:org/nome@main"
    assert made.inputs[0].fingerprint == f"org/nome@{COMMIT}"
    told = lineage.tree(tmp_path / "fino")
    assert f"  hub:org/nome@main  of the Hugging Face hub  org/nome@{COMMIT}" in told


def test_a_model_folder_of_another_program_is_known_by_its_files(
    tmp_path: Path, tiny_model: Path
) -> None:
    folder = tmp_path / "alheio"
    shutil.copytree(tiny_model, folder)
    (folder / "manifest.json").unlink()
    before = identity(str(folder), folder)
    assert before == identity(str(folder), folder)
    weights = folder / "model.safetensors"
    changed = bytearray(weights.read_bytes())
    changed[-1] ^= 1
    weights.write_bytes(changed)
    assert identity(str(folder), folder) != before


def test_a_folder_without_manifest_that_is_no_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"has no manifest\.json"):
        identity("vazio", tmp_path)
