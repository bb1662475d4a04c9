"""What a log asks of a database, and the tables it makes there.

The same SQL runs on SQLite and PostgreSQL; only the types of columns and the triggers that refuse changes
are worded apart, by ``audit_sqlite`` and ``audit_postgres``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Protocol

VERSION = 1
"""Of the tables."""
WAIT_S = 15.0
"""How long a write waits for other writers, and a connection for its server."""

TABLES = """
CREATE TABLE meta (name TEXT PRIMARY KEY, value {blob} NOT NULL);
CREATE TABLE records (
    seq {integer} PRIMARY KEY,
    trace_id TEXT UNIQUE,
    started_us {integer},
    key_id TEXT,
    facts TEXT,
    subject TEXT,
    person TEXT,
    question TEXT,
    answer TEXT,
    error TEXT,
    person_nonce {blob},
    texts_nonce {blob},
    person_sha {blob},
    texts_sha {blob},
    digest {blob} NOT NULL,
    link {blob} NOT NULL,
    person_erased {integer},
    texts_erased {integer},
    removed {integer}
);
CREATE INDEX records_dated ON records (started_us) WHERE facts IS NOT NULL;
CREATE INDEX records_with_texts ON records (started_us) WHERE texts_nonce IS NOT NULL;
CREATE INDEX records_by_key ON records (key_id, seq) WHERE facts IS NOT NULL;
CREATE INDEX records_by_subject ON records (subject, seq) WHERE subject IS NOT NULL;
CREATE TABLE reports (
    report_id TEXT PRIMARY KEY,
    trace_id TEXT NOT NULL,
    at_us {integer} NOT NULL,
    category TEXT NOT NULL,
    comment TEXT NOT NULL,
    reporter TEXT NOT NULL,
    closed_us {integer}
);
CREATE INDEX reports_by_trace ON reports (trace_id);
CREATE TABLE erasures (
    id {integer} PRIMARY KEY,
    at_us {integer} NOT NULL,
    reason TEXT NOT NULL,
    num_records {integer} NOT NULL,
    ids_sha {blob} NOT NULL,
    first_seq {integer} NOT NULL,
    first_previous {blob} NOT NULL,
    head_seq {integer} NOT NULL,
    head {blob} NOT NULL,
    link {blob}
)
"""
"""``records``: ``link`` is the hash of the link before and of ``digest``, which covers what is in the row and,
by salted hashes, what may be blanked. ``erasures``: one is open, without ``link``, inside the transaction
that blanks, and only then do the triggers let anything be changed."""

APPEND_ONLY = "the log is append-only; amalia audit erase and purge take out what must go"
"""What the triggers say."""


class Statements:
    """Statements of one transaction."""

    def __init__(self, cursor: Any, mark: str = "?") -> None:
        """Wrap a cursor.

        Args:
            cursor: Of sqlite3 or psycopg, which share these methods and no type.
            mark: What stands for a value in its SQL.
        """
        self._cursor = cursor
        self._mark = mark

    def run(self, sql: str, *values: object) -> None:
        """Run a statement; ``?`` stands for a value."""
        self._cursor.execute(self._worded(sql), values)

    def run_many(self, sql: str, rows: Iterable[Sequence[object]]) -> None:
        """Run a statement once for each row of values."""
        self._cursor.executemany(self._worded(sql), rows)

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Give all rows of a query."""
        self._cursor.execute(self._worded(sql), values)
        found: list[tuple[Any, ...]] = self._cursor.fetchall()
        return found

    def row(self, sql: str, *values: object) -> tuple[Any, ...] | None:
        """Give the first row of a query, or None."""
        found = self.rows(sql, *values)
        return found[0] if found else None

    def _worded(self, sql: str) -> str:
        return sql if self._mark == "?" else sql.replace("?", self._mark)


class Database(Protocol):
    """Where the tables are. Methods may be called from any thread."""

    @property
    def name(self) -> str:
        """What messages call it; no password."""
        ...

    def write(self) -> AbstractContextManager[Statements]:
        """Give a transaction that no other writer of any process is in; committed when left without error.

        Raises:
            ArtifactError: It cannot be had or committed; nothing of it was written, or in PostgreSQL, if
                the connection broke at the very end, it may have been.
        """
        ...

    def read(self) -> AbstractContextManager[Statements]:
        """Give a transaction that sees one state and keeps nobody from writing.

        Raises:
            ArtifactError: The database cannot be read.
        """
        ...

    def overwrite(self) -> bool:
        """Take what was blanked out of the files too, as far as the database does that.

        Returns:
            False if others who read an older state kept it from being done now.
        """
        ...

    def close(self) -> None:
        """Close connections."""
        ...
