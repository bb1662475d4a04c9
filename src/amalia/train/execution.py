"""How a stage is executed, as data: nothing here changes what it gives, so nothing is in its identity."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from amalia.model.sizes import ModelSizes
from amalia.recipe import Settings

TrackerKind = Literal["tensorboard", "wandb", "mlflow"]
Kernels = Literal["auto", "torch", "liger"]


class Planned(Settings):
    """What a dry run takes for granted; nothing else reads it."""

    gpus: str = Field(default="", pattern=r"^([1-9][0-9]*x[A-Za-z0-9-]+)?$")
    """GPUs the stage is to run on, as ``64xH100``; empty is this machine."""
    mfu: float = Field(default=0.4, gt=0, le=1)
    """Share of the peak that is expected of them."""
    sizes: ModelSizes | None = None
    """Of the model, when what the stage starts from is not on this machine."""


class StageRun(Settings):
    """Execution, not identity."""

    micro_batch: int = Field(default=0, ge=0)
    """Rows computed at once; 0 computes the whole batch at once."""
    micro_tokens: int = Field(default=0, ge=0)
    """Tokens computed at once, padding included; 0 sets no limit. A longer row is computed alone."""
    checkpoint_every_s: float = Field(default=60.0, gt=0)
    keep_last: int = Field(default=2, ge=1)
    """Newest checkpoints that are kept; a damaged one gives way to the one before it."""
    keep_every: int = Field(default=0, ge=0)
    """Steps between checkpoints that are kept for good, in the finished artifact too; 0 keeps none."""
    refused_in_a_row: int = Field(default=3, ge=1)
    """Steps refused because the loss or the gradient is not finite, after which the stage stops."""
    unreadable: float = Field(default=0.01, ge=0, le=1)
    """Share of the records read that may be unreadable before the stage stops; ten always may."""
    attention: Literal["auto", "documents", "block", "varlen"] = "auto"
    """How documents of a packed sequence are kept apart; all give the same numbers."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    shard: Literal["full", "hybrid"] = "full"
    """With several processes: cut the model over all of them, or over those of a machine and repeat it on each."""
    offload: bool = False
    """With several processes: keep what is cut on the host."""
    checkpointing: Literal["none", "selective", "full"] = "none"
    """What of a block is computed again backwards instead of kept: nothing, all but products, all."""
    compile: bool = False
    """Compile every block. What ``selective`` would keep is then left to the compiler, which keeps the same."""
    kernels: Kernels = "auto"
    """Of norms, rotary positions and gated products: Liger's, torch's own, or Liger's where they can be had."""
    trackers: tuple[TrackerKind, ...] = ("tensorboard",)
    """Where the log also goes."""
    project: str = Field(default="amalia", min_length=1)
    """Project of W&B and experiment of MLflow; the run in it is called as the stage."""
    plan: Planned = Planned()
