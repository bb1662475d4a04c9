"""Reading letters straight off a tower's patches, to teach a tower to read.

A row of writing is read column by column: the patches of a column, all rows together, give two guesses of
a letter or of none, and connectionist temporal classification (CTC, Graves et al. 2006) finds which guess
belongs to which letter. Contrast alone tells texts apart by a few of their letters; this asks for each.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

_GUESSES_PER_COLUMN = 2
BLANK = 0


class LetterReader(nn.Module):
    """A readout of letters, for one row of writing.

    Args:
        letters: What it can read; each character once.
        patches_per_side: Of the tower's square tile.
        hidden: Size of a patch's features.
    """

    def __init__(self, letters: str, *, patches_per_side: int, hidden: int) -> None:
        super().__init__()
        self.letters = letters
        self.patches_per_side = patches_per_side
        column = patches_per_side * hidden
        self.norm = nn.LayerNorm(column)
        self.readout = nn.Linear(column, _GUESSES_PER_COLUMN * (len(letters) + 1))

    def forward(self, patches_BPH: torch.Tensor) -> torch.Tensor:
        """Give log-probabilities of blank and letters, float32 [B, guesses, 1 + letters]."""
        batch, _, hidden = patches_BPH.shape
        side = self.patches_per_side
        columns = patches_BPH.view(batch, side, side, hidden).transpose(1, 2).flatten(2)
        logits: torch.Tensor = self.readout(self.norm(columns)).float()
        guesses = side * _GUESSES_PER_COLUMN
        return logits.view(batch, guesses, len(self.letters) + 1).log_softmax(-1)


def spelled(text: str, letters: str) -> list[int] | None:
    """Give a text as numbers from 1 of its letters, or None if it has other characters."""
    numbers = [letters.find(letter) + 1 for letter in text]
    return numbers if numbers and all(numbers) else None


def targets(texts: Sequence[Sequence[int]]) -> tuple[torch.Tensor, torch.Tensor]:
    """Give the numbers of all texts in one row, int64, and how many each text has, int64."""
    joined = torch.tensor([number for text in texts for number in text])
    return joined, torch.tensor([len(text) for text in texts])
