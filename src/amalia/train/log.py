"""What a stage did, step by step, in ``log.jsonl``."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from amalia.store import disk_errors, write_text
from amalia.train.feed import MicroBatch
from amalia.train.step import StepResult
from amalia.train.trackers import Tracker


def names_of(batches: list[MicroBatch]) -> list[str]:
    """Name the records of micro-batches."""
    return [name for batch in batches for name in batch.names]


class StageLog:
    """Losses and metrics, one JSON object a line; what stands after a resumed step is dropped.

    Args:
        path: The file.
        step: Steps done before.
        tracker: Is told the numbers of steps and validations too.
    """

    def __init__(self, path: Path, step: int, tracker: Tracker | None = None) -> None:
        self._path = path
        self._tracker = tracker
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
        batches: list[MicroBatch] | None = None,
        figures: Mapping[str, float] | None = None,
    ) -> None:
        """Write what a step or a validation gave.

        Args:
            step: Steps done.
            series: ``train`` or ``validation``.
            result: Loss and metrics.
            batches: What was trained on.
            figures: Whatever else there is to tell, such as learning rates and times.
        """
        entry: dict[str, Any] = {"loss": result.loss, **result.metrics}
        if result.groups:
            entry |= {"loss_of": result.groups, "count_of": result.counts}
        if batches is not None:
            entry |= self._counted(batches)
            entry |= {"grad_norm": result.grad_norm, "grad_norm_of": result.grad_norms}
        entry |= figures or {}
        self._append(step, series, entry)
        if self._tracker is not None:
            self._tracker.write(step, dict(_flat(series, entry)))

    def refuse(self, step: int, batches: list[MicroBatch]) -> None:
        """Write that a step was refused, and the records it was of."""
        self._append(step, "refused", {**self._counted(batches), "records": names_of(batches)})

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


def _flat(prefix: str, entry: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """Give the numbers of an entry under names such as ``train/loss_of/pictures``."""
    for name, value in entry.items():
        if isinstance(value, Mapping):
            yield from _flat(f"{prefix}/{name}", value)
        else:
            yield f"{prefix}/{name}", float(value)
