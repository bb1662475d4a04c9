"""``amalia data fetch NAME``: get data that cannot ship with this package, into a local folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from amalia.corpus.fetch import Source, fetch, sources
from amalia.manifest import Manifest


def data_fetch(
    name: Annotated[str, typer.Argument(help="Source, for example tuxpaint-stamps-default.")],
    out: Annotated[
        Path, typer.Option("--out", help="Folder that gets the artifacts; keep it out of git.")
    ] = Path("runs/fetched"),
) -> None:
    """Get a source by package name: conversations and preferences, or pages as a web archive."""
    manifests = fetch(name, out)
    typer.echo("\n".join(_lines(sources()[name], out, manifests)))


def _lines(source: Source, out: Path, manifests: tuple[Manifest, ...]) -> list[str]:
    package = manifests[0].inputs[0]
    lines = [
        f"{source.name}: {source.description}",
        f"package  {package.path} ({source.registry})",
        f"licence  {source.license}; it holds for whatever you publish with these records",
    ]
    for manifest in manifests:
        counts = manifest.counts
        lines.append(f"{out / manifest.name}  {counts.records:,} {manifest.kind}")
        if counts.dropped:
            reasons = ", ".join(f"{reason} {n:,}" for reason, n in counts.dropped.items())
            lines.append(f"  not used: {reasons}")
    if any("no_rasterizer" in manifest.counts.dropped for manifest in manifests):
        lines.append(
            "no_rasterizer: these are SVG drawings; run  pip install 'amalia[corpus]', "
            f"remove {out}, and fetch again"
        )
    return lines
