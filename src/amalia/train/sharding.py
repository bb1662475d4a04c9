"""A model spread over processes, and what is recomputed, compiled or kept on the host to make it fit.

Parameters, gradients and optimizer states of every block are cut over the processes and gathered when
the block is computed (FSDP2, ``torch.distributed.fsdp.fully_shard``). With ``hybrid`` they are cut over
the processes of a machine and repeated on every machine, so that only gradients cross the network. All
sums over processes are sums: the loop divides once, by what all of them hold.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import CPUOffloadPolicy, FSDPModule, MixedPrecisionPolicy, fully_shard
from torch.distributed.tensor import DTensor
from torch.utils.checkpoint import CheckpointPolicy, create_selective_checkpoint_contexts
from transformers import PreTrainedModel
from transformers.modeling_layers import GradientCheckpointingLayer

from amalia.device import Device
from amalia.train.execution import StageRun
from amalia.train.kernels import fuse
from amalia.train.micro_batch import MicroBatch
from amalia.train.objectives import LossSum
from amalia.train.ranks import Ranks


class Computed(nn.Module):
    """A model and what is computed with it as one module, for what lies outside its blocks.

    FSDP gathers the parameters of a module when it is called. The embeddings, the connector and the
    head are used by our objectives directly, so calling this module gathers them once for all.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: MicroBatch, together: bool) -> tuple[torch.Tensor, LossSum]:
        """Compute a micro-batch.

        Args:
            batch: What is computed.
            together: Whether other processes compute at the same time. Then the tower is called even
                when there is no picture, or the others would wait for this process for ever.
        """
        # Before the rest, as with a picture: all must gather the same blocks in the same order.
        unseen = _unseen(self.model) if together and not batch.num_tiles else None
        result = batch.compute(self.model)
        return result.total if unseen is None else result.total + unseen, result

    def reduces_between_machines(self, now: bool) -> None:
        """Say whether gradients are also summed over machines, which the last micro-batch of a step needs."""
        if isinstance(self, FSDPModule):
            self.set_requires_all_reduce(now)

    def compute(self, batch: MicroBatch, *, together: bool) -> LossSum:
        """Compute a micro-batch; see ``forward``."""
        total, result = self(batch, together)
        computed: LossSum = replace(result, total=total)
        return computed


def _unseen(model: PreTrainedModel) -> torch.Tensor:
    """Look at a blank tile and give 0, with every parameter a picture would have touched behind it."""
    seeing = model.model
    if not hasattr(seeing, "vision_tower"):
        return torch.zeros((), device=model.device)
    side = model.config.vision_config.image_size
    blank_13PP = torch.zeros(1, 3, side, side, device=model.device)
    states = seeing.vision_tower(blank_13PP, output_hidden_states=True).hidden_states
    features = seeing.multi_modal_projector(states[model.config.vision_feature_layer])
    seen: torch.Tensor = (features.float().sum() + seeing.image_newline.float().sum()) * 0.0
    return seen


def blocks(model: nn.Module) -> list[nn.Module]:
    """Give the layers that a model repeats, of the tower and of the language model."""
    return [module for module in model.modules() if isinstance(module, GradientCheckpointingLayer)]


def arranged(model: PreTrainedModel, run: StageRun, *, ranks: Ranks, device: Device) -> Computed:
    """Prepare a model for training: fuse, recompute, compile, and cut over processes as the recipe says.

    Args:
        model: On its device, the same in every process, what trains already chosen.
        run: How.
        ranks: The processes.
        device: What they compute on.
    """
    fuse(model, run.kernels, device=device, compiles=run.compile)
    if run.checkpointing == "full":
        _recompute(model)
    # A compiler keeps products and computes the rest again by itself, and reuses what it is kept from reusing.
    if run.checkpointing == "selective" and not run.compile:
        _recompute(model, context_fn=partial(create_selective_checkpoint_contexts, _kept))
    if run.compile:
        for block in blocks(model):
            _compile(block)
    computed = Computed(model)
    if ranks.are_many:
        _cut(computed, run, ranks=ranks, device=device)
    return computed


def _recompute(model: PreTrainedModel, **how: Any) -> None:
    settings = {"use_reentrant": False, **how}
    model.gradient_checkpointing_enable(gradient_checkpointing_kwargs=settings)


def _compile(block: Any) -> None:
    """Compile what a block computes, and not how it is called.

    Transformers wraps ``forward`` of every layer of the tower anew in each pass, to collect what they give.
    The wrapper is not there when a layer is recomputed, and what is compiled with it inside is another
    function for every layer: ``nn.Module.compile`` would give up after eight.
    """
    block.forward = torch.compile(block.forward)


def _kept(_: object, operation: Any, *__: object, **___: object) -> CheckpointPolicy:
    """Keep what is dear to compute, products and attention, and recompute the rest."""
    name = str(operation)
    dear = any(part in name for part in ("aten.mm", "aten.addmm", "aten.bmm", "attention", "attn"))
    return CheckpointPolicy.MUST_SAVE if dear else CheckpointPolicy.PREFER_RECOMPUTE


def _cut(computed: Computed, run: StageRun, *, ranks: Ranks, device: Device) -> None:
    if run.shard == "hybrid":
        shape = (ranks.world // ranks.on_node, ranks.on_node)
        mesh = init_device_mesh(device.kind, shape, mesh_dim_names=("repeat", "cut"))
    else:
        mesh = init_device_mesh(device.kind, (ranks.world,), mesh_dim_names=("cut",))
    half = torch.bfloat16 if device.kind == "cuda" and device.dtype == "bfloat16" else None
    settings: dict[str, Any] = {
        "mesh": mesh,
        "mp_policy": MixedPrecisionPolicy(param_dtype=half, reduce_dtype=torch.float32),
    }
    if run.offload:
        settings["offload_policy"] = CPUOffloadPolicy()
    # A process without a picture goes back through the language model as the others do, though nothing
    # in front of it may train there.
    computed.model.enable_input_require_grads()
    for block in blocks(computed.model):
        fully_shard(block, **settings)
    fully_shard(computed, reshard_after_forward=False, **settings)
    for module in computed.modules():
        if isinstance(module, FSDPModule):
            # Gradients are summed; by what they are divided only the loop knows.
            module.set_gradient_divide_factor(1.0)
            module.set_force_sum_reduction_for_comms(True)


def full(value: torch.Tensor) -> torch.Tensor:
    """Give the whole of a tensor that may be cut over processes; all of them must ask."""
    return value.full_tensor() if isinstance(value, DTensor) else value
