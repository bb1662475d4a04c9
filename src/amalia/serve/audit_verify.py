"""Looks whether the log is as it was written: every hash, every number, every erasure.

Not covered: somebody who may write to the log and knows this code can alter a record and make all later links
anew, or take the newest records out. That shows only against a head that was noted elsewhere, as ``amalia
audit verify`` prints it: note it from time to time where the server cannot write. Reports are not chained.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from amalia.errors import RecordError
from amalia.serve import audit_chain as chain
from amalia.serve.audit_database import Database, Statements
from amalia.serve.audit_erasure import FIELDS, erasure_link

_PAGE = 1000
_MAX_FAULTS = 100
_HEAD = re.compile(r"([0-9]+):([0-9a-f]{64})")


@dataclass(frozen=True, slots=True)
class Verified:
    """What was looked at, and what was wrong."""

    num_records: int
    """That stand."""
    num_removed: int
    """Of which only the digest is left."""
    num_erasures: int
    first_seq: int
    """Number of the first row; those before it went by age."""
    head: str
    """Number and link of the newest row, to be noted elsewhere."""
    faults: tuple[str, ...]
    """One line each, a hundred at most; empty when the log is as it was written."""


@dataclass(slots=True)
class _Walk:
    """Where a walk along the chain stands."""

    seq: int
    link: bytes
    noted: dict[int, list[tuple[bytes, str]]]
    """Links that are known from elsewhere, by number, with what says so."""
    num_records: int = 0
    num_removed: int = 0
    faults: list[str] = field(default_factory=list)
    named: Counter[int] = field(default_factory=Counter)
    """How many rows say that an erasure blanked or removed them."""

    def step(self, row: chain.Row) -> None:
        if row.seq != self.seq + 1:
            self.faults.append(f"records {self.seq + 1} to {row.seq - 1} are missing")
        elif row.link != chain.linked(self.link, row.digest):
            self.faults.append(f"record {row.seq} does not follow from the one before")
        self.faults += [f"record {row.seq} {fault}" for fault in _faults(row)]
        self.faults += [
            f"record {row.seq} is not the one that {source} knows"
            for link, source in self.noted.pop(row.seq, [])
            if link != row.link
        ]
        named = {row.person_erased, row.texts_erased, row.removed} - {None}
        self.named.update(number for number in named if number is not None)
        self.num_records += row.removed is None
        self.num_removed += row.removed is not None
        self.seq, self.link = row.seq, row.link


def verify(database: Database, head: str | None = None) -> Verified:
    """Walk along the whole chain.

    Args:
        database: Of the log.
        head: As an earlier call gave it, to see that the log of then is still in this one.

    Raises:
        ArtifactError: The log cannot be read.
        RecordError: ``head`` is none.
    """
    noted = _parsed(head)
    with database.read() as statements:
        erasures = _erasures(statements)
        origin = chain.origin(statements)
        first_seq, before = 1, origin
        if erasures:
            first_seq, before = erasures[-1][5], bytes(erasures[-1][6])
        walk = _Walk(first_seq - 1, before, _known(noted, erasures, first_seq))
        _check_erasures(erasures, origin, walk)
        columns = ", ".join(chain.COLUMNS)
        query = f"SELECT {columns} FROM records WHERE seq > ? ORDER BY seq LIMIT {_PAGE}"
        last = -1
        while rows := statements.rows(query, last):
            for values in rows:
                walk.step(chain.Row(*values))
            last = rows[-1][0]
    for seq, sources in walk.noted.items():
        walk.faults += [f"record {seq}, which {source} knows, is missing" for _, source in sources]
    sizes = {row[0]: row[3] for row in erasures}
    walk.faults += [
        f"{num} records say that erasure {number} took them out; it took out {sizes.get(number, 0)}"
        for number, num in sorted(walk.named.items())
        if num > sizes.get(number, 0)
    ]
    return Verified(
        num_records=walk.num_records,
        num_removed=walk.num_removed,
        num_erasures=len(erasures),
        first_seq=first_seq,
        head=f"{walk.seq}:{walk.link.hex()}",
        faults=tuple(walk.faults[:_MAX_FAULTS]),
    )


def _faults(row: chain.Row) -> list[str]:
    """Say what is wrong within one row."""
    if row.removed is not None:
        content = (
            row.trace_id,
            row.facts,
            row.subject,
            row.person,
            row.question,
            row.answer,
            row.error,
        )
        return ["was removed and holds something"] if any(content) else []
    found = []
    person_sha, texts_sha = row.person_sha or b"", row.texts_sha or b""
    if chain.digest(row.facts_digest, person_sha, texts_sha) != row.digest:
        found.append("was changed")
    for what, erased, current, sha, values in (
        ("who asked", row.person_erased, row.person_digest, person_sha, (row.subject, row.person)),
        (
            "its texts",
            row.texts_erased,
            row.texts_digest,
            texts_sha,
            (row.question, row.answer, row.error),
        ),
    ):
        if erased is None and current != sha:
            found.append(f"was changed in {what}")
        elif erased is not None and any(values):
            found.append(f"was blanked and holds {what}")
    return found


def _erasures(statements: Statements) -> list[tuple[Any, ...]]:
    return statements.rows(f"SELECT {', '.join(FIELDS)}, link FROM erasures ORDER BY id")


def _check_erasures(erasures: list[tuple[Any, ...]], origin: bytes, walk: _Walk) -> None:
    before = origin
    for number, (*fields, link) in enumerate(erasures, start=1):
        if fields[0] != number:
            walk.faults.append(f"erasure {number} is missing")
            return
        if link is None or bytes(link) != erasure_link(before, fields):
            walk.faults.append(f"erasure {number} was changed")
        before = bytes(link or b"")


def _known(
    noted: tuple[int, bytes] | None, erasures: list[tuple[Any, ...]], first_seq: int
) -> dict[int, list[tuple[bytes, str]]]:
    """Gather the links that the rows that still stand must have."""
    known: dict[int, list[tuple[bytes, str]]] = {}
    for row in erasures:
        known.setdefault(row[7], []).append((bytes(row[8]), f"erasure {row[0]}"))
    if noted is not None:
        known.setdefault(noted[0], []).append((noted[1], "the given head"))
    return {seq: links for seq, links in known.items() if seq >= first_seq}


def _parsed(head: str | None) -> tuple[int, bytes] | None:
    if head is None:
        return None
    found = _HEAD.fullmatch(head.strip())
    if found is None:
        raise RecordError(
            f"{head!r} is no head of a log; expected NUMBER:64 hexadecimal digits, as verify prints it"
        )
    return int(found[1]), bytes.fromhex(found[2])
