"""Engines behind addresses that answer alike: which are well, and which has least to do.

A replica is well when its ``/health`` says so, asked every few seconds and at once when a request to it has
failed. One that has just failed a request comes last for a while: whoever fails fast has always least to do,
and would otherwise draw every request.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import aiohttp
from pydantic_core import from_json

from amalia.errors import GenerationError, RequestError
from amalia.serve.engine import State

_log = logging.getLogger("amalia.serve")
_CHECK_TIMEOUT_S = 5.0
_DOUBT_S = 10.0


@dataclass(slots=True, eq=False)
class Replica:
    """One engine."""

    url: str
    """Up to the version."""
    session: aiohttp.ClientSession
    """The connections to it, which know its key and where it listens."""
    life: int = 0
    """Counts the processes that have been it, where they are ours."""
    model: str | None = None
    """What it calls the model, once it has told."""
    context_tokens: int | None = None
    is_well: bool = False
    detail: str = "not asked yet"
    process: str = ""
    """What its process does, where it is ours."""
    num_under_way: int = 0
    """Requests of this server; others it may have are not known."""
    doubted_until_s: float = 0.0

    def went_away(self, detail: str) -> None:
        """Know that it cannot answer, before it is asked."""
        self.is_well, self.detail = False, detail
        self.model = None  # what comes back may be another


@dataclass(slots=True)
class Replicas:
    """All engines of a server."""

    model: str | None
    check_every_s: float
    max_waiting: int
    members: list[Replica] = field(default_factory=list)
    _turn: int = 0
    _doubted: asyncio.Event = field(default_factory=asyncio.Event)

    @contextmanager
    def least_loaded(self, *, failed: Collection[Replica] = ()) -> Iterator[Replica]:
        """Take the replica that has least to do, for as long as a request lasts.

        Args:
            failed: Those that have failed this request; one of them only if there is no other.

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
        well = [member for member in self.members if member.is_well]
        if not well:
            raise GenerationError(
                f"no engine can answer: {self.state().detail}", reason="no_server"
            )
        # Among equals each in its turn.
        self._turn = (self._turn + 1) % len(well)
        at_s = time.monotonic()
        chosen = min(
            well[self._turn :] + well[: self._turn],
            key=lambda member: (
                member in failed, member.doubted_until_s > at_s, member.num_under_way
            ),
        )  # fmt: skip
        chosen.num_under_way += 1
        try:
            yield chosen
        finally:
            chosen.num_under_way -= 1

    def doubt(self, member: Replica) -> None:
        """Have a replica that failed a request looked at now, and let it come last for a while."""
        member.doubted_until_s = time.monotonic() + _DOUBT_S
        self._doubted.set()

    def lose(self, member: Replica, detail: str) -> None:
        """Ask a replica nothing more that could not even be reached, and have it looked at now."""
        member.went_away(detail)
        self._doubted.set()

    def state(self) -> State:
        """Say how many are well."""
        well = sum(member.is_well for member in self.members)
        ill = "; ".join(
            ", ".join(filter(None, (f"{member.url} {member.detail}".strip(), member.process)))
            for member in self.members
            if not member.is_well
        )
        return State(
            well > 0,
            f"{well} of {len(self.members)} engines are well" + (f" ({ill})" if ill else ""),
        )

    async def watch(self) -> None:
        """Ask every replica how it is, again and again, until cancelled."""
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._doubted.wait(), self.check_every_s)
            self._doubted.clear()
            await self.check_all()

    async def check_all(self) -> None:
        """Ask every replica how it is."""
        await asyncio.gather(*map(self.check, self.members))

    async def check(self, member: Replica) -> None:
        """Ask one replica how it is; learn its model when it is well for the first time."""
        before, life = member.is_well, member.life
        try:
            is_well, detail = True, await self._asked(member)
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            is_well, detail = False, f"cannot be reached ({type(error).__name__})"
        except ValueError as error:
            is_well, detail = False, str(error)
        if member.life != life:
            return  # it was started anew meanwhile
        if is_well:
            member.is_well, member.detail = True, detail
        else:
            member.went_away(detail)
        if before != is_well:
            _log.log(
                logging.INFO if is_well else logging.WARNING, "engine %s %s", member.url, detail
            )

    async def _asked(self, member: Replica) -> str:
        timeout = aiohttp.ClientTimeout(total=_CHECK_TIMEOUT_S)
        health = _root(member.url) + "/health"
        async with member.session.get(health, timeout=timeout, allow_redirects=False) as response:
            if response.status not in (200, 404):  # hosted services have no such address
                raise GenerationError(f"says {response.status} of its health")
            is_known = (
                member.model is not None
                and response.status == 200
                # Whoever fails may have been started anew with another model.
                and member.doubted_until_s < time.monotonic()
            )
        if not is_known:
            models = member.url + "/models"
            async with member.session.get(
                models, timeout=timeout, allow_redirects=False
            ) as response:
                if response.status != 200:
                    raise GenerationError(f"says {response.status} when asked for its models")
                self._learn(member, from_json(await response.read()))
        return "is well"

    def _learn(self, member: Replica, told: Any) -> None:
        listed = told.get("data") if isinstance(told, Mapping) else None
        cards = [
            card
            for card in (listed if isinstance(listed, list) else ())
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
