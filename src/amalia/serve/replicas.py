"""Engines behind addresses that answer alike: which are well, and which has least to do."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import aiohttp
from pydantic_core import from_json

from amalia.errors import GenerationError, RequestError
from amalia.serve.engine import State

_CHECK_TIMEOUT_S = 5.0


@dataclass(slots=True)
class Replica:
    """One engine."""

    url: str
    """Up to the version."""
    model: str | None = None
    """What it calls the model, once it has told."""
    context_tokens: int | None = None
    is_well: bool = False
    detail: str = "not asked yet"
    num_under_way: int = 0
    """Requests of this server; others it may have are not known."""


@dataclass(slots=True)
class Replicas:
    """All engines of a server."""

    session: aiohttp.ClientSession
    model: str | None
    check_every_s: float
    max_waiting: int
    members: list[Replica] = field(default_factory=list)
    _turn: int = 0

    @contextmanager
    def least_loaded(self, *, tried: Sequence[Replica] = ()) -> Iterator[Replica]:
        """Take the replica that has least to do, for as long as a request lasts.

        Args:
            tried: Those that have failed this request.

        Raises:
            RequestError: Too many requests are under way (429).
            GenerationError: None is well.
        """
        if sum(member.num_under_way for member in self.members) >= self.max_waiting:
            raise RequestError(
                f"{self.max_waiting} requests are under way; ask again soon",
                status=429,
                code="queue_full",
                retry_after_s=1.0,
            )
        # Among equals each in its turn.
        self._turn += 1
        order = (
            self.members[self._turn % len(self.members) :]
            + self.members[: self._turn % len(self.members)]
        )
        well = [member for member in order if member.is_well and member not in tried]
        if not well:
            raise GenerationError(
                f"no engine can answer: {self.state().detail}", reason="no_server"
            )
        chosen = min(well, key=lambda member: member.num_under_way)
        chosen.num_under_way += 1
        try:
            yield chosen
        finally:
            chosen.num_under_way -= 1

    def state(self) -> State:
        """Say how many are well."""
        well = sum(member.is_well for member in self.members)
        ill = "; ".join(
            f"{member.url} {member.detail}" for member in self.members if not member.is_well
        )
        return State(
            well > 0,
            f"{well} of {len(self.members)} engines are well" + (f" ({ill})" if ill else ""),
        )

    async def watch(self) -> None:
        """Ask every replica how it is, again and again, until cancelled."""
        while True:
            await asyncio.gather(*(self.check(member) for member in list(self.members)))
            await asyncio.sleep(self.check_every_s)

    async def check(self, member: Replica) -> None:
        """Ask one replica how it is; learn its model when it is well for the first time."""
        timeout = aiohttp.ClientTimeout(total=_CHECK_TIMEOUT_S)
        try:
            async with self.session.get(_root(member.url) + "/health", timeout=timeout) as response:
                if response.status not in (200, 404):  # hosted services have no such address
                    member.is_well, member.detail = False, f"says {response.status} of its health"
                    return
            if member.model is None:
                async with self.session.get(member.url + "/models", timeout=timeout) as response:
                    if response.status != 200:
                        raise GenerationError(f"says {response.status} when asked for its models")
                    self._learn(member, from_json(await response.read()))
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            member.is_well, member.detail = False, f"cannot be reached ({type(error).__name__})"
        except (GenerationError, ValueError) as error:
            member.is_well, member.detail = False, str(error)
        else:
            member.is_well, member.detail = True, "is well"

    def _learn(self, member: Replica, told: Any) -> None:
        listed = told.get("data") if isinstance(told, Mapping) else None
        cards = [
            card
            for card in listed or ()
            if isinstance(card, Mapping) and isinstance(card.get("id"), str)
        ]
        names = sorted(card["id"] for card in cards)
        wanted = self.model or (names[0] if len(names) == 1 else None)
        if wanted not in names:
            raise GenerationError(
                f"has {', '.join(names[:8]) or 'no models'}; expected "
                f"{self.model or 'one model'}; set engine.model"
            )
        card = next(card for card in cards if card["id"] == wanted)
        length = card.get("max_model_len")
        member.model = wanted
        member.context_tokens = length if isinstance(length, int) and length > 0 else None


async def stopped(task: asyncio.Task[Any]) -> None:
    """Cancel a task and wait until it has ended."""
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def _root(url: str) -> str:
    """Give the address without its version."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc, parts.path.removesuffix("/v1"), "", ""))
