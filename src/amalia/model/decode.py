"""From the encoded bytes of a picture to its tiles: the one place where pictures of artifacts are decoded.

There are two ways. The exact one gives the tiles of the reference. The quick one, for training, decodes a
JPEG at 1/2, 1/4 or 1/8 of its sides where that is enough, which libjpeg does from the low frequencies
alone, in about half the time and with so many pixels less to resize; and it resizes with ``resample.quick``.
How much pixels change by it stands in ``docs/tiling.md``.

Pictures in artifacts were checked, bounded and turned upright when they came in (``amalia.pictures``), so
neither limits nor EXIF are looked at again.
"""

from __future__ import annotations

import io

from PIL import Image

from amalia.model.tile import TileGrid, Tiles

ENOUGH = {8: 2.0, 4: 2.0, 2: 1.25}
"""Reduction → how many times as large as what it is resized to a picture must still be, along each side.

The more a picture is reduced, the more of its own sharpness is lost, and the less time is won.
"""

_JPEG = ("JPEG", "MPO")


def tiles_of(data: bytes, grid: TileGrid, *, is_exact: bool) -> Tiles:
    """Decode a picture and cut it into tiles.

    Args:
        data: An encoded picture.
        grid: How it is cut.
        is_exact: Whether pixels must be those of the reference, to 1/255.

    Returns:
        uint8 array [num_tiles, 3, tile_px, tile_px], as ``TileGrid.cut`` gives it.

    Raises:
        OSError: The bytes are no picture, or end early.
        SyntaxError: A damaged PNG.
        ValueError: A damaged header.
    """
    with Image.open(io.BytesIO(data)) as picture:
        width_px, height_px = picture.size
        reduction = 1
        if not is_exact and picture.format in _JPEG:
            reduction = reduction_for(grid, height_px, width_px)
        if reduction > 1:
            picture.draft(None, (width_px // reduction, height_px // reduction))
        picture.load()
        # A conversion to the mode it has would copy it.
        plain = picture if picture.mode in ("RGB", "L") else picture.convert("RGB")
        if is_exact:
            return grid.cut(plain)
        return grid.cut_quickly(plain, reduction=reduction, whole_px=(height_px, width_px))


def reduction_for(grid: TileGrid, height_px: int, width_px: int) -> int:
    """Find by how much a picture of this size may be reduced when it is decoded: 1, 2, 4 or 8."""
    height, width = grid.fitted(height_px, width_px)
    needed_height, needed_width = max(height, grid.tile_px), max(width, grid.tile_px)
    scale = min(height_px / needed_height, width_px / needed_width)
    return next(
        (reduction for reduction, enough in ENOUGH.items() if scale >= reduction * enough), 1
    )
