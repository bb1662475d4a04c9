"""The head and its loss, a portion of the tokens at a time, so that their logits never exist together.

Logits of 16,384 tokens over a vocabulary of 128,000 are 8 GB in float32, and autograd would keep them until
the backward pass. The gradient of a summed cross-entropy is known as soon as the logits are, up to a
factor, so ``supervised_loss`` computes both at once and forgets the logits of a portion before it makes
those of the next (as Liger's fused loss does, Hsu et al. 2024, arXiv:2410.10989, in torch alone). Where
every token's loss has a factor of its own, ``token_losses`` computes a portion's logits a second time.

Shape suffixes: S supervised tokens, H hidden, V vocabulary.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.utils.checkpoint import checkpoint

# Tokens whose logits exist at once. More on an accelerator, where every portion costs a pass over the
# gradient of the head's weight: 2,048 × 128,000 in float32 is one gigabyte.
HEAD_CHUNK = {"cpu": 512, "cuda": 2048}
SHAPE_STEP = 64


class HeadLoss(NamedTuple):
    """What the head says of the supervised tokens."""

    total: torch.Tensor
    """Sum of cross-entropies in nats, float32, with gradient."""
    losses_S: torch.Tensor
    """Of every token, float32, without gradient."""
    right: torch.Tensor
    """Tokens that have the greatest logit, int64."""


def supervised_loss(head: nn.Linear, hidden_SH: torch.Tensor, targets_S: torch.Tensor) -> HeadLoss:
    """Sum the cross-entropies of some tokens.

    Args:
        head: Without bias; gives [S, V] for [S, H].
        hidden_SH: States that the tokens are predicted from.
        targets_S: The tokens, int64.
    """
    wants_gradient = torch.is_grad_enabled()
    return HeadLoss(*_SummedCrossEntropy.apply(hidden_SH, head.weight, targets_S, wants_gradient))


def token_losses(head: nn.Module, hidden_SH: torch.Tensor, targets_S: torch.Tensor) -> torch.Tensor:
    """Cross-entropy of each token in nats, float32 [S] with gradient; see ``supervised_loss``."""
    size = HEAD_CHUNK[hidden_SH.device.type]
    pairs = list(zip(hidden_SH.split(size), targets_S.split(size), strict=True))
    if len(pairs) == 1:
        return _portion(head, *pairs[0])
    return torch.cat([checkpoint(_portion, head, *pair, use_reentrant=False) for pair in pairs])


def _portion(head: nn.Module, hidden_SH: torch.Tensor, targets_S: torch.Tensor) -> torch.Tensor:
    logits_SV = head(_in_steps(hidden_SH))[: len(hidden_SH)].float()
    return F.cross_entropy(logits_SV, targets_S, reduction="none")


def _in_steps(hidden_SH: torch.Tensor) -> torch.Tensor:
    """Round the number of rows up.

    On a CPU every new shape of a matrix product costs a new kernel, and the number of supervised tokens
    is another one in every batch.
    """
    return F.pad(hidden_SH, (0, 0, 0, -len(hidden_SH) % SHAPE_STEP))


class _SummedCrossEntropy(Function):
    """Cross-entropy of a linear head, its gradient computed with it."""

    @staticmethod
    def forward(
        ctx: Any,
        hidden_SH: torch.Tensor,
        weight_VH: torch.Tensor,
        targets_S: torch.Tensor,
        with_gradient: bool,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        kind = hidden_SH.device.type
        narrow = torch.is_autocast_enabled(kind)
        dtype = torch.get_autocast_dtype(kind) if narrow else weight_VH.dtype
        losses_S = torch.zeros(len(hidden_SH), device=hidden_SH.device)
        right = torch.zeros((), dtype=torch.int64, device=hidden_SH.device)
        to_hidden, to_weight = (with_gradient and needed for needed in ctx.needs_input_grad[:2])
        grad_SH = torch.empty_like(hidden_SH) if to_hidden else None
        grad_VH = torch.zeros_like(weight_VH, dtype=torch.float32) if to_weight else None
        with torch.autocast(kind, enabled=False):
            weight = weight_VH.to(dtype)
            for start in range(0, len(hidden_SH), HEAD_CHUNK[kind]):
                rows = slice(start, start + HEAD_CHUNK[kind])
                targets = targets_S[rows]
                hidden = _in_steps(hidden_SH[rows].to(dtype))
                logits = (hidden @ weight.T).float()
                losses_S[rows], guesses = _softmax_(logits, targets)
                right += (guesses == targets).sum()
                if grad_SH is None and grad_VH is None:
                    continue
                slopes = _slopes_(logits, targets).to(dtype)
                if grad_SH is not None:
                    grad_SH[rows] = (slopes @ weight)[: len(targets)]
                if grad_VH is not None:
                    _add_product(grad_VH, slopes.T, hidden)
        ctx.save_for_backward(grad_SH, grad_VH)
        ctx.weight_dtype = weight_VH.dtype
        ctx.mark_non_differentiable(losses_S, right)
        return losses_S.sum(), losses_S, right

    @staticmethod
    @once_differentiable
    def backward(
        ctx: Any, slope: torch.Tensor, *_: torch.Tensor
    ) -> tuple[torch.Tensor | None, torch.Tensor | None, None, None]:
        grad_SH, grad_VH = ctx.saved_tensors
        if grad_SH is not None:
            grad_SH = grad_SH.mul_(slope)
        if grad_VH is not None:
            grad_VH = grad_VH.mul_(slope).to(ctx.weight_dtype)
        return grad_SH, grad_VH, None, None


def _softmax_(
    logits_SV: torch.Tensor, targets_S: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Turn logits into probabilities in their place.

    Returns:
        Cross-entropies in nats and the likeliest tokens, of as many rows as there are targets.
    """
    rows = torch.arange(len(targets_S), device=targets_S.device)
    greatest_S, guesses_S = logits_SV.max(-1)
    of_targets_S = logits_SV[rows, targets_S] - greatest_S[: len(rows)]
    sums_S = logits_SV.sub_(greatest_S[:, None]).exp_().sum(-1)
    logits_SV.div_(sums_S[:, None])
    return sums_S[: len(rows)].log() - of_targets_S, guesses_S[: len(rows)]


def _slopes_(probabilities_SV: torch.Tensor, targets_S: torch.Tensor) -> torch.Tensor:
    """Gradient of the summed cross-entropy by the logits, in their place; 0 beyond the targets."""
    rows = torch.arange(len(targets_S), device=targets_S.device)
    probabilities_SV[rows, targets_S] -= 1
    probabilities_SV[len(rows) :] = 0
    return probabilities_SV


def _add_product(sum_VH: torch.Tensor, left: torch.Tensor, right: torch.Tensor) -> None:
    """Add a product to a float32 sum, without a copy where the product is float32 too."""
    if left.dtype == sum_VH.dtype:
        torch.addmm(sum_VH, left, right, out=sum_VH)
    else:
        sum_VH.add_(left @ right)
