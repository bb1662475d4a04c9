"""Pictures that were decoded lately: every turn of a conversation sends its pictures again.

In memory alone, and no more of it than the settings give.
"""

from __future__ import annotations

from collections import OrderedDict

from amalia.serve.dialogue import Picture


class PictureMemory:
    """Decoded pictures by the digest of what they were decoded from; used from one event loop."""

    def __init__(self, max_bytes: int) -> None:
        """Begin with none.

        Args:
            max_bytes: Of all that is kept; 0 keeps nothing.
        """
        self._max_bytes = max_bytes
        self._num_bytes = 0
        self._pictures: OrderedDict[str, Picture] = OrderedDict()

    def find(self, sha256: str) -> Picture | None:
        """Give a picture if it is still there."""
        found = self._pictures.get(sha256)
        if found is not None:
            self._pictures.move_to_end(sha256)
        return found

    def keep(self, picture: Picture) -> None:
        """Keep a picture, and forget those that came last longest ago where there is no room."""
        sha256 = picture.image.sha256
        if sha256 in self._pictures or _size(picture) > self._max_bytes:
            return
        self._pictures[sha256] = picture
        self._num_bytes += _size(picture)
        while self._num_bytes > self._max_bytes:
            _, forgotten = self._pictures.popitem(last=False)
            self._num_bytes -= _size(forgotten)


def _size(picture: Picture) -> int:
    return len(picture.data) + len(picture.pixels)
