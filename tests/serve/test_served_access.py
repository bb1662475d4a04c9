"""Who may ask, how often, from where, and what headers and counters tell; seen from outside."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from acting import Acting
from running_server import Running, recipe, running
from test_client import picture
from typer.testing import CliRunner

from amalia.cli.app import app
from amalia.errors import RecipeError
from amalia.serve import assembly
from amalia.serve.keys import RateLimits, new_key, revoke_key

BODY = {"model": "scripted", "messages": [{"role": "user", "content": "Olá"}]}
ALLOWED = "https://portal.example.pt"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("served")
    keys = folder / "keys.json"
    new_key(keys, "primeira", limits=RateLimits())
    made = recipe(folder / "log.sqlite", keys=str(keys), allowed_origins=[ALLOWED])
    with running(made, folder) as up:
        yield up


@pytest.fixture
def keys(served: Running) -> Path:
    return Path(str(served.built.recipe.keys))


@pytest.fixture
def client(served: Running) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=served.url, timeout=20) as made:
        yield made


def known(client: httpx.Client, key: str) -> dict[str, str]:
    """Headers with a key, once the server has read it."""
    headers = {"authorization": f"Bearer {key}"}
    deadline = time.monotonic() + 5
    while client.get("/v1/models", headers=headers).status_code == 401:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return headers


@pytest.mark.parametrize(
    "header", [None, "Bearer amalia-wrong", "Basic YTpi", "Bearer", "Bearer " + "x" * 9000]
)
@pytest.mark.parametrize(
    "path", ["/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/reports"]
)
def test_nobody_asks_without_a_good_key(
    client: httpx.Client, path: str, header: str | None
) -> None:
    headers = {} if header is None else {"authorization": header}
    answer = client.post(path, json=BODY, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.json()["error"]["type"] == "authentication_error"
    assert "amalia-wrong" not in answer.text


def test_what_is_open_without_a_key(client: httpx.Client) -> None:
    codes = {
        path: client.get(path).status_code
        for path in ("/health", "/ready", "/v1/models", "/metrics")
    }
    assert codes == {"/health": 200, "/ready": 200, "/v1/models": 401, "/metrics": 401}


def test_a_key_that_is_revoked_lets_nobody_in_any_more(client: httpx.Client, keys: Path) -> None:
    headers = known(client, new_key(keys, "efemera", limits=RateLimits()))
    assert client.post("/v1/chat/completions", json=BODY, headers=headers).status_code == 200
    revoke_key(keys, "efemera")
    deadline = time.monotonic() + 5
    while client.post("/v1/chat/completions", json=BODY, headers=headers).status_code == 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    refused = client.post("/v1/chat/completions", json=BODY, headers=headers)
    assert refused.status_code == 401
    assert "revoked" in refused.json()["error"]["message"]


def test_requests_a_minute(client: httpx.Client, keys: Path) -> None:
    headers = known(client, new_key(keys, "lenta", limits=RateLimits(requests_per_minute=2)))
    first = client.post("/v1/chat/completions", json=BODY, headers=headers)
    assert first.headers["x-ratelimit-limit-requests"] == "2"
    assert first.headers["x-ratelimit-remaining-requests"] == "1"
    assert client.post("/v1/chat/completions", json=BODY, headers=headers).status_code == 200
    refused = client.post("/v1/chat/completions", json=BODY, headers=headers)
    assert refused.status_code == 429
    assert 1 <= int(refused.headers["retry-after"]) <= 31
    assert refused.headers["x-ratelimit-remaining-requests"] == "0"
    assert re.fullmatch(r"[0-9.ms]+", refused.headers["x-ratelimit-reset-requests"])
    assert refused.json()["error"]["type"] == "rate_limit_error"


@pytest.mark.parametrize("is_streamed", [False, True])
def test_tokens_are_settled_also_of_streams(
    client: httpx.Client, keys: Path, is_streamed: bool
) -> None:
    limits = RateLimits(tokens_per_minute=5)
    headers = known(client, new_key(keys, f"curta-{is_streamed}", limits=limits))
    body = {**BODY, "stream": is_streamed}
    assert client.post("/v1/chat/completions", json=body, headers=headers).status_code == 200
    refused = client.post("/v1/chat/completions", json=body, headers=headers)
    assert refused.status_code == 429
    assert refused.headers["x-ratelimit-limit-tokens"] == "5"
    assert "tokens" in refused.json()["error"]["message"]


def test_images_a_minute(client: httpx.Client, keys: Path) -> None:
    headers = known(client, new_key(keys, "cega", limits=RateLimits(images_per_minute=1)))
    part = {"type": "image_url", "image_url": {"url": picture()}}
    body = {
        **BODY,
        "messages": [{"role": "user", "content": [part, {"type": "text", "text": "O quê?"}]}],
    }
    assert client.post("/v1/chat/completions", json=body, headers=headers).status_code == 200
    assert client.post("/v1/chat/completions", json=body, headers=headers).status_code == 429
    assert client.post("/v1/chat/completions", json=BODY, headers=headers).status_code == 200


def test_any_address_but_loopback_wants_keys() -> None:
    told = CliRunner().invoke(app, ["serve", "engine=scripted", "run.host=0.0.0.0"])
    assert isinstance(told.exception, RecipeError)
    assert "there are no keys" in str(told.exception)


def test_only_allowed_origins_may_ask_from_a_browser(client: httpx.Client, tmp_path: Path) -> None:
    asking = {
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization",
    }
    good = client.options("/v1/chat/completions", headers={"origin": ALLOWED, **asking})
    assert good.status_code == 200
    assert good.headers["access-control-allow-origin"] == ALLOWED
    assert "access-control-allow-credentials" not in good.headers
    bad = client.options(
        "/v1/chat/completions", headers={"origin": "https://outro.example", **asking}
    )
    assert "access-control-allow-origin" not in bad.headers
    shown = client.get("/health", headers={"origin": ALLOWED})
    assert "x-ratelimit-limit-requests" in shown.headers["access-control-expose-headers"]
    with running(recipe(tmp_path / "log.sqlite"), tmp_path) as up:
        closed = httpx.options(up.api + "/chat/completions", headers={"origin": ALLOWED, **asking})
        assert closed.status_code == 405
        assert closed.headers["allow"] == "POST"
        assert not [name for name in closed.headers if name.startswith("access-control")]


def test_request_ids_are_given_back_and_nothing_else_is(
    client: httpx.Client, served: Running
) -> None:
    assert (
        client.get("/health", headers={"x-request-id": "pedido-7"}).headers["x-request-id"]
        == "pedido-7"
    )
    for odd in ("a b", "<script>", "x" * 129, "x" * 10_000, "é".encode(), ""):
        given = client.get("/health", headers={"x-request-id": odd}).headers["x-request-id"]
        assert re.fullmatch(r"[0-9a-f]{32}", given)
    host, port = served.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port))) as raw:
        raw.sendall(
            b"GET /health HTTP/1.1\r\nHost: a\r\nX-Request-Id: a\nSet-Cookie: b=c\r\nConnection: close\r\n\r\n"
        )
        raw.settimeout(5)
        said = b"".join(iter(lambda: raw.recv(4096), b""))
    assert b"set-cookie" not in said.lower()
    assert client.get("/health").headers["x-content-type-options"] == "nosniff"


def test_other_methods_say_which_are_good(client: httpx.Client) -> None:
    for method in ("GET", "PUT", "DELETE", "PATCH"):
        answer = client.request(method, "/v1/chat/completions")
        assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
        assert answer.json()["error"]["message"]
    assert client.head("/health").status_code == 405
    assert client.head("/health").content == b""


def test_metrics_count_and_name_nobody(client: httpx.Client, keys: Path) -> None:
    headers = known(client, new_key(keys, "contada", limits=RateLimits()))
    body = {
        **BODY,
        "user": "utente-3",
        "messages": [{"role": "user", "content": "O NIF é 241592062."}],
    }
    client.post("/v1/chat/completions", json=body, headers=headers)
    told = client.get("/metrics", headers=headers)
    assert told.headers["content-type"].startswith("text/plain; version=0.0.4")
    for line in (
        'amalia_requests_total{endpoint="/v1/chat/completions",status="200"}',
        'amalia_verdicts_total{action="mask",category="nif",place="user"}',
        'amalia_finishes_total{reason="stop"}',
        "amalia_engine_ready 1.0",
        "amalia_request_seconds_bucket",
    ):
        assert line in told.text
    for secret in ("utente-3", "contada", "241592062", "127.0.0.1"):
        assert secret not in told.text


def test_a_fault_that_nobody_foresaw_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Faulty(Acting):
        async def answer(self, _: Any) -> Any:
            raise ZeroDivisionError("segredo")
            yield

    monkeypatch.setattr(assembly, "_engine", lambda *_: Faulty())
    with running(recipe(tmp_path / "log.sqlite", served_name="scripted"), tmp_path) as up:
        answer = httpx.post(up.api + "/chat/completions", json=BODY)
        assert answer.status_code == 500
        assert answer.json()["error"]["code"] == "internal_error"
        assert answer.headers["x-request-id"]
        assert "segredo" not in answer.text
        assert httpx.get(up.url + "/ready").status_code == 200
