"""What a stage is made from, each with what makes it this very thing.

An artifact of ours is known by the fingerprint in its manifest, something of the hub by its commit, and a
model folder made by another program by the digest of its files.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from amalia import manifest as manifests
from amalia.errors import ArtifactError
from amalia.manifest import Input
from amalia.store import sha256_of
from amalia.train import hub
from amalia.train.stage import Places, Stage


def inputs_of(stage: Stage, places: Places) -> tuple[Input, ...]:
    """List what a stage reads.

    Raises:
        ArtifactError: Something is missing, unfinished or damaged.
    """
    for reference in stage.data():
        _refuse_foreign(reference, places.find(reference))
    return tuple(
        Input(
            name=reference,
            path=_path(reference, places),
            fingerprint=identity(reference, places.find(reference)),
        )
        for reference in stage.references()
    )


def seen_from(places: Places, inputs: Iterable[Input]) -> tuple[Input, ...]:
    """Give inputs recorded by another run with their paths as they are for this output.

    They need not be there.
    """
    return tuple(item.model_copy(update={"path": _path(item.name, places)}) for item in inputs)


def refuse_changed(stage: Stage, places: Places, recorded: Iterable[Input]) -> None:
    """Refuse a stage whose start is no longer what it was.

    Args:
        stage: The recipe.
        places: Where it finds what it refers to.
        recorded: What it was made from, data included, which is not looked at.

    Raises:
        ArtifactError: What the stage starts from is missing, damaged, or another than recorded.
    """
    known = {item.name: item.fingerprint for item in recorded}
    for reference in stage.begins_with():
        folder = places.find(reference)
        found = identity(reference, folder)
        if found != known[reference]:
            raise ArtifactError(
                f"{folder} is not what the stage started from: its fingerprint is {found}, expected "
                f"{known[reference]}; put back what stood there"
            )


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


def _refuse_foreign(reference: str, folder: Path) -> None:
    """Refuse a folder of data in the form of somebody else."""
    is_begun = folder.with_name(folder.name + ".partial").is_dir()
    if folder.is_dir() and not is_begun and not (folder / manifests.FILE_NAME).is_file():
        raise ArtifactError(
            f"{reference} is data of another form (no {manifests.FILE_NAME} in {folder}); make an artifact of it "
            f"with amalia data, from a set {{make: folder, path: {folder}}}, and name that in the mixture"
        )


def _path(reference: str, places: Places) -> str:
    """Say where an input is: as named in a package or on the hub, else from the folder of the output."""
    if reference.startswith(manifests.PACKAGED) or hub.is_reference(reference):
        return reference
    if "://" in reference:
        return reference
    folder, above = places.find(reference).absolute(), places.out.parent.absolute()
    return str(folder.relative_to(above) if folder.is_relative_to(above) else folder)


def _digest(folder: Path) -> str:
    whole = hashlib.sha256()
    for path in sorted(path for path in folder.iterdir() if path.is_file()):
        whole.update(f"{path.name} {sha256_of(path)}\n".encode())
    return whole.hexdigest()[:16]
