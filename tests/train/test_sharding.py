"""Recomputed and compiled blocks give the gradients that plain ones give."""

from __future__ import annotations

from functools import partial
from typing import Any

import make
import numpy as np
import pytest
import torch
from transformers import LlavaNextForConditionalGeneration

from amalia.device import detect
from amalia.model import attention, build
from amalia.model.packed import pack
from amalia.model.render import Rendered
from amalia.model.sizes import TowerSize
from amalia.train.execution import StageRun
from amalia.train.objectives import next_token
from amalia.train.ranks import ALONE
from amalia.train.sharding import arranged

# More layers than torch compiles a function for before it gives up.
LAYERS = 9
TOWER = TowerSize(**{**make.TOWER.model_dump(), "layers": LAYERS})
IMAGE = 99


def model() -> Any:
    torch.manual_seed(0)
    language = build.language_config(make.LANGUAGE, IMAGE + 1)
    config = build.llava_next_config(
        build.tower_config(TOWER), language, make.GRID, image_token_index=IMAGE, pad_token_id=0
    )
    made = LlavaNextForConditionalGeneration(config)
    attention.attend(made, "sdpa", "block")
    return made


def row(seed: int, words: int) -> Rendered:
    chance = np.random.default_rng(seed)
    tiles = chance.integers(0, 256, (2, 3, 16, 16), dtype=np.uint8)
    ids = (IMAGE,) * make.GRID.num_tokens(16, 16) + tuple(chance.integers(1, IMAGE, words).tolist())
    return Rendered(ids, (True,) * len(ids), tiles, ((16, 16),))


def gradients(**run: Any) -> dict[str, torch.Tensor]:
    computed = arranged(model(), StageRun.model_validate(run), ranks=ALONE, device=detect()).train()
    for rows in ([row(0, 9)], [row(1, 20), row(2, 5)]):
        next_token(computed.model, pack(rows, pad_id=0, length=64)).total.backward()
    return {name: p.grad for name, p in computed.named_parameters() if p.grad is not None}


# The compiler looks at every input so; it is torch's own doing.
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")
@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize("checkpointing", ["none", "selective", "full"])
def test_gradients_are_those_of_plain_blocks(
    checkpointing: str, compiled: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    # All that the compiler does but for the code it would generate, which takes long.
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="aot_eager"))
    torch.compiler.reset()
    wanted = gradients()
    found = gradients(checkpointing=checkpointing, compile=compiled)
    assert found.keys() == wanted.keys()
    for name, gradient in wanted.items():
        torch.testing.assert_close(found[name], gradient, rtol=1e-3, atol=1e-4)


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")
def test_equal_layers_are_compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))
    torch.compiler.reset()
    before = torch._dynamo.utils.counters["stats"]["unique_graphs"]
    gradients(compile=True)
    # What stands before attention and after it in the language model, and the tower's for another number of tiles.
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] - before < LAYERS
