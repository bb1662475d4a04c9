"""The loss of the head and its gradients are those of torch; the logits of all tokens never exist."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from amalia.train import head
from amalia.train.head import supervised_loss, token_losses

TOKENS, WIDTH, VOCABULARY = 300, 16, 50
Sum = Callable[[nn.Linear, torch.Tensor, torch.Tensor], torch.Tensor]


@pytest.fixture
def states() -> torch.Tensor:
    torch.manual_seed(0)
    return torch.randn(TOKENS, WIDTH)


@pytest.fixture
def targets() -> torch.Tensor:
    torch.manual_seed(1)
    return torch.randint(0, VOCABULARY, (TOKENS,))


@pytest.fixture
def readout() -> nn.Linear:
    torch.manual_seed(2)
    return nn.Linear(WIDTH, VOCABULARY, bias=False)


def by_torch(readout: nn.Linear, hidden: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return F.cross_entropy(readout(hidden).float(), targets, reduction="sum")


def summed(readout: nn.Linear, hidden: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return supervised_loss(readout, hidden, targets).total


def one_by_one(readout: nn.Linear, hidden: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return token_losses(readout, hidden, targets).sum()


def gradients(
    compute: Sum, readout: nn.Linear, states: torch.Tensor, targets: torch.Tensor
) -> list[torch.Tensor]:
    """Loss, gradient of the states, gradients of the head, for a tenth of the loss."""
    hidden = states.clone().requires_grad_()
    readout.zero_grad()
    total = compute(readout, hidden, targets)
    (total / 10).backward()
    found = [hidden.grad, *(parameter.grad for parameter in readout.parameters())]
    return [total.detach(), *(gradient.clone() for gradient in found if gradient is not None)]


@pytest.mark.parametrize("chunk", [7, 64, 300, 512])
@pytest.mark.parametrize("compute", [summed, one_by_one])
def test_loss_and_gradients_are_those_of_torch(
    compute: Sum,
    chunk: int,
    readout: nn.Linear,
    states: torch.Tensor,
    targets: torch.Tensor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(head.HEAD_CHUNK, "cpu", chunk)
    found = gradients(compute, readout, states, targets)
    expected = gradients(by_torch, readout, states, targets)
    assert len(found) == len(expected) == 3
    for mine, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, theirs)


@pytest.mark.parametrize("frozen", ["states", "head", "both"])
def test_what_is_frozen_gets_no_gradient(
    frozen: str, readout: nn.Linear, states: torch.Tensor, targets: torch.Tensor
) -> None:
    readout.requires_grad_(frozen == "states")
    hidden = states.clone().requires_grad_(frozen == "head")
    total = supervised_loss(readout, hidden, targets).total
    assert total.requires_grad == (frozen != "both")
    if total.requires_grad:
        total.backward()
    assert (hidden.grad is None) == (frozen != "head")
    assert (readout.weight.grad is None) == (frozen != "states")


def test_losses_and_right_guesses_of_tokens(
    readout: nn.Linear, states: torch.Tensor, targets: torch.Tensor
) -> None:
    found = supervised_loss(readout, states, targets)
    logits = readout(states).detach()
    torch.testing.assert_close(found.losses_S, F.cross_entropy(logits, targets, reduction="none"))
    assert int(found.right) == int((logits.argmax(-1) == targets).sum())
    assert not found.losses_S.requires_grad


def test_nothing_supervised_is_a_loss_of_0_with_gradients_of_0(readout: nn.Linear) -> None:
    hidden = torch.zeros(0, WIDTH, requires_grad=True)
    found = supervised_loss(readout, hidden, torch.zeros(0, dtype=torch.int64))
    found.total.backward()
    assert (float(found.total.detach()), int(found.right)) == (0.0, 0)
    assert readout.weight.grad is not None
    assert not readout.weight.grad.any()


def test_under_autocast_products_are_in_bfloat16_and_sums_in_float32(
    readout: nn.Linear, states: torch.Tensor, targets: torch.Tensor
) -> None:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        found = gradients(summed, readout, states, targets)
        expected = gradients(by_torch, readout, states, targets)
    assert [gradient.dtype for gradient in found] == [torch.float32] * 3
    for mine, theirs in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=2e-2, atol=2e-3)


class _Largest(TorchDispatchMode):
    """Remembers how many rows of logits there were at most."""

    def __init__(self) -> None:
        super().__init__()
        self.rows = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        made = func(*args, **(kwargs or {}))
        for tensor in made if isinstance(made, tuple | list) else (made,):
            if isinstance(tensor, torch.Tensor) and tensor.shape[-1:] == (VOCABULARY,):
                self.rows = max(self.rows, tensor.numel() // VOCABULARY)
        return made


@pytest.mark.parametrize("compute", [summed, one_by_one])
def test_logits_of_all_tokens_never_exist(
    compute: Sum,
    readout: nn.Linear,
    states: torch.Tensor,
    targets: torch.Tensor,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(head.HEAD_CHUNK, "cpu", 64)
    kept: list[torch.Size] = []

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept.append(tensor.shape)
        return tensor

    with (
        _Largest() as largest,
        torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
    ):
        gradients(compute, readout, states, targets)
    assert largest.rows == 64
    # Nor are those of all portions kept for the backward pass, one beside the other.
    assert not [shape for shape in kept if shape[-1:] == (VOCABULARY,) and shape[0] == 64]
