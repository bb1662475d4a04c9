"""Finds records in the log, by key, subject, trace and time with an index; by verdict and text by reading on.

Records are read some at a time, each time anew, so that nothing is held while the reader is slow. Not covered:
words in other forms, or records whose texts were not kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from amalia.errors import ArtifactError
from amalia.serve import audit_chain as chain
from amalia.serve.audit_database import Database
from amalia.serve.audit_record import Record, hashed, microseconds

_PAGE = 500
_FAR = 2**62


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """What records must be like; what is None does not matter."""

    trace_id: str | None = None
    key_id: str | None = None
    subject: str | None = None
    """As the client gave it."""
    since: datetime | None = None
    """Started then or later."""
    until: datetime | None = None
    """Started before."""
    verdict: str | None = None
    """Category of one of the verdicts."""
    finish_reason: str | None = None
    """Of one of the choices."""
    text: str | None = None
    """Stands in question or answer, in letters of any case; where hashes are kept, is one of them whole."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A record in the log."""

    seq: int
    """Its number; the order in which records were committed."""
    record: Record
    is_person_erased: bool
    """Whether who asked was blanked."""
    are_texts_erased: bool
    """Whether question and answer were blanked."""

    def as_json(self) -> dict[str, Any]:
        """Give a mapping that JSON can hold."""
        about = {
            "seq": self.seq,
            "is_person_erased": self.is_person_erased,
            "are_texts_erased": self.are_texts_erased,
        }
        return about | self.record.as_json()


def search(
    database: Database, salt: bytes, query: Query, *, newest_first: bool = False
) -> Iterator[Kept]:
    """Give the records that fit, in the order in which they were committed or the other way round.

    Raises:
        ArtifactError: The log cannot be read.
    """
    where, values = _where(query, salt)
    columns, order = ", ".join(chain.COLUMNS), "DESC" if newest_first else "ASC"
    sql = (
        f"SELECT {columns} FROM records WHERE {where} AND seq BETWEEN ? AND ? "
        f"ORDER BY seq {order} LIMIT {_PAGE}"
    )
    first, last = _between(database, query)
    while True:
        with database.read() as statements:
            page = [chain.Row(*row) for row in statements.rows(sql, *values, first, last)]
        for row in page:
            found = _kept(database, row)
            if _fits(found.record, query, salt):
                yield found
        if len(page) < _PAGE:
            return
        first, last = (first, page[-1].seq - 1) if newest_first else (page[-1].seq + 1, last)


def _between(database: Database, query: Query) -> tuple[int, int]:
    """Give the first and the last number of records of a time; others may stand between them."""
    if query.since is None and query.until is None:
        return 1, _FAR
    since = -_FAR if query.since is None else microseconds(query.since)
    until = _FAR if query.until is None else microseconds(query.until)
    sql = "SELECT min(seq), max(seq) FROM records WHERE facts IS NOT NULL AND started_us BETWEEN ? AND ?"
    with database.read() as statements:
        first, last = statements.row(sql, since, until) or (None, None)
    return (1, 0) if first is None else (first, last)


def _where(query: Query, salt: bytes) -> tuple[str, list[object]]:
    conditions, values = ["facts IS NOT NULL"], list[object]()
    for condition, value in (
        ("trace_id = ?", query.trace_id),
        ("key_id = ?", query.key_id),
        ("subject = ?", None if query.subject is None else hashed(salt, "subject", query.subject)),
        # A plus keeps the database from taking the index of times and sorting all it finds for each page.
        ("+started_us >= ?", None if query.since is None else microseconds(query.since)),
        ("+started_us < ?", None if query.until is None else microseconds(query.until)),
        # A quick look that misses none; ``_fits`` looks closely.
        ("facts LIKE ?", None if query.verdict is None else f'%"category":"{query.verdict}"%'),
        ("facts LIKE ?", None if query.finish_reason is None else f'%"{query.finish_reason}"%'),
    ):
        if value is not None:
            conditions.append(condition)
            values.append(value)
    return " AND ".join(conditions), values


def _fits(record: Record, query: Query, salt: bytes) -> bool:
    if query.verdict is not None and query.verdict not in {
        verdict.get("category") for verdict in record.verdicts
    }:
        return False
    if query.finish_reason is not None and query.finish_reason not in record.finish_reasons:
        return False
    if query.text is None:
        return True
    wanted, whole = query.text.casefold(), hashed(salt, "text", query.text)
    texts = [text for text in (record.question, record.answer) if text]
    return any(wanted in text.casefold() or text == whole for text in texts)


def _kept(database: Database, row: chain.Row) -> Kept:
    try:
        record = chain.record_of(row)
    except (KeyError, TypeError, ValueError) as error:
        raise ArtifactError(
            f"record {row.seq} of the log {database.name} cannot be read ({error}); expected what a server "
            "writes; amalia audit verify says what was changed"
        ) from error
    return Kept(row.seq, record, row.person_erased is not None, row.texts_erased is not None)
