"""What goes over the wire to an OpenAI-compatible server: a conversation as a body, a body as an answer.

Pure functions. Who was asked, how often, and what becomes of an unusable answer is the business of
``endpoint_transport``; likelihoods are read in ``endpoint_likelihood``.

Servers differ in small ways: content as a text or as parts, reasons of their own for the end of an
answer, errors as an object, a text or a list, even under status 200. What is known of vLLM,
llama.cpp, SGLang and hosted services is read; anything else is refused by name, not guessed.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from random import Random
from typing import Any

from amalia.errors import RecordError
from amalia.inference.base import Answer, FinishReason, Sampling, cut
from amalia.records import Conversation, Image, Row, Turn

# Bodies of servers are JSON that others write, hence Any.
Json = Mapping[str, Any]

FATAL = frozenset({"key_refused", "not_found", "no_server", "no_likelihoods"})
"""Reasons after which nothing else that is asked will be answered either."""

_MAX_QUOTED_CHARS = 200
_FINISH: dict[str, FinishReason] = {
    **dict.fromkeys(("stop", "eos", "eos_token", "stop_sequence", "end_turn"), "stop"),
    **dict.fromkeys(("tool_calls", "function_call"), "stop"),
    **dict.fromkeys(("length", "max_tokens", "model_length", "repetition"), "length"),
    **dict.fromkeys(("content_filter", "refusal", "safety"), "content_filter"),
}
_ABORTED = frozenset({"abort", "aborted", "cancelled", "error"})
_TOO_LONG = re.compile(
    r"context[ _](?:length|window|size)|max_model_len|maximum model length|prompt is too long"
    r"|too many (?:input )?tokens|input is too long|max_tokens must be at least 1",
    re.IGNORECASE,
)
_UNREADABLE = re.compile(r"failed to load image|cannot identify image", re.IGNORECASE)
_SEES_NOTHING = re.compile(r"is not a multimodal model|image input is not supported", re.IGNORECASE)
_NO_LOG_PROBS = re.compile(
    r"(?:request|requested|support|supports) (?:sample |prompt )?logprobs|logprobs (?:is|are) not"
    r"|maximum of \d+ - 'logprobs'",
    re.IGNORECASE,
)
# What servers say is wrong with one question, whatever status they say it under.
_COMPLAINTS = (
    ("prompt_too_long", _TOO_LONG),
    ("picture_unreadable", _UNREADABLE),
    ("picture_for_text_model", _SEES_NOTHING),
    ("no_likelihoods", _NO_LOG_PROBS),
)
_STATUSES_OF_PROMPTS = frozenset({400, 413, 422, 500})
_PASSING_STATUSES = frozenset({408, 409, 425, 429})


class Unusable(Exception):
    """What came is no answer; whoever asked adds to whom and how often, and may ask again."""

    def __init__(
        self, reason: str, detail: str, *, is_passing: bool = False, wait_s: float = 0.0
    ) -> None:
        """Say what is wrong.

        Args:
            reason: The snake_case word of the error this becomes.
            detail: What the server did, after its address: ``answered 500 "…"``.
            is_passing: Whether the same question may well be answered the next time.
            wait_s: How long the server asks to be left alone before that.
        """
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
        self.is_passing = is_passing
        self.wait_s = wait_s


def chat_body(
    model: str,
    row: Row[Conversation],
    sampling: Sampling,
    *,
    place: int = 0,
    extra: Json,
) -> dict[str, Any]:
    """Write a question.

    Args:
        model: Name the server has for the model.
        row: The prompt; its pictures go along as they are, in ``data:`` URLs.
        sampling: How the answer is drawn.
        place: Place of the prompt in the call. With a temperature and a seed every place has a seed
            of its own, or a prompt asked five times would be answered five times alike.
        extra: Further fields; one that is None leaves the field out.

    Raises:
        RecordError: The prompt does not end in a user turn, or the row lacks a picture.
    """
    body: dict[str, Any] = {
        "model": model,
        "messages": messages(row),
        "max_tokens": sampling.max_new_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
    }
    if sampling.seed is not None:
        drawn = Random(f"{sampling.seed}/{place}").getrandbits(31)
        body["seed"] = drawn if sampling.temperature > 0 else sampling.seed
    if sampling.stop:
        body["stop"] = list(sampling.stop)
    return {name: value for name, value in {**body, **extra}.items() if value is not None}


def who(row: Row[Conversation]) -> str:
    """On whose behalf a server is asked, for messages."""
    return f"conversation {row.record.id}"


def messages(row: Row[Conversation]) -> list[dict[str, Any]]:
    """Write the turns of a prompt.

    Raises:
        RecordError: The prompt does not end in a user turn, or the row lacks a picture.
    """
    last = row.record.turns[-1].role
    if last != "user":
        raise RecordError(
            f"conversation {row.record.id} ends in a turn of role {last!r}; a prompt ends in a user "
            "turn; leave the answer out",
            reason="prompt_without_question",
        )
    return [
        {"role": turn.role, "content": _content(turn, row.images, row.record.id)}
        for turn in row.record.turns
    ]


def _content(
    turn: Turn, images: Mapping[str, bytes], record_id: str
) -> str | list[dict[str, object]]:
    if not turn.images:
        # Some chat templates can only join text with text.
        return turn.text
    parts: list[dict[str, object]] = []
    for part in turn.parts:
        if isinstance(part, Image):
            url = _data_url(part, images, record_id)
            parts.append({"type": "image_url", "image_url": {"url": url}})
        else:
            parts.append({"type": "text", "text": part.text})
    return parts


def _data_url(image: Image, images: Mapping[str, bytes], record_id: str) -> str:
    if image.sha256 not in images:
        raise RecordError(
            f"conversation {record_id} names picture {image.sha256[:12]}… but its row does not carry "
            "it; expected the bytes beside the record; read the row from its artifact again",
            reason="picture_missing",
        )
    return f"data:{image.media_type};base64,{base64.b64encode(images[image.sha256]).decode()}"


def read_answer(body: Json, sampling: Sampling) -> Answer:
    """Read the answer to a chat completion.

    An empty text is an answer, and so is a refusal: its text stands under ``content_filter``. What
    the model thought before it answered is left out. Tokens are those that the server counts; 0 where
    it does not say. vLLM counts the end of turn with them and tells when there was one, so it is taken
    off; other servers may count it too.

    Raises:
        Unusable: There is no text, or the server says that something went wrong.
    """
    choice = only_choice(body)
    message = choice.get("message")
    if not isinstance(message, Mapping):
        raise Unusable("malformed", f"answered without a message: {quoted(json.dumps(choice))}")
    finish = _finish_reason(choice.get("finish_reason"))
    text = _text(message.get("content"))
    refusal = message.get("refusal")
    if isinstance(refusal, str) and refusal:
        finish, text = "content_filter", text or refusal
    if text is None:
        text = _text_for_none(message, finish)
    text, is_stopped = cut(_clean(text), sampling.stop)
    usage = body.get("usage")
    counts: Json = usage if isinstance(usage, Mapping) else {}
    return Answer(
        text,
        "stop" if is_stopped and finish == "length" else finish,
        _num_tokens(counts, choice),
        _count(counts.get("prompt_tokens")),
    )


def _num_tokens(counts: Json, choice: Json) -> int:
    """Count the tokens of an answer without the end of turn, which vLLM's ``stop_reason`` tells of.

    It is the stop string that ended the answer, the number of a token that did, or null for the usual
    end of turn.
    """
    counted = _count(counts.get("completion_tokens")) or 0
    is_ended = choice.get("finish_reason") == "stop" and "stop_reason" in choice
    return max(0, counted - (is_ended and not isinstance(choice["stop_reason"], str)))


def only_choice(body: Json) -> Json:
    """Give the one choice of a chat completion.

    Raises:
        Unusable: There is none, or an error in its place.
    """
    choices = body.get("choices")
    if isinstance(choices, list) and choices and isinstance(choices[0], Mapping):
        return choices[0]
    if body.get("error"):
        raise error_in(body)
    raise Unusable("malformed", f"answered without choices: {quoted(json.dumps(body))}")


def _text_for_none(message: Json, finish: FinishReason) -> str:
    """Say what a message without content means."""
    if finish == "content_filter":
        return ""
    if message.get("tool_calls") or message.get("function_call"):
        raise Unusable("tool_call", f"answered with a tool call: {quoted(json.dumps(message))}")
    if message.get("reasoning_content") or message.get("reasoning"):
        return ""  # it thought until it was cut, or had nothing to say after all
    raise Unusable("malformed", f"answered without content: {quoted(json.dumps(message))}")


def _finish_reason(given: object) -> FinishReason:
    if given is None:
        return "stop"
    if isinstance(given, str) and given in _FINISH:
        return _FINISH[given]
    if isinstance(given, str) and given in _ABORTED:
        raise Unusable("aborted", f"broke the answer off ({given})", is_passing=True)
    raise Unusable(
        "malformed",
        f"ended the answer for a reason that is not known, {given!r}; expected one of {sorted(_FINISH)}",
    )


def _text(content: object) -> str | None:
    """Read content that is a text or a list of parts."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        texts = [part.get("text") for part in content if isinstance(part, Mapping)]
        return "".join(text for text in texts if isinstance(text, str))
    return None


