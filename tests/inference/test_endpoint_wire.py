"""The wire format by tables: what is sent for a prompt, what is read from a body."""

from __future__ import annotations

import json
from itertools import pairwise

import make
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalia.errors import RecordError
from amalia.inference import Answer, Sampling
from amalia.inference.endpoint_wire import (
    Unusable,
    chat_body,
    error_in,
    events,
    failure,
    messages,
    parsed,
    piece,
    quoted,
    read_answer,
)

PLAIN = Sampling()


def body(message, finish="stop", **more):
    return {"choices": [{"message": message, "finish_reason": finish}], **more}


def test_turns_become_messages():
    red, blue = make.picture(color="red"), make.picture(color="blue", format="JPEG")
    row = make.conversation(
        ("system", "Responde em português."),
        ("user", red, "O que é isto?"),
        ("assistant", "Um autocarro."),
        ("user", "E agora, ", blue, " de que cor é?"),
    )
    system, first, answer, second = messages(row)
    assert system == {"role": "system", "content": "Responde em português."}
    assert answer == {"role": "assistant", "content": "Um autocarro."}
    assert [part["type"] for part in first["content"]] == ["image_url", "text"]
    assert [part["type"] for part in second["content"]] == ["text", "image_url", "text"]
    assert second["content"][0] == {"type": "text", "text": "E agora, "}
    assert first["content"][0]["image_url"]["url"].startswith("data:image/png;base64,iVBOR")
    assert second["content"][1]["image_url"]["url"].startswith("data:image/jpeg;base64,/9j/")


def test_a_turn_of_several_texts_is_one_text():
    assert messages(make.conversation(("user", "Bom ", "dia.")))[0]["content"] == "Bom dia."


def test_a_prompt_ends_in_a_question():
    with pytest.raises(RecordError, match="conversation c1 ends in a turn of role 'assistant'"):
        messages(make.conversation())


def test_a_row_carries_its_pictures():
    row = make.conversation(("user", make.picture(), "?"))
    with pytest.raises(RecordError, match="its row does not carry it") as raised:
        messages(row._replace(images={}))
    assert raised.value.reason == "picture_missing"


@pytest.mark.parametrize(
    ("sampling", "extra", "settings"),
    [
        (PLAIN, {}, {"max_tokens": 256, "temperature": 0.0, "top_p": 1.0}),
        (
            Sampling(max_new_tokens=7, top_p=0.9, seed=5, stop=("\n", "Fim")),
            {"chat_template_kwargs": {"enable_thinking": False}},
            {
                "max_tokens": 7,
                "temperature": 0.0,
                "top_p": 0.9,
                "seed": 5,
                "stop": ["\n", "Fim"],
                "chat_template_kwargs": {"enable_thinking": False},
            },
        ),
        (
            PLAIN,
            {"max_tokens": None, "top_p": None, "max_completion_tokens": 9},
            {"max_completion_tokens": 9, "temperature": 0.0},
        ),
    ],
)
def test_sampling_and_further_fields(sampling, extra, settings):
    row = make.conversation(("user", "Olá"))
    sent = chat_body("m", row, sampling, extra=extra)
    assert sent == {
        "model": "m",
        "messages": [{"role": "user", "content": "Olá"}],
        **settings,
    }


def test_every_place_draws_with_a_seed_of_its_own():
    row = make.conversation(("user", "Olá"))
    drawn = Sampling(temperature=1.0, seed=5)
    seeds = [chat_body("m", row, drawn, place=place, extra={})["seed"] for place in range(20)]
    assert len(set(seeds)) == 20
    assert seeds[3] == chat_body("m", row, drawn, place=3, extra={})["seed"]
    assert all(0 <= seed < 2**31 for seed in seeds)


def ended(reason, finish="stop", tokens=3):
    choice = {"message": {"content": "Sim."}, "finish_reason": finish, "stop_reason": reason}
    return {"choices": [choice], "usage": {"completion_tokens": tokens}}


USAGE = {"usage": {"prompt_tokens": 20, "completion_tokens": 4}}


