"""``amalia audit`` as a person and as a program see it."""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
import typer
from make_audit import AT, QUESTION, append
from typer.testing import CliRunner, Result

from amalia.cli.app import app, main
from amalia.serve.audit import Log, Query
from amalia.serve.audit_record import AuditSettings, now

DAY = timedelta(days=1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A log of three records: one, one that is blocked, one of another key and from now."""
    path = tmp_path / "audit.sqlite"
    hate = {"place": "user", "category": "hate", "action": "block", "check": "rules@2"}
    with Log.open(AuditSettings(log=str(path))) as log:
        append(log, trace_id="a1")
        append(
            log, trace_id="a2", subject="leitor-18", started_at=AT + DAY, verdicts=(hate,),
            finish_reasons=("content_filter",), question="Diz \x1b[31mmal\nde todos", status=200,
        )  # fmt: skip
        append(log, trace_id="a3", key_id="museu", started_at=now())
    return path


def run(*arguments: object, input: str | None = None) -> Result:
    return CliRunner().invoke(app, ["audit", *map(str, arguments)], input=input)


def traces(*arguments: object) -> list[str]:
    done = run("search", *arguments, "--json")
    assert done.exit_code == 0, done.output
    return [json.loads(line)["trace_id"] for line in done.stdout.splitlines()]


def failure(
    arguments: list[object], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> str:
    """Run the program as a shell does; give its one line of error."""
    monkeypatch.setattr("sys.argv", ["amalia", "audit", *map(str, arguments)])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


def test_records_are_shown_one_a_line(path: Path) -> None:
    done = run("search", path)
    header, *lines = done.stdout.splitlines()
    assert header.startswith("started (UTC)")
    assert [line.split()[1] for line in lines] == ["a1", "a2", "a3"]
    assert "2024-12-01T12:00:00" in lines[1]
    assert lines[1].endswith("content_filter  [hate] Diz  [31mmal de todos")
    assert "\x1b" not in done.stdout
    assert lines[0].endswith(f"[nif] {QUESTION}")


@pytest.mark.parametrize(
    ("options", "found"),
    [
        ([], ["a1", "a2", "a3"]),
        (["--limit", "2"], ["a2", "a3"]),
        (["--trace", "a2"], ["a2"]),
        (["--key", "museu"], ["a3"]),
        (["--subject", "leitor-18"], ["a2"]),
        (["--until", "2024-12-01"], ["a1"]),
        (["--since", "2024-12-01", "--until", "2024-12-01T12:00:01"], ["a2"]),
        (["--since", "2024-11-30T14:00:00+0200", "--until", "2024-11-30T14:00:01+0200"], ["a1"]),
        (["--verdict", "hate"], ["a2"]),
        (["--finish", "content_filter"], ["a2"]),
        (["--text", "mal\nDE TODOS"], ["a2"]),
    ],
)
def test_what_is_asked_for_is_found(path: Path, options: list[str], found: list[str]) -> None:
    assert traces(path, *options) == found


def test_a_subject_is_exported_to_a_file_for_its_owner_only(path: Path, tmp_path: Path) -> None:
    with Log.open(AuditSettings(log=str(path))) as log:
        log.report("a2", category="harmful", comment="Não se diz.")
    out = tmp_path / "dados" / "leitor.jsonl"
    done = run("export", path, "--subject", "leitor-18", "--out", out)
    assert done.stdout == f"1 lines written to {out}\n"
    (tree,) = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    assert (tree["kind"], tree["trace_id"]) == ("record", "a2")
    assert tree["reports"][0]["comment"] == "Não se diz."
    assert out.stat().st_mode & 0o777 == 0o600
    assert [file.name for file in out.parent.iterdir()] == ["leitor.jsonl"]
    assert run("export", path, "--subject", "leitor-18").stdout == out.read_text("utf-8")
    assert len(run("export", path).stdout.splitlines()) == 3


def test_a_subject_is_erased_once_it_is_confirmed(path: Path) -> None:
    refused = run("erase", path, "--subject", "leitor-18", input="n\n")
    assert refused.exit_code == 1
    assert "Erase 1 records in" in refused.stdout
    assert traces(path, "--subject", "leitor-18") == ["a2"]
    done = run("erase", path, "--subject", "leitor-18", "--yes")
    assert done.stdout == "1 records and 0 reports erased\n"
    assert traces(path, "--subject", "leitor-18") == []
    assert "(erased)" in run("search", path, "--trace", "a2").stdout
    assert run("erase", path, "--trace", "a1", "--yes").stdout.startswith("1 records")
    assert run("verify", path).exit_code == 0


def test_what_is_too_old_goes(path: Path) -> None:
    with Log.open(AuditSettings(log=str(path))) as log:
        append(log, trace_id="velho", started_at=now() - 100 * DAY)
    options = ("--keep-text-days", 90, "--keep-records-days", 400)
    done = run("purge", path, *options)
    assert done.stdout == "texts of 1 records blanked, 2 records removed\n"
    done = run("purge", path, *options, "--json")
    assert json.loads(done.stdout) == {"num_texts": 0, "num_records": 0}
    assert traces(path) == ["a3", "velho"]


def test_verifying_tells_the_head_and_what_is_wrong(path: Path) -> None:
    done = run("verify", path)
    assert done.exit_code == 0
    state, head = done.stdout.splitlines()
    assert state == "whole: 3 records, 0 removed, 0 erasures"
    head = head.removeprefix("head ")
    assert run("verify", path, "--head", head).exit_code == 0
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute("DROP TRIGGER records_stay")
        database.execute("UPDATE records SET answer = 'Sim.' WHERE seq = 2")
    done = run("verify", path)
    assert done.exit_code == 1
    assert done.stdout.splitlines()[0] == "fault: record 2 was changed in its texts"
    done = run("verify", path, "--json")
    assert done.exit_code == 1
    assert json.loads(done.stdout)["faults"] == ["record 2 was changed in its texts"]
    assert json.loads(done.stdout)["head"] == head


def test_reports_are_listed_and_closed(path: Path) -> None:
    with Log.open(AuditSettings(log=str(path))) as log:
        report = log.report("a1", category="language", comment="Diz «ônibus».\nE «trem».")
    (line,) = run("reports", path).stdout.splitlines()
    assert line.split()[0] == report
    assert line.endswith("a1  open    language  Diz «ônibus». E «trem».")
    assert json.loads(run("reports", path, "--json").stdout)["trace_id"] == "a1"
    assert run("close", path, report).stdout == f"report {report} closed\n"
    assert run("reports", path).stdout == ""
    assert "closed" in run("reports", path, "--all").stdout


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["search", "NADA"], "there is no log"),
        (["search", "mysql://h/d"], "mysql:// is no place for a log"),
        (["close", "LOG", "0123"], "there is no open report 0123"),
        (["erase", "LOG"], "give --subject or --trace"),
        (["erase", "LOG", "--subject", "x", "--trace", "y"], "give --subject or --trace"),
        (["purge", "LOG"], "nothing says what is too old"),
        (
            ["purge", "LOG", "--keep-text-days", "9", "--keep-records-days", "3"],
            "keep_text_days is 9",
        ),
        (["verify", "LOG", "--head", "x"], "'x' is no head of a log"),
        (["export", "LOG", "--out", "LOG/x"], "cannot be written"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    path: Path,
    command: list[str],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    names = {"LOG": path, "NADA": path.with_name("nada"), "LOG/x": path / "x"}
    line = failure([names.get(word, word) for word in command], monkeypatch, capsys)
    assert line.startswith("error: ")
    assert said in line
    assert not path.with_name("nada").exists()
    with Log.open(AuditSettings(log=str(path)), create=False) as log:
        assert len(list(log.search(Query()))) == 3


def test_a_reader_of_an_older_state_is_told_of(path: Path) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM records").fetchone()
        done = run("erase", path, "--trace", "a1", "--yes")
        assert done.exit_code == 0
        assert "may still hold what was taken out" in done.stderr


def test_the_page_about_the_log_names_commands_that_exist() -> None:
    group = typer.main.get_command(app).commands["audit"]  # type: ignore[attr-defined]
    page = (Path(__file__).parents[2] / "docs/audit.md").read_text("utf-8")
    named = set()
    for line in page.splitlines():
        if found := re.search(r"`amalia audit ([a-z]+)", line):
            named.add(found[1])
            options = {option for item in group.commands[found[1]].params for option in item.opts}
            assert set(re.findall(r"--[a-z-]+", line)) <= options
    assert named == group.commands.keys()


def test_the_page_about_the_log_explains_every_setting_and_its_default() -> None:
    page = (Path(__file__).parents[2] / "docs/audit.md").read_text("utf-8")
    told = dict(re.findall(r"^\| `(\w+)` \| `?([^`|]+?)`? \|", page, re.M))
    assert told == {name: str(value) for name, value in AuditSettings().model_dump().items()}
