"""How likely answers are, by tables: what is asked, and what is made of the tokens that come."""

from __future__ import annotations

import math

import make
import pytest

from amalia.inference import LogProb
from amalia.inference.endpoint_likelihood import (
    NO_CLOSING,
    Closing,
    Token,
    answer_log_prob,
    closing,
    every_token_body,
    first_token_body,
    is_letter,
    letter_log_prob,
    plain_body,
    read_first_tokens,
    read_tokens,
)
from amalia.inference.endpoint_wire import Unusable


def body(message, **more):
    return {"choices": [{"message": message, "finish_reason": "stop"}], **more}


def test_bodies_that_weigh():
    row = make.conversation(("user", "Qual?"))
    alone = every_token_body("m", row, None, extra={"priority": 1})
    assert alone["messages"] == [{"role": "user", "content": "Qual?"}]
    assert (alone["prompt_logprobs"], alone["max_tokens"], alone["priority"]) == (0, 1, 1)
    assert "continue_final_message" not in alone
    begun = every_token_body("m", row, "Lisboa", extra={})
    assert begun["messages"][1] == {"role": "assistant", "content": "Lisboa"}
    assert (begun["add_generation_prompt"], begun["continue_final_message"]) == (False, True)
    ended = every_token_body("m", row, "Lisboa", extra={}, is_ended=True)
    assert ended == {**begun, "continue_final_message": False}
    assert plain_body("m", row, extra={"priority": 1}) == {
        name: value for name, value in alone.items() if name != "prompt_logprobs"
    }
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
    ("begun", "ended", "found"),
    [
        (("u", "Lis"), ("u", "Lis", "<end>", "\n"), Closing(("<end>", "\n"), 1)),
        (("u", "Lis"), ("u", "Lis", "<end>"), Closing(("<end>",), 1)),
        (("u", "Lis"), ("u", "Lis", " ", "</s>"), Closing((" ", "</s>"), 2)),
        (("u", "Lis"), ("u", "Lis"), NO_CLOSING),
        (("u", "Lis"), ("u", "Lis", "\n", "\n"), NO_CLOSING),
        (("u", "Lis"), ("u", "Lis\n"), NO_CLOSING),
        (("u", "Lis"), ("u", "Lis", "E", "é", "tudo", ".", "<end>"), NO_CLOSING),
    ],
)
def test_what_closes_a_turn(begun, ended, found):
    assert closing(tokens(*begun), tokens(*ended)) == found


def test_what_closes_a_turn_must_be_told():
    silent = [*tokens("u", "Lis"), Token("<end>", -1.0, None)]
    assert closing(tokens("u", "Lis"), silent) == NO_CLOSING


def test_an_answer_ends_where_its_turn_is_closed():
    prompt, closed = tokens("u", "a:"), Closing(("<end>", "\n"), 1)
    continued = tokens("u", "a:", "Lis", "boa", "<end>", "\n")
    assert answer_log_prob(prompt, continued, "Lisboa", closed) == LogProb(-3.0, 3)
    for other in (("Lis", "boa", "<fim>", "\n"), ("Lis", "boa"), ("<end>", "\n"), ("\n",), ()):
        with pytest.raises(Unusable) as raised:
            answer_log_prob(prompt, tokens("u", "a:", *other), "Lisboa", closed)
        assert raised.value.reason == "template_differs"


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
