"""What a stage is planned for: GPUs by name, or this machine.

Peaks are those of the vendor's data sheets for dense matrix products in bfloat16; half of what they
print with sparsity. Memory is what they print, in units of 10⁹ bytes.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from amalia.device import Device, Kind, detect
from amalia.errors import RecipeError

_PRODUCT_SIDE = 1024


@dataclass(frozen=True, slots=True)
class Accelerator:
    """One GPU, or the processor of this machine."""

    name: str
    peak_flops: float
    """Floating-point operations a second of dense matrix products."""
    memory_bytes: int
    per_node: int
    """Of them in one machine of a usual cluster."""
    source: str
    """Where the figures are from."""
    element_bytes: int = 2
    """Of the format it multiplies in."""
    kind: Kind = "cuda"

    def is_attention_plain(self, longest: int) -> bool:
        """Whether sequences of at most so many tokens are attended to without a fused kernel."""
        device = Device(self.kind, "float32", self.source, self.name, 1, self.memory_bytes)
        return device.attention(longest) == "eager"


@dataclass(frozen=True, slots=True)
class Cluster:
    """As many of one kind as a stage is to run on."""

    number: int
    each: Accelerator

    @property
    def name(self) -> str:
        """As ``--on`` takes it."""
        return f"{self.number}x{self.each.name}"


_H100 = "NVIDIA H100 data sheet, SXM5"
_A100 = "NVIDIA A100 data sheet, SXM4"
GPUS = {
    gpu.name: gpu
    for gpu in (
        Accelerator("H100", 989.4e12, 80 * 10**9, 8, _H100),
        Accelerator(
            "H100-64GB", 989.4e12, 64 * 10**9, 4, f"{_H100}; memory and nodes of MareNostrum 5"
        ),
        Accelerator("H200", 989.4e12, 141 * 10**9, 8, "NVIDIA H200 data sheet, SXM"),
        Accelerator("A100", 312e12, 80 * 10**9, 8, _A100),
        Accelerator("A100-40GB", 312e12, 40 * 10**9, 4, f"{_A100}; nodes of Deucalion"),
    )
}


def parsed(text: str) -> Cluster:
    """Read ``64xH100``.

    Raises:
        RecipeError: Not a number and a known GPU.
    """
    number, _, name = text.partition("x")
    if not number.isdecimal() or int(number) == 0 or name not in GPUS:
        raise RecipeError(
            f"cannot plan for {text!r}; write NUMBERxGPU, as 64xH100, with GPU one of {', '.join(GPUS)}"
        )
    return Cluster(int(number), GPUS[name])


def here() -> Cluster:
    """Describe this machine; how fast it multiplies is measured, in a tenth of a second."""
    device = detect()
    known = [gpu for gpu in GPUS.values() if gpu.name in device.name.split()]
    peak = known[0].peak_flops if known else _measured(device)
    source = known[0].source if known else "a matrix product, measured"
    bytes_ = 2 if device.dtype == "bfloat16" else 4
    memory = device.memory_bytes
    return Cluster(1, Accelerator(device.name, peak, memory, 1, source, bytes_, device.kind))


def _measured(device: Device) -> float:
    import torch

    side = _PRODUCT_SIDE * (1 if device.kind == "cpu" else 8)
    left = torch.zeros(side, side, dtype=device.torch_dtype, device=device.kind)
    best = float("inf")
    for _ in range(4):
        began = time.perf_counter()
        # Reading one number waits for the product, which a GPU computes on its own time.
        float((left @ left)[0, 0])
        best = min(best, time.perf_counter() - began)
    return float(2 * side**3 / best)
