"""Size and rotation of a picture from its header, read without any decoder.

Every step is bounded, nothing is decompressed and nothing is allocated, so that the header of a hostile
picture costs microseconds wherever it is read. ``pictures`` compares what is said here with its limits
before Pillow sees the bytes: some of its readers allocate a whole canvas when they are opened.

Not covered: a rotation that stands in XMP only, or in compressed text of a PNG, and a GIF whose first frame
is larger than its screen. Pillow finds both, and ``pictures.read`` checks again what Pillow says.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

_MAX_STEPS = 10_000
"""Chunks, segments and entries looked at; a picture of 20 MB in chunks of 8 kB has 2,500."""
_ORIENTATION, _WIDTH, _LENGTH = 274, 256, 257
_SHORT = 3
_NO_FRAME = frozenset({0xC4, 0xC8, 0xCC})
"""JPEG markers between C0 and CF that do not begin a frame."""


class Header(NamedTuple):
    """What the header of a picture says."""

    width_px: int
    """As stored, before any rotation."""
    height_px: int
    orientation: int = 1
    """As in EXIF: 1 is upright, 5 to 8 exchange width and height."""

    @property
    def upright_px(self) -> tuple[int, int]:
        """Width and height of the picture as it is to be seen."""
        if 5 <= self.orientation <= 8:
            return self.height_px, self.width_px
        return self.width_px, self.height_px


def header_of(data: bytes, media_type: str) -> Header | None:
    """Read the header of a picture.

    Args:
        data: The encoded picture, whose signature has been looked at.
        media_type: What the signature says.

    Returns:
        None where there is no header, or none within the first ten thousand segments.
    """
    try:
        match media_type:
            case "image/png":
                return _png(data)
            case "image/jpeg":
                return _jpeg(data)
            case "image/webp":
                return _webp(data)
            case "image/gif":
                return Header(*struct.unpack_from("<HH", data, 6))
            case "image/bmp":
                return _bmp(data)
            case "image/tiff":
                return _tiff(data)
    except struct.error:  # the data end within the header
        pass
    return None


def _png(data: bytes) -> Header | None:
    if data[12:16] != b"IHDR":
        return None
    width, height = struct.unpack_from(">II", data, 16)
    place = 8
    for _ in range(_MAX_STEPS):
        kind = data[place + 4 : place + 8]
        if len(kind) < 4 or kind == b"IEND":
            break
        (size,) = struct.unpack_from(">I", data, place)
        if kind == b"eXIf":
            return Header(width, height, _orientation(data[place + 8 : place + 8 + size]))
        place += 12 + size
    return Header(width, height)


def _jpeg(data: bytes) -> Header | None:
    place, orientation = 2, None
    for _ in range(_MAX_STEPS):
        lead, marker = struct.unpack_from("BB", data, place)
        if lead != 0xFF or marker in (0xDA, 0xD9):  # pixels or the end, and no frame before
            return None
        if marker == 0xFF:  # a fill byte
            place += 1
            continue
        if marker == 0x01 or 0xD0 <= marker <= 0xD8:  # markers without a body
            place += 2
            continue
        (size,) = struct.unpack_from(">H", data, place + 2)
        if 0xC0 <= marker <= 0xCF and marker not in _NO_FRAME:
            height, width = struct.unpack_from(">HH", data, place + 5)
            return Header(width, height, orientation or 1)
        body = place + 4
        if marker == 0xE1 and orientation is None and data[body : body + 6] == b"Exif\0\0":
            orientation = _orientation(data[body + 6 : place + 2 + size])
        place += 2 + size
    return None


def _webp(data: bytes) -> Header | None:
    match data[12:16]:
        case b"VP8 ":
            if data[23:26] != b"\x9d\x01\x2a":
                return None
            width, height = struct.unpack_from("<HH", data, 26)
            return Header(width & 0x3FFF, height & 0x3FFF)
        case b"VP8L":
            signature, bits = struct.unpack_from("<BI", data, 20)
            if signature != 0x2F:
                return None
            return Header((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1)
        case b"VP8X":
            flags, low_w, high_w, low_h, high_h = struct.unpack_from("<B3xHBHB", data, 20)
            width, height = (low_w | high_w << 16) + 1, (low_h | high_h << 16) + 1
            return Header(width, height, _webp_orientation(data) if flags & 8 else 1)
    return None


def _webp_orientation(data: bytes) -> int:
    place = 30
    for _ in range(_MAX_STEPS):
        head = data[place : place + 8]
        if len(head) < 8:
            break
        (size,) = struct.unpack_from("<I", head, 4)
        if head[:4] == b"EXIF":
            return _orientation(data[place + 8 : place + 8 + size])
        place += 8 + size + size % 2
    return 1


def _bmp(data: bytes) -> Header:
    (size,) = struct.unpack_from("<I", data, 14)
    if size == 12:
        return Header(*struct.unpack_from("<HH", data, 18))
    width, height = struct.unpack_from("<Ii", data, 18)
    return Header(width, abs(height))  # a negative height counts rows from the top


def _tiff(data: bytes) -> Header | None:
    found = _entries(data)
    if _WIDTH not in found or _LENGTH not in found:
        return None
    return Header(found[_WIDTH], found[_LENGTH], _known(found.get(_ORIENTATION, 1)))


def _orientation(exif: bytes) -> int:
    try:
        return _known(_entries(exif.removeprefix(b"Exif\0\0")).get(_ORIENTATION, 1))
    except struct.error:
        return 1


def _known(orientation: int) -> int:
    return orientation if 1 <= orientation <= 8 else 1


def _entries(tiff: bytes) -> dict[int, int]:
    """Read the single numbers of the first folder of a TIFF structure, which EXIF is as well."""
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None:
        return {}
    (start,) = struct.unpack_from(order + "I", tiff, 4)
    (count,) = struct.unpack_from(order + "H", tiff, start)
    found = {}
    for number in range(min(count, _MAX_STEPS)):
        place = start + 2 + 12 * number
        tag, kind, _ = struct.unpack_from(order + "HHI", tiff, place)
        form = "H" if kind == _SHORT else "I"
        (found[tag],) = struct.unpack_from(order + form, tiff, place + 8)
    return found
