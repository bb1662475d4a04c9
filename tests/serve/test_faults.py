"""What a server on a network must survive, each as it happens to a real one."""

from __future__ import annotations

import concurrent.futures
import contextlib
import http.client
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from acting import Stage, text_in, text_of
from running_server import Running, recipe, running

from amalia.guard.guard import Guard, Verdict
from amalia.serve.audit import Log, Query
from amalia.serve.audit_record import AuditSettings

SLOW = {"kind": "scripted", "answer": "Uma palavra depois da outra. " * 6, "piece_s": 0.02}
BODY = {"model": "scripted", "messages": [{"role": "user", "content": "Olá"}]}


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[Running]:
    with running(recipe(tmp_path / "log.sqlite", engine=SLOW), tmp_path) as up:
        yield up


def records(log: Path) -> list[Any]:
    with Log.open(AuditSettings(log=str(log)), create=False) as opened:
        return [found.record for found in opened.search(Query())]


def wait_for(what: Any, seconds: float = 5.0) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.02)


def test_a_client_that_leaves_a_stream_ends_the_work_and_is_logged(slow: Running) -> None:
    with httpx.stream(
        "POST", slow.api + "/chat/completions", json={**BODY, "stream": True}
    ) as response:
        next(response.iter_lines())
    wait_for(lambda: len(records(slow.log)) == 1)
    (record,) = records(slow.log)
    assert record.status == 499
    assert len(record.answer or "") < len(SLOW["answer"])


def test_a_client_that_leaves_a_plain_answer_ends_the_work(slow: Running) -> None:
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(slow.api + "/chat/completions", json=BODY, timeout=0.2)
    wait_for(lambda: len(records(slow.log)) == 1)
    assert records(slow.log)[0].status == 499


