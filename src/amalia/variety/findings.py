"""What rules work on and what they give."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Side = Literal["pt-PT", "pt-BR"]


@dataclass(frozen=True, slots=True)
class Token:
    """A word in small letters, or a mark, and where it stands."""

    word: str
    start: int
    end: int
    written: str


@dataclass(frozen=True, slots=True)
class Finding:
    """A sign among the tokens ``start`` to ``end`` (not included)."""

    start: int
    end: int
    kind: str
    suggests: Side
    instead: str | None = None
    safe: bool = False
