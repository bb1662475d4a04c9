"""Ask a model behind an OpenAI-compatible server: vLLM, llama.cpp, SGLang, a hosted one.

A prompt that gets no answer has its error in its place; a server that is gone, refuses the key or no
longer has the model ends the run. Answers that cost something are worth a cache around the endpoint,
see ``cache``.

Not covered: tools, audio, the completions and responses interfaces, addresses without ``/models``.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import ssl
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Literal, NamedTuple, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator

from amalia.errors import AmaliaError, GenerationError
from amalia.inference.base import Answer, LogProb, Sampling, cut_stream
from amalia.inference.endpoint_likelihood import (
    Token,
    answer_log_prob,
    every_token_body,
    first_token_body,
    is_letter,
    letter_log_prob,
    read_first_tokens,
    read_tokens,
)
from amalia.inference.endpoint_wire import FATAL, Json, chat_body, read_answer
from amalia.records import Conversation, Row

if TYPE_CHECKING:
    # httpx takes longer to import than everything else here together.
    from amalia.inference.endpoint_transport import Address, Pauses, Session

T = TypeVar("T")
V = TypeVar("V")
Way = Literal["prompt_logprobs", "top_logprobs"]

_OURS = frozenset(
    "model messages stream n logprobs top_logprobs prompt_logprobs add_generation_prompt "
    "continue_final_message".split()
)
_SAMPLED = frozenset({"max_tokens", "temperature", "top_p", "seed", "stop"})
# Answers to one prompt that are weighed one after the other by one thread.
_MAX_ASKED = 64
_NUM_NAMED_MODELS = 8
# After these another way to weigh may work with the same server.
_OTHER_WAY = frozenset({"refused_by_server", "no_likelihoods", "template_differs"})


class EndpointSettings(BaseModel):
    """Where a server is and how it is asked."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str
    """Up to the version, for example ``http://127.0.0.1:8000/v1``."""
    model: str | None = None
    """What the server calls the model; by default the only one it has."""
    key_env: str | None = Field(default=None, pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")
    """Name of the environment variable that holds the key. The key itself never stands in a recipe."""
    concurrency: int = Field(default=8, gt=0)
    """Questions under way at a time."""
    timeout_s: float = Field(default=120.0, gt=0)
    """How long the server may say nothing before a question counts as lost. An answer that is not
    streamed comes whole, so no answer may take longer."""
    retries: int = Field(default=5, ge=0)
    """How often a question is asked again when what went wrong may pass."""
    extra: dict[str, JsonValue] = Field(default_factory=dict)
    """Further fields of a question, for example ``{chat_template_kwargs: {enable_thinking: false}}``.
    ``null`` leaves out a field that a server refuses: OpenAI's newest want ``{max_tokens: null,
    max_completion_tokens: 512}``."""
    likelihood: Literal["auto", "prompt_logprobs", "top_logprobs"] = "auto"
    """How answers are weighed, see ``endpoint_likelihood``; ``auto`` takes the first that works."""

    @field_validator("url")
    @classmethod
    def _is_address(cls, url: str) -> str:
        parts = urlsplit(url)
        is_plain = not (parts.query or parts.fragment or parts.username or parts.password)
        if parts.scheme not in ("http", "https") or not parts.hostname or not is_plain:
            raise ValueError(
                "expected http://HOST:PORT/v1 or https://HOST/v1, without a name, a key or a question "
                "mark in it; a key goes into the variable that key_env names"
            )
        return url.rstrip("/")

    @field_validator("extra")
    @classmethod
    def _leaves_the_question_alone(cls, extra: dict[str, JsonValue]) -> dict[str, JsonValue]:
        wrong = sorted(
            name
            for name, value in extra.items()
            if name in _OURS or (name in _SAMPLED and value is not None)
        )
        if wrong:
            raise ValueError(
                f"{', '.join(wrong)} may not be set here; the question and the sampling settings decide; "
                "remove it"
            )
        return extra


class _Asked(NamedTuple):
    """A prompt and the answers that are asked about in a row."""

    row: Row[Conversation]
    answers: list[str]


Weighed = list[LogProb | AmaliaError]


class Endpoint:
    """A model behind a server; see ``amalia.inference.base.Generate``."""

    def __init__(
        self, settings: EndpointSettings, *, model: str, name: str, address: Address, pauses: Pauses
    ) -> None:
        """Keep what ``connect`` has found out."""
        self.name = name
        self._settings = settings
        self._model = model
        self._address = address
        self._pauses = pauses
        self._way: Way | None = None if settings.likelihood == "auto" else settings.likelihood

    @classmethod
    def connect(cls, settings: EndpointSettings, *, pauses: Pauses | None = None) -> Endpoint:
        """Ask a server for its models and choose one.

        Args:
            settings: Where the server is and how it is asked.
            pauses: How long to wait between tries, and by which clock.

        Raises:
            GenerationError: No server there, it refuses the key, it has no such model, or it has several
                and none is named.
        """
        from amalia.inference.endpoint_transport import Address, Pauses, Session

        address = Address(
            settings.url,
            _key(settings),
            settings.timeout_s,
            settings.retries,
            ssl.create_default_context(),
        )
        pauses = pauses or Pauses()
        with Session(address, pauses) as session:
            card = _card(settings, session.models())
        model = str(card["id"])
        name = _name(settings, model, card)
        return cls(settings, model=model, name=name, address=address, pauses=pauses)

    def stream(self, prompt: Row[Conversation], sampling: Sampling) -> Iterator[str]:
        """Give the answer piece by piece; leaving the iterator early ends the connection.

        Raises:
            GenerationError: No usable answer, also in the middle of one.
            RecordError: The prompt cannot be written.
        """
        body = chat_body(self._model, prompt, sampling, extra=self._settings.extra)
        with self._session() as session:
            yield from cut_stream(session.pieces(body, who=_who(prompt)), sampling.stop)

    def answer_many(
        self, prompts: Iterable[Row[Conversation]], sampling: Sampling
    ) -> Iterator[Answer | AmaliaError]:
        """Answer prompts, several at a time, in their order; they are taken as they are needed.

        Raises:
            GenerationError: The server is gone, refuses the key or no longer has the model.
        """
        with self._session() as session:

            def answer(numbered: tuple[int, Row[Conversation]]) -> Answer:
                place, row = numbered
                body = chat_body(
                    self._model, row, sampling, place=place, extra=self._settings.extra
                )
                return session.ask(body, partial(read_answer, sampling=sampling), who=_who(row))

            yield from session.in_order(
                partial(_or_error, answer),
                enumerate(prompts),
                concurrency=self._settings.concurrency,
            )

    def weigh_many(
        self, prompts: Iterable[Row[Conversation]], answers: Iterable[str]
    ) -> Iterator[LogProb | AmaliaError]:
        """Say how likely answers are, several prompts at a time, in order.

        Answers to the same prompt cost least when they follow each other.

        Raises:
            GenerationError: The server gives no log-probabilities, is gone, refuses the key or no longer
                has the model.
        """
        asked = _by_prompt(zip(prompts, answers, strict=True))
        with self._session() as session:
            while self._way is None and (first := next(asked, None)):
                yield from self._probed(session, first)
            if self._way is None:
                return
            work = partial(self._weighed, session, self._way)
            for found in session.in_order(work, asked, concurrency=self._settings.concurrency):
                yield from found

    def _session(self) -> Session:
        from amalia.inference.endpoint_transport import Session

        return Session(self._address, self._pauses)

    def _probed(self, session: Session, asked: _Asked) -> Weighed:
        """Weigh answers in the first way that works, and stay with it from then on."""
        complaints = []
        ways: tuple[Way, ...] = ("prompt_logprobs", "top_logprobs")
        for way in ways:
            try:
                found = self._weighed(session, way, asked)
            except GenerationError as error:
                if error.reason != "no_likelihoods":
                    raise
                complaints.append(str(error))
                continue
            reasons = {item.reason for item in found if isinstance(item, AmaliaError)}
            if any(isinstance(item, LogProb) for item in found) or "not_one_token" in reasons:
                self._way = way
                return found
            if not reasons <= _OTHER_WAY:
                return found  # the fault of this prompt, perhaps; the next one will show
            complaints.append(str(found[0]))
        raise GenerationError(
            f"{self.name} gives no log-probabilities ({' / '.join(complaints)}); expected them; use a "
            "server that does (vLLM) or a generate task",
            reason="no_likelihoods",
        )

    def _weighed(self, session: Session, way: Way, asked: _Asked) -> Weighed:
        weigh = self._by_every_token if way == "prompt_logprobs" else self._by_first_token
        return weigh(session, asked)

    def _by_every_token(self, session: Session, asked: _Asked) -> Weighed:
        write = partial(every_token_body, self._model, asked.row, extra=self._settings.extra)
        who = _who(asked.row)
        prompt = _or_error(lambda body: session.ask(write(body), read_tokens, who=who), None)
        if isinstance(prompt, AmaliaError):
            return [prompt] * len(asked.answers)

        def weigh(answer: str) -> LogProb:
            if not answer.strip():
                raise GenerationError(
                    f"{who}: the answer to weigh is {answer!r}; expected a text that is not blank; leave "
                    "it out",
                    reason="empty_answer",
                )

            def read(body: Json) -> LogProb:
                return answer_log_prob(prompt, read_tokens(body), answer)

            return session.ask(write(answer), read, who=who)

        return [_or_error(weigh, answer) for answer in asked.answers]

    def _by_first_token(self, session: Session, asked: _Asked) -> Weighed:
        who = _who(asked.row)

        def ask(row: Row[Conversation]) -> list[Token]:
            body = first_token_body(self._model, row, extra=self._settings.extra)
            return session.ask(body, read_first_tokens, who=who)

        tokens = _or_error(ask, asked.row)
        if isinstance(tokens, AmaliaError):
            return [tokens] * len(asked.answers)

        def weigh(answer: str) -> LogProb:
            if not is_letter(answer):
                raise GenerationError(
                    f"{who}: {self.name} tells only how likely first tokens are, and the answer is "
                    f"{answer[:40]!r}; expected one letter or digit; use a server that gives "
                    "prompt_logprobs (vLLM) or a generate task",
                    reason="not_one_token",
                )
            return letter_log_prob(tokens, answer)

        return [_or_error(weigh, answer) for answer in asked.answers]


def _or_error(work: Callable[[T], V], item: T) -> V | AmaliaError:
    """Do work on an item; an error that is this item's alone is given in place of the result."""
    try:
        return work(item)
    except AmaliaError as error:
        if error.reason in FATAL:
            raise
        return error


def _by_prompt(pairs: Iterable[tuple[Row[Conversation], str]]) -> Iterator[_Asked]:
    """Put together neighbours that have the same prompt."""
    asked: _Asked | None = None
    for row, answer in pairs:
        if asked and asked.row.record.turns == row.record.turns and len(asked.answers) < _MAX_ASKED:
            asked.answers.append(answer)
            continue
        if asked:
            yield asked
        asked = _Asked(row, [answer])
    if asked:
        yield asked


def _who(row: Row[Conversation]) -> str:
    return f"conversation {row.record.id}"


def _key(settings: EndpointSettings) -> str | None:
    if settings.key_env is None:
        return None
    key = os.environ.get(settings.key_env, "").strip()
    if not key or not key.isascii() or not key.isprintable():
        state = "holds no key that can be sent" if key else "is not set"
        raise GenerationError(
            f"the environment variable {settings.key_env} {state}; expected the key of {settings.url}; "
            "set it before running",
            reason="key_refused",
        )
    return key


def _card(settings: EndpointSettings, body: Json) -> Json:
    """Choose among the models of a server."""
    listed = body.get("data")
    cards: dict[str, Json] = {
        card["id"]: card
        for card in (listed if isinstance(listed, Sequence) else ())
        if isinstance(card, Mapping) and isinstance(card.get("id"), str)
    }
    if settings.model is None and len(cards) == 1:
        return next(iter(cards.values()))
    if settings.model in cards:
        return cards[settings.model]
    if not cards:
        raise GenerationError(
            f"{settings.url} has no models; expected at least one; load one", reason="not_found"
        )
    if settings.model is None:
        state, near = f"has {len(cards)} models", sorted(cards)
    else:
        state = f"has no model {settings.model!r}"
        # A hosted service may have hundreds.
        near = difflib.get_close_matches(settings.model, cards, _NUM_NAMED_MODELS, 0.4)
        near = near or sorted(cards)
    some = ", ".join(near[:_NUM_NAMED_MODELS]) + (
        ", …" if len(cards) > len(near[:_NUM_NAMED_MODELS]) else ""
    )
    raise GenerationError(
        f"{settings.url} {state}; expected one of {some}; set model", reason="not_found"
    )


def _name(settings: EndpointSettings, model: str, card: Json) -> str:
    """Name what answers, so that other weights or other fields of a question have another name."""
    parts = urlsplit(settings.url)
    place = parts.netloc + ("" if parts.path == "/v1" else parts.path)
    about = card.get("meta")  # llama.cpp says here what it has loaded
    sizes: Json = about if isinstance(about, Mapping) else {}
    facts = [str(card["root"])] if card.get("root") not in (None, "", model) else []
    facts += [f"{name} {sizes[name]}" for name in ("n_params", "size") if name in sizes]
    if settings.likelihood != "auto":
        facts.append(settings.likelihood)
    if settings.extra:
        fields = json.dumps(settings.extra, sort_keys=True)
        facts.append(f"extra {hashlib.sha256(fields.encode()).hexdigest()[:8]}")
    return f"{model}@{place}" + (f" ({', '.join(facts)})" if facts else "")
