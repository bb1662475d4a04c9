"""Models without weights, counted."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import make
import pytest
from transformers import PreTrainedTokenizerFast

from amalia import recipe
from amalia.errors import AmaliaError
from amalia.model import build, export
from amalia.model.sizes import ModelSizes
from amalia.plan.shape import on_this_machine, reader, shape_of
from amalia.train.stage import Places, Stage

Build = Callable[..., Stage]
RECIPES = Path(__file__).parents[2] / "recipes/amalia-vl-9b"


def nowhere(_: str) -> None:
    return None


def parts_of(folder: Path) -> dict[str, int]:
    return {name: part.count for name, part in build.parts(export.load(folder)).items()}


def test_a_checkpoint_is_counted_without_its_weights(
    build_stage: Build, tmp_path: Path, tiny_model: Path
) -> None:
    empty = tmp_path / "sem-pesos"
    shutil.copytree(tiny_model, empty, ignore=shutil.ignore_patterns("*.safetensors"))
    shape = shape_of(build_stage(), make.folders(modelo=empty))
    assert shape is not None
    assert {name: shape.count(name) for name in ("vision", "connector", "language")} == parts_of(
        tiny_model
    )
    assert all(parameter.is_meta for parameter in shape.model.parameters())


def test_modules_are_told_in_the_order_of_the_model_with_their_layers(
    build_stage: Build, tiny_model: Path
) -> None:
    shape = shape_of(build_stage(), make.folders(modelo=tiny_model))
    assert shape is not None
    told = [
        (module.part, module.name.rpartition(".")[2], module.repeats) for module in shape.modules
    ]
    assert told[2:] == [
        ("vision", "layers", 2),
        ("vision", "post_layernorm", 1),
        ("connector", "image_newline", 1),
        ("connector", "linear_1", 1),
        ("connector", "linear_2", 1),
        ("language", "embed_tokens", 1),
        ("language", "layers", 2),
        ("language", "norm", 1),
    ]
    assert sum(module.count for module in shape.modules) == sum(parts_of(tiny_model).values())


def test_parts_joined_are_as_large_as_the_model_they_make(
    build_stage: Build, tiny_tower: Path, tiny_language: Path, tiny_model: Path
) -> None:
    start = {
        "kind": "llava_next",
        "tower": "torre",
        "language": "língua",
        "pinpoints_px": make.GRID.pinpoints_px,
    }
    here = make.folders(torre=tiny_tower, língua=tiny_language)
    shape = shape_of(build_stage(start=start), here)
    assert shape is not None
    assert sum(module.count for module in shape.modules) == sum(parts_of(tiny_model).values())
    renderer = reader(build_stage(start=start), here)
    assert renderer is not None
    assert renderer.grid == make.GRID


@pytest.mark.parametrize(
    "start",
    [
        {"kind": "language", "tokenizer": "língua", "size": make.LANGUAGE.model_dump()},
        {"kind": "extended", "language": "língua", "extension": {"kind": "llama3", "factor": 2}},
        {"kind": "model", "model": "língua"},
    ],
    ids=lambda start: start["kind"],
)
def test_a_language_model_is_as_large_however_it_begins(
    build_stage: Build, tiny_language: Path, start: dict[str, Any]
) -> None:
    stage = build_stage(start=start)
    shape = shape_of(stage, make.folders(língua=tiny_language))
    assert shape is not None
    assert shape.tower is None
    assert shape.count("language") == sum(parts_of(tiny_language).values())
    sizes = ModelSizes(language=make.LANGUAGE, vocabulary=400)
    planned = stage.model_copy(
        update={
            "run": stage.run.model_copy(
                update={"plan": stage.run.plan.model_copy(update={"sizes": sizes})}
            )
        }
    )
    told = shape_of(planned, nowhere)
    assert told is not None
    assert told.count("language") == shape.count("language")


def test_a_pair_is_counted_with_its_captions_and_letters(
    build_stage: Build, tiny_language: Path, tiny_tokenizer: PreTrainedTokenizerFast
) -> None:
    start = {
        "kind": "siglip",
        "tokenizer": "língua",
        "tower": make.TOWER.model_dump(),
        "text": make.TEXT_TOWER.model_dump(),
        "letters": "abc",
    }
    stage = build_stage(
        start=start, objective={"kind": "contrast"}, trainable={"vision": {"lr": 1e-3}}
    )
    shape = shape_of(stage, make.folders(língua=tiny_language))
    assert shape is not None
    pair = build.siglip_pair(make.TOWER, make.TEXT_TOWER, tiny_tokenizer, letters="abc")
    wanted = {name: part.count for name, part in build.parts(pair).items()}
    assert {name: shape.count(name) for name in wanted} == wanted


def test_what_is_neither_here_nor_sized_has_no_shape(build_stage: Build) -> None:
    assert shape_of(build_stage(), nowhere) is None
    assert reader(build_stage(), nowhere) is None


def test_a_language_model_is_no_tower(build_stage: Build, tiny_language: Path) -> None:
    start = {"kind": "llava_next", "tower": "t", "language": "t", "pinpoints_px": [[16, 16]]}
    with pytest.raises(AmaliaError, match="expected a SigLIP-type tower"):
        shape_of(build_stage(start=start), make.folders(t=tiny_language))


def test_places_of_this_machine_fetch_nothing(tmp_path: Path) -> None:
    here = on_this_machine(Places(tmp_path / "x", tmp_path, tmp_path))
    assert here("hub:org/nome@main") is None
    assert here("nada") is None
    (tmp_path / "algo").mkdir()
    assert here("algo") == tmp_path / "algo"


@pytest.mark.parametrize("name", ["1_align", "2_sft", "3_dpo"])
def test_the_published_size(name: str) -> None:
    stage = recipe.load(RECIPES / f"{name}.yaml", Stage)
    shape = shape_of(stage, nowhere)
    assert shape is not None
    assert shape.count("language") == 9_152_319_488
    # 1152 × 4096 + 4096, 4096 × 4096 + 4096, and a newline of 4096
    assert shape.count("connector") == 4_722_688 + 16_781_312 + 4_096
    # 27 × (4 × (1152² + 1152) + 2 × 1152 × 4304 + 4304 + 1152 + 4 × 1152) + 768 × 1152 + 1152 + 576 × 1152 + 2304
    assert shape.count("vision") == 413_018_352
    assert sum(module.count for module in shape.modules) == 9_586_845_936
