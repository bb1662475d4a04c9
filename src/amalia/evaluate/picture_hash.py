"""Whether two pictures are the same one, saved again, made smaller, brighter, or cut a little at the border.

Two pictures are compared in two steps. A perceptual hash of 64 bits, the signs of the lowest frequencies of a cosine
transform (Zauner 2010, «Implementation and benchmarking of perceptual image hash functions»), is compared with all
that are known and leaves few of them. Those are laid over each other as thumbnails, also with up to 3 % of any border
cut off one of them, and have to correlate color by color.

The hash alone is not enough: pictures of one word, of a few bars or of a page are alike in their low frequencies. Of
1,088 pictures drawn for a test set, 297 had a hash within 10 bits of one of 11,253 drawn for training, and 109 also a
difference hash within 10 bits of the same one too. With the correlation that is asked for by default 3 are left, though
18 bits may differ, and each is the same drawing or all but the same chart.

A picture without detail (one color, a gradient) has a hash of noise; it has no ``Look`` at all.

Not covered: mirrored and turned pictures, crops of more than 3 % a side, collages, other colors, and other photographs
of the same thing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cache
from itertools import product
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import PIL.Image

Bytes = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]

HASH_BITS = 64
HASH_SIDE_PX = 32
THUMB_PX = 48
MIN_DETAIL = 1.0
"""Grey levels: the median of the 64 coefficients. Noise of 3 grey levels gives 0.5, the faintest of 1,088 drawn
pictures 2.4."""
MAX_BORDER = 0.03
"""Of the height or width, on each side."""
MIN_ROUGH_CORRELATION = 0.7
"""Of thumbnails of 16 pixels, before borders are tried; with a border cut off, the least alike of 1,088 drawn pictures
still had 0.73."""
_BORDERS = (0.0, MAX_BORDER / 2, MAX_BORDER)
_COMPARED_PX = 32
_LUMA = np.array([0.299, 0.587, 0.114])
_NUM_FREQUENCIES = 12


class Look(NamedTuple):
    """What is compared of one picture."""

    bits: Bytes
    """The hash, 8 bits a byte, [8]."""
    thumb: Bytes
    """RGB, [48, 48, 3]."""


class Near(NamedTuple):
    """A known picture that looks like the one asked for."""

    position: int
    correlation: float
    """Of the thumbnails, -1 to 1."""


def pixel_digest(image: PIL.Image.Image) -> str:
    """Digest size and pixels of an RGB picture: equal for all ways to save the same pixels."""
    return hashlib.sha256(b"%d %d " % image.size + image.tobytes()).hexdigest()


def look(image: PIL.Image.Image) -> Look | None:
    """Take from an RGB picture what is compared; None if it has too little detail.

    Returns:
        Its hash, with a bit set where a coefficient is above their median, and its thumbnail.
    """
    grey = _resized(image, HASH_SIDE_PX) @ _LUMA
    rows, columns = _lowest_frequencies()
    basis = _cosines()
    coefficients = (basis @ grey @ basis.T)[rows, columns]
    if np.median(np.abs(coefficients)) < MIN_DETAIL:
        return None
    bits = np.packbits(coefficients > np.median(coefficients))
    return Look(bits, np.rint(_resized(image, THUMB_PX)).astype(np.uint8))


def num_different(first: Bytes, second: Bytes) -> npt.NDArray[np.intp]:
    """Count the bits in which hashes [..., 8] differ, 0–64."""
    counts: npt.NDArray[np.intp] = _num_ones()[first ^ second].sum(-1, dtype=np.intp)
    return counts


def correlation(first: Bytes, second: Bytes) -> float:
    """Lay two thumbnails over each other in the best way and correlate them, color by color.

    Each color counts without its mean, so brightness and the color of a plain background do not.

    Returns:
        -1 to 1.
    """
    return max(_best_cut(first, second), _best_cut(second, first))


class Gallery:
    """Known pictures, to be compared with others one by one.

    Memory is 7 KB a picture.
    """

    def __init__(self, looks: Sequence[Look]) -> None:
        """Keep pictures, as many as there are; the hashes of 20,000 are compared with one in a millisecond."""
        self._bits = np.array([item.bits for item in looks], dtype=np.uint8).reshape(-1, 8)
        shape = (-1, THUMB_PX, THUMB_PX, 3)
        self._thumbs = np.array([item.thumb for item in looks], dtype=np.uint8).reshape(shape)

    def near(self, item: Look, *, max_bits: int, min_correlation: float) -> list[Near]:
        """Find the known pictures that are this one.

        Args:
            item: the picture asked for.
            max_bits: in which hashes may differ, 0–64.
            min_correlation: of the thumbnails, 0–1.
        """
        likely = np.flatnonzero(num_different(self._bits, item.bits) <= max_bits)
        rough = _dot(_rough(self._thumbs[likely]), _rough(item.thumb))
        found = []
        for position in likely[rough >= MIN_ROUGH_CORRELATION].tolist():
            value = correlation(self._thumbs[position], item.thumb)
            if value >= min_correlation:
                found.append(Near(position, value))
        return found


def _best_cut(cut: Bytes, whole: Bytes) -> float:
    """Cut borders off one of two pictures so that it is most like the other; height and width in turn, twice."""
    upright, goal = cut.astype(np.float32), whole.astype(np.float32)
    goals = [_centered(_cuts(goal.swapaxes(0, 1), 0)[0]), _centered(_cuts(goal, 0)[0])]
    best, kept = -1.0, 0
    for step in range(4):
        # The best cut so far is kept along the first axis, along the second all are tried.
        tried = _cuts(upright if step % 2 else upright.swapaxes(0, 1), kept)
        values = _dot(_centered(tried), goals[step % 2])
        best, kept = max(best, float(values.max())), int(values.argmax())
    return best


def _cuts(pixels: Floats, kept: int) -> Floats:
    """Cut and shrink [48, 48, 3] along one axis as is kept, along the other in every way: [9, 32, 32, 3].

    Each product is small enough for one thread of a BLAS; more of them would only wait for each other.
    """
    ways = _cut_weights()
    rows = (ways[kept] @ pixels.reshape(THUMB_PX, -1)).reshape(_COMPARED_PX, THUMB_PX, 3)
    both = ways @ rows.swapaxes(0, 1).reshape(THUMB_PX, -1)
    cuts: Floats = both.reshape(len(ways), _COMPARED_PX, _COMPARED_PX, 3)
    return cuts


def _rough(thumbs: Bytes) -> Floats:
    """Make thumbnails [..., 48, 48, 3] three times smaller, centered."""
    side = THUMB_PX // 3
    blocks = thumbs.reshape(*thumbs.shape[:-3], side, 3, side, 3, 3)
    return _centered(blocks.mean((-4, -2), dtype=np.float32))


def _centered(pixels: Floats) -> Floats:
    """Take from each color its mean, and bring pictures [..., height, width, 3] to length 1: [..., pixels]."""
    shifted = pixels - pixels.mean((-3, -2), keepdims=True)
    flat = shifted.reshape(*pixels.shape[:-3], np.prod(pixels.shape[-3:]))
    unit: Floats = flat / np.maximum(np.linalg.norm(flat, axis=-1, keepdims=True), 1e-6)
    return unit


def _dot(many: Floats, one: Floats) -> Floats:
    """Multiply [K, N] by [N], without the threads of a BLAS."""
    products: Floats = np.einsum("kn,n->k", many, one)
    return products


def _resized(image: PIL.Image.Image, side_px: int) -> npt.NDArray[np.float64]:
    """Shrink a picture to a square, [side, side, 3].

    With a filter that leaves no moiré: mere averages of lines of text differ from one border to the next.
    """
    how = PIL.Image.Resampling.LANCZOS
    small = image.resize((side_px, side_px), how, reducing_gap=3.0)
    return np.asarray(small, dtype=np.float64)


@cache
def _cosines() -> npt.NDArray[np.float64]:
    """Give the first cosines of an orthonormal DCT-II, [12, 32]."""
    places = np.pi * (2 * np.arange(HASH_SIDE_PX) + 1) / (2 * HASH_SIDE_PX)
    waves = np.cos(np.arange(_NUM_FREQUENCIES)[:, None] * places)
    basis: npt.NDArray[np.float64] = waves / np.linalg.norm(waves, axis=1, keepdims=True)
    return basis


@cache
def _lowest_frequencies() -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Give rows and columns of the 64 lowest frequencies, without the mean."""
    rows, columns = np.indices((_NUM_FREQUENCIES, _NUM_FREQUENCIES)).reshape(2, -1)
    order = np.lexsort((rows, rows**2 + columns**2))[1 : HASH_BITS + 1]
    return rows[order], columns[order]


@cache
def _cut_weights() -> Floats:
    """Give for every cut at either end how much of 48 pixels is in each of 32, [9, 32, 48]; the first cuts nothing."""
    ways = []
    for near, far in product(_BORDERS, repeat=2):
        edges = np.linspace(near * THUMB_PX, (1 - far) * THUMB_PX, _COMPARED_PX + 1)
        before = np.clip(edges[:, None] - np.arange(THUMB_PX), 0, 1)
        covered = np.diff(before, axis=0)
        ways.append(covered / covered.sum(1, keepdims=True))
    return np.array(ways, dtype=np.float32)


@cache
def _num_ones() -> Bytes:
    """Count the bits of each byte."""
    counts: Bytes = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).sum(
        1, dtype=np.uint8
    )
    return counts
