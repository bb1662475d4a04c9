"""The one place that looks at the machine: accelerator, number format, cores, memory, disk.

Everything else is told a ``Device``. Each choice carries its reason, which runs log and ``amalia
doctor`` prints. Only ``detect`` needs torch, and imports it when called; ``machine`` works without.
"""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from amalia.errors import MissingExtra

if TYPE_CHECKING:
    import torch

Kind = Literal["cuda", "cpu"]
Dtype = Literal["bfloat16", "float32"]

# Processors with one of these multiply bfloat16 in hardware; others emulate it, slowly.
_BFLOAT16_FLAGS = ("amx_bf16", "avx512_bf16")
_LONGEST_PLAIN_ATTENTION = 768
# NVIDIA's Ampere, the first with bfloat16 in hardware.
_BFLOAT16_CAPABILITY = (8, 0)


@dataclass(frozen=True, slots=True)
class Device:
    """What a run computes on."""

    kind: Kind
    dtype: Dtype
    """Format of the matrix products. On a CPU weights stay float32 and ``autocast`` converts."""
    reason: str
    """Why this kind and this dtype, in one sentence."""
    name: str
    num_threads: int
    """CPU threads that torch should use."""
    memory_bytes: int
    """Of the accelerator, or of the machine on a CPU."""

    @property
    def torch_dtype(self) -> torch.dtype:
        """The dtype as torch's own object."""
        import torch

        return torch.bfloat16 if self.dtype == "bfloat16" else torch.float32

    @property
    def weight_dtype(self) -> torch.dtype:
        """The dtype to hold weights in when they are only read: float32 on a CPU."""
        import torch

        return self.torch_dtype if self.kind == "cuda" else torch.float32

    def attention(self, longest: int) -> Literal["eager", "sdpa"]:
        """Transformers' name of the attention to train with.

        On a CPU torch's fused attention is slower, most of all backwards, than plain matrix
        products: by half for sequences of tens to hundreds of tokens. Its memory does not grow with
        the square of the length, so it keeps the long ones.

        Args:
            longest: Tokens of the longest sequence of a batch.
        """
        plain = self.kind == "cpu" and longest <= _LONGEST_PLAIN_ATTENTION
        return "eager" if plain else "sdpa"

    def packed_attention(self) -> Literal["documents", "varlen", "block"]:
        """Name of the attention to train packed sequences with, see ``model.attention``."""
        if self.kind == "cpu":
            return "documents"
        # Flash attention takes no float32.
        return "varlen" if self.dtype == "bfloat16" else "block"

    def autocast(self) -> AbstractContextManager[object]:
        """Compute matrix products in ``dtype``; does nothing for float32."""
        if self.dtype == "float32":
            return nullcontext()
        import torch

        return torch.autocast(self.kind, dtype=self.torch_dtype)

    def claim(self) -> None:
        """Settle this whole process on the device: number of threads, and memory that is kept.

        In a container torch counts the cores of the host, not those it may use; the surplus threads
        then fight each other. And glibc gives every large tensor back to the kernel, which zeroes
        the same pages again a moment later: a quarter of a training step on a CPU. Meant for the
        start of a program or a stage.
        """
        import torch

        torch.set_num_threads(self.num_threads)
        if self.kind == "cpu":
            _keep_freed_memory()

    def settler(self) -> Callable[[], None]:
        """Give what another thread calls first, so that it uses the same GPU as this one.

        CUDA remembers for every thread which GPU is meant, and in a new one means the first.
        """
        if self.kind == "cpu":
            return _stay
        import torch

        return partial(torch.cuda.set_device, torch.cuda.current_device())


@dataclass(frozen=True, slots=True)
class Machine:
    """What this process may use of the machine."""

    system: str
    processor: str
    num_cores: int
    """Cores this process may run on, after affinity and container limits."""
    memory_bytes: int
    """Memory this process may use, after container limits; 0 when unknown."""
    memory_free_bytes: int
    """What of it is free now; 0 when unknown."""
    disk_free_bytes: int
    """Free where the given folder lies."""


