"""What the server asks of an engine, whatever runs the model.

An engine is asynchronous and answers one request at a time as far as its caller can tell; that several are
computed together is its own business. Leaving the iterator early ends the work. Fields of a request that
an engine does not know never reach it: the service refuses them by name first, see ``features``.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol

from pydantic import JsonValue

from amalia.serve.dialogue import Dialogue

Feature = Literal[
    "completions", "n", "seed", "penalties", "logprobs", "json_object", "json_schema", "tools", "logit_bias",
    "pictures",
]  # fmt: skip


class TopToken(NamedTuple):
    """A token that could have stood in a place."""

    text: str
    log_prob: float
    data: bytes | None = None
    """The token's own bytes, where the engine tells them; a letter may be cut in two tokens."""


class Token(NamedTuple):
    """A token of an answer and what else could have stood there."""

    text: str
    log_prob: float
    data: bytes | None = None
    top: tuple[TopToken, ...] = ()


@dataclass(frozen=True, slots=True)
class Schema:
    """The form an answer must have."""

    kind: Literal["json_object", "json_schema"]
    name: str = ""
    schema: Mapping[str, JsonValue] | None = None
    """A JSON schema; None with ``json_object``, which is any object."""


@dataclass(frozen=True, slots=True)
class Drawing:
    """How answers are drawn."""

    max_new_tokens: int
    temperature: float = 1.0
    top_p: float = 1.0
    seed: int | None = None
    stop: tuple[str, ...] = ()
    num_choices: int = 1
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    num_top_log_probs: int | None = None
    """None: no log-probabilities; otherwise those of each token and of so many others."""
    logit_bias: Mapping[str, float] = field(default_factory=dict)
    schema: Schema | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """One request to an engine."""

    id: str
    """Trace id."""
    prompt: Dialogue | str
    """A conversation, or plain text to go on from."""
    drawing: Drawing
    passed: Mapping[str, JsonValue] = field(default_factory=dict)
    """Fields that are handed to the engine as they came: tools, tool_choice …"""
    language: str = "pt-PT"


@dataclass(frozen=True, slots=True)
class Piece:
    """The next part of one choice."""

    choice: int
    text: str = ""
    tokens: tuple[Token, ...] = ()
    delta: Mapping[str, JsonValue] = field(default_factory=dict)
    """What else the engine says, as it says it: tool calls, reasoning."""
    finish_reason: str | None = None
    """On the last piece of a choice: stop, length, tool_calls or content_filter."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Counts, once, after the last piece."""

    num_prompt_tokens: int
    num_answer_tokens: int


class State(NamedTuple):
    """Whether an engine can answer now."""

    is_ready: bool
    detail: str
    """One line for ``/ready`` and the log."""


class Engine(Protocol):
    """Something that answers dialogues."""

    @property
    def name(self) -> str:
        """What answers, so that other weights have another name."""
        ...

    @property
    def features(self) -> frozenset[Feature]:
        """What of a request it understands beyond messages, lengths and sampling."""
        ...

    @property
    def context_tokens(self) -> int | None:
        """Tokens of a prompt and its answer together; None where it does not tell."""
        ...

    async def start(self) -> None:
        """Get ready: load, connect, spawn.

        Raises:
            AmaliaError: It cannot be started.
        """
        ...

    async def close(self, drain_s: float) -> None:
        """Let what is under way finish for so long, then end everything."""
        ...

    def state(self) -> State:
        """Say whether it can answer now, without asking it."""
        ...

    def answer(self, asked: Asked) -> AsyncGenerator[Piece | Usage]:
        """Answer; pieces of several choices may come in any order.

        Raises:
            RequestError: The request cannot be answered by this model (too long, a picture for a text
                model, a queue that is full).
            GenerationError: The engine failed, also in the middle of an answer.
        """
        ...
