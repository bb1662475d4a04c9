"""The application: routes, error bodies, the documentation of the interface.

Handlers parse, convert, call the service and encode. Bodies are read and checked in ``bodies`` rather than
by FastAPI, so that limits hold before anything is parsed; the schemas of the interface come from the same
models all the same.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.middleware.cors import CORSMiddleware
from fastapi.responses import JSONResponse, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic_core import to_json
from starlette.exceptions import HTTPException

from amalia.errors import AmaliaError, RequestError
from amalia.serve import bodies, wire
from amalia.serve.encode import ChatBody, CompletionBody, error_body, event
from amalia.serve.event_stream import DONE, EventStream
from amalia.serve.faults import unforeseen
from amalia.serve.front import Front
from amalia.serve.leaving import while_there
from amalia.serve.rates import HEADERS as RATE_HEADERS
from amalia.serve.service import Event
from amalia.serve.trace import Trace

_DESCRIPTION = """\
AMALIA-VL behind an OpenAI-compatible interface. Beyond it: every answer carries `amalia.trace_id` (also as
the header `X-Trace-Id`), what guards found, and what it rests on; `/v1/reports` takes reports of answers.
"""
_ERROR = {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorBody"}}}
_STREAM = {"text/event-stream": {"schema": {"type": "string"}}}
"""What comes with ``stream: true``: events of chunks, then ``[DONE]``."""
_ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"description": text, "content": _ERROR}
    for status, text in (
        (400, "The request is not valid; an unsupported field is named."),
        (401, "The key is missing or unknown."),
        (403, "The key may not do this."),
        (404, "There is no such model or trace."),
        (408, "It took too long."),
        (413, "Too much: body, text or pictures."),
        (415, "The body is of another type."),
        (422, "The request cannot be carried out."),
        (429, "Too many requests; see Retry-After."),
        (503, "The engine is not ready, or the log cannot be written."),
    )
}

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


class ErrorDetail(BaseModel):
    """What went wrong."""

    message: str
    type: str
    param: str | None = None
    code: str | None = None


class ErrorBody(BaseModel):
    """OpenAI's form of an error."""

    error: ErrorDetail


class Plain(APIRoute):
    """A route whose handler takes the request and gives the response, without FastAPI's way in between."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Give the handler itself."""
        return self.endpoint


class Answer(Response):
    """A body of JSON that is already plain data."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Write it."""
        return to_json(content)


def routes(front: Front, *, lifespan: Lifespan, allowed_origins: tuple[str, ...]) -> FastAPI:
    """Make the application around what serves."""
    app = FastAPI(
        title="amalia", description=_DESCRIPTION, version="1", lifespan=lifespan, redoc_url=None
    )
    for kind in (AmaliaError, HTTPException, RequestValidationError, Exception):
        app.add_exception_handler(kind, _told)
    if allowed_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(allowed_origins),
            allow_methods=["GET", "POST"],
            allow_headers=["authorization", "content-type", "x-request-id"],
            expose_headers=["x-request-id", "x-trace-id", "retry-after", *RATE_HEADERS],
        )
    _add_answers(app, front)
    _add_rest(app, front)
    _document(app)
    return app


def _add_answers(app: FastAPI, front: Front) -> None:
    async def chat(request: Request) -> Response:
        trace = await front.begin(request, "chat.completions")
        asked = await front.body(request, wire.ChatRequest, trace)
        body = ChatBody(
            trace.about.trace_id,
            asked.model,
            with_log_probs=asked.logprobs,
            with_usage=bool(asked.stream_options and asked.stream_options.include_usage),
        )
        events = await front.chat(asked, trace)
        return await _answer(request, events, body, trace, is_streamed=asked.stream)

    async def completions(request: Request) -> Response:
        trace = await front.begin(request, "completions")
        asked = await front.body(request, wire.CompletionRequest, trace)
        body = CompletionBody(
            trace.about.trace_id,
            asked.model,
            with_log_probs=asked.logprobs is not None,
            with_usage=bool(asked.stream_options and asked.stream_options.include_usage),
        )
        events = await front.complete(asked, trace)
        return await _answer(request, events, body, trace, is_streamed=asked.stream)

    async def embeddings(request: Request) -> Response:
        trace = await front.begin(request, "embeddings")
        asked = await front.body(request, wire.EmbeddingRequest, trace)
        return Answer(await front.embed(asked, trace))

    async def reports(request: Request) -> Response:
        trace = await front.begin(request, "reports")
        asked = bodies.parsed(
            await bodies.read(request, front.limits),
            wire.ReportRequest,
            front.limits,
            request.headers.get("content-type", ""),
        )
        return Answer(await front.report(asked, trace), status_code=201)

    for path, handler, model, told in (
        ("/v1/chat/completions", chat, wire.ChatRequest, "Answer a conversation"),
        ("/v1/completions", completions, wire.CompletionRequest, "Go on from a text"),
        ("/v1/embeddings", embeddings, wire.EmbeddingRequest, "Turn texts into vectors"),
        ("/v1/reports", reports, wire.ReportRequest, "Report an answer"),
    ):
        done: dict[str, Any] = {"description": "Done"}
        if handler in (chat, completions):
            done["content"] = {"application/json": {"schema": {}}, **_STREAM}
        app.router.add_api_route(
            path,
            handler,
            route_class_override=Plain,
            methods=["POST"],
            summary=told,
            responses={(201 if handler is reports else 200): done, **_ERRORS},
            status_code=201 if handler is reports else 200,
            openapi_extra=_taken(model),
        )


