"""The models an evaluation asks: found in a folder, reached at an address, or scripted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from amalia.device import detect
from amalia.errors import ArtifactError, GenerationError
from amalia.inference import Generate, Scripted
from amalia.pipeline.evaluation_recipe import Model, Script
from amalia.records import Conversation, Row


def engine_of(model: Model, out: Path, *, batch: int) -> Generate:
    """Make ready a model to be asked.

    Args:
        model: Which one.
        out: Artifacts are looked for beside it.
        batch: Questions a local model answers at once.

    Raises:
        ArtifactError: There is no such folder, or it is not a model.
        GenerationError: A server is not there or does not know the model.
    """
    if model.endpoint is not None:
        from amalia.inference.endpoint import Endpoint  # the client of HTTP: other models need none

        return Endpoint.connect(model.endpoint)
    if model.scripted is not None:
        return _script(model.scripted, model.label)
    from amalia.inference.local import Local  # torch: too slow to import to read a recipe

    device = detect()
    device.claim()
    return Local.load(beside(str(model.path), out), device=device, batch_size=batch)


def beside(name: str, out: Path) -> Path:
    """Find an artifact beside the output, else from the working folder.

    Raises:
        ArtifactError: It is in neither.
    """
    for folder in (out.parent / name, Path(name)):
        if folder.is_dir():
            return folder
    raise ArtifactError(
        f"there is no {name}, neither in {out.parent} nor in the working folder; run the recipe that makes it"
    )


def _script(script: Script, name: str) -> Scripted:
    if script.answer is not None:
        said = script.answer
        return Scripted(lambda _: said, name=f"{name}@script")
    known = _answers(Path(str(script.file)))

    def answer(prompt: Row[Conversation]) -> str:
        if prompt.record.id not in known:
            raise GenerationError(
                f"{script.file} has no answer to sample {prompt.record.id}; add a line for it",
                reason="no_answer",
            )
        return known[prompt.record.id]

    return Scripted(answer, name=f"{name}@script")


def _answers(path: Path) -> Mapping[str, str]:
    try:
        lines = [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]
        return {str(line["id"]): str(line["answer"]) for line in lines}
    except (OSError, ValueError, KeyError, TypeError) as error:
        detail = " ".join(str(error).split())
        raise ArtifactError(
            f"{path} is not a script of answers ({detail}); expected JSON lines with id and answer"
        ) from error