@pytest.mark.parametrize(
    ("given", "answer"),
    [
        (body({"content": "Um gato."}, **USAGE), Answer("Um gato.", "stop", 4, 20)),
        (body({"content": "Um gato."}), Answer("Um gato.", "stop", 0, None)),
        (body({"content": ""}, **USAGE), Answer("", "stop", 4, 20)),
        (body({"content": "Um g"}, "length", **USAGE), Answer("Um g", "length", 4, 20)),
        (body({"content": "Um gato."}, None), Answer("Um gato.", "stop", 0)),
        (body({"content": "Um gato."}, "eos"), Answer("Um gato.", "stop", 0)),
        (body({"content": "Um gato. Fim. Mais"}, "length"), Answer("Um gato. ", "stop", 0)),
        (
            body({"content": [{"type": "text", "text": "Um "}, {"type": "text", "text": "gato."}]}),
            Answer("Um gato.", "stop", 0),
        ),
        (body({"content": None, "refusal": "Não posso."}), Answer("Não posso.", "content_filter", 0)),
        (body({"content": "Isto", "refusal": "Não."}), Answer("Isto", "content_filter", 0)),
        (body({"content": None}, "content_filter"), Answer("", "content_filter", 0)),
        (body({"content": "Um"}, "content_filter"), Answer("Um", "content_filter", 0)),
        (
            body({"content": "Sim.", "reasoning_content": "Vejo um gato."}),
            Answer("Sim.", "stop", 0),
        ),
        (body({"content": None, "reasoning": "Vejo"}, "length"), Answer("", "length", 0)),
        (body({"content": "Chamo.", "tool_calls": [{}]}, "tool_calls"), Answer("Chamo.", "stop", 0)),
        (body({"content": "a\ud800b"}), Answer("a?b", "stop", 0)),
        (body({"content": "Sim."}, usage={"completion_tokens": "4"}), Answer("Sim.", "stop", 0)),
        # vLLM says what ended an answer: the usual end of turn, another token, or a stop string
        (ended(None), Answer("Sim.", "stop", 2)),
        (ended(107), Answer("Sim.", "stop", 2)),
        (ended("Fim"), Answer("Sim.", "stop", 3)),
        (ended(None, "length"), Answer("Sim.", "length", 3)),
        (ended(None, tokens=0), Answer("Sim.", "stop", 0)),
    ],
)  # fmt: skip
def test_answers(given, answer):
    assert read_answer(given, Sampling(stop=("Fim",))) == answer


@pytest.mark.parametrize(
    ("given", "reason", "detail"),
    [
        ({}, "malformed", 'answered without choices: "{}"'),
        ({"choices": []}, "malformed", "without choices"),
        ({"choices": [{}]}, "malformed", "without a message"),
        (body({}), "malformed", 'answered without content: "{}"'),
        (body({"content": None}), "malformed", "without content"),
        (body({"content": 3}), "malformed", "without content"),
        (body({"content": None, "tool_calls": [{"id": "1"}]}), "tool_call", "a tool call"),
        (body({"content": "Um"}, "abort"), "aborted", r"broke the answer off \(abort\)"),
        (body({"content": "Um"}, "cansaço"), "malformed", "not known, 'cansaço'; expected one of"),
        (body({"content": "Um"}, ["stop"]), "malformed", "not known"),
        ({"error": {"message": "cheio", "code": 503}}, "http_503", 'answered 503 "cheio"'),
        ({"error": {"message": "o pedido é mau", "code": 400}}, "refused_by_server", "o pedido é"),
        ({"error": "partiu"}, "http_500", 'answered 500 "partiu"'),
    ],
)
def test_no_answers(given, reason, detail):
    with pytest.raises(Unusable, match=detail) as raised:
        read_answer(given, PLAIN)
    assert raised.value.reason == reason


VLLM = "This model's maximum context length is 4096 tokens. However, you requested 5000 tokens"
LLAMA = "request (4390 tokens) exceeds the available context size (4096 tokens), try increasing it"