def _add_rest(app: FastAPI, front: Front) -> None:
    async def models(request: Request) -> Response:
        front.authenticate(request)
        return Answer({"object": "list", "data": front.cards()})

    async def model(request: Request) -> Response:
        front.authenticate(request)
        name = request.path_params["name"]
        for card in front.cards():
            if card["id"] == name:
                return Answer(card)
        raise RequestError(
            f"there is no model {name!r}; ask /v1/models",
            status=404,
            code="model_not_found",
            param="model",
        )

    async def health(_: Request) -> Response:
        return Answer({"status": "ok"})

    async def ready(_: Request) -> Response:
        state = front.state()
        return Answer(
            {"status": "ready" if state.is_ready else "not ready", "detail": state.detail},
            status_code=200 if state.is_ready else 503,
        )

    async def metrics(request: Request) -> Response:
        front.authenticate(request)
        return Response(front.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    denied: dict[int | str, dict[str, Any]] = {status: _ERRORS[status] for status in (401, 403)}
    rest: tuple[tuple[str, Any, str, dict[int | str, dict[str, Any]]], ...] = (
        ("/v1/models", models, "List the models", denied),
        ("/v1/models/{name:path}", model, "Tell of a model", {**denied, 404: _ERRORS[404]}),
        ("/health", health, "Say that the process lives", {}),
        ("/ready", ready, "Say whether it can answer", {503: {"description": "Not ready"}}),
        ("/metrics", metrics, "Counters and times for Prometheus", denied),
    )
    for path, handler, told, responses in rest:
        app.router.add_api_route(
            path,
            handler,
            route_class_override=Plain,
            methods=["GET"],
            summary=told,
            responses=responses,
        )


async def _answer(
    request: Request,
    events: AsyncGenerator[Event],
    body: ChatBody | CompletionBody,
    trace: Trace,
    *,
    is_streamed: bool,
) -> Response:
    if not is_streamed:
        async with while_there(request.receive):
            return Answer(await body.whole(events))

    def told(error: RequestError) -> bytes:
        return event(error_body(error, trace.about.trace_id)) + DONE

    return EventStream(body.stream(events), told)


async def _told(request: Request, error: Exception) -> JSONResponse:
    refused = _as_request_error(error)
    headers = dict(refused.headers)
    if refused.retry_after_s is not None:
        headers["retry-after"] = str(max(1, round(refused.retry_after_s)))
    if refused.status == 401:
        headers["www-authenticate"] = "Bearer"
    return JSONResponse(
        error_body(refused, request.state.trace_id), status_code=refused.status, headers=headers
    )


def _as_request_error(error: Exception) -> RequestError:
    if isinstance(error, RequestError):
        return error
    if isinstance(error, HTTPException):
        return RequestError(
            str(error.detail), status=error.status_code, code="http_error", headers=error.headers
        )
    if isinstance(error, AmaliaError):
        return RequestError(str(error), status=503, code=error.reason)
    if isinstance(error, RequestValidationError):
        return RequestError("the request is not valid", code="invalid_value")
    return unforeseen()  # raised on by the framework, and logged around it


def _taken(model: type[BaseModel]) -> dict[str, Any]:
    reference = {"$ref": f"#/components/schemas/{model.__name__}"}
    return {
        "requestBody": {"required": True, "content": {"application/json": {"schema": reference}}}
    }


def _document(app: FastAPI) -> None:
    """Put the schemas of bodies, which FastAPI does not see, into the description of the interface."""
    made = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            described = made()
            schemas = described.setdefault("components", {}).setdefault("schemas", {})
            for model in (
                wire.ChatRequest, wire.CompletionRequest, wire.EmbeddingRequest, wire.ReportRequest, ErrorBody,
            ):  # fmt: skip
                schema = model.model_json_schema(ref_template="#/components/schemas/{model}")
                schemas.update(schema.pop("$defs", {}))
                schemas[model.__name__] = schema
            described["components"]["securitySchemes"] = {
                "key": {"type": "http", "scheme": "bearer"}
            }
            app.openapi_schema = described
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way to extend it
