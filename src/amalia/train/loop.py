"""The one training loop: every stage, from the tower to preferences, is this function and a recipe.

It reads from top to bottom: prepare, then for each step take the batch, compute, clip, step, log,
checkpoint. The loss is summed over what is supervised and divided by the count of the whole step. The
next batch is prepared in a thread while this one is computed.
"""

from __future__ import annotations

import json
import math
import resource
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn
from transformers import PreTrainedModel

from amalia import manifest as manifests
from amalia.device import Device, detect
from amalia.errors import TrainingError
from amalia.manifest import Input, Manifest
from amalia.model import build
from amalia.progress import Progress
from amalia.recipe import fingerprint
from amalia.store import Workshop, disk_errors, write_text
from amalia.train import checkpoint
from amalia.train.feed import Feed, MicroBatch, open_feed
from amalia.train.objectives import LossSum
from amalia.train.optimizer import Optimizers, optimizers_for
from amalia.train.preemption import Preempted, Preemption
from amalia.train.stage import LOG_NAME, Places, Stage, Trainable
from amalia.train.start import begin, write

_NAMES_SHOWN = 8


def run_stage(stage: Stage, places: Places) -> Manifest:
    """Train one stage and leave a finished model artifact.

    A finished artifact of the same recipe is left alone; an unfinished one is continued from its last
    checkpoint with the same losses as if it had never stopped.

    Args:
        stage: The recipe.
        places: ``out`` becomes the artifact.

    Returns:
        The manifest of the artifact.

    Raises:
        ArtifactError: An input is missing, or ``out`` belongs to another recipe or another run.
        Preempted: SIGTERM or SIGUSR1 came; a checkpoint is there to go on from.
        TrainingError: Nothing to train, or a loss or gradient that is not finite several steps in a row.
    """
    inputs = _inputs(stage, places)
    identity = fingerprint(stage, **{item.name: item.fingerprint for item in inputs})
    shop = Workshop(places.out, fingerprint=identity, recipe=stage.model_dump(mode="json"))
    if shop.is_finished:
        return manifests.read(places.out)
    with shop:
        began = time.monotonic()
        device = _device(stage)
        torch.manual_seed(stage.seed)
        begun = begin(stage, places.find)
        trained = freeze(begun.model, stage.trainable)
        _attend(begun.model, device.attention(stage.max_tokens))
        nn.Module.to(begun.model, device.kind)  # transformers' own wrapper of it is untyped
        feed = open_feed(stage, begun, places.find, partial=shop.partial, device=device)
        prepared_s = time.monotonic() - began
        figures = _train(stage, begun.model, trained, feed, shop.partial, device)
        with disk_errors(shop.partial, *checkpoint.WRITERS_RAISE):
            write(begun, shop.partial, keep=stage.keep)
        figures |= {
            "seconds": round(float(figures["seconds"]) + prepared_s, 1),
            "parameters": sum(part.count for part in build.parts(begun.model).values()),
            "parameters_trained": sum(parameter.numel() for parameter in trained.values()),
            "device": f"{device.kind} {device.dtype}",
        }
        return shop.finish(
            "model",
            stage.name,
            inputs=inputs,
            figures=figures,
            seed=stage.seed,
            discard=() if stage.run.keep_every else ("checkpoints",),
        )


def freeze(model: PreTrainedModel, trainable: Mapping[Any, Trainable]) -> dict[str, nn.Parameter]:
    """Let exactly the named parts train.

    Returns:
        The parameters that train, by name.

    Raises:
        TrainingError: A part the model does not have.
    """
    parts = build.parts(model)
    unknown = sorted(set(trainable) - set(parts))
    if unknown:
        have = ", ".join(sorted(parts))
        raise TrainingError(
            f"trainable names {', '.join(unknown)}; this model has the parts {have}"
        )
    trained: dict[str, nn.Parameter] = {}
    for name, part in parts.items():
        for parameter in part.parameters.values():
            parameter.requires_grad_(name in trainable)
        if name in trainable:
            trained |= part.parameters
    return trained


def _attend(model: PreTrainedModel, attention: str) -> None:
    """Choose the attention of a model and of the models inside it, by their configurations.

    ``set_attn_implementation`` does the same and warns of every configuration whose model it does
    not find where it looks.
    """
    for module in model.modules():
        if isinstance(module, PreTrainedModel):
            module.config._attn_implementation = attention


