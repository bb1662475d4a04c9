"""Tensors on their way from the host to where a model computes."""

from __future__ import annotations

import torch


def sent(value: torch.Tensor, device: torch.device | str) -> torch.Tensor:
    """Give a tensor of the host on a device; to a GPU without waiting for what it computes.

    A copy from ordinary memory waits for everything the GPU was told to do before. The next step is
    prepared while this one is computed, and would wait for it again with every tensor. A copy from pinned
    memory is one more thing the GPU is told to do.
    """
    if torch.device(device).type != "cuda" or not value.numel():
        return value.to(device)
    return value.pin_memory().to(device, non_blocking=True)
