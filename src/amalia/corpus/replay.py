"""Captures asked of a web archive's replay, for example Arquivo.pt's, and kept as WARC files.

For what is not at hand as WARC files: a list of index entries is cut into blocks, and each block becomes one
file that ``read_archive`` reads like any other. A finished block is never asked for again; an unfinished one leaves
nothing but a ``.partial`` file. Who asks too much is told so (429) and waits; the pace is set beforehand.

A replay without frame and changes is asked for: ``BASE/<timestamp>id_/<address>``. It may point to a
capture of another second; that is followed as long as the address stays the same.

Not covered: replays that want a login, and answers that are themselves redirects (kept with their status).
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections import deque
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self
from urllib.parse import quote, urljoin

from pydantic import Field

from amalia.corpus.cdx import IndexEntry, surt_of
from amalia.corpus.drop import Drop
from amalia.corpus.warc_writer import Answered, write_warc
from amalia.errors import ArtifactError, MissingExtra
from amalia.recipe import Settings

if TYPE_CHECKING:
    import aiohttp
    from yarl import URL

STEP = "fetch_replay@1"
_AGAIN = frozenset({429, 500, 502, 503, 504})
_POINTS = frozenset({301, 302, 303, 307, 308})
_MAX_POINTS = 3
# Answers wait for earlier ones so that files are the same whoever is faster; so many may.
_WINDOW = 4
_SAFE = "!#$%&'()*+,/:;=?@[]~"


class ReplaySettings(Settings):
    """How a replay is asked."""

    base_url: str = Field(default="https://arquivo.pt/noFrame/replay", pattern=r"^https?://")
    """What stands before the timestamp."""
    user_agent: str = "amalia (open-source corpus building)"
    """What the replay's people see; say how to reach you."""
    max_requests_per_minute: float = Field(default=3960.0, gt=0)
    """Arquivo.pt allows 4,000; retries count too."""
    max_concurrent: int = Field(default=16, gt=0)
    """Requests at one time."""
    block_entries: int = Field(default=990, gt=0)
    """Captures a file."""
    num_retries: int = Field(default=5, ge=0)
    """For what may pass: 429, 500, 502, 503, 504, a lost connection, no answer in time."""
    timeout_s: float = Field(default=60.0, gt=0)
    """For one request, from connection to last byte."""
    first_wait_s: float = Field(default=1.0, gt=0)
    """Before the first retry; doubles each time. ``Retry-After`` may make it longer."""
    max_wait_s: float = Field(default=300.0, gt=0)
    """Longest wait, whatever ``Retry-After`` says."""
    max_body_bytes: int = Field(default=8 << 20, gt=0)
    """Of an answer as it goes over the wire."""
    max_failed_fraction: float = Field(default=0.05, ge=0, le=1)
    """A block in which more than this gave no answer at all is not finished, and is asked for by the next run."""


@dataclass(frozen=True, slots=True)
class Block:
    """A finished block of captures."""

    path: Path
    """WARC file with an answer for every entry but the dropped ones, in their order."""
    drops: tuple[Drop, ...]
    """What gave no answer, or one too large."""
    num_entries: int
    is_new: bool
    """Whether it was asked for just now."""


