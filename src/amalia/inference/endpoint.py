"""Ask a model behind an OpenAI-compatible server: vLLM, llama.cpp, SGLang, a hosted one.

A prompt that gets no answer has its error in its place; a server that is gone, refuses the key or no
longer has the model ends the run. Answers that cost something are worth a cache around the endpoint,
see ``cache``.

vLLM takes what a question leaves out, such as ``top_k`` or a penalty, from the model's
``generation_config.json``; started with ``--generation-config vllm`` it does not, as ``local`` does not.
It says nothing of the weights, so other weights under the same name and path look like the same model.

Not covered: tools, audio, the completions and responses interfaces, addresses without ``/models``.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import os
import ssl
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator

from amalia.errors import AmaliaError, GenerationError
from amalia.inference.base import Answer, LogProb, Sampling, cut_stream
from amalia.inference.endpoint_weighing import Likelihoods, by_prompt, or_error
from amalia.inference.endpoint_wire import Json, chat_body, read_answer, who
from amalia.records import Conversation, Row

if TYPE_CHECKING:
    # httpx takes longer to import than everything else here together.
    from amalia.inference.endpoint_transport import Address, Pauses, Session

_OURS = frozenset(
    "model messages stream n logprobs top_logprobs prompt_logprobs add_generation_prompt "
    "continue_final_message".split()
)
_SAMPLED = frozenset({"max_tokens", "temperature", "top_p", "seed", "stop"})
_NUM_NAMED_MODELS = 8


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
        return plain_address(url)

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


class Endpoint:
    """A model behind a server; see ``amalia.inference.base.Generate``."""

    def __init__(
        self, settings: EndpointSettings, *, card: Json, address: Address, pauses: Pauses
    ) -> None:
        """Keep what ``connect`` has found out."""
        self._settings = settings
        self._model = str(card["id"])
        self.name = _name(settings, self._model, card)
        self._context_tokens = _context_tokens(card)
        self._address = address
        self._pauses = pauses
        way = None if settings.likelihood == "auto" else settings.likelihood
        self._likelihoods = Likelihoods(self._model, self.name, settings.extra, way)

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
            key_of(settings.url, settings.key_env),
            settings.timeout_s,
            settings.retries,
            ssl.create_default_context(),
        )
        pauses = pauses or Pauses()
        with Session(address, pauses) as session:
            card = card_of(settings, session.models())
        return cls(settings, card=card, address=address, pauses=pauses)

    def stream(self, prompt: Row[Conversation], sampling: Sampling) -> Iterator[str]:
        """Give the answer piece by piece; leaving the iterator early ends the connection.

        Raises:
            GenerationError: No usable answer, also in the middle of one.
            RecordError: The prompt cannot be written.
        """
        body = self._body(prompt, sampling)
        with self._session() as session:
            yield from cut_stream(session.pieces(body, who=who(prompt)), sampling.stop)

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
                body = self._body(row, sampling, place=place)
                return session.ask(body, partial(read_answer, sampling=sampling), who=who(row))

            yield from session.in_order(
                partial(or_error, answer),
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
        asked = by_prompt(zip(prompts, answers, strict=True))
        with self._session() as session:
            while not self._likelihoods.is_known and (first := next(asked, None)):
                self._likelihoods, found = self._likelihoods.probe(session, first)
                yield from found
            work = partial(self._likelihoods.weigh, session)
            for found in session.in_order(work, asked, concurrency=self._settings.concurrency):
                yield from found

    def _session(self) -> Session:
        from amalia.inference.endpoint_transport import Session

        return Session(self._address, self._pauses)

    def _body(self, row: Row[Conversation], sampling: Sampling, *, place: int = 0) -> Json:
        if self._context_tokens is not None:
            # vLLM cuts an answer at the end of its context, yet refuses to be asked for more than that.
            most = min(sampling.max_new_tokens, self._context_tokens)
            sampling = sampling.model_copy(update={"max_new_tokens": most})
        return chat_body(self._model, row, sampling, place=place, extra=self._settings.extra)


def plain_address(url: str) -> str:
    """Give the address of a server without a slash at its end.

    Raises:
        ValueError: It is none, or holds a name, a key or a question.
    """
    parts = urlsplit(url)
    is_plain = not (parts.query or parts.fragment or parts.username or parts.password)
    if parts.scheme not in ("http", "https") or not parts.hostname or not is_plain:
        raise ValueError(
            "expected http://HOST:PORT/v1 or https://HOST/v1, without a name, a key or a question "
            "mark in it; a key goes into the variable that key_env names"
        )
    return url.rstrip("/")


def key_of(url: str, key_env: str | None) -> str | None:
    """Read the key of a server, if it has one.

    Args:
        url: The server, for the message.
        key_env: Name of the environment variable that holds the key.

    Raises:
        GenerationError: The variable that should hold it does not.
    """
    if key_env is None:
        return None
    key = os.environ.get(key_env, "").strip()
    if not key or not key.isascii() or not key.isprintable():
        state = "holds no key that can be sent" if key else "is not set"
        raise GenerationError(
            f"the environment variable {key_env} {state}; expected the key of {url}; set it before starting",
            reason="key_refused",
        )
    return key


def card_of(settings: EndpointSettings, body: Json) -> Json:
    """Choose among the models of a server.

    Raises:
        GenerationError: It has none of that name, or several and none is named.
    """
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


def _context_tokens(card: Json) -> int | None:
    """Give the tokens that a prompt and its answer have together, where the card tells."""
    told = card.get("max_model_len")  # vLLM and SGLang
    return told if isinstance(told, int) and told > 0 else None
