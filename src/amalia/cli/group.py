"""A group of commands in which one is run when the first word is none of them, so that every verb reads alike."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup


class RecipeFirst(TyperGroup):
    """Take the first word for a recipe when it is no command, and run ``build`` on it."""

    # Typer carries a click of its own in new releases and uses the installed one in old ones, so no
    # class of click is named here.
    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Put ``build`` before what is no command."""
        if args and args[0] not in self.commands:
            args = ["build", *args]
        return super().resolve_command(ctx, args)
