"""What a stage takes of each GPU's memory, in bytes.

The plan is that of the engine: weights, gradients and optimizer states in float32, split over the
GPUs of a group (FSDP2, Zhao et al. 2023, arXiv:2304.11277), blocks gathered in bfloat16 while they are
computed, and the logits of ``head.HEAD_CHUNK`` tokens at once. On one GPU,
nothing is split, what is frozen is held in bfloat16, and autocast keeps a bfloat16 copy of the rest.

It is an estimate for the fullest moment, the last layer's backward pass: what fits by a tenth may not fit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from amalia.model import build
from amalia.plan import activations
from amalia.plan.activations import Checkpointing, Pass
from amalia.plan.hardware import Accelerator
from amalia.plan.shape import Shape
from amalia.train import adapters
from amalia.train.head import HEAD_CHUNK
from amalia.train.optimizer import inner_matrices
from amalia.train.stage import Preferences, Stage

RESERVE_BYTES = {"cuda": 3 * 2**30, "cpu": 5 * 10**8}
"""Our guess of what CUDA, NCCL and gaps between tensors take; on a CPU what Python and its libraries do."""
_FLOAT32 = 4


@dataclass(frozen=True, slots=True)
class Load:
    """The most that one GPU computes at once."""

    tokens: int
    """Padding included."""
    tiles: int
    longest: int
    """Tokens of the longest sequence."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of one GPU, by what they are for."""

    weights: int
    gathered: int
    gradients: int
    optimizer: int
    activations: int
    logits: int
    reserve: int

    @property
    def total(self) -> int:
        """All of it."""
        return sum(getattr(self, field.name) for field in fields(self))


def per_gpu(
    shape: Shape,
    stage: Stage,
    load: Load,
    accelerator: Accelerator,
    *,
    world: int,
    checkpointing: Checkpointing,
) -> Memory:
    """Estimate the memory of one GPU.

    With P parameters of which T train (of a part with LoRA, those of its adapters), in groups of
    G GPUs (those of a node for ``hybrid``, all for ``full``; 1 when there is one):

    - weights 4 P / G, on one GPU e (P - T) + 4 T; gradients 4 T / G, AdamW 8 T / G, Muon 4 T / G for the
      matrices it has;
    - gathered: with G > 1, in e bytes an element (2 for bfloat16) what stands outside the layers and
      two layers, one computed and one on its way, and the largest group's gradient before it is split,
      e bytes to compute and 4 to add up; with G = 1 a copy of all weights in e bytes, if e is not 4, and on a
      GPU only of those that train;
    - activations: see ``activations``; logits: (4 + e) bytes for each of ``HEAD_CHUNK`` × vocabulary,
      which become their gradient in place; with G = 1 another float32 gradient of the head if it trains,
      for the sum over micro-batches stands beside it.

    Args:
        shape: The model.
        stage: What of it trains, and with which optimizer.
        load: What is computed at once.
        accelerator: What it is computed on.
        world: Number of GPUs.
        checkpointing: What of a layer is computed again.
    """
    counts = {name: part.count for name, part in build.parts(shape.model).items()}
    trained = _trained(shape, stage)
    beside = sum(count for name, count in trained.items() if stage.trainable[name].lora)
    groups = {"hybrid": min(world, accelerator.per_node), "full": world}
    group = groups[stage.run.shard]
    element = accelerator.element_bytes
    narrow = element != _FLOAT32
    is_light = accelerator.kind == "cuda" and world == 1
    light = sum(n for name, n in counts.items() if name not in _whole(stage)) if is_light else 0
    return Memory(
        weights=(_FLOAT32 * (sum(counts.values()) + beside - light) + element * light) // group,
        gathered=_gathered(shape, stage, element, group) - (element * light if narrow else 0),
        gradients=_FLOAT32 * sum(trained.values()) // group,
        optimizer=_optimizer(shape, stage, trained) // group,
        activations=_activations(shape, stage, load, accelerator, checkpointing),
        logits=_logits(shape, stage, load, accelerator, is_alone=group == 1),
        reserve=RESERVE_BYTES[accelerator.kind],
    )