@pytest.mark.parametrize(
    ("status", "text", "reason", "is_passing"),
    [
        (400, json.dumps({"error": {"message": VLLM, "code": 400}}), "prompt_too_long", False),
        (400, json.dumps({"object": "error", "message": VLLM}), "prompt_too_long", False),
        (400, json.dumps({"error": {"message": LLAMA}}), "prompt_too_long", False),
        (500, '{"error": {"message": "Context size has been exceeded."}}', "prompt_too_long", False),
        (422, '{"error": "`inputs` is fine but there are too many tokens"}', "prompt_too_long", False),
        (400, '{"error": {"message": "cannot identify image file"}}', "picture_unreadable", False),
        (400, '{"error": {"message": "Failed to load image or audio file"}}', "picture_unreadable",
         False),
        (500, '{"error": {"message": "image input is not supported - hint: mmproj"}}',
         "picture_for_text_model", False),
        (400, '{"error": {"message": "Requested sample logprobs of 20, which is greater"}}',
         "no_likelihoods", False),
        (400, '{"error": {"message": "Gaudi doesn\'t support logprobs."}}', "no_likelihoods", False),
        (400, '{"error": {"message": "Logprobs is not enabled for this model"}}', "no_likelihoods",
         False),
        (400, '{"error": {"message": "5 is greater than the maximum of 1 - \'logprobs\'"}}',
         "no_likelihoods", False),
        (400, '{"error": {"message": "max_tokens must be at least 1, got 0."}}', "prompt_too_long",
         False),
        (400, '{"error": {"message": "no such model"}}', "refused_by_server", False),
        (413, "Request Entity Too Large", "refused_by_server", False),
        (422, '{"detail": [{"loc": ["body"], "msg": "field required"}]}', "refused_by_server", False),
        (301, "", "refused_by_server", False),
        (401, '{"error": {"message": "Incorrect API key"}}', "key_refused", False),
        (403, "", "key_refused", False),
        (404, '{"message": "The model `x` does not exist."}', "not_found", False),
        (408, "", "http_408", True),
        (409, "", "http_409", True),
        (425, "", "http_425", True),
        (429, f'{{"error": {{"message": "{VLLM}"}}}}', "http_429", True),
        (500, "Internal Server Error", "http_500", True),
        (502, "<html>Bad Gateway</html>", "http_502", True),
        (503, "[1]", "http_503", True),
        (504, "", "http_504", True),
        (529, "", "http_529", True),
    ],
)  # fmt: skip
def test_statuses(status, text, reason, is_passing):
    found = failure(status, text, wait_s=3.0)
    assert (found.reason, found.is_passing) == (reason, is_passing)
    assert found.wait_s == (3.0 if is_passing else 0.0)
    assert found.detail.startswith(f"answered {status} ")


def test_what_came_is_quoted_on_one_line():
    assert failure(500, '{"error": {"message": "duas\\n linhas"}}').detail == (
        'answered 500 "duas linhas"'
    )
    assert failure(500, "x" * 900).detail == f'answered 500 "{"x" * 200}…"'
    assert quoted(" a\t b\u2028c ") == '"a b c"'


@pytest.mark.parametrize("text", ["", "{", '{"choices": [', "<html>Olá</html>", "[1]", "null"])
def test_bodies_that_are_no_objects_may_pass(text):
    with pytest.raises(Unusable, match="answered with no JSON") as raised:
        parsed(text)
    assert raised.value.reason == "malformed"
    assert raised.value.is_passing


STREAM = (
    ": bom dia\n\n"
    'event: message\r\nid: 1\r\ndata: {"n": "á\u2028é"}\r\n\r\n'
    'data:{"n": "🚌"}\n\n'
    "data: [DONE]\n\n"
    "data: nunca\n"
).encode()


@given(cuts=st.lists(st.integers(0, len(STREAM)), max_size=8))
def test_a_stream_may_be_cut_anywhere(cuts):
    places = sorted([0, *cuts, len(STREAM)])
    chunks = [STREAM[start:end] for start, end in pairwise(places)]
    assert [event["n"] for event in events(chunks)] == ["á\u2028é", "🚌"]


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("", "ended the stream before it was done"),
        ('data: {"choices": []}\n\n', "ended the stream before it was done"),
        ('data: {"choices": [\n\n', "answered with no JSON"),
        ("<html>\n", 'sent a line that is no event: "<html>"'),
        ('error: {"code": 500}\n', "no event"),
    ],
)
def test_streams_that_are_none(text, detail):
    with pytest.raises(Unusable, match=detail):
        list(events([text.encode()]))


def test_pieces():
    def event(delta, finish=None):
        return {"choices": [{"delta": delta, "finish_reason": finish}]}

    assert piece(event({"role": "assistant", "content": ""})) == ""
    assert piece(event({"content": "Um "})) == "Um "
    assert piece(event({"content": None, "reasoning_content": "Penso"})) == ""
    assert piece(event({"refusal": "Não posso."})) == "Não posso."
    assert piece(event({}, "stop")) == ""
    assert piece({"choices": [{"finish_reason": "length"}]}) == ""
    assert piece({"choices": [], "usage": {}}) == ""
    with pytest.raises(Unusable, match='answered 500 "sem memória"'):
        piece({"error": {"message": "sem memória", "code": 500}})
    with pytest.raises(Unusable, match="broke the answer off"):
        piece(event({}, "abort"))
    assert error_in({"error": {"message": "x", "code": "rate_limited"}}).reason == "http_500"
