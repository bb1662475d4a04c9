"""Pictures and addresses that somebody might send to hurt a server, sent to one that serves others meanwhile."""

from __future__ import annotations

import base64
import concurrent.futures
import threading
import time
from collections.abc import Iterator
from typing import Any

import httpx
import make_hostile
import psutil
import pytest
from running_server import Running, recipe, running
from test_client import picture

_MAX_GROWTH_BYTES = 512 * 2**20
"""Of the server, its two decoders, and whoever asks here with all the bodies under way."""


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("served")
    pictures = {
        "workers": 2,
        "allowed_hosts": list(make_hostile.HOSTS),
        "decode_timeout_s": 1.5,
        "max_pixels": 17_000_000,
    }
    limits = {"max_request_pixels": 4_500_000}
    with running(recipe(folder / "log.sqlite", pictures=pictures, limits=limits), folder) as up:
        yield up


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with httpx.Client(timeout=60) as made:
        yield made


def ask(client: httpx.Client, served: Running, *urls: str) -> httpx.Response:
    parts = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    body = {
        "model": "scripted",
        "messages": [{"role": "user", "content": [*parts, {"type": "text", "text": "O quê?"}]}],
    }
    return client.post(served.api + "/chat/completions", json=body)


def data_url(data: bytes) -> str:
    return "data:image/png;base64," + base64.b64encode(data).decode()


class Others:
    """Somebody who asks all the while, and what they saw."""

    def __init__(self, served: Running) -> None:
        self.slowest_s = 0.0
        self.num_answered = 0
        self.failures: list[str] = []
        self._served = served
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._ask, daemon=True)

    def __enter__(self) -> Others:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join(30)

    def _ask(self) -> None:
        body = {"model": "scripted", "messages": [{"role": "user", "content": "Olá"}]}
        with httpx.Client(timeout=30) as client:
            while not self._is_over.wait(0.05):
                began = time.monotonic()
                answer = client.post(self._served.api + "/chat/completions", json=body)
                self.slowest_s = max(self.slowest_s, time.monotonic() - began)
                self.num_answered += 1
                if answer.status_code != 200:
                    self.failures.append(answer.text)


def memory_bytes() -> int:
    """Of this process, which serves, and of those that decode for it."""
    process = psutil.Process()
    total = int(process.memory_info().rss)
    for child in process.children(recursive=True):
        try:
            total += int(child.memory_info().rss)
        except psutil.NoSuchProcess:
            continue
    return total


def test_hostile_pictures_and_addresses_are_refused_while_others_are_served(
    client: httpx.Client, served: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    server = served.url.removeprefix("http://").split(":")
    dialled: list[Any] = []
    looked_up: list[Any] = []
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def connecting(self: socket.socket, address: Any) -> Any:
        if self.family != socket.AF_UNIX and address[:2] != (server[0], int(server[1])):
            dialled.append(address)
        return connect(self, address)

    def looking(host: Any, *more: Any, **named: Any) -> Any:
        if host not in (server[0], None, "localhost"):
            looked_up.append(host)
        return look_up(host, *more, **named)

    monkeypatch.setattr(socket.socket, "connect", connecting)
    monkeypatch.setattr(socket, "getaddrinfo", looking)
    hostile = {
        f"picture: {name}": data_url(data) for name, data in make_hostile.refused_pictures().items()
    }
    hostile |= {f"address {n}": url for n, url in enumerate(make_hostile.refused_addresses())}
    hostile |= {f"data {n}": url for n, url in enumerate(make_hostile.refused_data())}
    hostile["a JPEG of 400 passes"] = data_url(make_hostile.scans(400))
    assert len(hostile) >= 200
    ask(client, served, picture())  # what is loaded once is loaded
    before = memory_bytes()
    with Others(served) as others, concurrent.futures.ThreadPoolExecutor(3) as pool:
        answers = dict(
            zip(
                hostile,
                pool.map(lambda url: ask(client, served, url), hostile.values()),
                strict=True,
            )
        )
        growth = memory_bytes() - before
    for name, answer in answers.items():
        assert answer.status_code in (400, 413), (name, answer.status_code, answer.text[:200])
        error = answer.json()["error"]
        assert "\n" not in error["message"], name
        assert 0 < len(error["message"]) < 1000, name
        assert error["param"] == "messages.0.content.0", name
    assert others.failures == []
    assert others.num_answered > 20
    assert others.slowest_s < 3
    assert growth < _MAX_GROWTH_BYTES
    assert dialled == []
    assert looked_up == []
    assert ask(client, served, picture()).status_code == 200


@pytest.mark.parametrize("name", sorted(make_hostile.odd_pictures()))
def test_odd_pictures_are_read_or_refused(client: httpx.Client, served: Running, name: str) -> None:
    data = make_hostile.odd_pictures()[name]
    assert ask(client, served, data_url(data)).status_code in (200, 400, 413)


def test_all_pictures_of_a_request_have_a_limit_together(
    client: httpx.Client, served: Running
) -> None:
    large = [picture(1500, color) for color in ("red", "green", "blue")]
    assert ask(client, served, large[0], large[1]).status_code == 200
    refused = ask(client, served, *large)
    assert refused.status_code == 413
    assert refused.json()["error"]["code"] == "too_many_pixels"
    assert refused.json()["error"]["param"] == "messages.0.content.2"
    assert (
        ask(client, served, large[0], large[0], large[0]).status_code == 200
    )  # one picture, shown three times
