"""Draw the next token, and know when an answer ends: the two things done at every generated token.

Shape suffixes: B rows, V vocabulary.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from random import Random

import torch
from transformers import LogitsProcessor, PreTrainedTokenizerFast, StoppingCriteria

from amalia.inference.base import Sampling, cut


def seeded(seed: int | None, place: int) -> Random:
    """Give the generator of one answer: the same seed and place give the same numbers; no seed, others."""
    return Random() if seed is None else Random(f"{seed}/{place}")


class Drawing(LogitsProcessor):
    """Draws the next token and leaves it as the only one possible.

    Each row has its own generator and draws one number a token, hence the independence of batches.
    """

    def __init__(self, randoms: Sequence[Random], sampling: Sampling) -> None:
        """Take one generator a row, [B]; the temperature of ``sampling`` is above 0."""
        self._randoms = randoms
        self._sampling = sampling

    def __call__(self, input_ids: torch.Tensor, scores: torch.Tensor) -> torch.Tensor:
        """Give scores, [B, V], that leave one token in each row."""
        del input_ids
        shifted_BV = scores - scores.amax(-1, keepdim=True)
        sorted_BV, order_BV = (
            (shifted_BV / self._sampling.temperature).softmax(-1).sort(descending=True, stable=True)
        )
        before_BV = sorted_BV.cumsum(-1) - sorted_BV
        sorted_BV = sorted_BV * (before_BV < self._sampling.top_p)
        sums_BV = sorted_BV.cumsum(-1)
        uniform = [[random.random()] for random in self._randoms]
        drawn_B1 = (
            torch.tensor(uniform, device=scores.device, dtype=sums_BV.dtype) * sums_BV[:, -1:]
        )
        place_B1 = torch.searchsorted(sums_BV, drawn_B1, right=True)
        last_B1 = (sorted_BV > 0).sum(-1, keepdim=True) - 1
        chosen_B1 = order_BV.gather(-1, torch.minimum(place_B1, last_B1))
        return torch.full_like(scores, -math.inf).scatter(-1, chosen_B1, 0.0)


class Ends(StoppingCriteria):
    """Ends each row at its own limit or at a stop string, and all rows when cancelled."""

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerFast,
        prompt_tokens: int,
        limits: Sequence[int],
        stop: Sequence[str],
        cancelled: threading.Event,
    ) -> None:
        """Watch a batch.

        Args:
            tokenizer: Turns tokens back into the text that is searched for stop strings.
            prompt_tokens: Length of the padded prompts.
            limits: Most new tokens of each row, [B].
            stop: Strings that end an answer.
            cancelled: When set, everything ends after the current token.
        """
        self.lengths = list(limits)
        """Tokens of each row's answer, its end of turn not looked at."""
        self._tokenizer = tokenizer
        self._prompt_tokens = prompt_tokens
        self._stop = stop
        self._cancelled = cancelled
        # A token is at least one byte; the margin covers a letter cut in two where the tail begins.
        self._tail_tokens = max((len(word.encode()) for word in stop), default=0) + 8

    def __call__(self, input_ids: torch.Tensor, scores: object, **_: object) -> torch.Tensor:
        """Say of each row whether it has ended, bool [B]."""
        del scores
        num_new = input_ids.shape[1] - self._prompt_tokens
        if self._stop:
            for row, ids in enumerate(input_ids[:, self._prompt_tokens :].tolist()):
                if num_new < self.lengths[row] and self._is_stopped(ids[-self._tail_tokens :]):
                    self.lengths[row] = num_new
        is_cancelled = self._cancelled.is_set()
        done = [is_cancelled or num_new >= length for length in self.lengths]
        return torch.tensor(done, device=input_ids.device)

    def _is_stopped(self, ids: list[int]) -> bool:
        text: str = self._tokenizer.decode(
            ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return cut(text, self._stop).is_stopped
