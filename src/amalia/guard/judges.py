"""Ask a guard model behind an OpenAI-compatible server whether a question or an answer is safe.

The model's own chat template makes the prompt from the turns it is shown, so the server must apply it (vLLM,
SGLang and llama.cpp do). What is asked is the last question alone, or the question with its answer. A model
that cannot be asked, or whose reply cannot be read, is an error: what then happens says the policy.

Not covered: pictures (the models are shown text), earlier turns, servers that take a last turn of the assistant
as something to be continued (there only questions can be judged), text beyond the model's context.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from pydantic import Field, field_validator

from amalia.errors import GenerationError
from amalia.guard.judge_formats import Format, Unreadable, read
from amalia.guard.verdict import Exchange, Finding
from amalia.inference.endpoint import key_of, plain_address
from amalia.recipe import Settings

if TYPE_CHECKING:
    # It takes longer to import than everything else here together.
    import httpx

CONTROVERSIAL_SCORE = 0.5
"""Score of what a model calls controversial; everything else it finds has 1."""
_MAX_REPLY_TOKENS = 128
_MAX_QUOTED_CHARS = 120
_MAX_TRIES = 2


class JudgeSettings(Settings):
    """Where a guard model is and how it is asked."""

    format: Format
    """How it answers, see ``judge_formats``; that of ``amaliaguard`` is a guess."""
    url: str
    """Up to the version, for example ``http://127.0.0.1:8001/v1``."""
    model: str | None = None
    """What the server calls the model; by default the only one it has."""
    key_env: str | None = Field(default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    """Name of the environment variable that holds the key."""
    timeout_s: float = Field(default=10.0, gt=0)
    """How long the model may take; whoever asked waits so long."""
    controversial: Literal["flag", "unsafe", "safe"] = "flag"
    """What «controversial» of Qwen3Guard counts as: a finding that flags at most, one like any other, or
    none."""

    @field_validator("url")
    @classmethod
    def _is_address(cls, url: str) -> str:
        return plain_address(url)


class ModelJudge:
    """A guard model behind a server; see ``amalia.guard.verdict.Judge``."""

    def __init__(self, settings: JudgeSettings) -> None:
        """Prepare; nothing is asked yet.

        Raises:
            GenerationError: The variable that ``key_env`` names holds no key.
        """
        import httpx

        key = key_of(settings.url, settings.key_env)
        self._settings = settings
        self._model = settings.model
        self._key = key
        self._client = httpx.AsyncClient(
            headers={"Content-Type": "application/json"}
            | ({"Authorization": f"Bearer {key}"} if key else {}),
            timeout=None,  # _ask sets one for all of a reply, however slowly it comes
            limits=httpx.Limits(max_connections=None),
            trust_env=False,
        )

    @property
    def name(self) -> str:
        """``format@model``; ``format`` alone until the server was asked for its only model."""
        return f"{self._settings.format}@{self._model}" if self._model else self._settings.format

    async def judge(self, exchange: Exchange) -> Sequence[Finding]:
        """Give what the model calls unsafe; see ``amalia.guard.verdict.Judge.judge``.

        Raises:
            GenerationError: The model cannot be asked or its reply cannot be read.
        """
        messages = [{"role": "user", "content": exchange.question}]
        if exchange.answer is not None:
            messages.append({"role": "assistant", "content": exchange.answer})
        self._model = self._model or await self._only_model()
        body = {
            "model": self._model,
            "messages": messages,
            "temperature": 0,
            "max_tokens": _MAX_REPLY_TOKENS,
        }
        response = await self._ask("POST", "/chat/completions", body)
        said = _said(response)
        try:
            if said is None:
                raise Unreadable("it holds no text")
            reply = read(self._settings.format, said, is_answer=exchange.answer is not None)
        except Unreadable as error:
            what = said if said is not None else response.text
            raise self._error(
                f"gave a reply that cannot be read, {error}: {_quoted(what)}",
                f"expected that of a {self._settings.format} model; correct format, or serve that model",
                "malformed",
            ) from error
        if reply.level == "controversial" and self._settings.controversial == "safe":
            return []
        is_mild = reply.level == "controversial" and self._settings.controversial == "flag"
        judged = exchange.question if exchange.answer is None else exchange.answer
        score = CONTROVERSIAL_SCORE if is_mild else 1.0
        return [
            Finding(category, 0, len(judged), self.name, score) for category in reply.categories
        ]

    async def aclose(self) -> None:
        """End every connection."""
        await self._client.aclose()

    async def _only_model(self) -> str:
        response = await self._ask("GET", "/models", None)
        try:
            names = [str(card["id"]) for card in response.json()["data"]]
        except (ValueError, KeyError, TypeError) as error:
            raise self._error(
                f"gave no list of models: {_quoted(response.text)}",
                "expected an OpenAI-compatible server; name the model under model",
                "malformed",
            ) from error
        if len(names) != 1:
            raise self._error(
                f"has {len(names)} models: {', '.join(sorted(names)[:8])}",
                "expected one, or one to be named; name it under model",
                "model_not_chosen",
            )
        return names[0]

    async def _ask(self, method: str, path: str, body: dict[str, object] | None) -> httpx.Response:
        import httpx

        # Escaped, because half a character of a pair has no other form.
        content = None if body is None else json.dumps(body)
        for num_tries in range(1, _MAX_TRIES + 1):
            try:
                async with asyncio.timeout(self._settings.timeout_s):
                    response = await self._client.request(
                        method, self._settings.url + path, content=content
                    )
            except (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError) as error:
                # A server that was started anew breaks the connections that were kept.
                if num_tries < _MAX_TRIES:
                    continue
                raise self._gone("broke off", error) from error
            except TimeoutError as error:
                raise self._error(
                    f"took longer than {self._settings.timeout_s:g} s",
                    "expected a reply in that time; raise timeout_s, or serve the model faster",
                    "timeout",
                ) from error
            except httpx.RequestError as error:
                raise self._gone("cannot be reached", error) from error
            if response.status_code != 200:
                raise self._error(
                    f"answered {response.status_code} {_quoted(response.text)}",
                    "expected 200; see the log of the server",
                    "refused_by_server",
                )
            return response
        raise AssertionError

    def _gone(self, what: str, error: Exception) -> GenerationError:
        return self._error(
            f"{what}: {type(error).__name__} {_quoted(str(error))}",
            "expected a guard model there; start it, or correct url",
            "no_server",
        )

    def _error(self, what: str, way_out: str, reason: str) -> GenerationError:
        if self._key:
            what = what.replace(self._key, "…")
        return GenerationError(
            f"guard model at {self._settings.url} {what}; {way_out}", reason=reason
        )


def _said(response: httpx.Response) -> str | None:
    try:
        text = response.json()["choices"][0]["message"]["content"]
    except (ValueError, KeyError, IndexError, TypeError):
        return None
    return text if isinstance(text, str) else None


def _quoted(text: str) -> str:
    line = " ".join(text.split())
    return f'"{line[:_MAX_QUOTED_CHARS]}{"…" if len(line) > _MAX_QUOTED_CHARS else ""}"'
