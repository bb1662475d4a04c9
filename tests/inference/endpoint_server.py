"""A server on this machine that answers from a script, also in all the ways a server should not."""

from __future__ import annotations

import json
import socket
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from typing import Any, Self

import make

from amalia.inference.endpoint import Endpoint, EndpointSettings
from amalia.inference.endpoint_transport import Pauses
from amalia.records import Conversation, Row

Body = dict[str, Any]


def said(text: str | None, **more: Any) -> Body:
    """A chat completion."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}}
    usage = {"prompt_tokens": 11, "completion_tokens": 3, "total_tokens": 14}
    return {"choices": [choice | {"finish_reason": "stop"} | more], "usage": usage}


@dataclass
class Reply:
    """What one request gets."""

    body: Body | bytes = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    cut_bytes: int = 0
    """So many bytes at the end are promised and not sent."""
    hangs_up: bool = False
    """Nothing is sent at all."""
    waits: bool = False
    """Nothing is sent until the server closes."""
    pieces: tuple[bytes, ...] = ()
    """Sent one by one, without saying how many bytes there will be."""


class Server(ThreadingHTTPServer):
    """Gives the scripted replies in turn, then what ``answer`` makes of the question."""

    daemon_threads = False  # so that closing waits for them

    def __init__(self, *replies: Reply | Body, models: Reply | Body | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.replies = deque(replies)
        self.models: Reply | Body = models or {"object": "list", "data": [{"id": "amalia-vl"}]}
        self.answer: Callable[[Body], Reply | Body] = lambda body: said(question(body))
        self.asked: list[Body] = []
        self.headers: list[Mapping[str, str]] = []
        self.closing = threading.Event()
        self.left = threading.Event()
        """Somebody went away in the middle of an answer."""
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """End every thread; those that wait for a client end because the client has."""
        self.closing.set()
        self.shutdown()
        self._thread.join()
        self.server_close()

    def handle_error(self, *_: object) -> None:
        self.left.set()


NOON = 1_800_000_000.0


class Slept(list):
    """A sleep that only remembers."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def connect(server: Server, slept: Slept | None = None, **settings: Any) -> Endpoint:
    """Connect to a server, at noon, without a pause that takes time."""
    settings = {"url": server.url, "retries": 0, **settings}
    sleep = Slept() if slept is None else slept
    pauses = Pauses(sleep=sleep, now=lambda: NOON, random=Random(0))
    return Endpoint.connect(EndpointSettings(**settings), pauses=pauses)


def ask(text: str = "Que animal é este?", id: str = "c1") -> Row[Conversation]:
    """A question without a picture."""
    return make.conversation(("user", text), id=id)


def question(body: Body) -> str:
    """The text of the last turn."""
    content = body["messages"][-1]["content"]
    if isinstance(content, str):
        return content
    return "".join(part.get("text", "") for part in content)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def do_GET(self) -> None:
        self.server.headers.append(dict(self.headers))
        assert self.path == "/v1/models", self.path
        self._send(self.server.models)

    def do_POST(self) -> None:
        assert self.path == "/v1/chat/completions", self.path
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            self.server.asked.append(body)
            reply = self.server.replies.popleft() if self.server.replies else None
        self._send(reply or self.server.answer(body))

    def _send(self, reply: Reply | Body) -> None:
        reply = reply if isinstance(reply, Reply) else Reply(reply)
        if reply.waits:
            self._wait()
        if reply.hangs_up or reply.waits:
            self.close_connection = True
            return
        body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.pieces:
            self.close_connection = True
            self.end_headers()
            for piece in reply.pieces:
                self.wfile.write(piece)
            return
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) - reply.cut_bytes])
        self.close_connection = self.close_connection or reply.cut_bytes > 0

    def _wait(self) -> None:
        """Wait until the server closes or the client has gone."""
        self.connection.settimeout(0.01)
        while not self.server.closing.is_set():
            try:
                if not self.connection.recv(1, socket.MSG_PEEK):
                    self.server.left.set()
                    return
            except TimeoutError:
                continue

    def log_message(self, *_: object) -> None:
        """Say nothing."""
