"""One answer under way in a batch: what it has said, what changes its scores, when it ends.

Log-probabilities are those the model gives before penalties, forms and temperature, as vLLM tells them; only the
token that stands for pictures, which is never said, is left out. A token is told together with the text it ends
in, so a stop string that is held back holds its tokens back too.

Shape suffix: V vocabulary.
"""

from __future__ import annotations

import time
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import torch
from tokenizers.decoders import DecodeStream

from amalia.errors import AmaliaError
from amalia.inference.base import cut, num_held
from amalia.inference.constraint import Grammar, Vocabulary
from amalia.inference.decoding import seeded
from amalia.model.render import Rendered, Renderer


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
    """The form of the answer."""


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


Emit = Callable[[int, Piece | End | AmaliaError], None]
"""Number of the choice, and what there is of it; called in the thread that computes."""


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
        self.temperature = decoding.temperature
        self.top_p = decoding.top_p
        self.random = seeded(decoding.seed, choice) if decoding.temperature > 0 else None
        """Of this row alone, hence the independence of batches; None takes the likeliest token."""
        self.num_top = decoding.num_top_log_probs
        """None: no log-probabilities."""
        self._decoding = decoding
        self._limit = limit
        self._tokenizer: Any = renderer.tokenizer
        self._backend: Any = renderer.tokenizer.backend_tokenizer
        self._vocabulary = vocabulary
        # Answers of the same form are not equally far in it.
        self._grammar = None if decoding.grammar is None else decoding.grammar.copy()
        self._shift_V = _biases(decoding, vocabulary.num_tokens)
        self._ids: list[int] = []
        self._stream: Any = DecodeStream(skip_special_tokens=True)
        self._num_streamed = 0
        self._num_told = 0
        self._held = ""
        self._noted: list[TokenLogProb] = []
        self._ends: list[int] = []
        """Where in the text each noted token ends; a token in the middle of a letter, where the letter does."""

    @property
    def is_changing(self) -> bool:
        """Whether anything changes the scores of the model."""
        return self._shift_V is not None or self._grammar is not None

    def change(self, scores_V: torch.Tensor) -> None:
        """Change the scores of the next token in place: penalties, biases, form.

        Raises:
            GenerationError: The form has become too complex to keep to.
        """
        if self._shift_V is not None:
            self._shift_V = self._shift_V.to(scores_V.device)
            scores_V += self._shift_V
        if self._grammar is not None:
            allowed_V = torch.from_numpy(self._grammar.allowed()).to(scores_V.device)
            scores_V.masked_fill_(~allowed_V, -torch.inf)

    def note(self, scores_V: torch.Tensor, id_: int, num_top: int) -> None:
        """Remember how likely the token that was drawn is, and so many likeliest."""
        log_probs_V = scores_V.log_softmax(-1)
        top: tuple[TopToken, ...] = ()
        if num_top:
            values, ids = log_probs_V.topk(min(num_top, log_probs_V.shape[0]))
            top = tuple(
                TopToken(*self._told(other), value, self._data(other))
                for other, value in zip(ids.tolist(), values.tolist(), strict=True)
            )
        self._noted.append(
            TokenLogProb(*self._told(id_), float(log_probs_V[id_]), self._data(id_), top)
        )

    def take(self, id_: int, *, is_end: bool) -> list[Piece | End]:
        """Go on with the token that was drawn; gives what there is to tell.

        Raises:
            GenerationError: The form has become too complex to keep to.
        """
        if is_end:
            if self._noted:
                self._noted.pop()  # the end of turn is no part of the answer
            return self._finished("stop")
        if self._shift_V is not None:
            asked, is_new = self._decoding, id_ not in self._ids
            self._shift_V[id_] -= asked.frequency_penalty + is_new * asked.presence_penalty
        self._ids.append(id_)
        text = self._stream.step(self._backend, id_) or ""
        self._num_streamed += len(text)
        if text:
            self._ends += [self._num_streamed] * (len(self._noted) - len(self._ends))
        found = cut(self._held + text, self._decoding.stop)
        if found.is_stopped:
            return self._stopped(found.text)
        if self._grammar is not None and self._grammar.take(id_):
            self._held = found.text
            return self._finished("stop")
        if len(self._ids) >= self._limit:
            self._held = found.text
            return self._finished("length")
        held = num_held(found.text, self._decoding.stop)
        self._held = found.text[len(found.text) - held :]
        said = found.text[: len(found.text) - held]
        return [self._piece(said)] if said else []

    def _told(self, id_: int) -> tuple[str]:
        return (self._data(id_).decode("utf-8", "replace"),)

    def _data(self, id_: int) -> bytes:
        return self._vocabulary.data[id_] if id_ < len(self._vocabulary.data) else b""

    def _piece(self, text: str) -> Piece:
        self._num_told += len(text)
        return Piece(text, self._taken(bisect_right(self._ends, self._num_told)))

    def _stopped(self, text: str) -> list[Piece | End]:
        """End at a stop string; tokens that are wholly behind it are not told."""
        self.is_over = True
        begins, self._num_told = self._num_told, self._num_told + len(text)
        num_tokens = 0
        for end in self._ends:
            if begins >= self._num_told:
                break
            num_tokens, begins = num_tokens + 1, end
        end_of_it = End("stop", len(self._ids))
        return [Piece(text, self._taken(num_tokens)), end_of_it] if text else [end_of_it]

    def _finished(self, reason: Literal["stop", "length"]) -> list[Piece | End]:
        """End; a letter of which only the beginning came is told as what it is, unreadable."""
        full: str = self._tokenizer.decode(
            self._ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        rest = cut(self._held + full[self._num_streamed :], self._decoding.stop)
        if rest.is_stopped:
            return self._stopped(rest.text)
        self.is_over = True
        end = End(reason, len(self._ids))
        tokens = self._taken(len(self._noted))
        return [Piece(rest.text, tokens), end] if rest.text or tokens else [end]

    def _taken(self, num_tokens: int) -> tuple[TokenLogProb, ...]:
        tokens = tuple(self._noted[:num_tokens])
        del self._noted[:num_tokens], self._ends[:num_tokens]
        return tokens


class Ticket:
    """One request under way."""

    def __init__(self, prompt: Rendered, rows: Sequence[Row], emit: Emit) -> None:
        """Keep what belongs together."""
        self.prompt = prompt
        self.rows = tuple(rows)
        self.waiting = self.rows
        """Those for which there was no room yet."""
        self.emit = emit
        self.since_s = time.monotonic()
        self.is_cancelled = False

    def cancel(self) -> None:
        """End it after the current token; nothing more is said of it."""
        self.is_cancelled = True


def _biases(decoding: Decoding, num_tokens: int) -> torch.Tensor | None:
    """Give what is added to each score from the start, [V]; None if nothing ever is."""
    if not (decoding.logit_bias or decoding.presence_penalty or decoding.frequency_penalty):
        return None
    shift_V = torch.zeros(num_tokens)
    for id_, bias in decoding.logit_bias.items():
        shift_V[id_] = bias
    return shift_V
