"""Operations and hours, beside numbers made by hand and torch's own counter."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import make
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import PreTrainedModel

from amalia import recipe
from amalia.model import attention, export
from amalia.model.packed import pack
from amalia.model.render import Renderer
from amalia.plan.hardware import parsed
from amalia.plan.hours import Work, flops_of_step, hours_of
from amalia.plan.shape import shape_of
from amalia.train.head import SHAPE_STEP
from amalia.train.objectives import next_token
from amalia.train.stage import Stage

Build = Callable[..., Stage]
RECIPES = Path(__file__).parents[2] / "recipes/amalia-vl-9b"


def test_the_published_size_by_hand() -> None:
    stage = recipe.load(RECIPES / "2_sft.yaml", Stage)
    shape = shape_of(stage, lambda _: None)
    assert shape is not None
    work = Work(tokens=1e6, supervised=2e5, squares=1e6 * 4000, tiles=1000)
    layers = 8_103_739_392 - 42 * 2 * 4096
    language = 2 * layers * 1e6 + 2 * 42 * 4096 * 4e9 + 2 * 4096 * 128_000 * 2e5
    matrices = 27 * (4 * 1152 * 1152 + 2 * 1152 * 4304)
    tower = 576_000 * (2 * 768 * 1152 + 2 * matrices + 27 * 4 * 1152 * 576)
    connector = 576_000 * 2 * (1152 * 4096 + 4096 * 4096)
    # Nothing is before the patches, so no gradient goes to them.
    patches = 576_000 * 2 * 768 * 1152
    counted = 3 * (language + tower + connector) - patches
    assert flops_of_step(shape, stage, work) == pytest.approx(counted)


@pytest.mark.parametrize("trained", [("vision", "connector", "language"), ("connector",)])
def test_a_step_has_the_operations_torch_counts(
    build_stage: Build, tiny_model: Path, trained: tuple[str, ...]
) -> None:
    stage = build_stage(trainable={part: {"lr": 1e-3} for part in trained})
    model = export.load(tiny_model)
    for name, parameter in model.named_parameters():
        part = "vision" if "vision_tower" in name else "connector"
        part = "language" if "language_model" in name or "lm_head" in name else part
        parameter.requires_grad_(part in trained)
    for module in model.modules():
        if isinstance(module, PreTrainedModel):
            module.config._attn_implementation = "eager"  # the counter sees its products
    renderer = Renderer.load(tiny_model)
    row = make.conversation(
        ("user", make.picture(), "Que cor?"), ("assistant", "É vermelho, muito vermelho. " * 8)
    )
    item = renderer.conversation(row)
    attention.attend(model, "eager", "documents")
    batch = pack([item], pad_id=renderer.pad_id)
    with FlopCounterMode(display=False) as counter:
        next_token(model, batch).total.backward()
    tokens = len(item.ids)
    rows = sum(item.supervised)
    rows += -rows % SHAPE_STEP
    # Without a fused kernel a whole square is computed, of which we count the half that is seen.
    work = Work(tokens, rows, 2 * tokens**2, len(item.tiles))
    shape = shape_of(stage, make.folders(modelo=tiny_model))
    assert shape is not None
    counted = flops_of_step(shape, stage, work)
    assert counted == pytest.approx(counter.get_total_flops(), rel=0.05)


def test_hours_are_operations_over_speed() -> None:
    stage = recipe.load(RECIPES / "0_cpt.yaml", Stage)
    shape = shape_of(stage, lambda _: None)
    assert shape is not None
    work = Work(tokens=128 * 32_768, supervised=128 * 32_768, squares=128 * 32_768**2, tiles=0)
    found = hours_of(shape, stage, work, parsed("64xH100"), mfu=0.4)
    step = flops_of_step(shape, stage, work)
    assert found.hours == pytest.approx(25_500 * step / (64 * 989.4e12 * 0.4) / 3600)
    assert found.gpu_hours == pytest.approx(64 * found.hours)
    assert found.flops_before == 0


def test_preferences_have_their_reference_computed_before(
    build_stage: Build, tiny_model: Path
) -> None:
    stage = build_stage(objective={"kind": "dpo"}, trainable={"language": {"lr": 1e-3}})
    shape = shape_of(stage, make.folders(modelo=tiny_model))
    assert shape is not None
    work = Work(tokens=100.0, supervised=40.0, squares=5000.0, tiles=0.0)
    found = hours_of(shape, stage, work, parsed("1xA100"), mfu=0.5)
    assert found.flops_before == pytest.approx(4 * found.flops_of_step / 3)
    assert torch.isfinite(torch.tensor(found.hours))
