"""Bytes of a file in order: looked at before they are taken, with a place, a time limit and a size limit.

An archive is read through a ``FileFlow``; where it is compressed record by record, each record through a
``MemberFlow`` on top. Nothing here knows what a record is. No more is held in memory than one piece and
what was asked to be looked at.
"""

from __future__ import annotations

import os
import re
import zlib
from time import monotonic
from typing import BinaryIO

GZIP = b"\x1f\x8b\x08"
_PIECE_BYTES = 1 << 18
# Small, for what the inflater leaves of it is copied again and again.
_COMPRESSED_PIECE_BYTES = 1 << 15


class TooSlow(Exception):
    """A record took longer than it may."""


class TooLarge(Exception):
    """A record inflates to more than it may."""


class Clock:
    """How long a record may take."""

    def __init__(self, max_s: float) -> None:
        self._max_s = max_s
        self._until = monotonic() + max_s

    def restart(self) -> None:
        """Begin with a new record."""
        self._until = monotonic() + self._max_s

    def check(self) -> None:
        """Raise ``TooSlow`` when the time is over."""
        if monotonic() > self._until:
            raise TooSlow(f"took longer than {self._max_s:g} s")


class Flow:
    """Bytes in order; its children say where they come from."""

    def __init__(self) -> None:
        self._held = b""
        self._at = 0
        self._start = 0

    @property
    def position(self) -> int:
        """Number of bytes before the next one."""
        return self._start + self._at

    @property
    def offset_bytes(self) -> int:
        """Where the next byte stands in the file as it is stored."""
        return self.position

    def peek(self, size: int) -> bytes:
        """Give the next bytes, fewer only at the end, and leave them."""
        if len(self._held) - self._at < size:
            parts = [self._held[self._at :]]
            missing = size - len(parts[0])
            while missing > 0 and (more := self._more()):
                parts.append(more)
                missing -= len(more)
            self._start += self._at
            self._held, self._at = b"".join(parts), 0
        return self._held[self._at : self._at + size]

    def take(self, size: int) -> bytes:
        """Give the next bytes, fewer only at the end."""
        taken = self._held[self._at : self._at + size]
        self._at += len(taken)
        if len(taken) == size:
            return taken
        parts = [taken]
        missing = size - len(taken)
        while missing > 0 and self._refill():
            parts.append(self._held[:missing])
            self._at = len(parts[-1])
            missing -= self._at
        return b"".join(parts)

    def skip(self, size: int) -> int:
        """Pass over bytes; gives how many there were."""
        left = size
        while left > 0:
            if self._at == len(self._held) and not self._refill():
                break
            step = min(left, len(self._held) - self._at)
            self._at += step
            left -= step
        return size - left

    def skip_to(self, pattern: re.Pattern[bytes], *, overlap_bytes: int) -> bool:
        """Pass over bytes until those that match; all of them, and False, if none do.

        Args:
            pattern: What to find. What follows its group ``skip``, if it has one, is where it begins.
            overlap_bytes: No match is longer.
        """
        size = max(_PIECE_BYTES, 4 * overlap_bytes)
        while True:
            piece = self.peek(size)
            found = pattern.search(piece)
            if found is not None:
                self._at += found.end("skip") if "skip" in pattern.groupindex else found.start()
                return True
            if len(piece) < size:
                self._at += len(piece)
                return False
            self._at += len(piece) - overlap_bytes

    def _refill(self) -> bool:
        more = self._more()
        self._start += len(self._held)
        self._held, self._at = more, 0
        return bool(more)

    def _more(self) -> bytes:
        raise NotImplementedError


class FileFlow(Flow):
    """The bytes of a file as they are stored."""

    def __init__(self, file: BinaryIO, clock: Clock) -> None:
        super().__init__()
        self.clock = clock
        self._file = file
        self._size = file.seek(0, os.SEEK_END)
        self.seek(0)
        self.is_compressed = self.peek(2) == GZIP[:2]

    def seek(self, position: int) -> None:
        """Go to a place; beyond the end, to the end."""
        self._start = self._file.seek(min(position, self._size))
        self._held, self._at = b"", 0

    def skip(self, size: int) -> int:
        """Pass over bytes without reading them."""
        if size <= len(self._held) - self._at:
            self._at += size
            return size
        before = self.position
        self.seek(before + size)
        return self.position - before

    def take_piece(self) -> bytes:
        """Give some of the next bytes; none at the end."""
        if self._at == len(self._held) and not self._refill():
            return b""
        taken = self._held[self._at : self._at + _COMPRESSED_PIECE_BYTES]
        self._at += len(taken)
        return taken

    def put_back(self, size: int) -> None:
        """Go back by no more than was just taken with ``take_piece``."""
        self._at -= size

    def _more(self) -> bytes:
        # Here the clock is not asked: what is read of a plain record is limited by its size.
        return self._file.read(_PIECE_BYTES)


class MemberFlow(Flow):
    """What one member of a gzip file inflates to; the file is left standing behind it.

    Raises:
        TooLarge, TooSlow, zlib.error, EOFError: While bytes are asked for.
    """

    def __init__(self, raw: FileFlow, *, max_bytes: int) -> None:
        super().__init__()
        self._raw = raw
        self._offset_bytes = raw.position
        self._inflater = zlib.decompressobj(31)
        self._max_bytes = max_bytes
        self._num_bytes = 0

    @property
    def offset_bytes(self) -> int:
        """Where the member begins in the file."""
        return self._offset_bytes

    def _more(self) -> bytes:
        inflater = self._inflater
        while not inflater.eof:
            self._raw.clock.check()
            # After a whole piece of output there may be more of it without more input.
            data = inflater.unconsumed_tail or self._raw.take_piece()
            if not data:
                raise EOFError("the file ends within a compressed record")
            more = inflater.decompress(data, _PIECE_BYTES)
            if inflater.eof:
                self._raw.put_back(len(inflater.unused_data))
            self._num_bytes += len(more)
            if self._num_bytes > self._max_bytes:
                raise TooLarge(f"inflates to more than {self._max_bytes} bytes")
            if more:
                return more
        return b""
