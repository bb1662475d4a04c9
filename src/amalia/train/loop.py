"""The one training loop: every stage, from the tower to preferences, is this function and a recipe.

It reads from top to bottom: prepare, then for each step take the batch, compute, clip, step, log,
checkpoint. The loss is summed over what is supervised and divided by the count of the whole step. The
next batch is prepared in a thread while this one is computed.
"""

from __future__ import annotations

import io
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from typing import Any, TextIO

import torch
from torch import nn
from transformers import PreTrainedModel

from amalia import manifest as manifests
from amalia.device import Device, detect
from amalia.errors import TrainingError
from amalia.manifest import Manifest
from amalia.model import attention, build
from amalia.progress import Progress, say
from amalia.recipe import fingerprint
from amalia.store import Workshop
from amalia.train import checkpoint
from amalia.train.checkpoint import Owner
from amalia.train.feed import Feed, open_feed
from amalia.train.inputs import inputs_of
from amalia.train.log import Account, StageLog
from amalia.train.meters import Meters, peak_memory_bytes
from amalia.train.optimizer import Optimizers, optimizers_for
from amalia.train.preemption import Preempted, Preemption
from amalia.train.ranks import Ranks, joined
from amalia.train.sharding import Computed, arranged, full
from amalia.train.stage import LOG_NAME, NextToken, Places, Stage
from amalia.train.start import Begun, finish, prepare
from amalia.train.step import StepResult, measure, train_step
from amalia.train.table import table
from amalia.train.trackers import Told, Trackers, require
from amalia.train.trainable import lighten

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
    device = _device(stage)
    with joined(device) as ranks:
        return _run(stage, places, device, ranks)


def _run(stage: Stage, places: Places, device: Device, ranks: Ranks) -> Manifest:
    inputs = inputs_of(stage, places)
    identity = fingerprint(stage, **{item.name: item.fingerprint for item in inputs})
    shop = Workshop(places.out, fingerprint=identity, recipe=stage.model_dump(mode="json"))
    # All look before the first changes anything.
    finished = ranks.gather(shop.is_finished)
    if any(finished):
        return manifests.read(places.out)
    if ranks.is_first:
        require(stage.run.trackers)
    with shop if ranks.is_first else nullcontext():
        ranks.wait()
        began = time.monotonic()
        begun = prepare(stage, places.find)
        if ranks.is_first:
            say(table(begun.model, stage))
        _attend(stage, begun.model, device)
        if not ranks.are_many:
            lighten(begun.model, device)
        nn.Module.to(begun.model, device.kind)  # transformers' own wrapper of it is untyped
        feed = open_feed(
            stage, begun, places.find, partial=shop.partial, device=device, ranks=ranks
        )
        computed = arranged(begun.model, stage.run, ranks=ranks, device=device)
        prepared_s = time.monotonic() - began
        owner = Owner(fingerprint=identity, recipe=shop.recipe, inputs=inputs)
        figures = _train(stage, computed, feed, shop.partial, owner, device, ranks)
        whole = _whole(stage, places, begun, ranks)
        if ranks.is_first:
            figures["seconds"] = round(float(figures["seconds"]) + prepared_s, 1)
            figures["device"] = f"{device.kind} {device.dtype}"
            finish(stage, whole, shop, inputs=inputs, figures=figures)
        ranks.wait()
    return manifests.read(places.out)


def _whole(stage: Stage, places: Places, begun: Begun, ranks: Ranks) -> Begun:
    """Give a model whose parameters are not cut over processes; to the first of them."""
    if not ranks.are_many:
        return begun
    found = {}
    for name, value in begun.model.named_parameters():
        if value.requires_grad:
            gathered = full(value.detach())
            if ranks.is_first:
                found[name] = gathered.cpu()
    if not ranks.is_first:
        return begun
    whole = prepare(stage, places.find)
    with torch.no_grad():
        for name, value in whole.model.named_parameters():
            if value.requires_grad:
                value.copy_(found[name])
    return whole


def _attend(stage: Stage, model: PreTrainedModel, device: Device) -> None:
    packed: attention.Backend | None = None
    if isinstance(stage.objective, NextToken):
        chosen = stage.run.attention
        packed = device.packed_attention() if chosen == "auto" else chosen
    attention.attend(model, device.attention(stage.max_tokens), packed)


