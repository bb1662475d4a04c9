"""What recipes name on the Hugging Face hub, as a folder of this machine.

A model is ``hub:ORG/NAME@REVISION`` and a data set ``hub:datasets/ORG/NAME@REVISION``, as in the hub's own
addresses. REVISION is a commit, a tag or a branch; what was really read is known by its commit.
"""

from __future__ import annotations

import re
from pathlib import Path

from amalia.errors import ArtifactError, MissingExtra
from amalia.manifest import HUB

_FORM = re.compile(r"hub:(datasets/)?([\w.-]+/[\w.-]+)@([\w./-]+)")
# Of a model: what transformers reads, and not the same weights in another format.
_MODEL_FILES = ["*.json", "*.safetensors", "*.jinja", "*.model"]


def is_reference(reference: str) -> bool:
    """Say whether something is to be found on the hub."""
    return reference.startswith(HUB)


def checked(reference: str) -> str:
    """Give a reference back if it is none to the hub or a well-formed one; raise ValueError if not."""
    if is_reference(reference) and not _FORM.fullmatch(reference):
        raise ValueError(
            "write hub:ORG/NAME@REVISION for a model or hub:datasets/ORG/NAME@REVISION for a data set; "
            "REVISION is a commit, a tag or main"
        )
    return reference


def snapshot(reference: str, *, download: bool = True) -> Path:
    """Give the folder of a reference, which is downloaded once.

    Args:
        reference: A well-formed one.
        download: Whether what is not on this machine is fetched.

    Raises:
        ArtifactError: It is not there and cannot be fetched.
    """
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError
    except ModuleNotFoundError as error:
        raise MissingExtra("Reading from the Hugging Face hub", "train") from error
    data_set, repository, revision = _parts(reference)
    try:
        folder = snapshot_download(
            repository,
            revision=revision,
            repo_type="dataset" if data_set else "model",
            allow_patterns=None if data_set else _MODEL_FILES,
            local_files_only=not download,
        )
    except LocalEntryNotFoundError as error:
        raise ArtifactError(
            f"{reference} is not on this machine and the hub is out of reach; connect, or fetch it elsewhere "
            "and name its folder instead"
        ) from error
    except HfHubHTTPError as error:
        raise ArtifactError(
            f"{reference} cannot be fetched ({str(error).splitlines()[0]}); check name, revision and whether "
            "its terms were accepted"
        ) from error
    except OSError as error:
        raise ArtifactError(
            f"{reference} cannot be fetched ({str(error).splitlines()[0]}); try again"
        ) from error
    return Path(folder)


def identity(reference: str, folder: Path) -> str:
    """Name a snapshot by repository and commit, whatever revision was asked for."""
    data_set, repository, _ = _parts(reference)
    return f"{data_set}{repository}@{folder.name}"


def _parts(reference: str) -> tuple[str, str, str]:
    found = _FORM.fullmatch(reference)
    assert found is not None, reference
    return found[1] or "", found[2], found[3]