class Replay:
    """A replay that is asked at a set pace; use as an async context manager."""

    def __init__(self, settings: ReplaySettings) -> None:
        self.settings = settings
        self._pace = _Pace(60.0 / settings.max_requests_per_minute)
        self._places = asyncio.Semaphore(settings.max_concurrent)
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        try:
            import aiohttp
        except ImportError as error:
            raise MissingExtra("asking a web archive", "corpus") from error
        self._session = aiohttp.ClientSession(
            # Bodies stay encoded as they came; reading the file decodes them, with a limit.
            auto_decompress=False,
            headers={"User-Agent": self.settings.user_agent, "Accept-Encoding": "gzip"},
            timeout=aiohttp.ClientTimeout(total=self.settings.timeout_s),
            connector=aiohttp.TCPConnector(limit=self.settings.max_concurrent),
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def fetch_block(self, entries: Sequence[IndexEntry], folder: Path) -> Block:
        """Ask for captures and keep them in a file of their own; as the function of this name."""
        path = folder / f"replay-{_name(entries)}.warc.gz"
        notes = path.with_name(f"{path.name}.drops.jsonl")
        if path.is_file():
            lines = notes.read_text("utf-8").splitlines() if notes.is_file() else []
            drops = tuple(Drop(**json.loads(line)) for line in lines)
            return Block(path, drops, len(entries), is_new=False)
        folder.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f"{path.name}.partial")
        num_answers, missing = await self._answers(entries, partial)
        failed = [drop for drop in missing if drop.reason == "no_answer"]
        if len(failed) > self.settings.max_failed_fraction * len(entries):
            partial.unlink()
            raise ArtifactError(
                f"{len(failed)} of {len(entries)} captures gave no answer, the last one {failed[-1].detail}; "
                f"expected {self.settings.max_failed_fraction:.0%} at most; run it again when the archive answers"
            )
        assert num_answers + len(missing) == len(entries)
        if missing:
            text = "".join(json.dumps(asdict(drop), ensure_ascii=False) + "\n" for drop in missing)
            unfinished = notes.with_name(f"{notes.name}.partial")
            unfinished.write_text(text, "utf-8")
            unfinished.replace(notes)
        partial.replace(path)
        return Block(path, tuple(missing), len(entries), is_new=True)

    async def _answers(
        self, entries: Sequence[IndexEntry], partial: Path
    ) -> tuple[int, list[Drop]]:
        """Write answers in the order of the entries; gives how many, and what is missing."""
        drops = list[Drop]()
        waiting = deque[asyncio.Task[Answered | Drop]]()
        coming = iter(entries)
        num_answers = 0
        try:
            with partial.open("wb") as file:
                while True:
                    room = _WINDOW * self.settings.max_concurrent - len(waiting)
                    waiting.extend(
                        asyncio.create_task(self._ask(entry)) for entry in islice(coming, room)
                    )
                    if not waiting:
                        break
                    found = await waiting[0]
                    waiting.popleft()
                    if isinstance(found, Drop):
                        drops.append(found)
                    else:
                        write_warc(file, found)
                        num_answers += 1
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
            raise
        return num_answers, drops

    async def _ask(self, entry: IndexEntry) -> Answered | Drop:
        wait_s = self.settings.first_wait_s
        problem = ""
        async with self._places:
            for attempt in range(self.settings.num_retries + 1):
                if attempt:
                    await asyncio.sleep(min(wait_s, self.settings.max_wait_s))
                    wait_s *= 2
                found = await self._ask_once(entry)
                if not isinstance(found, _Later):
                    return found
                problem = found.problem
                if found.wait_s:
                    wait_s = max(wait_s, found.wait_s)
                    self._pace.pause(min(found.wait_s, self.settings.max_wait_s))
        detail = f"{problem} (asked {self.settings.num_retries + 1} times)"
        return Drop(entry.url, "no_answer", STEP, detail)

    async def _ask_once(self, entry: IndexEntry) -> Answered | Drop | _Later:
        import aiohttp

        assert self._session is not None, "use it as an async context manager"
        address = replay_address(entry, self.settings.base_url)
        surt = surt_of(entry.url)
        try:
            for _ in range(_MAX_POINTS + 1):
                await self._pace.wait()
                async with self._session.get(_encoded(address), allow_redirects=False) as response:
                    if response.status in _AGAIN:
                        after = response.headers.get("Retry-After", "")
                        return _Later(f"status {response.status}", _wait_s(after))
                    target = urljoin(address, response.headers.get("Location", ""))
                    if response.status in _POINTS and _asked_of(target) == surt:
                        address = target
                        continue
                    body = await _body(response, self.settings.max_body_bytes)
                    if body is None:
                        detail = f"more than {self.settings.max_body_bytes} bytes"
                        return Drop(entry.url, "too_large", STEP, detail)
                    return Answered(
                        url=entry.url,
                        captured_at=entry.captured_at,
                        status=response.status,
                        media_type=response.headers.get("Content-Type", entry.media_type),
                        encoding=response.headers.get("Content-Encoding", ""),
                        body=body,
                    )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            return _Later(f"{type(error).__name__}: {error}".rstrip(": "), 0.0)
        return Drop(entry.url, "http_status", STEP, f"pointed on {_MAX_POINTS} times")


async def fetch_block(
    entries: Sequence[IndexEntry], settings: ReplaySettings, folder: Path
) -> Block:
    """Ask a replay for captures and keep them in one WARC file.

    Args:
        entries: At least one; the file is named by them, so the same ones are asked for once.
        settings: How to ask.
        folder: Where the file goes; made if missing.

    Raises:
        ArtifactError: Too many gave no answer. Nothing is kept then.
        MissingExtra: ``amalia[corpus]`` is not installed.
    """
    async with Replay(settings) as replay:
        return await replay.fetch_block(entries, folder)


async def fetch_blocks(
    entries: Iterable[IndexEntry], settings: ReplaySettings, folder: Path
) -> AsyncIterator[Block]:
    """Ask for any number of captures, block by block at one pace; as ``fetch_block``."""
    async with Replay(settings) as replay:
        for block in _blocks(entries, settings.block_entries):
            yield await replay.fetch_block(block, folder)


def replay_address(entry: IndexEntry, base_url: str) -> str:
    """Say where a capture is to be had as it was, without frame and changed links."""
    return f"{base_url.rstrip('/')}/{entry.timestamp}id_/{entry.url}"


@dataclass(frozen=True, slots=True)
class _Later:
    """No answer yet."""

    problem: str
    wait_s: float


class _Pace:
    """The time between requests."""

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._next = 0.0

    async def wait(self) -> None:
        """Wait for the next free moment."""
        loop = asyncio.get_running_loop()
        moment = max(loop.time(), self._next)
        self._next = moment + self._every_s
        await asyncio.sleep(max(0.0, moment - loop.time()))

    def pause(self, seconds: float) -> None:
        """Let nobody ask for a while."""
        self._next = max(self._next, asyncio.get_running_loop().time() + seconds)


async def _body(response: aiohttp.ClientResponse, max_bytes: int) -> bytes | None:
    parts, size = list[bytes](), 0
    async for part in response.content.iter_chunked(1 << 16):
        size += len(part)
        if size > max_bytes:
            return None
        parts.append(part)
    return b"".join(parts)


def _asked_of(address: str) -> str:
    """Give the SURT of what a replay address is of; empty if it is none."""
    _, separator, url = address.partition("id_/")
    return surt_of(url) if separator else ""


def _encoded(address: str) -> URL:
    # As it stands: the archive compares addresses letter by letter.
    from yarl import URL

    return URL(quote(address, safe=_SAFE), encoded=True)


def _wait_s(text: str) -> float:
    """Read ``Retry-After``: seconds or a date; 0 for anything else."""
    if text.strip().isdecimal():
        return float(text[:9])
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def _name(entries: Sequence[IndexEntry]) -> str:
    lines = "".join(f"{entry.timestamp} {entry.url}\n" for entry in entries)
    return hashlib.sha256(lines.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def _blocks(entries: Iterable[IndexEntry], size: int) -> Iterator[list[IndexEntry]]:
    coming = iter(entries)
    while block := list(islice(coming, size)):
        yield block
