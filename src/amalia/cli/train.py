"""``amalia train`` and ``inspect``: a stage run, a stage planned, one sample of it shown."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from amalia import recipe as recipes
from amalia.cli.run import AsJson, Out, Overrides, RecipePath, as_yaml, needs_training_libraries
from amalia.train.stage import Places, Stage

DryRun = Annotated[
    bool,
    typer.Option(
        "--dry-run", help="Check the recipe and every record, print the plan, run nothing."
    ),
]
On = Annotated[
    str,
    typer.Option("--on", help="GPUs to plan a dry run for, as 64xH100, instead of the recipe's."),
]
Sample = Annotated[
    int,
    typer.Option("--sample", min=0, help="Which record, by its place in the order of the stage."),
]
Page = Annotated[Path | None, typer.Option("--html", help="Also write a page with the tiles.")]
Ids = Annotated[bool, typer.Option("--ids", help="Show the id of every token.")]


def train(
    recipe: RecipePath,
    overrides: Overrides = None,
    out: Out = None,
    dry_run: DryRun = False,
    on: On = "",
    as_json: AsJson = False,
) -> None:
    """Train one stage; artifacts it names are looked for beside its output."""
    stage = recipes.load(recipe, Stage, overrides or [])
    needs_training_libraries()
    places = _places(stage, out)
    if dry_run:
        _plan(stage, places, on, as_json)
        return
    from amalia.train.loop import run_stage

    figures = run_stage(stage, places).figures
    if as_json:
        typer.echo(json.dumps(figures))
    else:
        typer.echo(f"{places.out}: {figures['steps']} steps, {figures['seconds']} s")


def inspect(
    recipe: RecipePath,
    overrides: Overrides = None,
    out: Out = None,
    sample: Sample = 0,
    html: Page = None,
    ids: Ids = False,
) -> None:
    """Show one record as the model gets it: tiles, tokens, and which of them it learns."""
    stage = recipes.load(recipe, Stage, overrides or [])
    needs_training_libraries()
    from rich.console import Console

    from amalia.plan import page
    from amalia.plan import sample as samples
    from amalia.plan.shape import on_this_machine
    from amalia.store import write_text

    found = samples.drawn(stage, on_this_machine(_places(stage, out)), sample)
    console = Console(highlight=False, soft_wrap=True)
    for line in samples.told(found, ids=ids, in_color=console.is_terminal):
        console.print(line)
    if html:
        write_text(html, page.page(found, ids=ids))
        typer.echo(f"page: {html}", err=True)


def _plan(stage: Stage, places: Places, on: str, as_json: bool) -> None:
    from amalia.plan import plan, text

    made = plan.make(stage, places, on=on)
    tree: Any = stage.model_dump(mode="json")
    if as_json:
        typer.echo(json.dumps({"recipe": tree, "plan": made.as_json()}, ensure_ascii=False))
    else:
        typer.echo(text.commented(as_yaml(tree), text.lines(made)))
    if made.problems:
        raise typer.Exit(1)


def _places(stage: Stage, out: Path | None) -> Places:
    from amalia.lineage import packaged

    target = out or Path("runs/mini") / stage.name
    return Places(target, target.parent, packaged(""))
