"""``amalia verify MODEL``: whether trainer, transformers, amalia's engine and a server give the same.

Exit code 0 means that no two sides part by more than the tolerances, 1 that some do, 2 that nothing could be
compared.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from amalia.cli.run import AsJson, needs_training_libraries
from amalia.errors import AmaliaError

if TYPE_CHECKING:
    from amalia.pipeline.parity import Report
    from amalia.pipeline.parity_comparison import Comparison

_SHOWN_TOO_LONG = 4


def verify(
    model: Annotated[Path, typer.Argument(help="Exported model folder.")],
    against: Annotated[
        str | None,
        typer.Option(help="A server that has the model: http://HOST:PORT, or up to its /v1."),
    ] = None,
    served_model: Annotated[
        str | None, typer.Option("--model", help="What the server calls it, if it has several.")
    ] = None,
    key_env: Annotated[
        str | None, typer.Option(help="Environment variable that holds the key of the server.")
    ] = None,
    pictures: Annotated[
        int, typer.Option(min=0, help="Pictures of odd sizes, one prompt each.")
    ] = 20,
    as_json: AsJson = False,
) -> None:
    """Compare trainer, transformers, amalia and a server, stage by stage; exit with 1 where they part."""
    # Or transformers tells, between our lines, of the image processor that the folder says to use.
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    try:
        needs_training_libraries()
        from amalia.pipeline import parity
        from amalia.pipeline.parity_engine import settings_for

        settings = against and settings_for(against, model=served_model, key_env=key_env)
        report = parity.verify(model, num_pictures=pictures, against=settings or None)
    except AmaliaError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from error
    if as_json:
        found = {"agrees": report.parts_at is None, **asdict(report)}
        typer.echo(json.dumps(found, ensure_ascii=False))
    else:
        typer.echo("\n".join(told(report)))
    raise typer.Exit(0 if report.parts_at is None else 1)


def told(report: Report) -> Iterator[str]:
    """Write a report for people: a table, then where the sides part."""
    yield f"model    {report.model}"
    if report.server:
        yield f"engine   {report.server}"
    seen = f"{report.num_pictures} of them with pictures" if report.sees else "it reads text only"
    yield f"prompts  {report.num_prompts}, {seen}"
    if report.too_long:
        names = "; ".join(report.too_long[:_SHOWN_TOO_LONG])
        more = "; …" if len(report.too_long) > _SHOWN_TOO_LONG else ""
        yield f"too long {len(report.too_long)} left out: {names}{more}"
    yield ""
    header = ("stage", "between", "prompts", "agree", "ties", "worst", "allowed", "")
    yield _line(header)
    yield from (_line(_cells(found)) for found in report.comparisons)
    yield ""
    ties = [found for found in report.comparisons if found.tie]
    for found in ties:
        assert found.tie is not None
        yield f"tied   at {_where(found)}: {found.tie.prompt}: {found.tie.where}"
    parting = report.parts_at
    if parting is None:
        yield "All sides agree." if not ties else "No sides part; ties are left to rounding."
        return
    assert parting.parting is not None
    yield f"part   at {_where(parting)}: {parting.parting.prompt}: {parting.parting.where}"


def _where(found: Comparison) -> str:
    return f"{_stage(found)}, {found.left} and {found.right}"


def _stage(found: Comparison) -> str:
    # Image tokens and pixels are about pictures anyway.
    is_plain = found.about == "all" or found.stage in ("image tokens", "pixels")
    return found.stage if is_plain else f"{found.stage}, {found.about}"


def _cells(found: Comparison) -> tuple[str, ...]:
    between = f"{found.left} – {found.right}"
    if not found.num_prompts:
        return (_stage(found), between, "–", "", "", "", "", f"not told: {found.note}")
    unit = found.measure.unit
    worst = "" if found.worst is None or not unit else f"{_number(found.worst)} {unit}"
    allowed = f"{_number(found.measure.tolerance)} {unit}" if unit else "equal"
    counts = (str(number) for number in (found.num_prompts, found.num_agree, found.num_ties))
    return (_stage(found), between, *counts, worst, allowed, found.note)


def _number(value: float) -> str:
    return f"{value:.2g}"


def _line(cells: tuple[str, ...]) -> str:
    stage, between, prompts, agree, ties, worst, allowed, note = cells
    line = (
        f"{stage:<23} {between:<26}{prompts:>8}{agree:>7}{ties:>6}  {worst:<13}{allowed:<11}{note}"
    )
    return line.rstrip()
