"""An engine behind an address: vLLM, a server of llama.cpp, any other with OpenAI's interface.

Requests are always streamed from the engine, whatever the client wants, so that a client that leaves ends
the work at once. A request that an engine refuses before it has said anything is not asked again; one that
breaks off before is asked of another replica.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Any

import aiohttp
from pydantic_core import from_json, to_json

from amalia.errors import GenerationError, RequestError
from amalia.serve import convert
from amalia.serve.engine import Asked, Feature, Piece, State, Token, TopToken, Usage
from amalia.serve.recipe import LlamaCpp, Vllm
from amalia.serve.replicas import Replica, Replicas, stopped
from amalia.serve.vllm_process import Fleet

_MAX_LINE_BYTES = 8 * 2**20
_SILENT_S = 300.0
"""An engine that says nothing for so long is taken for dead; the deadline of the request comes first."""
_FEATURES: frozenset[Feature] = frozenset(
    {
        "completions", "n", "seed", "penalties", "logprobs", "json_object", "json_schema", "tools", "logit_bias",
        "pictures",
    }
)  # fmt: skip
_FINISHES = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "content_filter": "content_filter",
}


class RemoteEngine:
    """Asks engines of the same model."""

    def __init__(self, settings: Vllm | LlamaCpp, fleet: Fleet | None = None) -> None:
        """Keep where to ask.

        Args:
            settings: Addresses and what is passed on.
            fleet: Processes to start; None when somebody else has started them.
        """
        self.features = _FEATURES
        self._settings = settings
        self._fleet = fleet
        self._replicas: Replicas | None = None
        self._watching: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        """Model and kind of engine."""
        known = next((member.model for member in self._members() if member.model), None)
        return f"{known or self._settings.model or 'model'}@{self._settings.kind}"

    @property
    def context_tokens(self) -> int | None:
        """What the engine tells."""
        return next(
            (member.context_tokens for member in self._members() if member.context_tokens), None
        )

    async def start(self) -> None:
        """Start the processes, if they are ours, and begin to look after all replicas.

        Raises:
            GenerationError: The key is not set, or a process cannot be started.
        """
        key = _key(self._settings.key_env) or (self._fleet.key if self._fleet else None)
        session = aiohttp.ClientSession(
            headers={"Authorization": f"Bearer {key}"} if key else {},
            connector=aiohttp.TCPConnector(limit=0),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=5.0, sock_read=_SILENT_S),
            read_bufsize=_MAX_LINE_BYTES,
            trust_env=False,
        )
        settings = self._settings
        replicas = Replicas(session, settings.model, settings.check_every_s, settings.max_waiting)
        self._replicas = replicas
        urls = settings.urls if self._fleet is None else self._fleet.start()
        replicas.members += [Replica(url) for url in urls]
        await asyncio.gather(*(replicas.check(member) for member in replicas.members))
        self._watching = asyncio.create_task(replicas.watch())

    async def close(self, drain_s: float) -> None:
        """Wait for what is under way, then end connections and processes."""
        ends_s = asyncio.get_running_loop().time() + drain_s
        while any(member.num_under_way for member in self._members()):
            if asyncio.get_running_loop().time() >= ends_s:
                break
            await asyncio.sleep(0.05)
        if self._watching is not None:
            await stopped(self._watching)
        if self._replicas is not None:
            await self._replicas.session.close()
        if self._fleet is not None:
            await self._fleet.close()

    def state(self) -> State:
        """Say how many replicas are well."""
        return State(False, "not started") if self._replicas is None else self._replicas.state()

    async def answer(self, asked: Asked) -> AsyncGenerator[Piece | Usage]:
        """Ask a replica; another one if it breaks off before it has said anything.

        Raises:
            RequestError: The engine refuses the request, or too many are under way.
            GenerationError: No replica answers, or one broke off in the middle.
        """
        assert self._replicas is not None
        tried: list[Replica] = []
        while True:
            has_begun = False
            with self._replicas.least_loaded(tried=tried) as replica:
                try:
                    async for item in self._asked(replica, asked):
                        has_begun = True
                        yield item
                    return
                except (aiohttp.ClientError, TimeoutError, ValueError) as error:
                    if isinstance(error, RequestError | GenerationError):
                        raise
                    replica.is_well, replica.detail = False, f"broke off ({type(error).__name__})"
                    if has_begun:
                        raise GenerationError(
                            f"{replica.url} broke off in the middle of an answer ({type(error).__name__}); "
                            "ask again",
                            reason="no_connection",
                        ) from error
                    tried.append(replica)

    def _members(self) -> Sequence[Replica]:
        return self._replicas.members if self._replicas is not None else ()

    async def _asked(self, replica: Replica, asked: Asked) -> AsyncGenerator[Piece | Usage]:
        assert self._replicas is not None
        path, body = self._body(replica, asked)
        is_chat = path == "/chat/completions"
        request = self._replicas.session.post(
            replica.url + path, data=to_json(body), headers={"Content-Type": "application/json"}
        )
        async with request as response:
            if response.status != 200:
                raise _refused(response.status, await response.text(), replica)
            usage = None
            is_done = False
            async for line in response.content:
                if not line.startswith(b"data:"):
                    continue
                data = line[5:].strip()
                if data == b"[DONE]":
                    is_done = True
                    break
                told = from_json(data)
                if told.get("error"):
                    raise _broken(told["error"], replica)
                usage = told.get("usage") or usage
                for choice in told.get("choices") or ():
                    yield _chat_piece(choice) if is_chat else _text_piece(choice)
            if not is_done:
                raise GenerationError(
                    f"{replica.url} ended the stream before it was done", reason="malformed"
                )
            counts = usage or {}
            yield Usage(
                int(counts.get("prompt_tokens", 0)), int(counts.get("completion_tokens", 0))
            )

    def _body(self, replica: Replica, asked: Asked) -> tuple[str, dict[str, Any]]:
        drawing = asked.drawing
        body: dict[str, Any] = {
            **self._settings.extra,
            **asked.passed,
            "model": replica.model,
            "max_tokens": drawing.max_new_tokens,
            "temperature": drawing.temperature,
            "top_p": drawing.top_p,
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        optional = {
            "seed": drawing.seed,
            "stop": list(drawing.stop) or None,
            "n": drawing.num_choices if drawing.num_choices > 1 else None,
            "presence_penalty": drawing.presence_penalty or None,
            "frequency_penalty": drawing.frequency_penalty or None,
            "logit_bias": dict(drawing.logit_bias) or None,
        }
        body.update((name, value) for name, value in optional.items() if value is not None)
        if isinstance(asked.prompt, str):
            if drawing.num_top_log_probs is not None:
                body["logprobs"] = drawing.num_top_log_probs
            return "/completions", {**body, "prompt": asked.prompt}
        if drawing.num_top_log_probs is not None:
            body |= {"logprobs": True, "top_logprobs": drawing.num_top_log_probs}
        if drawing.schema is not None:
            form: dict[str, Any] = {"type": drawing.schema.kind}
            if drawing.schema.kind == "json_schema":
                form["json_schema"] = {
                    "name": drawing.schema.name,
                    "schema": drawing.schema.schema,
                    "strict": True,
                }
            body["response_format"] = form
        return "/chat/completions", {**body, "messages": convert.to_messages(asked.prompt)}


def _key(name: str | None) -> str | None:
    if name is None:
        return None
    key = os.environ.get(name, "").strip()
    if not key:
        raise GenerationError(
            f"the environment variable {name} is not set; expected the key of the engine; set it before "
            "serving",
            reason="key_refused",
        )
    return key


def _chat_piece(choice: Mapping[str, Any]) -> Piece:
    delta = choice.get("delta") or {}
    more = {
        name: value
        for name, value in delta.items()
        if value and name not in ("role", "content", "refusal")
    }
    told = choice.get("logprobs")
    tokens = tuple(map(_token, (told or {}).get("content") or ())) if told else ()
    text = delta.get("content") or delta.get("refusal") or ""
    finish = choice.get("finish_reason")
    return Piece(
        choice.get("index", 0),
        text,
        tokens,
        more,
        _FINISHES.get(finish, "stop") if finish else None,
    )


def _token(told: Mapping[str, Any]) -> Token:
    data = told.get("bytes")
    top = tuple(
        TopToken(
            item["token"], item["logprob"], bytes(item["bytes"]) if item.get("bytes") else None
        )
        for item in told.get("top_logprobs") or ()
    )
    return Token(told["token"], told["logprob"], bytes(data) if data else None, top)


def _text_piece(choice: Mapping[str, Any]) -> Piece:
    told = choice.get("logprobs") or {}
    tops = told.get("top_logprobs") or [{}] * len(told.get("tokens") or ())
    tokens = tuple(
        Token(text, log_prob or 0.0, None, tuple(TopToken(*item) for item in (top or {}).items()))
        for text, log_prob, top in zip(
            told.get("tokens") or (), told.get("token_logprobs") or (), tops, strict=False
        )
    )
    finish = choice.get("finish_reason")
    return Piece(
        choice.get("index", 0),
        choice.get("text") or "",
        tokens,
        finish_reason=_FINISHES.get(finish, "stop") if finish else None,
    )


def _refused(status: int, text: str, replica: Replica) -> RequestError | GenerationError:
    """Say what a status other than 200 means: the client's fault is told to the client."""
    try:
        error = from_json(text)
        error = error.get("error", error)
        said = str(error.get("message", text)) if isinstance(error, Mapping) else str(error)
    except (ValueError, AttributeError):
        said = text
    said = " ".join(said.split())[:300]
    if status in (400, 413, 422):
        code = (
            "context_length_exceeded"
            if "context length" in said or "max_model_len" in said
            else "refused"
        )
        return RequestError(f"the engine refuses the request: {said}", status=status, code=code)
    if status == 429:
        return RequestError(
            "the engine has too much to do; ask again soon",
            status=429,
            code="queue_full",
            retry_after_s=1.0,
        )
    return GenerationError(f"{replica.url} answered {status}: {said}", reason=f"http_{status}")


def _broken(error: Any, replica: Replica) -> GenerationError | RequestError:
    code = error.get("code") if isinstance(error, Mapping) else None
    status = code if isinstance(code, int) and 400 <= code < 600 else 500
    return _refused(status, to_json({"error": error}).decode(), replica)
