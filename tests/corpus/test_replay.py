"""Captures asked of a replay on this machine, which answers as Arquivo.pt would, or worse."""

from __future__ import annotations

import asyncio
import gzip
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import make_archives as make
import pytest
from aiohttp import web

from amalia.corpus import replay
from amalia.corpus.archive import ArchiveLimits, read_archive
from amalia.corpus.capture import Capture
from amalia.corpus.cdx import IndexEntry, surt_of
from amalia.corpus.drop import Drop
from amalia.corpus.replay import Block, ReplaySettings, fetch_blocks, replay_address
from amalia.errors import ArtifactError

MOMENT = datetime(2009, 5, 4, 10, 20, 30, tzinfo=UTC)
Answer = Callable[[web.Request, int], Awaitable[web.StreamResponse]]


def entry(url: str, *, second: int = 30) -> IndexEntry:
    moment = MOMENT.replace(second=second)
    return IndexEntry(surt_of(url), moment, url, "text/html", 200, "", None, None, "")


def entries(number: int) -> list[IndexEntry]:
    return [entry(f"http://jornal.example.pt/{n}") for n in range(number)]


async def page(request: web.Request, _time: int) -> web.StreamResponse:
    """What a replay answers: the page says its address."""
    text = request.path.partition("id_/")[2]
    return web.Response(body=make.page(text), content_type="text/html", charset="utf-8")


class Archive:
    """A replay that notes what it was asked."""

    def __init__(self, answer: Answer = page) -> None:
        self.answer = answer
        self.asked = Counter[str]()
        self.most_at_once = self._now = 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        url = request.raw_path.partition("id_/")[2]
        self.asked[url] += 1
        self._now += 1
        self.most_at_once = max(self.most_at_once, self._now)
        try:
            return await self.answer(request, self.asked[url])
        finally:
            self._now -= 1


