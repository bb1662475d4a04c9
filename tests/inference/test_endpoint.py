"""An endpoint against a server on this machine: what is asked, what goes wrong, what is left behind."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import subprocess
import sys
import threading
from pathlib import Path

import make
import pytest
from pydantic import ValidationError

# Beside this file, which is imported alone.
sys.path.insert(0, str(Path(__file__).parent))

from endpoint_server import Reply, Server, Slept, ask, connect, question, said

from amalia.errors import GenerationError, RecordError
from amalia.inference import Answer, Generate, Sampling, complete
from amalia.inference.endpoint import Endpoint, EndpointSettings

PLAIN = Sampling(max_new_tokens=8)


@pytest.fixture(autouse=True)
def _no_thread_is_left_behind():
    before = set(threading.enumerate())
    yield
    assert set(threading.enumerate()) <= before


# --- connecting -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("card", "settings", "rest"),
    [
        ({}, {}, ""),
        ({"created": 123, "root": "amalia-vl"}, {}, ""),
        ({"root": "amalia-llm/AMALIA-VL"}, {}, " (amalia-llm/AMALIA-VL)"),
        ({"meta": {"n_params": 9, "size": 5, "n_vocab": 3}}, {}, " (n_params 9, size 5)"),
        ({}, {"likelihood": "top_logprobs"}, " (top_logprobs)"),
        ({}, {"extra": {"top_k": 1}}, " (extra 91d2b5e8)"),
    ],
)
def test_its_name_says_which_model_where(card, settings, rest):
    with Server(models={"data": [{"id": "amalia-vl", **card}]}) as server:
        generate: Generate = connect(server, **settings)
    place = server.url.removeprefix("http://").removesuffix("/v1")
    if "extra" in rest:
        digest = hashlib.sha256(json.dumps(settings["extra"]).encode()).hexdigest()[:8]
        rest = f" (extra {digest})"
    assert generate.name == f"amalia-vl@{place}{rest}"


def models(*names):
    return {"data": [{"id": name} for name in names]}


def test_a_model_is_chosen_by_name():
    with Server(models=models("amalia-vl", "juiz")) as server:
        assert connect(server, model="juiz").name.startswith("juiz@127.0.0.1:")


@pytest.mark.parametrize(
    ("answer", "model", "reason", "says"),
    [
        (models("b", "a"), None, "not_found", "has 2 models; expected one of a, b; set model"),
        (models("amalia-vl", "outro"), "amalia-v1", "not_found",
         "has no model 'amalia-v1'; expected one of amalia-vl, …; set model"),
        (models("a"), "xyz", "not_found", "has no model 'xyz'; expected one of a; set model"),
        (models(), None, "not_found", "has no models"),
        ({"data": "nada"}, None, "not_found", "has no models"),
        (Reply({"error": {"message": "no key"}}, 401), None, "key_refused",
         'answered 401 "no key" (1 try); expected an answer; put a valid key into'),
        (Reply(b"", 403), None, "key_refused", "answered 403"),
        (Reply(b"Not Found", 404), None, "not_found",
         'answered 404 "Not Found" (1 try); expected an answer; load the model, or correct the address'),
        (Reply(b"<html>Bem-vindo</html>"), None, "malformed",
         'answered with no JSON: "<html>Bem-vindo</html>"'),
        (Reply(hangs_up=True), None, "no_connection", "broke off: RemoteProtocolError"),
    ],
)  # fmt: skip
def test_what_keeps_it_from_connecting_is_said_in_one_line(answer, model, reason, says):
    with Server(models=answer) as server, pytest.raises(GenerationError) as raised:
        connect(server, model=model)
    assert server.url in str(raised.value)
    assert says in str(raised.value)
    assert "\n" not in str(raised.value)
    assert raised.value.reason == reason


def test_a_server_that_is_not_there_is_not_waited_for():
    slept = Slept()
    with Server() as server:
        pass
    with pytest.raises(GenerationError, match=r"cannot be reached: ConnectError .*start the serv"):
        connect(server, slept, retries=5)
    assert slept == []


def test_a_key_comes_from_the_environment_and_is_never_shown(monkeypatch):
    monkeypatch.setenv("A_NOSSA_CHAVE", "segredo-123\n")
    refused = Reply({"error": {"message": "a chave segredo-123 não serve"}}, 401)
    with Server(refused) as server:
        endpoint = connect(server, key_env="A_NOSSA_CHAVE")
        with pytest.raises(GenerationError, match='"a chave … não serve"'):
            complete(endpoint, ask(), PLAIN)
    assert server.headers[0]["Authorization"] == "Bearer segredo-123"
    assert "segredo" not in repr(vars(endpoint))


@pytest.mark.parametrize(("value", "says"), [(None, "is not set"), ("olá", "holds no key that")])
def test_a_key_that_is_missing(monkeypatch, value, says):
    if value:
        monkeypatch.setenv("A_NOSSA_CHAVE", value)
    with pytest.raises(GenerationError, match=f"variable A_NOSSA_CHAVE {says}"):
        Endpoint.connect(EndpointSettings(url="http://127.0.0.1:1/v1", key_env="A_NOSSA_CHAVE"))


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "127.0.0.1:8000/v1"},
        {"url": "ftp://127.0.0.1/v1"},
        {"url": "http:///v1"},
        {"url": "https://eu:segredo@exemplo.pt/v1"},
        {"url": "https://exemplo.pt/v1?key=segredo"},
        {"key_env": "sk-segredo"},
        {"concurrency": 0},
        {"timeout_s": 0},
        {"retries": -1},
        {"extra": {"messages": []}},
        {"extra": {"stream": None}},
        {"extra": {"temperature": 1}},
        {"likelihood": "sim"},
        {"key": "segredo"},
    ],
)
def test_settings_refuse(wrong):
    with pytest.raises(ValidationError):
        EndpointSettings(**{"url": "http://127.0.0.1:8000/v1", **wrong})


def test_no_more_is_asked_for_than_the_model_can_read():
    card = {"id": "amalia-vl", "max_model_len": 64}
    with Server(models={"data": [card]}) as server:
        endpoint = connect(server)
        for limit in (8, 64, 900):
            complete(endpoint, ask(), Sampling(max_new_tokens=limit))
    assert [body["max_tokens"] for body in server.asked] == [8, 64, 64]


def test_importing_it_does_not_import_the_client():
    program = "import sys, amalia.inference.endpoint; print('httpx' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "False\n"


# --- answers --------------------------------------------------------------------------------------


def test_what_is_sent_is_the_prompt_and_the_pictures_as_they_are():
    pictures = [make.picture(noise=seed, format=kind) for seed, kind in enumerate(["PNG", "JPEG"])]
    row = make.conversation(
        ("system", "Responde numa palavra."), ("user", *pictures, "Em que diferem?")
    )
    sampling = Sampling(max_new_tokens=5, top_p=0.5, stop=("\n",))
    with Server() as server:
        answer = complete(connect(server, extra={"top_k": 3}), row, sampling)
    (sent,) = server.asked
    assert answer == Answer("Em que diferem?", "stop", 3, 11)
    system, user = sent.pop("messages")
    assert system == {"role": "system", "content": "Responde numa palavra."}
    urls = [part["image_url"]["url"] for part in user["content"][:2]]
    assert [url.partition(",")[0] for url in urls] == [
        "data:image/png;base64",
        "data:image/jpeg;base64",
    ]
    for url, image in zip(urls, row.record.images, strict=True):
        data = base64.b64decode(url.partition(",")[2], validate=True)
        assert hashlib.sha256(data).hexdigest() == image.sha256
    assert sent == {
        "model": "amalia-vl",
        "max_tokens": 5,
        "temperature": 0.0,
        "top_p": 0.5,
        "stop": ["\n"],
        "top_k": 3,
    }


def test_answers_keep_their_order_whichever_comes_first():
    second_came = threading.Event()

    def answer(body):
        if question(body) == "um":
            assert second_came.wait(10)
        else:
            second_came.set()
        return said(f"{question(body)}!")

    with Server() as server:
        server.answer = answer
        found = list(
            connect(server, concurrency=2).answer_many(map(ask, ["um", "dois", "três"]), PLAIN)
        )
    assert [answer.text for answer in found] == ["um!", "dois!", "três!"]


def test_prompts_without_end_are_taken_as_they_are_needed():
    taken = []

    def prompts():
        for place in itertools.count():
            taken.append(place)
            yield ask(f"pergunta {place}")

    with Server() as server:
        answers = connect(server, concurrency=2).answer_many(prompts(), PLAIN)
        texts = [answer.text for answer in itertools.islice(answers, 10)]
        answers.close()
    assert texts == [f"pergunta {place}" for place in range(10)]
    assert len(taken) <= 14
    assert list(connect_and_answer([])) == []


def connect_and_answer(prompts):
    with Server() as server:
        yield from connect(server).answer_many(prompts, PLAIN)


HTML = b"<html>502</html>"


@pytest.mark.parametrize(
    ("failures", "pauses"),
    [
        ([Reply(b"", 429, {"Retry-After": "7"})], [7.0]),
        ([Reply(b"", 429, {"Retry-After": "Fri, 15 Jan 2027 08:00:30 GMT"})], [30.0]),
        ([Reply(b"", 503, {"Retry-After": "86400"})], [120.0]),
        ([Reply(b"", 503, {"Retry-After": "Fri, 15 Jan 2021 08:00:30 GMT"})], [(0.5, 1)]),
        ([Reply(b"", 503, {"Retry-After": "em breve"})], [(0.5, 1)]),
        ([Reply(b"", 500)] * 4, [(0.5, 1), (1, 2), (2, 4), (4, 8)]),
        ([Reply(b"", status) for status in (408, 409, 425, 502, 504)],
         [(0.5, 1), (1, 2), (2, 4), (4, 8), (8, 16)]),
        ([Reply(said("Um gato.").__repr__().encode()[:30])], [(0.5, 1)]),
        ([Reply(b"")], [(0.5, 1)]),
        ([Reply(HTML, headers={"Content-Type": "text/html"})], [(0.5, 1)]),
        ([Reply(said("Um gato."), cut_bytes=9)], [(0.5, 1)]),
        ([Reply(hangs_up=True)], [(0.5, 1)]),
        ([Reply(b"\x1f\x8b...", headers={"Content-Encoding": "gzip"})], [(0.5, 1)]),
        ([{"error": {"message": "cheio", "code": 503}}], [(0.5, 1)]),
        ([said("Um", finish_reason="abort")], [(0.5, 1)]),
    ],
)  # fmt: skip
def test_what_may_pass_is_asked_again(failures, pauses):
    slept = Slept()
    with Server(*failures) as server:
        answer = complete(connect(server, slept, retries=5), ask(), PLAIN)
    assert answer.text == "Que animal é este?"
    assert len(server.asked) == len(failures) + 1
    assert len({json.dumps(body) for body in server.asked}) == 1
    for seconds, expected in zip(slept, pauses, strict=True):
        low, high = expected if isinstance(expected, tuple) else (expected, expected)
        assert low <= seconds <= high


@pytest.mark.parametrize(
    ("failure", "reason", "says"),
    [
        (Reply(b"duas\nlinhas", 500), "http_500", 'answered 500 "duas linhas" (3 tries)'),
        (Reply(b"", 429, {"Retry-After": "1"}), "http_429", 'answered 429 "" (3 tries)'),
        (Reply(hangs_up=True), "no_connection", "broke off"),
        (Reply(b'{"choices": ['), "malformed", "answered with no JSON"),
        (Reply(said("Um gato."), cut_bytes=9), "no_connection", "broke off"),
        (said(None), "malformed", "answered without content"),
        (Reply({"error": {"message": "maximum context length is 64"}}, 400), "prompt_too_long",
         '"maximum context length is 64" (1 try); expected an answer; use fewer turns'),
        (Reply({"error": {"message": "bad image"}}, 400), "refused_by_server", "(1 try)"),
        (Reply({"error": {"message": "Failed to load image: it is cut short"}}, 400),
         "picture_unreadable", "mend the picture, or leave the prompt out"),
        (Reply({"error": {"message": "euro is not a multimodal model"}}, 400),
         "picture_for_text_model", "serve a model that sees"),
        (Reply(b"", 413), "refused_by_server", "(1 try)"),
        (Reply({"detail": "no such field"}, 422), "refused_by_server", '"no such field" (1 try)'),
        (said(None, message={"content": None, "tool_calls": [{}]}), "tool_call", "(1 try)"),
        (said("Um", finish_reason="cansaço"), "malformed", "'cansaço'"),
    ],
)  # fmt: skip
def test_an_error_stands_in_the_place_of_its_answer(failure, reason, says):
    with Server() as server:
        server.answer = lambda body: failure if question(body) == "mau" else said("bom")
        endpoint = connect(server, retries=2, concurrency=3)
        prompts = [ask("bom", "c1"), ask("mau", "c2"), ask("bom", "c3")]
        first, second, third = endpoint.answer_many(prompts, PLAIN)
    assert first == third == Answer("bom", "stop", 3, 11)
    assert isinstance(second, GenerationError)
    assert second.reason == reason
    assert str(second).startswith(f"conversation c2: {server.url} ")
    assert says in str(second)
    assert "\n" not in str(second)


def test_a_server_that_says_nothing_runs_out_of_time():
    with Server(Reply(waits=True), Reply(waits=True)) as server:
        (error,) = connect(server, retries=1, timeout_s=0.2).answer_many([ask()], PLAIN)
    assert error.reason == "timeout"
    assert "took too long: ReadTimeout" in str(error)
    assert "(2 tries); expected an answer; raise timeout_s, or lower concurrency" in str(error)
    assert len(server.asked) == 2


def test_an_empty_text_is_an_answer():
    with Server(said("")) as server:
        assert complete(connect(server), ask(), PLAIN) == Answer("", "stop", 3, 11)


def test_a_prompt_that_cannot_be_sent_has_its_error_in_its_place():
    blind = make.conversation(("user", make.picture(), "?"))._replace(images={})
    with Server() as server:
        first, second = connect(server).answer_many([blind, ask("Olá")], PLAIN)
    assert isinstance(first, RecordError)
    assert first.reason == "picture_missing"
    assert second.text == "Olá"


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (Reply({"error": {"message": "expired"}}, 401), "key_refused"),
        (Reply(b"", 403), "key_refused"),
        (Reply({"error": {"message": "The model does not exist"}}, 404), "not_found"),
    ],
)
def test_what_befalls_every_prompt_ends_the_run(failure, reason):
    with Server() as server:
        server.answer = lambda body: said("bom") if question(body) == "um" else failure
        answers = connect(server, retries=5).answer_many(map(ask, ["um", "dois", "três"]), PLAIN)
        assert next(answers).text == "bom"
        with pytest.raises(GenerationError, match=r"\(1 try\)") as raised:
            next(answers)
    assert raised.value.reason == reason


def test_a_server_that_is_gone_ends_the_run():
    slept = Slept()
    with Server() as server:
        endpoint = connect(server, slept, retries=3, concurrency=1)
    with pytest.raises(GenerationError, match=r"cannot be reached.*\(4 tries\)") as raised:
        next(endpoint.answer_many([ask()], PLAIN))
    assert raised.value.reason == "no_server"
    assert len(slept) == 3


@pytest.mark.parametrize("reply", [Reply(waits=True), Reply(b"", 429, {"Retry-After": "100"})])
def test_leaving_early_waits_for_nothing(reply):
    """With the real sleep and the usual time limit; a thread left waiting would hold this test up."""
    with Server() as server:
        server.answer = lambda body: said("bom") if question(body) == "a" else reply
        endpoint = Endpoint.connect(EndpointSettings(url=server.url, concurrency=2))
        answers = endpoint.answer_many(map(ask, "abcdefgh"), PLAIN)
        texts = [answer.text for answer in itertools.islice(answers, 1)]
        answers.close()
        assert texts == ["bom"]
        assert not [
            thread for thread in threading.enumerate() if thread.name.startswith("amalia-endpoint")
        ]


def test_the_same_question_draws_another_answer_at_another_place():
    with Server() as server:
        endpoint = connect(server, concurrency=1)
        for _ in range(2):
            list(endpoint.answer_many([ask()] * 3, Sampling(temperature=1.0, seed=4)))
    seeds = [body["seed"] for body in server.asked]
    assert seeds[:3] == seeds[3:]
    assert len(set(seeds)) == 3


# --- streams --------------------------------------------------------------------------------------


def stream(*texts: str, end: bytes = b"data: [DONE]\n\n") -> tuple[bytes, ...]:
    chunks = []
    for text in texts:
        event = {"choices": [{"delta": {"content": text}, "finish_reason": None}]}
        chunks.append(f"data: {json.dumps(event, ensure_ascii=False)}\n\n".encode())
    return (*chunks, end)


def test_a_stream_gives_its_pieces():
    cut = b"".join(stream("Um ", "autocarro ", "é maior. Fim"))
    pieces = (b": a pensar\n\n", cut[:31], cut[31:90], b"", cut[90:])
    with Server(Reply(b"", 500), Reply(pieces=pieces)) as server:
        slept = Slept()
        endpoint = connect(server, slept, retries=1)
        texts = list(endpoint.stream(ask(), Sampling(stop=("Fim",))))
    assert texts == ["Um ", "autocarro ", "é maior. "]
    assert server.asked[1]["stream"] is True
    assert len(slept) == 1


@pytest.mark.parametrize(
    ("reply", "given", "says"),
    [
        (Reply(pieces=stream("Um ", end=b"")), ["Um "], "ended the stream before it was done"),
        (Reply(pieces=stream("Um ", end=b'data: {"cho')), ["Um "], "answered with no JSON"),
        (Reply(pieces=stream("Um ", end=b'data: {"error": {"message": "sem mem"}}\n\n')), ["Um "],
         'answered 500 "sem mem"'),
        (Reply(HTML), [], "sent a line that is no event"),
        (Reply(b"partiu", 500), [], 'answered 500 "partiu" (1 try)'),
        (Reply(hangs_up=True), [], "broke off"),
        (Reply(b"".join(stream("Um ", "gato")), cut_bytes=5), ["Um ", "gato"], "broke off"),
        (Reply(b"", 401), [], "answered 401"),
        (Reply(waits=True), [], "took too long"),
    ],
)  # fmt: skip
def test_a_stream_that_fails(reply, given, says):
    texts = []
    with Server(reply) as server:
        endpoint = connect(server, timeout_s=0.2 if reply.waits else 60)
        with pytest.raises(GenerationError) as raised:
            for text in endpoint.stream(ask(), PLAIN):
                texts.append(text)
    assert texts == given
    assert str(raised.value).startswith("conversation c1: http://127.0.0.1")
    assert says in str(raised.value)


def test_leaving_a_stream_early_ends_the_connection():
    endless = Reply(pieces=stream("bla ")[:1] * 1_000_000)
    with Server(endless) as server:
        pieces = connect(server).stream(ask(), PLAIN)
        assert next(pieces) == "bla "
        pieces.close()
        assert server.left.wait(10)
