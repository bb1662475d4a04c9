"""Several rendered conversations as one sequence without padding, each with positions of its own.

Shape suffixes: T tokens of all, S supervised tokens, N tiles, I pictures, P pixels of a side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from amalia.model.attention import Documents, documents_of
from amalia.model.render import Rendered, pictures_of
from amalia.model.transfer import sent


@dataclass(frozen=True, slots=True)
class Pack:
    """Rendered conversations, the longest first, as one packed sequence."""

    input_ids_1T: torch.Tensor
    position_ids_1T: torch.Tensor
    documents: Documents
    predictors_S: torch.Tensor
    """Places of the states that predict a supervised token, int64."""
    targets_S: torch.Tensor
    """Those tokens."""
    owners_S: torch.Tensor
    """Of which conversation each is, in the order they were given, int64."""
    pixel_values_N3PP: torch.Tensor | None
    image_sizes_I2: torch.Tensor | None
    """On the host: transformers reads them one by one, and from a GPU each would be waited for."""

    def model_inputs(self) -> dict[str, Any]:
        """Give the keyword arguments of ``forward``."""
        inputs: dict[str, Any] = {
            "input_ids": self.input_ids_1T,
            "position_ids": self.position_ids_1T,
            "documents": self.documents,
        }
        if self.pixel_values_N3PP is not None and self.image_sizes_I2 is not None:
            inputs["pixel_values"] = self.pixel_values_N3PP
            inputs["image_sizes"] = self.image_sizes_I2
        return inputs


def pack(
    rendered: Sequence[Rendered],
    *,
    pad_id: int,
    length: int = 0,
    multiple: int = 1,
    device: torch.device | str = "cpu",
) -> Pack:
    """Lay rendered conversations one after the other.

    Args:
        rendered: At least one.
        pad_id: Token that fills the end; nothing sees it.
        length: Fill up to at least so many tokens, so that every pack has one shape.
        multiple: And to a multiple of this.
        device: Where the tensors go.

    Returns:
        The pack. The first token of a conversation is never supervised: nothing stands before it.
    """
    order = sorted(range(len(rendered)), key=lambda place: -len(rendered[place].ids))
    lengths = [len(rendered[place].ids) for place in order]
    filled = max(sum(lengths), length)
    filled += -filled % multiple
    ids = np.full(filled, pad_id, np.int64)
    positions = np.zeros(filled, np.int64)
    predictors, owners = [], []
    start = 0
    for place, size in zip(order, lengths, strict=True):
        ids[start : start + size] = rendered[place].ids
        positions[start : start + size] = np.arange(size)
        learned = np.flatnonzero(np.asarray(rendered[place].supervised[1:], bool))
        predictors.append(start + learned)
        owners.append(np.full(len(learned), place))
        start += size
    predicts = np.concatenate(predictors)
    pixels, sizes = pictures_of([rendered[place] for place in order])
    return Pack(
        input_ids_1T=sent(torch.from_numpy(ids)[None], device),
        position_ids_1T=sent(torch.from_numpy(positions)[None], device),
        documents=documents_of(lengths).to(device),
        predictors_S=sent(torch.from_numpy(predicts), device),
        targets_S=sent(torch.from_numpy(ids[predicts + 1]), device),
        owners_S=sent(torch.from_numpy(np.concatenate(owners)), device),
        pixel_values_N3PP=None if pixels is None else sent(pixels, device),
        image_sizes_I2=sizes,
    )