def fetch(archive: Archive, wanted: list[IndexEntry], folder: Path, **settings: Any) -> list[Block]:
    """Ask for captures; waits are short unless a test says otherwise."""

    async def run() -> list[Block]:
        app = web.Application()
        app.router.add_get("/{tail:.*}", archive.handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        known = {"max_requests_per_minute": 1e6, "first_wait_s": 0.001, "max_wait_s": 0.05}
        told = ReplaySettings(
            base_url=f"http://127.0.0.1:{port}/noFrame/replay", **(known | settings)
        )
        try:
            return [block async for block in fetch_blocks(wanted, told, folder)]
        finally:
            await runner.cleanup()

    return asyncio.run(run())


def read(path: Path) -> list[Capture | Drop]:
    return list(read_archive(path, collection="AWP1", limits=ArchiveLimits()))


def test_a_block_is_a_web_archive_in_the_order_of_its_entries(tmp_path: Path) -> None:
    async def slow_first(request: web.Request, time: int) -> web.StreamResponse:
        await asyncio.sleep(0.05 if request.path.endswith("/0") else 0)
        return await page(request, time)

    (block,) = fetch(Archive(slow_first), entries(5), tmp_path)
    assert (block.num_entries, block.drops, block.is_new) == (5, (), True)
    captures = read(block.path)
    assert [one.url for one in captures if isinstance(one, Capture)] == [
        f"http://jornal.example.pt/{n}" for n in range(5)
    ]
    first = captures[0]
    assert isinstance(first, Capture)
    assert first.captured_at == MOMENT
    assert (first.media_type, first.charset) == ("text/html", "utf-8")
    assert first.body == make.page("http://jornal.example.pt/0")
    assert list(tmp_path.iterdir()) == [block.path]


def test_two_runs_give_the_same_bytes(tmp_path: Path) -> None:
    (one,) = fetch(Archive(), entries(8), tmp_path / "1", max_concurrent=1)
    (other,) = fetch(Archive(), entries(8), tmp_path / "2", max_concurrent=8)
    assert one.path.name == other.path.name
    assert one.path.read_bytes() == other.path.read_bytes()


def test_addresses_go_out_as_they_stand(tmp_path: Path) -> None:
    urls = [
        "http://a.pt/?b=1&c=%20d",
        "http://a.pt/%E1/ponto%2Fponto",
        "https://a.pt/não",
        "http://a.pt//x/../y",
    ]
    archive = Archive()
    fetch(archive, [entry(url) for url in urls], tmp_path)
    assert set(archive.asked) == {*urls[:2], "https://a.pt/n%C3%A3o", urls[3]}


def test_the_address_of_a_capture() -> None:
    assert (
        replay_address(entry("http://a.pt/x"), "https://arquivo.pt/noFrame/replay/")
        == "https://arquivo.pt/noFrame/replay/20090504102030id_/http://a.pt/x"
    )


def test_a_finished_block_is_not_asked_for_again(tmp_path: Path) -> None:
    fetch(Archive(), entries(4), tmp_path, block_entries=2)
    archive = Archive()
    blocks = fetch(archive, entries(6), tmp_path, block_entries=2)
    assert [block.is_new for block in blocks] == [False, False, True]
    assert sorted(archive.asked) == ["http://jornal.example.pt/4", "http://jornal.example.pt/5"]


def test_what_is_broken_off_is_asked_for_by_the_next_run(tmp_path: Path) -> None:
    def full_disk(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(replay, "write_warc", full_disk)
        with pytest.raises(OSError, match="No space left"):
            fetch(Archive(), entries(40), tmp_path, max_concurrent=2)
    (left,) = tmp_path.iterdir()
    assert left.name.endswith(".partial")

    (block,) = fetch(Archive(), entries(40), tmp_path)
    assert (block.is_new, len(read(block.path))) == (True, 40)
    assert list(tmp_path.iterdir()) == [block.path]


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_what_may_pass_is_asked_again(tmp_path: Path, status: int) -> None:
    async def at_third(request: web.Request, time: int) -> web.StreamResponse:
        return web.Response(status=status) if time < 3 else await page(request, time)

    archive = Archive(at_third)
    (block,) = fetch(archive, entries(3), tmp_path)
    assert block.drops == ()
    assert set(archive.asked.values()) == {3}


def test_a_lost_connection_is_asked_again(tmp_path: Path) -> None:
    async def lost(request: web.Request, time: int) -> web.StreamResponse:
        if time > 2:
            return await page(request, time)
        if time == 2:  # within the body
            response = web.StreamResponse(headers={"Content-Length": "1000"})
            await response.prepare(request)
            await response.write(b"<html>")
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    (block,) = fetch(Archive(lost), entries(2), tmp_path)
    assert [type(one) for one in read(block.path)] == [Capture, Capture]


def test_an_answer_that_does_not_come_is_asked_again(tmp_path: Path) -> None:
    async def late(request: web.Request, time: int) -> web.StreamResponse:
        if time == 1:
            await asyncio.sleep(5)
        return await page(request, time)

    archive = Archive(late)
    (block,) = fetch(archive, entries(1), tmp_path, timeout_s=0.1)
    assert block.drops == ()
    assert archive.asked == {"http://jornal.example.pt/0": 2}


def test_what_gives_no_answer_is_dropped_and_remembered(tmp_path: Path) -> None:
    async def never(request: web.Request, time: int) -> web.StreamResponse:
        if request.path.endswith("/1"):
            return web.Response(status=503)
        return await page(request, time)

    def run(archive: Archive) -> Block:
        (block,) = fetch(archive, entries(3), tmp_path, num_retries=1, max_failed_fraction=0.4)
        return block

    block = run(Archive(never))
    assert block.drops == (
        Drop(
            "http://jornal.example.pt/1",
            "no_answer",
            "fetch_replay@1",
            "status 503 (asked 2 times)",
        ),
    )
    assert len(read(block.path)) == 2
    archive = Archive()
    assert run(archive).drops == block.drops
    assert not archive.asked


def test_a_block_without_enough_answers_is_not_finished(tmp_path: Path) -> None:
    async def never(_request: web.Request, _time: int) -> web.StreamResponse:
        return web.Response(status=503)

    with pytest.raises(ArtifactError, match=r"3 of 3 captures gave no answer, .*status 503"):
        fetch(Archive(never), entries(3), tmp_path, num_retries=1)
    assert list(tmp_path.iterdir()) == []


def test_other_answers_are_kept_with_their_status(tmp_path: Path) -> None:
    async def gone(_request: web.Request, _time: int) -> web.StreamResponse:
        return web.Response(status=404, text="Não encontrado")

    archive = Archive(gone)
    (block,) = fetch(archive, entries(1), tmp_path)
    (drop,) = read(block.path)
    assert isinstance(drop, Drop)
    assert (drop.reason, archive.asked.total()) == ("http_status", 1)


def test_bodies_stay_encoded_and_have_a_limit(tmp_path: Path) -> None:
    async def encoded(request: web.Request, _time: int) -> web.StreamResponse:
        body = gzip.compress(make.page("Olá.")) if request.path.endswith("/0") else bytes(20_000)
        fields = {"Content-Encoding": "gzip", "Content-Type": "text/html"}
        return web.Response(body=body, headers=fields)

    (block,) = fetch(Archive(encoded), entries(2), tmp_path, max_body_bytes=10_000)
    assert [drop.reason for drop in block.drops] == ["too_large"]
    (capture,) = read(block.path)
    assert isinstance(capture, Capture)
    assert capture.body == make.page("Olá.")


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/noFrame/replay/20090504102031id_/https://www.jornal.example.pt/0", None),
        ("/noFrame/replay/20090504102031id_/http://outro.example.pt/", "http_status"),
        ("/noFrame/replay/20090504102030id_/http://jornal.example.pt/0", "http_status"),
        ("http://192.0.2.1/", "http_status"),
    ],
)
def test_only_another_second_of_the_same_address_is_followed(
    tmp_path: Path, target: str, status: str | None
) -> None:
    async def points(request: web.Request, time: int) -> web.StreamResponse:
        if "20090504102030" in request.path:
            return web.Response(status=302, headers={"Location": target})
        return await page(request, time)

    (block,) = fetch(Archive(points), entries(1), tmp_path)
    reasons = [one.reason for one in (*block.drops, *read(block.path)) if isinstance(one, Drop)]
    assert reasons == ([status] if status else [])


