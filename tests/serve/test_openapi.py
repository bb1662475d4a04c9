"""The description of the interface, and a thousand bodies that follow or break it."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from running_server import Running, recipe, running
from schemathesis import GenerationMode

NUM_BODIES = 1040
MAX_S = 60.0
_EXPECTED = {200, 201, 400, 404, 413, 415, 422}
ROUTES = ("/v1/chat/completions", "/v1/completions", "/v1/embeddings", "/v1/reports")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("served")
    made = recipe(folder / "log.sqlite", limits={"body_timeout_s": 5})
    with running(made, folder) as up:
        yield up


@pytest.fixture(scope="module")
def described(served: Running) -> dict[str, Any]:
    told: dict[str, Any] = httpx.get(served.url + "/openapi.json").json()
    return told


def test_every_reference_leads_somewhere(described: dict[str, Any]) -> None:
    def references(tree: Any) -> Iterator[str]:
        if isinstance(tree, dict):
            if isinstance(tree.get("$ref"), str):
                yield tree["$ref"]
            yield from (found for value in tree.values() for found in references(value))
        elif isinstance(tree, list):
            yield from (found for value in tree for found in references(value))

    schemas = described["components"]["schemas"]
    assert {"ChatRequest", "ImageUrlPart", "ErrorBody"} <= set(schemas)
    for reference in references(described):
        assert reference.startswith("#/components/schemas/")
        assert reference.rpartition("/")[2] in schemas
    assert set(ROUTES) <= set(described["paths"])
    for route in ROUTES:
        assert set(described["paths"][route]) == {"post"}
        assert {"400", "401", "413", "415", "429", "503"} <= set(
            described["paths"][route]["post"]["responses"]
        )


def check(answer: httpx.Response, described: dict[str, Any], route: str) -> None:
    """Whatever was sent: a documented status, JSON or a stream, and of an error one line in OpenAI's form."""
    documented = described["paths"][route]["post"]["responses"]
    assert str(answer.status_code) in documented, (answer.status_code, answer.text[:200])
    assert answer.status_code in _EXPECTED, answer.text[:200]
    assert answer.headers["x-request-id"]
    assert "Traceback" not in answer.text
    kind = answer.headers["content-type"].partition(";")[0]
    assert kind in documented[str(answer.status_code)]["content"]
    if kind == "text/event-stream":
        assert answer.text.endswith("data: [DONE]\n\n")
        return
    told = answer.json()
    if answer.status_code >= 400:
        error = told["error"]
        assert set(error) == {"message", "type", "param", "code"}
        assert error["message"]
        assert len(error["message"]) < 2000
        assert "\n" not in error["message"]
        assert error["code"]


def test_a_thousand_bodies_get_an_answer_each(served: Running, described: dict[str, Any]) -> None:
    schema = schemathesis.openapi.from_dict(described)
    statuses: Counter[int] = Counter()
    began = time.monotonic()
    with httpx.Client(base_url=served.url, timeout=20) as client:
        for route in ROUTES:
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
                bodies = schema[route]["POST"].as_strategy(generation_mode=mode)
                for answer in _answers(client, route, bodies):
                    check(answer, described, route)
                    statuses[answer.status_code] += 1
                assert time.monotonic() - began < MAX_S, f"{statuses} in more than {MAX_S} s"
    assert statuses.total() >= 1000
    assert statuses[400] > 300
    assert httpx.get(served.url + "/ready").status_code == 200


def _answers(client: httpx.Client, route: str, bodies: Any) -> list[httpx.Response]:
    answers: list[httpx.Response] = []

    @seed(20261130)
    @settings(
        max_examples=NUM_BODIES // (2 * len(ROUTES)),
        phases=[Phase.generate],
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=bodies)
    def ask(case: Any) -> None:
        body = case.body
        if isinstance(body, dict) and "model" in body and len(answers) % 2:
            body = {**body, "model": "scripted"}  # past the first thing that is looked at
        content = b"" if repr(body) == "NOT_SET" else _written(body)
        headers = {"content-type": case.media_type or "application/json"}
        answers.append(client.post(route, content=content, headers=headers))

    ask()
    return answers


def _written(body: Any) -> bytes:
    return json.dumps(body, default=repr).encode("utf-8", "surrogatepass")


def test_bodies_with_one_thing_changed_get_an_answer_each(
    served: Running, described: dict[str, Any]
) -> None:
    """From a body that is answered: each value replaced by each odd one, each left out, each twice."""
    good = {
        "model": "scripted",
        "messages": [
            {"role": "system", "content": "Sê breve."},
            {"role": "user", "content": [{"type": "text", "text": "Olá"}]},
        ],
        "max_tokens": 3, "temperature": 1.0, "top_p": 1.0, "seed": 1, "stop": ["."], "n": 1, "user": "u",
        "stream": True, "stream_options": {"include_usage": True}, "response_format": {"type": "text"},
        "presence_penalty": 0, "logit_bias": {}, "amalia": {"retrieve": False},
    }  # fmt: skip
    odd = [
        None,
        True,
        -1,
        0,
        1.5,
        10**30,
        "",
        "x",
        "\0",
        "🐕" * 300,
        [],
        [[]],
        {},
        {"": None},
        ["x", 1],
    ]
    with httpx.Client(base_url=served.url) as client:
        assert client.post(ROUTES[0], json=good).status_code == 200
        statuses: Counter[int] = Counter()
        for path in _paths(good):
            for value in odd:
                changed = json.loads(json.dumps(good))
                place = changed
                for step in path[:-1]:
                    place = place[step]
                place[path[-1]] = value
                answer = client.post(ROUTES[0], json=changed)
                check(answer, described, ROUTES[0])
                statuses[answer.status_code] += 1
    assert statuses.total() > 300
    assert statuses[400] > statuses[200] > 10


def _paths(tree: Any, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    steps = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for step, value in steps:
        yield (*before, step)
        if isinstance(value, dict | list):
            yield from _paths(value, (*before, step))
