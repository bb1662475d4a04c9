"""What a stage did, step by step, in ``log.jsonl``."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Self

from amalia.store import disk_errors, write_text
from amalia.train.micro_batch import MicroBatch
from amalia.train.skipped import TOO_LONG, Skip
from amalia.train.step import StepResult
from amalia.train.trackers import Tracker


class Account(NamedTuple):
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
    def of_all(cls, each: Sequence[Account]) -> Account:
        """Put together what every process said; the first decides what is due, any may stop all."""
        return cls(
            sum((account.rows for account in each), Counter()),
            sum(account.tokens for account in each),
            sum(account.tiles for account in each),
            [name for account in each for name in account.records],
            [skip for account in each for skip in account.skipped],
            each[0].is_due,
            any(account.is_asked for account in each),
        )


class StageLog:
    """Losses and metrics, one JSON object a line; what stands after a resumed step is dropped.

    Args:
        path: The file.
        step: Steps done before.
        tracker: Is told the numbers of steps and validations too.
        is_kept: False for a process whose words the first one writes.
    """

    def __init__(
        self, path: Path, step: int, tracker: Tracker | None = None, *, is_kept: bool = True
    ) -> None:
        self._path = path
        self._tracker = tracker
        self._is_kept = is_kept
        spent = 0.0
        kept: list[str] = []
        self.rows = self.tokens = self.tiles = 0
        self._skipped: dict[tuple[str, str], str] = {}
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
                    self._skipped[entry["source"], entry["record"]] = entry["reason"]
                self.rows += sum(entry.get("rows", {}).values())
                self.tokens += entry.get("tokens", 0)
                self.tiles += entry.get("tiles", 0)
                spent = entry["seconds"]
        self._started = time.monotonic() - spent
        if is_kept:
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
        account: Account | None = None,
        figures: Mapping[str, float] | None = None,
    ) -> None:
        """Write what a step or a validation gave.

        Args:
            step: Steps done.
            series: ``train`` or ``validation``.
            result: Loss and metrics.
            account: What was trained on.
            figures: Whatever else there is to tell, such as learning rates and times.
        """
        entry: dict[str, Any] = {"loss": result.loss, **result.metrics}
        if result.groups:
            entry |= {"loss_of": result.groups, "count_of": result.counts}
        if account is not None:
            entry |= self._counted(account)
            entry |= {"grad_norm": result.grad_norm, "grad_norm_of": result.grad_norms}
        entry |= figures or {}
        self._append(step, series, entry)
        if self._tracker is not None:
            self._tracker.write(step, dict(_flat(series, entry)))

    def skip(self, step: int, skipped: Sequence[Skip]) -> None:
        """Write which records were passed over while a step was prepared, and why."""
        for skip in skipped:
            if (skip.source, skip.record) not in self._skipped:
                self._skipped[skip.source, skip.record] = skip.reason
                self._append(step, "skipped", skip._asdict())

    @property
    def num_too_long(self) -> int:
        """Records that did not fit."""
        return sum(reason.startswith(TOO_LONG) for reason in self._skipped.values())

    @property
    def num_unreadable(self) -> int:
        """Records that could not be read."""
        return len(self._skipped) - self.num_too_long

    def refuse(self, step: int, account: Account) -> None:
        """Write that a step was refused, and the records it was of."""
        self._append(step, "refused", {**self._counted(account), "records": account.records})

    def _counted(self, account: Account) -> dict[str, Any]:
        self.rows += account.rows.total()
        self.tokens += account.tokens
        self.tiles += account.tiles
        return {"rows": dict(account.rows), "tokens": account.tokens, "tiles": account.tiles}

    def _append(self, step: int, series: str, entry: Mapping[str, Any]) -> None:
        if not self._is_kept:
            return
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
