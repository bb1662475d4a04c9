"""One thread that commits records: those that come while it writes go together into the next transaction."""

from __future__ import annotations

import queue
import threading
from concurrent.futures import Future

from amalia.errors import ArtifactError
from amalia.serve import audit_chain as chain
from amalia.serve.audit_chain import Row
from amalia.serve.audit_database import Database

_Waiting = tuple[Row, "Future[None]"]

_MAX_TOGETHER = 256


class Writer:
    """Takes rows from any thread; one for a log."""

    def __init__(self, database: Database) -> None:
        """Start the thread."""
        self._database = database
        self._waiting: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._is_closed = False
        # What is waiting when the interpreter ends was not answered either.
        self._thread = threading.Thread(target=self._write, name="audit", daemon=True)
        self._thread.start()

    def put(self, row: Row) -> Future[None]:
        """Take a row; the future is done when it is committed, and cannot be cancelled.

        The future raises ``ArtifactError`` when the row was not committed.
        """
        future: Future[None] = Future()
        # A client that leaves cancels what waits for the record; the record is written all the same.
        future.set_running_or_notify_cancel()
        with self._lock:
            if self._is_closed:
                future.set_exception(
                    ArtifactError(
                        f"the log {self._database.name} is closed; start the server again"
                    )
                )
            else:
                self._waiting.put((row, future))
        return future

    def close(self) -> None:
        """Write what is waiting, and end."""
        with self._lock:
            if self._is_closed:
                return
            self._is_closed = True
            self._waiting.put(None)
        self._thread.join()

    def _write(self) -> None:
        while (first := self._waiting.get()) is not None:
            together = [first]
            is_last = False
            while len(together) < _MAX_TOGETHER and not self._waiting.empty():
                following = self._waiting.get()
                if following is None:
                    is_last = True
                    break
                together.append(following)
            self._commit(together)
            if is_last:
                return

    def _commit(self, together: list[_Waiting]) -> None:
        try:
            with self._database.write() as statements:
                is_written = chain.append(statements, [row for row, _ in together])
        except (
            Exception
        ) as error:  # whoever waits must hear of it, whatever it is, and the next can go on
            for _, future in together:
                future.set_exception(error)
            return
        for (row, future), done in zip(together, is_written, strict=True):
            if done:
                future.set_result(None)
            else:
                future.set_exception(
                    ArtifactError(
                        f"trace {row.trace_id} is in the log already; a request has one record"
                    )
                )
