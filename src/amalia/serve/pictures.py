"""Pictures let in: where they may come from, what they may be, and how the model is shown them.

The rules stand in ``picture_sources`` and ``remote_pictures``, the decoding in ``decoder``; this puts them
in order for one request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from amalia import pictures
from amalia.errors import PictureError, RequestError
from amalia.serve.convert import Admit
from amalia.serve.decoder import Decoder
from amalia.serve.dialogue import Picture
from amalia.serve.picture_sources import PictureSettings, PictureSource

_LOW_SIDE_PX = 512
"""What ``detail: low`` shows of a picture, as OpenAI does."""


class Admission:
    """Reads and decodes the pictures of requests."""

    def __init__(self, settings: PictureSettings, max_request_pixels: int) -> None:
        """Prepare the sources; ``start`` prepares the decoders.

        Args:
            settings: What each picture may be.
            max_request_pixels: Of all pictures of a request together.
        """
        self._max_request_pixels = max_request_pixels
        self._source = PictureSource(settings)
        self._decoder = Decoder(settings)

    async def start(self) -> None:
        """Start the processes that decode."""
        await self._decoder.start()

    async def close(self) -> None:
        """End them."""
        await self._decoder.aclose()
        await self._source.aclose()

    def within(self, num_pictures: int) -> Admit:
        """Give what admits the pictures of one request, in which each may stand several times.

        Args:
            num_pictures: How many the request holds; none of them is read twice.
        """
        known: dict[tuple[str, str], Picture] = {}

        async def admit(url: str, detail: str) -> Picture:
            if (url, detail) not in known:
                assert len(known) < num_pictures
                picture = await self._read(url, detail)
                self._check_sum([*known.values(), picture])
                known[url, detail] = picture
            return known[url, detail]

        return admit

    def _check_sum(self, admitted: Sequence[Picture]) -> None:
        num_pixels = sum(shown.image.width_px * shown.image.height_px for shown in admitted)
        if num_pixels > self._max_request_pixels:
            raise RequestError(
                f"the pictures have {num_pixels} pixels or more together; expected at most "
                f"{self._max_request_pixels}; send fewer or smaller ones, or detail: low",
                status=413,
                code="too_many_pixels",
            )

    async def _read(self, url: str, detail: str) -> Picture:
        picture = await self._decoder.decode(await self._source.read(url))
        if detail != "low" or max(picture.image.width_px, picture.image.height_px) <= _LOW_SIDE_PX:
            return picture
        return await asyncio.to_thread(_reduced, picture)


def _reduced(picture: Picture) -> Picture:
    """Make a picture small; raises RequestError where nothing would be left of its shorter side."""
    image = pictures.read(picture.pixels)
    image.thumbnail((_LOW_SIDE_PX, _LOW_SIDE_PX))
    try:
        pictures.check_size(image.size, "picture")
    except PictureError as error:
        raise RequestError(f"{error}; or send detail: high", code=error.reason) from error
    record, data = pictures.encode(image)
    return Picture(record, data, data)
