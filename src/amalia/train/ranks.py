"""The processes of a run: which one this is, and what they tell each other.

``torchrun`` starts one for every GPU and says so in the environment. What they exchange here is small
(counts, names, flags) and goes by gloo over the host's network; tensors are the matter of ``sharding``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar, cast

import torch
import torch.distributed as dist

from amalia.device import Device

T = TypeVar("T")

# A first process may read and export for long while the others wait.
_PATIENCE = timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class Ranks:
    """One of several processes that train one model together; by default the only one."""

    rank: int = 0
    world: int = 1
    on_node: int = 1
    """Processes of this machine."""
    words: Any = None
    """Process group of what is not a tensor."""

    @property
    def is_first(self) -> bool:
        """Whether this process speaks for all."""
        return self.rank == 0

    @property
    def are_many(self) -> bool:
        """Whether there are others."""
        return self.world > 1

    def gather(self, own: T) -> list[T]:
        """Give what every process says, in the order of ranks, to each."""
        if not self.are_many:
            return [own]
        said: list[T | None] = [None] * self.world
        dist.all_gather_object(said, own, group=self.words)
        return cast(list[T], said)

    def from_first(self, own: T) -> T:
        """Give what the first process says to each."""
        if not self.are_many:
            return own
        said: list[T] = [own]
        dist.broadcast_object_list(said, src=0, group=self.words)
        return said[0]

    def wait(self) -> None:
        """Wait until all have come here."""
        if self.are_many:
            dist.barrier(group=self.words)


ALONE = Ranks()
"""A run of one process."""


@contextmanager
def joined(device: Device) -> Iterator[Ranks]:
    """Join the other processes that ``torchrun`` started, if it did."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1 and "RANK" not in os.environ:
        yield ALONE
        return
    if device.kind == "cuda":
        # Some clusters show every process its own GPU only.
        own = int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count()
        torch.cuda.set_device(own)
    # Parts that are kept on the host are reduced there.
    backend = "cpu:gloo,cuda:nccl" if device.kind == "cuda" else "gloo"
    dist.init_process_group(backend, timeout=_PATIENCE)
    try:
        words = dist.new_group(backend="gloo", timeout=_PATIENCE)
        on_node = int(os.environ.get("LOCAL_WORLD_SIZE", str(world)))
        yield Ranks(dist.get_rank(), world, on_node, words)
    finally:
        dist.destroy_process_group()
