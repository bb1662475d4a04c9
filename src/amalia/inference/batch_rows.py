"""One answer under way in a batch: what it has said, how its next token is drawn, when it ends.

Log-probabilities are those the model gives before penalties, forms and temperature, as vLLM tells them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import torch
from tokenizers.decoders import DecodeStream

from amalia.inference.base import Sampling, cut, num_held
from amalia.inference.constraint import Grammar, Vocabulary
from amalia.inference.decoding import Drawing, seeded
from amalia.model.render import Renderer


@dataclass(frozen=True, slots=True)
class Decoding:
    """How one answer is drawn."""

    max_new_tokens: int
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int | None = None
    stop: tuple[str, ...] = ()
    presence_penalty: float = 0.0
    """Taken from the score of every token the answer holds."""
    frequency_penalty: float = 0.0
    """Taken from it as often as the answer holds it."""
    logit_bias: Mapping[int, float] = field(default_factory=dict)
    """Token → added to its score."""
    num_top_log_probs: int | None = None
    """None: no log-probabilities; otherwise those of each token and of so many likeliest."""
    grammar: Grammar | None = None
    """The form of the answer; each answer needs one of its own."""


class TopToken(NamedTuple):
    """A token that could have stood in a place."""

    text: str
    log_prob: float
    data: bytes
    """The bytes it stands for; a letter may be cut in two tokens."""


class TokenLogProb(NamedTuple):
    """A token of an answer, how likely it was, and what else could have stood there."""

    text: str
    log_prob: float
    data: bytes
    top: tuple[TopToken, ...]


class Piece(NamedTuple):
    """The next part of an answer."""

    text: str
    tokens: tuple[TokenLogProb, ...] = ()


class End(NamedTuple):
    """How an answer ended."""

    finish_reason: Literal["stop", "length"]
    num_tokens: int
    """The end of turn not counted."""


class Row:
    """One answer."""

    def __init__(
        self,
        choice: int,
        decoding: Decoding,
        limit: int,
        renderer: Renderer,
        vocabulary: Vocabulary,
    ) -> None:
        """Begin an answer of at most ``limit`` tokens."""
        self.choice = choice
        self.is_over = False
        self._decoding = decoding
        self._limit = limit
        self._tokenizer: Any = renderer.tokenizer
        self._backend: Any = renderer.tokenizer.backend_tokenizer
        self._vocabulary = vocabulary
        self._ids: list[int] = []
        self._stream: Any = DecodeStream(skip_special_tokens=True)
        self._num_streamed = 0
        self._held = ""
        self._tokens: list[TokenLogProb] = []
        self._drawing: Drawing | None = None
        if decoding.temperature > 0:
            sampling = Sampling(temperature=decoding.temperature, top_p=decoding.top_p)
            self._drawing = Drawing([seeded(decoding.seed, choice)], sampling)

    @property
    def is_plain(self) -> bool:
        """Whether the likeliest token is taken and nothing is asked of it."""
        asked = self._decoding
        return (
            self._drawing is None
            and asked.grammar is None
            and not asked.presence_penalty
            and not asked.frequency_penalty
            and not asked.logit_bias
            and asked.num_top_log_probs is None
        )

    def draw(self, scores_V: torch.Tensor) -> int:
        """Draw the next token from the model's scores, [V] float32, which stay as they are."""
        changed_V = self._changed(scores_V)
        if self._drawing is not None:
            changed_V = self._drawing(changed_V[None], changed_V[None])[0]
        id_ = int(changed_V.argmax())
        if self._decoding.num_top_log_probs is not None:
            self._note(scores_V, id_, self._decoding.num_top_log_probs)
        return id_

    def take(self, id_: int, *, is_end: bool) -> list[Piece | End]:
        """Go on with the token that was drawn; gives what there is to tell."""
        if is_end:
            if self._tokens:
                self._tokens.pop()  # the end of turn is no part of the answer
            return self._finished("stop")
        self._ids.append(id_)
        if self._decoding.grammar is not None:
            self._decoding.grammar.take(id_)
        text = self._stream.step(self._backend, id_) or ""
        self._num_streamed += len(text)
        found = cut(self._held + text, self._decoding.stop)
        if found.is_stopped:
            return self._stopped(found.text)
        if len(self._ids) >= self._limit:
            self._held = found.text
            return self._finished("length")
        held = num_held(found.text, self._decoding.stop)
        self._held = found.text[len(found.text) - held :]
        said = found.text[: len(found.text) - held]
        return [self._piece(said)] if said else []

    def _changed(self, scores_V: torch.Tensor) -> torch.Tensor:
        asked = self._decoding
        if not (
            asked.presence_penalty or asked.frequency_penalty or asked.logit_bias or asked.grammar
        ):
            return scores_V
        changed_V = scores_V.clone()
        if self._ids and (asked.presence_penalty or asked.frequency_penalty):
            ids, counts = torch.tensor(self._ids, device=changed_V.device).unique(
                return_counts=True
            )
            changed_V[ids] -= asked.presence_penalty + asked.frequency_penalty * counts
        for id_, bias in asked.logit_bias.items():
            if id_ < changed_V.shape[0]:
                changed_V[id_] += bias
        if asked.grammar is not None:
            allowed_V = torch.from_numpy(asked.grammar.allowed()).to(changed_V.device)
            changed_V = changed_V.masked_fill(~allowed_V, -math.inf)
        return changed_V

    def _note(self, scores_V: torch.Tensor, id_: int, num_top: int) -> None:
        log_probs_V = scores_V.log_softmax(-1)
        top: tuple[TopToken, ...] = ()
        if num_top:
            values, ids = log_probs_V.topk(min(num_top, log_probs_V.shape[0]))
            top = tuple(
                TopToken(*self._told(other), value, self._data(other))
                for other, value in zip(ids.tolist(), values.tolist(), strict=True)
            )
        self._tokens.append(
            TokenLogProb(*self._told(id_), float(log_probs_V[id_]), self._data(id_), top)
        )

    def _told(self, id_: int) -> tuple[str]:
        return (self._data(id_).decode("utf-8", "replace"),)

    def _data(self, id_: int) -> bytes:
        return self._vocabulary.data[id_] if id_ < len(self._vocabulary.data) else b""

    def _piece(self, text: str) -> Piece:
        tokens = tuple(self._tokens)
        self._tokens.clear()
        return Piece(text, tokens)

    def _stopped(self, text: str) -> list[Piece | End]:
        """End at a stop string; tokens that are wholly behind it are not told."""
        self.is_over = True
        kept, num_bytes = 0, len(text.encode())
        for token in self._tokens:
            if num_bytes <= 0:
                break
            kept, num_bytes = kept + 1, num_bytes - len(token.data)
        del self._tokens[kept:]
        end = End("stop", len(self._ids))
        return [self._piece(text), end] if text else [end]

    def _finished(self, reason: Literal["stop", "length"]) -> list[Piece | End]:
        """End; a letter of which only the beginning came is told as what it is, unreadable."""
        full: str = self._tokenizer.decode(
            self._ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        rest = cut(self._held + full[self._num_streamed :], self._decoding.stop)
        self.is_over = True
        end = End("stop" if rest.is_stopped else reason, len(self._ids))
        return [self._piece(rest.text), end] if rest.text or self._tokens else [end]
