"""What a stage optimizes: next token, preferences (DPO), sigmoid contrast with reading.

An objective turns a batch into a ``LossSum``: a sum and the count it is to be divided by. The loop
divides by the count over all micro-batches, so that a batch of 8 equals two of 4 whatever the masks.
The losses themselves are pure functions of tensors.

Shape suffixes: B sequences, T tokens, S supervised tokens or guesses, H hidden, C captions,
V vocabulary, W pictures with writing, L letters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import torch
import torch.nn.functional as F
from transformers import PreTrainedModel, SiglipModel

from amalia.model.fork import ForkBatch
from amalia.model.letters import BLANK
from amalia.model.packed import Pack
from amalia.train.head import supervised_loss, token_losses

PreferenceLoss = Literal["sigmoid", "robust", "ipo"]


@dataclass(frozen=True, slots=True)
class LossSum:
    """A loss before division, and further sums over the same count."""

    total: torch.Tensor
    """Scalar with gradient."""
    count: int
    metrics: Mapping[str, float]
    """Sums; the loop divides them by ``count`` as well."""
    groups: Mapping[str, tuple[float, int]] = field(default_factory=dict)
    """Loss sum and count of each source of the mixture."""
    predicted: int | None = None
    """Positions whose logits were computed, if that is not ``count``."""


def next_token(model: PreTrainedModel, batch: Pack, sources: Sequence[str] = ()) -> LossSum:
    """Sum of cross-entropies over supervised tokens, in nats.

    Args:
        model: The model in training.
        batch: Packed conversations or texts.
        sources: Where each of them is from, for ``LossSum.groups``.
    """
    hidden_1TH = model.model(**batch.model_inputs(), use_cache=False).last_hidden_state
    hidden_SH = hidden_1TH[0][batch.predictors_S]
    found = supervised_loss(model.lm_head, hidden_SH, batch.targets_S)
    groups = _by_source(found.losses_S, batch.owners_S, sources)
    metrics = {"token_accuracy": float(found.right)}
    return LossSum(found.total, len(found.losses_S), metrics, groups)


def _by_source(
    losses_S: torch.Tensor, owners_S: torch.Tensor, sources: Sequence[str]
) -> dict[str, tuple[float, int]]:
    """Sum losses by the source of their owners, and count them."""
    if not sources:
        return {}
    zeros = torch.zeros(len(sources), device=losses_S.device)
    sums = zeros.index_add(0, owners_S, losses_S.float()).tolist()
    counts = torch.bincount(owners_S, minlength=len(sources)).tolist()
    found: dict[str, tuple[float, int]] = {}
    for source, total, count in zip(sources, sums, counts, strict=True):
        before = found.get(source, (0.0, 0))
        found[source] = (before[0] + total, before[1] + count)
    return found


def answer_log_probs(model: PreTrainedModel, batch: ForkBatch) -> tuple[torch.Tensor, torch.Tensor]:
    """Log-probability of each answer after its prompt, every prompt computed once.

    Returns:
        Sums in nats, float32 [A], and numbers of tokens, int64 [A], in the order of ``owners_S``.
    """
    hidden_BTH = model.model(**batch.model_inputs(), use_cache=False).last_hidden_state
    hidden_SH = hidden_BTH.flatten(0, 1)[batch.predictors_S]
    losses_S = token_losses(model.lm_head, hidden_SH, batch.targets_S)
    zeros_A = torch.zeros(batch.num_answers, device=hidden_SH.device)
    counts_A = torch.bincount(batch.owners_S, minlength=batch.num_answers)
    return zeros_A.index_add(0, batch.owners_S, -losses_S), counts_A


def dpo_loss(
    policy_chosen: torch.Tensor,
    policy_rejected: torch.Tensor,
    reference_chosen: torch.Tensor,
    reference_rejected: torch.Tensor,
    *,
    beta: float,
    kind: PreferenceLoss = "sigmoid",
    label_smoothing: float = 0.0,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Per-pair losses of preference and reward margins.

    Args:
        policy_chosen: Log-probabilities of answers under the model in training, [B] float32, nats.
        policy_rejected: The same of the rejected answers.
        reference_chosen: The same under the model the stage started from.
        reference_rejected: The same of the rejected answers.
        beta: > 0; how strongly to hold on to the reference.
        kind: ``sigmoid`` is DPO (Rafailov et al. 2023, equation 7, arXiv:2305.18290), with label smoothing
            its conservative form; ``robust`` is unbiased under labels flipped at random (Chowdhury et al.
            2024, arXiv:2403.00409); ``ipo`` draws the difference of log-ratios to 1 / (2 beta)
            (Azar et al. 2023, equation 17, arXiv:2310.12036).
        label_smoothing: Share of pairs whose answers may stand the wrong way round, below 0.5.

    Returns:
        Losses [B] and margins beta × (difference of log-ratios) [B]; at equal models ``sigmoid`` is log 2
        and the margin 0.
    """
    ratios = (policy_chosen - reference_chosen) - (policy_rejected - reference_rejected)
    margins = beta * ratios
    if kind == "ipo":
        return (ratios - 1 / (2 * beta)).square(), margins
    right, flipped = -F.logsigmoid(margins), -F.logsigmoid(-margins)
    if kind == "robust":
        kept = 1 - label_smoothing
        return (kept * right - label_smoothing * flipped) / (1 - 2 * label_smoothing), margins
    return (1 - label_smoothing) * right + label_smoothing * flipped, margins


