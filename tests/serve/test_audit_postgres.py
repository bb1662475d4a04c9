"""What only a log in PostgreSQL lives through: servers away and back, other versions, no driver."""

from __future__ import annotations

import importlib.util
import socket
from typing import Any

import make_audit
import pytest
from make_audit import append

from amalia.errors import ArtifactError, MissingExtra
from amalia.serve.audit import Log
from amalia.serve.audit_record import AuditSettings


def test_without_the_driver_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "psycopg" else found(name)
    )
    with pytest.raises(MissingExtra, match=r"amalia\[postgres\]"):
        Log.open(AuditSettings(log="postgresql://127.0.0.1/registo"))


def test_a_server_that_is_away_is_one_line_without_the_user() -> None:
    pytest.importorskip("psycopg")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(ArtifactError, match=f"127.0.0.1:{port}/registo cannot be used") as refused:
        Log.open(AuditSettings(log=f"postgresql://ana@127.0.0.1:{port}/registo"))
    assert "\n" not in str(refused.value)
    assert "ana@" not in str(refused.value)


def ask(url: str, sql: str) -> list[tuple[Any, ...]]:
    import psycopg

    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(sql)
        return cursor.fetchall() if cursor.description else []


CUT_OFF = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
    "WHERE application_name = 'amalia audit' AND datname = current_database()"
)


def test_a_broken_connection_is_made_again() -> None:
    with make_audit.postgres() as url, Log.open(AuditSettings(log=url)) as log:
        append(log)
        assert ask(url, CUT_OFF) == [(True,)]
        append(log)
        found = log.verify()
        assert (found.num_records, found.faults) == (2, ())


def test_a_database_that_refuses_is_told_of_and_tried_again() -> None:
    with make_audit.postgres() as url, Log.open(AuditSettings(log=url)) as log:
        append(log)
        database = url.rpartition("/")[2]
        server = f"{url.rpartition('/')[0]}/postgres"
        ask(server, f"ALTER DATABASE {database} ALLOW_CONNECTIONS false")
        ask(server, CUT_OFF.replace("current_database()", f"'{database}'"))
        with pytest.raises(ArtifactError, match="cannot be used"):
            append(log)
        with pytest.raises(ArtifactError, match="cannot be used"):
            log.verify()
        ask(server, f"ALTER DATABASE {database} ALLOW_CONNECTIONS true")
        append(log)
        assert log.verify().num_records == 2


def test_a_failed_transaction_leaves_the_connection_usable() -> None:
    with make_audit.postgres() as url, Log.open(AuditSettings(log=url)) as log:
        ask(url, "ALTER TABLE amalia_audit.records RENAME TO elsewhere")
        with pytest.raises(ArtifactError, match="does not exist"):
            append(log)
        ask(url, "ALTER TABLE amalia_audit.elsewhere RENAME TO records")
        append(log)


def test_a_writer_that_waits_too_long_is_told_of() -> None:
    import psycopg

    with make_audit.postgres() as url, Log.open(AuditSettings(log=url)) as log:
        append(log)
        connection: psycopg.Connection[Any] = log._database._connection  # type: ignore[attr-defined]
        connection.execute("SET lock_timeout TO '50ms'")
        with psycopg.connect(url) as other:
            other.execute("SELECT 1 FROM amalia_audit.meta FOR UPDATE")
            with pytest.raises(ArtifactError, match="lock timeout"):
                append(log)
        append(log)


def test_a_log_of_another_version_is_refused() -> None:
    with make_audit.postgres() as url:
        Log.open(AuditSettings(log=url)).close()
        ask(url, "ALTER TABLE amalia_audit.meta DISABLE TRIGGER ALL")
        ask(url, "UPDATE amalia_audit.meta SET value = '2' WHERE name = 'version'")
        with pytest.raises(ArtifactError, match="is of version 2; expected 1"):
            Log.open(AuditSettings(log=url))


def test_what_stands_in_the_database_already_is_left() -> None:
    with make_audit.postgres() as url:
        ask(url, "CREATE TABLE records (n integer)")
        with Log.open(AuditSettings(log=url)) as log:
            append(log)
        assert ask(url, "SELECT count(*) FROM public.records") == [(0,)]
