"""``amalia data RECIPE`` of a corpus; ``amalia data look`` at what was kept and what was not; ``new-key``."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from amalia import recipe as recipes
from amalia.cli.run import print_yaml
from amalia.errors import ArtifactError

if TYPE_CHECKING:
    from amalia.pipeline.corpus_recipe import CorpusRecipe


def build_corpus(recipe: Path, overrides: Sequence[str], out: Path, *, dry_run: bool) -> None:
    """Make a corpus, or say what would be done."""
    from amalia.pipeline import corpus, corpus_text
    from amalia.pipeline.corpus_recipe import CorpusRecipe

    loaded = recipes.load(recipe, CorpusRecipe, overrides)
    if dry_run:
        print_yaml(loaded.model_dump(mode="json"))
        typer.echo("\n".join(_would_do(loaded, out)))
        return
    planned = corpus.plan(loaded, out)
    needed, free = corpus.disk_needed(planned, out)
    typer.echo(corpus_text.disk(needed, free), err=True)
    made = corpus.carry_out(loaded, planned, out)
    if made is None:
        typer.echo("handed to Slurm; run the same command again once the jobs are done")
        return
    corpus_text.write_report(loaded, made, out)
    typer.echo("\n".join(corpus_text.told(made, out)))
    if not made.manifests:
        typer.echo("no document stayed, so there is no artifact; the report says why", err=True)
        raise typer.Exit(1)


def build_replay(recipe: Path, overrides: Sequence[str], out: Path, *, dry_run: bool) -> None:
    """Ask an archive for the captures that an index lists."""
    from amalia.pipeline import replays

    loaded = recipes.load(recipe, replays.ReplayRecipe, overrides)
    if dry_run:
        print_yaml(loaded.model_dump(mode="json"))
        return
    typer.echo(replays.told(replays.build(loaded, out)))


def _would_do(recipe: CorpusRecipe, out: Path) -> list[str]:
    from amalia.pipeline import corpus, corpus_text

    try:
        planned = corpus.plan(recipe, out)
    except ArtifactError as error:  # what is to be read may be made later
        return [str(error)]
    lines = corpus_text.planned(planned, *corpus.disk_needed(planned, out))
    return lines + (
        corpus.batch_scripts(recipe, planned, out) if recipe.run.executor == "slurm" else []
    )


def look(
    artifact: Annotated[Path, typer.Argument(help="Folder of a corpus, or one of its varieties.")],
    reason: Annotated[
        str, typer.Option(help="Only what was dropped for this reason; the beginning is enough.")
    ] = "",
    number: Annotated[int, typer.Option(min=1, help="How many of each.")] = 5,
    seed: Annotated[int, typer.Option(min=0, help="Others with another number.")] = 0,
) -> None:
    """Show documents that were kept and documents that were not, side by side."""
    from amalia.pipeline import corpus_look

    console = Console(soft_wrap=False)
    for pair in corpus_look.pairs(artifact, reason=reason, number=number, seed=seed):
        console.print(corpus_look.side_by_side(pair, width=console.width))


def new_key(
    file: Annotated[Path, typer.Argument(help="File to make; only its owner may read it.")],
) -> None:
    """Make a key that seals the personal data which is taken out of documents."""
    from amalia.corpus import private_data

    private_data.new_key(file)
    typer.echo(
        f"{file}: name it under documents.private.key_file, and keep it elsewhere than the corpus"
    )