def _trained(shape: Shape, stage: Stage) -> dict[Any, int]:
    """Count the parameters that train of each part, those of adapters where it gets some."""
    parts = build.parts(shape.model)
    return {
        name: adapters.count(shape.model, parts[name], how.lora) if how.lora else parts[name].count
        for name, how in stage.trainable.items()
        if name in parts
    }


def _whole(stage: Stage) -> set[str]:
    """Name the parts that train themselves, not adapters beside them."""
    return {name for name, how in stage.trainable.items() if not how.lora}


def _optimizer(shape: Shape, stage: Stage, trained: Mapping[Any, int]) -> int:
    """AdamW, which has all adapters, keeps two moments of a parameter, Muon one; in float32 both."""
    muon = inner_matrices(shape.model) if stage.optimizer == "muon" else set()
    parts, whole = build.parts(shape.model), _whole(stage)
    moments = sum(
        parameter.numel() * (1 if id(parameter) in muon else 2)
        for name in trained
        if name in whole
        for parameter in parts[name].parameters.values()
    )
    beside = sum(count for name, count in trained.items() if name not in whole)
    return _FLOAT32 * (moments + 2 * beside)


def _gathered(shape: Shape, stage: Stage, element: int, group: int) -> int:
    everything = sum(module.count for module in shape.modules)
    if group == 1:
        return element * everything if element != _FLOAT32 else 0
    layers = [module for module in shape.modules if module.repeats > 1]
    outside = everything - sum(module.count for module in layers)
    largest = max((module.count // module.repeats for module in layers), default=0)
    trained = [module for module in shape.modules if module.part in _whole(stage)]
    split = [m.count // m.repeats for m in trained if m.repeats > 1]
    together = sum(module.count for module in trained if module.repeats == 1)
    return element * (outside + 2 * largest) + (element + _FLOAT32) * max([*split, together])


def _activations(
    shape: Shape, stage: Stage, load: Load, accelerator: Accelerator, checkpointing: Checkpointing
) -> int:
    tower, language, element = shape.tower, shape.language, accelerator.element_bytes
    is_plain = accelerator.is_attention_plain(stage.max_tokens)
    trains = set(stage.trainable)
    total = 0
    if tower is not None:
        side = shape.patches
        patches = side * load.tiles
        total += 3 * tower.image_size**2 * _FLOAT32 * load.tiles  # the pixels themselves
        if "vision" in trains:
            how = Pass(element, side if is_plain else 0)
            total += patches * activations.tower_stack(tower, how, checkpointing)
        if language is not None and trains & {"vision", "connector"}:
            how = Pass(element, is_trained="connector" in trains)
            total += patches * activations.connector(tower, language, how)
    if language is not None:
        plain = load.longest if is_plain else 0
        how = Pass(element, plain, is_trained="language" in trains)
        # Before the layers the embedded tokens, without and with pictures; after them a norm.
        around = (4 * element + _FLOAT32) * language.hidden_size
        total += load.tokens * (activations.language_stack(language, how, checkpointing) + around)
        if isinstance(stage.objective, Preferences):
            total += load.tokens * load.longest * (_FLOAT32 + element)  # who sees whom
    return total


def _logits(
    shape: Shape, stage: Stage, load: Load, accelerator: Accelerator, *, is_alone: bool
) -> int:
    if shape.language is None or stage.objective.kind == "contrast":
        return 0
    kind, element = accelerator.kind, accelerator.element_bytes
    narrow = element if element != _FLOAT32 else 0
    vocabulary, width = int(shape.language.vocab_size), int(shape.language.hidden_size)
    rows = min(HEAD_CHUNK[kind], load.tokens)
    logits = rows * vocabulary * (_FLOAT32 + narrow)
    return logits + (
        _FLOAT32 * vocabulary * width if is_alone and "language" in _whole(stage) else 0
    )
