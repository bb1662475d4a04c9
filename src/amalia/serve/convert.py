"""OpenAI's wire ↔ our dialogue: the only module besides ``wire`` that knows the foreign format.

Pictures are admitted by whoever is passed in, so that nothing here opens a connection; answers are plain
dictionaries, because a stream encodes hundreds a second.
"""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from amalia.errors import RequestError
from amalia.records import Part, Text, defused
from amalia.serve import wire
from amalia.serve.dialogue import Dialogue, Message, Picture
from amalia.serve.engine import Drawing, Piece, Schema, Token, Usage

Admit = Callable[[str, str], Awaitable[Picture]]
"""URL and ``detail`` of a picture → the picture, or RequestError."""

_MAX_MESSAGES = 1000


def drawing(request: wire.ChatRequest | wire.CompletionRequest, *, max_new_tokens: int) -> Drawing:
    """Read how answers are to be drawn.

    Args:
        request: What was asked.
        max_new_tokens: Length of an answer where the request does not say.
    """
    asked = request.max_tokens
    schema = None
    if isinstance(request, wire.ChatRequest):
        asked = request.max_completion_tokens or asked
        schema = _schema(request.response_format)
        top = (request.top_logprobs or 0) if request.logprobs else None
    else:
        top = request.logprobs
    return Drawing(
        max_new_tokens=asked or max_new_tokens,
        temperature=request.temperature,
        top_p=request.top_p,
        seed=request.seed,
        stop=request.stops,
        num_choices=request.n,
        presence_penalty=request.presence_penalty,
        frequency_penalty=request.frequency_penalty,
        num_top_log_probs=top,
        logit_bias=request.logit_bias or {},
        schema=schema,
    )


def num_pictures(request: wire.ChatRequest) -> int:
    """Count the pictures of a request before any is read."""
    return sum(
        not isinstance(part, wire.TextPart)
        for message in request.messages
        if not isinstance(message.content, str)
        for part in message.content
    )


def num_chars(request: wire.ChatRequest) -> int:
    """Count the characters of text in all messages."""
    return sum(
        len(message.content)
        if isinstance(message.content, str)
        else sum(len(part.text) for part in message.content if isinstance(part, wire.TextPart))
        for message in request.messages
    )


async def dialogue(messages: Sequence[wire.Message], admit: Admit) -> Dialogue:
    """Turn messages into a dialogue, admitting their pictures.

    Raises:
        RequestError: A picture is refused, a role holds what it may not, or no question comes last.
    """
    if len(messages) > _MAX_MESSAGES:
        raise RequestError(
            f"{len(messages)} messages; expected at most {_MAX_MESSAGES}",
            param="messages",
            status=413,
        )
    pictures: dict[str, Picture] = {}
    converted: list[Message] = []
    for place, message in enumerate(messages):
        role = "system" if message.role == "developer" else message.role
        if role == "system" and any(before.role != "system" for before in converted):
            raise RequestError(
                f"message {place} is of role {message.role} and comes after others; a system message may "
                "only come first; move it",
                param=f"messages.{place}.role",
            )
        parts = await _parts(message, place, admit, pictures)
        if role == "system" and converted:
            joined = "\n\n".join(
                part.text for part in (*converted[0].parts, *parts) if isinstance(part, Text)
            )
            converted[0] = Message("system", (Text(text=joined),))
            continue
        converted.append(Message(role, parts, _extra(message, place)))
    if converted[-1].role not in ("user", "tool"):
        raise RequestError(
            f"the last message is of role {converted[-1].role}; expected a question of role user; leave "
            "the answer out",
            param=f"messages.{len(messages) - 1}.role",
        )
    return Dialogue(tuple(converted), pictures)


async def _parts(
    message: wire.Message, place: int, admit: Admit, pictures: dict[str, Picture]
) -> tuple[Part, ...]:
    content = message.content
    if isinstance(content, str):
        return (Text(text=defused(content or message.refusal or "")),)
    parts: list[Part] = []
    for number, part in enumerate(content):
        if isinstance(part, wire.TextPart):
            parts.append(Text(text=defused(part.text)))
            continue
        where = f"messages.{place}.content.{number}"
        if message.role != "user":
            raise RequestError(
                f"message {place} of role {message.role} holds a picture; only messages of role user may; "
                "move it",
                param=where,
            )
        url, detail = _address(part)
        try:
            picture = await admit(url, detail)
        except RequestError as error:
            error.param = error.param or where
            raise
        pictures[picture.image.sha256] = picture
        parts.append(picture.image)
    return tuple(parts)


