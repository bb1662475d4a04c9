"""An engine behind an address: vLLM, a server of llama.cpp, any other with OpenAI's interface.

Requests are always streamed from the engine, whatever the client wants, so that a client that leaves ends
the work at once. A request that an engine refuses before it has said anything is not asked again. One that
breaks off before is asked once more, of another replica if there is one: not oftener, for it may be the
request that breaks engines. A replica that nobody reaches has not seen it, and does not count.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import aiohttp

from amalia.errors import GenerationError
from amalia.inference.endpoint import key_of
from amalia.serve import remote_wire as wire
from amalia.serve.engine import Asked, Feature, Piece, State, Usage
from amalia.serve.recipe import LlamaCpp, Vllm
from amalia.serve.replicas import Replica, Replicas, stopped
from amalia.serve.vllm_process import Fleet

_log = logging.getLogger("amalia.serve")
_SILENT_S = 300.0
"""An engine that says nothing for so long is taken for dead; the deadline of the request comes first."""
_IDLE_S = 3.0
"""How long a connection is kept for the next request: less than vLLM keeps it (5 s), for a request that
meets an engine hanging up would have to be asked again."""
_MAX_REFUSAL_BYTES = 2**16
_FEATURES: frozenset[Feature] = frozenset(
    {
        "completions", "n", "seed", "penalties", "logprobs", "json_object", "json_schema", "tools", "logit_bias",
        "pictures",
    }
)  # fmt: skip


class RemoteEngine:
    """Asks engines of the same model."""

    def __init__(self, settings: Vllm | LlamaCpp, fleet: Fleet | None = None) -> None:
        """Keep where to ask.

        Args:
            settings: Addresses and what is passed on.
            fleet: Processes to start; None when somebody else has started them.
        """
        self.features = _FEATURES
        self._settings = settings
        self._fleet = fleet
        self._replicas: Replicas | None = None
        self._watching: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        """Model and kind of engine."""
        known = next((member.model for member in self._members() if member.model), None)
        return f"{known or self._settings.model or 'model'}@{self._settings.kind}"

    @property
    def context_tokens(self) -> int | None:
        """What the engine tells."""
        return next(
            (member.context_tokens for member in self._members() if member.context_tokens), None
        )

    async def start(self) -> None:
        """Start the processes, if they are ours, and begin to look after all replicas.

        Raises:
            GenerationError: The key is not set, or a process cannot be started.
        """
        settings = self._settings
        replicas = Replicas(settings.model, settings.check_every_s, settings.max_waiting)
        self._replicas = replicas
        if self._fleet is None:
            connections = _connections(key_of(", ".join(settings.urls), settings.key_env))
            replicas.members += (Replica(url, connections) for url in settings.urls)
        else:
            replicas.members += (
                Replica(f"http://vllm-{number}/v1", _connections(self._fleet.key, listening))
                for number, listening in enumerate(self._fleet.sockets)
            )
            self._fleet.start(replicas.members)
        await replicas.check_all()
        self._watching = asyncio.create_task(replicas.watch())

    async def close(self, drain_s: float) -> None:
        """Wait for what is under way, then end connections and processes."""
        ends_s = asyncio.get_running_loop().time() + drain_s
        while any(member.num_under_way for member in self._members()):
            if asyncio.get_running_loop().time() >= ends_s:
                break
            await asyncio.sleep(0.05)
        if self._watching is not None:
            await stopped(self._watching)
        for session in {member.session for member in self._members()}:
            await session.close()
        if self._fleet is not None:
            await self._fleet.close()

    def state(self) -> State:
        """Say how many replicas are well."""
        return State(False, "not started") if self._replicas is None else self._replicas.state()

    async def answer(self, asked: Asked) -> AsyncGenerator[Piece | Usage]:
        """Ask a replica; once more if it breaks off before it has said anything.

        Raises:
            RequestError: The engine refuses the request, or too many are under way.
            GenerationError: No replica answers, or one broke off in the middle.
        """
        assert self._replicas is not None
        failed: set[Replica] = set()
        while True:
            has_begun = False
            with self._replicas.least_loaded(failed=failed) as replica:
                try:
                    async with aclosing(self._asked(replica, asked)) as items:
                        async for item in items:
                            has_begun = True
                            yield item
                    return
                except aiohttp.ClientConnectorError as error:
                    self._replicas.lose(replica, f"cannot be reached ({type(error).__name__})")
                except (aiohttp.ClientError, TimeoutError, GenerationError) as error:
                    self._replicas.doubt(replica)
                    told = _told(replica, error)
                    _log.warning("trace %s: %s", asked.id, told)
                    if has_begun or failed or told.reason == "http_500":
                        raise told from error
                    failed.add(replica)

    def _members(self) -> Sequence[Replica]:
        return self._replicas.members if self._replicas is not None else ()

    async def _asked(self, replica: Replica, asked: Asked) -> AsyncGenerator[Piece | Usage]:
        num_copies = wire.num_copies(asked)
        path, body = wire.question(asked, replica.model, self._settings.extra)
        request = replica.session.post(
            replica.url + path,
            data=body,
            headers={"Content-Type": "application/json"},
            allow_redirects=False,
        )
        async with request as response:
            if response.status != 200:
                said = await response.content.read(_MAX_REFUSAL_BYTES)
                raise wire.refused(response.status, said, replica.url)
            stream = wire.Stream(replica.url)
            while not stream.is_done:
                data = await response.content.readany()
                if not data:
                    raise GenerationError(
                        f"{replica.url} ended the stream before it was done", reason="malformed"
                    )
                for piece in stream.push(data):
                    yield piece
                    for copy in range(1, num_copies):
                        yield replace(piece, choice=copy)
            await response.content.readany()  # to its end, so that the connection serves again
            counts = stream.usage
            yield Usage(counts.num_prompt_tokens, counts.num_answer_tokens * num_copies)


def _connections(key: str | None, listening: Path | None = None) -> aiohttp.ClientSession:
    """Make what holds the connections to one engine, or to several behind addresses.

    Args:
        key: Sent with every request.
        listening: Socket file where the engine listens; None for addresses.
    """
    connector: aiohttp.BaseConnector
    if listening is None:
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=_IDLE_S)
    else:
        connector = aiohttp.UnixConnector(str(listening), limit=0, keepalive_timeout=_IDLE_S)
    return aiohttp.ClientSession(
        headers={"Authorization": f"Bearer {key}"} if key else {},
        connector=connector,
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=5.0, sock_read=_SILENT_S),
        trust_env=False,
    )


def _told(replica: Replica, error: Exception) -> GenerationError:
    if isinstance(error, GenerationError):
        return error
    return GenerationError(
        f"{replica.url} broke off ({type(error).__name__}: {error})", reason="no_connection"
    )
