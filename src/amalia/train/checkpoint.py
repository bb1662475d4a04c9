"""Save and load the state of a stage so that going on equals never having stopped.

A checkpoint holds what training changes (trained parameters, optimizer), the step and a cursor, and of
which stage it is; the order of the data follows from the cursor and the learning rate from the step.
Every process writes its share (``torch.distributed.checkpoint``), and any number of processes can go on
from it. It is written beside its name, digested, and renamed; a torn one is noticed and the one before
it is used.
"""

from __future__ import annotations

import json
import logging
import re
import shutil
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from pydantic import BaseModel, ConfigDict
from safetensors import SafetensorError
from torch import nn
from torch.distributed.checkpoint.api import CheckpointException
from torch.distributed.checkpoint.filesystem import FileSystemReader
from torch.distributed.checkpoint.metadata import TensorStorageMetadata
from torch.distributed.checkpoint.state_dict_loader import load as read_shares
from torch.distributed.checkpoint.state_dict_saver import save as write_shares

from amalia.manifest import Input
from amalia.store import disk_errors, sha256_of, write_text
from amalia.train.optimizer import Optimizers
from amalia.train.order import Cursor
from amalia.train.ranks import ALONE, Ranks

WRITERS_RAISE = (SafetensorError, RuntimeError)
"""What safetensors and torch raise in place of the system's error when a disk is full."""
FOLDER = "checkpoints"
"""Where they are in an artifact and in the folder it is made in."""
_STATE = "state.json"
_NAME = re.compile(r"step-(\d{8,})")
_PARAMETERS, _OPTIMIZER, _RANDOM = "parameters", "optimizer", "random"
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


class Owner(BaseModel):
    """The stage a checkpoint is of, whose data may be elsewhere when the checkpoint is read."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    fingerprint: str
    recipe: dict[str, Any]
    inputs: tuple[Input, ...]


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
    owner: Owner | None = None,
    parameters: Mapping[str, nn.Parameter],
    optimizer: Optimizers,
    ranks: Ranks = ALONE,
) -> None:
    """Write the state after ``step`` steps and forget those not ``kept``; all processes call it.

    Raises:
        ArtifactError: The disk is full; the checkpoints before are still there.
    """
    final = folder / f"step-{step:08d}"
    temporary = folder / f"step-{step:08d}.tmp"
    if ranks.is_first:
        shutil.rmtree(temporary, ignore_errors=True)
    ranks.wait()
    state = {
        _PARAMETERS: {name: value.detach() for name, value in parameters.items()},
        _OPTIMIZER: _states(parameters, optimizer),
        _RANDOM: _random(ranks),
    }
    with disk_errors(temporary, *WRITERS_RAISE):
        temporary.mkdir(parents=True, exist_ok=True)
        _write(state, temporary, ranks)
    own = [path for path in temporary.iterdir() if _writer(path.name) == ranks.rank]
    digests = ranks.gather({path.name: sha256_of(path) for path in sorted(own)})
    if ranks.is_first:
        whole = {name: digest for each in digests for name, digest in each.items()}
        about = {"step": step, "cursor": cursor.as_json(), "sha256": whole}
        if owner is not None:
            about["owner"] = owner.model_dump(mode="json")
        write_text(temporary / _STATE, json.dumps(about))
        shutil.rmtree(final, ignore_errors=True)
        temporary.rename(final)
        prune(folder, kept)
    ranks.wait()


def prune(folder: Path, kept: Kept) -> None:
    """Remove the checkpoints that are not ``kept``."""
    there = saved(folder)
    for old in there[: max(0, len(there) - kept.last)]:
        if not kept.for_good(step_of(old)):
            shutil.rmtree(old)


def load(
    folder: Path,
    *,
    parameters: Mapping[str, nn.Parameter],
    optimizer: Optimizers,
    ranks: Ranks = ALONE,
) -> Resumed:
    """Restore the newest whole checkpoint; all processes call it.

    Returns:
        Where to go on; at the start when there is no whole checkpoint.
    """
    found = ranks.from_first(newest(folder) if ranks.is_first else None)
    if found is None:
        return Resumed(0, Cursor())
    path, resumed = found
    read_parameters(path, parameters, ranks=ranks)
    _read_optimizer(path, parameters, optimizer, ranks=ranks)
    _read_random(path, ranks=ranks)
    return resumed


def read_parameters(
    path: Path, parameters: Mapping[str, nn.Parameter], *, ranks: Ranks = ALONE
) -> None:
    """Fill parameters from a checkpoint, whatever number of processes wrote it; all of these call it."""
    with torch.no_grad():
        state = {_PARAMETERS: {name: value.detach() for name, value in parameters.items()}}
        _read(state, path, ranks)


def newest(folder: Path) -> tuple[Path, Resumed] | None:
    """Find the newest whole checkpoint; damaged ones before it are warned of."""
    for path in reversed(saved(folder)):
        resumed = whole(path)
        if resumed is not None:
            return path, resumed
        _log.warning("checkpoint %s is damaged; the one before it is used", path)
    return None


def saved(folder: Path) -> list[Path]:
    """List checkpoints, whole or torn, the oldest first."""
    return sorted(path for path in folder.glob("step-*") if _NAME.fullmatch(path.name))


def step_of(path: Path) -> int:
    """Read from the name of a checkpoint how many steps were done."""
    return int(path.name.removeprefix("step-"))


def whole(path: Path) -> Resumed | None:
    """Read where a checkpoint goes on; ``None`` when it is torn."""
    try:
        state = json.loads((path / _STATE).read_text("utf-8"))
        intact = all(sha256_of(path / name) == digest for name, digest in state["sha256"].items())
        return Resumed(int(state["step"]), Cursor.from_json(state["cursor"])) if intact else None
    except (OSError, ValueError, KeyError):
        return None


def owner_of(path: Path) -> Owner | None:
    """Read of which stage a whole checkpoint is; ``None`` when it does not say."""
    about = json.loads((path / _STATE).read_text("utf-8")).get("owner")
    return None if about is None else Owner.model_validate(about)


def is_one(path: Path) -> bool:
    """Say whether a folder is a checkpoint, whole or torn, and not one of something else."""
    return bool(_NAME.fullmatch(path.name)) or (path / _STATE).is_file()


@contextmanager
def _own_errors() -> Iterator[None]:
    """Raise what went wrong in a process; torch hides it in what is no ``Exception``."""
    try:
        yield
    except CheckpointException as error:
        first, _ = next(iter(error.failures.values()))
        raise first from error


def _write(state: dict[str, Any], folder: Path, ranks: Ranks) -> None:
    with _own_errors(), _alone_is_no_mistake():
        write_shares(state, checkpoint_id=folder, no_dist=not ranks.are_many)


def _read(state: dict[str, Any], folder: Path, ranks: Ranks) -> None:
    with _own_errors(), _alone_is_no_mistake():
        read_shares(state, checkpoint_id=folder, no_dist=not ranks.are_many)


@contextmanager
def _alone_is_no_mistake() -> Iterator[None]:
    """Keep torch from warning that there is one process only."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="torch.distributed is disabled")
        yield


