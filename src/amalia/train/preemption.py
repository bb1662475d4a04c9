"""Being asked to go: a cluster that needs its machine back sends a signal and waits a little."""

from __future__ import annotations

import signal
import threading
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGTERM, signal.SIGUSR1)


class Preempted(Exception):
    """A run stopped because it was asked to, after a checkpoint; the same command goes on."""


class Preemption:
    """Remembers that one of ``SIGNALS`` has come, instead of dying of it; use as a context manager.

    Outside the main thread, where Python hears no signals, it never has.
    """

    def __init__(self) -> None:
        self.is_asked = False
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Preemption:
        if threading.current_thread() is threading.main_thread():
            self._before = {name: signal.signal(name, self._hear) for name in SIGNALS}
        return self

    def __exit__(self, *exception: object) -> None:
        for name, handler in self._before.items():
            signal.signal(name, handler)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        self.is_asked = True
