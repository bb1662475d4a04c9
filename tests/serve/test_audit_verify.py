"""Whoever changes the log is stopped by the database, and if not, seen by the chain."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import make_audit
import pytest
from make_audit import AT, append

from amalia.errors import ArtifactError, RecordError
from amalia.serve.audit import Log, Query
from amalia.serve.audit_record import AuditSettings

REFUSED = (
    "UPDATE records SET answer = 'outra coisa' WHERE seq = 1",
    "UPDATE records SET answer = NULL",
    "DELETE FROM records WHERE seq = 2",
    "UPDATE reports SET comment = ''",
    "DELETE FROM reports",
    "UPDATE erasures SET num_records = 0",
    "DELETE FROM erasures",
    "UPDATE meta SET value = 'x'",
    "DELETE FROM meta",
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A log of six records; the texts of the first two were erased, one is reported."""
    path = tmp_path / "audit.sqlite"
    with Log.open(AuditSettings(log=str(path))) as log:
        first = append(log, subject="apagada")
        append(log, subject="apagada")
        for _ in range(4):
            append(log)
        log.erase_subject("apagada")
        log.report(first, category="wrong", comment="Não é.")
    return path


def tamper(path: Path, *statements: str) -> None:
    """Do what the triggers refuse."""
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'"):
            database.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            database.execute(statement)


def faults(path: Path, head: str | None = None) -> tuple[str, ...]:
    with Log.open(AuditSettings(log=str(path)), create=False) as log:
        return log.verify(head).faults


@pytest.mark.parametrize("statement", REFUSED)
def test_the_file_takes_nothing_back(path: Path, statement: str) -> None:
    with (
        closing(sqlite3.connect(path)) as database,
        pytest.raises(sqlite3.IntegrityError, match="append-only"),
    ):
        database.execute(statement)
    assert faults(path) == ()


@pytest.mark.parametrize("statement", [*REFUSED, "TRUNCATE records", "TRUNCATE erasures"])
def test_the_database_takes_nothing_back(statement: str) -> None:
    with make_audit.postgres() as url:
        import psycopg

        with Log.open(AuditSettings(log=url)) as log:
            trace = append(log)
            append(log)
            log.erase_trace(trace)
            log.report(trace, category="wrong", comment="Não é.")
            with (
                psycopg.connect(url, options="-c search_path=amalia_audit") as connection,
                pytest.raises(psycopg.errors.RaiseException, match="append-only"),
            ):
                connection.execute(statement)
            assert log.verify().faults == ()


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("UPDATE records SET facts = replace(facts, 'stop', 'length') WHERE seq = 4", "record 4 was changed"),
        ("UPDATE records SET started_us = started_us + 1 WHERE seq = 4", "record 4 was changed"),
        ("UPDATE records SET key_id = 'museu' WHERE seq = 4", "record 4 was changed"),
        ("UPDATE records SET answer = 'Sim.' WHERE seq = 4", "record 4 was changed in its texts"),
        (
            "UPDATE records SET question = NULL, answer = NULL, texts_nonce = NULL WHERE seq = 4",
            "record 4 was changed in its texts",
        ),
        ("UPDATE records SET subject = 'x' WHERE seq = 4", "record 4 was changed in who asked"),
        ("UPDATE records SET answer = 'Sim.' WHERE seq = 1", "record 1 was blanked and holds its texts"),
        ("UPDATE records SET person = '{}' WHERE seq = 1", "record 1 was blanked and holds who asked"),
        ("UPDATE records SET texts_sha = zeroblob(32) WHERE seq = 4", "record 4 was changed"),
        ("UPDATE records SET digest = zeroblob(32) WHERE seq = 4", "record 4 was changed"),
        ("UPDATE records SET link = zeroblob(32) WHERE seq = 4", "record 5 does not follow"),
        ("DELETE FROM records WHERE seq = 4", "records 4 to 4 are missing"),
        ("DELETE FROM records WHERE seq = 1", "records 1 to 1 are missing"),
        ("DELETE FROM records WHERE seq > 4", "record 6, which erasure 1 knows, is missing"),
        ("DELETE FROM records", "record 6, which erasure 1 knows, is missing"),
        (
            "UPDATE records SET texts_erased = 1, question = NULL, answer = NULL, texts_nonce = NULL "
            "WHERE seq = 4",
            "3 records say that erasure 1 took them out; it took out 2",
        ),
        (
            "UPDATE records SET removed = 9, facts = NULL, trace_id = NULL, subject = NULL, person = NULL, "
            "question = NULL, answer = NULL WHERE seq = 4",
            "1 records say that erasure 9 took them out; it took out 0",
        ),
        ("UPDATE records SET removed = 1 WHERE seq = 4", "record 4 was removed and holds something"),
        ("UPDATE erasures SET num_records = 3", "erasure 1 was changed"),
        ("UPDATE erasures SET link = NULL", "erasure 1 was changed"),
        ("DELETE FROM erasures", "2 records say that erasure 1 took them out"),
        ("UPDATE meta SET value = zeroblob(32)", "erasure 1 was changed"),
        (
            "INSERT INTO records (seq, trace_id, facts, digest, link) "
            "VALUES (7, 'x', '{}', zeroblob(32), zeroblob(32))",
            "record 7 does not follow",
        ),
    ],
)  # fmt: skip
def test_what_was_changed_shows(path: Path, statement: str, fault: str) -> None:
    tamper(path, statement)
    assert any(said.startswith(fault) for said in faults(path)), faults(path)


