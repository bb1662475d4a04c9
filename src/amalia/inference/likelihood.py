"""How likely answers are: a prompt, its pictures included, is computed once for all answers after it.

Shape suffixes: B prompts, T tokens of the longest prompt, R answers, L tokens of the longest answer, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from amalia.model.render import Rendered, collate


@dataclass(frozen=True, slots=True)
class Weighed:
    """A prompt and the answers that are weighed after it."""

    prompt: Rendered
    answers: tuple[tuple[int, ...], ...]
    """Token ids of each, at least one."""


def totals_nats(
    model: Any,  # transformers' model classes leave forward untyped
    questions: Sequence[Weighed],
    *,
    pad_id: int,
    device: str,
) -> list[float]:
    """Give the log-probability of every answer after its prompt.

    Prompts are padded on the left and leave their keys and values behind, which are repeated for the answers.

    Args:
        model: A language model, with or without pictures, in evaluation mode.
        questions: Prompts with answers.
        pad_id: Token that fills the shorter ones.
        device: Where the model is.

    Returns:
        Sums over the tokens of each answer, in order, question by question.
    """
    batch = collate([item.prompt for item in questions], pad_id=pad_id, side="left").to(device)
    owners = [place for place, item in enumerate(questions) for _ in item.answers]
    answers = [ids for item in questions for ids in item.answers]
    owners_R = torch.tensor(owners, device=device)
    ids_RL, there_RL = _padded(answers, pad_id, device)
    mask_BT = batch.attention_mask_BT
    with torch.inference_mode():
        read = model(
            **batch.model_inputs(),
            position_ids=(mask_BT.cumsum(-1) - 1).clamp_min(0),
            logits_to_keep=1,
            use_cache=True,
        )
        logits_RLV = read.logits[owners_R].float()
        if ids_RL.shape[1] > 1:
            kept = read.past_key_values
            kept.batch_select_indices(owners_R)
            said = model(
                input_ids=ids_RL[:, :-1],
                attention_mask=torch.cat([mask_BT[owners_R], there_RL[:, :-1].long()], -1),
                position_ids=mask_BT.sum(-1)[owners_R, None]
                + torch.arange(ids_RL.shape[1] - 1, device=device),
                past_key_values=kept,
                use_cache=True,
            )
            logits_RLV = torch.cat([logits_RLV, said.logits.float()], 1)
        chosen_RL = logits_RLV.gather(-1, ids_RL[..., None])[..., 0] - logits_RLV.logsumexp(-1)
        totals: list[float] = (chosen_RL * there_RL).sum(-1).tolist()
    return totals


def _padded(
    answers: Sequence[Sequence[int]], pad_id: int, device: str
) -> tuple[torch.Tensor, torch.Tensor]:
    """Give the ids of answers, int64 [R, L] padded on the right, and which are there, bool [R, L]."""
    length = max(len(ids) for ids in answers)
    ids_RL = torch.full((len(answers), length), pad_id, dtype=torch.long)
    there_RL = torch.zeros((len(answers), length), dtype=torch.bool)
    for row, ids in enumerate(answers):
        ids_RL[row, : len(ids)] = torch.tensor(ids)
        there_RL[row, : len(ids)] = True
    return ids_RL.to(device), there_RL.to(device)
