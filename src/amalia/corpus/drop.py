"""What is not used of a web archive: a reason, where it stood, and some of it to look at."""

from __future__ import annotations

from dataclasses import dataclass

SHOWN_CHARS = 2000
"""Most that is kept of a text that was dropped."""


@dataclass(frozen=True, slots=True)
class Drop:
    """A capture or document that is not used, and why."""

    name: str
    """Its URL, or where it stands if it has none."""
    reason: str
    """A ``snake_case`` fact, for example ``too_few_words``; ``error:TypeName`` where something broke."""
    step: str
    """``name@version`` of what dropped it."""
    detail: str = ""
    """One line for people: what was found, and what was expected."""
    text: str = ""
    """The beginning of it, as far as there is text."""
