"""What stands between a handler and the service: who asks, how much they may, and the body they send.

A request that is refused here or by the service gets its record too, as soon as it is known who asked.
"""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncGenerator, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from pydantic import BaseModel
from starlette.requests import Request

from amalia.errors import RequestError
from amalia.serve import bodies, convert, wire
from amalia.serve.access import Access
from amalia.serve.bookkeeping import Bookkeeping
from amalia.serve.embedding import Embedding
from amalia.serve.engine import Engine, State
from amalia.serve.metrics import Metrics
from amalia.serve.recipe import Limits
from amalia.serve.service import Event, Service
from amalia.serve.trace import About, Trace

M = TypeVar("M", bound=BaseModel)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Front:
    """Everything that handlers need."""

    service: Service
    engine: Engine
    access: Access
    books: Bookkeeping
    metrics: Metrics
    limits: Limits
    served_name: str
    embedding: Embedding | None = None

    def authenticate(self, request: Request) -> None:
        """Let somebody look who may.

        Raises:
            RequestError: The key is missing or unknown (401).
        """
        self.access.authenticate(request.headers.get("authorization"))

    async def begin(self, request: Request, endpoint: str) -> Trace:
        """Know who asks, and count it.

        Raises:
            RequestError: The key is missing or unknown (401), or has asked too often (429).
        """
        caller = self.access.authenticate(request.headers.get("authorization"))
        about = About(
            request.state.trace_id,
            request.state.request_id,
            endpoint,
            caller=caller,
            client=request.client.host if request.client else "",
        )
        request.state.caller = caller  # whose limits the answer tells
        self.access.admit_request(caller)
        return Trace(about)

    async def body(self, request: Request, model: type[M], trace: Trace) -> M:
        """Read and check the body of a request that is answered and logged.

        Raises:
            RequestError: The body is refused.
        """
        return await self._logged(trace, self._body(request, model, trace))

    async def chat(self, asked: wire.ChatRequest, trace: Trace) -> AsyncGenerator[Event]:
        """Take a chat request.

        Raises:
            RequestError: It cannot be served, or nothing can be answered or logged now (503).
        """
        num_pictures = convert.num_pictures(asked)
        self._know(trace, asked.safety_identifier or asked.user)
        return await self._logged(
            trace, self._admitted(trace, self.service.chat(asked, trace), num_pictures)
        )

    async def complete(self, asked: wire.CompletionRequest, trace: Trace) -> AsyncGenerator[Event]:
        """Take a plain completion.

        Raises:
            RequestError: It cannot be served, or nothing can be answered or logged now (503).
        """
        self._know(trace, asked.user)
        return await self._logged(
            trace, self._admitted(trace, self.service.complete(asked, trace), 0)
        )

    async def embed(self, asked: wire.EmbeddingRequest, trace: Trace) -> dict[str, Any]:
        """Turn texts into vectors.

        Raises:
            RequestError: There is no encoder here, or the texts are refused.
        """
        self._know(trace, asked.user)
        return await self._logged(trace, self._embedded(asked, trace))

    async def report(self, asked: wire.ReportRequest, trace: Trace) -> dict[str, Any]:
        """Keep a person's report of an answer.

        Raises:
            RequestError: There is no such trace (404), or the log cannot be written (503).
        """
        report_id = await self.books.report(asked, trace)
        self.metrics.reported(asked.category)
        return {"id": report_id, "object": "report", "trace_id": asked.trace_id, "status": "open"}

    def cards(self) -> list[dict[str, Any]]:
        """Tell what models there are."""
        card: dict[str, Any] = {
            "id": self.served_name,
            "object": "model",
            "created": self.books.started_unix_s,
            "owned_by": "amalia",
            "root": self.engine.name,
        }
        if self.engine.context_tokens is not None:
            card["max_model_len"] = self.engine.context_tokens
        cards = [card]
        if self.embedding is not None:
            cards.append(
                {
                    "id": self.embedding.name,
                    "object": "model",
                    "created": self.books.started_unix_s,
                    "owned_by": "amalia",
                }
            )
        return cards

    def state(self) -> State:
        """Say whether requests can be answered and logged now."""
        state = self.engine.state()
        problem = self.books.problem
        return State(False, problem) if problem and state.is_ready else state

    async def _body(self, request: Request, model: type[M], trace: Trace) -> M:
        body = await bodies.read(request, self.limits)
        trace.about = dataclasses.replace(trace.about, body_bytes=len(body))
        return bodies.parsed(body, model, self.limits, request.headers.get("content-type", ""))

    def _refuse_unready(self) -> None:
        state = self.state()
        if state.is_ready or (self.books.problem and self.books.tries_again()):
            return
        raise RequestError(
            f"the server cannot answer now: {state.detail}; ask again soon",
            status=503,
            code="not_ready",
            retry_after_s=5.0,
        )

    async def _admitted(
        self, trace: Trace, work: Coroutine[Any, Any, AsyncGenerator[Event]], num_pictures: int
    ) -> AsyncGenerator[Event]:
        try:
            self._refuse_unready()
            self.access.admit_content(trace.about.caller, num_pictures=num_pictures)
        except RequestError:
            work.close()
            raise
        return await work

    async def _embedded(self, asked: wire.EmbeddingRequest, trace: Trace) -> dict[str, Any]:
        if self.embedding is None:
            raise RequestError(
                "this server has no encoder; install amalia[retrieve] and leave embeddings: true",
                status=404,
                code="not_supported",
            )
        told = await self.embedding.answer(asked, trace)
        await self.books.close(trace)
        return told

    def _know(self, trace: Trace, subject: str | None) -> None:
        trace.about = dataclasses.replace(trace.about, subject=subject)

    async def _logged(self, trace: Trace, work: Coroutine[Any, Any, T]) -> T:
        """Await something; a refusal is written down before it is told."""
        try:
            return await work
        except RequestError as error:
            if not trace.is_closed:
                trace.failed(error)
                await self.books.close_quietly(trace)
            raise
