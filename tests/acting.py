"""An engine that says exactly what a test tells it to, piece by piece, and a server around it to be asked."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field
from typing import Any, get_args

import httpx
from running_server import Running

from amalia.serve.audit import Log, Query
from amalia.serve.audit_record import AuditSettings
from amalia.serve.engine import Asked, Feature, Piece, State, Token, Usage


def pieces(
    text: str, *, by: int = 1, choice: int = 0, tokens: bool = False, finish: str = "stop"
) -> list[Piece]:
    """A text cut into pieces of so many characters, each with a token of its own if wanted."""
    cut = [text[at : at + by] for at in range(0, len(text), by)]
    said = [Piece(choice, part, (Token(part, -math.log(2)),) if tokens else ()) for part in cut]
    return [*said, Piece(choice, finish_reason=finish)]


@dataclass
class Acting:
    """Set ``says`` (one list of pieces, or one for each request in turn) before asking."""

    says: list[Piece] | list[list[Piece]] = field(default_factory=list)
    pause_s: float = 0.0
    asked: list[Asked] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    name: str = "acting"
    features: frozenset[Feature] = frozenset(get_args(Feature))
    context_tokens: int | None = None

    async def start(self) -> None:
        """Be ready."""

    async def close(self, drain_s: float) -> None:
        """Have nothing to end."""

    def state(self) -> State:
        return State(True, "acting")

    def say(self, text: str, **how: Any) -> None:
        self.says = pieces(text, **how)

    async def answer(self, asked: Asked) -> AsyncGenerator[Piece | Usage]:
        self.asked.append(asked)
        try:
            for piece in self._next():
                await asyncio.sleep(self.pause_s)
                yield piece
            yield Usage(10, 5)
            self.ended.append("finished")
        except GeneratorExit:
            self.ended.append("left")
            raise

    def _next(self) -> Sequence[Piece]:
        if self.says and isinstance(self.says[0], list):
            return self.says.pop(0)  # type: ignore[return-value]
        return self.says or pieces("Está bem.")  # type: ignore[return-value]


class Stage:
    """A server whose engine a test plays."""

    def __init__(self, up: Running, engine: Acting) -> None:
        self.up = up
        self.engine = engine
        self.client = httpx.Client(base_url=up.api, timeout=30)

    def ask(self, content: Any = "Olá", **more: Any) -> Any:
        """Ask and give the body; the engine forgets what it was asked before."""
        self.engine.asked.clear()
        messages = more.pop("messages", [{"role": "user", "content": content}])
        body = {"model": "ensaio", "messages": messages, **more}
        answer = self.client.post("/chat/completions", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def stream(self, content: Any = "Olá", **more: Any) -> list[dict[str, Any]]:
        """Ask for a stream and give its events."""
        body = {
            "model": "ensaio",
            "messages": [{"role": "user", "content": content}],
            "stream": True,
            **more,
        }
        answer = self.client.post("/chat/completions", json=body)
        lines = [line.removeprefix("data: ") for line in answer.text.splitlines() if line]
        assert lines[-1] == "[DONE]"
        return [json.loads(line) for line in lines[:-1]]

    def record(self, trace_id: str) -> Any:
        with Log.open(AuditSettings(log=str(self.up.log)), create=False) as log:
            (found,) = log.search(Query(trace_id=trace_id))
            return found.record


def text_of(answer: dict[str, Any], choice: int = 0) -> str:
    return str(answer["choices"][choice]["message"]["content"])


def text_in(events: list[dict[str, Any]], choice: int = 0) -> str:
    told = (each for event in events for each in event["choices"] if each["index"] == choice)
    return "".join(each["delta"].get("content") or "" for each in told)
