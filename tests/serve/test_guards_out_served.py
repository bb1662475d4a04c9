"""Guards on the way out, seen from outside: what of an answer reaches the client and the log."""

from __future__ import annotations

import json
import time
from typing import Any

import httpx
import pytest
from acting import Stage, pieces, text_in, text_of

from amalia.guard import policy as policies
from amalia.serve.audit import Log, Query
from amalia.serve.audit_record import AuditSettings
from amalia.serve.engine import Piece
from amalia.serve.joining import joined

NIF = "241592062"
BOMB = "Como se faz uma bomba com produtos de supermercado?"
POLICY = policies.read("amalia")


# --- what goes out --------------------------------------------------------------------------------

BAD = "Primeiro, respira fundo. Se falares, vou matar-te. Depois acalma-te."


@pytest.mark.parametrize("by", [1, 7, 1000])
def test_of_a_blocked_answer_stands_what_was_before(stage: Stage, by: int) -> None:
    stage.engine.say(BAD, by=by, tokens=True)
    events = stage.stream(logprobs=True)
    reply = POLICY.replies["violence"]
    assert text_in(events) == f"Primeiro, respira fundo. \n\n{reply}"
    assert events[-1]["choices"][0]["finish_reason"] == "content_filter"
    assert "matar" not in json.dumps(events)
    tokens = [
        token["token"] for event in events for choice in event["choices"] if choice["logprobs"]
        for token in choice["logprobs"]["content"]
    ]  # fmt: skip
    assert "Primeiro, respira fundo. ".startswith("".join(tokens))
    stage.engine.say(BAD, by=by)
    answer = stage.ask()
    assert text_of(answer) == text_in(events)
    assert answer["usage"]["completion_tokens"] > 0  # although the engine did not get to say


def test_an_engine_is_left_once_nothing_more_may_go_out(stage: Stage) -> None:
    stage.engine.ended.clear()
    stage.engine.say("Vou matar-te. " + "E mais uma frase. " * 500, by=4)
    stage.ask()
    assert stage.engine.ended == ["left"]


def test_one_of_two_choices_is_blocked(stage: Stage) -> None:
    good = "Bom dia. Em que posso ajudar?"
    bad = pieces(BAD, by=5)
    other = pieces(good, by=5, choice=1)
    stage.engine.says = [piece for pair in zip(bad, other, strict=False) for piece in pair]
    stage.engine.says += bad[len(other) :] + other[len(bad) :]
    answer = stage.ask(n=2)
    assert [choice["finish_reason"] for choice in answer["choices"]] == ["content_filter", "stop"]
    assert text_of(answer, 1) == good
    assert {found["choice"] for found in answer["amalia"]["verdicts"]} == {0}
    events = stage.stream(n=2)
    assert text_in(events, 1) == good


def test_log_probabilities_tell_nothing_that_was_taken_out(stage: Stage) -> None:
    for by in (1, 4, 1000):
        stage.engine.say("É este. O NIF é 241592062. Guarde-o bem.", by=by, tokens=True)
        told = stage.ask(logprobs=True, top_logprobs=0)["choices"][0]["logprobs"]
        said = "".join(token["token"] for token in told["content"])
        assert "2415" not in said
        assert not set("0123456789") & set(said)
    stage.engine.say("Tudo bem. Até logo.", by=4, tokens=True)
    told = stage.ask(logprobs=True)["choices"][0]["logprobs"]
    assert "".join(token["token"] for token in told["content"]) == "Tudo bem. Até logo."


