"""How likely answers are, by a server on this machine: what is asked, in which way, and what is said when it fails."""

from __future__ import annotations

import math
import sys
from pathlib import Path

import pytest

# Beside this file, which is imported alone.
sys.path.insert(0, str(Path(__file__).parent))

from endpoint_server import Reply, Server, ask, connect, question, said

from amalia.errors import GenerationError
from amalia.inference import LogProb, log_probs

# Nats of words; of the end of a turn they are a quarter of one.
WORDS = {"Lisboa": -0.5, "Porto": -1.5, "O": -0.25, "<|im_end|>": -0.25}


def weighing(body, *, after=("<|im_end|>", "\n")):
    """A server like vLLM, to which every word is a token; ``after`` closes a turn."""
    turns = body["messages"]
    words = []
    for turn in turns:
        words += [f"<|im_start|>{turn['role']}\n", *turn["content"].split(), *after]
    if body.get("continue_final_message"):
        words = words[: len(words) - len(after)]
    if body.get("add_generation_prompt", True):
        words.append("<|im_start|>assistant\n")
    found = [
        {f"{hash(word)}": {"logprob": WORDS.get(word, -3.0), "decoded_token": word}}
        for word in words
    ]
    return said("x") | {"prompt_logprobs": [None, *found[1:]]}


def lettering(body):
    """A server like llama.cpp, which knows only what comes first."""
    if not body.get("logprobs"):
        return said("A")
    likely = [("A", 0.5), (" A", 0.25), ("B", 0.125), ("O", 0.1)]
    top = [{"token": token, "logprob": math.log(share)} for token, share in likely]
    return said("A", logprobs={"content": [{"token": "A", "top_logprobs": top}]})


def refused(message):
    return Reply({"error": {"message": message}}, 400)


def kinds(asked):
    """Say of each question what it is about."""
    return [
        "letters" if body.get("logprobs")
        else "plain" if "prompt_logprobs" not in body
        else "prompt" if body.get("add_generation_prompt", True)
        else "begun" if body["continue_final_message"]
        else "ended"
        for body in asked
    ]  # fmt: skip


def test_every_token_of_an_answer_and_its_end_is_weighed_and_a_prompt_asked_once():
    prompts = [ask("Qual é a capital?")] * 3 + [ask("E a maior?", "c2")]
    answers = ["Lisboa", "O Porto", "Faro", "Lisboa"]
    with Server() as server:
        server.answer = weighing
        endpoint = connect(server)
        found = log_probs(endpoint, prompts, answers)
        assert kinds(server.asked) == (
            ["begun", "ended", "prompt", "ended", "ended", "ended", "prompt", "ended"]
        )
        again = log_probs(endpoint, prompts[:1], answers[:1])
    assert found == [LogProb(-0.75, 2), LogProb(-2.0, 3), LogProb(-3.25, 2), LogProb(-0.75, 2)]
    assert again == found[:1]
    assert kinds(server.asked)[8:] == ["prompt", "ended"]


def joined(body):
    """A server whose tokens join the end of an answer to what follows."""
    found = weighing(body, after=("\n",))
    if "prompt_logprobs" in body and body.get("continue_final_message") is False:
        found["prompt_logprobs"][-2:] = [{"1": {"logprob": -9.0, "decoded_token": "Lisboa\n"}}]
    return found


def unending(body):
    """A server that refuses a complete turn of the assistant's at the end."""
    if body.get("continue_final_message") is False:
        return refused("the last turn is not the user's")
    return weighing(body)


@pytest.mark.parametrize(
    "answer",
    [
        unending,
        joined,
        lambda body: weighing(body, after=()),
        lambda body: weighing(body, after=("\n",)),
        lambda body: weighing(body, after=("Espero", "ter", "sido", "de", "ajuda")),
    ],
)
def test_answers_are_weighed_without_their_end_where_it_cannot_be_told(answer):
    with Server() as server:
        server.answer = answer
        found = log_probs(connect(server), [ask(), ask("Qual?", "c2")], ["Lisboa", "O Porto"])
    assert found == [LogProb(-0.5, 1), LogProb(-1.75, 2)]
    assert kinds(server.asked)[2:] == ["prompt", "begun"] * 2


def test_an_answer_that_is_closed_otherwise_is_refused():
    def odd(body):
        is_odd = body["messages"][-1]["content"] == "Porto"
        return weighing(body, after=("<|eot|>", "\n") if is_odd else ("<|im_end|>", "\n"))

    with Server() as server:
        server.answer = odd
        first, second, third = connect(server).weigh_many(
            [ask()] * 3, ["Lisboa", "Porto", "Lisboa"]
        )
    assert first == third == LogProb(-0.75, 2)
    assert second.reason == "template_differs"


def test_letters_are_weighed_where_only_first_tokens_are_told():
    with Server() as server:
        server.answer = lettering
        found = list(connect(server).weigh_many([ask()] * 3 + [ask("E?")], ["A", "B", "E", "A"]))
    assert [round(math.exp(one.total_nats), 4) for one in found] == [0.75, 0.125, 0.1, 0.75]
    assert [one.is_bound for one in found] == [False, False, True, False]
    # one in vain for what vLLM gives, then one for each prompt
    assert kinds(server.asked) == ["begun", "letters", "letters"]


def test_a_server_that_refuses_the_fields_of_another():
    with Server() as server:
        server.answer = lambda body: (
            refused("no such field") if "prompt_logprobs" in body else lettering(body)
        )
        (found,) = log_probs(connect(server), [ask()], ["B"])
    assert found.total_nats == pytest.approx(math.log(0.125))


