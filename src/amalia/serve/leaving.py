"""Work that ends when the client leaves."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from starlette.types import Receive

from amalia.errors import RequestError


@contextlib.asynccontextmanager
async def while_there(receive: Receive) -> AsyncIterator[None]:
    """Do something as long as somebody waits for it.

    Args:
        receive: Of a request whose body has been read: nothing comes from it but that the client has left.

    Raises:
        RequestError: The client has left; what was done within was cancelled.
    """
    task = asyncio.current_task()
    assert task is not None
    has_left = False

    async def watch() -> None:
        nonlocal has_left
        while (await receive())["type"] != "http.disconnect":
            pass
        has_left = True
        task.cancel()

    watching = asyncio.create_task(watch())
    try:
        yield
    except asyncio.CancelledError:
        # Somebody else may have cancelled it as well, a server that stops: theirs goes on.
        if has_left and not task.uncancel():
            raise RequestError("the client has left", status=499, code="cancelled") from None
        raise
    finally:
        watching.cancel()
