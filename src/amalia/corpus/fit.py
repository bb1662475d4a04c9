"""A picture from outside: its very bytes when it is plain, made plain and small enough otherwise.

Plain is what every reader shows alike and what tells nothing but the picture: 8-bit RGB in a PNG or
JPEG without transparency, rotation, animation or any text, place or camera metadata.
"""

from __future__ import annotations

import hashlib
from io import BytesIO

import PIL.Image
from PIL import JpegImagePlugin

from amalia import pictures
from amalia.records import Image

MAX_SIDE_PX = 1344

_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
# Bits a channel 8 and color type 2 (RGB) at their place in the header chunk.
_PNG_RGB = b"\x08\x02"
_PNG_PLAIN_CHUNKS = {
    b"IHDR", b"IDAT", b"IEND", b"sRGB", b"gAMA", b"cHRM", b"pHYs", b"iCCP", b"sBIT",
}  # fmt: skip
_JPEG_SIGNATURE = b"\xff\xd8\xff"
# JFIF header, color profile, and Adobe's note on the color transform.
_JPEG_PLAIN_MARKERS = {"APP0", "APP2", "APP14"}


def fit(data: bytes, *, name: str, max_side_px: int = MAX_SIDE_PX) -> tuple[Image, bytes]:
    """Give a picture that is upright RGB with no side above ``max_side_px``.

    Args:
        data: The encoded picture.
        name: What messages call it.
        max_side_px: A longer side shrinks to this; the shape stays.

    Returns:
        The record that names the picture, and its bytes: the very ones given when they are plain.

    Raises:
        PictureError: as ``pictures.read``.
    """
    upright = pictures.read(data, name=name)
    width, height = upright.size
    longest = max(width, height)
    if longest > max_side_px:
        size = [max(1, round(side * max_side_px / longest)) for side in (width, height)]
        upright = upright.resize((size[0], size[1]), PIL.Image.Resampling.LANCZOS)
    elif data.startswith(_PNG_SIGNATURE) and _is_plain_png(data):
        return _as_is(data, upright, "image/png"), data
    elif data.startswith(_JPEG_SIGNATURE) and _is_plain_jpeg(data):
        return _as_is(data, upright, "image/jpeg"), data
    return pictures.encode(upright)


def _as_is(data: bytes, image: PIL.Image.Image, media_type: str) -> Image:
    return Image(
        sha256=hashlib.sha256(data).hexdigest(),
        width_px=image.width,
        height_px=image.height,
        media_type=media_type,
    )


def _is_plain_png(data: bytes) -> bool:
    if data[24:26] != _PNG_RGB:
        return False
    start = len(_PNG_SIGNATURE)
    while start + 8 <= len(data):
        length, kind = int.from_bytes(data[start : start + 4], "big"), data[start + 4 : start + 8]
        if kind not in _PNG_PLAIN_CHUNKS:
            return False
        start += length + 12  # length, name and checksum around the content
        if kind == b"IEND":
            return start == len(data)
    return False


def _is_plain_jpeg(data: bytes) -> bool:
    image = JpegImagePlugin.JpegImageFile(BytesIO(data))
    markers = {marker for marker, _ in image.applist}
    return image.mode == "RGB" and markers <= _JPEG_PLAIN_MARKERS and "mp" not in image.info
