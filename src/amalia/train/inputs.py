"""What a stage is made from, each with what makes it this very thing.

An artifact of ours is known by the fingerprint in its manifest, something of the hub by its commit, and a
model folder made by another program by the digest of its files.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from amalia import manifest as manifests
from amalia.manifest import Input
from amalia.store import sha256_of
from amalia.train import hub
from amalia.train.stage import Places, Stage


def inputs_of(stage: Stage, places: Places) -> tuple[Input, ...]:
    """List what a stage reads.

    Raises:
        ArtifactError: Something is missing, unfinished or damaged.
    """
    found = []
    for reference in stage.references():
        folder = places.find(reference)
        inside = folder.is_relative_to(places.out.parent)
        path = str(folder.relative_to(places.out.parent)) if inside else str(folder)
        if reference.startswith(manifests.PACKAGED) or hub.is_reference(reference):
            path = reference
        found.append(Input(name=reference, path=path, fingerprint=identity(reference, folder)))
    return tuple(found)


def identity(reference: str, folder: Path) -> str:
    """Say what is in the folder of a reference, in a few characters that change with it.

    Raises:
        ArtifactError: Neither a finished artifact nor a model folder.
    """
    if hub.is_reference(reference):
        return hub.identity(reference, folder)
    if not (folder / manifests.FILE_NAME).is_file() and (folder / "config.json").is_file():
        return _digest(folder)
    return manifests.read(folder).fingerprint


def _digest(folder: Path) -> str:
    whole = hashlib.sha256()
    for path in sorted(path for path in folder.iterdir() if path.is_file()):
        whole.update(f"{path.name} {sha256_of(path)}\n".encode())
    return whole.hexdigest()[:16]
