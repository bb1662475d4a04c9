"""What trains in a stage, as a table that is read before it begins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from transformers import PreTrainedModel

from amalia.model import build
from amalia.train.optimizer import shares
from amalia.train.schedule import Schedule
from amalia.train.stage import Stage, Trainable
from amalia.train.trainable import trained_of

_COLUMNS = ("part", "how", "parameters", "trained", "lr", "weight decay", "schedule", "optimizer")
_NUMBERS = {"parameters", "trained", "lr", "weight decay"}
_ORDER = ("vision", "connector", "language", "captions", "temperature")


def table(model: PreTrainedModel, stage: Stage) -> str:
    """Say of every part how it trains, one a line, and the sum.

    Args:
        model: After ``freeze``, which gives parts their adapters; it may be on the meta device.
        stage: What is to be done with it.
    """
    parts = build.parts(model)
    rows = [
        _row(parts[name], stage, optimizer=_optimizers(model, parts[name], stage))
        for name in _ORDER
        if name in parts
    ]
    every = sum(part.count for part in parts.values())
    trained = sum(_trained(part, stage.trainable) for part in parts.values())
    total = ["total", "", f"{every:,}", f"{trained:,}"]
    widths = [
        max(len(row[column]) for row in (_COLUMNS, *rows, total) if column < len(row))
        for column in range(len(_COLUMNS))
    ]
    lines = [_aligned(row, widths) for row in (list(_COLUMNS), *rows, total)]
    lines[-1] += f"  {100 * trained / every:.3g} % of the parameters"
    return "\n".join(lines)


def _row(part: build.Part, stage: Stage, *, optimizer: str) -> list[str]:
    name, counts = part.name, [f"{part.count:,}", f"{_trained(part, stage.trainable):,}"]
    trainable: Mapping[Any, Trainable] = stage.trainable
    if name not in trainable:
        return [name, "frozen", *counts, "–", "–", "–", "–"]
    how = trainable[name]
    return [
        name,
        f"LoRA r={how.lora.rank}" if how.lora else "full",
        *counts,
        f"{how.lr:g}",
        f"{how.weight_decay:g}",
        _told(how.schedule or stage.schedule),
        optimizer,
    ]


def _trained(part: build.Part, trainable: Mapping[Any, Trainable]) -> int:
    if part.name not in trainable:
        return 0
    return sum(value.numel() for value in trained_of(part, trainable[part.name]).values())


def _optimizers(model: PreTrainedModel, part: build.Part, stage: Stage) -> str:
    trainable: Mapping[Any, Trainable] = stage.trainable
    if part.name not in trainable:
        return "–"
    share = shares(model, part, trainable[part.name], kind=stage.optimizer)
    return " + ".join(
        name for name, values in (("Muon", share.muon), ("AdamW", share.adamw)) if values
    )


def _told(schedule: Schedule) -> str:
    said = []
    if schedule.warmup_fraction:
        said.append(f"warm-up {100 * schedule.warmup_fraction:g} %")
    if schedule.stable_fraction:
        said.append(f"stable {100 * schedule.stable_fraction:g} %")
    if schedule.decay == "none":
        said.append("constant")
    else:
        said.append(f"{schedule.decay} to {100 * schedule.final_fraction:g} %")
    return ", ".join(said)


def _aligned(row: list[str], widths: list[int]) -> str:
    cells = [
        cell.rjust(width) if column in _NUMBERS else cell.ljust(width)
        for cell, width, column in zip(row, widths, _COLUMNS, strict=False)
    ]
    return "  ".join(cells).rstrip()
