"""The process in which foreign pictures are decoded: ``python -m amalia.serve.decoder_worker SETTINGS``.

It reads a picture from stdin, writes what became of it to stdout, and waits for the next until stdin ends.
Before the first it gives up what decoding does not need: memory beyond a cap, writing files, processor time
beyond a picture's. It is started with an empty environment and holds no file but its two pipes.

A request is its length (8 bytes, big-endian) and the encoded picture. An answer is three lengths (4, 8 and 8
bytes), then a JSON object, the picture to hand on, empty where that is the picture as it came, and an
uncompressed bitmap.

Not covered: system calls are not filtered; who wants that runs the whole server under such a filter.
"""

from __future__ import annotations

import json
import math
import os
import resource
import struct
import sys
from io import BytesIO
from typing import Any, BinaryIO, NamedTuple

import PIL.Image

from amalia import pictures
from amalia.errors import PictureError

REQUEST = struct.Struct(">Q")
ANSWER = struct.Struct(">IQQ")
READY = b"ready"
"""Written once, when the first picture may come."""

PICTURE = "in the request"
"""What messages call the picture."""

_MAX_OPEN_FILES = 32
_HANDED_ON = ("image/png", "image/jpeg")
"""Kinds that every engine reads; others have had too many faults in their readers to be passed on."""
_BITMAP = struct.Struct("<2sIHHIIiiHHIIiiII")


class _Read(NamedTuple):
    told: dict[str, Any]
    handed_on: bytes = b""
    head: bytes = b""
    rows: bytes = b""


def main() -> None:
    """Decode pictures until stdin ends."""
    settings = json.loads(sys.argv[1])
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    # What a library might print must not stand among the answers.
    nothing = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1):
        os.dup2(nothing, standard)
    os.close(nothing)
    _confine(settings["memory_bytes"])
    answers.write(READY)
    answers.flush()
    while len(head := requests.read(REQUEST.size)) == REQUEST.size:
        data = requests.read(*REQUEST.unpack(head))
        _allow_time(settings["timeout_s"])
        _answer(answers, _decoded(data, settings))


def bitmap_header(width_px: int, height_px: int) -> bytes:
    """Write the 54 bytes before the rows of a bitmap of 24 bits a pixel, bottom row first."""
    size = bitmap_bytes(width_px, height_px)
    head = (b"BM", size, 0, 0, _BITMAP.size, 40, width_px, height_px, 1, 24, 0)
    return _BITMAP.pack(*head, size - _BITMAP.size, 3780, 3780, 0, 0)


def bitmap_bytes(width_px: int, height_px: int) -> int:
    """Count the bytes of a bitmap: its header, and rows filled up to four bytes."""
    return _BITMAP.size + _stride(width_px) * height_px


def _stride(width_px: int) -> int:
    return (3 * width_px + 3) // 4 * 4


def _confine(memory_bytes: int) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (_MAX_OPEN_FILES, _MAX_OPEN_FILES))


def _allow_time(seconds: float) -> None:
    """End this process if the next picture takes longer, even where nobody is left to end it."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    soft = math.ceil(used.ru_utime + used.ru_stime + seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (soft if hard < 0 else min(soft, hard), hard))


def _decoded(data: bytes, settings: dict[str, Any]) -> _Read:
    try:
        return _read(data, settings)
    except PictureError as error:
        if not isinstance(error.__cause__, MemoryError):
            return _Read({"reason": error.reason, "message": str(error)})
    except MemoryError:
        pass
    message = f"picture {PICTURE}: decoding it takes more memory than allowed here; make it smaller"
    return _Read({"reason": "image_memory", "message": message})


def _read(data: bytes, settings: dict[str, Any]) -> _Read:
    image, media_type, is_plain = pictures.decode(
        data,
        name=PICTURE,
        max_pixels=settings["max_pixels"],
        max_aspect=settings["max_aspect"],
        kinds=settings["kinds"],
    )
    handed_on = b""
    if media_type not in _HANDED_ON or not is_plain:
        media_type, handed_on = _written_anew(image, media_type)
    told = {"width_px": image.width, "height_px": image.height, "media_type": media_type}
    head = bitmap_header(image.width, image.height)
    return _Read(told, handed_on, head, image.tobytes("raw", "BGR", _stride(image.width), -1))


def _written_anew(image: PIL.Image.Image, media_type: str) -> tuple[str, bytes]:
    buffer = BytesIO()
    if media_type == "image/jpeg":
        image.save(buffer, "JPEG", quality=95, subsampling=0)
        return "image/jpeg", buffer.getvalue()
    # Speed before size: it goes to an engine nearby.
    image.save(buffer, "PNG", compress_level=1)
    return "image/png", buffer.getvalue()


def _answer(answers: BinaryIO, read: _Read) -> None:
    told = json.dumps(read.told).encode()
    answers.write(ANSWER.pack(len(told), len(read.handed_on), len(read.head) + len(read.rows)))
    for part in (told, read.handed_on, read.head, read.rows):
        answers.write(part)
    answers.flush()


if __name__ == "__main__":
    main()
