"""Run a server until it is told to stop: SIGTERM lets answers under way finish."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import threading
from collections.abc import Iterator, Sequence

import uvicorn

from amalia.serve.assembly import Built
from amalia.serve.connections import protocol

_KEEP_ALIVE_S = 75
_BACKLOG = 512


class Server(uvicorn.Server):
    """uvicorn's server, for which being told to stop is no failure."""

    def __init__(self, config: uvicorn.Config, held_open: Sequence[asyncio.Event]) -> None:
        """Take what ends connections that wait for nothing."""
        super().__init__(config)
        self._held_open = held_open

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let answers finish; whoever only keeps a connection open is let go first."""
        for event in self._held_open:
            event.set()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop at SIGTERM and Ctrl-C; uvicorn would raise them again once all is done."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        wanted = (signal.SIGTERM, signal.SIGINT)
        before = {number: signal.signal(number, self.handle_exit) for number in wanted}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def server(built: Built) -> Server:
    """Make the server of an application; ``run`` of it returns once it has stopped."""
    recipe = built.recipe
    return Server(
        uvicorn.Config(
            built.app,
            host=recipe.run.host,
            port=recipe.run.port,
            http=protocol(recipe.limits),
            ws="none",
            loop="uvloop",
            lifespan="on",
            access_log=False,
            log_config=None,
            server_header=False,
            backlog=_BACKLOG,
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=max(1, round(recipe.limits.drain_s)),
        ),
        built.held_open,
    )


def quiet() -> None:
    """Keep libraries from telling what the server says itself."""
    for name in ("uvicorn", "uvicorn.error", "httpx", "gradio"):
        logging.getLogger(name).setLevel(logging.WARNING)
