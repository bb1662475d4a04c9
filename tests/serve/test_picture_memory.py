"""Pictures that come again: what is kept, how much of it, and that it is the same picture."""

from __future__ import annotations

import asyncio

import PIL.Image
import pytest

from amalia import pictures
from amalia.records import Image
from amalia.serve.decoder import Decoder
from amalia.serve.dialogue import Picture
from amalia.serve.picture_memory import PictureMemory
from amalia.serve.picture_settings import PictureSettings


def picture(name: str, num_bytes: int) -> Picture:
    image = Image(sha256=name * 64, width_px=32, height_px=32, media_type="image/png")
    return Picture(image, b"x" * (num_bytes - 1), b"y")


def test_what_came_last_longest_ago_is_forgotten_where_there_is_no_room() -> None:
    memory = PictureMemory(max_bytes=100)
    for name, num_bytes in (("a", 40), ("b", 40)):
        memory.keep(picture(name, num_bytes))
    assert memory.find("a" * 64) == picture("a", 40)
    memory.keep(picture("c", 60))
    assert memory.find("b" * 64) is None
    assert memory.find("a" * 64) is not None
    memory.keep(picture("d", 101))  # larger than all there is: nothing is forgotten for it
    assert [memory.find(name * 64) is not None for name in "acd"] == [True, True, False]


@pytest.mark.parametrize("kept_bytes", [0, 2**20])
def test_a_picture_that_comes_again_is_decoded_once(kept_bytes: int) -> None:
    made = PIL.Image.new("RGB", (40, 30), (200, 30, 30))
    data = pictures.encode(made)[1]

    async def main() -> tuple[Picture, Picture]:
        decoder = Decoder(PictureSettings(workers=1, kept_bytes=kept_bytes))
        await decoder.start()
        try:
            return await decoder.decode(data), await decoder.decode(data)
        finally:
            await decoder.aclose()

    first, second = asyncio.run(main())
    assert first == second
    assert (first is second) == bool(kept_bytes)
