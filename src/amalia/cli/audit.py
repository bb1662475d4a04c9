"""``amalia audit``: find, export, erase, purge and verify what a server wrote down, and see to reports."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from amalia.cli.run import AsJson
from amalia.errors import ArtifactError, RecipeError, RecordError

if TYPE_CHECKING:
    from amalia.serve.audit import Kept, Log, Query
    from amalia.serve.audit_record import AuditSettings

app = typer.Typer(no_args_is_help=True)

_TIMES = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S%z"]
_WIDTHS = (19, 32, 12, 16, 6, 14)

LogPlace = Annotated[
    str, typer.Argument(help="File of a log, or postgresql://HOST/DATABASE.", metavar="LOG")
]
Trace = Annotated[str | None, typer.Option("--trace", help="The record of one trace_id.")]
Key = Annotated[str | None, typer.Option("--key", help="Records of one key, by its id.")]
Subject = Annotated[
    str | None, typer.Option("--subject", help="Records of one subject, as the client gave it.")
]
Since = Annotated[
    datetime | None, typer.Option("--since", formats=_TIMES, help="Started then or later; UTC.")
]
Until = Annotated[
    datetime | None, typer.Option("--until", formats=_TIMES, help="Started before then; UTC.")
]
Verdict = Annotated[
    str | None, typer.Option("--verdict", help="A category that the guard found, e.g. hate.")
]
Finish = Annotated[
    str | None, typer.Option("--finish", help="How an answer ended, e.g. content_filter.")
]
Text = Annotated[
    str | None,
    typer.Option("--text", help="Stands in question or answer; whole where hashes are kept."),
]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


@app.command()
def search(
    log: LogPlace,
    trace: Trace = None,
    key: Key = None,
    subject: Subject = None,
    since: Since = None,
    until: Until = None,
    verdict: Verdict = None,
    finish: Finish = None,
    text: Text = None,
    limit: Annotated[int, typer.Option(min=1, help="So many of the newest at most.")] = 50,
    as_json: AsJson = False,
) -> None:
    """Show the newest records that fit all that is asked; one a line, or JSON, one object a line."""
    from amalia.serve.audit import Query

    query = Query(
        trace_id=trace, key_id=key, subject=subject, since=_utc(since), until=_utc(until),
        verdict=verdict, finish_reason=finish, text=text,
    )  # fmt: skip
    with _opened(log) as opened:
        found = list(islice(opened.search(query, newest_first=True), limit))[::-1]
    if as_json:
        for kept in found:
            typer.echo(json.dumps(kept.as_json(), ensure_ascii=False))
        return
    typer.echo(
        _line("started (UTC)", "trace", "key", "endpoint", "status", "ended", "found; question")
    )
    for kept in found:
        typer.echo(_shown(kept))


@app.command()
def export(
    log: LogPlace,
    trace: Trace = None,
    key: Key = None,
    subject: Subject = None,
    since: Since = None,
    until: Until = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="File to write; by default to stdout.")
    ] = None,
) -> None:
    """Give all that is kept of a subject, a key, a trace or a time, reports included: JSON, one object a line."""
    from amalia.serve.audit import Query

    query = Query(trace_id=trace, key_id=key, subject=subject, since=_utc(since), until=_utc(until))
    with _opened(log) as opened:
        lines = _exported(opened, query)
        if out is None:
            for line in lines:
                typer.echo(line)
            return
        num = _write(out, lines)
    typer.echo(f"{num} lines written to {out}")


@app.command()
def purge(
    log: LogPlace,
    keep_text_days: Annotated[
        int | None, typer.Option(min=1, help="Blank texts that are older.")
    ] = None,
    keep_records_days: Annotated[
        int | None, typer.Option(min=1, help="Remove records that are older.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Take out what is too old; a server does it by its recipe once a day. Open reports keep their records."""
    if keep_text_days is None and keep_records_days is None:
        raise RecordError(
            "nothing says what is too old; give --keep-text-days, --keep-records-days, or both"
        )
    settings = _settings(log, keep_text_days=keep_text_days, keep_records_days=keep_records_days)
    with _opened(log, settings) as opened:
        done = opened.purge()
    if as_json:
        typer.echo(json.dumps({"num_texts": done.num_texts, "num_records": done.num_records}))
    else:
        typer.echo(f"texts of {done.num_texts} records blanked, {done.num_records} records removed")
    _warn(log, is_overwritten=done.is_overwritten)


@app.command()
def erase(log: LogPlace, subject: Subject = None, trace: Trace = None, yes: Yes = False) -> None:
    """Blank who asked and what was said in the records of one subject or one trace, and what was reported."""
    from amalia.serve.audit import Query

    if (subject is None) == (trace is None):
        raise RecordError("one subject or one trace is erased at a time; give --subject or --trace")
    query = Query(trace_id=trace, subject=subject)
    with _opened(log) as opened:
        if not yes:
            num = sum(1 for _ in opened.search(query))
            typer.confirm(f"Erase {num} records in {opened.name}? It cannot be undone.", abort=True)
        done = (
            opened.erase_trace(trace) if trace is not None else opened.erase_subject(subject or "")
        )
    typer.echo(f"{done.num_records} records and {done.num_reports} reports erased")
    _warn(log, is_overwritten=done.is_overwritten)