def _address(part: wire.ImageUrlPart | wire.ImagePart) -> tuple[str, str]:
    if isinstance(part, wire.ImagePart):
        return part.image, "auto"
    if isinstance(part.image_url, str):
        return part.image_url, "auto"
    return part.image_url.url, part.image_url.detail


def _extra(message: wire.Message, place: int) -> dict[str, Any]:
    extra: dict[str, Any] = {}
    if message.name is not None:
        extra["name"] = message.name
    if message.tool_calls is not None:
        if message.role != "assistant":
            raise RequestError(
                f"message {place} of role {message.role} has tool_calls; only answers have",
                param=f"messages.{place}.tool_calls",
            )
        extra["tool_calls"] = [call.model_dump() for call in message.tool_calls]
    if (message.tool_call_id is not None) != (message.role == "tool"):
        raise RequestError(
            f"message {place} of role {message.role}: a tool_call_id belongs to messages of role tool, and "
            "each of those has one",
            param=f"messages.{place}.tool_call_id",
        )
    if message.tool_call_id is not None:
        extra["tool_call_id"] = message.tool_call_id
    return extra


def _schema(given: wire.ResponseFormat | None) -> Schema | None:
    if given is None or isinstance(given, wire.TextFormat):
        return None
    if isinstance(given, wire.JsonObjectFormat):
        return Schema("json_object")
    if not given.json_schema.strict:
        raise RequestError(
            "response_format.json_schema.strict is false; expected true: a schema is kept to or refused",
            param="response_format.json_schema.strict",
            code="unsupported_value",
        )
    return Schema("json_schema", given.json_schema.name, given.json_schema.schema_)


def to_messages(given: Dialogue) -> list[dict[str, Any]]:
    """Write a dialogue for an engine behind an address; pictures go along as they came."""
    return [
        {"role": message.role, "content": _content(message, given.pictures), **message.extra}
        for message in given.messages
    ]


def _content(message: Message, pictures: Mapping[str, Picture]) -> str | list[dict[str, Any]]:
    if all(isinstance(part, Text) for part in message.parts):
        return message.text  # some chat templates can only join text with text
    parts: list[dict[str, Any]] = []
    for part in message.parts:
        if isinstance(part, Text):
            parts.append({"type": "text", "text": part.text})
        else:
            data = base64.b64encode(pictures[part.sha256].data).decode()
            url = f"data:{part.media_type};base64,{data}"
            parts.append({"type": "image_url", "image_url": {"url": url}})
    return parts


def usage(counts: Usage) -> dict[str, int]:
    """Write counts of tokens."""
    return {
        "prompt_tokens": counts.num_prompt_tokens,
        "completion_tokens": counts.num_answer_tokens,
        "total_tokens": counts.num_prompt_tokens + counts.num_answer_tokens,
    }


def chat_log_probs(tokens: Sequence[Token]) -> dict[str, Any]:
    """Write the log-probabilities of a chat answer."""
    return {
        "content": [
            {
                "token": token.text,
                "logprob": token.log_prob,
                "bytes": _bytes(token.text, token.data),
                "top_logprobs": [
                    {
                        "token": top.text,
                        "logprob": top.log_prob,
                        "bytes": _bytes(top.text, top.data),
                    }
                    for top in token.top
                ],
            }
            for token in tokens
        ],
        "refusal": None,
    }


def completion_log_probs(tokens: Sequence[Token], *, offset: int = 0) -> dict[str, Any]:
    """Write the log-probabilities of a plain completion; ``offset`` is where the first token begins."""
    offsets = []
    for token in tokens:
        offsets.append(offset)
        offset += len(token.text)
    return {
        "tokens": [token.text for token in tokens],
        "token_logprobs": [token.log_prob for token in tokens],
        "top_logprobs": [{top.text: top.log_prob for top in token.top} for token in tokens],
        "text_offset": offsets,
    }


def _bytes(text: str, data: bytes | None) -> list[int]:
    return list(text.encode() if data is None else data)


def chat_delta(piece: Piece, *, is_first: bool, with_log_probs: bool) -> dict[str, Any]:
    """Write a piece of a streamed chat answer as a choice; the first names the role."""
    delta: dict[str, Any] = {"role": "assistant", "content": ""} if is_first else {}
    if piece.text:
        delta["content"] = piece.text
    delta.update(piece.delta)
    choice: dict[str, Any] = {
        "index": piece.choice,
        "delta": delta,
        "logprobs": chat_log_probs(piece.tokens) if with_log_probs and piece.tokens else None,
        "finish_reason": piece.finish_reason,
    }
    return choice