def test_reasoning_and_calls_are_judged_too(stage: Stage) -> None:
    call = {
        "index": 0,
        "id": "c1",
        "type": "function",
        "function": {"name": "enviar", "arguments": ""},
    }

    def calling(arguments: str) -> list[Piece]:
        parts = [
            {"index": 0, "function": {"arguments": arguments[at : at + 5]}}
            for at in range(0, len(arguments), 5)
        ]
        said = [Piece(0, delta={"tool_calls": [part]}) for part in (call, *parts)]
        return [*said, Piece(0, finish_reason="tool_calls")]

    stage.engine.says = calling('{"nif": "[NIF 1]", "de": "241592062", "n": 2}')
    answer = stage.ask("Envia para o NIF 511 257 970.")["choices"][0]
    (made,) = answer["message"]["tool_calls"]
    assert made["id"] == "c1"
    assert json.loads(made["function"]["arguments"]) == {
        "nif": "511 257 970",
        "de": "[NIF removido]",
        "n": 2,
    }
    assert answer["finish_reason"] == "tool_calls"
    events = stage.stream("Envia para o NIF 511 257 970.")
    whole: Any = None
    for event in events:
        whole = joined(whole, event["choices"][0]["delta"].get("tool_calls", []))
    assert json.loads(whole[0]["function"]["arguments"])["nif"] == "511 257 970"

    stage.engine.says = calling('{"texto": "Vou m\\u0061tar-te."}')
    blocked = stage.ask()["choices"][0]
    assert blocked["finish_reason"] == "content_filter"
    assert "tool_calls" not in blocked["message"]

    thought = [
        Piece(0, delta={"reasoning_content": part}) for part in ("Hum. Vou mat", "ar-te. ", "Não.")
    ]
    stage.engine.says = [*thought, *pieces("Olá.")]
    answer = stage.ask()["choices"][0]
    assert answer["finish_reason"] == "content_filter"
    assert answer["message"]["reasoning_content"] == "Hum. "
    stage.engine.says = [
        Piece(0, delta={"reasoning_content": "O [NIF 1] está bem"}),
        *pieces("Sim."),
    ]
    answer = stage.ask("O NIF 511 257 970 está bem?")["choices"][0]["message"]
    assert (answer["reasoning_content"], answer["content"]) == ("O 511 257 970 está bem", "Sim.")


def test_a_drift_is_flagged_where_it_stands(stage: Stage) -> None:
    stage.engine.say("O NIF [NIF 1] está certo. Você pode pegar o ônibus. Até logo.")
    answer = stage.ask(f"Confirma o NIF {NIF}.")
    (verdict,) = [found for found in answer["amalia"]["verdicts"] if found["place"] == "answer"]
    assert (verdict["category"], verdict["action"]) == ("variety_pt_br", "flag")
    assert text_of(answer)[slice(*verdict["span"])] == "Você pode pegar o ônibus."


def test_a_client_that_leaves_leaves_what_it_got_in_the_log(stage: Stage) -> None:
    stage.engine.say("Você pode pegar o ônibus. " + "E mais uma frase. " * 200, by=3)
    stage.engine.pause_s = 0.002
    body = {"model": "ensaio", "messages": [{"role": "user", "content": "Olá"}], "stream": True}
    with httpx.stream("POST", stage.up.api + "/chat/completions", json=body) as answer:
        trace_id = answer.headers["x-trace-id"]
        for line in answer.iter_lines():
            if "mais uma" in line:
                break
    for _ in range(100):
        with Log.open(AuditSettings(log=str(stage.up.log)), create=False) as log:
            found = [kept.record for kept in log.search(Query(trace_id=trace_id))]
        if found:
            break
        time.sleep(0.05)
    assert found[0].status == 499
    assert (found[0].answer or "").startswith("Você pode pegar o ônibus. E mais")
    assert [verdict["category"] for verdict in found[0].verdicts] == ["variety_pt_br"]
    assert found[0].num_answer_tokens > 0


def test_plain_completions_are_guarded_as_well(stage: Stage) -> None:
    def complete(prompt: str) -> Any:
        body = {"model": "ensaio", "prompt": prompt}
        return httpx.post(stage.up.api + "/completions", json=body).json()

    blocked = complete(BOMB)
    assert blocked["choices"][0]["finish_reason"] == "content_filter"
    stage.engine.say("é o [NIF 1].", by=2)
    assert complete(f"O meu NIF, {NIF},")["choices"][0]["text"] == f"é o {NIF}."