def preference(
    model: PreTrainedModel,
    batch: ForkBatch,
    reference: tuple[torch.Tensor, torch.Tensor],
    *,
    beta: float,
    kind: PreferenceLoss = "sigmoid",
    label_smoothing: float = 0.0,
    length_normalized: bool = False,
    chosen_weight: float = 0.0,
    sources: Sequence[str] = (),
) -> LossSum:
    """Sum of losses of pairs, with an optional likelihood term that keeps the chosen answer likely.

    Args:
        model: The model in training.
        batch: B prompts, each with its chosen and its rejected answer.
        reference: Log-probabilities of chosen and rejected under the reference, [B] each.
        beta: See ``dpo_loss``.
        kind: See ``dpo_loss``.
        label_smoothing: See ``dpo_loss``.
        length_normalized: Compare log-probabilities a token instead of whole answers, so that long ones weigh no more.
        chosen_weight: Weight of the mean negative log-probability of a chosen token (RPO,
            Pang et al. 2024, arXiv:2404.19733); 0 leaves it out.
        sources: Where each pair is from, for ``LossSum.groups``.
    """
    sums_2B, counts_2B = answer_log_probs(model, batch)
    (chosen, rejected), counts = sums_2B.chunk(2), counts_2B.chunk(2)
    compared = [chosen, rejected, *reference]
    if length_normalized:
        compared = [sums / count for sums, count in zip(compared, (*counts, *counts), strict=True)]
    losses, margins = dpo_loss(*compared, beta=beta, kind=kind, label_smoothing=label_smoothing)
    total = losses.sum()
    if chosen_weight:
        total = total - chosen_weight * (chosen / counts[0]).sum()
    drift = torch.cat(reference) - sums_2B.detach()
    metrics = {
        "dpo_loss": float(losses.detach().sum()),
        "reward_margin": float(margins.detach().sum()),
        "reward_accuracy": float((margins.detach() > 0).sum()),
        "chosen_log_prob": float(chosen.detach().sum()),
        "rejected_log_prob": float(rejected.detach().sum()),
        # Of KL(reference ‖ model), a token, as far as these answers tell.
        "kl": float((drift / counts_2B).sum() / 2),
    }
    owners_B = torch.arange(len(losses), device=losses.device)
    groups = _by_source(losses.detach(), owners_B, sources)
    return LossSum(total, len(chosen), metrics, groups, batch.targets_S.numel())


def sigmoid_contrast(logits_BC: torch.Tensor, matches_BC: torch.Tensor) -> torch.Tensor:
    """SigLIP's loss, summed: every picture-caption pair is a yes/no question.

    Args:
        logits_BC: Scaled and shifted similarities, float32.
        matches_BC: True where the caption is true of the picture.

    Source: Zhai et al. 2023, equation 1 (arXiv:2303.15343).
    """
    signs = matches_BC.to(logits_BC.dtype) * 2 - 1
    return -F.logsigmoid(signs * logits_BC).sum()


@dataclass(frozen=True, slots=True)
class Written:
    """What is written in some pictures of a batch."""

    rows_W: torch.Tensor
    """Their places in the batch, int64."""
    letters_L: torch.Tensor
    """Numbers from 1 of the letters of all, one after the other, int64."""
    lengths_W: torch.Tensor
    """Letters of each, int64."""


def transcription(log_probs_WSL: torch.Tensor, written: Written) -> torch.Tensor:
    """Sum over pictures of the CTC loss per letter, in nats.

    Args:
        log_probs_WSL: Log-probabilities of blank (0) and letters at each of S guesses, float32.
        written: What is to be read.

    Source: Graves et al. 2006, "Connectionist temporal classification".
    """
    guesses = torch.full_like(written.lengths_W, log_probs_WSL.shape[1])
    losses_W = F.ctc_loss(
        log_probs_WSL.transpose(0, 1),
        written.letters_L,
        guesses,
        written.lengths_W,
        blank=BLANK,
        reduction="none",
        zero_infinity=True,
    )
    return (losses_W / written.lengths_W).sum()


def contrast(
    model: SiglipModel,
    pixels_B3PP: torch.Tensor,
    captions_CT: torch.Tensor,
    caption_mask_CT: torch.Tensor,
    matches_BC: torch.Tensor,
    written: Written | None = None,
) -> LossSum:
    """Sum of sigmoid contrastive losses, counted by picture; and of reading, where there is writing.

    Captions are padded on the left and padding is masked, unlike in SigLIP: ours are a few tokens in
    two dozen places, and the pooled last place would see mostly padding for a long time.
    """
    seen = model.vision_model(pixel_values=pixels_B3PP)
    pictures = F.normalize(seen.pooler_output.float(), dim=-1)
    captions = F.normalize(_caption_features(model, captions_CT, caption_mask_CT), dim=-1)
    logits_BC = pictures @ captions.T * model.logit_scale.exp() + model.logit_bias
    best = logits_BC.detach().argmax(1, keepdim=True)
    right = float(matches_BC.gather(1, best).sum())
    total = sigmoid_contrast(logits_BC, matches_BC)
    metrics = {"caption_accuracy": right}
    if written is not None:
        reader = model.get_submodule("letter_reader")
        reading = transcription(reader(seen.last_hidden_state[written.rows_W]), written)
        total = total + reading
        # A sum over the pictures with writing, divided by the number of all.
        metrics["reading_loss"] = float(reading.detach())
    return LossSum(total, len(pictures), metrics)


def _caption_features(
    model: SiglipModel, captions_CT: torch.Tensor, mask_CT: torch.Tensor
) -> torch.Tensor:
    features: torch.Tensor = model.get_text_features(input_ids=captions_CT, attention_mask=mask_CT)
    return features.float()
