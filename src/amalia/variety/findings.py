"""What rules work on and what they give."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

WORD = r"\w+(?:[-'’]\w+)*"
"""Pattern of a word with its hyphens and apostrophes."""
MARKS = '.!?;:,\n()«»"“”—–'
"""What stands between words and is read."""
Side = Literal["pt-PT", "pt-BR"]


@dataclass(frozen=True, slots=True)
class Token:
    """A word in small letters, or a mark, and where it stands."""

    word: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Finding:
    """A sign among the tokens ``start`` to ``end`` (not included)."""

    start: int
    end: int
    kind: str
    suggests: Side
    instead: str | None = None
    safe: bool = False
