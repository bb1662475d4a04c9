"""What a check finds in a text, and where texts come from.

A finding names a category and a span of characters; what is done about it is the business of the policy.
Categories are AMALIAGuard's twelve, attacks on the instructions of the model, the identifiers that
Portuguese law or habit treats as personal, and the variety an answer drifts to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol, get_args

Harm = Literal[
    "sexual", "hate", "dangerous", "harassment", "violence", "obscenity",
    "personal_data", "special_data", "consent", "rights", "transfer", "profiling",
]  # fmt: skip
"""AMALIAGuard's twelve: what a request asks for or an answer gives."""
Attack = Literal["prompt_injection", "prompt_extraction"]
"""Text that gives the model orders it should not take, or wants its instructions told."""
Identifier = Literal[
    "nif", "niss", "cartao_cidadao", "iban", "phone", "postal_code", "licence_plate", "email",
    "payment_card",
]  # fmt: skip
"""Numbers and addresses that stand for a person."""
Drift = Literal["variety_pt_br"]
Category = Harm | Attack | Identifier | Drift

HARMS: tuple[str, ...] = get_args(Harm)
ATTACKS: tuple[str, ...] = get_args(Attack)
IDENTIFIERS: tuple[str, ...] = get_args(Identifier)
CATEGORIES: tuple[str, ...] = (*HARMS, *ATTACKS, *IDENTIFIERS, *get_args(Drift))

Place = Literal["system", "user", "assistant", "tool", "passage", "picture", "answer"]
"""Where a text stands: a turn of the conversation, a retrieved passage, read in a picture, or what the
model says now. ``assistant`` is an earlier answer, as the client sends it."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found in one text."""

    category: str
    """One of ``CATEGORIES``."""
    start: int
    """First character, counted in the text as it was given."""
    end: int
    """Behind the last character."""
    check: str
    """``name@version`` of what found it."""
    score: float = 1.0
    """How sure the check is, 0–1; rules are always sure."""


class Check(Protocol):
    """Looks at a text by itself, fast and without a network."""

    @property
    def name(self) -> str:
        """``name@version``; another version may find other things."""
        ...

    def find(self, text: str, place: Place) -> Sequence[Finding]:
        """Give what stands in a text, in order of ``start``; never raises on any text."""
        ...


class Exchange(NamedTuple):
    """What a model that judges is shown."""

    question: str
    """Text of the last user turn."""
    answer: str | None
    """What was answered; None to judge the question alone."""


class Judge(Protocol):
    """Asks a model whether a question, or an answer to it, is safe."""

    @property
    def name(self) -> str:
        """``name@version`` or the name of the model."""
        ...

    async def judge(self, exchange: Exchange) -> Sequence[Finding]:
        """Give what is unsafe; the span is the whole question, or the whole answer if there is one.

        Raises:
            GenerationError: The model cannot be asked or its reply cannot be read.
        """
        ...
