"""Tiles equal those of transformers' own image processor, pixel by pixel and token by token."""

from __future__ import annotations

from typing import Any

import make
import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from PIL import Image as PillowImage
from transformers import PreTrainedTokenizerFast
from transformers.image_processing_utils import select_best_resolution
from transformers.models.llava_next.modeling_llava_next import (
    get_anyres_image_grid_shape,
    image_size_to_num_patches,
    unpad_image,
)

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
    "mini": TileGrid(96, 16, ((96, 96), (96, 192), (192, 96), (96, 384), (384, 96))),
    "patch-16": TileGrid(384, 16, CANVASES),
    "patch-14": TileGrid(384, 14, CANVASES),
}
# Corners of what a picture may measure, canvases, and one pixel around proportions of canvases.
SIZES = (
    (1, 1), (1, 4000), (4000, 1), (4000, 4000), (2, 3999), (3999, 2), (3, 3), (1, 3), (4, 50),
    (3989, 3967), (2, 3), (97, 89), (383, 385), (384, 384), (384, 768), (385, 768), (384, 769),
    (1152, 1536), (1151, 1536), (1153, 1536), (3000, 4000), (3001, 4000), (2999, 4000), (96, 193),
    (333, 4000), (334, 4000), (4000, 333), (1000, 3000), (1000, 2999), (1001, 3000), (4000, 1),
)  # fmt: skip
sides = st.integers(1, 4000)


def assert_counts_are_those_of_the_reference(processor: Any, grid: TileGrid, size: Any) -> None:
    counted = processor._get_num_multimodal_tokens([size])
    assert [grid.num_tokens(*size)] == counted["num_image_tokens"]
    pinpoints = [list(pinpoint) for pinpoint in grid.pinpoints_px]
    assert grid.canvas(*size) == tuple(select_best_resolution(size, pinpoints))
    assert grid.num_tiles(*size) == image_size_to_num_patches(size, pinpoints, grid.tile_px)
    # What the model makes of the tiles must be as many, or its forward pass fails.
    rows, columns = get_anyres_image_grid_shape(size, pinpoints, grid.tile_px)
    patches = grid.patches_per_side
    features = torch.empty(1, rows * patches, columns * patches, device="meta")
    _, height, width = unpad_image(features, size).shape
    assert grid.num_tokens(*size) == patches**2 + height * (width + 1)


@pytest.mark.parametrize("name", list(GRIDS))
@given(height=sides, width=sides)
def test_canvas_and_tokens_are_those_of_the_reference(
    tiny_tokenizer: PreTrainedTokenizerFast, name: str, height: int, width: int
) -> None:
    processor = processor_for(tiny_tokenizer, GRIDS[name])
    assert_counts_are_those_of_the_reference(processor, GRIDS[name], (height, width))


@pytest.mark.parametrize("name", list(GRIDS))
def test_corners_and_borders_count_as_in_the_reference(
    tiny_tokenizer: PreTrainedTokenizerFast, name: str
) -> None:
    grid = GRIDS[name]
    processor = processor_for(tiny_tokenizer, grid)
    around = [
        (height + dy, width + dx)
        for height, width in grid.pinpoints_px
        for dy in (-1, 0, 1)
        for dx in (-1, 0, 1)
    ]
    for size in (*SIZES, *around):
        assert_counts_are_those_of_the_reference(processor, grid, size)


def noise(height: int, width: int, seed: int = 0) -> PillowImage.Image:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return PillowImage.fromarray(pixels)


def reference_tiles(
    tokenizer: PreTrainedTokenizerFast, grid: TileGrid, picture: PillowImage.Image
) -> npt.NDArray[np.int64]:
    processor: Any = processor_for(tokenizer, grid)
    values = processor.image_processor(picture, return_tensors="np")["pixel_values"][0]
    tiles = (values + 1) * 127.5
    np.testing.assert_allclose(tiles, np.rint(tiles), atol=1e-3)
    rounded: npt.NDArray[np.int64] = np.rint(tiles).astype(np.int64)
    return rounded


@pytest.mark.parametrize("name", ["tiny", "mini"])
@given(height=st.integers(2, 200), width=st.integers(2, 200), seed=st.integers(0, 99))
def test_pixels_are_those_of_the_reference_to_one_of_255(
    tiny_tokenizer: PreTrainedTokenizerFast, name: str, height: int, width: int, seed: int
) -> None:
    grid = GRIDS[name]
    # What is or becomes 1 or 3 px high, the reference takes for color channels.
    assume(not {height, grid.fitted(height, width)[0]} & {1, 3})
    picture = noise(height, width, seed)
    wanted = reference_tiles(tiny_tokenizer, grid, picture)
    np.testing.assert_allclose(grid.cut(picture), wanted, rtol=0, atol=1)
    np.testing.assert_allclose(grid.cut_quickly(picture), wanted, rtol=0, atol=2)


@pytest.mark.parametrize("size", [(480, 640), (1700, 200), (700, 500), (384, 768), (900, 4)])
def test_pixels_of_a_large_grid_are_those_of_the_reference(
    tiny_tokenizer: PreTrainedTokenizerFast, size: tuple[int, int]
) -> None:
    grid, picture = GRIDS["patch-16"], noise(*size)
    wanted = reference_tiles(tiny_tokenizer, grid, picture)
    off = np.abs(grid.cut(picture) - wanted)
    assert off.max() <= 1
    assert (off > 0).mean() < 0.01
    # Very tall pictures are resized columns first by both.
    assert np.abs(grid.cut_quickly(picture) - wanted).max() <= 2


def test_a_picture_three_pixels_high_is_cut_right_where_the_reference_is_confused(
    tiny_tokenizer: PreTrainedTokenizerFast,
) -> None:
    picture = PillowImage.new("RGB", (6, 3), (200, 100, 0))
    tiles = GRIDS["mini"].cut(picture)
    assert tiles.shape == (2, 3, 96, 96)
    assert (tiles[0] == np.array([200, 100, 0])[:, None, None]).all()
    # It reads three channels, 6 px high and 3 px wide, and gives no error.
    misread = reference_tiles(tiny_tokenizer, GRIDS["mini"], picture)
    assert {*misread[0, 0, 40]} != {200}
    with pytest.raises(ValueError, match="mean must have 1 elements"):
        reference_tiles(tiny_tokenizer, GRIDS["mini"], picture.resize((6, 1)))


def test_grey_pictures_are_cut_as_though_they_were_rgb() -> None:
    grey = noise(50, 70).convert("L")
    tiles = make.GRID.cut(grey)
    np.testing.assert_array_equal(tiles, make.GRID.cut(grey.convert("RGB")))
    np.testing.assert_array_equal(tiles[:, 0], tiles[:, 2])
    quick = make.GRID.cut_quickly(grey)
    np.testing.assert_array_equal(quick, make.GRID.cut_quickly(grey.convert("RGB")))


def test_a_square_picture_on_a_wide_canvas_lies_between_black_margins() -> None:
    grid = TileGrid(16, 8, ((16, 32), (32, 16)))
    tiles = grid.cut(PillowImage.new("RGB", (16, 16), "white"))
    assert tiles.shape == (3, 3, 16, 16)
    assert tiles[0].min() == 255
    assert [tiles[1, 0, 0].tolist(), tiles[2, 0, 0].tolist()] == [
        [0] * 8 + [255] * 8,
        [255] * 8 + [0] * 8,
    ]


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