def detect() -> Device:
    """Choose what to compute on and in which format.

    CUDA when torch sees it, else the CPU. bfloat16 where the hardware multiplies it, else float32.

    Raises:
        MissingExtra: torch is not installed.
    """
    try:
        import torch
    except ModuleNotFoundError as error:
        raise MissingExtra("Computing with a model", "train") from error
    threads = _num_threads(os.environ.get("OMP_NUM_THREADS", ""))
    if torch.cuda.is_available():
        name = torch.cuda.get_device_name()
        memory = int(torch.cuda.get_device_properties(0).total_memory)
        dtype, why = _cuda_dtype(torch.cuda.get_device_capability())
        return Device("cuda", dtype, f"CUDA is available ({name}); {why}", name, threads, memory)
    dtype, why = _cpu_dtype(_cpu_flags())
    return Device(
        "cpu", dtype, f"torch sees no CUDA device; {why}", _processor(), threads, _memory()[0]
    )


def machine(folder: Path) -> Machine:
    """Look at cores, memory, and the disk under an existing folder."""
    total, free = _memory()
    return Machine(
        system=f"{platform.system()} {platform.release()} {platform.machine()}",
        processor=_processor(),
        num_cores=_num_cores(),
        memory_bytes=total,
        memory_free_bytes=free,
        disk_free_bytes=shutil.disk_usage(folder).free,
    )


def _stay() -> None:
    """Change nothing."""


def _keep_freed_memory() -> None:
    try:
        mallopt = ctypes.CDLL("libc.so.6").mallopt
    except (OSError, AttributeError):
        return  # not glibc: musl and macOS allocate in another way
    trim_threshold, top_pad, mmap_max = -1, -2, -4
    mallopt(mmap_max, 0)
    mallopt(trim_threshold, 2**31 - 1)
    mallopt(top_pad, 64 * 2**20)


def _cuda_dtype(capability: tuple[int, int]) -> tuple[Dtype, str]:
    if capability >= _BFLOAT16_CAPABILITY:
        return "bfloat16", "bfloat16 because it has it in hardware"
    major, minor = capability
    return "float32", f"float32 because compute capability {major}.{minor} has no bfloat16"


def _cpu_dtype(flags: frozenset[str]) -> tuple[Dtype, str]:
    found = [flag for flag in _BFLOAT16_FLAGS if flag in flags]
    if found:
        return "bfloat16", f"bfloat16 because the processor has {found[0]}"
    return "float32", f"float32 because the processor has none of {', '.join(_BFLOAT16_FLAGS)}"


def _cpu_flags() -> frozenset[str]:
    """List the first processor's flags; none where the system does not tell, as outside Linux."""
    for line in _lines("/proc/cpuinfo"):
        if line.startswith("flags"):
            return frozenset(line.partition(":")[2].split())
    return frozenset()


def _processor() -> str:
    for line in _lines("/proc/cpuinfo"):
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _num_threads(wish: str) -> int:
    """Take ``OMP_NUM_THREADS`` when it asks for fewer than there are."""
    cores = _num_cores()
    return min(int(wish), cores) if wish.isdecimal() and int(wish) > 0 else cores


def _num_cores() -> int:
    allowed = (
        len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    )
    quota, _, period = next(iter(_lines("/sys/fs/cgroup/cpu.max")), "max").partition(" ")
    if quota.isdecimal() and period.isdecimal():
        allowed = min(allowed, max(1, int(quota) // int(period)))
    return allowed


def _memory() -> tuple[int, int]:
    """Total and free bytes, the smaller of the machine's and the container's; 0 when unknown."""
    fields = {
        name: int(rest.split()[0]) * 1024
        for name, _, rest in (line.partition(":") for line in _lines("/proc/meminfo"))
        if rest.split()
    }
    total, free = fields.get("MemTotal", 0), fields.get("MemAvailable", 0)
    limit = next(iter(_lines("/sys/fs/cgroup/memory.max")), "max")
    used = next(iter(_lines("/sys/fs/cgroup/memory.current")), "0")
    if limit.isdecimal() and int(limit) < total:
        total = int(limit)
        free = min(free, max(0, total - int(used)))
    return total, free


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text("utf-8").splitlines()
    except OSError:
        return []
