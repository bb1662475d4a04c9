"""Connections that are slow on purpose: a protocol that ends those which never finish asking.

uvicorn waits for ever for the lines that open a request; a few hundred clients that send a byte a minute
would hold every connection. Bodies have a limit of their own, see ``bodies``.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from amalia.serve.recipe import Limits

_MAX_HEADER_BYTES = 32_768
"""Of one line; a key and a trace take a hundred."""
_MAX_HEADERS = 100


def protocol(limits: Limits) -> type[HttpToolsProtocol]:
    """Make the protocol of a server with these limits."""

    class Impatient(HttpToolsProtocol):
        """HTTP/1.1 over one connection that must say what it wants soon."""

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._expect_lines()

        def on_message_begin(self) -> None:
            super().on_message_begin()
            self._expect_lines()

        def on_header(self, name: bytes, value: bytes) -> None:
            super().on_header(name, value)
            if len(name) + len(value) > _MAX_HEADER_BYTES or (len(self.headers) > _MAX_HEADERS):
                self.transport.close()

        def on_headers_complete(self) -> None:
            self._deadline.cancel()
            super().on_headers_complete()

        def connection_lost(self, error: Exception | None) -> None:
            self._deadline.cancel()
            super().connection_lost(error)

        def _expect_lines(self) -> None:
            waiting: Any = getattr(self, "_deadline", None)
            if waiting is not None:
                waiting.cancel()
            self._deadline = self.loop.call_later(limits.header_timeout_s, self._give_up)

        def _give_up(self) -> None:
            # Between two requests of a connection there is no line to wait for; uvicorn's own timer rules.
            if not self.transport.is_closing() and (
                self.cycle is None or self.cycle.response_complete
            ):
                self.transport.close()

    return Impatient