def _clean(text: str) -> str:
    """Replace halves of surrogate pairs, which JSON can carry and no file can."""
    return text.encode("utf-8", "replace").decode()


def _count(given: object) -> int | None:
    return given if isinstance(given, int) and given >= 0 else None


# --- what went wrong ------------------------------------------------------------------------------


def failure(status: int, text: str, *, wait_s: float = 0.0) -> Unusable:
    """Say what a status other than 200 means, from the status and the body that came with it."""
    said = _message(text)
    detail = f"answered {status} {quoted(said)}"
    if status in _STATUSES_OF_PROMPTS:
        for reason, complaint in _COMPLAINTS:
            if complaint.search(text):
                return Unusable(reason, detail)
    if status in (401, 403):
        return Unusable("key_refused", detail)
    if status == 404:
        return Unusable("not_found", detail)
    if status in _PASSING_STATUSES or status >= 500:
        return Unusable(f"http_{status}", detail, is_passing=True, wait_s=wait_s)
    return Unusable("refused_by_server", detail)


def error_in(body: Json) -> Unusable:
    """Say what an error object under status 200, or in a stream, means."""
    error = body.get("error")
    code = error.get("code") if isinstance(error, Mapping) else None
    status = code if isinstance(code, int) and 400 <= code < 600 else 500
    return failure(status, json.dumps(body, ensure_ascii=False))


