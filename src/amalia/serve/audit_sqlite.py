"""The audit log in one SQLite file, for several threads and processes of one machine.

A commit is in the file system when it returns, so a killed process loses nothing; what a machine wrote in the
seconds before its power failed may be lost (``synchronous = NORMAL``), and the log is whole all the same.

Not for network file systems that do not lock. Damage is noticed where SQLite notices it, and by the chain.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from amalia.errors import ArtifactError
from amalia.serve.audit_database import APPEND_ONLY, TABLES, VERSION, WAIT_S, Statements

# «amau», in the header of the file, where SQLite lets a program say that the file is its own.
_APPLICATION_ID = 0x616D6175
_READ_ONLY = (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)
# Writers wait for whoever empties the write-ahead log, and that one for readers; so not for long.
_EMPTYING_S = 0.5
_NOT_ERASING = "coalesce((SELECT link IS NOT NULL FROM erasures ORDER BY id DESC LIMIT 1), 1)"
_FIXED_IN_REPORTS = "report_id, trace_id, at_us, category, comment, reporter"


class SqliteFile:
    """A log's file."""

    def __init__(self, path: Path, database: sqlite3.Connection, uri: str) -> None:
        """Take a connection that ``open`` has prepared, and how others are made."""
        self.path = path
        self._database = database
        self._uri = uri
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        """The path."""
        return str(self.path)

    @classmethod
    def open(cls, path: Path, *, create: bool) -> SqliteFile:
        """Open a file.

        Args:
            path: Of the log.
            create: Make it, with its folder, if it is not there, and see that it can be written.

        Raises:
            ArtifactError: There is none, or it is something else, of another version, damaged, or not to be
                written.
        """
        with _told(path):
            if create:
                path.parent.mkdir(parents=True, exist_ok=True)
                # SQLite would let everybody read it; its -wal and -shm take the mode of the file.
                with suppress(FileExistsError):
                    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            elif not path.is_file():
                raise ArtifactError(f"there is no log {path}; give the file that a server writes")
            uri = path.absolute().as_uri()
            try:
                return cls(path, _prepared(path, uri, create=create), uri)
            except sqlite3.OperationalError as error:
                # A copy on something that cannot be written: SQLite reads it if told that nobody writes.
                is_read_only = error.sqlite_errorcode & 0xFF in _READ_ONLY
                if create or not is_read_only or path.with_name(f"{path.name}-wal").exists():
                    raise
                uri += "?immutable=1"
                return cls(path, _prepared(path, uri, create=False), uri)

    @contextmanager
    def write(self) -> Iterator[Statements]:
        """Give a transaction that no other writer is in."""
        with _told(self.path), self._lock, _transaction(self._database):
            yield Statements(self._database.cursor())

    @contextmanager
    def read(self) -> Iterator[Statements]:
        """Give a transaction that sees one state, on a connection of its own."""
        with _told(self.path), closing(_connected(self._uri)) as database:
            database.execute("BEGIN")
            yield Statements(database.cursor())

    def overwrite(self) -> bool:
        """Bring the pages in which texts were overwritten from the write-ahead log into the file, and empty it."""
        with _told(self.path), closing(_connected(self._uri, wait_s=_EMPTYING_S)) as database:
            is_busy, *_ = database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return not is_busy

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._database.close()


def _connected(uri: str, *, wait_s: float = WAIT_S) -> sqlite3.Connection:
    return sqlite3.connect(
        uri, timeout=wait_s, isolation_level=None, check_same_thread=False, uri=True
    )


def _prepared(path: Path, uri: str, *, create: bool) -> sqlite3.Connection:
    database = _connected(uri)
    try:
        _prepare(path, database, create=create)
    except BaseException:
        database.close()
        raise
    return database


@contextmanager
def _transaction(database: sqlite3.Connection) -> Iterator[None]:
    # With the right to write from the beginning: two that have read and then want to write cannot both go on.
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
        database.execute("COMMIT")
    except BaseException:
        if database.in_transaction:  # SQLite itself gives up the transaction when there is no room
            database.execute("ROLLBACK")
        raise


def _prepare(path: Path, database: sqlite3.Connection, *, create: bool) -> None:
    """Check whose file it is before anything is written into it, then make it ready."""
    is_ours = _is_ours(path, database)
    if not is_ours and not create:
        raise ArtifactError(f"{path} is empty; expected a log that a server has written")
    if create:
        with _transaction(database):  # a file that cannot be written is noticed now
            if not is_ours and not _is_ours(path, database):  # another process may have been first
                _make(database)
        _write_ahead(database)
    database.execute("PRAGMA synchronous = NORMAL")
    # What is erased is overwritten with zeros, not only forgotten.
    database.execute("PRAGMA secure_delete = ON")


def _write_ahead(database: sqlite3.Connection) -> None:
    # The switch does not wait for others that are opening the file, so it is tried for a while.
    until_s = time.monotonic() + WAIT_S
    while True:
        try:
            database.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until_s:
                raise
            time.sleep(0.05)
        else:
            return


def _make(database: sqlite3.Connection) -> None:
    for statement in TABLES.format(blob="BLOB", integer="INTEGER").split(";"):
        database.execute(statement)
    for name, event, when in (
        ("records_stay", "UPDATE ON records", _NOT_ERASING),
        ("records_are_kept", "DELETE ON records", _NOT_ERASING),
        ("reports_stay", f"UPDATE OF {_FIXED_IN_REPORTS} ON reports", _NOT_ERASING),
        ("reports_are_kept", "DELETE ON reports", _NOT_ERASING),
        ("erasures_stay", "UPDATE ON erasures", "OLD.link IS NOT NULL"),
        ("erasures_are_kept", "DELETE ON erasures", "1"),
        ("meta_stays", "UPDATE ON meta", "1"),
        ("meta_is_kept", "DELETE ON meta", "1"),
    ):
        database.execute(
            f"CREATE TRIGGER {name} BEFORE {event} WHEN {when} "
            f"BEGIN SELECT RAISE(ABORT, '{APPEND_ONLY}'); END"
        )
    database.execute("INSERT INTO meta VALUES ('salt', ?)", (secrets.token_bytes(32),))
    database.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
    database.execute(f"PRAGMA user_version = {VERSION}")


def _is_ours(path: Path, database: sqlite3.Connection) -> bool:
    """Whether a file is a log, and not one still to be made; anything else is refused."""
    # Tables first: if another process makes the file meanwhile, what is read after them tells.
    (num_tables,) = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
    (owner,) = database.execute("PRAGMA application_id").fetchone()
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if owner == _APPLICATION_ID:
        if version != VERSION:
            raise ArtifactError(
                f"the log {path} is of version {version}; expected {VERSION}; read it with the release that "
                "wrote it, and give a server another path"
            )
        return True
    if owner or num_tables:
        raise ArtifactError(
            f"{path} is a database of something else; expected an audit log, or no file; give another path"
        )
    return False


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Say what an error of the database means for its user."""
    try:
        yield
    except sqlite3.ProgrammingError:
        raise  # a mistake of ours
    except (OSError, sqlite3.OperationalError, sqlite3.IntegrityError) as error:
        raise ArtifactError(
            f"the log {path} cannot be used ({error}); expected a file on a local disk that can be written and "
            "has room; make room, or give another path"
        ) from error
    except sqlite3.DatabaseError as error:
        raise ArtifactError(
            f"{path} is no audit log, or is damaged ({error}); expected one, or no file; keep it with "
            f"{path.name}-wal as evidence and give another path"
        ) from error
