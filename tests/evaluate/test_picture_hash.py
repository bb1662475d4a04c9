"""Pictures drawn with Pillow, saved again, shrunk, brightened and cut, against each other."""

import random
from collections.abc import Callable
from io import BytesIO
from itertools import combinations

import numpy as np
import PIL.Image
import pytest
from PIL import ImageDraw, ImageEnhance

from amalia.evaluate.picture_hash import (
    Gallery,
    Look,
    correlation,
    look,
    num_different,
    pixel_digest,
)

Picture = PIL.Image.Image
MAX_BITS = 18
MIN_CORRELATION = 0.95


def scene(seed: int, size_px: tuple[int, int] = (160, 120)) -> Picture:
    """Draw some ellipses, boxes and lines of any color, on one."""
    rng = random.Random(seed)
    width, height = size_px

    def color() -> tuple[int, ...]:
        return tuple(rng.randrange(256) for _ in range(3))

    image = PIL.Image.new("RGB", size_px, color())
    pen = ImageDraw.Draw(image)
    for draw in (pen.ellipse, pen.rectangle, pen.ellipse, pen.rectangle, pen.ellipse):
        x, y = rng.randrange(width), rng.randrange(height)
        draw((x, y, x + rng.randint(15, width // 2), y + rng.randint(15, height // 2)), color())
    for _ in range(3):
        ends = [(rng.randrange(width), rng.randrange(height)) for _ in range(2)]
        pen.line(ends, fill=color(), width=3)
    return image


def page(seed: int) -> Picture:
    """Draw a page of lines of dashes as long as words are."""
    rng = random.Random(seed)
    image = PIL.Image.new("RGB", (420, 594), "white")
    pen = ImageDraw.Draw(image)
    for y in range(40, 550, 13):
        x = 40
        end = 380 if rng.random() < 0.8 else rng.randint(80, 380)
        while x < end:
            word = rng.randint(8, 50)
            pen.rectangle((x, y, min(x + word, end), y + 6), fill="black")
            x += word + 6
    return image


def jpeg(image: Picture) -> Picture:
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=50)
    return PIL.Image.open(buffer).convert("RGB")


def cut(image: Picture, left: float, top: float, right: float, bottom: float) -> Picture:
    width, height = image.size
    edges = (width * left, height * top, width * (1 - right), height * (1 - bottom))
    return image.crop(tuple(round(edge) for edge in edges))


CHANGES: dict[str, Callable[[Picture], Picture]] = {
    "saved as JPEG of quality 50": jpeg,
    "half the size": lambda image: image.resize((image.width // 2, image.height // 2)),
    "twice the size": lambda image: image.resize((image.width * 2, image.height * 2)),
    "a tenth brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.1),
    "a tenth darker": lambda image: ImageEnhance.Brightness(image).enhance(0.9),
    "less contrast": lambda image: ImageEnhance.Contrast(image).enhance(0.85),
    "3 % cut all around": lambda image: cut(image, 0.03, 0.03, 0.03, 0.03),
    "3 % cut on two sides": lambda image: cut(image, 0.03, 0.03, 0, 0),
    "1.5 % cut on one side": lambda image: cut(image, 0, 0.015, 0, 0),
    "cut, shrunk and saved": lambda image: jpeg(cut(image, 0.03, 0.03, 0.03, 0.03).resize((120, 90))),
}  # fmt: skip


def seen(image: Picture) -> Look:
    found = look(image)
    assert found is not None
    return found


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
@pytest.mark.parametrize("draw", [scene, page])
def test_a_picture_is_known_after_small_changes(
    draw: Callable[[int], Picture], change: Callable[[Picture], Picture]
) -> None:
    drawn = [draw(seed) for seed in range(4)]
    gallery = Gallery([seen(image) for image in drawn])
    for position, image in enumerate(drawn):
        near = gallery.near(seen(change(image)), max_bits=MAX_BITS, min_correlation=MIN_CORRELATION)
        assert [item.position for item in near] == [position]


def test_other_pictures_are_not_taken_for_known_ones() -> None:
    looks = [seen(scene(seed)) for seed in range(100, 150)] + [
        seen(page(seed)) for seed in range(6)
    ]
    gallery = Gallery(looks)
    for position, item in enumerate(looks):
        near = gallery.near(item, max_bits=MAX_BITS, min_correlation=MIN_CORRELATION)
        assert [found.position for found in near] == [position]
        assert near[0].correlation == pytest.approx(1, abs=1e-3)


def test_pages_have_hashes_that_are_alike_but_do_not_correlate() -> None:
    pairs = list(combinations([seen(page(seed)) for seed in range(8)], 2))
    assert (
        sum(num_different(one.bits, other.bits) <= MAX_BITS for one, other in pairs)
        > len(pairs) / 3
    )
    assert max(correlation(one.thumb, other.thumb) for one, other in pairs) < 0.9


def test_the_color_of_a_background_does_not_make_pictures_alike() -> None:
    def sign(x: int, y: int) -> Look:
        image = PIL.Image.new("RGB", (96, 96), (210, 40, 40))
        ImageDraw.Draw(image).rectangle((x, y, x + 40, y + 12), fill="white")
        return seen(image)

    assert correlation(sign(10, 20).thumb, sign(44, 66).thumb) < 0.1


def gradient(first: int, last: int) -> Picture:
    row = np.linspace(first, last, 96)
    return PIL.Image.fromarray(
        np.repeat(np.tile(row, (96, 1))[..., None], 3, axis=2).astype(np.uint8)
    )


def noise(scale: float) -> Picture:
    values = np.random.default_rng(1).normal(128, scale, (96, 96, 3))
    return PIL.Image.fromarray(values.clip(0, 255).astype(np.uint8))


@pytest.mark.parametrize(
    "image",
    [
        PIL.Image.new("RGB", (50, 40), "white"),
        PIL.Image.new("RGB", (1, 1), (12, 200, 9)),
        gradient(0, 255),
        gradient(140, 100),
        jpeg(gradient(255, 0)),
        noise(3),
    ],
    ids=["white", "one pixel", "gradient", "faint gradient", "gradient as JPEG", "noise"],
)
def test_a_picture_without_detail_has_no_look(image: Picture) -> None:
    assert look(image) is None


def test_faint_detail_is_enough() -> None:
    image = PIL.Image.new("RGB", (96, 96), "white")
    ImageDraw.Draw(image).ellipse((40, 40, 56, 56), fill=(200, 200, 200))
    assert look(image) is not None


def test_half_of_the_bits_of_a_hash_are_set() -> None:
    assert np.unpackbits(seen(scene(1)).bits).sum() == 32


def test_bits_that_differ_are_counted() -> None:
    first = np.array([0b1111_0000, 0, 0, 0, 0, 0, 0, 255], dtype=np.uint8)
    second = np.array([0b0101_0000, 1, 0, 0, 0, 0, 0, 0], dtype=np.uint8)
    assert num_different(first, second) == 11
    assert num_different(np.array([first, second]), second).tolist() == [11, 0]


def test_an_empty_gallery_knows_nothing() -> None:
    assert Gallery([]).near(seen(scene(1)), max_bits=64, min_correlation=0.1) == []


def test_equal_pixels_have_one_digest_however_they_are_saved() -> None:
    image = scene(1)
    buffer = BytesIO()
    image.save(buffer, "BMP")
    assert pixel_digest(PIL.Image.open(buffer)) == pixel_digest(image)
    assert pixel_digest(image) != pixel_digest(scene(2))
    wide, high = PIL.Image.new("RGB", (6, 4)), PIL.Image.new("RGB", (4, 6))
    assert pixel_digest(wide) != pixel_digest(high)
