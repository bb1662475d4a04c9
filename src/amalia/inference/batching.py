"""Answer many at a time: requests join a running batch between two tokens and leave it when they are done.

One thread computes. Newcomers are read in one pass, padded on the left, and their keys and values are put
beside those of the answers under way; rows that end are taken out. What is drawn depends neither on the
company a request has nor on torch's global state, up to the last bits of a sum: on a CPU everything is
float32, as in training's checks. Pictures are cut into tiles by whoever calls ``prepare``, beside the thread
that computes.

Shape suffixes: B rows, T tokens, V vocabulary.

Not covered: beam search, several GPUs, prompts that share their beginning, speculative decoding.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch

from amalia.device import Device, detect
from amalia.errors import AmaliaError, GenerationError
from amalia.inference.batch_rows import Decoding, End, Piece, Row
from amalia.inference.batch_state import BatchState
from amalia.inference.constraint import Grammar, Vocabulary
from amalia.inference.identity import identity
from amalia.inference.loading import context_tokens, end_ids, load
from amalia.model.render import Rendered, Renderer
from amalia.records import Conversation
from amalia.records import Row as RecordRow

_log = logging.getLogger("amalia.inference")
_MAX_JOINING = 8
"""Prompts read in one pass: those whose answers are under way wait for it."""

Emit = Callable[[int, Piece | End | AmaliaError], None]
"""Number of the choice, and what there is of it; called in the thread that computes."""


class Ticket:
    """One request under way."""

    def __init__(self, prompt: Rendered, rows: Sequence[Row], emit: Emit) -> None:
        """Keep what belongs together."""
        self.prompt = prompt
        self.rows = tuple(rows)
        self.emit = emit
        self.is_cancelled = False

    def cancel(self) -> None:
        """End it after the current token; nothing more is said of it."""
        self.is_cancelled = True


class Batcher:
    """A model that answers many requests at a time."""

    def __init__(
        self,
        model: Any,  # transformers' model classes leave forward untyped
        renderer: Renderer,
        *,
        device: Device,
        max_batch: int = 16,
        max_waiting: int = 64,
        name: str = "local",
    ) -> None:
        """Start the thread that computes.

        Args:
            model: ``LlavaNextForConditionalGeneration`` or ``LlamaForCausalLM``, in evaluation mode, where it
                computes.
            renderer: Of the same model.
            device: Where the model is.
            max_batch: Answers computed at a time.
            max_waiting: Requests that may wait; ``submit`` refuses the next one.
            name: What reports call the model.
        """
        self.name = name
        self.context_tokens = context_tokens(model.config)
        self.sees = renderer.grid is not None
        self._model = model
        self._renderer = renderer
        self._device = device
        self._max_batch = max_batch
        self._max_waiting = max_waiting
        self._end_ids = end_ids(model, renderer)
        self._vocabulary = Vocabulary(
            renderer.tokenizer, model.get_output_embeddings().weight.shape[0]
        )
        self._waiting: deque[Ticket] = deque()
        self._changed = threading.Condition()
        self._is_closing = False
        self._ends_s = float("inf")
        self._state = BatchState(model, renderer, device)
        self._worker = threading.Thread(target=self._work, name="amalia-batcher", daemon=True)
        self._worker.start()

    @classmethod
    def load(
        cls,
        folder: Path,
        *,
        device: Device | None = None,
        max_batch: int = 16,
        max_waiting: int = 64,
    ) -> Batcher:
        """Load an exported folder and start.

        Raises:
            ArtifactError: No such folder, not a model of a known kind, or damaged weights.
        """
        device = device or detect()
        model, renderer = load(folder, device)
        return cls(
            model,
            renderer,
            device=device,
            max_batch=max_batch,
            max_waiting=max_waiting,
            name=identity(folder.resolve()),
        )

    def prepare(self, row: RecordRow[Conversation]) -> Rendered:
        """Render a prompt, its pictures cut into tiles; for threads beside the one that computes.

        Raises:
            GenerationError: It is longer than the model reads.
            RecordError: It cannot be rendered.
        """
        rendered = self._renderer.prompt(row)
        self._check_length(len(rendered.ids), row.record.id)
        return rendered

    def prepare_text(self, text: str, name: str = "text") -> Rendered:
        """Render plain text to go on from, without a template.

        Raises:
            GenerationError: It is longer than the model reads, or empty.
        """
        ids = self._vocabulary.encode(text)
        if not ids:
            raise GenerationError(
                "the prompt is empty; give some text to go on from", reason="empty"
            )
        self._check_length(len(ids), name)
        side = self._renderer.grid.tile_px if self._renderer.grid else 1
        tiles = np.zeros((0, 3, side, side), np.uint8)
        return Rendered(tuple(ids), (False,) * len(ids), tiles, (), name)

    def grammar(self, schema: dict[str, Any] | None) -> Grammar:
        """Make the form of an answer; None is any JSON object.

        Raises:
            GenerationError: The schema cannot be kept to.
        """
        return Grammar(self._vocabulary, self._renderer.end_id, schema or {"type": "object"})

    def submit(self, prompt: Rendered, decodings: Sequence[Decoding], emit: Emit) -> Ticket:
        """Ask for one answer or several to the same prompt.

        Args:
            prompt: Of ``prepare``.
            decodings: One for each choice.
            emit: Gets pieces, then the end of each choice, or an error; in the thread that computes.

        Raises:
            GenerationError: Too many wait (reason ``queue_full``), or the model is being closed.
        """
        room = self.context_tokens - len(prompt.ids)
        rows = [
            Row(
                number,
                decoding,
                min(decoding.max_new_tokens, room),
                self._renderer,
                self._vocabulary,
            )
            for number, decoding in enumerate(decodings)
        ]
        ticket = Ticket(prompt, rows, emit)
        with self._changed:
            if self._is_closing:
                raise GenerationError("the model is being closed; ask another", reason="closed")
            if len(self._waiting) >= self._max_waiting:
                raise GenerationError(
                    f"{len(self._waiting)} requests are waiting, as many as may; ask again later",
                    reason="queue_full",
                )
            self._waiting.append(ticket)
            self._changed.notify()
        return ticket

    def close(self, drain_s: float = 0.0) -> None:
        """Let answers under way and waiting finish for so long, then end them with an error."""
        with self._changed:
            self._is_closing = True
            self._ends_s = time.monotonic() + drain_s
            self._changed.notify()
        self._worker.join()

    def is_well(self) -> bool:
        """Whether the thread that computes is there."""
        return self._worker.is_alive() and not self._is_closing

    def _check_length(self, num_tokens: int, name: str) -> None:
        # One token must be left for the answer.
        if num_tokens + 1 > self.context_tokens:
            raise GenerationError(
                f"the prompt of {name} has {num_tokens} tokens but the model reads at most "
                f"{self.context_tokens}, the answer included; use fewer turns, fewer pictures or smaller ones",
                reason="prompt_too_long",
            )

    # --- in the thread that computes --------------------------------------------------------------

    @torch.inference_mode()
    def _work(self) -> None:
        state = self._state
        while self._has_work():
            if time.monotonic() > self._ends_s:
                self._fail(
                    self._everybody(), GenerationError("the model was closed", reason="closed")
                )
                return
            state.leave(lambda ticket, _: ticket.is_cancelled)
            newcomers = self._newcomers()
            try:
                if newcomers:
                    with self._computing():
                        state.join(newcomers)
            except (
                Exception
            ) as error:  # whatever it is, those who asked hear of it, and the thread goes on
                _log.exception("reading %d prompts failed", len(newcomers))
                self._fail(newcomers, _failed(error))
            try:
                if state.rows:
                    with self._computing():
                        self._step()
            except Exception as error:  # as above
                _log.exception("computing %d answers failed", len(state.rows))
                failed = state.tickets()
                state.clear()
                self._fail(failed, _failed(error))

    def _computing(self) -> AbstractContextManager[object]:
        # On a CPU converting weights to a shorter format at every token costs more than it saves: with nine
        # million parameters a step of eight rows takes 13 ms in float32 and 15 ms in bfloat16.
        return nullcontext() if self._device.kind == "cpu" else self._device.autocast()

    def _has_work(self) -> bool:
        """Wait until there is something to do; False when all is done and over."""
        with self._changed:
            while not (self._waiting or self._state.rows or self._is_closing):
                self._changed.wait()
            return bool(self._waiting or self._state.rows)

    def _newcomers(self) -> list[Ticket]:
        """Take waiting requests for which there is room; one with many choices waits for an empty batch."""
        taken: list[Ticket] = []
        num_rows = len(self._state.rows)
        with self._changed:
            while self._waiting and len(taken) < _MAX_JOINING:
                ticket = self._waiting[0]
                is_fitting = num_rows + len(ticket.rows) <= self._max_batch or num_rows == 0
                if not is_fitting:
                    break
                self._waiting.popleft()
                if not ticket.is_cancelled:
                    taken.append(ticket)
                    num_rows += len(ticket.rows)
        return taken

    def _step(self) -> None:
        """Draw a token for each row, tell what it says, and compute what may come next."""
        state = self._state
        ids = state.draw(self._renderer.image_id)
        for (ticket, row), id_ in zip(state.rows, ids.tolist(), strict=True):
            said = row.take(id_, is_end=id_ in self._end_ids)
            for item in said:
                if not ticket.is_cancelled:
                    ticket.emit(row.choice, item)
        state.leave(lambda _, row: row.is_over)
        if state.rows:
            state.advance()

    def _everybody(self) -> list[Ticket]:
        with self._changed:
            waiting = list(self._waiting)
            self._waiting.clear()
        tickets = self._state.tickets() + waiting
        self._state.clear()
        return tickets

    @staticmethod
    def _fail(tickets: Sequence[Ticket], error: AmaliaError) -> None:
        for ticket in tickets:
            for row in ticket.rows:
                if not row.is_over:
                    ticket.emit(row.choice, error)


def _failed(error: Exception) -> AmaliaError:
    if isinstance(error, AmaliaError):
        return error
    return GenerationError(
        f"the model failed while answering ({type(error).__name__}); ask again, or with a shorter prompt if "
        "memory ran out"
    )
