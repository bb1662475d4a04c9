"""Sampling settings, stop strings, and the scripted double."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from amalia.errors import GenerationError
from amalia.inference import (
    Answer,
    Generate,
    LogProb,
    Sampling,
    Scripted,
    complete,
    complete_many,
    log_probs,
)
from amalia.inference.base import cut, cut_stream

short = st.text("abc", max_size=12)


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_new_tokens": 0},
        {"temperature": -0.1},
        {"top_p": 0.0},
        {"top_p": 1.1},
        {"stop": ("fim", "")},
        {"temprature": 1.0},
    ],
)
def test_sampling_refuses(wrong):
    with pytest.raises(ValidationError):
        Sampling(**wrong)


def test_cut_is_before_the_first_stop_string():
    assert cut("um. dois! três.", ("!", ".")) == ("um", True)
    assert cut("um dois", ("!", ".")) == ("um dois", False)
    assert cut("um dois", ()) == ("um dois", False)


def test_a_stop_string_over_several_pieces_never_shows():
    pieces = ["uma frase. Perg", "un", "ta: outra", " nunca"]
    assert list(cut_stream(pieces, ("Pergunta:",))) == ["uma frase. "]
    assert list(cut_stream(["Perg", "aminho"], ("Pergunta:",))) == ["Pergaminho"]
    assert list(cut_stream(["Perg"], ("Pergunta:",))) == ["Perg"]


@given(pieces=st.lists(short), stop=st.lists(st.text("abc", min_size=1, max_size=3), max_size=3))
def test_cutting_a_stream_equals_cutting_the_text(pieces, stop):
    assert "".join(cut_stream(pieces, stop)) == cut("".join(pieces), stop).text


def test_scripted_is_a_model():
    generate: Generate = Scripted(["sim"])
    assert generate.name == "scripted"


def test_scripted_from_a_sequence_a_mapping_and_a_function(ask):
    sampling = Sampling()
    prompts = [ask("um"), ask("dois")]
    for script in (["1", "2"], {"um": "1", "dois": "2"}):
        answers = complete_many(Scripted(script), prompts, sampling)
        assert [answer.text for answer in answers] == ["1", "2"]
    counting = Scripted(lambda row: str(len(row.record.images)))
    assert complete(counting, ask("quantas?", "red", "blue"), sampling).text == "2"


def test_scripted_says_when_it_has_no_answer(ask):
    sampling = Sampling()
    with pytest.raises(GenerationError, match=r"no answer to 'três'; it knows \['dois', 'um'\]"):
        complete(Scripted({"um": "1", "dois": "2"}), ask("três"), sampling)
    with pytest.raises(GenerationError, match="used up: it has 1 answers"):
        list(complete_many(Scripted(["1"]), [ask("um"), ask("dois")], sampling))


def test_scripted_heeds_limit_and_stop(ask):
    script = {"?": "Há três maçãs. E um gato."}
    whole = complete(Scripted(script), ask("?"), Sampling(max_new_tokens=6))
    assert whole == Answer("Há três maçãs. E um gato.", "stop", 6)
    short = complete(Scripted(script), ask("?"), Sampling(max_new_tokens=2))
    assert short == Answer("Há três", "length", 2)
    stopped = complete(Scripted(script), ask("?"), Sampling(stop=(".",)))
    assert stopped == Answer("Há três maçãs", "stop", 3)
    assert complete(Scripted([""]), ask("?"), Sampling()) == Answer("", "stop", 0)


@given(text=st.text("a \n", max_size=20))
def test_scripted_streams_what_it_completes(text, ask):
    assert "".join(Scripted([text]).stream(ask("?"), Sampling())) == text
    assert complete(Scripted([text]), ask("?"), Sampling()).text == text


def test_scripted_likelihoods_and_calls(ask):
    prompts = [ask("?"), ask("!")]
    plain = Scripted([])
    assert log_probs(plain, prompts, ["um gato", "sim"]) == [LogProb(-3.0, 3), LogProb(-2.0, 2)]
    assert [(call.kind, call.answer) for call in plain.calls] == [
        ("log_prob", "um gato"),
        ("log_prob", "sim"),
    ]
    liked = Scripted(["sim"], likelihood=lambda _, answer: -0.5 if "autocarro" in answer else -9.0)
    scores = log_probs(liked, prompts, ["o autocarro", "o ônibus"])
    assert [score.total_nats for score in scores] == [-0.5, -9.0]
    list(liked.stream(prompts[0], Sampling(seed=1)))
    assert liked.calls[-1].kind == "stream"
    assert liked.calls[-1].sampling == Sampling(seed=1)
