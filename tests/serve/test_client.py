"""What the official client of OpenAI's interface asks, asked of every engine."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import openai
import PIL.Image
import pytest
from running_server import Running, recipe, running

NAME = "ensaio"


@pytest.fixture(scope="module", params=["scripted", "transformers", "vllm"])
def served(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("served")
    more: dict[str, Any] = {
        "served_name": NAME,
        "limits": {"default_new_tokens": 64, "max_new_tokens": 64},
    }
    if request.param == "transformers":
        more |= {"engine": "transformers", "model": str(request.getfixturevalue("tiny_model"))}
    if request.param == "vllm":
        more |= {"engine": {"kind": "vllm", "urls": [request.getfixturevalue("vllm_url")]}}
    with running(recipe(folder / "log.sqlite", **more), folder) as up:
        yield up


@pytest.fixture
def client(served: Running) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=served.api, api_key="none", max_retries=0) as made:
        yield made


def picture(side: int = 48, color: str = "red") -> str:
    buffer = BytesIO()
    PIL.Image.new("RGB", (side, side), color).save(buffer, "PNG")
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def said(text: str, **more: Any) -> dict[str, Any]:
    return {
        "model": NAME,
        "messages": [{"role": "user", "content": text}],
        "max_tokens": 12,
        "temperature": 0,
        **more,
    }


def needs(served: Running, feature: str) -> None:
    if feature not in served.built.front.engine.features:
        pytest.skip(f"the {served.built.recipe.engine.kind} engine has no {feature}")


def test_streamed_and_plain_answers_are_the_same(client: openai.OpenAI) -> None:
    plain = client.chat.completions.create(**said("Olá, tudo bem?"))
    chunks = list(client.chat.completions.create(**said("Olá, tudo bem?"), stream=True))
    assert chunks[0].choices[0].delta.role == "assistant"
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert text == plain.choices[0].message.content
    finishes = [chunk.choices[0].finish_reason for chunk in chunks]
    assert finishes[-1] == plain.choices[0].finish_reason
    assert set(finishes[:-1]) == {None}
    assert plain.usage is not None
    assert plain.usage.total_tokens == plain.usage.prompt_tokens + plain.usage.completion_tokens > 0


def test_a_stream_tells_its_usage_when_asked(client: openai.OpenAI) -> None:
    chunks = list(
        client.chat.completions.create(
            **said("Olá"), stream=True, stream_options={"include_usage": True}
        )
    )
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert all(chunk.usage is None for chunk in chunks[:-1])


def test_every_answer_has_a_trace(client: openai.OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(
        **said("Olá"), extra_headers={"X-Request-Id": "pedido-1"}
    )
    assert raw.headers["x-request-id"] == "pedido-1"
    assert raw.headers["x-trace-id"] == raw.parse().amalia["trace_id"]  # type: ignore[attr-defined]


def test_both_names_of_the_length(client: openai.OpenAI) -> None:
    asked = said("Olá")
    del asked["max_tokens"]
    short = client.chat.completions.create(**asked, max_completion_tokens=1)
    assert short.choices[0].finish_reason == "length"
    assert short.usage is not None
    assert short.usage.completion_tokens == 1


def test_pictures_in_every_form(client: openai.OpenAI) -> None:
    parts: list[Any] = [
        {"type": "image_url", "image_url": {"url": picture()}},
        {"type": "image_url", "image_url": {"url": picture(60, "blue"), "detail": "low"}},
        {"type": "image", "image": picture(50, "green")},
        {"type": "text", "text": "Que cores são?"},
    ]
    answer = client.chat.completions.create(
        **said("", messages=[{"role": "user", "content": parts}])
    )
    assert answer.choices[0].finish_reason in ("stop", "length")


def test_several_turns(client: openai.OpenAI) -> None:
    shown = {"type": "image_url", "image_url": {"url": picture()}}
    messages = [
        {"role": "system", "content": "Responde em poucas palavras."},
        {"role": "user", "content": [shown, {"type": "text", "text": "O que é?"}]},
        {"role": "assistant", "content": "Um quadrado."},
        {"role": "user", "content": "De que cor?"},
    ]
    answer = client.chat.completions.create(**said("", messages=messages))
    assert answer.choices[0].message.role == "assistant"


def test_several_choices(client: openai.OpenAI, served: Running) -> None:
    needs(served, "n")
    answer = client.chat.completions.create(**said("Olá", n=3))
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    chunks = client.chat.completions.create(**said("Olá", n=3), stream=True)
    assert {chunk.choices[0].index for chunk in chunks} == {0, 1, 2}


def test_a_seed_repeats_an_answer(client: openai.OpenAI, served: Running) -> None:
    needs(served, "seed")
    asked = said("Olá", temperature=1.5, seed=7)
    first, second = (
        client.chat.completions.create(**asked).choices[0].message.content for _ in range(2)
    )
    assert first == second


def test_a_stop_string_ends_an_answer_and_is_not_in_it(client: openai.OpenAI) -> None:
    whole = client.chat.completions.create(**said("Olá")).choices[0].message.content
    assert whole
    stop = whole[len(whole) // 2]
    short = client.chat.completions.create(**said("Olá", stop=[stop])).choices[0]
    assert short.message.content == whole[: whole.index(stop)]
    assert short.finish_reason == "stop"


def test_log_probabilities(client: openai.OpenAI, served: Running) -> None:
    needs(served, "logprobs")
    answer = client.chat.completions.create(**said("Olá", logprobs=True, top_logprobs=3)).choices[0]
    assert answer.logprobs is not None
    assert answer.logprobs.content
    for token in answer.logprobs.content:
        assert token.logprob <= 0
        assert len(token.top_logprobs) == 3
        assert token.logprob == pytest.approx(
            max(top.logprob for top in token.top_logprobs), abs=1e-4
        )
    told = b"".join(bytes(token.bytes or ()) for token in answer.logprobs.content).decode(
        "utf-8", "replace"
    )
    # vLLM gives a token that is half a letter no bytes; the letter comes with its other half, or as �.
    assert told.replace("�", "").startswith((answer.message.content or "").replace("�", ""))


SCHEMA = {
    "type": "object",
    "properties": {
        "cor": {"type": "string", "enum": ["vermelho", "azul"]},
        "lados": {"type": "integer"},
    },
    "required": ["cor", "lados"],
    "additionalProperties": False,
}


def test_answers_of_a_given_form(client: openai.OpenAI, served: Running) -> None:
    needs(served, "json_schema")
    form: Any = {
        "type": "json_schema",
        "json_schema": {"name": "forma", "schema": SCHEMA, "strict": True},
    }
    answer = client.chat.completions.create(
        **said("Descreve a forma.", response_format=form, max_tokens=64)
    ).choices[0]
    if answer.finish_reason == "stop":
        told = json.loads(answer.message.content or "")
        assert told["cor"] in ("vermelho", "azul")
    else:
        assert answer.finish_reason == "length"  # a model that was never trained may count for ever
        assert (answer.message.content or "").lstrip().startswith("{")


@pytest.mark.parametrize("is_streamed", [False, True])
def test_a_form_that_cannot_be_kept_to_is_the_clients_matter(
    client: openai.OpenAI, served: Running, is_streamed: bool
) -> None:
    needs(served, "json_schema")
    wrong = {"type": "object", "properties": {"a": {"type": "poema"}}}
    form: Any = {
        "type": "json_schema",
        "json_schema": {"name": "forma", "schema": wrong, "strict": True},
    }
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(**said("Olá", response_format=form, stream=is_streamed))


def test_penalties_are_taken(client: openai.OpenAI, served: Running) -> None:
    needs(served, "penalties")
    client.chat.completions.create(**said("Olá", presence_penalty=1.0, frequency_penalty=-1.0))


def test_plain_completions(client: openai.OpenAI) -> None:
    plain = client.completions.create(model=NAME, prompt="Era uma vez", max_tokens=8, temperature=0)
    streamed = client.completions.create(
        model=NAME, prompt="Era uma vez", max_tokens=8, temperature=0, stream=True
    )
    assert "".join(chunk.choices[0].text for chunk in streamed) == plain.choices[0].text


def test_models_are_listed(client: openai.OpenAI) -> None:
    assert NAME in [model.id for model in client.models.list()]
    assert client.models.retrieve(NAME).id == NAME


@pytest.mark.parametrize(
    ("more", "status", "told"),
    [
        ({"model": "outro"}, 404, "there is no model 'outro'"),
        ({"nonsense": 1}, 400, "nonsense is not supported"),
        ({"messages": []}, 400, "messages"),
        ({"max_tokens": 0}, 400, "max_tokens"),
        ({"max_tokens": 10_000}, 400, "at most 64"),
        ({"temperature": 3}, 400, "temperature"),
        ({"n": 0}, 400, "n is 0"),
        ({"top_logprobs": 3}, 400, "logprobs"),
        ({"messages": [{"role": "poeta", "content": "Olá"}]}, 400, "role"),
        ({"messages": [{"role": "assistant", "content": "Olá"}]}, 400, "last message"),
        ({"stream_options": {"include_usage": True}}, 400, "stream_options"),
        ({"response_format": {"type": "xml"}}, 400, "response_format"),
    ],
)
def test_what_is_wrong_is_told_by_name(
    client: openai.OpenAI, more: dict[str, Any], status: int, told: str
) -> None:
    with pytest.raises(openai.APIStatusError) as caught:
        client.post("/chat/completions", body=said("Olá") | more, cast_to=object)
    assert caught.value.status_code == status
    assert told in caught.value.body["message"]  # type: ignore[index]
    assert caught.value.response.headers["x-request-id"]


@pytest.mark.parametrize(
    "url",
    [
        "data:image/png;base64,AAAA",
        "/etc/passwd",
        "file:///etc/passwd",
        "http://127.0.0.1:9/x.png",
        "data:text/plain,olá",
    ],
)
def test_a_picture_that_is_refused_names_its_place(client: openai.OpenAI, url: str) -> None:
    parts: Any = [{"type": "image_url", "image_url": {"url": url}}]
    with pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(**said("", messages=[{"role": "user", "content": parts}]))
    assert caught.value.param == "messages.0.content.0"


def test_tools_are_refused_by_name_where_they_are_not_known(
    client: openai.OpenAI, served: Running
) -> None:
    if "tools" in served.built.front.engine.features:
        pytest.skip("this engine has tools")
    tool: Any = {"type": "function", "function": {"name": "procurar", "parameters": {}}}
    with pytest.raises(openai.BadRequestError, match="tools is not supported"):
        client.chat.completions.create(**said("Olá", tools=[tool]))