def _train(
    stage: Stage,
    computed: Computed,
    feed: Feed,
    partial: Path,
    owner: Owner,
    device: Device,
    ranks: Ranks,
) -> dict[str, float | int | str]:
    model = computed.model
    optimizer = _optimizer(stage, model, device)
    trained = {name: value for name, value in model.named_parameters() if value.requires_grad}
    parts = {name: list(part.parameters.values()) for name, part in build.parts(model).items()}
    state: dict[str, Any] = {"parameters": trained, "optimizer": optimizer, "ranks": ranks}
    checkpoints = partial / checkpoint.FOLDER
    step, cursor = checkpoint.load(checkpoints, **state)
    kept = checkpoint.Kept(stage.run.keep_last, stage.run.keep_every)
    told = Told(stage.name, stage.run.project, stage.model_dump(mode="json"), partial, step)
    saved_at = time.monotonic()
    every = max(1, stage.steps // stage.validation.times) if stage.validation else 0
    computed.train()
    with (
        Trackers(stage.run.trackers if ranks.is_first else (), told) as trackers,
        Progress(stage.name, stage.steps, done=step, stream=_stream(ranks)) as progress,
        ThreadPoolExecutor(1, initializer=device.settler()) as pool,
        Preemption() as preemption,
    ):
        log, refused = StageLog(partial / LOG_NAME, step, trackers, is_kept=ranks.is_first), 0
        meters = Meters(model, device)
        if feed.held_out and step == 0:
            log.write(0, "validation", measure(computed, feed.validation(), device, ranks=ranks))
        coming = pool.submit(feed.step, cursor)
        while step < stage.steps:
            meters.begin()
            batches, cursor, skipped = coming.result()
            meters.arrived()
            if step + 1 < stage.steps:
                coming = pool.submit(feed.step, cursor)
            rates = optimizer.set_rates(step, stage.steps)
            evened = feed.evened(batches)
            result = train_step(
                computed,
                evened,
                optimizer,
                clip_norm=stage.clip_norm,
                device=device,
                parts=parts,
                ranks=ranks,
            )
            step += 1
            is_due = time.monotonic() - saved_at > stage.run.checkpoint_every_s
            own = Account.of(batches, skipped, is_due, preemption.is_asked)
            account = Account.of_all(ranks.gather(own))
            pace = meters.end(evened, result, account)
            log.skip(step, account.skipped)
            if result.is_finite:
                refused = 0
                figures = {f"lr_{part}": rate for part, rate in rates.items()} | pace._asdict()
                log.write(step, "train", result, account=account, figures=figures)
            else:
                refused += 1
                log.refuse(step, account)
            if refused == stage.run.refused_in_a_row:
                raise TrainingError(_not_finite(result, account.records, refused))
            progress.advance(note=pace.told(result.loss, with_mfu=device.kind == "cuda"))
            if feed.held_out and (step % every == 0 or step == stage.steps):
                held_out = measure(computed, feed.validation(), device, ranks=ranks)
                log.write(step, "validation", held_out)
            if step == stage.steps:
                break
            if account.is_due or account.is_asked or kept.for_good(step):
                checkpoint.save(checkpoints, step, cursor, kept=kept, owner=owner, **state)
                saved_at = time.monotonic()
            if account.is_asked:
                raise Preempted(f"{stage.name} stopped after step {step} of {stage.steps}")
    computed.eval()
    epochs = feed.mixture.epochs(cursor.position)
    return _figures(stage, log, epochs, device)


def _optimizer(stage: Stage, model: PreTrainedModel, device: Device) -> Optimizers:
    return optimizers_for(
        model,
        stage.trainable,
        kind=stage.optimizer,
        beta2=stage.beta2,
        schedule=stage.schedule,
        has_bfloat16=device.dtype == "bfloat16",
    )


def _figures(
    stage: Stage, log: StageLog, epochs: Mapping[str, float], device: Device
) -> dict[str, float | int | str]:
    return {
        "steps": stage.steps,
        "rows": log.rows,
        "tokens": log.tokens,
        "tiles": log.tiles,
        "too_long": log.num_too_long,
        "unreadable": log.num_unreadable,
        "seconds": log.seconds,
        "peak_memory_bytes": peak_memory_bytes(device),
        **{f"epochs_{name}": round(value, 3) for name, value in epochs.items()},
    }


def _stream(ranks: Ranks) -> TextIO | None:
    """Where progress is told; only the first process tells of it."""
    return None if ranks.is_first else io.StringIO()


def _not_finite(result: StepResult, names: Sequence[str], refused: int) -> str:
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
