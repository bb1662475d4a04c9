"""Where a stage also tells how it goes, besides its log: TensorBoard, Weights & Biases, MLflow.

The log is the record; trackers are a view of it. So a tracker that fails while a stage trains is left
out from there on, with a warning, and all are told in a thread of their own: one that is slow does not
hold up the training.
"""

from __future__ import annotations

import importlib
import json
import logging
import secrets
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol, Self

from amalia.errors import MissingExtra, TrainingError
from amalia.store import write_text
from amalia.train.execution import TrackerKind

TENSORBOARD = "tensorboard"
"""Folder of TensorBoard's files in the artifact."""
RUNS = "trackers.json"
"""Under which id W&B and MLflow know the stage, so that a stage that goes on goes on there too."""

_FLUSH_S = 15
_PACKAGES: dict[TrackerKind, tuple[str, str, str]] = {
    "tensorboard": ("torch.utils.tensorboard", "TensorBoard", "train"),
    "wandb": ("wandb", "Weights & Biases", "wandb"),
    "mlflow": ("mlflow", "MLflow", "mlflow"),
}
_log = logging.getLogger(__name__)


class Tracker(Protocol):
    """Takes the numbers of a stage."""

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Take what a step gave.

        Args:
            step: Steps done.
            values: Name → number; a slash groups names, as in ``train/loss``.
        """

    def close(self) -> None:
        """Finish writing."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a tracker is told about a stage when it begins or goes on."""

    name: str
    project: str
    recipe: Mapping[str, Any]
    folder: Path
    """Of the artifact being made."""
    step: int
    """Steps done before."""


def require(kinds: tuple[TrackerKind, ...]) -> None:
    """Make sure that trackers are installed.

    Raises:
        MissingExtra: One is not.
    """
    for kind in kinds:
        _package(kind)


class Trackers:
    """Several trackers as one; use as a context manager.

    Raises:
        TrainingError: One cannot begin. When a stage goes on it is left out instead, with a warning.
    """

    def __init__(self, kinds: tuple[TrackerKind, ...], told: Told) -> None:
        self._open: dict[TrackerKind, Tracker] = {}
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="trackers")
        for kind in dict.fromkeys(kinds):
            try:
                self._open[kind] = _opened(kind, told)
            except Exception as error:  # whatever a package of others raises
                if not told.step:
                    self.close()
                    raise TrainingError(
                        f"run.trackers: {kind} cannot begin: {_line(error)}; mend it or leave {kind} out"
                    ) from error
                _log.warning("%s is left out from here on: %s", kind, _line(error))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Hand on what a step gave; it is taken in a moment."""
        if self._open:
            self._thread.submit(self._write, step, values)

    def close(self) -> None:
        """Wait until everything is taken, and finish."""
        self._thread.shutdown(wait=True)
        for kind, tracker in list(self._open.items()):
            self._try(kind, tracker.close)
        self._open.clear()

    def _write(self, step: int, values: Mapping[str, float]) -> None:
        for kind, tracker in list(self._open.items()):
            self._try(kind, partial(tracker.write, step, values))

    def _try(self, kind: TrackerKind, act: Callable[[], None]) -> None:
        try:
            act()
        except Exception as error:  # whatever a package of others raises, training goes on
            _log.warning("%s is left out from here on: %s", kind, _line(error))
            self._open.pop(kind, None)


class TensorBoard:
    """Event files in the artifact; what they say of steps that are done again is taken back."""

    def __init__(self, told: Told) -> None:
        self._folder = told.folder / TENSORBOARD
        self._summary = importlib.import_module("tensorboard.compat.proto.summary_pb2").Summary
        self._writer = _package("tensorboard").SummaryWriter(
            str(self._folder), purge_step=told.step + 1 if told.step else 0, flush_secs=_FLUSH_S
        )

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Write one event with all values: a fifteenth of the time of one event each."""
        values_of = [
            self._summary.Value(tag=name, simple_value=value) for name, value in values.items()
        ]
        self._writer.file_writer.add_summary(self._summary(value=values_of), step)

    def close(self) -> None:
        """Finish, and take the names of the machine and of the process out of the names of files."""
        self._writer.close()
        for place, path in enumerate(sorted(self._folder.iterdir())):
            began = path.name.split(".")[3]
            path.rename(path.with_name(f"events.out.tfevents.{began}.{place:03d}"))


class WeightsAndBiases:
    """A run of W&B; how and where to is set by its own means, such as ``WANDB_MODE=offline``."""

    def __init__(self, told: Told) -> None:
        known = _runs(told.folder).get("wandb") or secrets.token_hex(4)
        _remember(told.folder, "wandb", known)
        self._run = _package("wandb").init(
            project=told.project,
            name=told.name,
            id=known,
            resume="allow",
            config=dict(told.recipe),
            settings={"console": "off"},
        )

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Log values; W&B passes over those of steps it has."""
        self._run.log(dict(values), step=step)

    def close(self) -> None:
        """Finish the run."""
        self._run.finish()


class Mlflow:
    """A run of MLflow; where to is set by its own means, such as ``MLFLOW_TRACKING_URI``."""

    def __init__(self, told: Told) -> None:
        self._mlflow = _package("mlflow")
        self._mlflow.set_experiment(told.project)
        known = _runs(told.folder).get("mlflow")
        run = self._mlflow.start_run(run_id=known, run_name=None if known else told.name)
        self._id = str(run.info.run_id)
        if not known:
            _remember(told.folder, "mlflow", self._id)
            self._mlflow.log_params(dict(_dotted(told.recipe)))

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Log values."""
        # The run is named because MLflow's current run is that of the thread that began it.
        self._mlflow.log_metrics(dict(values), step=step, run_id=self._id)

    def close(self) -> None:
        """Finish the run."""
        self._mlflow.end_run()


def _opened(kind: TrackerKind, told: Told) -> Tracker:
    if kind == "tensorboard":
        return TensorBoard(told)
    if kind == "wandb":
        return WeightsAndBiases(told)
    return Mlflow(told)


def _package(kind: TrackerKind) -> ModuleType:
    module, called, extra = _PACKAGES[kind]
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise MissingExtra(f"Telling {called} how training goes", extra) from error


def _runs(folder: Path) -> dict[str, str]:
    path = folder / RUNS
    return dict(json.loads(path.read_text("utf-8"))) if path.is_file() else {}


def _remember(folder: Path, kind: TrackerKind, run: str) -> None:
    write_text(folder / RUNS, json.dumps({**_runs(folder), kind: run}))


def _dotted(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Give the values of a recipe under the names that the command line has for them."""
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _dotted(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__
