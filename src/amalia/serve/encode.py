"""What goes out: bodies, events of a stream, errors. Written by hand, for a stream writes hundreds a second."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

from pydantic_core import to_json

from amalia.errors import RequestError
from amalia.serve import convert
from amalia.serve.engine import Piece, Token
from amalia.serve.event_stream import DONE
from amalia.serve.joining import joined
from amalia.serve.service import Closing, Event

_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}


def error_body(error: RequestError, trace_id: str | None = None) -> dict[str, Any]:
    """Write an error as OpenAI does, with the trace that leads to its record."""
    kind = _TYPES.get(
        error.status, "server_error" if error.status >= 500 else "invalid_request_error"
    )
    told: dict[str, Any] = {
        "message": " ".join(str(error).split()),  # one line, whatever the request had in it
        "type": kind,
        "param": error.param,
        "code": error.code,
    }
    return {"error": told} | ({"amalia": {"trace_id": trace_id}} if trace_id else {})


def event(body: Mapping[str, Any]) -> bytes:
    """Write one event of a stream."""
    return b"data: " + to_json(body) + b"\n\n"


class ChatBody:
    """The answer to a chat request, whole or as events."""

    def __init__(self, id_: str, model: str, *, with_log_probs: bool, with_usage: bool) -> None:
        """Say what every part carries."""
        self._head: dict[str, Any] = {
            "id": f"chatcmpl-{id_}",
            "created": int(time.time()),
            "model": model,
        }
        self._with_log_probs = with_log_probs
        self._with_usage = with_usage

    async def whole(self, events: AsyncGenerator[Event]) -> dict[str, Any]:
        """Gather an answer into one body."""
        gathered = await _gathered(events)
        choices = [
            {
                "index": number,
                "message": {
                    "role": "assistant",
                    "content": choice.text,
                    "refusal": None,
                    **choice.more,
                },
                "logprobs": convert.chat_log_probs(choice.tokens) if self._with_log_probs else None,
                "finish_reason": choice.finish_reason,
            }
            for number, choice in sorted(gathered.choices.items())
        ]
        return {
            **self._head,
            "object": "chat.completion",
            "choices": choices,
            "usage": convert.usage(gathered.closing.usage),
            "amalia": gathered.closing.extension,
        }

    async def stream(self, events: AsyncGenerator[Event]) -> AsyncGenerator[bytes]:
        """Write events as they come; the last finish carries the extension, usage comes behind it."""
        head = {**self._head, "object": "chat.completion.chunk"}
        begun: set[int] = set()
        held: Piece | None = None
        end: list[bytes] = []
        async with aclosing(events):
            async for item in events:
                if isinstance(item, Closing):
                    if held is not None:
                        end.append(self._event(head, held, begun, amalia=item.extension))
                    if self._with_usage:
                        end.append(
                            event({**head, "choices": [], "usage": convert.usage(item.usage)})
                        )
                    continue
                role = b"" if item.choice in begun else self._event(head, Piece(item.choice), begun)
                if item.finish_reason is None:
                    yield role + self._event(head, item, begun)
                    continue
                before = role if held is None else role + self._event(head, held, begun)
                if before:
                    yield before
                held = item
        # What comes at once goes out at once: each writing costs a call of the system.
        yield b"".join((*end, DONE))

    def _event(self, head: dict[str, Any], piece: Piece, begun: set[int], **more: Any) -> bytes:
        is_first = piece.choice not in begun
        begun.add(piece.choice)
        choice = convert.chat_delta(piece, is_first=is_first, with_log_probs=self._with_log_probs)
        body = {**head, "choices": [choice], **more}
        if self._with_usage:
            body["usage"] = None
        return event(body)


class CompletionBody:
    """The answer to a plain completion, whole or as events."""

    def __init__(self, id_: str, model: str, *, with_log_probs: bool, with_usage: bool) -> None:
        """Say what every part carries."""
        self._head: dict[str, Any] = {
            "id": f"cmpl-{id_}",
            "object": "text_completion",
            "created": int(time.time()),
            "model": model,
        }
        self._with_log_probs = with_log_probs
        self._with_usage = with_usage

    async def whole(self, events: AsyncGenerator[Event]) -> dict[str, Any]:
        """Gather an answer into one body."""
        gathered = await _gathered(events)
        choices = [
            self._choice(number, choice.text, choice.tokens, choice.finish_reason)
            for number, choice in sorted(gathered.choices.items())
        ]
        return {
            **self._head,
            "choices": choices,
            "usage": convert.usage(gathered.closing.usage),
            "amalia": gathered.closing.extension,
        }

    async def stream(self, events: AsyncGenerator[Event]) -> AsyncGenerator[bytes]:
        """Write events as they come; the last finish carries the extension, usage comes behind it."""
        held: Piece | None = None
        offsets: dict[int, int] = {}
        end: list[bytes] = []
        async with aclosing(events):
            async for item in events:
                if isinstance(item, Closing):
                    if held is not None:
                        end.append(self._event(held, offsets, amalia=item.extension))
                    if self._with_usage:
                        counts = convert.usage(item.usage)
                        end.append(event({**self._head, "choices": [], "usage": counts}))
                    continue
                if item.finish_reason is None:
                    yield self._event(item, offsets)
                    continue
                if held is not None:
                    yield self._event(held, offsets)
                held = item
        yield b"".join((*end, DONE))

    def _event(self, piece: Piece, offsets: dict[int, int], **more: Any) -> bytes:
        offset = offsets.get(piece.choice, 0)
        offsets[piece.choice] = offset + len(piece.text)
        choice = self._choice(
            piece.choice, piece.text, piece.tokens, piece.finish_reason, offset=offset
        )
        return event({**self._head, "choices": [choice], **more})

    def _choice(
        self,
        number: int,
        text: str,
        tokens: tuple[Token, ...],
        finish_reason: str | None,
        *,
        offset: int = 0,
    ) -> dict[str, Any]:
        told = convert.completion_log_probs(tokens, offset=offset) if self._with_log_probs else None
        return {"index": number, "text": text, "logprobs": told, "finish_reason": finish_reason}


class _Choice:
    """One choice, gathered."""

    def __init__(self) -> None:
        self.text = ""
        self.tokens: tuple[Token, ...] = ()
        self.finish_reason: str | None = None
        self.more: dict[str, Any] = {}

    def add(self, piece: Piece) -> None:
        self.text += piece.text
        self.tokens += piece.tokens
        self.finish_reason = piece.finish_reason or self.finish_reason
        for name, value in piece.delta.items():
            self.more[name] = joined(self.more.get(name), value)


class _Gathered:
    """A whole answer."""

    def __init__(self, choices: dict[int, _Choice], closing: Closing) -> None:
        self.choices = choices
        self.closing = closing


async def _gathered(events: AsyncGenerator[Event]) -> _Gathered:
    choices: dict[int, _Choice] = {}
    closing: Closing | None = None
    async with aclosing(events):
        async for item in events:
            if isinstance(item, Closing):
                closing = item
            else:
                choices.setdefault(item.choice, _Choice()).add(item)
    assert closing is not None
    return _Gathered(choices, closing)
