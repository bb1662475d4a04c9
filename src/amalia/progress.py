"""Progress on stderr: a live bar in a terminal, a line now and then elsewhere.

Long work says how far it is and when it will be done, and says nothing when it takes a moment only.
"""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self, TextIO

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as RichProgress

LINE_EVERY_S = 15.0
QUIET_BELOW_S = 3.0


def say(text: str, *, stream: TextIO | None = None) -> None:
    """Write lines to stderr, before or after a bar."""
    stream = stream or sys.stderr
    stream.write(f"{text}\n")
    stream.flush()


class Progress:
    """How far a piece of work is; use as a context manager and ``advance`` it."""

    def __init__(
        self, what: str, total: int, *, done: int = 0, stream: TextIO | None = None
    ) -> None:
        self._what = what
        self._total = total
        self._done = self._resumed = done
        self._said = -1
        self._stream = stream or sys.stderr
        self._note = ""
        self._bar: RichProgress | None = None
        if self._stream.isatty():
            self._bar = RichProgress(
                TextColumn("{task.description:<14}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                TextColumn("{task.fields[note]}"),
                console=Console(file=self._stream),
            )
            self._task = self._bar.add_task(what, total=total, completed=done, note="")
        self._started = self._last_line = time.monotonic()

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
        elif time.monotonic() - self._started > QUIET_BELOW_S and self._said != self._done:
            self._line()

    def advance(self, count: int = 1, *, note: str = "") -> None:
        """Say that ``count`` more are done, with a word about how it goes."""
        self._done += count
        self._note = note or self._note
        if self._bar is not None:
            self._bar.update(self._task, completed=self._done, note=self._note)
        elif time.monotonic() - self._last_line > LINE_EVERY_S:
            self._line()

    def _line(self) -> None:
        now = time.monotonic()
        self._last_line = now
        self._said = self._done
        rate = (self._done - self._resumed) / max(now - self._started, 1e-9)
        left = f"{(self._total - self._done) / rate:.0f} s left" if rate else "starting"
        note = f", {self._note}" if self._note else ""
        self._stream.write(f"{self._what}: {self._done}/{self._total}, {left}{note}\n")
        self._stream.flush()
