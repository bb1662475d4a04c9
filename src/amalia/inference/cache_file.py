"""Answers that are kept: one SQLite file, for several threads and processes.

An answer is committed when it comes, so that a killed process loses none that came. What a question is
known by is the business of ``cache``.

Not for network file systems that do not lock. Damage is noticed where SQLite notices it: a page that
makes no sense, not a letter that was turned.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Self, TypeVar

from amalia.errors import ArtifactError
from amalia.inference.base import Answer, LogProb

V = TypeVar("V", Answer, LogProb)
Kind = Literal["answer", "weigh"]

# «amal», in the header of the file, where SQLite lets a program say that the file is its own.
_APPLICATION_ID = 0x616D616C
_VERSION = 1
_WAIT_S = 60
_TABLE = """
CREATE TABLE kept (
    key BLOB PRIMARY KEY,
    kind TEXT NOT NULL,
    engine TEXT NOT NULL,
    series BLOB,
    value TEXT NOT NULL,
    num_tokens INTEGER NOT NULL,
    num_prompt_tokens INTEGER,
    seconds REAL NOT NULL
) WITHOUT ROWID;
CREATE INDEX speed ON kept (engine, kind, seconds, num_tokens, num_prompt_tokens);
CREATE INDEX drawn ON kept (series) WHERE series IS NOT NULL;
"""


@dataclass(frozen=True, slots=True)
class Rate:
    """How fast an engine was, over everything that is kept of it, all requests under way together."""

    requests_per_s: float
    generated_tokens_per_s: float
    prompt_tokens_per_s: float | None
    """None where the engine does not count them."""


@dataclass(frozen=True, slots=True)
class Question:
    """What an answer is kept under."""

    key: bytes
    kind: Kind
    engine: str
    series: bytes | None = None
    """Engine and settings, for drawn answers; None for others."""


class AnswerCache:
    """Kept answers in one file; a context manager."""

    def __init__(self, path: Path, database: sqlite3.Connection) -> None:
        """Take a database that ``open`` has prepared."""
        self.path = path
        self._database = database
        self._lock = threading.Lock()

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open a file, or make one with its folder.

        Raises:
            ArtifactError: The file is something else, of another version, damaged, or not to be had.
        """
        with _told(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            database = sqlite3.connect(
                path, timeout=_WAIT_S, isolation_level=None, check_same_thread=False
            )
            try:
                _prepare(path, database)
            except BaseException:
                database.close()
                raise
        return cls(path, database)

    def __enter__(self) -> Self:
        """Give the cache itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self.close()

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()

    def find(self, question: Question, value: type[V]) -> V | None:
        """Give what is kept under a question.

        Raises:
            ArtifactError: The file is damaged.
        """
        row = self._one("SELECT value FROM kept WHERE key = ?", question.key)
        if row is None:
            return None
        try:
            return value(**json.loads(str(row[0])))
        except (TypeError, ValueError) as error:
            raise _damaged(self.path, "it holds an answer that cannot be read") from error

    def keep(self, question: Question, value: Answer | LogProb, *, seconds: float) -> None:
        """Keep an answer; one that is kept already stays.

        Args:
            question: What was asked.
            value: What came.
            seconds: Time since the answer before it came, the first one's since it was asked for.

        Raises:
            ArtifactError: The file is damaged, or there is no room.
        """
        num_prompt_tokens = value.num_prompt_tokens if isinstance(value, Answer) else None
        with _told(self.path), self._lock:
            self._database.execute(
                "INSERT OR IGNORE INTO kept VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    question.key,
                    question.kind,
                    question.engine,
                    question.series,
                    json.dumps(asdict(value)),
                    value.num_tokens,
                    num_prompt_tokens,
                    seconds,
                ),
            )

    def num_drawn(self, series: bytes) -> int:
        """Count the drawn answers of an engine under the same settings."""
        row = self._one("SELECT count(*) FROM kept WHERE series = ?", series)
        return int(str(row[0])) if row else 0

    def rate(self, engine_name: str, *, kind: Kind = "answer") -> Rate | None:
        """Say how fast an engine was so far; None when nothing of it is kept.

        Args:
            engine_name: Name of the engine.
            kind: Answers, or answers that were weighed; their tokens were not generated but read.
        """
        row = self._one(
            "SELECT count(*), sum(seconds), sum(num_tokens), sum(num_prompt_tokens), "
            "sum(CASE WHEN num_prompt_tokens IS NOT NULL THEN seconds END) "
            "FROM kept WHERE engine = ? AND kind = ?",
            engine_name,
            kind,
        )
        num, seconds, tokens, prompt_tokens, prompt_seconds = row or (0, 0, 0, None, None)
        if not num or not seconds:
            return None
        return Rate(
            num / seconds,
            tokens / seconds,
            prompt_tokens / prompt_seconds if prompt_seconds else None,
        )

    def _one(self, query: str, *values: object) -> tuple[Any, ...] | None:
        with _told(self.path), self._lock:
            row: tuple[Any, ...] | None = self._database.execute(query, values).fetchone()
            return row


def _prepare(path: Path, database: sqlite3.Connection) -> None:
    """Check whose file it is before anything is written into it, then make it ready."""
    if not _is_ours(path, database):
        _make(path, database)
    # Readers and one writer do not wait for each other, and a killed process leaves nothing half done.
    # The switch does not wait for others that are opening the file, so it is tried for a while.
    for _ in range(_WAIT_S * 20):
        try:
            database.execute("PRAGMA journal_mode = WAL")
            break
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise
            time.sleep(0.05)
    database.execute("PRAGMA synchronous = NORMAL")


def _make(path: Path, database: sqlite3.Connection) -> None:
    database.execute("BEGIN IMMEDIATE")
    try:
        if not _is_ours(path, database):  # another process may have been first
            for statement in _TABLE.split(";"):
                database.execute(statement)
            database.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
            database.execute(f"PRAGMA user_version = {_VERSION}")
    except BaseException:
        database.execute("ROLLBACK")
        raise
    database.execute("COMMIT")


def _is_ours(path: Path, database: sqlite3.Connection) -> bool:
    """Whether a file is a cache, and not one still to be made; anything else is refused."""
    # Tables first: if another process makes the file meanwhile, what is read after them tells.
    (num_tables,) = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
    (owner,) = database.execute("PRAGMA application_id").fetchone()
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if owner == _APPLICATION_ID:
        if version != _VERSION:
            raise ArtifactError(
                f"the answers in {path} are of version {version}; expected {_VERSION}; give another path, or "
                "remove the file to ask again"
            )
        return True
    if owner or num_tables:
        raise ArtifactError(
            f"{path} is a database of something else; expected kept answers, or no file; give another path"
        )
    return False


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Say what an error of the database means for its user."""
    try:
        yield
    except sqlite3.ProgrammingError:
        raise  # a mistake of ours
    except (OSError, sqlite3.OperationalError) as error:
        raise ArtifactError(
            f"the kept answers in {path} cannot be used ({error}); expected a file on a local disk that can be "
            "written and has room; make room, wait for other runs, or give another path"
        ) from error
    except sqlite3.DatabaseError as error:
        raise _damaged(path, str(error)) from error


def _damaged(path: Path, detail: str) -> ArtifactError:
    return ArtifactError(
        f"{path} is no file of kept answers, or is damaged ({detail}); expected one, or no file; give another "
        f"path, or remove it, with {path.name}-wal and {path.name}-shm, to ask again"
    )
