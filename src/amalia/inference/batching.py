"""Answer many at a time: requests join a running batch between two tokens and leave it when they are done.

One thread computes. Newcomers of like length are read in one pass, and their keys and values are put beside those
of the answers under way; rows that end are taken out. What is drawn depends neither on the company a request has nor
on torch's global state, up to the last bits of a sum: on a CPU everything is float32, as in training's checks.
Pictures are cut into tiles by whoever calls ``prepare``, beside the thread that computes.

Whatever fails, fails for those it concerns: a prompt that cannot be read for who asked, a form that cannot be kept to
for its choice, a step of the model for those in it. The thread goes on.

Not covered: beam search, several GPUs, prompts that share their beginning, speculative decoding.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch

from amalia.device import Device, detect
from amalia.errors import AmaliaError, GenerationError, RequestError
from amalia.inference.batch_rows import Decoding, Emit, End, Piece, Row, Ticket
from amalia.inference.batch_state import BatchState, Newcomer
from amalia.inference.constraint import Grammar, Vocabulary
from amalia.inference.identity import identity
from amalia.inference.loading import context_tokens, end_ids, load
from amalia.model.render import Rendered, Renderer
from amalia.records import Conversation
from amalia.records import Row as RecordRow

_log = logging.getLogger("amalia.inference")
_MAX_JOINING = 8
"""Prompts read between two tokens: those whose answers are under way wait for it."""
_PATIENCE = 1.0
"""While answers are under way newcomers wait for company, so many times as long as reading the last ones took:
prompts that are read together take less time each, and those under way are held up less often."""
_LEAST_ALIKE = 0.8
"""Prompts are read together if the shortest has so many tokens of the longest; what is missing is padding."""


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
                computes. The attention of its language model is replaced by one of the same values.
            renderer: Of the same model.
            device: Where the model is.
            max_batch: Answers computed at a time.
            max_waiting: Requests that may wait while all places are taken; ``submit`` refuses the next one.
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
        self._num_taken = 0
        """Rows that have left the queue and not ended yet."""
        self._reading_s = 0.0
        """How long the last newcomers took to be read."""
        self._state = BatchState(model, renderer, device.kind)
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
        """Render plain text to go on from, without a template; special tokens in it are ordinary text.

        Raises:
            GenerationError: It is longer than the model reads, or empty.
        """
        ids = self._vocabulary.encode(text, is_beginning=True)
        if not text or not ids:
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
        form = {"type": "object"} if schema is None else schema
        return Grammar(self._vocabulary, self._renderer.end_id, form)

    def submit(self, prompt: Rendered, decodings: Sequence[Decoding], emit: Emit) -> Ticket:
        """Ask for one answer or several to the same prompt.

        Args:
            prompt: Of ``prepare``.
            decodings: One for each choice.
            emit: Gets pieces, then the end of each choice, or an error; in the thread that computes.

        Raises:
            GenerationError: Too many wait (reason ``queue_full``), or the model is being closed.
            RequestError: A bias for a token that is not there.
        """
        for decoding in decodings:
            wrong = [
                id_ for id_ in decoding.logit_bias if not 0 <= id_ < self._vocabulary.num_tokens
            ]
            if wrong:
                raise RequestError(
                    f"logit_bias names token {wrong[0]}; expected 0 to {self._vocabulary.num_tokens - 1}",
                    param="logit_bias",
                )
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
            # Those who left no longer wait.
            self._waiting = deque(one for one in self._waiting if not one.is_cancelled)
            if len(self._waiting) >= self._max_waiting and not self._has_room():
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

    def _has_room(self) -> bool:
        waiting = sum(len(one.waiting) for one in self._waiting)
        return self._num_taken + waiting < self._max_batch

    # --- in the thread that computes --------------------------------------------------------------

    def _work(self) -> None:
        try:
            with torch.inference_mode():
                while self._has_work():
                    if time.monotonic() > self._ends_s:
                        break
                    self._turn()
            closed: AmaliaError = GenerationError("the model was closed", reason="closed")
        except BaseException as error:
            # A fault of ours. Nobody must wait for a thread that is gone, and ``is_well`` says that it is.
            _log.critical("the thread that computes answers has ended", exc_info=True)
            closed = _failed(error)
        with self._changed:
            self._is_closing = True
            waiting = list(self._waiting)
            self._waiting.clear()
        running, self._state.rows = self._state.tickets(), []
        self._fail(dict.fromkeys(running + waiting), closed)

    def _turn(self) -> None:
        """Let rows leave and join, and go on by a token."""
        state = self._state
        try:
            state.leave(lambda ticket, _: ticket.is_cancelled)
            newcomers = self._newcomers()
            if newcomers:
                began_s = time.monotonic()
                for group in _alike(newcomers):
                    self._join(group)
                self._reading_s = time.monotonic() - began_s
            if state.rows:
                with self._computing():
                    self._step()
        except (
            Exception
        ) as error:  # whatever it is, those who asked hear of it, and the thread goes on
            _log.exception("computing %d answers failed", len(state.rows))
            rows = list(state.rows)
            state.clear()
            for ticket, row in rows:
                self._give_up(ticket, row, _failed(error))

    def _join(self, group: Sequence[Newcomer]) -> None:
        try:
            with self._computing():
                self._state.join(group)
        except Exception as error:  # as above
            if len(group) > 1:  # one of them may be to blame, or all are too much for the memory
                for newcomer in group:
                    self._join([newcomer])
                return
            _log.exception("reading a prompt of %d tokens failed", len(group[0].ticket.prompt.ids))
            for row in group[0].rows:
                self._give_up(group[0].ticket, row, _failed(error))

    def _computing(self) -> AbstractContextManager[object]:
        # On a CPU converting weights to a shorter format at every token costs more than it saves: with nine
        # million parameters a step of eight rows takes 13 ms in float32 and 18 ms in bfloat16.
        return nullcontext() if self._device.kind == "cpu" else self._device.autocast()

    def _has_work(self) -> bool:
        """Wait until there is something to do; False when all is done and over."""
        with self._changed:
            self._num_taken = len(self._state.rows)
            while not (self._waiting or self._state.rows or self._is_closing):
                self._changed.wait()
            return bool(self._waiting or self._state.rows)

    def _newcomers(self) -> list[Newcomer]:
        """Take waiting rows for which there is room, in their order; a request of many may join in parts."""
        taken: list[Newcomer] = []
        with self._changed:
            room = self._max_batch - len(self._state.rows)
            if self._is_patient():
                room = 0
            while self._waiting and room and len(taken) < _MAX_JOINING:
                ticket = self._waiting[0]
                if not ticket.is_cancelled:
                    rows, ticket.waiting = ticket.waiting[:room], ticket.waiting[room:]
                    taken.append(Newcomer(ticket, rows))
                    room -= len(rows)
                if ticket.is_cancelled or not ticket.waiting:
                    self._waiting.popleft()
            self._num_taken = len(self._state.rows) + sum(len(newcomer.rows) for newcomer in taken)
        return taken

    def _is_patient(self) -> bool:
        """Whether those who wait may be joined by others before they are read."""
        if not (self._state.rows and 0 < len(self._waiting) < _MAX_JOINING):
            return False
        return time.monotonic() - self._waiting[0].since_s < _PATIENCE * self._reading_s

    def _step(self) -> None:
        """Draw a token for each row, tell what it says, and compute what may come next."""
        state = self._state
        drawn = state.draw(self._renderer.image_id)
        for (ticket, row), found in zip(state.rows, drawn, strict=True):
            try:
                if isinstance(found, AmaliaError):
                    raise found
                for item in row.take(found, is_end=found in self._end_ids):
                    self._tell(ticket, row.choice, item)
            except Exception as error:  # as above, of one row
                if not isinstance(error, AmaliaError):
                    _log.exception("telling what a token says failed")
                self._give_up(ticket, row, _failed(error))
        state.leave(lambda ticket, row: row.is_over or ticket.is_cancelled)
        if state.rows:
            state.advance()

    def _give_up(self, ticket: Ticket, row: Row, error: AmaliaError) -> None:
        if not row.is_over:
            row.is_over = True
            self._tell(ticket, row.choice, error)

    def _fail(self, tickets: Iterable[Ticket], error: AmaliaError) -> None:
        for ticket in tickets:
            for row in ticket.rows:
                self._give_up(ticket, row, error)

    @staticmethod
    def _tell(ticket: Ticket, choice: int, item: Piece | End | AmaliaError) -> None:
        if ticket.is_cancelled:
            return
        try:
            ticket.emit(choice, item)
        except Exception:  # who asked is gone, for example with its event loop; others are not
            _log.exception("an answer could not be told to who asked for it")
            ticket.cancel()


def _alike(newcomers: Sequence[Newcomer]) -> Iterator[list[Newcomer]]:
    """Give newcomers in groups of like length, so that little is padding; the longest come first."""
    group: list[Newcomer] = []
    for newcomer in sorted(newcomers, key=lambda one: -len(one.ticket.prompt.ids)):
        if group and len(newcomer.ticket.prompt.ids) < _LEAST_ALIKE * len(
            group[0].ticket.prompt.ids
        ):
            yield group
            group = []
        group.append(newcomer)
    if group:
        yield group


def _failed(error: BaseException) -> AmaliaError:
    if isinstance(error, AmaliaError):
        return error
    return GenerationError(
        f"the model failed while answering ({type(error).__name__}); ask again, or with a shorter prompt if "
        "memory ran out"
    )