def test_one_change_is_one_fault(path: Path) -> None:
    tamper(path, "UPDATE records SET answer = 'Sim.' WHERE seq = 4")
    assert faults(path) == ("record 4 was changed in its texts",)


def test_the_newest_records_show_against_a_head_that_was_noted(path: Path) -> None:
    with Log.open(AuditSettings(log=str(path))) as log:
        append(log)
        head = log.verify().head
        append(log)
    assert faults(path, head) == ()
    tamper(path, "DELETE FROM records WHERE seq > 6")
    assert faults(path) == ()
    assert faults(path, head) == ("record 7, which the given head knows, is missing",)
    changed = head[:-1] + ("0" if head[-1] != "0" else "1")
    tamper(path, "DELETE FROM records WHERE seq > 6")
    assert faults(path, changed.replace("7:", "6:")) == (
        "record 6 is not the one that the given head knows",
    )


@pytest.mark.parametrize("head", ["", "7", "7:abc", "x:" + "0" * 64])
def test_what_is_no_head_is_refused(path: Path, head: str) -> None:
    with pytest.raises(RecordError, match="is no head of a log"):
        faults(path, head)


def test_faults_are_told_up_to_a_hundred(tmp_path: Path) -> None:
    path = tmp_path / "audit.sqlite"
    with Log.open(AuditSettings(log=str(path))) as log:
        for future in [log.append(make_audit.record()) for _ in range(120)]:
            future.result(timeout=30)
    tamper(path, "UPDATE records SET answer = 'Sim.'")
    assert len(faults(path)) == 100


def test_a_record_that_was_made_unreadable_is_one_line(path: Path) -> None:
    tamper(path, "UPDATE records SET facts = '{}' WHERE seq = 4")
    with (
        Log.open(AuditSettings(log=str(path)), create=False) as log,
        pytest.raises(ArtifactError, match=r"record 4 of the log .* cannot be read"),
    ):
        list(log.search(Query()))


# What was erased is in no file.


def files(folder: Path) -> Iterator[bytes]:
    for path in folder.iterdir():
        yield path.read_bytes()


@pytest.mark.parametrize("length", [1, 40, 400])
def test_nothing_that_was_erased_is_left_in_a_file(tmp_path: Path, length: int) -> None:
    said = "frase que ninguém deve ler "
    with Log.open(AuditSettings(log=str(tmp_path / "audit.sqlite"), text="full")) as log:
        for number in range(300):
            mine = number % 3 == 0
            append(
                log,
                subject="apagada" if mine else "outra",
                question=(said if mine else "frase que fica ") * length,
                client="198.51.100.7" if mine else "203.0.113.7",
            )
        assert any(said.encode() in content for content in files(tmp_path))
        assert log.erase_subject("apagada").is_overwritten
        assert not any(said.encode() in content for content in files(tmp_path))
        assert not any(b"198.51.100" in content for content in files(tmp_path))
        assert any(b"frase que fica" in content for content in files(tmp_path))
        log.purge(AT.replace(year=2025, month=1, day=15))
        assert not any(b"frase que fica" in content for content in files(tmp_path))


def test_a_reader_of_an_older_state_is_told_of(path: Path) -> None:
    with (
        Log.open(AuditSettings(log=str(path))) as log,
        closing(sqlite3.connect(path, isolation_level=None)) as reader,
    ):
        append(log)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM records").fetchone()
        assert not log.erase_subject("leitora-17").is_overwritten
        reader.execute("COMMIT")
        assert log.erase_subject("leitora-17").is_overwritten


def test_erasures_hold_no_personal_data(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.row_factory = sqlite3.Row
        (erasure,) = [dict(row) for row in database.execute("SELECT * FROM erasures")]
    assert erasure["reason"] == "subject"
    assert erasure["num_records"] == 2
    text = {name: value for name, value in erasure.items() if isinstance(value, str)}
    assert text == {"reason": "subject"}
    assert re.fullmatch(r"[0-9a-f]{64}", erasure["ids_sha"].hex())
