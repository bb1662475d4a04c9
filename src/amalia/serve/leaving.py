"""Work that ends when the client leaves, for answers that are not streamed."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from starlette.requests import Request

from amalia.errors import RequestError

T = TypeVar("T")
_LOOK_EVERY_S = 0.25


async def until_gone(request: Request, work: Coroutine[Any, Any, T]) -> T:
    """Await something as long as somebody waits for it.

    Raises:
        RequestError: The client has left; the work was ended.
    """
    task = asyncio.ensure_future(work)
    try:
        while True:
            done, _ = await asyncio.wait((task,), timeout=_LOOK_EVERY_S)
            if done:
                return task.result()
            if await request.is_disconnected():
                raise RequestError("the client has left", status=499, code="cancelled")
    finally:
        if not task.done():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
