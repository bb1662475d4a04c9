"""The order of things: guards on the way in → retrieve → generate → guards on the way out → audit.

Only this module knows it. A request that cannot be answered raises before anything is given; what goes
wrong later ends the answer with an error. The record of a request is committed before its last piece is
given, also when the client has left or the engine has failed.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any

from amalia.errors import AmaliaError, RequestError
from amalia.guard.guard import Guard
from amalia.guard.reading import Reader
from amalia.guard.verdict import Exchange
from amalia.identifiers import Vault
from amalia.serve import convert, wire
from amalia.serve.bookkeeping import Bookkeeping
from amalia.serve.dialogue import Dialogue
from amalia.serve.documents import Documents
from amalia.serve.engine import Asked, Engine, Feature, Piece, Usage
from amalia.serve.faults import failure
from amalia.serve.outflow import Outflow
from amalia.serve.pictures import Admission
from amalia.serve.recipe import Limits
from amalia.serve.screening import screened
from amalia.serve.trace import Trace

_ASK_AGAIN = (
    "Responda em português europeu (de Portugal), com o vocabulário e a gramática de Portugal."
)


@dataclass(frozen=True, slots=True)
class Closing:
    """What comes after the last piece, once the record is written."""

    usage: Usage
    extension: Mapping[str, Any]


Event = Piece | Closing


@dataclass(frozen=True, slots=True)
class Parts:
    """What a service is made of."""

    engine: Engine
    served_name: str
    limits: Limits
    admission: Admission
    books: Bookkeeping
    guard: Guard | None = None
    reader: Reader | None = None
    documents: Documents | None = None
    system: str | None = None
    language: str = "pt-PT"
    passed_fields: frozenset[str] = frozenset()


class Service:
    """Answers requests; one for a server."""

    def __init__(self, parts: Parts) -> None:
        """Keep the parts."""
        self._parts = parts
        self._limits = parts.limits

    async def chat(self, request: wire.ChatRequest, trace: Trace) -> AsyncGenerator[Event]:
        """Take a chat request; the iterator that comes back gives the answer.

        Raises:
            RequestError: It cannot be served; nothing was asked of the engine.
        """
        parts = self._parts
        asked = self._asked(request, trace)
        self._check_size(request)
        dialogue = await convert.dialogue(
            request.messages, parts.admission.within(convert.num_pictures(request))
        )
        trace.images = dialogue.images
        if trace.images:
            self._needs("pictures", "messages")
        vault = Vault()
        if parts.guard is not None:
            checked = await screened(dialogue, parts.guard, parts.reader, trace)
            if checked.reply is not None:
                return self._replied(checked.reply, asked.drawing.num_choices, trace)
            dialogue, vault = checked.dialogue, checked.vault
        else:
            trace.question_full = dialogue.question
        if parts.system and dialogue.messages[0].role != "system":
            dialogue = dialogue.grounded(parts.system)
        if parts.documents is not None and parts.documents.is_wanted(request.amalia.retrieve):
            dialogue = await parts.documents.grounded(dialogue, parts.guard, trace)
        return self._events(replace(asked, prompt=dialogue), vault, trace)

    async def complete(
        self, request: wire.CompletionRequest, trace: Trace
    ) -> AsyncGenerator[Event]:
        """Take a plain completion; as ``chat``, without a template, documents or pictures.

        Raises:
            RequestError: It cannot be served; nothing was asked of the engine.
        """
        self._needs("completions", "prompt")
        asked = self._asked(request, trace)
        prompt = request.prompt if isinstance(request.prompt, str) else request.prompt[0]
        self._check_text(len(prompt), "prompt")
        single = [wire.Message(role="user", content=prompt)]
        dialogue = await convert.dialogue(single, self._parts.admission.within(0))
        vault = Vault()
        if self._parts.guard is not None:
            checked = await screened(dialogue, self._parts.guard, None, trace)
            if checked.reply is not None:
                return self._replied(checked.reply, asked.drawing.num_choices, trace)
            dialogue, vault = checked.dialogue, checked.vault
        else:
            trace.question_full = prompt
        return self._events(replace(asked, prompt=dialogue.question), vault, trace)

    # --- on the way in ----------------------------------------------------------------------------

    def _asked(self, request: wire.ChatRequest | wire.CompletionRequest, trace: Trace) -> Asked:
        if request.model != self._parts.served_name:
            raise RequestError(
                f"there is no model {request.model!r}; this server has {self._parts.served_name}; send that "
                "name",
                status=404,
                code="model_not_found",
                param="model",
            )
        drawing = convert.drawing(request, max_new_tokens=self._limits.default_new_tokens)
        if drawing.max_new_tokens > self._limits.max_new_tokens:
            raise RequestError(
                f"max_tokens is {drawing.max_new_tokens}; expected at most {self._limits.max_new_tokens}; "
                "ask for a shorter answer",
                param="max_tokens",
            )
        wanted: dict[Feature, tuple[bool, str]] = {
            "n": (drawing.num_choices > 1, "n"),
            "seed": (drawing.seed is not None, "seed"),
            "penalties": (
                bool(drawing.presence_penalty or drawing.frequency_penalty),
                "presence_penalty, frequency_penalty",
            ),
            "logprobs": (drawing.num_top_log_probs is not None, "logprobs"),
            "logit_bias": (bool(drawing.logit_bias), "logit_bias"),
        }
        for feature, (is_wanted, field) in wanted.items():
            if is_wanted:
                self._needs(feature, field)
        if drawing.schema is not None:
            self._needs(drawing.schema.kind, "response_format")
        return Asked(
            trace.about.trace_id,
            "",
            drawing,
            passed=self._passed(request.unnamed),
            language=self._parts.language,
        )

    def _needs(self, feature: Feature, field: str) -> None:
        if feature not in self._parts.engine.features:
            raise RequestError(
                f"{field} is not supported by this engine ({self._parts.engine.name}); leave it out",
                param=field.partition(",")[0],
                code="unsupported_field",
            )

    def _passed(self, unnamed: Mapping[str, Any]) -> dict[str, Any]:
        refused = sorted(set(unnamed) - self._parts.passed_fields)
        if refused:
            raise RequestError(
                f"{', '.join(refused)} {'is' if len(refused) == 1 else 'are'} not supported; leave "
                f"{'it' if len(refused) == 1 else 'them'} out",
                param=refused[0],
                code="unsupported_field",
            )
        return dict(unnamed)

    def _check_size(self, request: wire.ChatRequest) -> None:
        num_pictures = convert.num_pictures(request)
        if num_pictures > self._limits.max_pictures:
            raise RequestError(
                f"{num_pictures} pictures; expected at most {self._limits.max_pictures}; send fewer",
                status=413,
                code="too_many_images",
                param="messages",
            )
        self._check_text(convert.num_chars(request), "messages")

    def _check_text(self, num_chars: int, param: str) -> None:
        if num_chars > self._limits.max_text_chars:
            raise RequestError(
                f"{num_chars} characters of text; expected at most {self._limits.max_text_chars}; send less",
                status=413,
                code="text_too_long",
                param=param,
            )

    # --- on the way out ---------------------------------------------------------------------------

    async def _replied(self, reply: str, num_choices: int, trace: Trace) -> AsyncGenerator[Event]:
        """Give a fixed reply in place of every choice of an answer."""
        trace.usage = Usage(0, 0)
        for choice in range(num_choices):
            trace.finish_reasons[choice] = "content_filter"
            trace.said(choice, reply)
            trace.answers[choice] = reply
            yield Piece(choice, text=reply)
        await self._parts.books.close(trace)
        for choice in range(num_choices):
            yield Piece(choice, finish_reason="content_filter")
        yield self._closing(trace)

    async def _events(self, asked: Asked, vault: Vault, trace: Trace) -> AsyncGenerator[Event]:
        """Ask the engine and give what may go out; the last pieces wait for the record."""
        pieces = self._judged(asked, vault, trace)
        last: list[Piece] = []
        try:
            async with aclosing(pieces):
                async for piece in _within(pieces, self._limits.deadline_s, trace):
                    trace.said(piece.choice, piece.text)
                    if piece.finish_reason is None:
                        yield piece
                        continue
                    trace.finish_reasons[piece.choice] = piece.finish_reason
                    if piece.text or piece.tokens:
                        yield replace(piece, finish_reason=None)
                    last.append(Piece(piece.choice, finish_reason=piece.finish_reason))
        except BaseException as error:
            told = failure(error, self._limits.deadline_s)
            trace.failed(told)
            # The client may be gone and this task cancelled; the record is written all the same.
            await asyncio.shield(self._parts.books.close(trace))
            if isinstance(error, AmaliaError | TimeoutError):
                raise told from error
            raise
        if self._parts.documents is not None:
            self._parts.documents.cite(trace)
        await self._parts.books.close(trace)
        for piece in last:
            yield piece
        yield self._closing(trace)

    async def _judged(self, asked: Asked, vault: Vault, trace: Trace) -> AsyncGenerator[Piece]:
        guard = self._parts.guard
        if guard is None:
            async for piece in self._generated(asked, trace):
                trace.answers[piece.choice] = trace.answers.get(piece.choice, "") + piece.text
                yield piece
            return
        if guard.needs_whole_answers:
            async for piece in self._judged_whole(asked, guard, vault, trace):
                yield piece
            return
        flows: dict[int, Outflow] = {}
        try:
            async for piece in self._generated(asked, trace):
                flow = flows.get(piece.choice)
                if flow is None:
                    flow = flows[piece.choice] = Outflow(piece.choice, guard, vault)
                for released in flow.push(piece):
                    yield released
                if len(flows) == asked.drawing.num_choices and all(
                    flow.is_blocked for flow in flows.values()
                ):
                    break  # nothing more of the answer may go out; the engine need not go on
        finally:
            self._note(flows, trace)  # also of an answer that broke off: part of it has gone out

    async def _judged_whole(
        self, asked: Asked, guard: Guard, vault: Vault, trace: Trace
    ) -> AsyncGenerator[Piece]:
        """Judge whole answers, for policies that ask again or ask a model; nothing goes out before."""
        pieces = [piece async for piece in self._generated(asked, trace)]
        again = guard.wants_another(_text_of(pieces))
        if again and isinstance(asked.prompt, Dialogue):
            first = trace.usage or Usage(0, 0)
            for choice, verdict in again.items():
                trace.note(verdict, choice=choice)
            repeated = replace(asked, prompt=asked.prompt.grounded(_ASK_AGAIN))
            pieces = [piece async for piece in self._generated(repeated, trace)]
            second = trace.usage or Usage(0, 0)
            trace.usage = Usage(
                first.num_prompt_tokens + second.num_prompt_tokens,
                first.num_answer_tokens + second.num_answer_tokens,
            )
        for choice, text in _text_of(pieces).items():
            question = asked.prompt if isinstance(asked.prompt, str) else asked.prompt.question
            verdict = await guard.judge(Exchange(question, text))
            trace.note(verdict, choice=choice)
            if verdict.action == "block":
                reply = guard.policy.reply(verdict.category)
                pieces = [piece for piece in pieces if piece.choice != choice]
                pieces.append(Piece(choice, text=reply, finish_reason="content_filter"))
        flows: dict[int, Outflow] = {}
        try:
            for piece in pieces:
                flow = flows.get(piece.choice)
                if flow is None:
                    flow = flows[piece.choice] = Outflow(piece.choice, guard, vault)
                for released in flow.push(piece):
                    yield released
        finally:
            self._note(flows, trace)

    def _note(self, flows: Mapping[int, Outflow], trace: Trace) -> None:
        for choice, flow in flows.items():
            trace.answers[choice] = flow.judged
            for verdict, where in flow.verdicts:
                trace.note(verdict, choice=choice, **where)

    async def _generated(self, asked: Asked, trace: Trace) -> AsyncGenerator[Piece]:
        prompt = asked.prompt
        texts = [prompt] if isinstance(prompt, str) else [said.text for said in prompt.messages]
        trace.num_prompt_chars += sum(map(len, texts))
        answer = self._parts.engine.answer(asked)
        async with aclosing(answer):
            async for item in answer:
                if isinstance(item, Usage):
                    trace.usage = item
                    continue
                trace.num_pieces += 1
                yield item

    def _closing(self, trace: Trace) -> Closing:
        guard = self._parts.guard
        return Closing(trace.spent, trace.extension(guard.policy.label if guard else None))


async def _within(
    pieces: AsyncIterator[Piece], deadline_s: float, trace: Trace
) -> AsyncGenerator[Piece]:
    """Give pieces as long as the deadline has not passed; time in which the client reads is not stopped."""
    while True:
        async with asyncio.timeout(deadline_s - trace.elapsed_s):
            piece = await anext(pieces, None)
        if piece is None:
            return
        yield piece


def _text_of(pieces: list[Piece]) -> dict[int, str]:
    texts: dict[int, str] = {}
    for piece in pieces:
        texts[piece.choice] = texts.get(piece.choice, "") + piece.text
    return texts
