"""What is taken out of the log, on request or by age; every time leaves a row in ``erasures``.

A row of ``erasures`` says when, why and of how many records, and holds a hash of their ids and no personal
data. Its own ``link`` chains it to the erasures before and to the newest record of that moment. Work is done
two hundred records a transaction, so that answers wait for it a moment at most.

Records go by their date. One that is dated after ``at`` stays; one written while the clock was wrong goes by
the wrong date. Those with an open report stay until it is closed, except when a subject is erased.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from amalia.serve import audit_chain as chain
from amalia.serve.audit_database import Database, Statements
from amalia.serve.audit_record import canonical, microseconds

Reason = Literal["age of texts", "age of records", "subject", "trace"]

_BATCH = 200
_NOT_REPORTED = "NOT EXISTS (SELECT 1 FROM reports WHERE reports.trace_id = records.trace_id AND closed_us IS NULL)"
_BLANK_TEXTS = "question = NULL, answer = NULL, error = NULL, texts_nonce = NULL, texts_erased = ?"
_BLANK_PERSON = "subject = NULL, person = NULL, person_nonce = NULL, person_erased = ?"
_BLANK_ALL = (
    "trace_id = NULL, started_us = NULL, key_id = NULL, facts = NULL, subject = NULL, person = NULL, "
    "question = NULL, answer = NULL, error = NULL, person_nonce = NULL, texts_nonce = NULL, "
    "person_sha = NULL, texts_sha = NULL, person_erased = NULL, texts_erased = NULL, removed = ?"
)
FIELDS = (
    "id", "at_us", "reason", "num_records", "ids_sha", "first_seq", "first_previous", "head_seq", "head",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Purged:
    """What went by age."""

    num_texts: int
    """Records whose texts were blanked."""
    num_records: int
    """Records that were removed, their closed reports with them."""
    is_overwritten: bool
    """False if older states of the file are still being read, which may hold what was blanked."""


@dataclass(frozen=True, slots=True)
class Erased:
    """What went on request."""

    num_records: int
    """Records in which who asked and what was said were blanked."""
    num_reports: int
    """Reports whose comment was blanked."""
    is_overwritten: bool
    """False if older states of the file are still being read, which may hold what was blanked."""


def purge(
    database: Database, *, at: datetime, keep_text_days: int | None, keep_records_days: int | None
) -> Purged:
    """Blank texts and remove records that are older than they may be.

    Raises:
        ArtifactError: The log cannot be written; what was done so far stays done.
    """
    num_texts = num_records = 0
    if keep_records_days is not None:
        before_us = microseconds(at - timedelta(days=keep_records_days))
        old = f"facts IS NOT NULL AND started_us < ? AND {_NOT_REPORTED}"
        num_records = _all(database, at, "age of records", old, before_us)
    if keep_text_days is not None:
        before_us = microseconds(at - timedelta(days=keep_text_days))
        old = f"texts_nonce IS NOT NULL AND started_us < ? AND {_NOT_REPORTED}"
        num_texts = _all(database, at, "age of texts", old, before_us)
    return Purged(num_texts, num_records, database.overwrite())


def erase(
    database: Database, *, at: datetime, column: Literal["subject", "trace_id"], value: str
) -> Erased:
    """Blank who asked and what was said in the records of one subject or trace, and what was reported of them.

    Args:
        database: Of the log.
        at: Now.
        column: What the records are known by.
        value: As it stands in the log.

    Raises:
        ArtifactError: The log cannot be written; what was done so far stays done.
    """
    reason: Reason = "subject" if column == "subject" else "trace"
    num_reports = 0
    with database.write() as statements:
        # Reports first: afterwards nothing says any more which records were the subject's.
        where = "trace_id IN (SELECT trace_id FROM records WHERE subject = ?) OR reporter = ?"
        values = [value, value]
        if column == "trace_id":
            where, values = "trace_id = ?", [value]
        found = statements.rows(
            f"SELECT report_id FROM reports WHERE ({where}) AND (comment <> '' OR reporter <> '')",
            *values,
        )
        if found:
            number = _begin(statements, at, reason, [])
            statements.run_many(
                "UPDATE reports SET comment = '', reporter = '' WHERE report_id = ?", found
            )
            _finish(statements, number)
            num_reports = len(found)
    mine = f"{column} = ? AND (person_nonce IS NOT NULL OR texts_nonce IS NOT NULL)"
    num_records = _all(database, at, reason, mine, value)
    return Erased(num_records, num_reports, database.overwrite())


def _all(database: Database, at: datetime, reason: Reason, where: str, value: object) -> int:
    """Take out all records of a condition, some at a time; give how many there were."""
    done = 0
    # In the order of the index, so that nothing that was taken out is looked at again.
    order = "started_us" if reason in ("age of texts", "age of records") else "subject, seq"
    query = f"SELECT seq, trace_id FROM records WHERE {where} ORDER BY {order} LIMIT {_BATCH}"
    while True:
        with database.write() as statements:
            rows = sorted(statements.rows(query, value))
            if rows:
                number = _begin(statements, at, reason, [str(trace_id) for _, trace_id in rows])
                if reason == "age of records":
                    _remove(statements, number, rows)
                else:
                    _blank(statements, number, rows, with_person=reason != "age of texts")
                _finish(statements, number)
        done += len(rows)
        if len(rows) < _BATCH:
            return done


def _blank(
    statements: Statements, number: int, rows: Sequence[tuple[Any, ...]], *, with_person: bool
) -> None:
    named = [(number, seq) for seq, _ in rows]
    of_row = "WHERE seq = ? AND texts_nonce IS NOT NULL"
    statements.run_many(f"UPDATE records SET {_BLANK_TEXTS} {of_row}", named)
    if with_person:
        of_row = "WHERE seq = ? AND person_nonce IS NOT NULL"
        statements.run_many(f"UPDATE records SET {_BLANK_PERSON} {of_row}", named)


def _remove(statements: Statements, number: int, rows: Sequence[tuple[Any, ...]]) -> None:
    statements.run_many("DELETE FROM reports WHERE trace_id = ?", [(trace,) for _, trace in rows])
    statements.run_many(
        f"UPDATE records SET {_BLANK_ALL} WHERE seq = ?", [(number, seq) for seq, _ in rows]
    )
    # What is left of removed records holds the chain together between others. Before the first record
    # that stands, and before the newest, it is not needed: the erasure keeps the link.
    (newest,) = statements.row("SELECT max(seq) FROM records") or (0,)
    stands = "SELECT seq FROM records WHERE facts IS NOT NULL ORDER BY seq LIMIT 1"
    (first,) = statements.row(stands) or (newest,)
    before = statements.row("SELECT seq, link FROM records WHERE seq = ?", first - 1)
    if before is not None:
        statements.run(
            "UPDATE erasures SET first_seq = ?, first_previous = ? WHERE id = ?",
            first,
            before[1],
            number,
        )
        statements.run("DELETE FROM records WHERE seq < ?", first)


def _begin(statements: Statements, at: datetime, reason: Reason, trace_ids: Sequence[str]) -> int:
    """Open an erasure: from now to ``_finish`` the triggers let records be changed."""
    last = statements.row(
        "SELECT id, first_seq, first_previous FROM erasures ORDER BY id DESC LIMIT 1"
    )
    number, first_seq, first_previous = last or (0, 1, chain.origin(statements))
    head_seq, head = chain.head(statements)
    ids_sha = hashlib.sha256("\n".join(trace_ids).encode()).digest()
    names, marks = ", ".join(FIELDS), ", ".join("?" * len(FIELDS))
    statements.run(
        f"INSERT INTO erasures ({names}) VALUES ({marks})",
        number + 1, microseconds(at), reason, len(trace_ids), ids_sha, first_seq, first_previous, head_seq, head,
    )  # fmt: skip
    return int(number) + 1


def _finish(statements: Statements, number: int) -> None:
    row = statements.row(f"SELECT {', '.join(FIELDS)} FROM erasures WHERE id = ?", number)
    before = statements.row("SELECT link FROM erasures WHERE id = ?", number - 1)
    assert row is not None
    link = erasure_link(bytes(before[0]) if before else chain.origin(statements), row)
    statements.run("UPDATE erasures SET link = ? WHERE id = ?", link, number)


def erasure_link(before: bytes, fields: Sequence[object]) -> bytes:
    """Give the link of an erasure from the one before and its fields, in the order of the table."""
    shown = [field.hex() if isinstance(field, bytes) else field for field in fields]
    return hashlib.sha256(before + canonical(shown).encode()).digest()
