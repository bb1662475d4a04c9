"""What the chat page asks of the server: questions and reports, by the same way as any client.

Guards, limits, keys and the log hold for it; it has no way to the model of its own. Nothing here knows Gradio.

Not covered: how exchanges look, see ``page_answer``.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any, NamedTuple

from amalia.errors import RequestError
from amalia.serve import page_text as text
from amalia.serve import wire
from amalia.serve.audit_record import new_trace_id
from amalia.serve.engine import Piece
from amalia.serve.front import Front
from amalia.serve.page_answer import Exchange, Shown
from amalia.serve.trace import About, Trace

_PICTURE = re.compile(r"data:image/[a-z+.-]{2,20};base64,[A-Za-z0-9+/]+={0,2}")
_MAX_COMMENT_CHARS = 4000


class Visitor(NamedTuple):
    """Who uses the page."""

    key: str
    client: str


def shown(given: object) -> tuple[Shown, ...]:
    """Read what the page's script gives as pictures; what is none is left out.

    Only ``data:`` URLs are taken, so that nothing is opened or fetched for a client.
    """
    found = []
    for item in given if isinstance(given, list) else ():
        url, small = (item.get("url"), item.get("small")) if isinstance(item, dict) else ("", "")
        if isinstance(url, str) and _PICTURE.fullmatch(url):
            is_small = isinstance(small, str) and _PICTURE.fullmatch(small)
            found.append(Shown(url, str(small) if is_small else ""))
    return tuple(found)


async def answered(
    front: Front, known: Sequence[Exchange], visitor: Visitor
) -> AsyncGenerator[None]:
    """Answer the last question into its exchange, piece by piece."""
    item = known[-1]
    try:
        trace = _begun(front, "page", visitor, sum(len(each.url) for each in item.pictures))
        item.trace_id = trace.about.trace_id
        asked = wire.ChatRequest(
            model=front.served_name, messages=messages(known), temperature=0.0, stream=True
        )
        events = await front.chat(asked, trace)
        # Whoever stops reading ends the work, and its record is written.
        async with aclosing(events):
            async for event in events:
                if isinstance(event, Piece):
                    item.answer += event.text
                    item.finish_reason = event.finish_reason or item.finish_reason
                else:
                    item.extension = dict(event.extension)
                yield
    except RequestError as error:
        item.error = told(error)
    item.is_done = True


async def reported(
    front: Front, item: Exchange, category: str, comment: str, visitor: Visitor
) -> str:
    """Keep a report of an answer and say so, with its number.

    Raises:
        RequestError: It cannot be kept.
    """
    asked = wire.ReportRequest.model_validate(
        {
            "trace_id": item.trace_id,
            "category": category if category in dict(text.CATEGORIES).values() else "other",
            "comment": comment[:_MAX_COMMENT_CHARS],
        }
    )
    kept = await front.report(asked, _begun(front, "reports", visitor, len(comment)))
    return text.REPORTED.format(number=kept["id"])


def told(error: RequestError) -> str:
    """Say in Portuguese why there is no answer."""
    return text.ERRORS.get(error.code, text.UNKNOWN_ERROR.format(code=error.code))


def messages(known: Sequence[Exchange]) -> list[wire.Message]:
    """Write a conversation as messages; a question that has no answer is not asked again with the next."""
    written: list[dict[str, Any]] = []
    for item in known:
        is_last = item is known[-1]
        if not is_last and not item.answer:
            continue
        parts: list[dict[str, Any]] = [
            {"type": "image_url", "image_url": {"url": each.url}} for each in item.pictures
        ]
        if item.question or not parts:
            parts.append({"type": "text", "text": item.question})
        written.append({"role": "user", "content": parts})
        if not is_last:
            written.append({"role": "assistant", "content": item.answer})
    return [wire.Message.model_validate(message) for message in written]


def _begun(front: Front, endpoint: str, visitor: Visitor, body_bytes: int) -> Trace:
    """Know who asks; the page has no other way in than any client."""
    key = visitor.key.strip()
    caller = front.access.authenticate(f"Bearer {key}" if key else None)
    front.access.admit_request(caller)
    about = About(
        new_trace_id(),
        new_trace_id(),
        endpoint,
        caller=caller,
        client=visitor.client,
        body_bytes=body_bytes,
    )
    return Trace(about)
