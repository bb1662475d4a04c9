"""How fast a step was, how long it waited, how much memory it took, and how well the machine was used."""

from __future__ import annotations

import resource
import time
from collections.abc import Sequence
from typing import NamedTuple

import torch
from transformers import PreTrainedModel

from amalia.device import Device
from amalia.model.flops import Work, step_flops, trained_shares
from amalia.train.ceiling import matmul_ceiling
from amalia.train.log import Account
from amalia.train.micro_batch import MicroBatch
from amalia.train.step import StepResult


class Pace(NamedTuple):
    """What one step cost; fields of the log that are another time when run again."""

    step_seconds: float
    """From asking for the data to changed weights."""
    waiting: float
    """Share of these seconds in which the step waited for its data, 0 to 1."""
    tokens_per_s: float
    """Real tokens of all processes, those that stand for pictures included; no padding."""
    tiles_per_s: float
    mfu: float
    """Model FLOPs utilization: share of the matmul ceiling of this process's device, 0 to 1."""
    peak_memory_bytes: int
    """Most so far: of the GPU what torch took, otherwise of the process."""

    def told(self, loss: float, *, with_mfu: bool) -> str:
        """Say in a few words how it goes."""
        told = f"loss {loss:.3f}, {self.tokens_per_s:,.0f} tok/s"
        return f"{told}, MFU {self.mfu:.0%}" if with_mfu else told


class Meters:
    """Measures steps: ``begin``, then ``arrived`` when the data is there, then ``end``."""

    def __init__(self, model: PreTrainedModel, device: Device) -> None:
        self._config = model.config
        self._trained = trained_shares(model)
        self._device = device
        self._ceiling = matmul_ceiling(device)
        self.begin()

    def begin(self) -> None:
        """Note that a step begins: its data is asked for."""
        self._began = self._arrived = time.perf_counter()

    def arrived(self) -> None:
        """Note that the data is there."""
        self._arrived = time.perf_counter()

    def end(self, batches: Sequence[MicroBatch], result: StepResult, account: Account) -> Pace:
        """Note that a step is done, and say what it cost.

        Args:
            batches: What this process computed.
            result: What came out.
            account: What all processes trained on.
        """
        seconds = max(time.perf_counter() - self._began, 1e-9)
        operations = sum(
            sum(step_flops(self._config, work_of(batch, predicted), self._trained).values())
            for batch, predicted in zip(batches, result.predicted, strict=True)
        )
        return Pace(
            step_seconds=round(seconds, 4),
            waiting=round((self._arrived - self._began) / seconds, 4),
            tokens_per_s=round(account.tokens / seconds, 1),
            tiles_per_s=round(account.tiles / seconds, 2),
            mfu=round(operations / seconds / self._ceiling, 4),
            peak_memory_bytes=peak_memory_bytes(self._device),
        )


def work_of(batch: MicroBatch, predicted: int) -> Work:
    """Say how much a micro-batch computes.

    Args:
        batch: What is computed at once.
        predicted: Positions whose logits were computed.
    """
    return Work(batch.num_tokens, batch.squares, batch.num_tiles, predicted)


def peak_memory_bytes(device: Device) -> int:
    """Give the most memory taken so far: by torch on a GPU, otherwise by the process."""
    if device.kind == "cuda":
        return int(torch.cuda.max_memory_allocated())
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
