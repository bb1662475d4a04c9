"""Rows of the log, and the chain of hashes that shows when one was changed, taken out or put in.

``link`` of a row is the hash of the link before it and of the row's ``digest``. A digest covers the facts by
their hash, and what may be blanked (who asked; what was said) by salted hashes whose salt is blanked with it:
so the chain still verifies, and nothing can be found out by trying. A removed record leaves its digest.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from amalia.serve.audit_database import Statements
from amalia.serve.audit_record import Record, canonical, microseconds, moment

_NOTHING = bytes(32)
_PERSON = ("request_id", "client", "pictures")
_COLUMNS_OF_THEIR_OWN = (
    "trace_id",
    "started_at",
    "key_id",
    "subject",
    "question",
    "answer",
    "error",
)
_INSERT = (
    "seq", "trace_id", "started_us", "key_id", "facts", "subject", "person", "question", "answer", "error",
    "person_nonce", "texts_nonce", "person_sha", "texts_sha", "digest", "link",
)  # fmt: skip
COLUMNS = (*_INSERT, "person_erased", "texts_erased", "removed")
"""Of ``records``, in the order in which ``Row`` reads them."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of ``records`` as it stands in the database."""

    seq: int
    trace_id: str | None
    started_us: int | None
    key_id: str | None
    facts: str | None
    subject: str | None
    person: str | None
    question: str | None
    answer: str | None
    error: str | None
    person_nonce: bytes | None
    texts_nonce: bytes | None
    person_sha: bytes | None
    texts_sha: bytes | None
    digest: bytes
    link: bytes
    person_erased: int | None = None
    texts_erased: int | None = None
    removed: int | None = None

    @property
    def facts_digest(self) -> bytes:
        """Hash of what is never blanked while the record stands."""
        return _sha([self.trace_id, self.started_us, self.key_id, self.facts])

    @property
    def person_digest(self) -> bytes:
        """Salted hash of who asked."""
        return _salted(self.person_nonce, [self.subject, self.person])

    @property
    def texts_digest(self) -> bytes:
        """Salted hash of what was said."""
        return _salted(self.texts_nonce, [self.question, self.answer, self.error])


def row_of(record: Record) -> Row:
    """Make the row of a record as it was kept; number and link are given when it is appended.

    Raises:
        ValueError: A number in it is not finite.
    """
    tree = record.as_json()
    person = canonical({name: tree.pop(name) for name in _PERSON})
    for name in _COLUMNS_OF_THEIR_OWN:
        del tree[name]
    texts = [record.question, record.answer, record.error]
    facts = canonical(tree)
    started_us = microseconds(record.started_at)
    person_nonce = secrets.token_bytes(16)
    texts_nonce = secrets.token_bytes(16) if any(texts) else None
    person_sha = _salted(person_nonce, [record.subject, person])
    texts_sha = _salted(texts_nonce, texts)
    facts_sha = _sha([record.trace_id, started_us, record.key_id, facts])
    return Row(
        seq=0,
        trace_id=record.trace_id,
        started_us=started_us,
        key_id=record.key_id,
        facts=facts,
        subject=record.subject,
        person=person,
        question=record.question,
        answer=record.answer,
        error=record.error,
        person_nonce=person_nonce,
        texts_nonce=texts_nonce,
        person_sha=person_sha,
        texts_sha=texts_sha,
        digest=digest(facts_sha, person_sha, texts_sha),
        link=b"",
    )


def record_of(row: Row) -> Record:
    """Read a record back; what was blanked is empty.

    Raises:
        ValueError, TypeError, KeyError: The row was not written by this module.
    """
    tree: dict[str, Any] = json.loads(row.facts or "{}")
    person = json.loads(row.person) if row.person else dict.fromkeys(_PERSON, "") | {"pictures": []}
    tree |= person
    for name in ("verdicts", "passages", "pictures", "finish_reasons"):
        tree[name] = tuple(tree[name])
    tree["finished_at"] = datetime.fromisoformat(tree["finished_at"])
    return Record(
        trace_id=row.trace_id or "",
        started_at=moment(row.started_us or 0),
        key_id=row.key_id or "",
        subject=row.subject,
        question=row.question,
        answer=row.answer,
        error=row.error,
        **tree,
    )


def append(database: Statements, rows: Sequence[Row]) -> list[bool]:
    """Put rows at the end of the chain, inside a transaction that no other writer is in.

    Returns:
        For each row whether it was put there; one of a trace that has a record already is left out.
    """
    marks = ", ".join("?" * len(rows))
    known = f"SELECT trace_id FROM records WHERE trace_id IN ({marks})"
    taken = {trace_id for (trace_id,) in database.rows(known, *(row.trace_id for row in rows))}
    seq, link = head(database)
    written = []
    is_written = []
    for row in rows:
        is_written.append(row.trace_id not in taken)
        if row.trace_id not in taken:
            taken.add(row.trace_id)
            seq, link = seq + 1, linked(link, row.digest)
            written.append((seq, *(getattr(row, name) for name in _INSERT[1:-1]), link))
    names, marks = ", ".join(_INSERT), ", ".join("?" * len(_INSERT))
    database.run_many(f"INSERT INTO records ({names}) VALUES ({marks})", written)
    return is_written


def head(database: Statements) -> tuple[int, bytes]:
    """Give number and link of the newest row; of what stands before the first one if there is none."""
    row = database.row("SELECT seq, link FROM records ORDER BY seq DESC LIMIT 1")
    return (0, origin(database)) if row is None else (int(row[0]), bytes(row[1]))


def origin(database: Statements) -> bytes:
    """Give the link before the first record that the log ever had."""
    return hashlib.sha256(b"amalia audit" + salt(database)).digest()


def salt(database: Statements) -> bytes:
    """Give the salt of the log."""
    row = database.row("SELECT value FROM meta WHERE name = 'salt'")
    assert row is not None
    return bytes(row[0])


def linked(before: bytes, row_digest: bytes) -> bytes:
    """Give the link of a row from the one before."""
    return hashlib.sha256(before + row_digest).digest()


def digest(facts_sha: bytes, person_sha: bytes, texts_sha: bytes) -> bytes:
    """Give the digest of a row."""
    return hashlib.sha256(facts_sha + person_sha + texts_sha).digest()


def _sha(values: Sequence[object]) -> bytes:
    return hashlib.sha256(canonical(values).encode()).digest()


def _salted(nonce: bytes | None, values: Sequence[object]) -> bytes:
    # Without a nonce there is nothing to hide; values that stand there all the same do not verify.
    if nonce is None:
        return _NOTHING if not any(values) else _sha(values)
    return hashlib.sha256(nonce + canonical(values).encode()).digest()
