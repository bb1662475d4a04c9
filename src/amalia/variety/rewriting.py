"""Brazilian forms that have one Portuguese form in any context, exchanged; everything else stays.

This is no translation. Where gender, agreement or meaning would have to be known nothing is
changed, and what was left is listed.
"""

from __future__ import annotations

from dataclasses import dataclass

from amalia.variety.evidence import Evidence, find
from amalia.variety.text import read


@dataclass(frozen=True, slots=True)
class Rewritten:
    """A text with safe exchanges made."""

    text: str
    changed: tuple[Evidence, ...]
    """What was exchanged, with places in the text as given."""
    left: tuple[Evidence, ...]
    """Brazilian forms that somebody has to look at."""


def rewrite(text: str) -> Rewritten:
    """Exchange Brazilian spellings and words that have one right form in Portugal."""
    brazilian = [sign for sign in find(read(text), text) if sign.suggests == "pt-BR"]
    changed = tuple(sign for sign in brazilian if sign.safe and sign.instead is not None)
    made, after = list[str](), 0
    for sign in changed:
        start, end = sign.span
        made += (text[after:start], sign.instead or "")
        after = end
    return Rewritten(
        "".join([*made, text[after:]]),
        changed,
        tuple(sign for sign in brazilian if sign not in changed),
    )
