"""The tensors of a running batch: keys and values of every row, and the scores of its next token.

Shape suffixes: B rows, T tokens, V vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from transformers import DynamicCache

from amalia.errors import AmaliaError, GenerationError
from amalia.inference.batch_cache import Slots, Source, attend_grouped, closed_up
from amalia.inference.batch_rows import Row, Ticket
from amalia.inference.decoding import drawn
from amalia.model.render import Renderer, collate


class Newcomer(NamedTuple):
    """A request of which rows join."""

    ticket: Ticket
    rows: tuple[Row, ...]
    """Those for which there is room."""


class BatchState:
    """Answers under way, row by row."""

    def __init__(self, model: Any, renderer: Renderer, device: str) -> None:
        """Begin with none; the attention of the model is set to one that reads rows where they lie."""
        attend_grouped(model)
        self.rows: list[tuple[Ticket, Row]] = []
        self._model = model
        self._renderer = renderer
        self._device = device
        self._slots = Slots()
        self._scores_BV = torch.zeros(0)
        self._ids_B = torch.zeros(0, dtype=torch.long)

    def tickets(self) -> list[Ticket]:
        """Give the requests, each once."""
        return list(dict.fromkeys(ticket for ticket, _ in self.rows))

    def clear(self) -> None:
        """Forget everything."""
        self.rows, self._slots = [], Slots()

    def join(self, newcomers: Sequence[Newcomer]) -> None:
        """Read prompts in one pass and put their rows below those under way."""
        prompts = [newcomer.ticket.prompt for newcomer in newcomers]
        batch = collate(prompts, pad_id=self._renderer.pad_id, side="left").to(self._device)
        mask_BT = batch.attention_mask_BT
        read: Any = DynamicCache()  # its layers are untyped in transformers
        given = self._model(
            **batch.model_inputs(),
            position_ids=(mask_BT.cumsum(-1) - 1).clamp_min(0),
            past_key_values=read,
            use_cache=True,
            logits_to_keep=1,
        )
        owners = [place for place, newcomer in enumerate(newcomers) for _ in newcomer.rows]
        scores_BV = given.logits[owners, -1].float()
        if self.rows:
            scores_BV = torch.cat([self._scores_BV, scores_BV])
        width = mask_BT.shape[1]
        self._slots.add(read, [Source(place, width - len(prompts[place].ids)) for place in owners])
        self._scores_BV = scores_BV
        self.rows += [(newcomer.ticket, row) for newcomer in newcomers for row in newcomer.rows]

    def draw(self, image_id: int | None) -> list[int | AmaliaError]:
        """Draw the next token of each row, or say why it has none; the model never says a picture."""
        scores_BV, rows = self._scores_BV, [row for _, row in self.rows]
        if image_id is not None:
            scores_BV[:, image_id] = -torch.inf
        changed_BV, errors = self._changed(rows)
        best = changed_BV.max(-1)
        self._ids_B = best.indices
        places = [place for place, row in enumerate(rows) if row.random is not None]
        if places:
            drawing = [rows[place] for place in places]
            self._ids_B[places] = drawn(
                changed_BV[places],
                [row.random.random() for row in drawing if row.random is not None],
                temperatures_B=torch.tensor([row.temperature for row in drawing]),
                top_p_B=torch.tensor([row.top_p for row in drawing]),
            )
        found: list[int | AmaliaError] = list(self._ids_B.tolist())
        for place, (row, highest) in enumerate(zip(rows, best.values.tolist(), strict=True)):
            if place in errors:
                found[place] = errors[place]
            elif not math.isfinite(highest):
                found[place] = GenerationError(
                    "the model gives scores that are not finite; its weights are damaged, or a bias of the "
                    "request leaves no token"
                )
            elif row.num_top is not None:
                row.note(scores_BV[place], int(self._ids_B[place]), row.num_top)
        return found

    def advance(self) -> None:
        """Let the model read the tokens that were drawn."""
        given = self._model(
            input_ids=self._ids_B[:, None],
            attention_mask=self._slots.next_step(),
            position_ids=self._slots.lengths_B[:, None],
            past_key_values=self._slots,
            use_cache=True,
        )
        self._slots.told()
        self._scores_BV = given.logits[:, -1].float()

    def leave(self, is_leaving: Callable[[Ticket, Row], bool]) -> None:
        """Take rows out, and what they have left behind."""
        leaving = [place for place, each in enumerate(self.rows) if is_leaving(*each)]
        if not leaving:
            return
        order = closed_up(len(self.rows), leaving)
        if not order:
            self.clear()
            return
        self.rows = [self.rows[place] for place in order]
        self._scores_BV, self._ids_B = self._scores_BV[order], self._ids_B[order]
        self._slots.keep(order)

    def _changed(self, rows: Sequence[Row]) -> tuple[torch.Tensor, dict[int, AmaliaError]]:
        """Give the scores after penalties, biases and forms, and the rows whose form cannot be kept to."""
        changing = [place for place, row in enumerate(rows) if row.is_changing]
        errors: dict[int, AmaliaError] = {}
        if not changing:
            return self._scores_BV, errors
        changed_BV = self._scores_BV.clone()
        for place in changing:
            try:
                rows[place].change(changed_BV[place])
            except AmaliaError as error:
                errors[place] = error
        return changed_BV, errors
