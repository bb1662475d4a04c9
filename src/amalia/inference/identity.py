"""What a model in a folder is called, without loading it."""

from __future__ import annotations

import hashlib
from pathlib import Path

from amalia import manifest as manifests
from amalia.errors import ArtifactError


def identity(folder: Path) -> str:
    """Name a model so that other weights have another name: ``folder@fingerprint``.

    Raises:
        ArtifactError: The folder has no ``config.json``, or its manifest is damaged.
    """
    if (folder / manifests.FILE_NAME).is_file():
        return f"{folder.name}@{manifests.read(folder).fingerprint}"
    if not (folder / "config.json").is_file():
        raise ArtifactError(f"{folder} has no config.json; expected an exported model")
    digest = hashlib.sha256((folder / "config.json").read_bytes())
    for path in sorted(folder.glob("*.safetensors")):
        # Reading tens of gigabytes to name them would take longer than answering.
        state = path.stat()
        digest.update(f"{path.name} {state.st_size} {state.st_mtime_ns}".encode())
    return f"{folder.name}@{digest.hexdigest()[:16]}"
