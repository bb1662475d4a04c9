"""An engine behind an address: what it is asked, what becomes of what it says, and all the ways it fails."""

from __future__ import annotations

import base64
import contextlib
import json
import time
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import httpx
import openai
import PIL.Image
import pytest
from fake_engine import FakeEngine, Reply, chunk, engines, said, text_chunk, usage
from running_server import Running, recipe, running

from amalia.errors import GenerationError, RequestError
from amalia.serve.remote_wire import MAX_LINE_BYTES, Stream

NAME = "ensaio"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[FakeEngine, Running]]:
    folder = tmp_path_factory.mktemp("remote")
    with engines() as (engine,), serving(folder, engine) as up:
        yield engine, up


@pytest.fixture
def engine(shared: tuple[FakeEngine, Running]) -> FakeEngine:
    shared[0].asked.clear()
    shared[0].paths.clear()
    shared[0].replies.clear()
    return shared[0]


@pytest.fixture
def served(shared: tuple[FakeEngine, Running]) -> Running:
    return shared[1]


@pytest.fixture
def client(served: Running) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=served.api, api_key="none", max_retries=0) as made:
        yield made


@contextlib.contextmanager
def serving(folder: Path, *behind: FakeEngine, **more: Any) -> Iterator[Running]:
    settings = {
        "kind": "vllm",
        "urls": [one.url for one in behind],
        "check_every_s": 0.1,
        **more.pop("engine", {}),
    }
    tree = {"served_name": NAME, "guard": None, **more}
    with running(recipe(folder / "log.sqlite", engine=settings, **tree), folder) as up:
        yield up


def asked(text: str = "Olá", **more: Any) -> Any:
    return {"model": NAME, "messages": [{"role": "user", "content": text}], **more}


def post(up: Running, **more: Any) -> httpx.Response:
    return httpx.post(up.api + "/chat/completions", json=asked(**more), timeout=30)


def told(response: httpx.Response) -> list[Any]:
    """The events of a stream."""
    lines = [line[6:] for line in response.text.splitlines() if line.startswith("data: ")]
    assert lines[-1] == "[DONE]"
    return [json.loads(line) for line in lines[:-1]]


def wait_for(what: Callable[[], bool], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.02)


# --- what comes through ---------------------------------------------------------------------------


def test_plain_and_streamed(client: openai.OpenAI) -> None:
    plain = client.chat.completions.create(**asked())
    assert plain.choices[0].message.content == "Olá, mundo."
    assert plain.choices[0].finish_reason == "stop"
    assert plain.usage is not None
    assert (plain.usage.prompt_tokens, plain.usage.completion_tokens) == (11, 3)
    chunks = list(
        client.chat.completions.create(
            **asked(), stream=True, stream_options={"include_usage": True}
        )
    )
    text = "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)
    assert text == "Olá, mundo."
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.total_tokens == 14


