"""A dialogue on its way in: every text judged, identifiers taken out, text in pictures read and judged.

Nothing here decides what is done; the policy does. What comes back is either a dialogue that may go on, or
the reply that stands in place of an answer.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace

from amalia.guard.guard import Guard, Verdict
from amalia.guard.reading import Reader
from amalia.guard.verdict import Exchange, Place
from amalia.identifiers import Vault, redact
from amalia.serve.dialogue import Dialogue, Message
from amalia.serve.joining import rewritten
from amalia.serve.trace import Trace

_AS_SENT = str.maketrans("‹›", "<>")
"""What ``records.defused`` does to the tokens of a template, undone letter by letter: spans stay."""
_LONG_CHARS = 4000
"""Longer texts are judged beside the event loop, which has other requests to serve."""


@dataclass(frozen=True, slots=True)
class Screened:
    """What becomes of a dialogue."""

    dialogue: Dialogue
    """With identifiers taken out."""
    vault: Vault
    """What was taken out."""
    reply: str | None = None
    """Said in place of an answer; the dialogue then goes no further."""


async def screened(given: Dialogue, guard: Guard, reader: Reader | None, trace: Trace) -> Screened:
    """Judge what comes in.

    Args:
        given: The dialogue as the client sent it.
        guard: What judges.
        reader: Reads text in pictures; None leaves it unread.
        trace: Gets the verdicts and the question as the log may keep it.
    """
    vault = Vault()
    messages: list[Message] = []
    blocked: Verdict | None = None
    kept: list[str] = []
    for place, message in enumerate(given.messages):
        verdict = await checked(guard, message.text, message.role)
        trace.note(verdict, message=place)
        kept.append(redact(message.text, verdict.identifiers))
        blocked = blocked or (verdict if verdict.action == "block" else None)
        told = message.told(vault.mask(message.text, verdict.masked)) if verdict.masked else message
        if message.extra:
            beside = _Beside(guard, vault, message.role)
            told = replace(told, extra=rewritten(message.extra, beside.judged))
            for verdict in beside.verdicts:
                trace.note(verdict, message=place, part="extra")
                blocked = blocked or (verdict if verdict.action == "block" else None)
        messages.append(told)
    trace.question, trace.question_full = kept[-1], given.messages[-1].text
    dialogue = replace(given, messages=tuple(messages))
    if blocked is None and reader is not None:
        blocked = await _pictures(dialogue, guard, reader, trace)
    if blocked is None and guard.judges:
        verdict = await guard.judge(Exchange(dialogue.question, None))
        trace.note(verdict, message=len(messages) - 1)
        blocked = verdict if verdict.action == "block" else None
    reply = None if blocked is None else guard.policy.reply(blocked.category)
    return Screened(dialogue, vault, reply)


class _Beside:
    """Judges what stands beside the text of a message: names, and the arguments of calls."""

    def __init__(self, guard: Guard, vault: Vault, place: Place) -> None:
        self.verdicts: list[Verdict] = []
        self._guard = guard
        self._vault = vault
        self._place = place

    def judged(self, text: str) -> str:
        verdict = self._guard.check(text.translate(_AS_SENT), self._place)
        if verdict.findings:
            self.verdicts.append(verdict)
        return self._vault.mask(text, verdict.masked) if verdict.masked else text


async def checked(guard: Guard, text: str, place: Place) -> Verdict:
    """Judge one text without holding up others, as it was before a template's own tokens were written apart."""
    text = text.translate(_AS_SENT)
    if len(text) <= _LONG_CHARS:
        return guard.check(text, place)
    return await asyncio.to_thread(guard.check, text, place)


async def _pictures(
    dialogue: Dialogue, guard: Guard, reader: Reader, trace: Trace
) -> Verdict | None:
    """Judge what stands written in pictures; give the first verdict that blocks."""
    for number, image in enumerate(dialogue.images):
        text = reader.known(image.sha256)
        if text is None:
            pixels = dialogue.pictures[image.sha256].pixels
            text = await asyncio.to_thread(reader.read, pixels, image.sha256)
        verdict = await checked(guard, text, "picture")
        trace.note(verdict, picture=number)
        if verdict.action == "block":
            return verdict
    return None
