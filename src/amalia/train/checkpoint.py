"""Save and load the state of a stage so that going on equals never having stopped.

A checkpoint holds what training changes (trained parameters, optimizer), the step and a cursor; the
order of the data follows from the cursor and the learning rate from the step. It is written beside its
name, digested, and renamed; a torn one is noticed and the one before it is used.
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from amalia.store import disk_errors, sha256_of, write_text
from amalia.train.optimizer import Optimizers
from amalia.train.order import Cursor

WRITERS_RAISE = (SafetensorError, RuntimeError)
"""What safetensors and torch raise in place of the system's error when a disk is full."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Kept:
    """Which checkpoints stay when a newer one is there."""

    last: int = 2
    every: int = 0
    """Steps between those that are never removed; 0 is none."""

    def for_good(self, step: int) -> bool:
        """Say whether the checkpoint after so many steps is never removed."""
        return bool(self.every) and step % self.every == 0


class Resumed(NamedTuple):
    """Where a stage goes on."""

    step: int
    """Steps done."""
    cursor: Cursor
    """Where the next one begins in the data."""


def save(
    folder: Path,
    step: int,
    cursor: Cursor,
    *,
    kept: Kept = Kept(),
    parameters: Mapping[str, nn.Parameter],
    optimizer: Optimizers,
) -> None:
    """Write the state after ``step`` steps and forget those not ``kept``.

    Raises:
        ArtifactError: The disk is full; the checkpoints before are still there.
    """
    final = folder / f"step-{step:08d}"
    temporary = folder / f"step-{step:08d}.tmp"
    shutil.rmtree(temporary, ignore_errors=True)
    random = {"cpu": torch.get_rng_state()}
    with disk_errors(temporary, *WRITERS_RAISE):
        temporary.mkdir(parents=True)
        save_file(
            {name: value.detach().contiguous() for name, value in parameters.items()},
            temporary / "model.safetensors",
        )
        torch.save(
            {"optimizer": optimizer.state_dict(), "random": random}, temporary / "optimizer.pt"
        )
    digests = {path.name: sha256_of(path) for path in sorted(temporary.iterdir())}
    write_text(
        temporary / "state.json",
        json.dumps({"step": step, "cursor": cursor.as_json(), "sha256": digests}),
    )
    shutil.rmtree(final, ignore_errors=True)
    temporary.rename(final)
    prune(folder, kept)


def prune(folder: Path, kept: Kept) -> None:
    """Remove the checkpoints that are not ``kept``."""
    there = _all(folder)
    for old in there[: len(there) - kept.last]:
        if not kept.for_good(int(old.name.removeprefix("step-"))):
            shutil.rmtree(old)


def load(folder: Path, *, parameters: Mapping[str, nn.Parameter], optimizer: Optimizers) -> Resumed:
    """Restore the newest whole checkpoint.

    Returns:
        Where to go on; at the start when there is no whole checkpoint.
    """
    for path in reversed(_all(folder)):
        resumed = _whole(path)
        if resumed is None:
            _log.warning("checkpoint %s is damaged; the one before it is used", path)
            continue
        saved = load_file(path / "model.safetensors")
        with torch.no_grad():
            for name, parameter in parameters.items():
                parameter.copy_(saved[name])
        state = torch.load(path / "optimizer.pt", weights_only=True)
        optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["random"]["cpu"])
        return resumed
    return Resumed(0, Cursor())


def _all(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("step-*") if path.suffix != ".tmp")


def _whole(path: Path) -> Resumed | None:
    try:
        state = json.loads((path / "state.json").read_text("utf-8"))
        whole = all(sha256_of(path / name) == digest for name, digest in state["sha256"].items())
        return Resumed(int(state["step"]), Cursor.from_json(state["cursor"])) if whole else None
    except (OSError, ValueError, KeyError):
        return None