def test_no_more_are_asked_at_once_than_allowed(tmp_path: Path) -> None:
    async def slow(request: web.Request, time: int) -> web.StreamResponse:
        await asyncio.sleep(0.01)
        return await page(request, time)

    archive = Archive(slow)
    fetch(archive, entries(12), tmp_path, max_concurrent=3)
    assert archive.most_at_once == 3


def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Note how long is waited, and do not wait."""
    found = list[float]()
    sleep = asyncio.sleep

    async def noted(seconds: float) -> None:
        found.append(seconds)
        await sleep(0)

    monkeypatch.setattr(replay.asyncio, "sleep", noted)
    return found


def test_the_pace_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = waits(monkeypatch)
    fetch(Archive(), entries(4), tmp_path, max_requests_per_minute=60, max_concurrent=4)
    assert sorted(round(seconds) for seconds in found if seconds > 0.5) == [1, 2, 3]


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        ("7", 7),
        (lambda: format_datetime(datetime.now(UTC) + timedelta(seconds=7.9), usegmt=True), 7),
        ("999999999999", 20),
        ("logo", 2),
        ("", 2),
    ],
)
def test_who_is_told_to_wait_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: Any, expected: float
) -> None:
    async def busy(request: web.Request, time: int) -> web.StreamResponse:
        told = after() if callable(after) else after
        if time == 1:
            return web.Response(status=429, headers={"Retry-After": told} if told else {})
        return await page(request, time)

    found = waits(monkeypatch)
    fetch(Archive(busy), entries(1), tmp_path, first_wait_s=2, max_wait_s=20)
    assert next(seconds for seconds in found if seconds > 0.5) == pytest.approx(expected, abs=1.0)
