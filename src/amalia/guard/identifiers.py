"""The check for personal identifiers: what ``amalia.identifiers`` finds, as findings of a guard.

Not covered: see ``amalia.identifiers.finder``.
"""

from __future__ import annotations

from collections.abc import Sequence

from amalia.guard.verdict import Finding, Place
from amalia.identifiers import find


class Identifiers:
    """The check that finds identifiers; keeps nothing."""

    name = "identifiers@1"

    def find(self, text: str, place: Place) -> Sequence[Finding]:
        """Give the identifiers in a text; a picture may show a plate without hyphens."""
        hits = find(text, is_picture=place == "picture")
        return [Finding(hit.category, hit.start, hit.end, self.name) for hit in hits]