def parsed(text: str) -> Json:
    """Parse the body of an answer.

    Raises:
        Unusable: It is empty, cut short, or not a JSON object.
    """
    try:
        body = json.loads(text)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise Unusable("malformed", f"answered with no JSON: {quoted(text)}", is_passing=True)
    return body


def quoted(text: str) -> str:
    """Put the beginning of a text between quotes, on one line."""
    line = " ".join(text.split())
    return f'"{line[:_MAX_QUOTED_CHARS]}{"…" if len(line) > _MAX_QUOTED_CHARS else ""}"'


def _message(text: str) -> str:
    """Find the sentence in an error body; whatever is not known is given as it came."""
    try:
        body = json.loads(text)
    except ValueError:
        return text
    if not isinstance(body, Mapping):
        return text
    error = body.get("error", body)
    if isinstance(error, str):
        return error
    if isinstance(error, Mapping):
        for name in ("message", "detail"):
            if isinstance(error.get(name), str):
                return str(error[name])
    return text


# --- streams --------------------------------------------------------------------------------------


def events(chunks: Iterable[bytes]) -> Iterator[Json]:
    """Read the events of a stream, from pieces of bytes cut anywhere.

    A ``data:`` line is an event: these servers write each as one line of JSON. Lines end at line feeds
    only; letters such as U+2028, at which ``str.splitlines`` ends a line, may stand in the JSON.

    Raises:
        Unusable: A line that is none of a stream's, or the stream ends before ``[DONE]``.
    """
    for line in _lines(chunks):
        name, _, value = line.partition(":")
        if name == "data":
            value = value.removeprefix(" ")
            if value == "[DONE]":
                return
            yield parsed(value)
        elif name not in ("", "event", "id", "retry"):
            raise Unusable("malformed", f"sent a line that is no event: {quoted(line)}")
    raise Unusable("malformed", "ended the stream before it was done")


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        yield from (line.removesuffix(b"\r").decode("utf-8", "replace") for line in lines)
    yield rest.decode("utf-8", "replace")


def piece(event: Json) -> str:
    """Read the text of an event; empty for events that carry none.

    Raises:
        Unusable: The event is an error, or ends the answer for a reason that makes it none.
    """
    if event.get("error"):
        raise error_in(event)
    choices = event.get("choices")
    if not (isinstance(choices, list) and choices and isinstance(choices[0], Mapping)):
        return ""  # the counts of tokens come in an event of their own
    _finish_reason(choices[0].get("finish_reason"))
    delta = choices[0].get("delta")
    if not isinstance(delta, Mapping):
        return ""
    text = _text(delta.get("content")) or _text(delta.get("refusal")) or ""
    return _clean(text)
