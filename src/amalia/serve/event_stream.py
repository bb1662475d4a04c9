"""A response of events that are given as they come.

Starlette's ``StreamingResponse`` begins before anything is known of the answer, so that a request which an
engine refuses looks like one that it answers. This one begins with the first event: what goes wrong before is
told by its status, what goes wrong later by an event.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from amalia.errors import RequestError
from amalia.serve.faults import unforeseen
from amalia.serve.leaving import while_there

DONE = b"data: [DONE]\n\n"
"""The end of the last event."""
_log = logging.getLogger("amalia.serve")


class EventStream(Response):
    """Events, sent one by one; nobody makes more of them when the client has left."""

    media_type = "text/event-stream"

    def __init__(
        self, events: AsyncGenerator[bytes], told: Callable[[RequestError], bytes]
    ) -> None:
        """Take what is sent.

        Args:
            events: What is sent; closed in the end, also when the client leaves.
            told: Writes the last events of an answer that broke off.
        """
        self.status_code = 200
        self.background = None
        self.init_headers({"cache-control": "no-cache", "x-accel-buffering": "no"})
        self._events = events
        self._told = told

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        """Send it.

        Raises:
            RequestError: Nothing was sent yet, and nothing will be.
        """
        has_begun = is_ended = False
        try:
            async with while_there(receive), aclosing(self._events):
                async for item in self._events:
                    if not has_begun:
                        has_begun = True
                        await send(
                            {
                                "type": "http.response.start",
                                "status": self.status_code,
                                "headers": self.raw_headers,
                            }
                        )
                    is_ended = item.endswith(DONE)
                    await _send(send, item, more=not is_ended)
        except RequestError as error:
            if not has_begun:
                raise
            await _send(send, self._told(error), more=False)
            return
        except Exception:  # whatever nobody foresaw: the client is told that the answer broke off
            if not has_begun:
                raise
            _log.exception("an answer broke off")
            await _send(send, self._told(unforeseen()), more=False)
            return
        if not is_ended:
            await _send(send, b"", more=False)


async def _send(send: Send, body: bytes, *, more: bool) -> None:
    await send({"type": "http.response.body", "body": body, "more_body": more})