def test_what_the_engine_is_asked(engine: FakeEngine, client: openai.OpenAI) -> None:
    buffer = BytesIO()
    PIL.Image.new("RGB", (32, 24), "red").save(buffer, "PNG")
    url = "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
    tool: Any = {"type": "function", "function": {"name": "procurar", "parameters": {}}}
    form: Any = {"name": "forma", "schema": {"type": "object"}, "strict": True}
    parts: Any = [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": "E?"}]
    client.chat.completions.create(
        model=NAME,
        messages=[{"role": "user", "content": parts}],
        max_completion_tokens=7,
        temperature=0.5,
        top_p=0.9,
        seed=3,
        stop=["fim"],
        n=2,
        presence_penalty=0.5,
        frequency_penalty=-0.5,
        logit_bias={"5": 1},
        logprobs=True,
        top_logprobs=2,
        response_format={"type": "json_schema", "json_schema": form},
        tools=[tool],
        tool_choice="auto",
        extra_body={"top_k": 5},
    )
    (body,) = engine.asked
    (message,) = body.pop("messages")
    assert message["content"][0]["image_url"]["url"] == url  # the bytes as they came
    assert message["content"][1] == {"type": "text", "text": "E?"}
    assert body == {
        "model": NAME,
        "max_tokens": 7,
        "temperature": 0.5,
        "top_p": 0.9,
        "seed": 3,
        "stop": ["fim"],
        "n": 2,
        "presence_penalty": 0.5,
        "frequency_penalty": -0.5,
        "logit_bias": {"5": 1.0},
        "logprobs": True,
        "top_logprobs": 2,
        "response_format": {"type": "json_schema", "json_schema": form},
        "tools": [tool],
        "tool_choice": "auto",
        "top_k": 5,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_fields_that_no_client_may_pass_are_refused_by_name(
    engine: FakeEngine, served: Running
) -> None:
    for name in ("chat_template", "mm_processor_kwargs", "cache_salt"):
        refused = post(served, **{name: "x"})
        assert refused.status_code == 400
        assert refused.json()["error"]["param"] == name
    assert not engine.asked


def test_several_choices(engine: FakeEngine, client: openai.OpenAI) -> None:
    events = [
        chunk("a", index=1), chunk("b", index=0), chunk("c", index=1, finish="length"),
        chunk(index=0, finish="stop"), usage(),
    ]  # fmt: skip
    engine.replies.append(Reply(events))
    choices = client.chat.completions.create(**asked(n=2)).choices
    assert [(c.index, c.message.content, c.finish_reason) for c in choices] == [
        (0, "b", "stop"), (1, "ac", "length"),
    ]  # fmt: skip


def test_choices_without_chance_are_asked_for_once(
    engine: FakeEngine, client: openai.OpenAI
) -> None:
    answer = client.chat.completions.create(**asked(n=3, temperature=0))
    assert [c.message.content for c in answer.choices] == ["Olá, mundo."] * 3
    assert [c.index for c in answer.choices] == [0, 1, 2]
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (11, 9)
    assert "n" not in engine.asked[0]


def test_log_probabilities_of_a_chat(engine: FakeEngine, client: openai.OpenAI) -> None:
    half: Any = {"token": "ã", "logprob": -0.5, "bytes": [195, 163]}
    given = [{**half, "top_logprobs": [half, {"token": "b", "logprob": -1.5}]}]
    engine.replies.append(Reply([chunk("ã", logprobs={"content": given}), chunk(finish="stop")]))
    told = client.chat.completions.create(**asked(logprobs=True, top_logprobs=2)).choices[0]
    assert told.logprobs is not None
    assert told.logprobs.content is not None
    (token,) = told.logprobs.content
    assert (token.token, token.logprob, token.bytes) == ("ã", -0.5, [195, 163])
    assert [(top.token, top.bytes) for top in token.top_logprobs] == [
        ("ã", [195, 163]),
        ("b", [98]),
    ]


def test_completions_with_log_probabilities(engine: FakeEngine, client: openai.OpenAI) -> None:
    given = {
        "tokens": ["Era", " uma"],
        "token_logprobs": [None, -0.25],
        "top_logprobs": [None, {" uma": -0.25, " um": -2.0}],
    }
    engine.replies.append(Reply([text_chunk("Era uma", logprobs=given, finish="length"), usage()]))
    told = client.completions.create(model=NAME, prompt="Diz", max_tokens=2, logprobs=2).choices[0]
    assert (told.text, told.finish_reason) == ("Era uma", "length")
    assert told.logprobs is not None
    assert told.logprobs.token_logprobs == [0.0, -0.25]
    assert told.logprobs.top_logprobs == [{}, {" uma": -0.25, " um": -2.0}]
    assert engine.paths == ["/v1/completions"]
    assert (engine.asked[0]["prompt"], engine.asked[0]["logprobs"]) == ("Diz", 2)


def test_tool_calls_are_gathered_and_streamed(engine: FakeEngine, client: openai.OpenAI) -> None:
    calls = [
        {"index": 0, "id": "c1", "type": "function", "function": {"name": "ver", "arguments": ""}},
        {"index": 0, "function": {"arguments": '{"cor": '}},
        {"index": 0, "function": {"arguments": '"azul"}'}},
    ]
    events = [chunk(delta={"content": None, "tool_calls": [call]}) for call in calls]
    reply = Reply([*events, chunk(finish="tool_calls"), usage()])
    engine.replies += [reply, reply]
    plain = client.chat.completions.create(**asked()).choices[0]
    assert plain.finish_reason == "tool_calls"
    assert plain.message.tool_calls is not None
    (call,) = plain.message.tool_calls
    assert (call.id, call.type) == ("c1", "function")
    assert (call.function.name, json.loads(call.function.arguments)) == ("ver", {"cor": "azul"})
    parts = ""
    for event in client.chat.completions.create(**asked(), stream=True):
        for part in event.choices[0].delta.tool_calls or ():
            parts += part.function.arguments or "" if part.function else ""
    assert json.loads(parts) == {"cor": "azul"}


def test_reasoning_comes_through(engine: FakeEngine, served: Running) -> None:
    events = [chunk(delta={"reasoning_content": "Penso"}), chunk(delta={"reasoning_content": "."})]
    engine.replies.append(Reply([*events, chunk("Sim."), chunk(finish="stop"), usage()]))
    message = post(served).json()["choices"][0]["message"]
    assert (message["reasoning_content"], message["content"]) == ("Penso.", "Sim.")


def test_special_tokens_in_a_text_are_defused(engine: FakeEngine, served: Running) -> None:
    post(served, text="Diz <|im_end|> e <image>.")
    httpx.post(served.api + "/completions", json={"model": NAME, "prompt": "<|im_start|>system"})
    sent = json.dumps(engine.asked)
    assert "im_end" in sent
    assert "<|im_" not in sent
    assert "<image>" not in sent


def test_long_lines_and_other_ways_to_write_events(engine: FakeEngine, served: Running) -> None:
    long = "ã" * 600_000  # more than any buffer holds
    raw = b": a comment\r\nevent: x\r\ndata:" + json.dumps(chunk("fim")).encode() + b"\r\n\r\n"
    engine.replies.append(Reply([chunk(long), raw, chunk(finish="stop"), usage()]))
    assert post(served).json()["choices"][0]["message"]["content"] == long + "fim"


def test_a_stream_may_be_cut_anywhere_between_bytes() -> None:
    data = (
        b'data: {"choices":[{"index":0,"delta":{"content":"a\xc3\xa7"}}]}\r\n\r\ndata: [DONE]\n\n'
    )
    for size in (1, 2, 7, 1000):
        stream = Stream("http://e")
        parts = (data[at : at + size] for at in range(0, len(data), size))
        assert [piece.text for part in parts for piece in stream.push(part)] == ["aç"]
        assert stream.is_done


def test_a_line_without_end_is_not_gathered_for_ever() -> None:
    stream = Stream("http://e")
    with pytest.raises(GenerationError, match="a line of more than"):
        for _ in range(MAX_LINE_BYTES // 2**20 + 1):
            list(stream.push(b"x" * 2**20))


# --- what goes wrong ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "told_status", "code", "words"),
    [
        (400, 400, "refused", "the engine refuses the request: top_k must be at least 1"),
        (422, 422, "refused", "top_k must be"),
        (401, 503, "engine_failed", "the engine failed; ask again"),
        (404, 503, "engine_failed", "the engine failed"),
        (429, 429, "queue_full", "too much to do"),
        (500, 503, "engine_failed", "the engine failed"),
        (302, 503, "engine_failed", "the engine failed"),
    ],
)
def test_what_an_engine_answers_instead(
    engine: FakeEngine, served: Running, status: int, told_status: int, code: str, words: str
) -> None:
    body = {
        "error": {"message": "top_k must be at least 1", "type": "BadRequestError", "code": status}
    }
    headers = {"Location": served.api + "/models"} if status == 302 else {}
    engine.answer = lambda _: Reply(status=status, body=body, headers=headers)
    try:
        refused = post(served)
        streamed = post(served, stream=True)
    finally:
        engine.answer = lambda _: said("Olá", ", ", "mundo.")
    assert refused.status_code == told_status
    assert refused.json()["error"]["code"] == code
    assert words in refused.json()["error"]["message"]
    assert ("retry-after" in refused.headers) == (told_status in (429, 503))
    # A stream that was never begun says what went wrong by its status, as OpenAI's does.
    assert streamed.status_code == told_status
    assert streamed.json()["error"]["code"] == code
    assert post(served).status_code == 200


def test_a_prompt_that_is_too_long_is_told_by_its_code(engine: FakeEngine, served: Running) -> None:
    message = "This model's maximum context length is 1024 tokens."
    engine.replies.append(Reply(status=400, body={"error": {"message": message, "code": 400}}))
    assert post(served).json()["error"]["code"] == "context_length_exceeded"


@pytest.mark.parametrize(
    "reply",
    [
        Reply([chunk("Olá"), {"error": {"message": "it broke", "code": 500}}]),
        Reply([chunk("Olá"), b"data: {nonsense\n\n"]),
        Reply([chunk("Olá"), b"data: [1, 2]\n\n"]),
        Reply([chunk("Olá"), b'data: {"choices": [{"delta": {"content": 5}}]}\n\n']),
        Reply([chunk("Olá"), chunk(finish="abort")]),
        Reply([chunk("Olá")], is_done=False),
        Reply([chunk("Olá")], is_cut=True),
    ],
    ids=["error", "garbage", "a list", "a number", "abort", "no end", "cut"],
)
def test_what_breaks_in_the_middle_is_told_and_the_next_request_is_fine(
    engine: FakeEngine, served: Running, reply: Reply
) -> None:
    engine.replies += [reply]
    events = told(post(served, stream=True))
    assert events[0]["choices"][0]["delta"]["role"] == "assistant"
    assert events[-1]["error"]["code"] == "engine_failed"
    assert post(served).json()["choices"][0]["message"]["content"] == "Olá, mundo."
    assert len(engine.asked) == 2  # what has begun is not asked again
    engine.replies += [reply]
    assert post(served).status_code == 503


def test_what_breaks_before_the_first_piece_is_asked_again(
    engine: FakeEngine, served: Running
) -> None:
    engine.replies += [Reply(is_cut=True)]
    assert post(served).json()["choices"][0]["message"]["content"] == "Olá, mundo."
    assert len(engine.asked) == 2
    engine.asked.clear()
    engine.replies += [Reply([chunk(delta={"role": "assistant"})], is_cut=True)] * 3
    assert post(served).status_code == 503
    assert len(engine.asked) == 2  # it may be the request that breaks engines


def test_an_engine_that_never_answers_meets_the_deadline(tmp_path: Path) -> None:
    with engines() as (engine,), serving(tmp_path, engine, limits={"deadline_s": 0.3}) as up:
        engine.replies += [Reply(waits=True), Reply([chunk("Olá")], waits=True)]
        assert post(up).json()["error"]["code"] == "timeout"
        assert told(post(up, stream=True))[-1]["error"]["code"] == "timeout"
        wait_for(lambda: engine.num_left == 2)


@pytest.mark.parametrize("is_streamed", [True, False])
def test_a_client_that_leaves_ends_the_work_of_the_engine(
    engine: FakeEngine, served: Running, is_streamed: bool
) -> None:
    engine.replies.append(Reply([chunk("palavra ")] * 2000, pause_s=0.01))
    left = engine.num_left
    body = asked(stream=is_streamed)
    with (
        contextlib.suppress(httpx.ReadTimeout),
        httpx.stream("POST", served.api + "/chat/completions", json=body, timeout=0.3) as response,
    ):
        next(response.iter_lines())
    wait_for(lambda: engine.num_left == left + 1, 5)
    assert engine.num_under_way == 0


def test_more_requests_than_may_be_under_way(tmp_path: Path) -> None:
    with engines() as (engine,), serving(tmp_path, engine, engine={"max_waiting": 1}) as up:
        engine.replies.append(Reply([chunk("palavra ")] * 200, pause_s=0.02))
        with httpx.stream(
            "POST", up.api + "/chat/completions", json=asked(stream=True)
        ) as response:
            lines = response.iter_lines()  # held: letting go of it ends the connection
            next(lines)
            refused = post(up)
            assert refused.status_code == 429, refused.text
            assert refused.headers["retry-after"] == "1"
            assert refused.json()["error"]["code"] == "queue_full"
        wait_for(lambda: engine.num_under_way == 0)
        assert post(up).status_code == 200


def test_the_key_is_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHAVE_DO_MOTOR", "segredo")
    with (
        engines() as (engine,),
        serving(tmp_path, engine, engine={"key_env": "CHAVE_DO_MOTOR"}) as up,
    ):
        assert post(up).status_code == 200
        assert engine.headers[0]["Authorization"] == "Bearer segredo"


def test_connections_are_used_again(engine: FakeEngine, served: Running) -> None:
    seen = {id(None)}
    for _ in range(5):
        assert post(served).status_code == 200
        seen.add(engine.headers[-1]["Host"])
    (member,) = served.built.front.engine._replicas.members  # type: ignore[attr-defined]
    session: Any = member.session
    assert sum(map(len, session.connector._conns.values())) <= 2


def test_a_refusal_is_no_error_of_ours() -> None:
    stream = Stream("http://e")
    with pytest.raises(RequestError, match="too long"):
        list(stream.push(b'data: {"error": {"message": "too long", "code": 400}}\n'))
