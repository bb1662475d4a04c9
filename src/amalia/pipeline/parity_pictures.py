"""Pictures whose sizes are awkward for one grid of tiles: a pixel off a canvas, very long, tiny, large.

Sizes are where implementations of LLaVA-NeXT have parted: which canvas is chosen, how a side is rounded,
how much padding is taken off again. The first ones are the known hard cases, each for the grid at hand;
after them come others drawn by chance, so that any number can be asked for. The same grid and number give
the same pictures. Left out are sizes that ``amalia.pictures`` refuses and those that transformers is known
to misread (``docs/tiling.md``): a verdict on them would be about transformers.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from random import Random

import numpy as np
import numpy.typing as npt
import PIL.Image

from amalia.model.tile import TileGrid
from amalia.pictures import MAX_ASPECT, MAX_PIXELS, MIN_SIDE_PX

Size = tuple[int, int]
"""(height, width) in px."""

_MISREAD_PX = (1, 3)
_LONGEST_DRAWN_PX = 1200
_NUM_RECTANGLES = 8


def odd_pictures(grid: TileGrid, count: int) -> list[PIL.Image.Image]:
    """Draw so many pictures of different awkward sizes, RGB."""
    return [
        draw(size_px, seed=number) for number, size_px in enumerate(islice(odd_sizes(grid), count))
    ]


def odd_sizes(grid: TileGrid) -> Iterator[Size]:
    """Give awkward sizes without end, each once, the hardest first."""
    seen: set[Size] = set()
    for size in _candidates(grid):
        if size not in seen and _is_fair(grid, size):
            seen.add(size)
            yield size


def draw(size_px: Size, *, seed: int) -> PIL.Image.Image:
    """Draw a picture: slopes of color, rectangles with hard edges, and noise in one corner.

    Hard edges and noise are what filters that resize differ on; slopes show a picture that is shifted.
    """
    height, width = size_px
    random = np.random.default_rng(seed)
    down, right = np.mgrid[:height, :width]
    slopes = (right * 255 // width, down * 255 // height, (down + right) * 255 // (height + width))
    pixels: npt.NDArray[np.uint8] = np.stack(slopes, -1).astype(np.uint8)
    for _ in range(_NUM_RECTANGLES):
        top, bottom = sorted(random.integers(0, height + 1, 2))
        left, end = sorted(random.integers(0, width + 1, 2))
        pixels[top:bottom, left:end] = random.integers(0, 256, 3)
    corner = pixels[: -(-height // 3), : -(-width // 3)]
    corner[:] = random.integers(0, 256, corner.shape)
    return PIL.Image.fromarray(pixels)


def _candidates(grid: TileGrid) -> Iterator[Size]:
    side = grid.tile_px
    longest = int(MAX_ASPECT)
    canvas_height, canvas_width = grid.pinpoints_px[-1]
    strip = max(MIN_SIDE_PX, side // 4)
    yield from ((side, side), (side - 1, side), (side, side + 1), (2 * side + 1, 2 * side - 1))
    yield from ((MIN_SIDE_PX, MIN_SIDE_PX), (MIN_SIDE_PX + 1, MIN_SIDE_PX))
    yield from ((MIN_SIDE_PX, MIN_SIDE_PX * longest), (MIN_SIDE_PX * longest, MIN_SIDE_PX))
    yield from ((strip, strip * longest), (strip * longest, strip))
    # Sizes on which counts of tokens and features have disagreed in published implementations, the
    # second pair on tiles of 336 px.
    yield from ((161, 184), (184, 161))
    near, far = round(side * 700 / 336), round(side * 840 / 336)
    yield from ((near, far), (far, near))
    yield (1501, 1999)
    yield from ((canvas_height - 1, canvas_width), (canvas_height, canvas_width + 1))
    yield from ((97, 101), (331, 173), (side // 2 + 1, side * 3 + 1))
    for height, width in grid.pinpoints_px:
        yield from ((height + 1, width - 1), (2 * height - 1, 2 * width + 1))
    random = Random(0)
    while True:
        yield _drawn_size(random)


def _drawn_size(random: Random) -> Size:
    """Draw a size whose sides are as likely to be small as large."""
    low, high = np.log((MIN_SIDE_PX, _LONGEST_DRAWN_PX))
    height, width = (round(np.exp(random.uniform(low, high))) for _ in range(2))
    return height, width


def _is_fair(grid: TileGrid, size: Size) -> bool:
    if min(size) < MIN_SIDE_PX or max(size) > MAX_ASPECT * min(size) or np.prod(size) > MAX_PIXELS:
        return False
    return size[0] not in _MISREAD_PX and grid.fitted(*size)[0] not in _MISREAD_PX
