"""Resize pictures as Pillow's bicubic filter does, in less time.

Pillow resizes the rows, rounds to whole numbers, and resizes the columns. The kernel of torch does the same
with SIMD, but with weights of 15 bits instead of 22: its sums err by less than 0.04, which now and then turns
a number round to its neighbour. If that happens in several rows that lie above each other, a column may end
up 2 from Pillow's. ``exact`` therefore leaves the rows to Pillow and only the columns to torch, so that no
value is ever more than 1 away; ``quick`` leaves both to torch.

The kernel runs in the thread that calls it and starts no OpenMP team (why that matters: ``render.scaled``).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

Pixels = npt.NDArray[np.uint8]

TALL = 100
"""Above this height by width Pillow resizes the columns first, and so is left to do all of it."""


def pixels_of(picture: Image.Image) -> Pixels:
    """Give an RGB or grey picture as an array [height, width, 3 or 1]."""
    pixels = np.array(picture)
    return pixels.reshape(picture.height, picture.width, -1)


def exact(picture: Image.Image, size_px: tuple[int, int]) -> Pixels:
    """Resize an RGB or grey picture to (height, width), each value within 1 of Pillow's."""
    height, width = size_px
    if picture.height > TALL * picture.width:
        return pixels_of(picture.resize((width, height), Image.Resampling.BICUBIC))
    if picture.width != width:
        picture = picture.resize((width, picture.height), Image.Resampling.BICUBIC)
    return quick(pixels_of(picture), size_px)


def quick(
    pixels: Pixels, size_px: tuple[int, int], *, area_px: tuple[float, float] | None = None
) -> Pixels:
    """Resize pixels to (height, width).

    Args:
        pixels: [height, width, 3 or 1]
        size_px: (height, width) wanted.
        area_px: (height, width) that count, from the upper left corner; all by default. A picture decoded
            at reduced scale ends within its last row and column.

    Returns:
        Values within 1 of Pillow's where only the columns change, else rarely 2 from them.
    """
    height, width = size_px
    if pixels.shape[:2] == size_px:
        return pixels
    channels = torch.from_numpy(pixels).permute(2, 0, 1)[None]
    scales = (height / area_px[0], width / area_px[1]) if area_px else (None, None)
    # The operator behind ``interpolate(mode="bicubic", antialias=True)``, which takes size or scales.
    resized = torch.ops.aten._upsample_bicubic2d_aa(channels, [height, width], False, *scales)
    found: Pixels = resized[0].permute(1, 2, 0).numpy()
    return found
