"""``amalia variety``: which Portuguese lines of text are in, and why."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console
from rich.text import Text

from amalia.errors import AmaliaError, RecordError
from amalia.variety import Variety, detect_many, rewrite

_AT_ONCE = 1000
_COLORS = {"pt-PT": "green", "pt-BR": "yellow", "undecided": "dim", "other": "magenta"}
Required = Literal["pt-PT", "pt-BR"]


def variety(
    files: Annotated[
        list[Path] | None, typer.Argument(help="Text files, a text a line; without any, stdin.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a text.")] = False,
    require: Annotated[
        Required | None, typer.Option(help="Exit with 1 when a text is not of this variety.")
    ] = None,
    rewritten: Annotated[
        bool,
        typer.Option("--rewrite", help="Print the text with what has one right form exchanged."),
    ] = False,
) -> None:
    """Say of each line whether it is European or Brazilian Portuguese, and what tells it.

    On a terminal the evidence is underlined, with the Portuguese form behind what is Brazilian.
    Elsewhere a line is label, probability of pt-PT, text and evidence, between tabs.
    """
    console = Console(highlight=False, soft_wrap=True)
    missed = False
    for texts in _batches(files or []):
        if rewritten:
            for text in texts:
                typer.echo(rewrite(text).text)
            continue
        for text, found in zip(texts, detect_many(texts), strict=True):
            missed |= require is not None and bool(text.strip()) and found.label != require
            if as_json:
                typer.echo(json.dumps({"text": text} | asdict(found), ensure_ascii=False))
            elif console.is_terminal:
                console.print(_colored(text, found))
            else:
                typer.echo(_tabbed(text, found))
    if missed:
        raise typer.Exit(1)


def _batches(files: list[Path]) -> Iterator[list[str]]:
    lines = _lines(files)
    while some := list(islice(lines, _AT_ONCE)):
        yield some


def _lines(files: list[Path]) -> Iterator[str]:
    if not files:
        for raw in sys.stdin.buffer:
            yield _decoded(raw)
    for file in files:
        try:
            with file.open("rb") as stream:
                for raw in stream:
                    yield _decoded(raw)
        except OSError as error:
            raise _unreadable(file, error) from error


def _unreadable(file: Path, error: OSError) -> AmaliaError:
    return RecordError(
        f"cannot read {file}: {error.strerror}; expected a text file; name another",
        reason="unreadable",
    )


def _decoded(raw: bytes) -> str:
    """Read UTF-8, or else Windows-1252, in which old Portuguese text is written."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("cp1252", "replace")
    return text.rstrip("\r\n")


def _tabbed(text: str, found: Variety) -> str:
    signs = (f"{e.text} → {e.instead}" if e.instead else e.text for e in found.evidence)
    return "\t".join((found.label, f"{found.p_pt_pt:.2f}", text, "; ".join(signs)))


def _colored(text: str, found: Variety) -> Text:
    line = Text(f"{found.label:9} {found.p_pt_pt:.2f}  ", style=_COLORS[found.label])
    after = 0
    for sign in found.evidence:
        start, end = sign.span
        line.append(text[after:start], style="default")
        line.append(text[start:end], style=f"underline not dim {_COLORS[sign.suggests]}")
        if sign.instead:
            line.append(f" [{sign.instead}]", style="not dim cyan")
        after = end
    line.append(text[after:], style="default")
    return line
