"""What the chat page lets through to Gradio: its files, its queue and nothing else.

Gradio opens whatever file a request names when it is mounted in another application, fetches the addresses
that stand in place of files, takes uploads of anybody, and has routes that the page has no use for. The page
sends pictures as text and needs none of that, so only listed addresses pass, bodies are read within the limits
of the server, and what names a file is refused before Gradio sees it.

Not covered: how often the page is asked, which is counted where questions are answered; other routes of the
server.
"""

from __future__ import annotations

import re

from pydantic import BaseModel, ConfigDict, Field, JsonValue
from pydantic_core import to_json
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from amalia.errors import RequestError
from amalia.serve import bodies
from amalia.serve.recipe import Limits

_READ = re.compile(
    r"/|/config/?|/theme\.css|/favicon\.ico|/(?:assets|static)/[\w./-]+|/gradio_api/(?:info|theme\.css|startup-events"
    r"|queue/data|heartbeat/\w+)"
)
_JOIN = "/gradio_api/queue/join"
_CANCEL = "/gradio_api/cancel"
_RESET = "/gradio_api/reset"
# Gradio makes functions of the scripts that come with the page, hence unsafe-eval; nothing in an answer can
# become a script, for it is escaped.
_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; media-src 'self' blob:; font-src 'self' data:; connect-src 'self'; "
    "object-src 'none'; frame-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'self'"
)
_HEADERS = [
    (b"content-security-policy", _POLICY.encode()),
    (b"permissions-policy", b"camera=(self), microphone=(), geolocation=()"),
]


class _Body(BaseModel):
    """What the page's own script sends; a field that is not here has no use."""

    model_config = ConfigDict(extra="ignore", strict=True)

    session_hash: str = Field(pattern=r"^\w{1,64}$")
    fn_index: int


class _Join(_Body):
    data: list[JsonValue] = Field(max_length=16)
    event_data: JsonValue = None
    trigger_id: int | None = None


class _Cancel(_Body):
    event_id: str = Field(pattern=r"^\w{1,64}$")


class _Reset(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    event_id: str = Field(pattern=r"^\w{1,64}$")


class Gate:
    """Stands before Gradio's application."""

    def __init__(self, app: ASGIApp, limits: Limits, functions: frozenset[int]) -> None:
        """Keep what is behind, what a body may take, and the numbers of what the page can ask for."""
        self._app = app
        self._limits = limits
        self._functions = functions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request of the page through.

        Raises:
            RequestError: It is none of the page's (404), comes from a page of somebody else (403), or its body
                is refused.
        """
        if scope["type"] != "http":
            raise _not_found()
        path = scope["path"].removeprefix(scope.get("root_path", "")) or "/"
        method = scope["method"]
        if method in ("GET", "HEAD") and _READ.fullmatch(path) and ".." not in path:
            await self._app(scope, receive, _sending(send))
            return
        models: dict[str, type[BaseModel]] = {_JOIN: _Join, _CANCEL: _Cancel, _RESET: _Reset}
        if method != "POST" or path not in models:
            raise _not_found()
        request = Request(scope, receive)
        if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            raise RequestError(
                "the request comes from a page of another site; open the chat page itself",
                status=403,
                code="cross_site",
            )
        body = await bodies.read(request, self._limits)
        asked = bodies.parsed(
            body, models[path], self._limits, request.headers.get("content-type", "")
        )
        if isinstance(asked, _Body) and asked.fn_index not in self._functions:
            raise RequestError(
                f"fn_index is {asked.fn_index}, which the page has not; reload it",
                code="invalid_value",
            )
        if isinstance(asked, _Join) and (
            _names_a_file(asked.data) or _names_a_file(asked.event_data)
        ):
            raise RequestError(
                "the body names a file; expected text, and pictures as data: URLs",
                code="invalid_value",
            )
        # What was judged is what goes on, whatever another reader would make of the bytes that came.
        await self._app(_retold(scope), _again(to_json(asked), receive), _sending(send))


def _names_a_file(value: JsonValue) -> bool:
    """Say whether Gradio would take something within for a file of its own."""
    if isinstance(value, dict):
        return "path" in value or "meta" in value or any(map(_names_a_file, value.values()))
    return isinstance(value, list) and any(map(_names_a_file, value))


def _not_found() -> RequestError:
    return RequestError("there is nothing at this address; see /docs", status=404, code="not_found")


def _retold(scope: Scope) -> Scope:
    kept = [
        (name, value)
        for name, value in scope["headers"]
        if name not in (b"content-length", b"transfer-encoding", b"content-type")
    ]
    return {**scope, "headers": [*kept, (b"content-type", b"application/json")]}


def _again(body: bytes, receive: Receive) -> Receive:
    """Give a body that was read already, then what else comes."""
    is_given = False

    async def receiving() -> Message:
        nonlocal is_given
        if is_given:
            return await receive()
        is_given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receiving


def _sending(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], *_HEADERS]}
        await send(message)

    return sending
