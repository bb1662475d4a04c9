"""OpenAI's wire as a client speaks it: what an engine behind an address is asked, and what it says.

Nothing here opens a connection. What a client of ours sends and gets is the business of ``convert``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import JsonValue
from pydantic_core import from_json, to_json

from amalia.errors import GenerationError, RequestError
from amalia.serve import convert
from amalia.serve.engine import Asked, Piece, Token, TopToken, Usage

MAX_LINE_BYTES = 8 * 2**20
"""Longest line of a stream; one with the log-probabilities of many tokens is long."""
_MAX_SAID_CHARS = 300
_FINISHES = frozenset({"stop", "length", "tool_calls", "content_filter"})
_GIVEN_UP = frozenset({"abort", "error"})
"""What engines say of an answer that they have not finished."""


def question(asked: Asked, model: str | None, extra: Mapping[str, JsonValue]) -> tuple[str, bytes]:
    """Write a request.

    Args:
        asked: What is asked.
        model: What the engine calls it.
        extra: Fields that every request carries; those of the request win.

    Returns:
        Path under the version, and body.
    """
    drawing = asked.drawing
    body: dict[str, Any] = {
        **extra,
        **asked.passed,
        "model": model,
        "max_tokens": drawing.max_new_tokens,
        "temperature": drawing.temperature,
        "top_p": drawing.top_p,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    optional = {
        "seed": drawing.seed,
        "stop": list(drawing.stop) or None,
        "n": drawing.num_choices if num_copies(asked) == 1 < drawing.num_choices else None,
        "presence_penalty": drawing.presence_penalty or None,
        "frequency_penalty": drawing.frequency_penalty or None,
        "logit_bias": dict(drawing.logit_bias) or None,
    }
    body.update((name, value) for name, value in optional.items() if value is not None)
    if isinstance(asked.prompt, str):
        if drawing.num_top_log_probs is not None:
            body["logprobs"] = drawing.num_top_log_probs
        return "/completions", to_json({**body, "prompt": asked.prompt})
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
    return "/chat/completions", to_json({**body, "messages": convert.to_messages(asked.prompt)})


def num_copies(asked: Asked) -> int:
    """Give how many choices are one and the same answer: without chance it is asked for once.

    vLLM refuses more than one.
    """
    return asked.drawing.num_choices if asked.drawing.temperature == 0 else 1


class Stream:
    """The events of one answer, taken apart as their bytes come."""

    def __init__(self, url: str) -> None:
        """Begin.

        Args:
            url: Of the engine, for messages.
        """
        self.is_done = False
        """Whether the engine has said that nothing more comes."""
        self.usage = Usage(0, 0)
        """As far as the engine has told."""
        self._url = url
        self._rest: list[bytes] = []
        self._rest_bytes = 0

    def push(self, data: bytes) -> Iterator[Piece]:
        """Take what has come and give the pieces that are whole.

        Raises:
            RequestError: The engine refuses in the middle.
            GenerationError: It says that it failed, or something that is no event.
        """
        *lines, rest = data.split(b"\n")
        if lines:
            lines[0] = b"".join((*self._rest, lines[0]))
            self._rest, self._rest_bytes = [], 0
        self._rest.append(rest)
        self._rest_bytes += len(rest)
        if self._rest_bytes > MAX_LINE_BYTES:
            raise self._malformed(f"a line of more than {MAX_LINE_BYTES} bytes")
        for line in lines:
            if line.startswith(b"data:") and not self.is_done:
                yield from self._event(line[5:].strip())

    def _event(self, data: bytes) -> Iterator[Piece]:
        if data == b"[DONE]":
            self.is_done = True
            return
        try:
            told = from_json(data)
            if told.get("error"):
                raise _broken(told["error"], self._url)
            if counts := told.get("usage"):
                self.usage = Usage(
                    int(counts.get("prompt_tokens") or 0), int(counts.get("completion_tokens") or 0)
                )
            pieces = [_piece(choice, self._url) for choice in told.get("choices") or ()]
        except (RequestError, GenerationError):
            raise
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            said = " ".join(data[:80].decode("utf-8", "replace").split())
            raise self._malformed(f"what is no event: {said!r}") from error
        yield from filter(None, pieces)

    def _malformed(self, what: str) -> GenerationError:
        return GenerationError(f"{self._url} sent {what}", reason="malformed")


def _piece(choice: Mapping[str, Any], url: str) -> Piece | None:
    """Read a choice of an event; None when it says nothing, as the first one does."""
    finish = choice.get("finish_reason")
    if finish in _GIVEN_UP:
        raise GenerationError(f"{url} gave up in the middle of an answer ({finish})", reason=finish)
    told = choice.get("logprobs")
    more: dict[str, JsonValue] = {}
    if "delta" in choice:
        delta = choice["delta"] or {}
        text = delta.get("content") or delta.get("refusal") or ""
        tokens = _chat_tokens(told) if told else ()
        more = {
            name: value
            for name, value in delta.items()
            if value and name not in ("role", "content", "refusal")
        }
    else:
        text = choice.get("text") or ""
        tokens = _text_tokens(told) if told else ()
    if not (text or tokens or more or finish):
        return None
    number = choice.get("index", 0)
    if not isinstance(text, str) or not isinstance(number, int):
        raise TypeError
    ended = None if not finish else finish if finish in _FINISHES else "stop"
    return Piece(number, text, tokens, more, ended)


def _chat_tokens(told: Mapping[str, Any]) -> tuple[Token, ...]:
    return tuple(
        Token(
            item["token"],
            item["logprob"],
            _data(item),
            tuple(
                TopToken(top["token"], top["logprob"], _data(top))
                for top in item.get("top_logprobs") or ()
            ),
        )
        for item in told.get("content") or ()
    )


def _data(item: Mapping[str, Any]) -> bytes | None:
    data = item.get("bytes")
    return None if data is None else bytes(data)


def _text_tokens(told: Mapping[str, Any]) -> tuple[Token, ...]:
    texts = told.get("tokens") or ()
    tops = told.get("top_logprobs") or [None] * len(texts)
    return tuple(
        # The first token of a prompt has no log-probability.
        Token(text, log_prob or 0.0, None, tuple(TopToken(*item) for item in (top or {}).items()))
        for text, log_prob, top in zip(texts, told.get("token_logprobs") or (), tops, strict=True)
    )


def refused(status: int, body: bytes, url: str) -> RequestError | GenerationError:
    """Say what a status other than 200 means: the client's fault is told to the client."""
    text = body.decode("utf-8", "replace")
    try:
        error = from_json(text)
        error = error.get("error", error)
        said = str(error.get("message", text)) if isinstance(error, Mapping) else str(error)
    except (ValueError, AttributeError):
        said = text
    said = " ".join(said.split())[:_MAX_SAID_CHARS]
    if status in (400, 413, 422):
        is_long = "context length" in said or "max_model_len" in said or "context size" in said
        code = "context_length_exceeded" if is_long else "refused"
        return RequestError(f"the engine refuses the request: {said}", status=status, code=code)
    if status == 429:
        return RequestError(
            "the engine has too much to do; ask again soon",
            status=429,
            code="queue_full",
            retry_after_s=1.0,
        )
    return GenerationError(f"{url} answered {status}: {said}", reason=f"http_{status}")


def _broken(error: Any, url: str) -> RequestError | GenerationError:
    """Say what an error in the middle of a stream means."""
    code = error.get("code") if isinstance(error, Mapping) else None
    status = code if isinstance(code, int) and 400 <= code < 600 else 500
    return refused(status, to_json({"error": error}), url)
