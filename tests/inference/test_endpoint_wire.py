"""The wire format by tables: what is sent for a prompt, what is read from a body."""

from __future__ import annotations

import json
import math
from itertools import pairwise

import make
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalia.errors import RecordError
from amalia.inference import Answer, LogProb, Sampling
from amalia.inference.endpoint_likelihood import (
    Token,
    answer_log_prob,
    every_token_body,
    first_token_body,
    is_letter,
    letter_log_prob,
    read_first_tokens,
    read_tokens,
)
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
        (400, '{"error": {"message": "cannot identify image file"}}', "refused_by_server", False),
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


def test_bodies_that_weigh():
    row = make.conversation(("user", "Qual?"))
    alone = every_token_body("m", row, None, extra={"priority": 1})
    assert alone["messages"] == [{"role": "user", "content": "Qual?"}]
    assert (alone["prompt_logprobs"], alone["max_tokens"], alone["priority"]) == (0, 1, 1)
    assert "continue_final_message" not in alone
    begun = every_token_body("m", row, "Lisboa", extra={})
    assert begun["messages"][1] == {"role": "assistant", "content": "Lisboa"}
    assert (begun["add_generation_prompt"], begun["continue_final_message"]) == (False, True)
    letters = first_token_body("m", row, extra={})
    assert (letters["logprobs"], letters["top_logprobs"], letters["max_tokens"]) == (True, 20, 1)


def test_tokens_are_read():
    entry = {"5": {"logprob": -0.5, "rank": 1, "decoded_token": "L"}, "9": {"logprob": -0.1}}
    given = body({"content": ""}, prompt_logprobs=[None, entry, {"7": {"logprob": -9999.0}}])
    assert read_tokens(given) == [None, Token("5", -0.5, "L"), Token("7", -9999.0, None)]


@pytest.mark.parametrize("entry", [3, {}, {"5": {}}, {"5": {"logprob": None}}, {"5": 1},
                                   {"5": {"logprob": math.nan}}])  # fmt: skip
def test_tokens_that_cannot_be_read(entry):
    with pytest.raises(Unusable, match="cannot be read") as raised:
        read_tokens(body({"content": ""}, prompt_logprobs=[None, entry]))
    assert raised.value.reason == "malformed"


def test_servers_without_likelihoods():
    for more in ({}, {"prompt_logprobs": None}):
        with pytest.raises(Unusable, match="without prompt_logprobs") as raised:
            read_tokens(body({"content": "a"}, **more))
        assert raised.value.reason == "no_likelihoods"
    for log_probs in (None, {}, {"content": []}, {"content": [{"token": "A"}]}):
        choice = {"message": {"content": "A"}, "logprobs": log_probs}
        with pytest.raises(Unusable, match=r"without (top_)?logprobs") as raised:
            read_first_tokens({"choices": [choice]})
        assert raised.value.reason == "no_likelihoods"


def tokens(*texts, nats=-1.0):
    """The first token of a prompt is never known."""
    return [None, *(Token(text, nats, text) for text in texts)]


@pytest.mark.parametrize(
    ("prompt", "continued", "answer", "log_prob"),
    [
        (("u", ":", "a:"), ("u", ":", "a:", "Lis", "boa"), "Lisboa", LogProb(-2.0, 2)),
        (("u", ":", "a:"), ("u", ":", "a:", "Lis", "boa"), " Lisboa\n", LogProb(-2.0, 2)),
        # the last token of the prompt joins the answer
        (("u", ":", "a", ":\n"), ("u", ":", "a", ":\n\n", "Lis"), "\nLis", LogProb(-2.0, 2)),
        # a letter of two tokens, shown as two marks
        (("u", "a:"), ("u", "a:", "p", "�", "�", "o"), "pão", LogProb(-4.0, 4)),
    ],
)
def test_an_answer_is_what_follows_the_prompt(prompt, continued, answer, log_prob):
    assert answer_log_prob(tokens(*prompt), tokens(*continued), answer) == log_prob


@pytest.mark.parametrize(
    ("prompt", "continued"),
    [
        (("u", "a:"), ("u", "a:")),
        (("u", "a:", "<think>", "\n"), ("u", "a:", "Lis", "boa")),
        (("u", "a:"), ("u", "a:", "<think>", "</think>", "Lis", "boa")),
        (("u", "a:"), ("x", "y:", "Lis", "boa")),
    ],
)
def test_a_template_that_opens_a_turn_otherwise_than_it_writes_one(prompt, continued):
    with pytest.raises(Unusable) as raised:
        answer_log_prob(tokens(*prompt), tokens(*continued), "Lisboa")
    assert raised.value.reason == "template_differs"


def top(*pairs):
    entries = [{"token": token, "logprob": nats} for token, nats in pairs]
    choice = {"message": {"content": "A"}, "logprobs": {"content": [{"top_logprobs": entries}]}}
    return read_first_tokens({"choices": [choice]})


def test_letters_are_weighed_by_all_their_tokens():
    found = top(("A", math.log(0.5)), (" A", math.log(0.25)), ("B", math.log(0.125)), ("Al", -3.0))
    assert letter_log_prob(found, "A").total_nats == pytest.approx(math.log(0.75))
    assert letter_log_prob(found, " A\n").num_tokens == 1
    assert letter_log_prob(found, "B") == LogProb(math.log(0.125), 1)


def test_a_letter_not_among_the_likeliest_is_below_them_and_marked():
    found = top(("A", -0.1), ("B", -2.5))
    missing = letter_log_prob(found, "C")
    assert missing.is_bound
    assert missing.total_nats < letter_log_prob(found, "B").total_nats
    assert missing.total_nats == pytest.approx(-2.5)


def test_tiny_and_rounded_probabilities():
    assert letter_log_prob(top(("A", -9999.0), (" A", -9999.0)), "A").total_nats < -9998
    assert letter_log_prob(top(("A", 0.0), (" A", -40.0)), "A").total_nats == 0.0
    with pytest.raises(Unusable, match="cannot be read"):
        top(("A", math.nan))


def test_what_is_a_letter():
    assert all(is_letter(answer) for answer in ("A", " E\n", "3"))
    assert not any(is_letter(answer) for answer in ("", "AB", ".", "Sim", "A."))