@pytest.mark.parametrize("likelihood", ["auto", "prompt_logprobs", "top_logprobs"])
def test_a_server_without_likelihoods(likelihood):
    with Server() as server:
        weighed = connect(server, likelihood=likelihood).weigh_many([ask()], ["A"])
        with pytest.raises(
            GenerationError, match=r"use a server .*\(vLLM\) or a generate"
        ) as raised:
            list(weighed)
    assert raised.value.reason == "no_likelihoods"


@pytest.mark.parametrize("likelihood", ["auto", "prompt_logprobs"])
def test_a_server_that_refuses_to_tell_likelihoods(likelihood):
    def silent(body):
        wants = {"logprobs", "prompt_logprobs"} & set(body)
        return refused("not with this model") if wants else said("A")

    with Server() as server:
        server.answer = silent
        with pytest.raises(GenerationError, match="gives no log-probabilities") as raised:
            list(connect(server, likelihood=likelihood).weigh_many([ask()] * 2, ["A", "B"]))
    assert raised.value.reason == "no_likelihoods"
    assert kinds(server.asked)[-1] == "plain"


def test_a_server_that_tells_fewer_likely_tokens_ends_the_run():
    says = "Requested sample logprobs of 20, which is greater than max allowed: 5"
    with Server() as server:
        server.answer = lambda _: refused(says)
        weighed = connect(server, likelihood="top_logprobs").weigh_many([ask()], ["A"])
        with pytest.raises(GenerationError, match=r"max allowed: 5.*\(1 try\).* generate task"):
            list(weighed)


def test_what_cannot_be_weighed_has_its_error_in_its_place():
    with Server() as server:
        server.answer = weighing
        first, second = connect(server).weigh_many([ask()] * 2, [" ", "Lisboa"])
        assert first.reason == "empty_answer"
        assert second == LogProb(-0.75, 2)
        server.answer = lettering
        first, second = connect(server, likelihood="top_logprobs").weigh_many(
            [ask()] * 2, ["Lisboa", "A"]
        )
    assert first.reason == "not_one_token"
    assert "conversation c1: amalia-vl@127.0.0.1" in str(first)
    assert second.total_nats == pytest.approx(math.log(0.75))


@pytest.mark.parametrize("likelihood", ["auto", "prompt_logprobs", "top_logprobs"])
@pytest.mark.parametrize(
    ("says", "reason"),
    [
        ("maximum context length is 64", "prompt_too_long"),
        ("Failed to load image: image file is truncated", "picture_unreadable"),
        ("este não", "refused_by_server"),
    ],
)
def test_a_first_prompt_that_fails_decides_nothing(likelihood, says, reason):
    with Server() as server:
        server.answer = lambda body: (
            refused(says)
            if any(turn["content"] == "mau" for turn in body["messages"])
            else lettering(body)
            if likelihood == "top_logprobs"
            else weighing(body)
        )
        prompts = [ask("mau")] * 2 + [ask("Qual?", "c2")]
        first, second, third = connect(server, likelihood=likelihood).weigh_many(prompts, "ABB")
    assert first.reason == second.reason == reason
    assert third.total_nats == (
        pytest.approx(math.log(0.125)) if likelihood == "top_logprobs" else -3.25
    )


def test_an_answer_that_fits_without_its_end_decides_nothing():
    def full(body):
        is_last = body["messages"][0]["content"] == "longa" and kinds([body]) == ["ended"]
        return refused("maximum context length is 64") if is_last else weighing(body)

    with Server() as server:
        server.answer = full
        first, second = connect(server).weigh_many([ask("longa"), ask()], ["Lisboa"] * 2)
    assert first.reason == "prompt_too_long"
    assert second == LogProb(-0.75, 2)


def test_a_template_that_opens_a_turn_otherwise_than_it_writes_one_gives_letters():
    def thinking(body):
        if body.get("logprobs"):
            return lettering(body)
        found = weighing(body)
        if body.get("add_generation_prompt", True):
            thought = {"1": {"logprob": -1.0, "decoded_token": "<think>"}}
            found["prompt_logprobs"] += [thought, thought]
        return found

    with Server() as server:
        server.answer = thinking
        (found,) = log_probs(connect(server), [ask()], ["B"])
        assert found.total_nats == pytest.approx(math.log(0.125))
        with pytest.raises(GenerationError, match="otherwise than it opens one"):
            list(connect(server, likelihood="prompt_logprobs").weigh_many([ask()], ["B"]))


def test_as_many_answers_as_prompts():
    with Server() as server:
        server.answer = weighing
        assert list(connect(server).weigh_many([], [])) == []
        with pytest.raises(ValueError, match="shorter"):
            list(connect(server).weigh_many([ask()] * 2, ["Lisboa"]))


def test_many_prompts_keep_their_order():
    names = [f"pergunta {number}" for number in range(30)]
    with Server() as server:
        server.answer = lambda body: weighing(
            {**body, "messages": [{"role": "user", "content": "?"}, *body["messages"]]}
        )
        prompts = [ask(name, name) for name in names for _ in "ab"]
        answers = ["Lisboa", "O Porto"] * 30
        found = list(connect(server, concurrency=4).weigh_many(prompts, answers))
    assert found == [LogProb(-0.75, 2), LogProb(-2.0, 3)] * 30
    alone = [question(body) for body in server.asked if "add_generation_prompt" not in body]
    assert sorted(alone) == sorted(names)
