"""Cut a picture into the tiles a LLaVA-NeXT model looks at, and count its tokens.

The layout is that of Hugging Face's ``LlavaNextImageProcessor`` and ``LlavaNextProcessor`` (a base tile
with the whole picture stretched, then the tiles of the best fitting grid, padded, and un-padded again
as features); tests and ``docs/tiling.md`` compare both: tokens are equal, pixels differ by at most 1/255.
It is written here as well because data building needs token counts without torch and because training
needs tiles several times faster than the reference makes them. Tiles are uint8; scaling to [-1, 1]
happens in ``render.collate``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
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

    def fitted(self, height_px: int, width_px: int) -> tuple[int, int]:
        """Give the (height, width) a picture is resized to, to lie in the middle of its canvas."""
        canvas_height, canvas_width = self.canvas(height_px, width_px)
        scale_w, scale_h = canvas_width / width_px, canvas_height / height_px
        if scale_w < scale_h:
            return min(math.ceil(height_px * scale_w), canvas_height), canvas_width
        return canvas_height, min(math.ceil(width_px * scale_h), canvas_width)

    def cut(self, picture: Image.Image) -> Tiles:
        """Cut a picture into tiles whose pixels are those of the reference to 1/255.

        Args:
            picture: RGB or grey (mode ``L``), of any size.

        Returns:
            uint8 array [num_tiles, 3, tile_px, tile_px], base tile first, then the grid row by row.
        """
        # Here and not above, because data building counts tokens without torch.
        from amalia.model import resample

        whole_px = picture.height, picture.width
        return self._laid(whole_px, lambda size_px: resample.exact(picture, size_px))

    def cut_quickly(
        self, picture: Image.Image, *, reduction: int = 1, whole_px: tuple[int, int] | None = None
    ) -> Tiles:
        """Cut a picture into tiles in the quick way; see ``decode``.

        Args:
            picture: RGB or grey (mode ``L``), of any size.
            reduction: By how much the picture was reduced when it was decoded: 1, 2, 4 or 8.
            whole_px: (height, width) before that; by default the size of the picture.

        Returns:
            As ``cut``.
        """
        from amalia.model import resample

        whole_px = whole_px or (picture.height, picture.width)
        if picture.height > resample.TALL * picture.width:
            return self.cut(picture)
        area_px = (whole_px[0] / reduction, whole_px[1] / reduction) if reduction > 1 else None
        pixels = resample.pixels_of(picture)
        return self._laid(
            whole_px, lambda size_px: resample.quick(pixels, size_px, area_px=area_px)
        )

    def _laid(
        self, whole_px: tuple[int, int], resized: Callable[[tuple[int, int]], Tiles]
    ) -> Tiles:
        """Make the tiles of a picture of a (height, width) that can be resized to any other."""
        canvas_height, canvas_width = self.canvas(*whole_px)
        height, width = self.fitted(*whole_px)
        side = self.tile_px
        rows, columns = canvas_height // side, canvas_width // side
        fitted = resized((height, width))
        base = fitted if (height, width) == (side, side) else resized((side, side))
        laid = np.zeros((3, canvas_height, canvas_width), np.uint8)
        top, left = (canvas_height - height) // 2, (canvas_width - width) // 2
        laid[:, top : top + height, left : left + width] = fitted.transpose(2, 0, 1)
        tiles = np.empty((1 + rows * columns, 3, side, side), np.uint8)
        tiles[0] = base.transpose(2, 0, 1)
        cells = laid.reshape(3, rows, side, columns, side).transpose(1, 3, 0, 2, 4)
        tiles[1:].reshape(rows, columns, 3, side, side)[:] = cells
        return tiles


def total_tokens(grid: TileGrid, sizes_px: Sequence[tuple[int, int]]) -> int:
    """Sum the tokens of pictures given as (height, width)."""
    return sum(grid.num_tokens(height, width) for height, width in sizes_px)
