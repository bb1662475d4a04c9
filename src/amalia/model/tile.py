"""Cut a picture into the tiles a LLaVA-NeXT model looks at, and count its tokens.

The layout is that of Hugging Face's ``LlavaNextImageProcessor`` and ``LlavaNextProcessor`` (a base tile
with the whole picture stretched, then the tiles of the best fitting grid, padded, and un-padded again
as features); tests compare both, pixel by pixel and token by token. It is written here as well because
data building needs token counts without torch and because training needs tiles ten times faster than
the reference makes them. Tiles are uint8; scaling to [-1, 1] happens in ``render.collate``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

Tiles = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class TileGrid:
    """How pictures are cut: side of a tile, side of a patch, allowed (height, width) canvases, all in px."""

    tile_px: int
    patch_px: int
    pinpoints_px: tuple[tuple[int, int], ...]

    @property
    def patches_per_side(self) -> int:
        """Patches along one side of a tile."""
        return self.tile_px // self.patch_px

    def canvas(self, height_px: int, width_px: int) -> tuple[int, int]:
        """Choose the (height, width) canvas that keeps most of the picture and wastes least."""
        best, most_kept, least_wasted = self.pinpoints_px[0], -1, math.inf
        for height, width in self.pinpoints_px:
            scale = min(width / width_px, height / height_px)
            kept = min(int(width_px * scale) * int(height_px * scale), width_px * height_px)
            wasted = height * width - kept
            if kept > most_kept or (kept == most_kept and wasted < least_wasted):
                best, most_kept, least_wasted = (height, width), kept, wasted
        return best

    def num_tiles(self, height_px: int, width_px: int) -> int:
        """Tiles of one picture, the base tile included."""
        height, width = self.canvas(height_px, width_px)
        return 1 + (height // self.tile_px) * (width // self.tile_px)

    def num_tokens(self, height_px: int, width_px: int) -> int:
        """Tokens of one picture: base tile + un-padded grid + one newline a row."""
        side = self.patches_per_side
        canvas_height, canvas_width = self.canvas(height_px, width_px)
        rows, columns = (
            side * (canvas_height // self.tile_px),
            side * (canvas_width // self.tile_px),
        )
        if width_px / height_px > columns / rows:
            rows -= (rows - int(round(height_px * (columns / width_px), 7))) // 2 * 2
        else:
            columns -= (columns - int(round(width_px * (rows / height_px), 7))) // 2 * 2
        return side * side + rows * columns + rows

    def cut(self, picture: Image.Image) -> Tiles:
        """Cut an RGB picture into tiles.

        Args:
            picture: RGB picture of any size.

        Returns:
            uint8 array [num_tiles, 3, tile_px, tile_px], base tile first, then the grid row by row.
        """
        width_px, height_px = picture.size
        canvas_height, canvas_width = self.canvas(height_px, width_px)
        scale_w, scale_h = canvas_width / width_px, canvas_height / height_px
        if scale_w < scale_h:
            new_width, new_height = canvas_width, min(math.ceil(height_px * scale_w), canvas_height)
        else:
            new_width, new_height = min(math.ceil(width_px * scale_h), canvas_width), canvas_height
        grid = np.zeros((canvas_height, canvas_width, 3), dtype=np.uint8)
        top, left = (canvas_height - new_height) // 2, (canvas_width - new_width) // 2
        grid[top : top + new_height, left : left + new_width] = _resized(
            picture, new_width, new_height
        )
        side = self.tile_px
        base = _resized(picture, side, side)[None]
        cells = grid.reshape(canvas_height // side, side, canvas_width // side, side, 3)
        cells = cells.transpose(0, 2, 1, 3, 4).reshape(-1, side, side, 3)
        return np.ascontiguousarray(np.concatenate([base, cells]).transpose(0, 3, 1, 2))


def _resized(picture: Image.Image, width_px: int, height_px: int) -> npt.NDArray[np.uint8]:
    if picture.size != (width_px, height_px):
        picture = picture.resize((width_px, height_px), Image.Resampling.BICUBIC)
    return np.asarray(picture, dtype=np.uint8)


def total_tokens(grid: TileGrid, sizes_px: Sequence[tuple[int, int]]) -> int:
    """Sum the tokens of pictures given as (height, width)."""
    return sum(grid.num_tokens(height, width) for height, width in sizes_px)
