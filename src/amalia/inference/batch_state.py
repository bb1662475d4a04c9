"""The tensors of a running batch: keys and values of every row, what each may see, and its next scores.

Shape suffixes: B rows, T tokens, V vocabulary, H heads, D channels of a head.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import torch
from transformers import DynamicCache

from amalia.device import Device
from amalia.inference.batch_rows import Row
from amalia.model.render import Renderer, collate

if TYPE_CHECKING:
    from amalia.inference.batching import Ticket


class BatchState:
    """Answers under way, row by row."""

    def __init__(self, model: Any, renderer: Renderer, device: Device) -> None:
        """Begin with none."""
        self.rows: list[tuple[Ticket, Row]] = []
        self._model = model
        self._renderer = renderer
        self._device = device
        self._cache: Any = None  # its layers are untyped in transformers
        self._mask_BT = torch.zeros((0, 0), dtype=torch.long)
        self._scores_BV = torch.zeros((0, 0))
        self._ids_B = torch.zeros(0, dtype=torch.long)

    def tickets(self) -> list[Ticket]:
        """Give the requests, each once."""
        return list(dict.fromkeys(ticket for ticket, _ in self.rows))

    def clear(self) -> None:
        """Forget everything."""
        self.rows, self._cache = [], None

    def join(self, newcomers: Sequence[Ticket]) -> None:
        """Read prompts in one pass and put their rows beside those under way."""
        prompts = [ticket.prompt for ticket in newcomers]
        batch = collate(prompts, pad_id=self._renderer.pad_id, side="left").to(self._device.kind)
        mask_BT = batch.attention_mask_BT
        cache: Any = DynamicCache()
        given = self._model(
            **batch.model_inputs(),
            position_ids=(mask_BT.cumsum(-1) - 1).clamp_min(0),
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        scores_BV = given.logits[:, -1].float()
        repeats = torch.tensor([len(ticket.rows) for ticket in newcomers], device=mask_BT.device)
        if int(repeats.max()) > 1:
            mask_BT = mask_BT.repeat_interleave(repeats, 0)
            scores_BV = scores_BV.repeat_interleave(repeats, 0)
            for layer in cache.layers:
                layer.keys = layer.keys.repeat_interleave(repeats, 0)
                layer.values = layer.values.repeat_interleave(repeats, 0)
        if self.rows:
            mask_BT, scores_BV = self._beside(cache, mask_BT, scores_BV)
        self._cache, self._mask_BT, self._scores_BV = cache, mask_BT, scores_BV
        self.rows += [(ticket, row) for ticket in newcomers for row in ticket.rows]

    def draw(self, image_id: int | None) -> torch.Tensor:
        """Draw the next token of each row, [B]; the model never says a picture."""
        if image_id is not None:
            self._scores_BV[:, image_id] = -torch.inf
        ids_B = self._scores_BV.argmax(-1)
        for place, (_, row) in enumerate(self.rows):
            if not row.is_plain:
                ids_B[place] = row.draw(self._scores_BV[place])
        self._ids_B = ids_B
        return ids_B

    def advance(self) -> None:
        """Let the model read the tokens that were drawn."""
        ones_B1 = self._mask_BT.new_ones(len(self.rows), 1)
        self._mask_BT = torch.cat([self._mask_BT, ones_B1], -1)
        given = self._model(
            input_ids=self._ids_B[:, None],
            # In the form that attention wants; making it from [B, T] takes a sixth of a step of our size.
            attention_mask=self._mask_BT.bool()[:, None, None, :],
            position_ids=self._mask_BT.sum(-1, keepdim=True) - 1,
            past_key_values=self._cache,
            use_cache=True,
        )
        self._scores_BV = given.logits[:, -1].float()

    def leave(self, is_leaving: Callable[[Ticket, Row], bool]) -> None:
        """Take rows out, and with them the padding that only they needed."""
        kept = [
            place for place, (ticket, row) in enumerate(self.rows) if not is_leaving(ticket, row)
        ]
        if len(kept) == len(self.rows):
            return
        self.rows = [self.rows[place] for place in kept]
        if not kept:
            self._cache = None
            return
        index = torch.tensor(kept, device=self._mask_BT.device)
        mask_BT = self._mask_BT.index_select(0, index)
        padding = int(mask_BT.argmax(-1).min())  # the first one is where a row begins
        self._mask_BT = mask_BT[:, padding:]
        self._scores_BV = self._scores_BV.index_select(0, index)
        if self._ids_B.shape[0] > max(kept):
            self._ids_B = self._ids_B.index_select(0, index)
        for layer in self._cache.layers:
            layer.keys = layer.keys.index_select(0, index)[:, :, padding:]
            layer.values = layer.values.index_select(0, index)[:, :, padding:]

    def _beside(
        self, cache: Any, mask_BT: torch.Tensor, scores_BV: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Put newcomers below the rows under way; the shorter of both is padded on the left."""
        longest = max(self._mask_BT.shape[1], mask_BT.shape[1])
        for own, new in zip(self._cache.layers, cache.layers, strict=True):
            new.keys = torch.cat([_padded(own.keys, longest), _padded(new.keys, longest)])
            new.values = torch.cat([_padded(own.values, longest), _padded(new.values, longest)])
        return (
            torch.cat([_widened(self._mask_BT, longest), _widened(mask_BT, longest)]),
            torch.cat([self._scores_BV, scores_BV]),
        )


def _padded(states_BHTD: torch.Tensor, length: int) -> torch.Tensor:
    missing = length - states_BHTD.shape[2]
    return torch.nn.functional.pad(states_BHTD, (0, 0, missing, 0)) if missing else states_BHTD


def _widened(mask_BT: torch.Tensor, length: int) -> torch.Tensor:
    missing = length - mask_BT.shape[1]
    return torch.nn.functional.pad(mask_BT, (missing, 0)) if missing else mask_BT