class StepResult(NamedTuple):
    """What one optimizer step did."""

    loss: float
    grad_norm: float
    metrics: dict[str, float]

    @property
    def is_finite(self) -> bool:
        """Whether loss and gradient are numbers; if not, the step was refused."""
        return math.isfinite(self.loss) and math.isfinite(self.grad_norm)


def train_step(
    model: PreTrainedModel,
    batches: list[MicroBatch],
    optimizer: Optimizers,
    *,
    clip_norm: float,
    device: Device,
) -> StepResult:
    """Compute all micro-batches, divide by their global count, clip, and step.

    Where the loss or the gradient is not finite the model and the optimizer are left as they were.
    """
    optimizer.zero_grad()
    sums = _Sums()
    for batch in batches:
        with device.autocast():
            result = batch.compute(model)
        # Text says nothing about a connector or a tower that train alone.
        if result.total.requires_grad:
            result.total.backward()
        sums.add(result)
    parameters = optimizer.parameters
    for parameter in parameters:
        if parameter.grad is not None:
            parameter.grad.div_(max(sums.count, 1))
    norm = float(nn.utils.clip_grad_norm_(parameters, clip_norm))
    done = sums.divided(norm)
    if done.is_finite:
        optimizer.step()
    return done


def measure(model: PreTrainedModel, batches: list[MicroBatch], device: Device) -> StepResult:
    """Compute the loss of batches without training."""
    model.eval()
    sums = _Sums()
    with torch.no_grad(), device.autocast():
        for batch in batches:
            sums.add(batch.compute(model))
    model.train()
    return sums.divided(0.0)


@dataclass
class _Sums:
    """Losses and metrics of micro-batches, to be divided by their global count once."""

    total: float = 0.0
    count: int = 0
    metrics: dict[str, float] = field(default_factory=dict)

    def add(self, result: LossSum) -> None:
        self.total += float(result.total.detach())
        self.count += result.count
        for name, value in result.metrics.items():
            self.metrics[name] = self.metrics.get(name, 0.0) + value

    def divided(self, grad_norm: float) -> StepResult:
        count = max(self.count, 1)
        means = {name: value / count for name, value in self.metrics.items()}
        return StepResult(self.total / count, grad_norm, means)


def _train(
    stage: Stage,
    model: PreTrainedModel,
    trained: dict[str, nn.Parameter],
    feed: Feed[Any],
    partial: Path,
    device: Device,
) -> dict[str, float | int | str]:
    optimizer = optimizers_for(model, stage.trainable, kind=stage.optimizer, beta2=stage.beta2)
    checkpoints = partial / "checkpoints"
    step = checkpoint.load(checkpoints, parameters=trained, optimizer=optimizer)
    kept = checkpoint.Kept(stage.run.keep_last, stage.run.keep_every)
    log, refused = _Log(partial / LOG_NAME, step), 0
    saved_at = time.monotonic()
    every = max(1, stage.steps // stage.validation.times) if stage.validation else 0
    model.train()
    with (
        Progress(stage.name, stage.steps, done=step) as progress,
        ThreadPoolExecutor(max_workers=1) as pool,
        Preemption() as preemption,
    ):
        if feed.held_out and step == 0:
            log.write(0, "validation", measure(model, feed.validation(), device))
        coming = pool.submit(feed.step, step)
        while step < stage.steps:
            batches = coming.result()
            if step + 1 < stage.steps:
                coming = pool.submit(feed.step, step + 1)
            fraction = stage.schedule.at(step, stage.steps)
            optimizer.set_rate(fraction)
            result = train_step(model, batches, optimizer, clip_norm=stage.clip_norm, device=device)
            step += 1
            if result.is_finite:
                refused = 0
                log.write(step, "train", result, lr_fraction=fraction, batches=batches)
            else:
                refused += 1
                log.refuse(step, batches)
            if refused == stage.run.refused_in_a_row:
                raise TrainingError(_not_finite(result, batches, refused))
            progress.advance(note=f"loss {result.loss:.3f}")
            if feed.held_out and (step % every == 0 or step == stage.steps):
                log.write(step, "validation", measure(model, feed.validation(), device))
            if step == stage.steps:
                break
            is_due = time.monotonic() - saved_at > stage.run.checkpoint_every_s
            if is_due or preemption.is_asked or kept.for_good(step):
                checkpoint.save(
                    checkpoints, step, kept=kept, parameters=trained, optimizer=optimizer
                )
                saved_at = time.monotonic()
            if preemption.is_asked:
                raise Preempted(f"{stage.name} stopped after step {step} of {stage.steps}")
    model.eval()
    checkpoint.prune(checkpoints, replace(kept, last=0))
    return {
        "steps": stage.steps,
        "rows": stage.steps * stage.batch,
        "tokens": log.tokens,
        "tiles": log.tiles,
        "too_long": feed.num_too_long,
        "seconds": log.seconds,
        "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        **{
            f"epochs_{name}": round(value, 3)
            for name, value in feed.mixture.epochs(stage.steps).items()
        },
    }


