"""``amalia lineage``: what an artifact was made from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from amalia.lineage import tree


def lineage(folder: Annotated[Path, typer.Argument(help="Finished artifact.")]) -> None:
    """Print an artifact and everything it was made from, inputs indented below it."""
    typer.echo("\n".join(tree(folder)))
