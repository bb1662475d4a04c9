"""What a server does once a day: forget what its log need no longer keep."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator

from amalia.errors import AmaliaError
from amalia.serve.audit import Log
from amalia.serve.replicas import stopped

_log = logging.getLogger("amalia.serve")
_EVERY_S = 24 * 3600.0


@contextlib.asynccontextmanager
async def kept_clean(log: Log) -> AsyncIterator[None]:
    """Purge the log now and once a day, as long as the server runs."""

    async def clean() -> None:
        while True:
            try:
                purged = await asyncio.to_thread(log.purge)
                _log.info("the log was purged: %s", purged)
            except (
                AmaliaError
            ) as error:  # tomorrow is another day; the log says itself when it is full
                _log.error("the log could not be purged: %s", error)
            await asyncio.sleep(_EVERY_S)

    task = asyncio.create_task(clean())
    try:
        yield
    finally:
        await stopped(task)
