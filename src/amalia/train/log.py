"""What a stage did, step by step, in ``log.jsonl``."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from amalia.store import disk_errors, write_text
from amalia.train.micro_batch import MicroBatch
from amalia.train.skipped import Skip
from amalia.train.step import StepResult


class Told(NamedTuple):
    """What processes tell each other behind a step."""

    rows: Counter[str]
    """Records of each source."""
    tokens: int
    tiles: int
    records: list[str]
    """Names."""
    skipped: list[Skip]
    is_due: bool
    """Whether it is time for a checkpoint."""
    is_asked: bool
    """Whether a signal to stop came."""

    @classmethod
    def of(
        cls,
        batches: Sequence[MicroBatch],
        skipped: Sequence[Skip] = (),
        is_due: bool = False,
        is_asked: bool = False,
    ) -> Self:
        """Say what this process trained on."""
        return cls(
            Counter(source for batch in batches for source in batch.sources),
            sum(batch.num_tokens for batch in batches),
            sum(batch.num_tiles for batch in batches),
            [name for batch in batches for name in batch.names],
            list(skipped),
            is_due,
            is_asked,
        )

    @classmethod
    def of_all(cls, each: Sequence[Told]) -> Told:
        """Put together what every process said; the first decides what is due, any may stop all."""
        return cls(
            sum((told.rows for told in each), Counter()),
            sum(told.tokens for told in each),
            sum(told.tiles for told in each),
            [name for told in each for name in told.records],
            [skip for told in each for skip in told.skipped],
            each[0].is_due,
            any(told.is_asked for told in each),
        )


class StageLog:
    """Losses and metrics, one JSON object a line; what stands after a resumed step is dropped."""

    def __init__(self, path: Path, step: int) -> None:
        self._path = path
        spent = 0.0
        kept: list[str] = []
        self.rows = self.tokens = self.tiles = 0
        self._skipped: set[tuple[str, str]] = set()
        if path.is_file():
            for line in path.read_text("utf-8").splitlines():
                try:
                    entry = json.loads(line)
                except ValueError:
                    break  # the line a kill cut short
                if entry["step"] > step or (step == 0):
                    break
                kept.append(line)
                if entry["series"] == "skipped":
                    self._skipped.add((entry["source"], entry["record"]))
                self.rows += sum(entry.get("rows", {}).values())
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
        rates: Mapping[str, float] | None = None,
        batches: list[MicroBatch] | None = None,
    ) -> None:
        """Write what a step or a validation gave.

        Args:
            step: Steps done.
            series: ``train`` or ``validation``.
            result: Loss and metrics.
            rates: Part → its learning rate.
            batches: What was trained on.
        """
        entry: dict[str, Any] = {"loss": result.loss, **result.metrics, "loss_of": result.groups}
        if batches is not None:
            entry |= self._counted(batches)
            entry |= {"grad_norm": result.grad_norm}
            entry |= {f"lr_{part}": rate for part, rate in (rates or {}).items()}
        self._append(step, series, entry)

    def skip(self, step: int, skipped: Sequence[Skip]) -> None:
        """Write which records were passed over while a step was prepared, and why."""
        for skip in skipped:
            if (skip.source, skip.record) not in self._skipped:
                self._skipped.add((skip.source, skip.record))
                self._append(step, "skipped", skip._asdict())

    def refuse(self, step: int, batches: list[MicroBatch]) -> None:
        """Write that a step was refused, and the records it was of."""
        self._append(step, "refused", {**self._counted(batches), "records": names_of(batches)})

    def _counted(self, batches: list[MicroBatch]) -> dict[str, Any]:
        tokens = sum(batch.num_tokens for batch in batches)
        tiles = sum(batch.num_tiles for batch in batches)
        rows = Counter(source for batch in batches for source in batch.sources)
        self.rows += rows.total()
        self.tokens += tokens
        self.tiles += tiles
        return {"rows": dict(rows), "tokens": tokens, "tiles": tiles}

    def _append(self, step: int, series: str, entry: Mapping[str, Any]) -> None:
        line = json.dumps({"step": step, "series": series, **entry, "seconds": self.seconds})
        with disk_errors(self._path), self._path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
