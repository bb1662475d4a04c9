"""What a log in a file lives through: processes killed, two servers, no room, files that are something else."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random

import make_audit
import pytest
from make_audit import append

from amalia.errors import ArtifactError
from amalia.serve.audit import Log, Query
from amalia.serve.audit_record import AuditSettings

PREPARED = """
import os, resource, sys
from concurrent.futures import ThreadPoolExecutor
import make_audit
from amalia.errors import ArtifactError
from amalia.serve.audit import Log
from amalia.serve.audit_record import AuditSettings
settings = AuditSettings(log=sys.argv[1])
"""
APPEND = """
def write(_):
    for _ in range(int(sys.argv[2])):
        os.write(1, make_audit.append(log).encode() + b"\\n")  # whole lines, whatever thread
with Log.open(settings) as log, ThreadPoolExecutor(8) as threads:
    print("ready", flush=True)
    list(threads.map(write, range(8)))
"""
NO_ROOM = """
with Log.open(settings) as log:
    kept = [make_audit.append(log) for _ in range(3)]
    size = max(path.stat().st_size for path in __import__("pathlib").Path(sys.argv[1]).parent.iterdir())
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
    for _ in range(3):
        try:
            make_audit.append(log, question="Onde fica a Sé? " * 2000)
        except ArtifactError as error:
            print(error)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    kept.append(make_audit.append(log))
    found = log.verify()
    print(found.num_records, found.faults)
"""
READ_ONLY = """
import os
from pathlib import Path
from amalia.serve.audit import Query
if os.geteuid() == 0:
    os.seteuid(65534)
try:
    Log.open(settings)
except ArtifactError as error:
    print(error)
with Log.open(settings, create=False) as log:
    print(len(list(log.search(Query()))))
