"""What stands around every request: its id, what is left of its limits, and the answer when something breaks.

One plain ASGI callable, because it runs for every request. A failure that nobody foresaw is logged with its
request id and told to the client without a trace of the code.
"""

from __future__ import annotations

import logging
import re
from typing import Any

from pydantic_core import to_json
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from amalia.serve.access import Access
from amalia.serve.audit_record import new_trace_id
from amalia.serve.encode import error_body
from amalia.serve.faults import unforeseen
from amalia.serve.metrics import Metrics

_log = logging.getLogger("amalia.serve")
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._:/+=@-]{1,128}")
_SAFE = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"SAMEORIGIN"),
]


class Around:
    """Wraps the application."""

    def __init__(self, app: ASGIApp, metrics: Metrics, access: Access) -> None:
        """Keep what is wrapped and what counts."""
        self._app = app
        self._metrics = metrics
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = _request_id(scope)
        trace_id = new_trace_id()
        scope.setdefault("state", {}).update(request_id=request_id, trace_id=trace_id)
        headers = [
            (b"x-request-id", request_id.encode()), (b"x-trace-id", trace_id.encode()), *_SAFE
        ]  # fmt: skip
        status = 0

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                known = {name for name, _ in message["headers"]}
                added = [*headers, *self._limits(scope)]
                message["headers"] = [
                    *message["headers"], *((name, value) for name, value in added if name not in known)
                ]  # fmt: skip
            await send(message)

        self._metrics.began()
        try:
            await self._app(scope, receive, sending)
        except (
            Exception
        ):  # whatever nobody foresaw: logged here, told in one line, and the server goes on
            _log.exception("request %s failed", request_id)
            if not status:
                await _tell(sending)
        finally:
            route: Any = scope.get("route")
            self._metrics.ended(getattr(route, "path", "other"), status or 499)

    def _limits(self, scope: Scope) -> list[tuple[bytes, bytes]]:
        caller = scope["state"].get("caller")
        if caller is None:
            return []
        told = self._access.headers(caller)
        return [(name.encode(), value.encode()) for name, value in told.items()]


async def _tell(send: Send) -> None:
    body = to_json(error_body(unforeseen()))
    await send(
        {
            "type": "http.response.start",
            "status": 500,
            "headers": [
                (b"content-type", b"application/json"),
                (b"content-length", b"%d" % len(body)),
            ],
        }
    )
    await send({"type": "http.response.body", "body": body})


def _request_id(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
            return str(value.decode())
    return new_trace_id()
