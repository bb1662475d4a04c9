"""``amalia data RECIPE`` makes record sets; ``amalia data fetch NAME`` gets what cannot ship here."""

from __future__ import annotations

from pathlib import Path

import typer

from amalia import recipe as recipes
from amalia.cli.data_corpus import build_corpus, build_replay, look, new_key
from amalia.cli.data_fetch import data_fetch
from amalia.cli.group import RecipeFirst
from amalia.cli.run import DryRun, Out, Overrides, RecipePath, print_yaml

app = typer.Typer(cls=RecipeFirst, no_args_is_help=True)
app.command(name="fetch")(data_fetch)
app.command(name="look")(look)
app.command(name="new-key")(new_key)


@app.command(name="build")
def build(
    recipe: RecipePath, overrides: Overrides = None, out: Out = None, dry_run: DryRun = False
) -> None:
    """Make the record sets of a data recipe."""
    from amalia.pipeline import datasets

    match recipes.read_yaml(recipe).get("kind"):
        case "corpus":
            build_corpus(recipe, overrides or [], out or Path("runs/corpus"), dry_run=dry_run)
            return
        case "replay":
            build_replay(recipe, overrides or [], out or Path("runs/replay"), dry_run=dry_run)
            return
    loaded = recipes.load(recipe, datasets.DataRecipe, overrides or [])
    if dry_run:
        print_yaml(loaded.model_dump(mode="json"))
        return
    for manifest in datasets.build(loaded, out or Path("runs/data")):
        dropped = ", ".join(
            f"{reason} {count}" for reason, count in manifest.counts.dropped.items()
        )
        typer.echo(
            f"{manifest.name}: {manifest.counts.records:,} records{f'; dropped: {dropped}' if dropped else ''}"
        )
