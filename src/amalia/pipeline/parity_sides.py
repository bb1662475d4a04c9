"""What one side of a comparison says of every prompt: the trainer, transformers, amalia's engine, a server.

A side tells what it can. What it does not tell is ``None``, and ``Side.silent`` says why; what it failed at
is in ``Told.failures``. Both are kept apart, because a side that cannot say is no side that disagrees.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

Stage = Literal["rendered ids", "image tokens", "pixels", "first token", "greedy text"]
STAGES: tuple[Stage, ...] = (
    "rendered ids",
    "image tokens",
    "pixels",
    "first token",
    "greedy text",
)
Pixels = npt.NDArray[np.float32]
"""[tiles, 3, height, width]"""
NUM_LIKELIEST = 20
"""Tokens a side names at each place: as many as OpenAI's interface gives at most."""
NUM_NEW_TOKENS = 24


@dataclass(frozen=True, slots=True)
class Step:
    """One generated token and what else might have stood in its place."""

    chosen: int
    nats: Mapping[int, float]
    """Log-probability of the likeliest tokens."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a side says of one prompt."""

    ids: tuple[int, ...] | None = None
    """Of the prompt, every token of a picture included."""
    num_tokens: int | None = None
    """Of the prompt, where nothing but their number is told."""
    pixels: tuple[Pixels, ...] | None = None
    """Tiles of each picture as the model gets them, in [-1, 1]."""
    first: Mapping[int, float] | None = None
    """Log-probability of the likeliest first tokens of the answer, nats."""
    text: str | None = None
    """The greedy answer."""
    steps: tuple[Step, ...] = ()
    """How the greedy answer came about."""
    failures: Mapping[Stage, str] = field(default_factory=dict)
    """Stage → why this prompt got no further."""


@dataclass(frozen=True, slots=True)
class Side:
    """What a side says of all prompts, in their order."""

    name: str
    told: tuple[Told, ...]
    silent: Mapping[Stage, str] = field(default_factory=dict)
    """Stage → why the side tells nothing of it."""


@dataclass(frozen=True, slots=True)
class Words:
    """The tokens of a model, for comparing and for messages."""

    tokenizer: Any  # transformers' tokenizers leave their methods without types
    image_id: int | None
    end_ids: frozenset[int]

    def text(self, ids: Sequence[int]) -> str:
        """Turn tokens into the text an answer shows, without what a cut left half a character.

        Servers hold back bytes that are no character yet, where transformers writes a replacement.
        """
        return whole(
            self.tokenizer.decode(
                list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False
            )
        )

    def quoted(self, token: int) -> str:
        """Write one token for a message."""
        shown = self.tokenizer.decode([token], clean_up_tokenization_spaces=False)
        return f"{token} {shown!r}"


def whole(text: str) -> str:
    """Leave out the end of a text that is no whole character."""
    return text.rstrip("\N{REPLACEMENT CHARACTER}")


def likeliest(nats_V: Any) -> dict[int, float]:
    """Give the likeliest tokens of a torch vector of log-probabilities."""
    values, ids = nats_V.topk(min(NUM_LIKELIEST, len(nats_V)))
    return dict(zip(ids.tolist(), values.tolist(), strict=True))


def one_line(error: BaseException) -> str:
    """Write an error on one line."""
    return " ".join(str(error).split()) or type(error).__name__
