"""What can be asked of a model, whatever runs it.

A prompt is a conversation whose last turn is the user's, together with the bytes of its pictures.
An answer is text; the model's own end of turn never shows in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple, Protocol, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from amalia.errors import AmaliaError, GenerationError
from amalia.records import Conversation, Row

FinishReason = Literal["stop", "length", "content_filter"]


class Sampling(BaseModel):
    """How an answer is drawn."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_new_tokens: int = Field(default=256, gt=0)
    """The answer ends here at the latest."""
    temperature: float = Field(default=0.0, ge=0)
    """0 takes the likeliest token every time."""
    top_p: float = Field(default=1.0, gt=0, le=1)
    """Draw only from the likeliest tokens that together have this probability."""
    seed: int | None = None
    """The same prompt at the same place in a call gives the same answer; ``None``: another."""
    stop: tuple[str, ...] = ()
    """The answer ends before the first of these."""

    @model_validator(mode="after")
    def _stops_on_something(self) -> Self:
        if "" in self.stop:
            raise ValueError("a stop string is empty; it would end every answer; remove it")
        return self


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model said."""

    text: str
    finish_reason: FinishReason
    """``stop``: ended by itself or at a stop string. ``length``: cut at the limit. ``content_filter``: a
    filter of the server took the place of the answer."""
    num_tokens: int
    """Tokens generated, the end of turn not counted."""
    num_prompt_tokens: int | None = None
    """Tokens of the prompt, pictures included; None where the engine does not say."""


@dataclass(frozen=True, slots=True)
class LogProb:
    """How likely a model finds an answer."""

    total_nats: float
    """Sum over the answer's tokens and, where the engine gives it, its end of turn; at most 0."""
    num_tokens: int
    """How many tokens that sum is over."""
    is_bound: bool = False
    """The engine does not tell how likely the answer is, only that it is hardly likelier than this."""


class Generate(Protocol):
    """A model that answers."""

    @property
    def name(self) -> str:
        """What reports call the model."""
        ...

    def stream(self, prompt: Row[Conversation], sampling: Sampling) -> Iterator[str]:
        """Give the answer piece by piece as it comes; joined, the pieces are the answer.

        Raises:
            GenerationError: No usable answer, also in the middle of one.
        """
        ...

    def answer_many(
        self, prompts: Iterable[Row[Conversation]], sampling: Sampling
    ) -> Iterator[Answer | AmaliaError]:
        """Answer many prompts, in their order; one that gets no answer has its error in its place.

        Raises:
            GenerationError: The model answers nothing at all (it is not there, it refuses the key).
        """
        ...

    def weigh_many(
        self, prompts: Iterable[Row[Conversation]], answers: Iterable[str]
    ) -> Iterator[LogProb | AmaliaError]:
        """Say how likely each answer is after its prompt, in order, or why it cannot be said.

        Raises:
            GenerationError: The model has no likelihoods to give.
        """
        ...


class Cut(NamedTuple):
    """Text up to a stop string, and whether there was one."""

    text: str
    is_stopped: bool


def complete(generate: Generate, prompt: Row[Conversation], sampling: Sampling) -> Answer:
    """Answer one prompt.

    Raises:
        AmaliaError: No usable answer.
    """
    return next(complete_many(generate, [prompt], sampling))


def complete_many(
    generate: Generate, prompts: Iterable[Row[Conversation]], sampling: Sampling
) -> Iterator[Answer]:
    """Answer many prompts, in their order.

    Raises:
        AmaliaError: The first prompt without a usable answer.
    """
    for answer in generate.answer_many(prompts, sampling):
        if isinstance(answer, AmaliaError):
            raise answer
        yield answer


def log_probs(
    generate: Generate, prompts: Sequence[Row[Conversation]], answers: Sequence[str]
) -> list[LogProb]:
    """Say how likely each answer is after its prompt.

    Raises:
        GenerationError: Not as many answers as prompts.
        AmaliaError: The first pair that cannot be weighed.
    """
    if len(prompts) != len(answers):
        raise GenerationError(
            f"got {len(prompts)} prompts and {len(answers)} answers; expected one each"
        )
    found = []
    for log_prob in generate.weigh_many(prompts, answers):
        if isinstance(log_prob, AmaliaError):
            raise log_prob
        found.append(log_prob)
    return found


def cut(text: str, stop: Sequence[str]) -> Cut:
    """Cut text before the first stop string in it."""
    places = [place for place in (text.find(word) for word in stop) if place >= 0]
    return Cut(text[: min(places)], True) if places else Cut(text, False)


def cut_stream(pieces: Iterable[str], stop: Sequence[str]) -> Iterator[str]:
    """Pass pieces on, ending before the first stop string, also one that spans pieces.

    What may yet turn out to be the beginning of a stop string is held back until it is known.
    """
    pending = ""
    for piece in pieces:
        text, is_stopped = cut(pending + piece, stop)
        if is_stopped:
            if text:
                yield text
            return
        held = num_held(text, stop)
        if len(text) > held:
            yield text[: len(text) - held]
        pending = text[len(text) - held :]
    if pending:
        yield pending


def num_held(text: str, stop: Sequence[str]) -> int:
    """Give the length of the longest end of a text that begins a stop string and may yet become one."""
    longest = min(len(text), max((len(word) - 1 for word in stop), default=0))
    for length in range(longest, 0, -1):
        if any(word.startswith(text[-length:]) for word in stop):
            return length
    return 0
