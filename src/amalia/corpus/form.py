"""The two forms in which people keep conversations → our turns.

``messages`` has ``role`` and ``content`` (text or typed parts); ``conversations``, LLaVA's form,
has ``from`` and ``value`` with ``<image>`` in the text. Every way in which a turn can be wrong
has a reason.
"""

from __future__ import annotations

import reprlib
from collections.abc import Iterator, Mapping
from typing import Any

from amalia.corpus.gallery import Gallery
from amalia.errors import RecordError
from amalia.records import PLACEHOLDER, Part, Role, Text, Turn

_ROLES: Mapping[str, Role] = {"system": "system", "user": "user", "assistant": "assistant"}
_LLAVA_ROLES: Mapping[str, Role] = {**_ROLES, "human": "user", "gpt": "assistant"}
_IMAGE_TOKEN = "<image>"


def turns_of(value: dict[str, Any], gallery: Gallery) -> tuple[Turn, ...]:
    """Read the turns of a record of either form.

    Args:
        value: The record.
        gallery: Its pictures.

    Returns:
        At least one turn, an assistant turn among them.

    Raises:
        RecordError: with ``reason`` ``no_messages``, ``unknown_role``, ``bad_content``,
            ``reserved_token``, ``image_in_answer``, ``system_not_first``, ``empty_answer``,
            ``empty_question``, ``no_assistant_turn``, or those of the gallery.
    """
    is_llava = not value.get("messages") and bool(value.get("conversations"))
    messages = value.get("conversations" if is_llava else "messages")
    if not isinstance(messages, list) or not messages:
        raise RecordError(
            f"messages is {shown(messages)}; expected a list of turns", reason="no_messages"
        )
    turns = tuple(
        _turn(message, position, gallery, is_llava=is_llava)
        for position, message in enumerate(messages, 1)
    )
    gallery.check_all_shown()
    if not any(turn.role == "assistant" for turn in turns):
        raise RecordError(
            "no assistant turn; expected an answer to learn from", reason="no_assistant_turn"
        )
    return turns


def whole(text: str) -> str:
    """Give the text back if it can be written as UTF-8; JSON can hold half a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise RecordError(
            f"text holds half a character ({text[error.start]!a}); mend its encoding",
            reason="bad_content",
        ) from error
    return text


def shown(value: object) -> str:
    """Write a value as messages show it: on one line, and short however long or deep it is."""
    return reprlib.repr(value)


def _turn(message: object, position: int, gallery: Gallery, *, is_llava: bool) -> Turn:
    if not isinstance(message, dict):
        raise RecordError(
            f"turn {position} is {shown(message)}; expected role and content", reason="bad_content"
        )
    said = message.get("from" if is_llava else "role")
    role = (_LLAVA_ROLES if is_llava else _ROLES).get(said) if isinstance(said, str) else None
    if role is None:
        raise RecordError(
            f"turn {position} has the role {shown(said)}; expected system, user or assistant",
            reason="unknown_role",
        )
    content = message.get("value" if is_llava else "content")
    parts = _llava_parts(content, gallery) if is_llava else _parts(content, gallery)
    turn = Turn(role=role, parts=tuple(parts))
    _check(turn, position)
    return turn


def _check(turn: Turn, position: int) -> None:
    found = PLACEHOLDER.search(turn.text)
    is_blank = not turn.text.strip()
    if found:
        problem, reason = f"holds the reserved token {found.group()!r}; remove it", "reserved_token"
    elif turn.role != "user" and turn.images:
        problem, reason = "shows a picture; only user turns may", "image_in_answer"
    elif turn.role == "system" and position != 1:
        problem, reason = "may only come first; move it", "system_not_first"
    elif turn.role == "assistant" and is_blank:
        problem, reason = "is empty; expected an answer", "empty_answer"
    elif turn.role == "user" and is_blank and not turn.images:
        problem, reason = "is empty; expected text or a picture", "empty_question"
    else:
        return
    raise RecordError(f"turn {position} ({turn.role}) {problem}", reason=reason)


def _parts(content: object, gallery: Gallery) -> Iterator[Part]:
    if isinstance(content, str) or content is None:
        yield Text(text=whole(content or ""))
        return
    if not isinstance(content, list):
        raise RecordError(
            f"content is {shown(content)}; expected text or a list of parts", reason="bad_content"
        )
    for part in content:
        kind = part.get("type") if isinstance(part, dict) else None
        if kind == "text" and isinstance(part.get("text"), str):
            yield Text(text=whole(part["text"]))
        elif kind == "image":
            own = next((part[key] for key in ("path", "image", "url") if part.get(key)), None)
            yield gallery.following() if own is None else gallery.show(own)
        else:
            raise RecordError(
                f"part {shown(part)} is unknown; expected type text with a text, or type image",
                reason="bad_content",
            )


def _llava_parts(content: object, gallery: Gallery) -> Iterator[Part]:
    if not isinstance(content, str):
        raise RecordError(f"value is {shown(content)}; expected text", reason="bad_content")
    pieces = whole(content).split(_IMAGE_TOKEN)
    for position, piece in enumerate(pieces):
        if position:
            yield gallery.following()
        # The line break beside a placeholder belongs to LLaVA's format, not to the text.
        text = piece.strip() if len(pieces) > 1 else piece
        if text:
            yield Text(text=text)
