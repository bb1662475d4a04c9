"""Pictures are decoded whole, or reduced where that is enough, and always to the same number of tiles."""

from __future__ import annotations

import io
from typing import Any

import make
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as PillowImage
from transformers import PreTrainedTokenizerFast

from amalia.errors import RecordError
from amalia.model.decode import ENOUGH, reduction_for, tiles_of
from amalia.model.render import Renderer
from amalia.model.tile import TileGrid
from amalia.records import Row

LARGE = TileGrid(
    384,
    16,
    tuple((384 * r, 384 * c) for r in range(1, 13) for c in range(1, 13) if r * c <= 12),
)


def smooth(width_px: int, height_px: int) -> PillowImage.Image:
    """Make a picture without sharp edges, in color."""
    coarse = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    resized = PillowImage.fromarray(coarse).resize((width_px, height_px), 3)
    assert isinstance(resized, PillowImage.Image)
    return resized


def encoded(picture: PillowImage.Image, form: str, **options: Any) -> bytes:
    out = io.BytesIO()
    picture.save(out, form, **options)
    return out.getvalue()


def off(data: bytes, grid: TileGrid = make.GRID) -> np.ndarray:
    exact, quick = (tiles_of(data, grid, is_exact=is_exact) for is_exact in (True, False))
    assert exact.shape == quick.shape
    found: np.ndarray = np.abs(exact.astype(int) - quick)
    return found


@pytest.mark.parametrize(
    ("width_px", "height_px", "reduction"),
    [
        # On twelve tiles, 1536 × 1152: half of it is 1.30 times as large.
        (4000, 3000, 2),
        (3840, 2880, 2),
        (3839, 2880, 1),
        (1536, 1152, 1),
        (640, 480, 1),
        # On 1536 × 1152 as well: a quarter would be 1.27 times as large, then 2.03 times, an eighth 2.03 times.
        (7800, 5850, 2),
        (12500, 9375, 4),
        (25000, 18750, 8),
        # As wide as eleven tiles, but its base tile is stretched to 384 px, more than it has.
        (4000, 300, 1),
    ],
)
def test_a_picture_is_reduced_while_it_stays_larger_than_needed(
    width_px: int, height_px: int, reduction: int
) -> None:
    assert ENOUGH == {2: 1.25, 4: 2.0, 8: 2.0}
    assert reduction_for(LARGE, height_px, width_px) == reduction


@given(width=st.integers(1, 9000), height=st.integers(1, 9000))
def test_what_is_reduced_is_never_enlarged(width: int, height: int) -> None:
    reduction = reduction_for(LARGE, height, width)
    fitted = LARGE.fitted(height, width)
    if reduction > 1:
        assert height / reduction >= 1.25 * max(fitted[0], 384)
        assert width / reduction >= 1.25 * max(fitted[1], 384)


@pytest.mark.parametrize(
    ("size", "reduction"), [((85, 43), 2), ((300, 151), 4), ((621, 327), 8), ((401, 403), 8)]
)
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0}])
def test_reduced_pictures_look_like_whole_ones(
    size: tuple[int, int], reduction: int, options: dict[str, Any]
) -> None:
    assert reduction_for(make.GRID, size[1], size[0]) == reduction
    found = off(encoded(smooth(*size), "JPEG", quality=90, **options))
    assert found.max() > 0
    assert found.mean() < 2
    assert np.percentile(found, 99) < 10


def test_the_last_columns_of_a_reduced_picture_count_for_what_they_are() -> None:
    # 1/8 of 401 px is 50 px and an eighth of one; taken for 51 it would be shifted by up to 0.3 px of 16.
    ramp = np.broadcast_to(np.linspace(0, 255, 401)[None, :, None], (401, 401, 3)).astype(np.uint8)
    data = encoded(PillowImage.fromarray(ramp), "JPEG", quality=98)
    assert reduction_for(make.GRID, 401, 401) == 8
    assert off(data)[0, :, :, 4:-4].max() <= 2


@pytest.mark.parametrize("form", ["PNG", "WEBP", "GIF", "BMP"])
def test_only_jpeg_is_reduced(form: str) -> None:
    options = {"lossless": True} if form == "WEBP" else {}
    assert off(encoded(smooth(400, 400), form, **options)).max() <= 2


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_jpeg_of_other_colors_is_read_as_rgb(mode: str) -> None:
    picture = smooth(200, 200).convert(mode)
    data = encoded(picture, "JPEG", quality=95)
    with PillowImage.open(io.BytesIO(data)) as opened:
        wanted = make.GRID.cut(opened.convert("RGB"))
    np.testing.assert_array_equal(tiles_of(data, make.GRID, is_exact=True), wanted)
    assert off(data).mean() < 2


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16"])
def test_png_of_other_colors_is_read_as_pillow_converts_it(mode: str) -> None:
    picture = smooth(40, 30)
    if mode == "I;16":
        picture = PillowImage.fromarray(np.arange(1200, dtype=np.uint16).reshape(30, 40))
    options = {"transparency": 3} if mode in ("P", "L") else {}
    data = encoded(picture if mode == "I;16" else picture.convert(mode), "PNG", **options)
    with PillowImage.open(io.BytesIO(data)) as opened:
        wanted = make.GRID.cut(opened.convert("RGB"))
    for is_exact in (True, False):
        tiles = tiles_of(data, make.GRID, is_exact=is_exact)
        np.testing.assert_allclose(tiles, wanted, rtol=0, atol=0 if is_exact else 2)


@pytest.mark.parametrize("is_exact", [True, False])
def test_a_picture_that_ends_early_is_named(
    tiny_tokenizer: PreTrainedTokenizerFast, is_exact: bool
) -> None:
    data = encoded(smooth(400, 300), "JPEG", quality=90)
    whole = make.conversation(("user", data), ("assistant", "Cores."))
    (digest,) = whole.images
    cut_short = Row(whole.record, {digest: data[: len(data) // 2]})
    reader = Renderer(tiny_tokenizer, make.GRID, is_exact=is_exact)
    with pytest.raises(
        RecordError, match=rf"picture {digest[:12]} of conversation c1 cannot be read: .*truncated"
    ) as caught:
        reader.conversation(cut_short)
    assert caught.value.reason == "picture_unreadable"
    assert len(reader.conversation(whole).tiles) == make.GRID.num_tiles(300, 400)
