"""A server with OpenAI's interface that answers from a script, also in the ways an engine should not."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Body = dict[str, Any]


@dataclass
class Reply:
    """What one request gets."""

    events: Sequence[Body | bytes] = ()
    """One a piece of the stream; bytes are sent as they are."""
    status: int = 200
    body: Body | bytes = b""
    """Of a status other than 200."""
    pause_s: float = 0.0
    """Before each event."""
    is_cut: bool = False
    """The connection breaks after the last event."""
    is_done: bool = True
    """Whether the stream says that it is done."""
    waits: bool = False
    """Nothing comes after the events."""
    headers: Mapping[str, str] = field(default_factory=dict)


def chunk(text: str = "", *, index: int = 0, finish: str | None = None, **more: Any) -> Body:
    """A piece of a streamed chat answer; ``delta`` and ``logprobs`` by name."""
    delta = {"content": text, **more.pop("delta", {})}
    choice = {"index": index, "delta": delta, "finish_reason": finish, **more}
    return {"object": "chat.completion.chunk", "choices": [choice]}


def text_chunk(text: str, *, index: int = 0, finish: str | None = None, **more: Any) -> Body:
    """A piece of a streamed completion."""
    choice = {"index": index, "text": text, "finish_reason": finish, **more}
    return {"object": "text_completion", "choices": [choice]}


def usage(prompt: int = 11, answer: int = 3) -> Body:
    """The event with the counts."""
    total = prompt + answer
    counts = {"prompt_tokens": prompt, "completion_tokens": answer, "total_tokens": total}
    return {"choices": [], "usage": counts}


def said(*texts: str, **more: Any) -> Reply:
    """A chat answer in so many pieces, with all that belongs to it."""
    first = chunk(delta={"role": "assistant"})
    middle = [chunk(text) for text in texts]
    return Reply([first, *middle, chunk(finish="stop"), usage()], **more)


class FakeEngine:
    """An engine in a thread of its own."""

    def __init__(self, *, model: str = "ensaio", port: int = 0) -> None:
        self.port = port
        self.replies: deque[Reply] = deque()
        """The next ones; then what ``answer`` gives."""
        self.answer: Callable[[Body], Reply] = lambda _: said("Olá", ", ", "mundo.")
        self.asked: list[Body] = []
        self.paths: list[str] = []
        self.headers: list[Mapping[str, str]] = []
        self.num_left = 0
        """Requests whose client went away."""
        self.num_under_way = 0
        self.most_under_way = 0
        self.num_checks = 0
        self.health = 200
        self.models: Any = {"data": [{"id": model, "max_model_len": 1024}]}
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    def start(self) -> None:
        ready = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(ready,), daemon=True)
        self._thread.start()
        assert ready.wait(10), "the engine did not start"

    def stop(self) -> None:
        """End it as a crash would: connections break, the port refuses."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._ended.set)
        self._thread.join(10)
        assert not self._thread.is_alive(), "the engine did not stop"

    def _run(self, ready: threading.Event) -> None:
        asyncio.run(self._serve(ready))

    async def _serve(self, ready: threading.Event) -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        self._open: dict[int, web.Request] = {}
        app = web.Application(client_max_size=2**26)
        app.router.add_get("/health", self._health)
        app.router.add_get("/v1/models", self._models)
        for path in ("/v1/chat/completions", "/v1/completions"):
            app.router.add_post(path, self._answered)
        runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", self.port, reuse_address=True)
        await site.start()
        self.port = runner.addresses[0][1]
        ready.set()
        await self._ended.wait()
        for request in list(self._open.values()):
            _cut(request)
        await runner.cleanup()

    async def _health(self, _: web.Request) -> web.Response:
        self.num_checks += 1
        return web.Response(status=self.health)

    async def _models(self, _: web.Request) -> web.Response:
        return web.json_response(self.models)

    async def _answered(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        self.asked.append(body)
        self.paths.append(request.path)
        self.headers.append(dict(request.headers))
        reply = self.replies.popleft() if self.replies else self.answer(body)
        self._open[id(request)] = request
        self.num_under_way += 1
        self.most_under_way = max(self.most_under_way, self.num_under_way)
        try:
            return await self._replied(request, reply)
        except (asyncio.CancelledError, ConnectionError):
            self.num_left += 1
            raise
        finally:
            self.num_under_way -= 1
            del self._open[id(request)]

    async def _replied(self, request: web.Request, reply: Reply) -> web.StreamResponse:
        if reply.status != 200:
            told = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
            return web.Response(status=reply.status, body=told, headers=reply.headers)
        headers = {"Content-Type": "text/event-stream", **reply.headers}
        response = web.StreamResponse(headers=headers)
        if reply.events or not (reply.is_cut or reply.waits):
            await response.prepare(request)
        for event in reply.events:
            if reply.pause_s:
                await asyncio.sleep(reply.pause_s)
            is_raw = isinstance(event, bytes)
            data = event if is_raw else b"data: " + json.dumps(event).encode() + b"\n\n"
            await response.write(data)
        if reply.waits:
            await asyncio.sleep(3600)
        if reply.is_cut:
            await asyncio.sleep(0.02)  # so that what was written is on its way
            _cut(request)
            return response
        if reply.is_done:
            await response.write(b"data: [DONE]\n\n")
        return response


def _cut(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


@contextmanager
def engines(num: int = 1) -> Iterator[list[FakeEngine]]:
    """Give so many engines while the block runs."""
    made = [FakeEngine() for _ in range(num)]
    for engine in made:
        engine.start()
    try:
        yield made
    finally:
        for engine in made:
            with suppress(AssertionError, RuntimeError):  # the test may have ended it
                engine.stop()
