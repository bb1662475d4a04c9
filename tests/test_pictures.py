"""Good pictures come out upright and 8-bit; bad ones name the file and the reason."""

from __future__ import annotations

import hashlib
import io
import struct
import warnings
import zlib
from pathlib import Path

import make_hostile
import numpy as np
import PIL.Image
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image as PillowImage

from amalia import pictures
from amalia.errors import PictureError
from amalia.picture_header import header_of


def saved(image: PillowImage.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png_header(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds almost no pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return (
        b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0" * 9)) + chunk(b"IEND", b"")
    )


def noise(width: int, height: int) -> PillowImage.Image:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return PillowImage.fromarray(pixels)


def animation() -> bytes:
    frames = [PillowImage.new("RGB", (8, 8), color) for color in ("red", "blue")]
    return saved(frames[0], "GIF", save_all=True, append_images=frames[1:])


@pytest.mark.parametrize(
    ("data", "reason", "words"),
    [
        (b"", "image_unreadable", "0 bytes"),
        (b"Bom dia", "image_unreadable", "expected PNG, JPEG"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image_unreadable", "not a picture"),
        (saved(noise(64, 64))[:900], "image_unreadable", "cannot be decoded"),
        (saved(noise(64, 64), "JPEG")[:900], "image_unreadable", "truncated"),
        (saved(noise(64, 64), "WEBP")[:900], "image_unreadable", "cannot be decoded"),
        (saved(noise(64, 64), "GIF")[:20], "image_unreadable", "cannot be decoded"),
        (saved(noise(64, 64), "BMP")[:900], "image_unreadable", "truncated"),
        (saved(noise(64, 64), "TIFF")[:900], "image_unreadable", "cannot be decoded"),
        (png_header(20_000, 20_000), "image_too_large", "400,000,000 pixels"),
        (png_header(8_000, 5_001), "image_too_large", "expected at most 40,000,000"),
        (saved(PillowImage.new("RGB", (1, 1))), "image_too_small", "1x1"),
        (saved(PillowImage.new("RGB", (100, 3))), "image_too_small", "at least 4"),
        (saved(PillowImage.new("RGB", (4, 201))), "image_aspect", "at most 50 times"),
    ],
)
def test_bad_pictures_name_file_and_reason(data, reason, words):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(PictureError) as caught:
            pictures.read(data, name="férias.png")
    assert caught.value.reason == reason
    assert "férias.png" in str(caught.value)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_size_is_checked_before_any_pixel_is_decoded(monkeypatch):
    def decoded(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr("PIL.PngImagePlugin.PngImageFile.load", decoded)
    with pytest.raises(PictureError, match="20000x20000"):
        pictures.read(png_header(20_000, 20_000))


def test_own_limit_can_be_raised_or_lowered():
    data = saved(PillowImage.new("RGB", (30, 20)))
    assert pictures.read(data, max_pixels=600).size == (30, 20)
    with pytest.raises(PictureError, match="expected at most 599"):
        pictures.read(data, max_pixels=599)


def test_missing_file_folder_and_unreadable_name_the_path(tmp_path: Path):
    with pytest.raises(PictureError, match=r"nada\.png: the file does not exist"):
        pictures.read(tmp_path / "nada.png")
    with pytest.raises(PictureError, match="the file is a folder"):
        pictures.read(tmp_path)
    path = tmp_path / "cortada.png"
    path.write_bytes(saved(noise(64, 64))[:900])
    with pytest.raises(PictureError, match=r"cortada\.png"):
        pictures.read(str(path))


def test_pillow_settings_are_left_alone():
    before = PIL.Image.MAX_IMAGE_PIXELS
    filters = list(warnings.filters)
    pictures.read(saved(noise(8, 8)))
    assert before == PIL.Image.MAX_IMAGE_PIXELS
    assert list(warnings.filters) == filters


def corner(data: bytes) -> tuple[int, int, int]:
    image = pictures.read(data)
    assert image.mode == "RGB"
    assert image.info == {}
    return image.getpixel((0, 0))


def test_cmyk_becomes_rgb():
    assert corner(saved(PillowImage.new("CMYK", (8, 8), (0, 255, 255, 0)), "TIFF")) == (255, 0, 0)
    red, green, blue = corner(saved(PillowImage.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG"))
    assert red > 245
    assert max(green, blue) < 10


def test_transparency_is_laid_on_white():
    half = PillowImage.new("RGBA", (8, 8), (255, 0, 0, 128))
    assert corner(saved(half)) == (255, 127, 127)
    assert corner(saved(PillowImage.new("LA", (8, 8), (0, 0)))) == (255, 255, 255)
    palette = PillowImage.new("P", (8, 8), 0)
    palette.putpalette([0, 0, 255, 0, 255, 0])
    assert corner(saved(palette)) == (0, 0, 255)
    assert corner(saved(palette, transparency=0)) == (255, 255, 255)
    assert corner(saved(palette, transparency=bytes([0, 255]))) == (255, 255, 255)
    assert corner(saved(palette, transparency=1)) == (0, 0, 255)


@pytest.mark.parametrize(
    ("value", "grey"), [(0, 0), (65535, 255), (32896, 128), (257, 1), (200, 1)]
)
def test_16_bit_is_scaled_not_clipped(value, grey):
    image = PillowImage.fromarray(np.full((8, 8), value, dtype=np.uint16))
    assert corner(saved(image)) == (grey, grey, grey)
    assert corner(saved(image, "TIFF")) == (grey, grey, grey)


@pytest.mark.parametrize(
    ("value", "grey"), [(0.5, 128), (1.0, 255), (100.0, 100), (65535.0, 255), (float("nan"), 0)]
)
def test_floating_point_takes_the_smallest_usual_range(value, grey):
    image = PillowImage.fromarray(np.full((8, 8), value, dtype=np.float32))
    assert corner(saved(image, "TIFF")) == (grey, grey, grey)


def test_32_bit_integers_take_the_smallest_usual_range():
    image = PillowImage.fromarray(np.full((8, 8), 32896, dtype=np.int32))
    assert corner(saved(image, "TIFF")) == (128, 128, 128)


def test_exif_rotation_is_applied():
    image = PillowImage.new("RGB", (12, 8), "white")
    image.paste("black", (0, 0, 4, 8))  # black on the left …
    exif = PillowImage.Exif()
    exif[0x0112] = 6  # … and the camera was turned: left is up
    for kind in ("JPEG", "PNG", "WEBP"):
        upright = pictures.read(saved(image, kind, exif=exif))
        assert upright.size == (8, 12)
        assert max(upright.getpixel((4, 1))) < 60
        assert min(upright.getpixel((4, 11))) > 200
        assert not upright.getexif()


def test_animations_give_their_first_frame():
    assert corner(animation()) == (255, 0, 0)


def test_grey_and_one_bit():
    assert corner(saved(PillowImage.new("L", (8, 8), 77))) == (77, 77, 77)
    assert corner(saved(PillowImage.new("1", (8, 8), 1))) == (255, 255, 255)


def test_encode_gives_record_and_bytes_that_depend_on_pixels_only():
    image = noise(10, 6)
    record, data = pictures.encode(image)
    assert (record.width_px, record.height_px, record.media_type) == (10, 6, "image/png")
    assert record.sha256 == hashlib.sha256(data).hexdigest()
    dressed = image.copy()
    dressed.info = {"dpi": (300, 300), "icc_profile": b"x", "comment": "férias"}
    assert pictures.encode(dressed) == (record, data)
    assert np.array_equal(np.asarray(pictures.read(data)), np.asarray(image))
    assert pictures.record_of(data) == record


def test_record_of_names_the_bytes_as_they_are_and_the_upright_size():
    exif = PillowImage.Exif()
    exif[0x0112] = 8
    data = saved(noise(12, 8), "JPEG", exif=exif)
    record = pictures.record_of(data, name="foto.jpg")
    assert record.sha256 == hashlib.sha256(data).hexdigest()
    assert (record.width_px, record.height_px, record.media_type) == (8, 12, "image/jpeg")
    with pytest.raises(PictureError, match=r"foto\.jpg"):
        pictures.record_of(data[:100], name="foto.jpg")


@given(
    data=st.sampled_from(
        [saved(noise(16, 16), kind) for kind in ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")]
        + [animation()]
    ),
    changes=st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 255)), min_size=1, max_size=8),
    length=st.integers(0, 2000),
)
def test_damaged_bytes_give_a_picture_or_a_picture_error(data, changes, length):
    damaged = bytearray(data[: max(length, 12)])
    for place, value in changes:
        damaged[place % len(damaged)] = value
    try:
        image = pictures.read(bytes(damaged), max_pixels=1_000_000)
    except PictureError as error:
        assert "\n" not in str(error)
    else:
        assert image.mode == "RGB"


def test_a_kind_that_is_not_taken_is_named_by_its_bytes():
    data = saved(noise(8, 8), "TIFF")
    for check in (pictures.look, pictures.read):
        with pytest.raises(
            PictureError, match=r"it is image/tiff.*expected image/jpeg, image/png"
        ) as caught:
            check(data, name="foto.png", kinds=("image/png", "image/jpeg"))
        assert caught.value.reason == "image_kind"


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
def test_a_look_sees_what_reading_finds(kind):
    for width, height in ((4, 4), (300, 7), (64, 65), (257, 511)):
        data = saved(noise(width, height), kind)
        record = pictures.record_of(data)
        assert pictures.look(data) == (record.media_type, record.width_px, record.height_px)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "TIFF"])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", [0, 1, 2, 3, 5, 6, 8, 9])
def test_a_look_gives_the_upright_size(kind, order, orientation):
    exif = PillowImage.Exif()
    exif.endian = order
    exif[0x0112] = orientation
    exif[0x010F] = "Câmara"
    data = saved(noise(12, 8), kind, exif=exif)
    assert pictures.look(data)[1:] == pictures.read(data).size


def test_a_look_sees_a_rotation_behind_the_pixels_of_a_png():
    exif = PillowImage.Exif()
    exif[0x0112] = 6
    data = saved(noise(12, 8), "PNG", exif=exif)
    start = data.index(b"eXIf") - 4
    size = 12 + struct.unpack_from(">I", data, start)[0]
    moved = data[:start] + data[start + size : -12] + data[start : start + size] + data[-12:]
    assert pictures.look(moved)[1:] == pictures.read(moved).size == (8, 12)


def test_lossless_and_plain_webp_and_old_bitmaps_have_headers_too():
    clear = noise(31, 17).convert("RGBA")
    assert pictures.look(saved(clear, "WEBP", lossless=True)) == ("image/webp", 31, 17)
    assert pictures.look(saved(noise(31, 17), "WEBP", lossless=True)) == ("image/webp", 31, 17)
    old = b"BM" + struct.pack("<IHHIIHHHH", 26, 0, 0, 26, 12, 31, 17, 1, 24)
    assert pictures.look(old) == ("image/bmp", 31, 17)


def test_a_look_runs_no_reader_of_pillow(monkeypatch):
    def opened(*_: object) -> None:
        raise AssertionError

    data = [saved(noise(8, 8), kind) for kind in ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")]
    monkeypatch.setattr("PIL.ImageFile.ImageFile.__init__", opened)
    for encoded in data:
        assert pictures.look(encoded)[1:] == (8, 8)
    with pytest.raises(PictureError, match="cannot be decoded"):
        pictures.look(data[0][:20])


@pytest.mark.parametrize(
    "data", [pytest.param(data, id=name) for name, data in make_hostile.refused_pictures().items()]
)
def test_hostile_pictures_are_refused_where_they_are_read(data):
    with pytest.raises(PictureError) as caught:
        pictures.read(
            data,
            max_pixels=25_000_000,
            kinds=("image/png", "image/jpeg", "image/webp", "image/gif"),
        )
    assert "\n" not in str(caught.value)


def test_what_every_reader_sees_alike_is_plain():
    exif = PillowImage.Exif()
    exif[0x0112] = 3
    grey = PillowImage.fromarray(np.full((8, 8), 700, dtype=np.uint16))
    clear = noise(8, 8).convert("RGBA")
    palette = noise(8, 8).convert("P")
    assert pictures.decode(saved(noise(8, 8))).is_plain
    assert pictures.decode(saved(noise(8, 8), "JPEG")).is_plain
    assert pictures.decode(saved(palette)).is_plain
    assert not pictures.decode(saved(noise(8, 8), "JPEG", exif=exif)).is_plain
    assert not pictures.decode(saved(noise(8, 8), exif=exif)).is_plain
    assert not pictures.decode(saved(palette, transparency=1)).is_plain
    assert not pictures.decode(saved(clear)).is_plain
    assert not pictures.decode(saved(grey)).is_plain
    assert not pictures.decode(saved(noise(8, 8).convert("CMYK"), "JPEG")).is_plain


@given(data=st.binary(max_size=200), kind=st.sampled_from(pictures.MEDIA_TYPES))
def test_any_bytes_have_a_header_or_none(data, kind):
    header_of(data, kind)
    signed = saved(PillowImage.new("RGB", (5, 5)), kind.removeprefix("image/"))[:30] + data
    header_of(signed, kind)