def test_a_fault_that_nobody_foresaw_ends_a_stream_with_an_event(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stage.engine.say("Uma frase. Outra frase que já não sai.", by=4)
    judged: list[str] = []

    def fails(_: Any, text: str, place: str) -> Verdict:
        judged.append(text)
        if len(judged) > 2:
            raise ZeroDivisionError("segredo da casa")
        return Verdict(place, "allow")  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(Guard, "check", fails)
        events = stage.stream("Olá")
    assert "segredo" not in json.dumps(events)
    assert text_in(events[:-1]) == "Uma frase. "
    assert events[-1]["error"]["code"] == "internal_error"
    assert stage.record(events[-1]["amalia"]["trace_id"]).status == 500
    assert "ZeroDivisionError" in caplog.text
    assert text_of(stage.ask("Olá"))


def test_a_client_that_never_finishes_asking_is_cut_off(tmp_path: Path) -> None:
    limits = {"header_timeout_s": 0.3, "body_timeout_s": 0.3}
    with running(recipe(tmp_path / "log.sqlite", limits=limits), tmp_path) as up:
        host, port = up.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as lines:
            lines.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\n")
            lines.settimeout(5)
            assert lines.recv(1) == b""
        with socket.create_connection((host, int(port))) as body:
            body.sendall(
                b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                b"Content-Length: 100\r\n\r\n{"
            )
            body.settimeout(5)
            assert body.recv(4096).startswith(b"HTTP/1.1 408")
        # Somebody who asks properly is served all the while, and between two requests may take their time.
        with httpx.Client() as client:
            for _ in range(2):
                assert client.post(up.api + "/chat/completions", json=BODY).status_code == 200
                time.sleep(0.5)


def test_answers_take_no_longer_than_the_deadline(tmp_path: Path) -> None:
    made = recipe(tmp_path / "log.sqlite", engine=SLOW, limits={"deadline_s": 0.2})
    with running(made, tmp_path) as up:
        plain = httpx.post(up.api + "/chat/completions", json=BODY)
        assert plain.status_code == 408
        assert plain.json()["error"]["code"] == "timeout"
        streamed = httpx.post(up.api + "/chat/completions", json={**BODY, "stream": True}).text
        assert '"code":"timeout"' in streamed
        assert streamed.endswith("data: [DONE]\n\n")


def test_when_the_log_is_full_answers_stop_and_come_back_with_it(tmp_path: Path) -> None:
    with running(recipe(tmp_path / "log.sqlite"), tmp_path) as up:
        assert httpx.post(up.api + "/chat/completions", json=BODY).status_code == 200
        database: Any = up.built.front.books._log._database._database  # type: ignore[attr-defined]
        (pages,) = database.execute("PRAGMA page_count").fetchone()
        database.execute(f"PRAGMA max_page_count = {pages}")
        while True:  # what is left of the last page takes some records
            refused = httpx.post(up.api + "/chat/completions", json=BODY)
            if refused.status_code != 200:
                break
        assert refused.status_code == 503
        assert refused.json()["error"]["code"] == "not_logged"
        assert "Esta é" not in refused.text
        assert httpx.get(up.url + "/ready").status_code == 503
        assert httpx.get(up.url + "/health").status_code == 200
        database.execute("PRAGMA max_page_count = 1000000")
        wait_for(lambda: httpx.post(up.api + "/chat/completions", json=BODY).status_code == 200, 15)
        assert httpx.get(up.url + "/ready").status_code == 200


def test_two_servers_write_one_log(tmp_path: Path) -> None:
    made = recipe(tmp_path / "log.sqlite")
    with (
        running(made, tmp_path) as one,
        running(made, tmp_path) as two,
        concurrent.futures.ThreadPoolExecutor(8) as pool,
    ):
        urls = [one.api, two.api] * 20
        answers = pool.map(lambda url: httpx.post(url + "/chat/completions", json=BODY), urls)
        traces = {answer.headers["x-trace-id"] for answer in answers}
    assert {record.trace_id for record in records(tmp_path / "log.sqlite")} == traces
    with Log.open(AuditSettings(log=str(tmp_path / "log.sqlite")), create=False) as log:
        assert log.verify().faults == ()


def test_a_clock_that_jumps_changes_no_limit_and_no_order(
    slow: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() - 86_400)
    answer = httpx.post(slow.api + "/chat/completions", json=BODY)
    assert answer.status_code == 200
    monkeypatch.undo()
    httpx.post(slow.api + "/chat/completions", json=BODY)
    kept = records(slow.log)
    assert len(kept) == 2
    assert all(0 <= record.total_s < 60 for record in kept)


@contextlib.contextmanager
def started(
    tmp_path: Path, engine: dict[str, Any]
) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A server as a process of its own."""
    command = [
        sys.executable,
        "-m",
        "amalia",
        "serve",
        f"engine={json.dumps(engine)}",
        "page=false",
    ]
    command += ["embeddings=false", f"audit.log={tmp_path / 'log.sqlite'}", "run.port=0"]
    command += ["limits.drain_s=10", "pictures.workers=1"]
    said = tmp_path / "said.txt"
    with said.open("wb") as file:
        process = subprocess.Popen(command, stderr=file, cwd=tmp_path)
    try:
        wait_for(lambda: said.read_text("utf-8").startswith("serving "), 30)
        url = said.read_text("utf-8").split()[5]
        wait_for(lambda: is_up(url), 30)
        yield process, url
    finally:
        process.kill()
        process.wait(10)


def is_up(url: str) -> bool:
    try:
        return httpx.get(url + "/ready").status_code == 200
    except httpx.TransportError:
        return False


def test_told_to_stop_a_server_finishes_what_it_has_begun(tmp_path: Path) -> None:
    with (
        started(tmp_path, SLOW) as (process, url),
        concurrent.futures.ThreadPoolExecutor(6) as pool,
    ):
        asked = [pool.submit(httpx.post, url + "/v1/chat/completions", json=BODY) for _ in range(6)]
        time.sleep(0.3)
        process.send_signal(signal.SIGTERM)
        answers = [one.result() for one in asked]
        assert process.wait(20) == 0
    assert [answer.status_code for answer in answers] == [200] * 6
    assert all(
        answer.json()["choices"][0]["message"]["content"] == SLOW["answer"] for answer in answers
    )
    assert len(records(tmp_path / "log.sqlite")) == 6


def test_killed_a_server_loses_no_record_of_what_it_answered(tmp_path: Path) -> None:
    answered: list[str] = []

    def ask(url: str) -> None:
        while True:
            try:
                answer = httpx.post(url + "/v1/chat/completions", json=BODY, timeout=5)
                answered.append(answer.json()["amalia"]["trace_id"])
            except httpx.TransportError:
                return

    with started(tmp_path, {"kind": "scripted"}) as (process, url):
        threads = [threading.Thread(target=ask, args=(url,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        wait_for(lambda: len(answered) > 20, 30)
        process.kill()
        for thread in threads:
            thread.join(10)
    assert len(answered) > 10
    assert set(answered) <= {record.trace_id for record in records(tmp_path / "log.sqlite")}


HOSTILE_BODIES = [
    b"", b"{", b"[]", b"null", b'"x"', b"{}", b"\xff\xfe", b"[" * 5000, b'{"a":' * 2000, b'{"messages": NaN}',
    b'{"model": "scripted", "messages": 7}', b'{"model": "scripted", "messages": [{"role": "user", "content": 7}]}',
    b'{"model": "scripted", "messages": [{"role": "user", "content": [{"type": "video"}]}]}',
    b'{"model": "\\ud800", "messages": [{"role": "user", "content": "x"}]}',
    b'{"model": "scripted", "messages": [{"role": "user", "content": "x"}], "max_tokens": 1e400}',
    b'{"model": "scripted", "messages": [{"role": "user", "content": "x"}], "stop": [""]}',
    b'{"model": "scripted", "messages": [{"role": "user", "content": "x"}], "n": 1000000}',
]  # fmt: skip


@pytest.mark.parametrize("body", HOSTILE_BODIES, ids=range(len(HOSTILE_BODIES)))
def test_malformed_bodies_are_refused_in_one_line(served: Running, body: bytes) -> None:
    answer = httpx.post(
        served.api + "/chat/completions", content=body, headers={"content-type": "application/json"}
    )
    assert 400 <= answer.status_code < 500
    error = answer.json()["error"]
    assert error["message"]
    assert "\n" not in error["message"]
    assert "Traceback" not in answer.text


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("served")
    with running(recipe(folder / "log.sqlite"), folder) as up:
        yield up


def test_other_methods_paths_and_types(served: Running) -> None:
    assert httpx.get(served.api + "/chat/completions").status_code == 405
    assert httpx.get(served.url + "/v2/none").status_code == 404
    assert httpx.get(served.url + "/v2/none").json()["error"]["type"] == "not_found_error"
    plain = httpx.post(
        served.api + "/chat/completions", content=b"{}", headers={"content-type": "text/plain"}
    )
    assert plain.status_code == 415
    connection = http.client.HTTPConnection(served.url.removeprefix("http://"), timeout=5)
    connection.putrequest("POST", "/v1/chat/completions")
    connection.putheader("Content-Type", "application/json")
    connection.putheader("Content-Length", str(10**12))
    connection.endheaders()
    assert connection.getresponse().status == 413
    connection.close()
