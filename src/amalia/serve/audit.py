"""The audit log: one append-only record a request, reports of people about answers, and what becomes of both.

``Log`` is the same on SQLite (``audit_sqlite``) and PostgreSQL (``audit_postgres``). Records are committed
by one thread (``audit_writer``) and chained by hashes (``audit_chain``); ``audit_search`` finds them,
``audit_erasure`` takes out what must go, ``audit_verify`` looks whether anything else did. What is kept of a
record is decided by ``audit_record``.

Not covered: the server decides what a request is and when an answer may go out.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, Self, get_args

from amalia.errors import RecordError
from amalia.serve import audit_chain as chain
from amalia.serve.audit_database import Database
from amalia.serve.audit_erasure import Erased, Purged, erase, purge
from amalia.serve.audit_postgres import PostgresServer
from amalia.serve.audit_record import (
    AuditSettings,
    Record,
    hashed,
    kept,
    microseconds,
    moment,
    now,
    storable,
)
from amalia.serve.audit_search import Kept, Query, search
from amalia.serve.audit_sqlite import SqliteFile
from amalia.serve.audit_verify import Verified, verify
from amalia.serve.audit_writer import Writer

__all__ = [
    "MAX_COMMENT_CHARS",
    "Category",
    "Erased",
    "Kept",
    "Log",
    "Purged",
    "Query",
    "Report",
    "Verified",
]

Category = Literal["harmful", "wrong", "private", "language", "other"]

MAX_COMMENT_CHARS = 4000


@dataclass(frozen=True, slots=True)
class Report:
    """What a person says of an answer."""

    report_id: str
    trace_id: str
    at: datetime
    category: str
    comment: str
    reporter: str
    """Hash of who reports."""
    closed_at: datetime | None

    def as_json(self) -> dict[str, Any]:
        """Give a mapping that JSON can hold; times in UTC."""
        tree = asdict(self)
        tree["at"] = self.at.isoformat()
        tree["closed_at"] = None if self.closed_at is None else self.closed_at.isoformat()
        return tree


class Log:
    """An open log; a context manager. Methods may be called from any thread, and block; only ``append`` does not."""

    def __init__(self, database: Database, settings: AuditSettings) -> None:
        """Take a database that is ready."""
        self._database = database
        self._settings = settings
        with database.read() as statements:
            self._salt = chain.salt(statements)
        self._writer: Writer | None = None

    @classmethod
    def open(cls, settings: AuditSettings, *, create: bool = True) -> Self:
        """Open the log that settings name.

        Args:
            settings: A relative path is taken from the working folder.
            create: Make it if it is not there. Otherwise nothing is made, and a log that can only be read
                is taken too.

        Raises:
            ArtifactError: There is none, it is something else, of another version, damaged, or cannot be
                written.
            MissingExtra: It is in PostgreSQL, and psycopg is not installed.
        """
        database: Database
        if settings.is_postgres:
            database = PostgresServer.open(settings.log, create=create)
        else:
            database = SqliteFile.open(Path(settings.log), create=create)
        try:
            log = cls(database, settings)
        except BaseException:
            database.close()
            raise
        if create:
            log._writer = Writer(database)
        return log

    def __enter__(self) -> Self:
        """Give the log itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the log."""
        self.close()

    def close(self) -> None:
        """Write what is waiting, and close the database."""
        if self._writer is not None:
            self._writer.close()
        self._database.close()

    @property
    def name(self) -> str:
        """What messages call it."""
        return self._database.name

    def append(self, record: Record) -> Future[None]:
        """Keep a record, as far as the settings keep it.

        Args:
            record: With plain address, subject and texts; masked texts for ``text: masked``.

        Returns:
            Done when the record is committed; cannot be cancelled. Raises ``ArtifactError`` when it is not
            committed: no room, no database, or a second record of the same trace. The next record is tried
            all the same.
        """
        assert self._writer is not None, "a log opened to be read takes no records"
        return self._writer.put(chain.row_of(kept(record, self._settings, self._salt)))

    def search(self, query: Query, *, newest_first: bool = False) -> Iterator[Kept]:
        """Give records in the order in which they were committed; holds nothing while the reader is slow.

        Raises:
            ArtifactError: The log cannot be read.
        """
        yield from search(self._database, self._salt, query, newest_first=newest_first)

    def export(self, query: Query) -> Iterator[dict[str, Any]]:
        """Give all that is kept about what a query finds, as JSON can hold it: records with their reports.

        For a subject also what the subject reported of answers that others had.

        Raises:
            ArtifactError: The log cannot be read.
        """
        for found in self.search(query):
            about = self.reports(trace_id=found.record.trace_id, only_open=False)
            reports = [report.as_json() for report in about]
            yield {"kind": "record", **found.as_json(), "reports": reports}
        if query.subject is not None:
            for report in self.reports(reporter=query.subject, only_open=False):
                yield {"kind": "report", **report.as_json()}

    def report(self, trace_id: str, *, category: str, comment: str = "", reporter: str = "") -> str:
        """Keep what a person says of an answer, and the answer's record until the report is closed.

        Args:
            trace_id: Of the answer.
            category: harmful, wrong, private, language, or other.
            comment: Up to ``MAX_COMMENT_CHARS`` characters; kept as it is given.
            reporter: Who reports, plain; a hash is kept.

        Returns:
            Identifier of the report.

        Raises:
            KeyError: There is no record of that trace.
            RecordError: The category is none, or the comment is too long.
            ArtifactError: The log cannot be written.
        """
        if category not in get_args(Category):
            known = ", ".join(get_args(Category))
            raise RecordError(f"{category!r} is no category of a report; expected one of {known}")
        if len(comment) > MAX_COMMENT_CHARS:
            raise RecordError(
                f"the comment has {len(comment)} characters; expected {MAX_COMMENT_CHARS} at most; shorten it"
            )
        report_id = secrets.token_hex(8)
        who = hashed(self._salt, "subject", reporter) if reporter else ""
        values = (report_id, trace_id, microseconds(now()), category, storable(comment), who)
        with self._database.write() as statements:
            if (
                statements.row("SELECT 1 FROM records WHERE trace_id = ?", storable(trace_id))
                is None
            ):
                raise KeyError(trace_id)
            statements.run("INSERT INTO reports VALUES (?, ?, ?, ?, ?, ?, NULL)", *values)
        return report_id

    def reports(
        self, *, trace_id: str | None = None, reporter: str | None = None, only_open: bool = True
    ) -> list[Report]:
        """Give reports, oldest first.

        Raises:
            ArtifactError: The log cannot be read.
        """
        conditions, values = ["1 = 1"], list[object]()
        if trace_id is not None:
            conditions, values = [*conditions, "trace_id = ?"], [*values, trace_id]
        if reporter is not None:
            conditions.append("reporter = ?")
            values.append(hashed(self._salt, "subject", reporter))
        if only_open:
            conditions.append("closed_us IS NULL")
        where = " AND ".join(conditions)
        with self._database.read() as statements:
            rows = statements.rows(
                f"SELECT * FROM reports WHERE {where} ORDER BY at_us, report_id", *values
            )
        return [
            Report(
                report_id,
                trace,
                moment(at_us),
                category,
                comment,
                who,
                None if closed_us is None else moment(closed_us),
            )
            for report_id, trace, at_us, category, comment, who, closed_us in rows
        ]

    def close_report(self, report_id: str) -> None:
        """Note that a report was dealt with; its record is no longer kept for it.

        Raises:
            RecordError: There is no open report of that identifier.
            ArtifactError: The log cannot be written.
        """
        is_open = "report_id = ? AND closed_us IS NULL"
        with self._database.write() as statements:
            if statements.row(f"SELECT 1 FROM reports WHERE {is_open}", report_id) is None:
                raise RecordError(
                    f"there is no open report {report_id} in {self.name}; amalia audit reports lists them"
                )
            statements.run(
                f"UPDATE reports SET closed_us = ? WHERE {is_open}", microseconds(now()), report_id
            )

    def purge(self, at: datetime | None = None) -> Purged:
        """Take out what is older than the settings keep it.

        Args:
            at: By default now.

        Raises:
            ArtifactError: The log cannot be written; what was done so far stays done.
        """
        return purge(
            self._database,
            at=at or now(),
            keep_text_days=self._settings.keep_text_days,
            keep_records_days=self._settings.keep_records_days,
        )

    def erase_subject(self, subject: str) -> Erased:
        """Blank who asked and what was said in all records of a subject, and what it reported.

        Args:
            subject: As the client gave it.

        Raises:
            ArtifactError: The log cannot be written; what was done so far stays done.
        """
        value = hashed(self._salt, "subject", subject)
        return erase(self._database, at=now(), column="subject", value=value)

    def erase_trace(self, trace_id: str) -> Erased:
        """Blank who asked and what was said in one record, and what was reported of it.

        Raises:
            ArtifactError: The log cannot be written.
        """
        return erase(self._database, at=now(), column="trace_id", value=trace_id)

    def verify(self, head: str | None = None) -> Verified:
        """Look whether the log is as it was written; see ``audit_verify``."""
        return verify(self._database, head)