"""


def started(program: str, *arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PREPARED + program, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
    )


def finished(process: subprocess.Popen[str]) -> list[str]:
    out, err = process.communicate(timeout=60)
    assert err == ""
    assert process.returncode == 0
    return out.splitlines()


def test_a_killed_process_loses_nothing_that_was_committed(tmp_path: Path) -> None:
    path = tmp_path / "audit.sqlite"
    random = Random(5)
    promised: list[str] = []
    for _ in range(3):
        process = started(APPEND, path, 100_000)
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(random.uniform(0.05, 0.4))
        process.send_signal(signal.SIGKILL)
        out = process.stdout.read()  # goes on after what readline took; communicate would not
        assert process.communicate(timeout=30)[1] == ""
        promised += [line[:-1] for line in out.splitlines(keepends=True) if line.endswith("\n")]
    assert len(promised) > 10
    with Log.open(AuditSettings(log=str(path))) as log:
        found = [kept.record.trace_id for kept in log.search(Query())]
        assert set(promised) <= set(found)
        assert log.verify().faults == ()


def test_two_servers_write_one_log(tmp_path: Path) -> None:
    path = tmp_path / "audit.sqlite"
    both = [started(APPEND, path, 40) for _ in range(2)]
    traces = [line for process in both for line in finished(process) if line != "ready"]
    with Log.open(AuditSettings(log=str(path))) as log:
        found = [kept.record.trace_id for kept in log.search(Query())]
        assert sorted(found) == sorted(traces)
        assert len(found) == 640
        assert log.verify().faults == ()


def test_without_room_nothing_is_promised_and_with_room_it_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "audit.sqlite"
    *errors, last = finished(started(NO_ROOM, path))
    assert len(errors) == 3
    for error in errors:
        assert error.startswith(f"the log {path} cannot be used (")
        assert error.endswith("make room, or give another path")
    assert last == "4 ()"


def test_a_full_database_refuses_and_recovers(tmp_path: Path) -> None:
    with Log.open(AuditSettings(log=str(tmp_path / "audit.sqlite"))) as log:
        append(log)
        database: sqlite3.Connection = log._database._database  # type: ignore[attr-defined]
        (pages,) = database.execute("PRAGMA page_count").fetchone()
        database.execute(f"PRAGMA max_page_count = {pages}")
        long = {"question": "Onde fica a Sé? " * 2000}
        futures = [log.append(make_audit.record(**long)) for _ in range(20)]
        for future in futures:
            with pytest.raises(ArtifactError, match=r"full.*make room"):
                future.result(timeout=30)
        database.execute("PRAGMA max_page_count = 1000000")
        append(log, **long)
        assert [kept.seq for kept in log.search(Query())] == [1, 2]
        assert log.verify().faults == ()


def test_whoever_waits_hears_of_mistakes_too(tmp_path: Path) -> None:
    with Log.open(AuditSettings(log=str(tmp_path / "audit.sqlite"))) as log:
        database: sqlite3.Connection = log._database._database  # type: ignore[attr-defined]
        database.execute("ALTER TABLE records RENAME TO elsewhere")
        with pytest.raises(ArtifactError, match="no such table"):
            append(log)
        database.execute("ALTER TABLE elsewhere RENAME TO records")
        database.execute(
            "CREATE TRIGGER refuses BEFORE INSERT ON records BEGIN SELECT RAISE(ABORT, 'no more'); END"
        )
        with pytest.raises(ArtifactError, match="no more"):
            append(log)
        database.execute("DROP TRIGGER refuses")
        append(log)
        assert log.verify().num_records == 1


def test_a_log_that_cannot_be_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "readable" / "audit.sqlite"
    with Log.open(AuditSettings(log=str(path))) as log:
        append(log)
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o755)  # pytest's folders are for their owner only, who may be root
    path.chmod(0o444)
    path.parent.chmod(0o555)
    error, num = finished(started(READ_ONLY, path))
    assert error.startswith(f"the log {path} cannot be used (")
    assert num == "1"


def test_the_file_is_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "audit.sqlite"
    with Log.open(AuditSettings(log=str(path))) as log:
        append(log)
        assert {file.stat().st_mode & 0o777 for file in path.parent.iterdir()} == {0o600}


def test_a_writer_that_waits_too_long_is_told_of(tmp_path: Path) -> None:
    path = tmp_path / "audit.sqlite"
    with (
        Log.open(AuditSettings(log=str(path))) as log,
        closing(sqlite3.connect(path, isolation_level=None)) as other,
    ):
        log._database._database.execute("PRAGMA busy_timeout = 50")  # type: ignore[attr-defined]
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(ArtifactError, match="locked"):
            append(log)
        other.execute("COMMIT")
        append(log)


def foreign_database(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE contas (n)")


def other_program(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA application_id = 7")
        database.execute("PRAGMA user_version = 1")


def later_version(path: Path) -> None:
    Log.open(AuditSettings(log=str(path))).close()
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA user_version = 2")


def text(path: Path) -> None:
    path.write_text("Isto é uma carta.\n" * 100, "utf-8")


def cut(path: Path) -> None:
    with Log.open(AuditSettings(log=str(path))) as log:
        for _ in range(40):
            append(log)
    path.write_bytes(path.read_bytes()[:5000])


def overwritten(path: Path) -> None:
    with Log.open(AuditSettings(log=str(path))) as log:
        for _ in range(40):
            append(log)
    content = bytearray(path.read_bytes())
    content[4096 : len(content)] = b"\x7f" * (len(content) - 4096)
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (foreign_database, "is a database of something else"),
        (other_program, "is a database of something else"),
        (later_version, "is of version 2; expected 1"),
        (text, "is no audit log, or is damaged"),
        (Path.mkdir, "cannot be used"),
        (cut, "is no audit log, or is damaged"),
        (overwritten, "is no audit log, or is damaged"),
    ],
)
@pytest.mark.parametrize("create", [True, False])
def test_what_is_no_log_is_left_as_it_is(
    tmp_path: Path, make: Callable[[Path], None], said: str, create: bool
) -> None:
    path = tmp_path / "audit.sqlite"
    make(path)
    before = path.read_bytes() if path.is_file() else b""
    if make is Path.mkdir and not create:
        said = "there is no log"
    with pytest.raises(ArtifactError, match=said) as refused:
        Log.open(AuditSettings(log=str(path)), create=create)
    assert "\n" not in str(refused.value)
    assert (path.read_bytes() if path.is_file() else b"") == before


def test_an_empty_file_becomes_a_log_only_for_a_server(tmp_path: Path) -> None:
    path = tmp_path / "audit.sqlite"
    path.touch()
    with pytest.raises(ArtifactError, match="is empty"):
        Log.open(AuditSettings(log=str(path)), create=False)
    with Log.open(AuditSettings(log=str(path))) as log:
        append(log)


def test_a_log_cannot_be_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ArtifactError, match="cannot be used"):
        Log.open(AuditSettings(log=str(tmp_path / "file" / "audit.sqlite")))


@pytest.mark.parametrize("name", ["registo de ensaio.sqlite", "a?b#c%20.sqlite", "ação"])
def test_any_name_of_a_file_is_a_name(tmp_path: Path, name: str) -> None:
    with Log.open(AuditSettings(log=str(tmp_path / name))) as log:
        append(log)
        assert len(list(log.search(Query()))) == 1
    assert [path.name for path in tmp_path.iterdir()] == [name]
