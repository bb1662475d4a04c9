"""Captures that an index lists, asked of a server on this machine, kept, and read as a corpus."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from make_corpus import html, prose, recipe

from amalia.errors import ArtifactError
from amalia.pipeline import corpus, replays
from amalia.recipe import parse

LINES = [
    ("pt,example,jornal)/0", "20090504102030", "http://jornal.example.pt/0", "200", "text/html"),
    ("pt,example,jornal)/1", "20090504102030", "http://jornal.example.pt/1", "200", "text/html"),
    ("pt,example,jornal)/1", "20090504102030", "http://jornal.example.pt/1", "200", "text/html"),
    ("pt,example,jornal)/2", "20090504102030", "http://jornal.example.pt/2", "404", "text/html"),
    ("pt,example,jornal)/3", "20090504102030", "http://jornal.example.pt/3", "200", "image/png"),
    ("pt,example,jornal)/4", "20090504102030", "http://jornal.example.pt/4", "200", "text/html"),
]


@contextmanager
def serving(asked: Counter[str], broken: set[str]) -> Iterator[str]:
    """A replay that gives pages of prose; what is broken answers 503."""

    async def answer(request: web.Request) -> web.Response:
        url = request.raw_path.partition("id_/")[2]
        asked[url] += 1
        if url in broken:
            return web.Response(status=503)
        page = html(prose(int(url[-1])))
        return web.Response(body=page, content_type="text/html", charset="utf-8")

    loop = asyncio.new_event_loop()
    ready = threading.Event()
    ports: list[int] = []

    async def serve() -> None:
        app = web.Application()
        app.router.add_get("/{tail:.*}", answer)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        ports.append(runner.addresses[0][1])
        ready.set()
        await stop.wait()
        await runner.cleanup()

    stop = asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    ready.wait(10)
    try:
        yield f"http://127.0.0.1:{ports[0]}/noFrame/replay"
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()


def told(index: Path, url: str, **more: Any) -> replays.ReplayRecipe:
    run = {"base_url": url, "first_wait_s": 0.001, "max_wait_s": 0.01, "block_entries": 2}
    tree = {"kind": "replay", "name": "pedidos", "license": "NOASSERTION", "indexes": [str(index)]}
    return parse({**tree, "run": {**run, **more}}, replays.ReplayRecipe, name="pedidos")


def index(folder: Path) -> Path:
    lines = (
        f"{surt} {date} " + json.dumps({"url": url, "mime": mime, "status": status})
        for surt, date, url, status, mime in LINES
    )
    path = folder / "indice.cdxj"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def test_what_an_index_lists_becomes_a_corpus(tmp_path: Path) -> None:
    asked = Counter[str]()
    with serving(asked, set()) as url:
        made = replays.build(told(index(tmp_path), url), tmp_path / "pedidos")
        assert replays.build(told(index(tmp_path), url), tmp_path / "pedidos") == made
    assert asked == {f"http://jornal.example.pt/{number}": 1 for number in (0, 1, 4)}
    assert (made.kind, made.counts.records) == ("archives", 3)
    assert made.counts.dropped == {"duplicate_capture": 1, "http_status": 1, "media_type": 1}
    source = {"kind": "archives", "path": str(tmp_path / "pedidos"), "license": "NOASSERTION"}
    found = corpus.build(recipe(tmp_path, sources={"pedidos": source}), tmp_path / "out")
    assert found is not None
    assert found.funnel.kept == 3
    assert found.manifests[0].inputs[0].fingerprint == made.fingerprint


def test_a_run_that_failed_asks_only_for_what_is_missing(tmp_path: Path) -> None:
    asked, broken = Counter[str](), {"http://jornal.example.pt/4"}
    with serving(asked, broken) as url:
        made = told(index(tmp_path), url, num_retries=1)
        with pytest.raises(ArtifactError, match="gave no answer"):
            replays.build(made, tmp_path / "pedidos")
        broken.clear()
        assert replays.build(made, tmp_path / "pedidos").counts.records == 3
    assert asked["http://jornal.example.pt/0"] == 1
    assert asked["http://jornal.example.pt/4"] == 3  # twice in vain


def test_a_missing_index_is_said(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="there is no index"):
        replays.build(told(tmp_path / "falta.cdxj", "http://127.0.0.1:1"), tmp_path / "out")
