"""The pretrained parts that ship: there, whole, of the promised sizes, and traceable."""

import json

import pytest

from amalia import lineage
from amalia import manifest as manifests
from amalia.model import build
from amalia.model.export import load_language, load_tokenizer, load_tower
from amalia.store import check

MAX_BYTES = 25_000_000


@pytest.mark.parametrize("name", ["tokenizer", "tower", "instructed"])
def test_a_part_is_what_its_manifest_says(name: str) -> None:
    folder = lineage.packaged(name)
    assert manifests.read(folder).name == name
    assert check(folder) == []


def test_all_parts_together_are_small() -> None:
    files = lineage.packaged("").rglob("*")
    assert sum(path.stat().st_size for path in files if path.is_file()) <= MAX_BYTES


def test_the_tower_has_three_to_five_million_parameters_and_no_pooling_head() -> None:
    tower = load_tower(lineage.packaged("tower"))
    assert 3e6 < build.parts(tower)["vision"].count < 5e6
    assert tower.config.vision_use_head is False


def test_the_language_model_has_four_to_six_million_parameters() -> None:
    model = load_language(lineage.packaged("instructed"))
    assert 4e6 < build.parts(model)["language"].count < 6e6
    assert model.config.max_position_embeddings == 256


def test_the_tokenizer_spells_inside_guillemets_only() -> None:
    tokenizer = load_tokenizer(lineage.packaged("tokenizer"))
    assert len(tokenizer) == 8192
    assert len(tokenizer.encode("«documento»")) > len(tokenizer.encode(" documento")) + 6
    assert tokenizer.decode(tokenizer.encode("Está escrito «pão».")) == "Está escrito «pão»."


@pytest.mark.parametrize("name", ["tower", "instructed"])
def test_lineage_of_a_part_ends_in_packages_with_licences(name: str) -> None:
    lines = lineage.tree(lineage.packaged(name))
    assert not [line for line in lines if "not here any more" in line]
    assert any("debian:libreoffice-help-pt " in line and "MPL-2.0" in line for line in lines)


@pytest.mark.parametrize("name", ["tower", "instructed"])
def test_the_log_of_a_part_ships_and_its_loss_falls(name: str) -> None:
    lines = (lineage.packaged(name) / "log.jsonl").read_text("utf-8").splitlines()
    losses = [entry["loss"] for entry in map(json.loads, lines) if entry["series"] == "train"]
    # Enough to hold batches of prose and of chats in equal shares: their losses differ tenfold.
    assert sum(losses[-200:]) < sum(losses[:200]) / 1.2
