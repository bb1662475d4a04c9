"""Picture bytes → an upright 8-bit RGB picture, and back to bytes and their record.

Every picture that enters the program comes through ``read``: it looks at the header first, refuses
what is beyond a limit before any pixel is decoded, and turns whatever Pillow says about damaged
data into one ``PictureError`` that names the file. The limits are ours, so Pillow's own pixel guard
is neither consulted nor changed: the format's reader is opened directly, no PIL setting is written.
``look`` does the first half alone, without Pillow, for processes that decode nothing themselves.

Not covered: vector drawings, HEIC and AVIF, color profiles (the numbers are taken as sRGB), and all
frames of an animation but the first.
"""

from __future__ import annotations

import hashlib
import struct
import warnings
import zlib
from collections.abc import Callable, Collection
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import PIL.Image
from numpy.typing import NDArray
from PIL import (
    BmpImagePlugin,
    GifImagePlugin,
    ImageOps,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from amalia.errors import PictureError
from amalia.picture_header import header_of
from amalia.records import Image

MAX_PIXELS = 40_000_000
"""A 40-megapixel camera still passes; decoded it takes 120 MB."""
MIN_SIDE_PX = 4
MAX_ASPECT = 50.0
"""Longer side divided by shorter side."""


class _Kind(NamedTuple):
    media_type: str
    signatures: tuple[bytes, ...]
    open: Callable[[BytesIO], PIL.Image.Image]


_KINDS = (
    _Kind("image/png", (b"\x89PNG\r\n\x1a\n",), PngImagePlugin.PngImageFile),
    _Kind("image/jpeg", (b"\xff\xd8\xff",), JpegImagePlugin.JpegImageFile),
    _Kind("image/webp", (b"RIFF",), WebPImagePlugin.WebPImageFile),
    _Kind("image/gif", (b"GIF87a", b"GIF89a"), GifImagePlugin.GifImageFile),
    _Kind("image/bmp", (b"BM",), BmpImagePlugin.BmpImageFile),
    _Kind("image/tiff", (b"II*\0", b"MM\0*"), TiffImagePlugin.TiffImageFile),
)

_ORIENTATION = 0x0112
_PLAIN_MODES = ("RGB", "L", "P", "1")
"""Every reader turns these into the same colors where nothing is transparent."""

MEDIA_TYPES = tuple(kind.media_type for kind in _KINDS)
"""What can be read."""

# What Pillow's readers are known to raise on damaged data; anything else would be a bug of ours.
_DAMAGE = (
    OSError,
    SyntaxError,
    ValueError,
    TypeError,
    AttributeError,
    IndexError,
    KeyError,
    EOFError,
    ArithmeticError,
    NotImplementedError,
    MemoryError,
    struct.error,
    zlib.error,
    PIL.Image.DecompressionBombError,
)


class Seen(NamedTuple):
    """What the header of a picture says."""

    media_type: str
    width_px: int
    """Of the upright picture."""
    height_px: int


def look(
    data: bytes,
    *,
    name: str = "picture",
    max_pixels: int = MAX_PIXELS,
    max_aspect: float = MAX_ASPECT,
    kinds: Collection[str] = MEDIA_TYPES,
) -> Seen:
    """Check a picture by its header alone, which no decoder sees; its pixels may still be damaged.

    Args:
        data: The encoded picture.
        name: What messages call the picture.
        max_pixels: Width times height above which it is refused.
        max_aspect: Longer side divided by shorter side above which it is refused.
        kinds: Media types that are taken; the bytes say which one it is.

    Raises:
        PictureError: as ``read``; ``image_kind`` when it is of no kind that is taken.
    """
    kind = _kind_of(data, name, kinds)
    header = header_of(data, kind.media_type)
    if header is None:
        raise _unreadable(name, ValueError("it has no header"))
    check_size((header.width_px, header.height_px), name, max_pixels, max_aspect)
    return Seen(kind.media_type, *header.upright_px)


class Decoded(NamedTuple):
    """A decoded picture, and what it was decoded from."""

    image: PIL.Image.Image
    """Upright, of mode ``RGB``, without metadata, at its own size."""
    media_type: str
    is_plain: bool
    """Whether every reader sees the same pixels in the encoded picture: some know no rotation, drop what is
    transparent or clip what has more than 8 bits."""


def read(
    source: Path | str | bytes,
    *,
    name: str | None = None,
    max_pixels: int = MAX_PIXELS,
    max_aspect: float = MAX_ASPECT,
    kinds: Collection[str] = MEDIA_TYPES,
) -> PIL.Image.Image:
    """Decode a picture into upright 8-bit RGB.

    Transparent pixels are laid on white, 16-bit and floating-point greys are scaled to 8 bits, the
    EXIF rotation is applied, and of an animation the first frame is taken.

    Args:
        source: A file, or the encoded bytes themselves.
        name: What messages call the picture; by default the path.
        max_pixels: Width times height above which the picture is refused before decoding.
        max_aspect: Longer side divided by shorter side above which it is refused.
        kinds: Media types that are taken; the bytes say which one it is.

    Returns:
        A picture of mode ``RGB`` without metadata, at its own size.

    Raises:
        PictureError: with ``reason`` ``image_unreadable`` (missing, empty, truncated, not a
            picture), ``image_kind``, ``image_too_large``, ``image_too_small`` or ``image_aspect``.
    """
    data = source if isinstance(source, bytes) else _bytes_of(Path(source), name or str(source))
    label = name or ("picture" if isinstance(source, bytes) else str(source))
    return decode(data, name=label, max_pixels=max_pixels, max_aspect=max_aspect, kinds=kinds).image


def decode(
    data: bytes,
    *,
    name: str = "picture",
    max_pixels: int = MAX_PIXELS,
    max_aspect: float = MAX_ASPECT,
    kinds: Collection[str] = MEDIA_TYPES,
) -> Decoded:
    """Decode a picture as ``read`` does, and tell what it was.

    Raises:
        PictureError: as ``read``.
    """
    kind = _kind_of(data, name, kinds)
    header = header_of(data, kind.media_type)
    if header is not None:  # Pillow says what is wrong with the others
        check_size((header.width_px, header.height_px), name, max_pixels, max_aspect)
    with warnings.catch_warnings():
        # Pillow warns about large pictures (our limit is the check) and about odd metadata that
        # does not hinder decoding; only its own warnings are silenced.
        warnings.filterwarnings("ignore", module=r"PIL\.")
        try:
            image = kind.open(BytesIO(data))
        except _DAMAGE as error:
            raise _unreadable(name, error) from error
        check_size(image.size, name, max_pixels, max_aspect)
        try:
            image.load()
            is_upright = image.getexif().get(_ORIENTATION, 1) not in range(2, 9)
            is_plain = is_upright and image.mode in _PLAIN_MODES and not image.has_transparency_data
            upright = _rgb(ImageOps.exif_transpose(image))
        except _DAMAGE as error:
            raise _unreadable(name, error) from error
    upright.info = {}
    return Decoded(upright, kind.media_type, is_plain)


def encode(image: PIL.Image.Image) -> tuple[Image, bytes]:
    """Encode an RGB picture as PNG without metadata, so that equal pixels give equal bytes.

    Args:
        image: A picture of mode ``RGB``, as ``read`` returns it.

    Returns:
        The record that names the picture, and the bytes.
    """
    bare = image.convert("RGB")
    bare.info = {}
    buffer = BytesIO()
    bare.save(buffer, "PNG")
    data = buffer.getvalue()
    record = Image(
        sha256=hashlib.sha256(data).hexdigest(), width_px=image.width, height_px=image.height
    )
    return record, data


def record_of(data: bytes, *, name: str = "picture") -> Image:
    """Name a picture by its bytes as they are, after reading it once to know that it can be read.

    Width and height are those of the upright picture.

    Raises:
        PictureError: as ``read``.
    """
    image = read(data, name=name)
    return Image(
        sha256=hashlib.sha256(data).hexdigest(),
        width_px=image.width,
        height_px=image.height,
        media_type=_kind_of(data, name).media_type,
    )


def check_size(
    size: tuple[int, int],
    name: str,
    max_pixels: int = MAX_PIXELS,
    max_aspect: float = MAX_ASPECT,
) -> None:
    """Refuse a width and height in pixels beyond a limit.

    Raises:
        PictureError: with ``reason`` ``image_too_large``, ``image_too_small`` or ``image_aspect``.
    """
    width, height = size
    if width * height > max_pixels:
        raise PictureError(
            f"picture {name}: {width}x{height} is {width * height:,} pixels, expected at most "
            f"{max_pixels:,}; make it smaller",
            reason="image_too_large",
        )
    if min(size) < MIN_SIDE_PX:
        raise PictureError(
            f"picture {name}: {width}x{height} pixels, expected at least {MIN_SIDE_PX} a side",
            reason="image_too_small",
        )
    if max(size) > max_aspect * min(size):
        raise PictureError(
            f"picture {name}: {width}x{height} pixels, expected one side at most {max_aspect:g} "
            "times the other; crop it",
            reason="image_aspect",
        )


def _bytes_of(path: Path, name: str) -> bytes:
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "does not exist"
        raise PictureError(
            f"picture {name}: the file {what}; give a picture file", reason="image_unreadable"
        )
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(name, error) from error


def _kind_of(data: bytes, name: str, kinds: Collection[str] = MEDIA_TYPES) -> _Kind:
    if not data:
        raise PictureError(
            f"picture {name}: the file is empty (0 bytes); replace it", reason="image_unreadable"
        )
    for kind in _KINDS:
        if data.startswith(kind.signatures) and (
            kind.media_type != "image/webp" or data[8:12] == b"WEBP"
        ):
            if kind.media_type not in kinds:
                raise PictureError(
                    f"picture {name}: it is {kind.media_type}, which is not taken here; expected "
                    f"{', '.join(sorted(kinds))}; convert it",
                    reason="image_kind",
                )
            return kind
    raise PictureError(
        f"picture {name}: not a picture this program reads (starts with {data[:8]!r}); "
        "expected PNG, JPEG, WebP, GIF, BMP or TIFF",
        reason="image_unreadable",
    )


def _rgb(image: PIL.Image.Image) -> PIL.Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        return PIL.Image.fromarray(_to_8_bit(np.asarray(image))).convert("RGB")
    if image.has_transparency_data:
        clear = image.convert("RGBA")
        flat = PIL.Image.new("RGB", image.size, "white")
        flat.paste(clear, mask=clear.getchannel("A"))
        return flat
    return image.convert("RGB")


def _to_8_bit(values: NDArray[Any]) -> NDArray[np.uint8]:
    """Scale greys to 0-255 by the smallest usual range that holds them: 1, 255, 65535, their own.

    Only 16-bit integers have a range of their own; 32-bit and floating-point pictures carry none.
    """
    # In place throughout: a large picture in doubles is most of what a decoding process may use.
    wide = np.nan_to_num(values.astype(np.float64), copy=False)
    if values.dtype.itemsize == 2:
        top = 65535.0
    else:
        highest = float(wide.max())
        usual = (255.0, 65535.0) if values.dtype.kind in "iu" else (1.0, 255.0, 65535.0)
        top = next((limit for limit in usual if highest <= limit), highest)
    np.clip(wide, 0.0, top, out=wide)
    wide *= 255.0 / top
    return np.rint(wide, out=wide).astype(np.uint8)


def _unreadable(name: str, error: BaseException) -> PictureError:
    detail = " ".join(str(error).split()) or type(error).__name__
    return PictureError(
        f"picture {name}: cannot be decoded ({detail}); replace the file",
        reason="image_unreadable",
    )
