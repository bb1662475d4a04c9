"""The audit log in a PostgreSQL database, for servers on several machines.

Tables stand in a schema of their own, ``amalia_audit``. A connection that broke while nothing was written is
made again; one that broke at the very end of a commit leaves open whether the record is there, and the server
is told that it is not.

Not covered: what ``erase`` took out of the tables may stand in the server's own write-ahead log and in backups.
"""

from __future__ import annotations

import importlib.util
import secrets
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from amalia.errors import ArtifactError, MissingExtra
from amalia.serve.audit_database import APPEND_ONLY, TABLES, VERSION, WAIT_S, Statements

if TYPE_CHECKING:
    import psycopg

_SCHEMA = "amalia_audit"
_TRIGGERS = f"""
CREATE FUNCTION stay() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    RAISE EXCEPTION '{APPEND_ONLY}';
END $$;
CREATE FUNCTION stay_unless_erasing() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF coalesce((SELECT link IS NOT NULL FROM {_SCHEMA}.erasures ORDER BY id DESC LIMIT 1), true) THEN
        RAISE EXCEPTION '{APPEND_ONLY}';
    END IF;
    RETURN NULL;
END $$;
CREATE FUNCTION stay_once_linked() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF OLD.link IS NOT NULL THEN RAISE EXCEPTION '{APPEND_ONLY}'; END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER stay BEFORE UPDATE OR DELETE OR TRUNCATE ON records
    FOR EACH STATEMENT EXECUTE FUNCTION stay_unless_erasing();
CREATE TRIGGER stay BEFORE UPDATE OF report_id, trace_id, at_us, category, comment, reporter OR DELETE OR TRUNCATE
    ON reports FOR EACH STATEMENT EXECUTE FUNCTION stay_unless_erasing();
CREATE TRIGGER stay BEFORE UPDATE ON erasures FOR EACH ROW EXECUTE FUNCTION stay_once_linked();
CREATE TRIGGER are_kept BEFORE DELETE OR TRUNCATE ON erasures FOR EACH STATEMENT EXECUTE FUNCTION stay();
CREATE TRIGGER stay BEFORE UPDATE OR DELETE OR TRUNCATE ON meta FOR EACH STATEMENT EXECUTE FUNCTION stay();
"""


class PostgresServer:
    """A log's database."""

    def __init__(self, url: str) -> None:
        """Keep the address; ``open`` connects.

        Raises:
            MissingExtra: psycopg is not installed.
        """
        if importlib.util.find_spec("psycopg") is None:
            raise MissingExtra("an audit log in PostgreSQL", "postgres")
        self._url = url
        self._lock = threading.Lock()
        self._connection: psycopg.Connection[Any] | None = None
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        self._name = f"{parts.scheme}://{host}{parts.path}"

    @property
    def name(self) -> str:
        """The URL, without user and password."""
        return self._name

    @classmethod
    def open(cls, url: str, *, create: bool) -> PostgresServer:
        """Connect.

        Args:
            url: ``postgresql://…``, as libpq reads it.
            create: Make the tables if they are not there, and see that they can be written.

        Raises:
            MissingExtra: psycopg is not installed.
            ArtifactError: The server cannot be reached, or there is no log, or one of another version.
        """
        server = cls(url)
        try:
            with server._told(), closing(server._connected()) as connection:
                server._prepare(connection, create=create)
            if create:
                with server.write():
                    pass  # a log that cannot be written is noticed now and not at the first answer
        except BaseException:
            server.close()
            raise
        return server

    @contextmanager
    def write(self) -> Iterator[Statements]:
        """Give a transaction that no other writer is in."""
        with self._told(), self._lock:
            connection = self._begun()
            try:
                with connection.cursor() as cursor:
                    yield Statements(cursor, "%s")
                connection.execute("COMMIT")
            except BaseException:
                if not connection.broken:
                    connection.execute("ROLLBACK")
                raise

    @contextmanager
    def read(self) -> Iterator[Statements]:
        """Give a transaction that sees one state, on a connection of its own."""
        with (
            self._told(),
            closing(self._connected()) as connection,
            connection.transaction(),
            connection.cursor() as cursor,
        ):
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            yield Statements(cursor, "%s")

    def overwrite(self) -> bool:
        """Let the server take what was blanked out of the tables' files."""
        with self._told(), closing(self._connected()) as connection:
            for table in ("records", "reports"):
                connection.execute(f"VACUUM {table}")
        return True

    def close(self) -> None:
        """Close the connection that writes."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()

    def _begun(self) -> psycopg.Connection[Any]:
        """Begin a transaction, on a new connection if the server was started again since the last one."""
        import psycopg

        is_fresh = self._connection is None
        connection = self._connection = self._connection or self._connected()
        try:
            # The one row that every writer takes first, until its commit.
            connection.execute("BEGIN; SELECT 1 FROM meta WHERE name = 'salt' FOR UPDATE")
        except psycopg.Error:
            if not connection.broken:
                connection.execute("ROLLBACK")
                raise
            self._connection = None
            if is_fresh:
                raise
            return self._begun()
        return connection

    def _connected(self) -> psycopg.Connection[Any]:
        import psycopg

        connection = psycopg.connect(
            self._url,
            connect_timeout=int(WAIT_S),
            tcp_user_timeout=int(WAIT_S * 1000),
            application_name="amalia audit",
            autocommit=True,
        )
        connection.execute(f"SET search_path TO {_SCHEMA}")
        connection.execute(f"SET lock_timeout TO '{WAIT_S:g}s'")
        return connection

    def _prepare(self, connection: psycopg.Connection[Any], *, create: bool) -> None:
        with connection.transaction(), connection.cursor() as cursor:
            # Two servers that start together make the tables once.
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext(%s))", (_SCHEMA,))
            cursor.execute(
                "SELECT to_regnamespace(%s) IS NOT NULL, to_regclass('meta') IS NOT NULL",
                (_SCHEMA,),
            )
            has_schema, has_tables = cursor.fetchone() or (False, False)
            if not has_tables:
                if not create:
                    raise ArtifactError(
                        f"there is no log in {self._name}; expected the schema {_SCHEMA}, which a server makes"
                    )
                if not has_schema:
                    cursor.execute(f"CREATE SCHEMA {_SCHEMA}")
                cursor.execute(TABLES.format(blob="BYTEA", integer="BIGINT"))
                cursor.execute(_TRIGGERS)
                cursor.execute("INSERT INTO meta VALUES ('salt', %s)", (secrets.token_bytes(32),))
                cursor.execute("INSERT INTO meta VALUES ('version', %s)", (str(VERSION).encode(),))
            cursor.execute("SELECT value FROM meta WHERE name = 'version'")
            (version,) = cursor.fetchone() or (b"none",)
            if version != str(VERSION).encode():
                raise ArtifactError(
                    f"the log in {self._name} is of version {version.decode(errors='replace')}; expected "
                    f"{VERSION}; read it with the release that wrote it, and give a server another database"
                )

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Say what an error of the database means for its user."""
        import psycopg

        try:
            yield
        except psycopg.Error as error:
            detail = " ".join(str(error).split())
            raise ArtifactError(
                f"the log in {self._name} cannot be used ({detail}); expected a PostgreSQL database that can be "
                "reached and written; see to the server, or give another URL"
            ) from error
