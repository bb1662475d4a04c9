"""From an artifact back to everything it was made from, down to published packages and their licences.

An input's path is relative to the artifact's own folder's parent, absolute, ``package:NAME`` for what
ships with this package: the pack of data and the pretrained parts; or ``hub:ORG/NAME@REVISION``.
"""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

from amalia.errors import ArtifactError
from amalia.manifest import FILE_NAME, HUB, PACKAGED, Input, read

PACK = f"{PACKAGED}pack"


def packaged(name: str) -> Path:
    """Give the folder of something that ships with the package, by what stands after ``package:``."""
    root = Path(str(resources.files("amalia")))
    return root / "pack" if name == "pack" else root / "parts" / name


def tree(folder: Path) -> list[str]:
    """Describe an artifact and all it was made from, one line each, inputs indented below.

    What was described before is named again without its inputs.

    Args:
        folder: A finished artifact.

    Returns:
        Lines of text; an input that is not there any more is named as such.
    """
    return _described(folder, 0, set())


def _described(folder: Path, depth: int, seen: set[str]) -> list[str]:
    # Of some inputs only the manifest is kept, to say where a thing comes from without its bulk.
    manifest = read(folder, check_sizes=depth == 0)
    records = manifest.counts.records
    size = f"{records:,} records" if records else f"{manifest.bytes / 1e6:.1f} MB"
    line = f"{'  ' * depth}{manifest.name}  {manifest.kind}  {size}  {manifest.fingerprint}"
    if manifest.fingerprint in seen:
        return [f"{line}  (above)"] if manifest.inputs else [line]
    seen.add(manifest.fingerprint)
    return [
        line,
        *(found for item in manifest.inputs for found in _input(item, folder, depth + 1, seen)),
    ]


def _input(item: Input, made: Path, depth: int, seen: set[str]) -> list[str]:
    if item.path == PACK:
        return _sources(depth, item.fingerprint, seen)
    if item.path.startswith(HUB):
        return [f"{'  ' * depth}{item.name}  of the Hugging Face hub  {item.fingerprint}"]
    is_packaged = item.path.startswith(PACKAGED)
    path = packaged(item.path.removeprefix(PACKAGED)) if is_packaged else made.parent / item.path
    try:
        return _described(path, depth, seen)
    except ArtifactError:
        return [f"{'  ' * depth}{item.name}  not here any more  {item.fingerprint}"]


def _sources(depth: int, digest: str, seen: set[str]) -> list[str]:
    """Name the published packages the pack was made from, with version and licence."""
    line = f"{'  ' * depth}pack  {digest}"
    if digest in seen:
        return [f"{line}  (above)"]
    seen.add(digest)
    described = json.loads((packaged("pack") / FILE_NAME).read_text("utf-8"))
    indent = "  " * (depth + 1)
    return [
        line,
        *(
            f"{indent}{source['registry']}:{source['package']} {source['version']}  {source['license']}"
            for source in described["sources"]
        ),
    ]