def _not_finite(result: StepResult, batches: list[MicroBatch], refused: int) -> str:
    names = _names(batches)
    shown = ", ".join(names[:_NAMES_SHOWN]) + (", …" if len(names) > _NAMES_SHOWN else "")
    return (
        f"loss {result.loss} with gradient norm {result.grad_norm} is not finite, {refused} steps in a row, "
        f"the last of {shown or 'records without a name'}; lower the learning rate or look at these records"
    )


def _names(batches: list[MicroBatch]) -> list[str]:
    return [name for batch in batches for name in batch.names]


class _Log:
    """Losses and metrics, one JSON object a line; what stands after a resumed step is dropped."""

    def __init__(self, path: Path, step: int) -> None:
        self._path = path
        spent = 0.0
        kept: list[str] = []
        self.tokens = self.tiles = 0
        if path.is_file():
            for line in path.read_text("utf-8").splitlines():
                try:
                    entry = json.loads(line)
                except ValueError:
                    break  # the line a kill cut short
                if entry["step"] > step or (step == 0):
                    break
                kept.append(line)
                self.tokens += entry.get("tokens", 0)
                self.tiles += entry.get("tiles", 0)
                spent = entry["seconds"]
        self._started = time.monotonic() - spent
        write_text(path, "".join(f"{line}\n" for line in kept))

    @property
    def seconds(self) -> float:
        """Seconds the kept steps took, those before a stop included."""
        return round(time.monotonic() - self._started, 3)

    def write(
        self,
        step: int,
        series: str,
        result: StepResult,
        *,
        lr_fraction: float | None = None,
        batches: list[MicroBatch] | None = None,
    ) -> None:
        entry: dict[str, Any] = {"loss": result.loss, **result.metrics}
        if batches is not None:
            entry |= self._counted(batches)
            entry |= {"grad_norm": result.grad_norm, "lr_fraction": lr_fraction}
        self._append(step, series, entry)

    def refuse(self, step: int, batches: list[MicroBatch]) -> None:
        """Write that a step was refused, and the records it was of."""
        self._append(step, "refused", {**self._counted(batches), "records": _names(batches)})

    def _counted(self, batches: list[MicroBatch]) -> dict[str, int]:
        tokens = sum(batch.num_tokens for batch in batches)
        tiles = sum(batch.num_tiles for batch in batches)
        self.tokens += tokens
        self.tiles += tiles
        return {"tokens": tokens, "tiles": tiles}

    def _append(self, step: int, series: str, entry: Mapping[str, Any]) -> None:
        line = json.dumps({"step": step, "series": series, **entry, "seconds": self.seconds})
        with disk_errors(self._path), self._path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")


def _inputs(stage: Stage, places: Places) -> tuple[Input, ...]:
    found = []
    for reference in stage.references():
        folder = places.find(reference)
        manifest = manifests.read(folder)
        inside = folder.is_relative_to(places.out.parent)
        path = str(folder.relative_to(places.out.parent)) if inside else str(folder)
        if reference.startswith(manifests.PACKAGED):
            path = reference
        found.append(Input(name=reference, path=path, fingerprint=manifest.fingerprint))
    return tuple(found)


def _device(stage: Stage) -> Device:
    device = detect()
    if stage.run.device not in ("auto", device.kind):
        raise TrainingError(
            f"run.device asks for {stage.run.device} but this machine offers {device.kind}"
        )
    device.claim()
    return device
