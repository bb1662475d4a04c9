"""Keys and values of a running batch, each row in a place of its own, and the attention that reads them there.

A row's tokens lie from the left, without padding, and a new one is written behind them; rows of other lengths are
told apart by a mask. So nothing that is kept is copied at a token, and whoever joins or leaves moves one row.
transformers' own cache copies everything at every token, and its attention repeats keys and values for each query
head: with 600 tokens in eight rows that is nine tenths of the time of a step on a CPU. What a row leaves behind is
overwritten with zeros at once.

Not covered: pages. Every row has room for the longest, so one very long prompt costs memory in all of them while it
is there.

Shape suffixes: B rows, T tokens, H heads of keys and values, G query heads of each, D channels of a head.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from transformers import AttentionInterface, AttentionMaskInterface, PreTrainedModel
from transformers.cache_utils import Cache
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

_NAME = "amalia_grouped"
_ROOM_TOKENS = 64
"""Tokens of room that a longer place has beyond what is needed now."""
_MAX_SPARE = 4
"""A place is given back when it is so many times as large as what is needed."""


class Source(NamedTuple):
    """Where a new row is found in what was read."""

    row: int
    num_padding: int
    """Tokens before the prompt, on the left."""


class Slots(Cache):
    """Keys and values of rows of different lengths."""

    def __init__(self) -> None:
        """Begin with no rows."""
        super().__init__(layers=[])
        self.num_rows = 0
        self.lengths_B = torch.zeros(0, dtype=torch.long)
        """Tokens of each row."""
        self._keys: list[torch.Tensor] = []
        self._values: list[torch.Tensor] = []
        self._rows_B = self.lengths_B
        self._longest = 0

    def add(self, read: Any, sources: Sequence[Source]) -> None:
        """Put rows below those that are there.

        Args:
            read: The cache of a forward pass over prompts padded on the left; it is not needed afterwards.
            sources: Where each new row lies in it; several may have the same prompt.
        """
        layers = [(layer.keys, layer.values) for layer in read.layers]
        width = int(layers[0][0].shape[2])
        lengths = [width - source.num_padding for source in sources]
        num_rows, longest = self.num_rows + len(sources), max(self._longest, *lengths)
        if not self._keys:
            self._keys, self._values = (
                [states[side].new_zeros(0, *states[side].shape[1:]) for states in layers]
                for side in (0, 1)
            )
        self._fit(num_rows, longest + 1)
        for place, (keys, values) in enumerate(layers):
            for number, (source, length) in enumerate(zip(sources, lengths, strict=True)):
                row = self.num_rows + number
                self._keys[place][row, :, :length] = keys[source.row, :, source.num_padding :]
                self._values[place][row, :, :length] = values[source.row, :, source.num_padding :]
        device = layers[0][0].device
        self.lengths_B = torch.cat(
            [self.lengths_B.to(device), torch.tensor(lengths, device=device)]
        )
        self._counted(num_rows)

    def next_step(self) -> torch.Tensor:
        """Make room for a token of each row; gives what each then sees, bool [B, 1, 1, T].

        The token of a row lies at ``lengths_B``; ``told`` says afterwards that it is there.
        """
        self._fit(self.num_rows, self._longest + 1)
        places_T = torch.arange(self._longest + 1, device=self.lengths_B.device)
        return (places_T <= self.lengths_B[:, None])[:, None, None]

    def told(self) -> None:
        """Count the tokens that a step has written."""
        self.lengths_B = self.lengths_B + 1
        self._longest += 1

    def update(
        self,
        key_states: torch.Tensor,
        value_states: torch.Tensor,
        layer_idx: int,
        cache_kwargs: dict[str, Any] | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write one token of each row, [B, H, 1, D], in one layer; gives all that may be seen, [B, H, T, D]."""
        del cache_kwargs
        keys, values = self._keys[layer_idx], self._values[layer_idx]
        keys[self._rows_B, :, self.lengths_B] = key_states[:, :, 0]
        values[self._rows_B, :, self.lengths_B] = value_states[:, :, 0]
        seen = slice(0, self._longest + 1)
        return keys[: self.num_rows, :, seen], values[: self.num_rows, :, seen]

    def keep(self, kept: Sequence[int]) -> None:
        """Take rows out and wipe them.

        Args:
            kept: The rows that stay, in their new order: one that is not at its own place comes from behind those
                that go, see ``closed_up``.
        """
        for states in (*self._keys, *self._values):
            for place, row in enumerate(kept):
                if place != row:
                    states[place] = states[row]
            states[len(kept) : self.num_rows] = 0
        self.lengths_B = self.lengths_B[torch.tensor(kept, device=self.lengths_B.device)]
        self._counted(len(kept))

    def _counted(self, num_rows: int) -> None:
        self.num_rows = num_rows
        self._rows_B = torch.arange(num_rows, device=self.lengths_B.device)
        self._longest = int(self.lengths_B.max())

    def _fit(self, num_rows: int, num_tokens: int) -> None:
        """Move to a larger place where it is needed, and to a smaller one where most of it is empty."""
        for layers in (self._keys, self._values):
            for number, states in enumerate(layers):
                rows, heads, tokens, channels = states.shape
                is_enough = rows >= num_rows and tokens >= num_tokens
                needed = num_rows * (num_tokens + _ROOM_TOKENS)
                if is_enough and rows * tokens <= _MAX_SPARE * needed:
                    continue
                room = num_tokens + num_tokens // 4 + _ROOM_TOKENS
                moved = states.new_zeros(num_rows + num_rows // 4, heads, room, channels)
                both, length = min(rows, num_rows), min(tokens, room)
                moved[:both, :, :length] = states[:both, :, :length]
                layers[number] = moved


def closed_up(num_rows: int, leaving: Sequence[int]) -> list[int]:
    """Say which row comes to stand where when some leave: the last ones fill the holes."""
    order = list(range(num_rows))
    for hole in sorted(leaving, reverse=True):
        order[hole] = order[-1]
        order.pop()
    return order


def attend_grouped(model: PreTrainedModel) -> None:
    """Let the language model of a model read keys and values where they are, one token at a time.

    Everything longer than a token goes through transformers' ``sdpa`` as before.
    """
    AttentionInterface.register(_NAME, _grouped)
    AttentionMaskInterface.register(_NAME, sdpa_mask)
    for module in model.modules():
        if isinstance(module, PreTrainedModel) and module.config.model_type == "llama":
            module.config._attn_implementation = _NAME


def _grouped(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    scaling: float,
    **more: Any,
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Attention of transformers' signature: query [B, H·G, 1, D] over [B, H, T, D]; gives [B, 1, H·G, D]."""
    if query.shape[2] > 1:
        found: tuple[torch.Tensor, None] = sdpa_attention_forward(
            module, query, key, value, attention_mask, scaling=scaling, **more
        )
        return found
    # The query heads of a head see the same: they are computed as so many queries of it.
    query_BHGD = query.view(query.shape[0], key.shape[1], -1, query.shape[3])
    seen_BHGD = F.scaled_dot_product_attention(
        query_BHGD, key, value, attn_mask=attention_mask, scale=scaling
    )
    return seen_BHGD.reshape(query.shape).transpose(1, 2), None