@app.command()
def verify(
    log: LogPlace,
    head: Annotated[
        str | None, typer.Option("--head", help="Head that was noted earlier, to be found again.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Look whether records were changed or taken out; exit with 1 if so. Prints the head, to be noted elsewhere."""
    with _opened(log) as opened:
        found = opened.verify(head)
    if as_json:
        typer.echo(
            json.dumps(
                {
                    "num_records": found.num_records,
                    "num_removed": found.num_removed,
                    "num_erasures": found.num_erasures,
                    "first_seq": found.first_seq,
                    "head": found.head,
                    "faults": found.faults,
                }
            )
        )
    else:
        for fault in found.faults:
            typer.echo(f"fault: {fault}")
        state = f"{len(found.faults)} faults" if found.faults else "whole"
        typer.echo(
            f"{state}: {found.num_records} records, {found.num_removed} removed, "
            f"{found.num_erasures} erasures\nhead {found.head}"
        )
    if found.faults:
        raise typer.Exit(1)


@app.command()
def reports(
    log: LogPlace,
    every: Annotated[bool, typer.Option("--all", help="Closed ones too.")] = False,
    as_json: AsJson = False,
) -> None:
    """List what people reported of answers; open reports keep their records."""
    with _opened(log) as opened:
        found = opened.reports(only_open=not every)
    for report in found:
        if as_json:
            typer.echo(json.dumps(report.as_json(), ensure_ascii=False))
            continue
        state = "closed" if report.closed_at else "open"
        typer.echo(
            f"{report.report_id}  {report.at:%Y-%m-%dT%H:%M:%S}  {report.trace_id}  {state:<6}  "
            f"{report.category:<8}  {_printable(report.comment)}"
        )


@app.command()
def close(
    log: LogPlace, report: Annotated[str, typer.Argument(help="Identifier of the report.")]
) -> None:
    """Note that a report was dealt with; its record then goes by age like others."""
    with _opened(log) as opened:
        opened.close_report(report)
    typer.echo(f"report {report} closed")


@contextmanager
def _opened(place: str, settings: AuditSettings | None = None) -> Iterator[Log]:
    from amalia.serve.audit import Log

    with Log.open(settings or _settings(place), create=False) as opened:
        yield opened


def _settings(
    place: str, *, keep_text_days: int | None = None, keep_records_days: int | None = None
) -> AuditSettings:
    from amalia import recipe
    from amalia.serve.audit_record import AuditSettings

    tree = {
        "log": place,
        "keep_text_days": keep_text_days,
        "keep_records_days": keep_records_days,
    }
    try:
        return recipe.parse(tree, AuditSettings, name="the command")
    except RecipeError as error:
        raise RecipeError(" ".join(str(error).split())) from error


def _utc(at: datetime | None) -> datetime | None:
    if at is None:
        return None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)


def _exported(log: Log, query: Query) -> Iterator[str]:
    for tree in log.export(query):
        yield json.dumps(tree, ensure_ascii=False)


def _write(out: Path, lines: Iterator[str]) -> int:
    """Write a file that only its owner may read, beside and then renamed; give the number of lines."""
    beside = out.with_name(f"{out.name}.partial")
    num = 0
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        beside.unlink(missing_ok=True)
        handle = os.open(beside, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            for line in lines:
                file.write(line + "\n")
                num += 1
        beside.rename(out)
    except OSError as error:
        raise ArtifactError(
            f"{out} cannot be written ({error}); give a path with room that can be written"
        ) from error
    return num


def _shown(kept: Kept) -> str:
    record = kept.record
    found = ", ".join(sorted({str(verdict.get("category")) for verdict in record.verdicts}))
    said = "(erased)" if kept.are_texts_erased else record.question or record.error or ""
    return _line(
        f"{record.started_at:%Y-%m-%dT%H:%M:%S}",
        record.trace_id,
        record.key_id or "-",
        record.endpoint,
        str(record.status),
        ",".join(record.finish_reasons) or "-",
        f"[{found}] {said}" if found else said,
    )


def _line(*cells: str) -> str:
    *narrow, last = (_printable(cell) for cell in cells)
    columns = [f"{cell:<{width}}" for cell, width in zip(narrow, _WIDTHS, strict=True)]
    return "  ".join([*columns, last if len(last) <= 100 else f"{last[:99]}…"]).rstrip()


def _printable(text: str) -> str:
    """Give a text as one line that does nothing to a terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _warn(place: str, *, is_overwritten: bool) -> None:
    if not is_overwritten:
        typer.echo(
            f"{place}-wal may still hold what was taken out, because somebody reads the log; run the command "
            "again later",
            err=True,
        )
