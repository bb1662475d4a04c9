"""A server of ours in a thread, on a loopback port that is free."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amalia.serve.assembly import Built, build
from amalia.serve.recipe import ServeRecipe
from amalia.serve.running import Server, server


@dataclass(frozen=True)
class Running:
    url: str
    built: Built
    server: Server
    log: Path

    @property
    def api(self) -> str:
        return self.url + "/v1"


def recipe(log: Path, **more: Any) -> ServeRecipe:
    """A small server: scripted, without a page, its log in a folder of the test."""
    tree = {
        "engine": "scripted",
        "page": False,
        "embeddings": False,
        "audit": {"log": str(log)},
        "pictures": {"workers": 1},
        "run": {"port": 0},
        **more,
    }
    return ServeRecipe.model_validate(tree)


@contextlib.contextmanager
def running(made: ServeRecipe, folder: Path) -> Iterator[Running]:
    built = build(made, folder=folder)
    running = server(built)
    listening = running.config.bind_socket()
    port = listening.getsockname()[1]
    thread = threading.Thread(target=running.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    deadline = time.monotonic() + 60
    while not running.started:
        assert thread.is_alive(), "the server did not start"
        assert time.monotonic() < deadline, "the server took a minute to start"
        time.sleep(0.01)
    try:
        yield Running(f"http://127.0.0.1:{port}", built, running, Path(made.audit.log))
    finally:
        running.should_exit = True
        thread.join(30)
        listening.close()
        assert not thread.is_alive(), "the server did not stop"
