"""Where pictures of a request may come from: the request itself, or a host that the deployer named.

An address is either ``data:IMAGE-TYPE;base64,…`` or http(s) of an allowed host; everything else is refused
before anything is opened, and no path of this machine ever is. Base64 is taken plain: with its padding,
without line breaks, percent signs or the letters of its variant for addresses. What a data address calls
itself must be a kind that is taken, but many clients call everything a JPEG, so the bytes alone say what
it is; nothing else uses the name.

Not covered: what a picture shows. Whether its bytes are a picture says ``decoder``.
"""

from __future__ import annotations

import asyncio
import binascii
import re

from amalia.errors import RequestError
from amalia.serve.picture_addresses import refused, too_long, web_address
from amalia.serve.picture_settings import PictureSettings
from amalia.serve.remote_pictures import RemotePictures

__all__ = ["PictureSettings", "PictureSource", "data_of"]

_AT_ONCE_CHARS = 2**18
"""Base64 decoded without letting other threads in: about 1.4 ms."""
_DATA = re.compile(r"data:(?P<kind>image/[a-z0-9.+-]{1,40});base64,", re.IGNORECASE | re.ASCII)
_ALIASES = {"image/jpg": "image/jpeg", "image/pjpeg": "image/jpeg", "image/x-png": "image/png"}


class PictureSource:
    """Gives the bytes of the pictures that requests name."""

    def __init__(self, settings: PictureSettings, remote: RemotePictures | None = None) -> None:
        """Open nothing yet.

        Args:
            settings: What is taken.
            remote: Fetches from allowed hosts; by default as the settings say.
        """
        self._settings = settings
        self._remote = remote or RemotePictures(settings)

    async def read(self, url: str) -> bytes:
        """Get the encoded bytes of a picture, which nothing has looked at yet.

        Args:
            url: A ``data:`` address, or http(s) of an allowed host.

        Raises:
            RequestError: The address is refused, broken or leads nowhere (400), or the picture has too
                many bytes (413).
        """
        if url[:5].lower() == "data:":
            return await data_of(url, self._settings)
        return await self._remote.fetch(web_address(url, self._settings))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._remote.aclose()


async def data_of(url: str, settings: PictureSettings) -> bytes:
    """Decode a ``data:`` address; its length is checked first.

    Raises:
        RequestError: It is not plain base64 of a kind that is taken (400), or too long (413).
    """
    found = _DATA.match(url)
    kind = found["kind"].lower() if found else ""
    if not found or _ALIASES.get(kind, kind) not in settings.kinds:
        raise refused(
            url, settings, code="unsupported_image_media_type" if found else "invalid_image_url"
        )
    start = found.end()
    num_bytes = (len(url) - start) // 4 * 3 - url[-2:].count("=")
    if num_bytes > settings.max_bytes:
        raise too_long(num_bytes, settings)
    if len(url) - start <= _AT_ONCE_CHARS:
        return _decoded(url, start)
    return await asyncio.to_thread(_decoded, url, start)


def _decoded(url: str, start: int) -> bytes:
    # In pieces, because decoding holds the interpreter: a large picture would stop every other request.
    pieces = []
    try:
        if (len(url) - start) % 4:  # one sign of padding too many is not seen by the decoder
            raise binascii.Error("its length is no multiple of four")
        for place in range(start, len(url), _AT_ONCE_CHARS):
            piece = url[place : place + _AT_ONCE_CHARS]
            if piece.endswith("=") and place + len(piece) < len(url):
                raise binascii.Error("padding within the data")
            pieces.append(binascii.a2b_base64(piece, strict_mode=True))
    except ValueError as error:  # also of text that is not ASCII
        raise RequestError(
            f"the data: address of the picture is not base64 ({str(error).lower()}); expected letters, digits, "
            "+, / and = at the end, without line breaks or percent signs; encode it again",
            code="invalid_base64_image",
        ) from error
    return b"".join(pieces)