def _states(parameters: Mapping[str, nn.Parameter], optimizer: Optimizers) -> dict[str, Any]:
    """Give what the optimizers remember of every parameter, by its name."""
    states = {key: value for each in optimizer.each for key, value in each.state.items()}
    return {name: dict(states[value]) for name, value in parameters.items() if value in states}


def _read_optimizer(
    path: Path, parameters: Mapping[str, nn.Parameter], optimizer: Optimizers, *, ranks: Ranks
) -> None:
    """Give the optimizers what they remembered, in tensors cut like the parameters are now."""
    owners = {
        value: each
        for each in optimizer.each
        for group in each.param_groups
        for value in group["params"]
    }
    state: dict[str, dict[str, torch.Tensor]] = {}
    for key, stored in FileSystemReader(path).read_metadata().state_dict_metadata.items():
        if not key.startswith(f"{_OPTIMIZER}.") or not isinstance(stored, TensorStorageMetadata):
            continue
        name, _, what = key.removeprefix(f"{_OPTIMIZER}.").rpartition(".")
        value = parameters[name]
        dtype = stored.properties.dtype
        state.setdefault(name, {})[what] = (
            torch.zeros_like(value, dtype=dtype, requires_grad=False)
            if stored.size == value.shape
            else torch.zeros(stored.size, dtype=dtype, device=value.device)
        )
    if state:
        _read({_OPTIMIZER: state}, path, ranks)
    for name, values in state.items():
        owners[parameters[name]].state[parameters[name]] = values


def _random(ranks: Ranks) -> dict[str, torch.Tensor]:
    states = {f"{ranks.rank}-cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        states[f"{ranks.rank}-cuda"] = torch.cuda.get_rng_state()
    return states


def _read_random(path: Path, *, ranks: Ranks) -> None:
    """Go on with the random numbers of this process, if it was there when the checkpoint was written."""
    stored = FileSystemReader(path).read_metadata().state_dict_metadata
    known = {name: v for name, v in _random(ranks).items() if f"{_RANDOM}.{name}" in stored}
    # All take part in a load, also who has nothing to read.
    _read({_RANDOM: known}, path, ranks)
    for name, state in known.items():
        if name.endswith("-cuda"):
            torch.cuda.set_rng_state(state)
        else:
            torch.set_rng_state(state)


def _writer(name: str) -> int:
    """Say which process wrote a file: ``__3_0.distcp`` is of the fourth, what belongs to all of the first."""
    parts = name.split("_")
    return int(parts[2]) if name.startswith("__") else 0
