"""``amalia index SOURCE --out DIR``: make documents searchable, for answers that rest on them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from amalia import recipe as recipes


def index(
    source: Annotated[
        Path, typer.Argument(help="Folder of .txt and .md files, or an artifact of documents.")
    ],
    overrides: Annotated[
        list[str] | None,
        typer.Argument(help="KEY=VALUE settings, for example encoder=null.", show_default=False),
    ] = None,
    *,
    out: Annotated[Path, typer.Option("--out", help="Folder of the index.")],
    license_: Annotated[
        str | None, typer.Option("--license", help="SPDX expression of the files of a folder.")
    ] = None,
    language: Annotated[
        str | None, typer.Option("--language", help="Their language, for example pt-PT.")
    ] = None,
) -> None:
    """Cut documents into passages and index them, by words and by meaning."""
    from amalia.retrieve.index import build
    from amalia.retrieve.settings import IndexSettings

    settings = recipes.parse(recipes.overridden({}, overrides or []), IndexSettings, name="index")
    made = build(source, out, settings=settings, licence=license_, language=language)
    dropped = ", ".join(f"{reason} {count}" for reason, count in made.counts.dropped.items())
    typer.echo(
        f"{out}: {made.counts.records:,} documents, {made.figures['passages']:,} passages, "
        f"encoder {made.figures['encoder']}{f'; left out: {dropped}' if dropped else ''}"
    )
    without = made.figures["passages_without_vector"]
    if without:
        typer.echo(
            f"{without:,} passages have too many tokens for the encoder and are found by words only"
        )
