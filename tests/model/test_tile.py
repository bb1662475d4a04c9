"""Tiles equal those of transformers' own image processor, pixel by pixel and token by token."""

from __future__ import annotations

from typing import Any

import make
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from PIL import Image as PillowImage
from transformers import PreTrainedTokenizerFast
from transformers.image_processing_utils import select_best_resolution
from transformers.models.llava_next.modeling_llava_next import image_size_to_num_patches

from amalia.model.export import processor_for
from amalia.model.tile import TileGrid, total_tokens

# The canvases of a model of AMALIA's size: 384 px tiles, patches of 16 and of 14, up to twelve tiles.
CANVASES = tuple(
    (384 * rows, 384 * columns)
    for rows in range(1, 13)
    for columns in range(1, 13)
    if rows * columns <= 12
)
GRIDS = {
    "tiny": make.GRID,
    "patch-16": TileGrid(384, 16, CANVASES),
    "patch-14": TileGrid(384, 14, CANVASES),
}
sides = st.integers(4, 5000)


@pytest.mark.parametrize("name", list(GRIDS))
@given(height=sides, width=sides)
def test_canvas_and_tokens_are_those_of_the_reference(
    tiny_tokenizer: PreTrainedTokenizerFast, name: str, height: int, width: int
) -> None:
    grid = GRIDS[name]
    processor: Any = processor_for(tiny_tokenizer, grid)
    counted = processor._get_num_multimodal_tokens([(height, width)])
    assert [grid.num_tokens(height, width)] == counted["num_image_tokens"]
    pinpoints = [list(size) for size in grid.pinpoints_px]
    best = select_best_resolution((height, width), pinpoints)
    assert grid.canvas(height, width) == tuple(best)
    tiles = image_size_to_num_patches([height, width], pinpoints, grid.tile_px)
    assert grid.num_tiles(height, width) == tiles


@given(height=st.integers(4, 90), width=st.integers(4, 90), seed=st.integers(0, 99))
def test_pixels_are_those_of_the_reference(
    tiny_tokenizer: PreTrainedTokenizerFast, height: int, width: int, seed: int
) -> None:
    # Thinner pictures become 1 or 3 px high on the way, which the reference takes for color channels.
    assume(max(height, width) <= 8 * min(height, width))
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    picture = PillowImage.fromarray(pixels)
    processor: Any = processor_for(tiny_tokenizer, make.GRID)
    images = processor.image_processor(picture, return_tensors="np")
    ours = make.GRID.cut(picture).astype(np.float32) / 127.5 - 1
    np.testing.assert_allclose(ours, images["pixel_values"][0], atol=1e-6)
    assert images["image_sizes"].tolist() == [[height, width]]


def test_pictures_of_known_sizes_have_known_counts() -> None:
    # 16 px tiles of 2 × 2 patches: base 4; grid rows × columns and a newline a row.
    assert make.GRID.num_tokens(16, 16) == 4 + 2 * 2 + 2
    assert make.GRID.num_tokens(16, 32) == 4 + 2 * 4 + 2
    assert make.GRID.num_tokens(32, 16) == 4 + 4 * 2 + 4
    assert make.GRID.num_tiles(16, 16) == 2
    assert make.GRID.num_tiles(100, 10) == 3
    assert total_tokens(make.GRID, [(16, 16), (16, 32)]) == 10 + 14


def test_the_largest_picture_of_the_published_model_stays_below_its_limit() -> None:
    grid = GRIDS["patch-16"]
    assert max(grid.num_tokens(height, width) for height, width in grid.pinpoints_px) == 7776


def test_a_picture_as_large_as_its_canvas_is_cut_and_not_resampled() -> None:
    pixels = np.arange(16 * 32 * 3, dtype=np.uint32).reshape(16, 32, 3).astype(np.uint8)
    tiles = make.GRID.cut(PillowImage.fromarray(pixels))
    assert tiles.dtype == np.uint8
    assert tiles.shape == (3, 3, 16, 16)
    np.testing.assert_array_equal(tiles[1].transpose(1, 2, 0), pixels[:, :16])
    np.testing.assert_array_equal(tiles[2].transpose(1, 2, 0), pixels[:, 16:])
