"""Records a stage could not use, each with its name and reason, and when there are too many of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from amalia.errors import TrainingError

TOO_LONG = "too long"
# Fewer than so many unreadable records never stop a stage, whatever share they are of.
_ALWAYS_ALLOWED = 10


class Skip(NamedTuple):
    """A record that was passed over."""

    source: str
    record: str
    reason: str


@dataclass
class Skipped:
    """What was passed over so far.

    Attributes:
        allowed: Share of the records read that may be unreadable.
    """

    allowed: float = 1.0
    num_read: int = 0
    _reasons: dict[tuple[str, str], str] = field(default_factory=dict)
    _news: list[Skip] = field(default_factory=list)
    _num_unreadable: int = 0

    def too_long(self, source: str, record: str, what: str) -> None:
        """Note a record that does not fit."""
        self._add(Skip(source, record, f"{TOO_LONG}: {what}"))

    def unreadable(self, source: str, record: str, why: str) -> None:
        """Note a record that cannot be read.

        Raises:
            TrainingError: More than ``allowed`` cannot be.
        """
        if not self._add(Skip(source, record, why)):
            return
        self._num_unreadable += 1
        share = self._num_unreadable / max(self.num_read, 1)
        if self._num_unreadable > _ALWAYS_ALLOWED and share > self.allowed:
            raise TrainingError(
                f"{self._num_unreadable} of {self.num_read} records read cannot be used, more than "
                f"run.unreadable {self.allowed:g} allows, the last {record} of {source}: {why}"
            )

    @property
    def num_too_long(self) -> int:
        """Records that do not fit."""
        return len(self._reasons) - self._num_unreadable

    @property
    def num_unreadable(self) -> int:
        """Records that cannot be read."""
        return self._num_unreadable

    def news(self) -> list[Skip]:
        """Give what was noted since this was last asked."""
        news, self._news = self._news, []
        return news

    def _add(self, skip: Skip) -> bool:
        known = (skip.source, skip.record) in self._reasons
        if not known:
            self._reasons[skip.source, skip.record] = skip.reason
            self._news.append(skip)
        return not known
