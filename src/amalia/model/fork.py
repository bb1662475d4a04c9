"""One prompt and the answers that may follow it, computed at once.

The prompt, with its pictures, stands once; every answer sees it and not the other answers, and its
positions go on from the prompt's. So a pair of answers costs its prompt once instead of twice, and
log-probabilities are those of the two sequences apart.

Shape suffixes: B forks, T tokens of prompt and answers, S supervised tokens, A answers of all forks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from amalia.model.render import Rendered, Renderer, pictures_of
from amalia.model.transfer import sent
from amalia.records import Preference, Row

# The least of bfloat16, which a mask may be converted to: the least of float32 would become -inf there, and
# padding, which sees nothing at all, would be no number.
_HIDDEN = float(torch.finfo(torch.bfloat16).min)


@dataclass(frozen=True, slots=True)
class Fork:
    """A rendered prompt and its answers."""

    prompt: Rendered
    answers: tuple[tuple[int, ...], ...]
    """Token ids of each, its end of turn included."""

    def __len__(self) -> int:
        """Tokens of the prompt and all answers."""
        return len(self.prompt.ids) + sum(map(len, self.answers))

    @property
    def longest(self) -> int:
        """Tokens of the prompt with its longest answer."""
        return len(self.prompt.ids) + max(map(len, self.answers))


def fork_of(renderer: Renderer, row: Row[Preference]) -> Fork:
    """Render a preference: its prompt, then the chosen and the rejected answer."""
    prompt = renderer.prompt(Row(row.record.prompt, row.images))
    said = (row.record.chosen.text, row.record.rejected.text)
    return Fork(prompt, tuple(tuple(renderer.answer(text)) for text in said))


@dataclass(frozen=True, slots=True)
class ForkBatch:
    """Forks as padded tensors."""

    input_ids_BT: torch.Tensor
    position_ids_BT: torch.Tensor
    attention_mask_B1TT: torch.Tensor
    """0 where a token sees another, very negative where it does not; float32."""
    predictors_S: torch.Tensor
    """Places, among all B × T, of the states that predict the tokens of answers."""
    targets_S: torch.Tensor
    owners_S: torch.Tensor
    """Answer of each target: first the first answers of all forks, then the second …"""
    num_answers: int
    pixel_values_N3PP: torch.Tensor | None
    image_sizes_I2: torch.Tensor | None
    """On the host, see ``Pack``."""

    def model_inputs(self) -> dict[str, torch.Tensor]:
        """Give the keyword arguments of ``forward``."""
        inputs = {
            "input_ids": self.input_ids_BT,
            "position_ids": self.position_ids_BT,
            "attention_mask": self.attention_mask_B1TT,
        }
        if self.pixel_values_N3PP is not None and self.image_sizes_I2 is not None:
            inputs["pixel_values"] = self.pixel_values_N3PP
            inputs["image_sizes"] = self.image_sizes_I2
        return inputs


def collate_forks(
    forks: Sequence[Fork], *, pad_id: int, multiple: int = 1, device: torch.device | str = "cpu"
) -> ForkBatch:
    """Pad forks, each with the same number of answers, into one batch.

    Args:
        forks: At least one.
        pad_id: Token that fills the shorter ones; nothing sees it.
        multiple: The length is rounded up to a multiple of this.
        device: Where the tensors go.
    """
    length = max(map(len, forks))
    length += -length % multiple
    ids = np.full((len(forks), length), pad_id, np.int64)
    positions = np.zeros((len(forks), length), np.int64)
    sees = np.zeros((len(forks), length, length), bool)
    predictors, targets, owners = [], [], []
    for row, fork in enumerate(forks):
        start = end = len(fork.prompt.ids)
        ids[row, :start], positions[row, :start] = fork.prompt.ids, np.arange(start)
        sees[row, :start, :start] = np.tri(start, dtype=bool)
        for number, answer in enumerate(fork.answers):
            begin, end = end, end + len(answer)
            ids[row, begin:end] = answer
            positions[row, begin:end] = np.arange(start, start + len(answer))
            sees[row, begin:end, :start] = True
            sees[row, begin:end, begin:end] = np.tri(len(answer), dtype=bool)
            # The first token of every answer is predicted by the last one of the prompt.
            predictors.append(row * length + np.array([start - 1, *range(begin, end - 1)]))
            targets.append(np.array(answer))
            owners.append(np.full(len(answer), number * len(forks) + row))
        # What fills the row sees itself: a row of attention that sees nothing is no number on some kernels.
        filled = np.arange(end, length)
        sees[row, filled, filled] = True
    pixels, sizes = pictures_of([fork.prompt for fork in forks])
    mask = np.where(sees, np.float32(0), np.float32(_HIDDEN))[:, None]
    return ForkBatch(
        input_ids_BT=sent(torch.from_numpy(ids), device),
        position_ids_BT=sent(torch.from_numpy(positions), device),
        attention_mask_B1TT=sent(torch.from_numpy(mask), device),
        predictors_S=sent(torch.from_numpy(np.concatenate(predictors)), device),
        targets_S=sent(torch.from_numpy(np.concatenate(targets)), device),
        owners_S=sent(torch.from_numpy(np.concatenate(owners)), device),
        num_answers=len(forks) * len(forks[0].answers),
        pixel_values_N3PP=None if pixels is None else sent(pixels, device),
        image_sizes_I2=sizes,
    )
