"""What is gathered about one request while it is served, and becomes its record and its extension field."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from amalia.errors import RequestError
from amalia.guard.guard import Verdict
from amalia.records import Image
from amalia.serve.engine import Usage
from amalia.serve.keys import Caller

if TYPE_CHECKING:
    from amalia.retrieve.search import Passage

_CHARS_A_TOKEN = 4
"""Of Portuguese, where nobody has counted; a token has about as many."""


@dataclass(frozen=True, slots=True)
class About:
    """Who asks, and how it came in."""

    trace_id: str
    request_id: str
    endpoint: str
    caller: Caller
    client: str = ""
    subject: str | None = None
    body_bytes: int = 0
    started_s: float = field(default_factory=time.monotonic)
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(slots=True)
class Trace:
    """What has happened to a request so far."""

    about: About
    verdicts: list[dict[str, Any]] = field(default_factory=list)
    passages: list[dict[str, Any]] = field(default_factory=list)
    found: tuple[Passage, ...] = ()
    """The passages that were put before the model, in the order of their numbers."""
    citations: list[dict[str, Any]] = field(default_factory=list)
    images: tuple[Image, ...] = ()
    usage: Usage | None = None
    """As the engine counted; None where it was not asked, or had not finished."""
    num_prompt_chars: int = 0
    """Of what the engine was asked."""
    num_pieces: int = 0
    """That came from the engine."""
    finish_reasons: dict[int, str] = field(default_factory=dict)
    status: int = 200
    error: str | None = None
    question: str = ""
    """As the log may keep it: identifiers taken out."""
    question_full: str = ""
    answers: dict[int, str] = field(default_factory=dict)
    """By choice, as the log may keep it."""
    answers_full: dict[int, str] = field(default_factory=dict)
    queued_s: float | None = None
    first_text_s: float | None = None
    is_closed: bool = False
    """Whether its record has been written, or could not be."""

    @property
    def elapsed_s(self) -> float:
        """Since the request came, by a clock that never jumps."""
        return time.monotonic() - self.about.started_s

    @property
    def spent(self) -> Usage:
        """What the request has cost, estimated where the engine could not say: it was ended, or left."""
        if self.usage is not None or not self.num_pieces:
            return self.usage or Usage(0, 0)
        return Usage(self.num_prompt_chars // _CHARS_A_TOKEN, self.num_pieces)

    def note(self, verdict: Verdict, **where: int | str) -> None:
        """Keep what was found.

        Args:
            verdict: Of a text, with spans in it.
            **where: ``message``, ``passage``, ``picture`` or ``choice``: which text it is; ``part``: what
                beside the text of a message or an answer.
        """
        for found, action in verdict.findings:
            self.verdicts.append(
                {
                    "place": verdict.place,
                    **where,
                    "category": found.category,
                    "action": action,
                    "check": found.check,
                    "span": [found.start, found.end],
                    "score": round(found.score, 4),
                }
            )

    def failed(self, error: RequestError) -> None:
        """Keep why there is no answer, or not all of it, without a word of what was asked."""
        self.status = error.status
        self.error = f"{error.code} ({error.param})" if error.param else error.code

    def said(self, choice: int, text: str) -> None:
        """Keep what goes out."""
        if text and self.first_text_s is None:
            self.first_text_s = self.elapsed_s
        self.answers_full[choice] = self.answers_full.get(choice, "") + text

    def extension(self, policy: str | None) -> dict[str, Any]:
        """Give the field of the answer that leads back to everything."""
        told: dict[str, Any] = {"trace_id": self.about.trace_id, "verdicts": self.verdicts}
        if policy is not None:
            told["policy"] = policy
        if self.passages:
            told["passages"] = self.passages
            told["citations"] = self.citations
        return told


def joined(texts: Mapping[int, str]) -> str:
    """Write the answers of several choices as one text."""
    return "\n\n".join(texts[choice] for choice in sorted(texts))


def finishes(reasons: Mapping[int, str]) -> Sequence[str]:
    """Give the reasons for which choices ended, in their order."""
    return [reasons[choice] for choice in sorted(reasons)]
