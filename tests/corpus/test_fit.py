"""Plain pictures keep their bytes; all others become plain RGB PNG, upright and small enough."""

from __future__ import annotations

import io

import make
import PIL.Image
import pytest
from PIL.PngImagePlugin import PngInfo

from amalia.corpus.fit import fit
from amalia.errors import PictureError


def encoded(image: PIL.Image.Image, format: str, **more: object) -> bytes:
    out = io.BytesIO()
    image.save(out, format, **more)
    return out.getvalue()


@pytest.mark.parametrize(("format", "media_type"), [("PNG", "image/png"), ("JPEG", "image/jpeg")])
def test_plain_pictures_keep_their_bytes(format, media_type):
    data = make.picture(30, 20, noise=1, format=format)
    record, kept = fit(data, name="a")
    assert kept == data
    assert (record.width_px, record.height_px, record.media_type) == (30, 20, media_type)
    assert record.sha256 == make.image(data).sha256


def _with_text() -> bytes:
    info = PngInfo()
    info.add_text("Author", "Maria")
    return encoded(PIL.Image.new("RGB", (30, 20)), "PNG", pnginfo=info)


def _rotated(format: str) -> bytes:
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    return encoded(PIL.Image.new("RGB", (20, 30)), format, exif=exif)


RGB = PIL.Image.new("RGB", (30, 20), "blue")
REMADE = {
    "gray": encoded(RGB.convert("L"), "PNG"),
    "gray jpeg": encoded(RGB.convert("L"), "JPEG"),
    "palette": encoded(RGB.convert("P"), "PNG"),
    "transparent": encoded(RGB.convert("RGBA"), "PNG"),
    "one transparent color": encoded(RGB, "PNG", transparency=(0, 0, 255)),
    "cmyk": encoded(RGB.convert("CMYK"), "JPEG"),
    "webp": encoded(RGB, "WEBP"),
    "gif": encoded(RGB, "GIF"),
    "animated": encoded(RGB, "PNG", save_all=True, append_images=[PIL.Image.new("RGB", (30, 20))]),
    "author": _with_text(),
    "comment": encoded(RGB, "JPEG", comment=b"hello"),
    "rotated png": _rotated("PNG"),
    "rotated jpeg": _rotated("JPEG"),
    "something after its end": encoded(RGB, "PNG") + b"PK",
}


@pytest.mark.parametrize("case", REMADE)
def test_all_others_are_made_plain(case):
    record, kept = fit(REMADE[case], name=case)
    assert kept != REMADE[case]
    with PIL.Image.open(io.BytesIO(kept)) as image:
        assert (image.format, image.mode, image.size) == ("PNG", "RGB", (30, 20))
        assert not image.info
    assert (record.width_px, record.height_px, record.media_type) == (30, 20, "image/png")
    assert fit(kept, name=case) == (record, kept)


def test_large_pictures_shrink_in_proportion():
    record, kept = fit(make.picture(400, 100), name="a", max_side_px=200)
    assert (record.width_px, record.height_px) == (200, 50)
    with PIL.Image.open(io.BytesIO(kept)) as image:
        assert image.size == (200, 50)


def test_transparent_pixels_become_white():
    cut_out = PIL.Image.new("RGBA", (8, 8), (255, 0, 0, 0))
    _, kept = fit(encoded(cut_out, "PNG"), name="a")
    with PIL.Image.open(io.BytesIO(kept)) as image:
        assert image.getpixel((3, 3)) == (255, 255, 255)


def test_damaged_pictures_are_refused():
    with pytest.raises(PictureError, match=r"duck\.png") as caught:
        fit(make.picture(30, 20)[:50], name="duck.png")
    assert caught.value.reason == "image_unreadable"
