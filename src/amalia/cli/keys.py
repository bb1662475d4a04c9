"""``amalia keys``: who may ask a server, and how much."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from amalia.serve.keys import Key, RateLimits, new_key, read_keys, revoke_key

app = typer.Typer(no_args_is_help=True)

File = Annotated[Path, typer.Argument(help="File of keys, which a server's recipe names.")]
Name = Annotated[str, typer.Argument(help="What the log calls the key's holder.")]


@app.command()
def new(
    file: File,
    name: Name,
    requests: Annotated[
        int | None, typer.Option("--requests-per-minute", min=1, help="Without limit by default.")
    ] = None,
    tokens: Annotated[
        int | None, typer.Option("--tokens-per-minute", min=1, help="Prompts and answers.")
    ] = None,
    images: Annotated[
        int | None, typer.Option("--images-per-minute", min=1, help="Pictures.")
    ] = None,
    expires: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Last day on which it is good.")
    ] = None,
) -> None:
    """Make a key and print it, once; the file holds only its digest."""
    limits = RateLimits(
        requests_per_minute=requests, tokens_per_minute=tokens, images_per_minute=images
    )
    key = new_key(file, name, limits=limits, expires=expires.date() if expires else None)
    typer.echo(key)
    typer.echo(f"the key of {name}; keep it, it cannot be shown again", err=True)


@app.command(name="list")
def list_(
    file: File,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a key.")] = False,
) -> None:
    """Print the keys of a file by name, without what they are."""
    for key in read_keys(file).keys:
        if as_json:
            typer.echo(json.dumps(key.model_dump(mode="json", exclude={"sha256"})))
        else:
            typer.echo("\t".join((key.name, _state(key), _limits(key.limits))))


@app.command()
def revoke(file: File, name: Name) -> None:
    """Let a key be good no more; running servers know within about a second."""
    revoke_key(file, name)
    typer.echo(f"revoked {name}")


def _state(key: Key) -> str:
    if key.revoked is not None:
        return f"revoked {key.revoked}"
    if not key.is_good(datetime.now(UTC).date()):
        return f"expired {key.expires}"
    return f"good until {key.expires}" if key.expires else "good"


def _limits(limits: RateLimits) -> str:
    told = (
        f"{amount} {name.partition('_')[0]}/min"
        for name, amount in limits.model_dump(exclude_none=True).items()
    )
    return ", ".join(told) or "no limits"
