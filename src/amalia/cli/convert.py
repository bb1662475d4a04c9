"""``amalia convert``: a checkpoint of a stage as a model folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from amalia import recipe as recipes
from amalia.cli.run import AsJson, Overrides, RecipePath, needs_training_libraries
from amalia.train.stage import Places, Stage

Target = Annotated[Path, typer.Option("--out", help="Folder that becomes the model.")]
Step = Annotated[
    int | None,
    typer.Option("--step", min=1, help="Which checkpoint; by default the newest whole one."),
]
Source = Annotated[
    Path | None,
    typer.Option(
        "--from",
        help="Checkpoint, or folder of the stage; by default the one beside --out called as the recipe says.",
    ),
]


def convert(
    recipe: RecipePath,
    out: Target,
    overrides: Overrides = None,
    step: Step = None,
    source: Source = None,
    as_json: AsJson = False,
) -> None:
    """Make a model folder of a checkpoint, whatever number of processes wrote it."""
    stage = recipes.load(recipe, Stage, overrides or [])
    needs_training_libraries()
    from amalia.lineage import packaged
    from amalia.train.convert import convert as converted

    places = Places(out, out.absolute().parent, packaged(""))
    figures = converted(stage, places, source=source, step=step).figures
    if as_json:
        typer.echo(json.dumps(figures))
    else:
        typer.echo(f"{out}: step {figures['steps']} of {figures['steps_planned']}")
