"""The one training loop: every stage, from the tower to preferences, is this function and a recipe.

It reads from top to bottom: prepare, then for each step take the batch, compute, clip, step, log,
checkpoint. The loss is summed over what is supervised and divided by the count of the whole step. The
next batch is prepared in a thread while this one is computed.
"""

from __future__ import annotations

import resource
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

from amalia import manifest as manifests
from amalia.device import Device, detect
from amalia.errors import TrainingError
from amalia.manifest import Manifest
from amalia.model import build
from amalia.progress import Progress
from amalia.recipe import fingerprint
from amalia.store import Workshop, disk_errors
from amalia.train import checkpoint
from amalia.train.feed import Feed, MicroBatch, open_feed
from amalia.train.inputs import inputs_of
from amalia.train.log import StageLog, names_of
from amalia.train.optimizer import optimizers_for
from amalia.train.preemption import Preempted, Preemption
from amalia.train.stage import LOG_NAME, Places, Stage
from amalia.train.start import begin, write
from amalia.train.step import StepResult, measure, train_step
from amalia.train.trainable import freeze

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
    inputs = inputs_of(stage, places)
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


def _attend(model: PreTrainedModel, attention: str) -> None:
    """Choose the attention of a model and of the models inside it, by their configurations.

    ``set_attn_implementation`` does the same and warns of every configuration whose model it does
    not find where it looks.
    """
    for module in model.modules():
        if isinstance(module, PreTrainedModel):
            module.config._attn_implementation = attention


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
    log, refused = StageLog(partial / LOG_NAME, step), 0
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
    names = names_of(batches)
    shown = ", ".join(names[:_NAMES_SHOWN]) + (", …" if len(names) > _NAMES_SHOWN else "")
    return (
        f"loss {result.loss} with gradient norm {result.grad_norm} is not finite, {refused} steps in a row, "
        f"the last of {shown or 'records without a name'}; lower the learning rate or look at these records"
    )


def _device(stage: Stage) -> Device:
    device = detect()
    if stage.run.device not in ("auto", device.kind):
        raise TrainingError(
            f"run.device asks for {stage.run.device} but this machine offers {device.kind}"
        )
    device.claim()
    return device
