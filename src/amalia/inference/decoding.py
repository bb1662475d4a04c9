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

_FEW = 64
"""Tokens among which a draw is looked for first."""
_LOWEST = 1e-30


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
        same_B = torch.ones(len(self._randoms))
        chosen_B = drawn(
            scores,
            [random.random() for random in self._randoms],
            temperatures_B=same_B * self._sampling.temperature,
            top_p_B=same_B * self._sampling.top_p,
        )
        return torch.full_like(scores, -math.inf).scatter(-1, chosen_B[:, None], 0.0)


def drawn(
    scores_BV: torch.Tensor,
    uniform: Sequence[float],
    *,
    temperatures_B: torch.Tensor,
    top_p_B: torch.Tensor,
) -> torch.Tensor:
    """Draw a token for each row from its likeliest ones.

    Nearly always it is among the first few; only rows where it is not have their whole vocabulary sorted, which
    with 8,192 tokens takes thirty times as long.

    Args:
        scores_BV: Float32.
        uniform: A number from 0 to 1 for each row, which decides.
        temperatures_B: Above 0.
        top_p_B: Draw only from the likeliest tokens that together have this probability.

    Returns:
        Tokens, int64 [B].
    """
    device = scores_BV.device
    shifted_BV = scores_BV - scores_BV.amax(-1, keepdim=True)
    # A temperature too small for float32 must not become 0.
    hot_B1 = temperatures_B.to(device, scores_BV.dtype)[:, None].clamp_min(_LOWEST)
    shares_BV = (shifted_BV / hot_B1).softmax(-1)
    wanted_B1 = torch.tensor(uniform, dtype=shares_BV.dtype)[:, None].to(device)
    top_p_B1 = top_p_B.to(device, shares_BV.dtype)[:, None]
    few = shares_BV.topk(min(_FEW, shares_BV.shape[1]))
    sums_BF = few.values.cumsum(-1)
    chosen_B = _among(few.values, few.indices, wanted_B1, top_p_B1)
    # Rows that these few do not hold: what is wanted, or what is drawn from, goes beyond them.
    beyond_B = sums_BF[:, -1] <= torch.where(top_p_B1 < 1, top_p_B1, wanted_B1)[:, 0]
    rest = beyond_B.nonzero()[:, 0]
    if len(rest):
        whole = shares_BV[rest].sort(descending=True, stable=True)
        chosen_B[rest] = _among(whole.values, whole.indices, wanted_B1[rest], top_p_B1[rest])
    return chosen_B


def _among(
    shares_BF: torch.Tensor, order_BF: torch.Tensor, wanted_B1: torch.Tensor, top_p_B1: torch.Tensor
) -> torch.Tensor:
    """Choose among tokens whose shares stand in falling order."""
    sums_BF = shares_BF.cumsum(-1)
    is_in_BF = (sums_BF - shares_BF < top_p_B1) & (shares_BF > 0)
    last_B1 = (is_in_BF.sum(-1, keepdim=True) - 1).clamp_min(0)
    whole_B1 = torch.where(top_p_B1 < 1, sums_BF.gather(-1, last_B1), 1.0)
    place_B1 = torch.searchsorted(sums_BF, wanted_B1 * whole_B1, right=True)
    return order_BF.gather(-1, torch.minimum(place_B1, last_B1))[:, 0]


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
