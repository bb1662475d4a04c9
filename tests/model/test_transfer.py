"""How tensors get to a GPU, seen without one."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from amalia.model.transfer import sent


def test_a_cpu_gets_the_tensor_itself() -> None:
    value = torch.arange(3)
    assert sent(value, "cpu") is value


def test_a_gpu_gets_pinned_memory_and_nobody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    pinned, seen = torch.zeros(3), []

    def moved(value: torch.Tensor, *given: Any, **named: Any) -> torch.Tensor:
        seen.append((value, given, named))
        return value

    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda _: pinned)
    monkeypatch.setattr(torch.Tensor, "to", moved)
    empty = torch.zeros(0)
    sent(torch.ones(3), "cuda")
    sent(empty, torch.device("cuda", 1))  # nothing to pin
    assert seen[0][0] is pinned
    assert seen[0][1:] == (("cuda",), {"non_blocking": True})
    assert seen[1][0] is empty
