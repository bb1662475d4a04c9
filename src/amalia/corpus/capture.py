"""A page or file as it was captured: its bytes, and where they stand.

Nothing here is read or understood yet; what a capture says is the business of ``page``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Place:
    """Where a capture stands, so that anybody can find it again."""

    collection: str
    """Of the archive, as the recipe calls it, for example ``AWP42``."""
    archive: str
    """Name of the file, without its folder; of a replay, the address it was asked of."""
    offset_bytes: int
    """Where its record begins in that file as it is stored; 0 for a file that is one capture."""


@dataclass(frozen=True, slots=True)
class Capture:
    """One captured page or file."""

    url: str
    """As it was asked for."""
    captured_at: datetime | None
    """With its time zone, UTC; None where nobody knows."""
    media_type: str
    """As the server told it, without parameters, in lower case; empty if it told none."""
    charset: str | None
    """As the server told it; pages often know better."""
    body: bytes
    """Without transfer and content encodings."""
    digest: str
    """SHA-256 of the body, in hexadecimal."""
    place: Place
