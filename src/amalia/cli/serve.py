"""``amalia serve RECIPE|MODEL``: a model behind an OpenAI-compatible interface.

One line says where it listens and what it is; what goes on is logged to stderr. It runs until SIGTERM or
Ctrl-C, lets answers under way finish, and exits 0.
"""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from amalia import recipe as recipes
from amalia.errors import MissingExtra, RecipeError

if TYPE_CHECKING:
    from amalia.serve.recipe import ServeRecipe


def serve(
    source: Annotated[
        Path | None, typer.Argument(help="Recipe of a server, or an exported model folder.")
    ] = None,
    overrides: Annotated[
        list[str] | None, typer.Argument(help="KEY=VALUE settings that replace the recipe's.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check and print the recipe, serve nothing.")
    ] = False,
    print_policy: Annotated[
        bool, typer.Option("--print-policy", help="Print the packaged guard policy, to start from.")
    ] = False,
) -> None:
    """Serve a model: OpenAI's interface, guards, log, and a chat page."""
    if print_policy:
        from amalia.guard.policy import packaged_text

        typer.echo(packaged_text(), nl=False)
        return
    if source is None:
        raise RecipeError("serve what? give the recipe of a server or an exported model folder")
    recipe, folder = _recipe(source, overrides or [])
    if dry_run:
        typer.echo(json.dumps(recipe.model_dump(mode="json"), indent=2, ensure_ascii=False))
        return
    _serve(recipe, folder)


def _recipe(source: Path, overrides: list[str]) -> tuple[ServeRecipe, Path]:
    try:
        from amalia.serve.recipe import ServeRecipe
    except ModuleNotFoundError as error:
        raise MissingExtra("Serving", "serve") from error
    if (
        "=" in str(source) and not source.exists()
    ):  # no recipe and no model, for engines that bring their own
        source, overrides = Path(), [str(source), *overrides]
        return recipes.parse(
            recipes.overridden({}, overrides), ServeRecipe, name="the command line"
        ), source
    if source.is_dir():
        tree = recipes.overridden({"model": str(source.absolute())}, overrides)
        return recipes.parse(tree, ServeRecipe, name=str(source)), Path()
    return recipes.load(source, ServeRecipe, overrides), source.parent


def _serve(recipe: ServeRecipe, folder: Path) -> None:
    try:
        from amalia.serve.assembly import build
        from amalia.serve.running import quiet, server
    except ModuleNotFoundError as error:
        raise MissingExtra("Serving", "serve") from error
    logging.getLogger("amalia").setLevel(logging.INFO)
    quiet()
    built = build(recipe, folder=folder)
    running = server(built)
    listening = running.config.bind_socket()
    host, port = listening.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    typer.echo(
        f"serving {built.front.served_name} with {recipe.engine.kind} at http://{shown}:{port}",
        err=True,
    )
    running.run(sockets=[listening])
