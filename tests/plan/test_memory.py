"""Memory of one GPU, beside real tensors and beside numbers made by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import make
import pytest

from amalia import recipe
from amalia.model import export
from amalia.model.packed import pack
from amalia.model.render import Renderer
from amalia.plan.hardware import GPUS, Accelerator
from amalia.plan.memory import Load, per_gpu
from amalia.plan.shape import shape_of
from amalia.train.objectives import next_token
from amalia.train.optimizer import optimizers_for
from amalia.train.stage import Stage
from amalia.train.trainable import freeze

Build = Callable[..., Stage]
RECIPES = Path(__file__).parents[2] / "recipes/amalia-vl-9b"
CPU = Accelerator("CPU", 1e9, 0, 1, "a test", 4, "cpu")
LOAD = Load(tokens=96, tiles=4, longest=48)


def bytes_of(tensors: Any) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


ADAPTED = {"language": {"lr": 1e-3, "lora": {"rank": 4}}, "connector": {"lr": 1e-3}}


@pytest.mark.parametrize("kind", ["adamw", "muon"])
@pytest.mark.parametrize("changed", [{}, {"trainable": ADAPTED}], ids=["whole", "adapters"])
def test_weights_gradients_and_states_are_those_of_a_real_step(
    build_stage: Build, tiny_model: Path, kind: str, changed: dict[str, Any]
) -> None:
    stage = build_stage(optimizer=kind, **changed)
    model = export.load(tiny_model)
    trained = freeze(model, stage.trainable)
    optimizer = optimizers_for(model, stage.trainable, kind=stage.optimizer, beta2=0.95)
    renderer = Renderer.load(tiny_model)
    row = make.conversation(("user", make.picture(), "Que cor?"), ("assistant", "Vermelho."))
    next_token(model, pack([renderer.conversation(row)], pad_id=renderer.pad_id)).total.backward()
    optimizer.step()
    states = [
        value
        for one in optimizer.each
        for state in one.state.values()
        for name, value in state.items()
        if name != "step"
    ]
    shape = shape_of(stage, make.folders(modelo=tiny_model))
    assert shape is not None
    planned = per_gpu(shape, stage, LOAD, CPU, world=1, checkpointing="none")
    assert planned.weights == bytes_of(model.parameters())
    assert planned.gradients == bytes_of(parameter.grad for parameter in trained.values())
    assert planned.optimizer == bytes_of(states)
    assert planned.gathered == 0


def test_the_published_size_on_64_gpus_by_hand() -> None:
    stage = recipe.load(RECIPES / "2_sft.yaml", Stage)
    shape = shape_of(stage, lambda _: None)
    assert shape is not None
    load = Load(tokens=16_384, tiles=48, longest=16_384)
    planned = per_gpu(shape, stage, load, GPUS["H100"], world=64, checkpointing="full")
    parameters = 9_586_845_936
    assert planned.weights == 4 * parameters // 64 == 599_177_871
    assert planned.gradients == planned.weights
    assert planned.optimizer == 8 * parameters // 64
    # Outside the layers: embedding, head, final norm, connector, and what the tower has outside its own.
    outside = 2 * 524_288_000 + 4_096 + 21_508_096 + 413_018_352 - 411_466_608
    layer = 8_103_739_392 // 42
    assert planned.gathered == 2 * (outside + 2 * layer) + 6 * outside
    language = 16_384 * (42 * 8_192 + 184_456 + 12 * 4_096)
    # A patch of the tower: the inputs of 27 layers and one whole; then pixels, and the connector.
    tower = 48 * 576 * (27 * 2_304 + 16 * 1_152 + 4 * 4_304 + 16 + 64)
    around = 48 * 3 * 384 * 384 * 4 + 48 * 576 * 2 * (2 * 4_096 + 1_152)
    assert planned.activations == language + tower + around
    assert planned.logits == 2_048 * 128_000 * 6
    assert 29.0e9 < planned.total < 30.0e9


def test_hybrid_splits_over_a_node_and_full_over_all(build_stage: Build, tiny_model: Path) -> None:
    totals = {}
    for shard in ("hybrid", "full"):
        stage = build_stage(run={"shard": shard})
        shape = shape_of(stage, make.folders(modelo=tiny_model))
        assert shape is not None
        found = per_gpu(shape, stage, LOAD, GPUS["H100"], world=64, checkpointing="none")
        totals[shard] = found.weights
    assert totals["hybrid"] // 8 == totals["full"]


def test_a_frozen_tower_keeps_nothing_but_its_pixels(build_stage: Build, tiny_model: Path) -> None:
    here = make.folders(modelo=tiny_model)
    found = []
    for trainable in (
        {"language": {"lr": 1e-3}},
        {"language": {"lr": 1e-3}, "vision": {"lr": 1e-3}},
    ):
        stage = build_stage(trainable=trainable)
        shape = shape_of(stage, here)
        assert shape is not None
        few = per_gpu(shape, stage, Load(96, 0, 48), CPU, world=1, checkpointing="none")
        many = per_gpu(shape, stage, LOAD, CPU, world=1, checkpointing="none")
        found.append(many.activations - few.activations)
    assert found[0] == 4 * 3 * 16 * 16 * 4
    # Four tiles of four patches: two layers with plain attention, and the connector before a trained part.
    layer = 4 * (8 * 32 + 2 * 64) + 2 * 8 + 4 * 4 * 2
    assert found[1] == found[0] + 16 * (2 * layer + 4 * 32)


def test_autocast_on_one_gpu_keeps_a_copy_of_what_trains(
    build_stage: Build, tiny_model: Path
) -> None:
    stage = build_stage()
    shape = shape_of(stage, make.folders(modelo=tiny_model))
    assert shape is not None
    planned = per_gpu(shape, stage, LOAD, GPUS["H100"], world=1, checkpointing="none")
    assert planned.gathered == planned.gradients // 2


def test_what_is_frozen_is_held_in_bfloat16_on_one_gpu(
    build_stage: Build, tiny_model: Path
) -> None:
    stage = build_stage(trainable={"connector": {"lr": 1e-3}})
    shape = shape_of(stage, make.folders(modelo=tiny_model))
    assert shape is not None
    everything = sum(module.count for module in shape.modules)
    trained = shape.count("connector")
    planned = per_gpu(shape, stage, LOAD, GPUS["H100"], world=1, checkpointing="none")
    assert planned.weights == 2 * (everything - trained) + 4 * trained
    assert planned.gathered == 2 * trained


def test_the_mask_of_pairs_grows_with_the_square(build_stage: Build, tiny_model: Path) -> None:
    plain, pairs = build_stage(), build_stage(objective={"kind": "dpo"})
    shape = shape_of(plain, make.folders(modelo=tiny_model))
    assert shape is not None
    taken = [
        per_gpu(shape, stage, LOAD, CPU, world=1, checkpointing="none").activations
        for stage in (plain, pairs)
    ]
    assert taken[1] - taken[0] == 96 * 48 * 8
