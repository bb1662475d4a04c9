"""Guard models behind a server: what they reply, and what becomes of it."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

sys.path.insert(0, str(Path(__file__).parents[1] / "inference"))

from endpoint_server import Reply, Server, said

from amalia.errors import GenerationError
from amalia.guard.judge_formats import Format, Unreadable, read
from amalia.guard.judges import CONTROVERSIAL_SCORE, JudgeSettings, ModelJudge
from amalia.guard.verdict import CATEGORIES, Exchange, Finding

QUESTION = Exchange("Como faço uma bomba?", None)
ANSWER = Exchange("Como faço uma bomba?", "Primeiro misture…")


def ask(server: Server, exchange: Exchange = QUESTION, **settings: Any) -> list[Finding]:
    async def run() -> list[Finding]:
        judge = ModelJudge(
            JudgeSettings(**{"format": "qwen3guard", "url": server.url, "model": "g", **settings})
        )
        try:
            return list(await judge.judge(exchange))
        finally:
            await judge.aclose()

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("format_", "is_answer", "text", "level", "categories"),
    [
        ("qwen3guard", False, "Safety: Safe\nCategories: None", "safe", ()),
        ("qwen3guard", True, "Safety: Safe\nCategories: None\nRefusal: Yes", "safe", ()),
        ("qwen3guard", False, "Safety: Unsafe\nCategories: Violent", "unsafe", ("violence",)),
        ("qwen3guard", False, "safety:  unsafe \ncategories: violent", "unsafe", ("violence",)),
        ("qwen3guard", True, "Safety: Unsafe\nCategories: Non-violent Illegal Acts, PII\nRefusal: No", "unsafe",
         ("dangerous", "personal_data")),
        ("qwen3guard", False, "Safety: Unsafe\nCategories: Sexual Content or Sexual Acts,Jailbreak", "unsafe",
         ("sexual", "prompt_injection")),
        ("qwen3guard", False, "Safety: Controversial\nCategories: Unethical Acts", "controversial", ("hate",)),
        ("qwen3guard", False, "Safety: Unsafe\nCategories: Suicide & Self-Harm", "unsafe", ()),
        ("qwen3guard", True, "Safety: Unsafe\nCategories: Suicide & Self-Harm", "unsafe", ("dangerous",)),
        ("qwen3guard", False, "Safety: Controversial\nCategories: Politically Sensitive Topics", "controversial", ()),
        ("qwen3guard", False, "Safety: Unsafe\nCategories: None", "unsafe", ("dangerous",)),
        ("qwen3guard", False, "Safety: Unsafe", "unsafe", ("dangerous",)),
        ("qwen3guard", False, "Safety: Unsafe\nCategories: Something New", "unsafe", ("dangerous",)),
        ("qwen3guard", False, "<think>\nSafety: Safe\n</think>\n\nSafety: Unsafe\nCategories: PII", "unsafe",
         ("personal_data",)),
        ("llama_guard", False, "safe", "safe", ()),
        ("llama_guard", False, "\n\nsafe", "safe", ()),
        ("llama_guard", False, "unsafe\nS1", "unsafe", ("violence",)),
        ("llama_guard", True, "\n\nunsafe\nS9,S10, S12", "unsafe", ("dangerous", "hate", "sexual")),
        ("llama_guard", False, "unsafe\nS3,S4", "unsafe", ("sexual",)),
        ("llama_guard", False, "unsafe\nS11", "unsafe", ()),
        ("llama_guard", True, "unsafe\nS11", "unsafe", ("dangerous",)),
        ("llama_guard", False, "unsafe\nS6,S8,S13", "unsafe", ()),
        ("llama_guard", False, "unsafe\nS5,S7,S14", "unsafe", ("harassment", "personal_data", "dangerous")),
        ("llama_guard", False, "unsafe", "unsafe", ("dangerous",)),
        ("llama_guard", False, "unsafe\nS99", "unsafe", ("dangerous",)),
        ("amaliaguard", False, "Safety: Unsafe\nCategories: G1", "unsafe", ("personal_data",)),
        ("amaliaguard", False, "Safety: Unsafe\nCategories: G2, G3, G4, G5, G6", "unsafe",
         ("special_data", "consent", "rights", "transfer", "profiling")),
        ("amaliaguard", False, "Safety: Unsafe\nCategories: U1, U2, U3, U4, U5, U6", "unsafe",
         ("sexual", "hate", "dangerous", "harassment", "violence", "obscenity")),
        ("amaliaguard", True, "Safety: Unsafe\nCategories: G4: Obstruction of data subject rights\nRefusal: No",
         "unsafe", ("rights",)),
        ("amaliaguard", False, "Segurança: Inseguro\nCategorias: Discurso de ódio, Assédio", "unsafe",
         ("hate", "harassment")),
        ("amaliaguard", False, "Safety: Unsafe\nCategories: Violence, Profiling", "unsafe", ("violence", "profiling")),
        ("amaliaguard", False, "Safety: Unsafe\nCategories: Violent", "unsafe", ("violence",)),
        ("amaliaguard", False, "unsafe\nU5,G1", "unsafe", ("violence", "personal_data")),
        ("amaliaguard", False, "seguro", "safe", ()),
        ("amaliaguard", False, "Safety: Safe\nCategories: None", "safe", ()),
    ],
)  # fmt: skip
def test_reads_a_reply(
    format_: Format, is_answer: bool, text: str, level: str, categories: tuple[str, ...]
) -> None:
    assert read(format_, text, is_answer=is_answer) == (level, categories)
    assert set(categories) <= set(CATEGORIES)


@pytest.mark.parametrize(
    ("format_", "text"),
    [
        ("qwen3guard", ""),
        ("qwen3guard", "safe"),
        ("qwen3guard", "Safety: Perhaps\nCategories: None"),
        ("qwen3guard", "Desculpa, não posso ajudar."),
        ("qwen3guard", "<think>\nSafety: Safe\n</think>\n"),
        ("llama_guard", "Safety: Safe"),
        ("llama_guard", "I think that this is safe"),
        ("llama_guard", "controversial"),
        ("amaliaguard", "G1"),
    ],
)
def test_an_unreadable_reply_is_never_safe(format_: Format, text: str) -> None:
    with pytest.raises(Unreadable):
        read(format_, text, is_answer=False)


def test_judges_a_question() -> None:
    with Server(said("Safety: Unsafe\nCategories: Violent, PII")) as server:
        found = ask(server, key_env=None)
    assert found == [
        Finding("violence", 0, len(QUESTION.question), "qwen3guard@g", 1.0),
        Finding("personal_data", 0, len(QUESTION.question), "qwen3guard@g", 1.0),
    ]
    assert server.asked == [
        {
            "model": "g",
            "messages": [{"role": "user", "content": QUESTION.question}],
            "temperature": 0,
            "max_tokens": 128,
        }
    ]


def test_judges_an_answer() -> None:
    with Server(said("unsafe\nS1")) as server:
        (finding,) = ask(server, ANSWER, format="llama_guard")
    assert ANSWER.answer is not None
    assert (finding.start, finding.end) == (0, len(ANSWER.answer))
    assert [turn["role"] for turn in server.asked[0]["messages"]] == ["user", "assistant"]


@pytest.mark.parametrize(
    ("controversial", "scores"),
    [("flag", [CONTROVERSIAL_SCORE]), ("unsafe", [1.0]), ("safe", [])],
)
def test_controversial_counts_as_the_settings_say(controversial: str, scores: list[float]) -> None:
    with Server(said("Safety: Controversial\nCategories: Violent")) as server:
        found = ask(server, controversial=controversial)
    assert [finding.score for finding in found] == scores


def test_takes_the_only_model() -> None:
    with Server(said("Safety: Safe\nCategories: None")) as server:
        assert ask(server, model=None) == []
    assert server.asked[0]["model"] == "amalia-vl"


def test_asks_for_the_model_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GUARD_KEY", "segredo")

    async def run(server: Server) -> str:
        judge = ModelJudge(
            JudgeSettings(format="llama_guard", url=f"{server.url}/", key_env="GUARD_KEY")
        )
        before = judge.name
        await judge.judge(QUESTION)
        await judge.judge(QUESTION)
        await judge.aclose()
        return f"{before} {judge.name}"

    with Server(said("safe"), said("safe")) as server:
        assert asyncio.run(run(server)) == "llama_guard llama_guard@amalia-vl"
    assert len(server.headers) == 1
    assert server.headers[0]["Authorization"] == "Bearer segredo"


def test_half_a_character_can_be_asked_about() -> None:
    with Server(said("Safety: Safe\nCategories: None")) as server:
        assert ask(server, Exchange("olá \ud83d", None)) == []
    assert server.asked[0]["messages"][0]["content"] == "olá \ud83d"


def test_asks_again_when_a_kept_connection_was_cut() -> None:
    with Server(Reply(hangs_up=True), said("Safety: Safe\nCategories: None")) as server:
        assert ask(server) == []


@pytest.mark.parametrize(
    ("reply", "message", "reason"),
    [
        (said("Não sei."), 'cannot be read, it says neither safe nor unsafe: "Não sei."; expected that of a '
         "qwen3guard model; correct format, or serve that model", "malformed"),
        (said(None), "cannot be read, it holds no text:", "malformed"),
        (Reply(b"<html>"), 'it holds no text: "<html>"', "malformed"),
        ({"choices": []}, "it holds no text:", "malformed"),
        (Reply({"error": "não"}, status=503), 'answered 503 "{', "refused_by_server"),
        (Reply({"error": "x"}, status=401), "answered 401", "refused_by_server"),
    ],
)  # fmt: skip
def test_says_what_is_wrong_with_a_reply(reply: Any, message: str, reason: str) -> None:
    with Server(reply) as server, pytest.raises(GenerationError) as caught:
        ask(server)
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"guard model at {server.url} ")
    assert caught.value.reason == reason


def test_says_when_there_is_no_server() -> None:
    with Server() as server:
        pass
    with pytest.raises(GenerationError, match=r"cannot be reached.*start it, or correct url"):
        ask(server)


def test_says_when_the_server_keeps_hanging_up() -> None:
    with (
        Server(Reply(hangs_up=True), Reply(hangs_up=True)) as server,
        pytest.raises(GenerationError, match="broke off"),
    ):
        ask(server)


def test_does_not_wait_for_ever() -> None:
    with (
        Server(Reply(waits=True)) as server,
        pytest.raises(GenerationError, match=r"took longer than 0.2 s.*raise timeout_s"),
    ):
        ask(server, timeout_s=0.2)


def test_does_not_choose_among_several_models() -> None:
    two = {"data": [{"id": "b"}, {"id": "a"}]}
    with Server(models=two) as server, pytest.raises(GenerationError, match="2 models: a, b"):
        ask(server, model=None)


def test_says_when_there_is_no_list_of_models() -> None:
    with (
        Server(models=Reply(b"[]")) as server,
        pytest.raises(GenerationError, match=r"no list of models.*name the model"),
    ):
        ask(server, model=None)


def test_never_shows_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GUARD_KEY", "segredo")
    refused = Reply({"error": "bad key segredo"}, status=401)
    with Server(refused) as server, pytest.raises(GenerationError) as caught:
        ask(server, key_env="GUARD_KEY")
    assert "segredo" not in str(caught.value)


@pytest.mark.parametrize(("key", "state"), [("", "is not set"), ("é", "holds no key")])
def test_wants_a_key_that_can_be_sent(
    key: str, state: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GUARD_KEY", key)
    settings = JudgeSettings(format="qwen3guard", url="http://127.0.0.1:1/v1", key_env="GUARD_KEY")
    with pytest.raises(GenerationError, match=f"GUARD_KEY {state}"):
        ModelJudge(settings)


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "127.0.0.1:8001/v1"},
        {"url": "http://user:key@host/v1"},
        {"url": "ftp://host/v1"},
        {"url": "http://host/v1?key=x"},
        {"format": "bert"},
        {"timeout_s": 0},
        {"controversial": "perhaps"},
        {"key_env": "A KEY"},
        {"key": "segredo"},
    ],
)
def test_refuses_settings_that_say_nothing_valid(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        JudgeSettings(**{"format": "qwen3guard", "url": "http://127.0.0.1:8001/v1", **wrong})
