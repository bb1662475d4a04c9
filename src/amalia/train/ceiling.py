"""The fastest this machine multiplies matrices: what the share of its speed that training takes is of."""

from __future__ import annotations

import time
from functools import cache

import torch

from amalia.device import Device, Kind

# Large enough to be near the limit; one product takes milliseconds.
_SIDES: dict[Kind, int] = {"cpu": 1024, "cuda": 8192}
_SECONDS = 0.3
_PER_LOOK: dict[Kind, int] = {"cpu": 1, "cuda": 10}


@cache
def matmul_ceiling(device: Device) -> float:
    """Measure the matmul ceiling: operations a second of square products in the training dtype.

    Products are repeated for a third of a second and the fastest counts, because whatever else runs
    on the machine only ever slows them down. Measured once in a process.
    """
    side = _SIDES[device.kind]
    # Random, for a GPU multiplies zeros faster; of its own generator, for the run's must not notice.
    chance = torch.Generator(device.kind).manual_seed(0)
    left, right = (
        torch.randn(side, side, generator=chance, device=device.kind).to(device.torch_dtype)
        for _ in range(2)
    )
    out = torch.empty_like(left)
    times = _PER_LOOK[device.kind]
    fastest = float("inf")
    with torch.no_grad():
        began = time.perf_counter()
        while time.perf_counter() - began < _SECONDS:
            fastest = min(fastest, _seconds(left, right, out, times))
    return 2.0 * side**3 / fastest


def _seconds(left: torch.Tensor, right: torch.Tensor, out: torch.Tensor, times: int) -> float:
    """Measure one product, on average over ``times``."""
    began = time.perf_counter()
    for _ in range(times):
        torch.mm(left, right, out=out)
    if out.is_cuda:
        torch.cuda.synchronize()
    return (time.perf_counter() - began) / times
