"""A checkpoint as a model folder, of the same kind as the one its stage leaves at its end.

The stage is begun as it was, its trained parameters are read from the checkpoint, and the model is
written as the loop writes it. One process does this on the host, whatever number of processes trained.
The optimizer is not read, and the data of the stage need not be there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from amalia import manifest as manifests
from amalia.errors import ArtifactError
from amalia.manifest import Manifest
from amalia.recipe import differences, fingerprint
from amalia.store import Workshop
from amalia.train import checkpoint
from amalia.train.checkpoint import Owner
from amalia.train.inputs import refuse_changed, seen_from
from amalia.train.stage import Places, Stage
from amalia.train.start import Begun, finish, prepare

_DIFFERENCES_SHOWN = 4


@dataclass(frozen=True, slots=True)
class Source:
    """A whole checkpoint."""

    path: Path
    step: int
    """Steps done."""
    owner: Owner

    @property
    def beside(self) -> Path | None:
        """Where its stage found what it refers to; ``None`` for one that was taken elsewhere."""
        folder = self.path.parent
        return folder.parent.parent if folder.name == checkpoint.FOLDER else None


def convert(
    stage: Stage, places: Places, *, source: Path | None = None, step: int | None = None
) -> Manifest:
    """Make a model artifact of a checkpoint.

    Args:
        stage: The recipe the checkpoint was trained with.
        places: ``out`` becomes the artifact; what the stage starts from is looked for beside the folder
            of the stage, or in ``beside`` for a checkpoint that was taken elsewhere.
        source: A checkpoint, or the folder that the stage makes or is to make; by default the one in
            ``beside`` that is called as the stage.
        step: Which checkpoint of that folder; by default the newest whole one.

    Returns:
        The manifest of the artifact. Its figure ``steps`` says after how many steps the model stood so,
        ``steps_planned`` how many the stage has.

    Raises:
        ArtifactError: No such checkpoint, a damaged one, or one of another recipe; what the stage
            starts from is missing or has changed; ``out`` is not free.
    """
    _refuse_taken(places.out)
    chosen = _chosen((source or places.beside / stage.name).absolute(), step)
    _refuse_another(chosen, stage)
    places = replace(places, beside=chosen.beside or places.beside)
    refuse_changed(stage, places, chosen.owner.inputs)
    # Another model than the one at the end, so another identity: what is made from it must differ too.
    identity = fingerprint({"stage": chosen.owner.fingerprint, "step": chosen.step})
    with Workshop(places.out, fingerprint=identity, recipe=stage.model_dump(mode="json")) as shop:
        begun = prepare(stage, places.find)
        _read(chosen.path, begun)
        inputs = seen_from(places, chosen.owner.inputs)
        figures = {"steps": chosen.step, "steps_planned": stage.steps}
        return finish(stage, begun, shop, inputs=inputs, figures=figures)


def _refuse_taken(out: Path) -> None:
    """Look at the output before gigabytes are read."""
    partial = out.with_name(out.name + ".partial")
    if (partial / checkpoint.FOLDER).exists():
        raise ArtifactError(
            f"{partial} is a stage that is not finished; give an --out that is not the folder of a stage"
        )
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise ArtifactError(
            f"{out} is there and not empty; give an --out that is not there yet, or remove it"
        )


def _chosen(source: Path, step: int | None) -> Source:
    if checkpoint.is_one(source):
        if step is not None:
            raise ArtifactError(
                f"--from {source} is a checkpoint and --step {step} chooses one of a stage; give one of them"
            )
        return _whole(source)
    folder = _folder(source)
    return _newest(folder) if step is None else _whole(_of_step(folder, step))


def _newest(folder: Path) -> Source:
    found = checkpoint.newest(folder)
    if found is None:
        raise ArtifactError(
            f"every checkpoint in {folder} is damaged ({_steps(folder)}); the stage has to save another"
        )
    path, resumed = found
    return _owned(path, resumed.step)


def _of_step(folder: Path, step: int) -> Path:
    for path in checkpoint.saved(folder):
        if checkpoint.step_of(path) == step:
            return path
    raise ArtifactError(
        f"{folder} has no checkpoint of step {step}, but {_steps(folder)}; give one of these as --step"
    )


def _whole(path: Path) -> Source:
    resumed = checkpoint.whole(path)
    if resumed is None:
        raise ArtifactError(
            f"checkpoint {path} is damaged or was never finished; "
            f"those in {path.parent} are {_steps(path.parent)}"
        )
    return _owned(path, resumed.step)


def _owned(path: Path, step: int) -> Source:
    owner = checkpoint.owner_of(path)
    if owner is None:
        raise ArtifactError(
            f"checkpoint {path} does not say of which stage it is, as those of old versions do not; "
            "go on with the stage until it saves another"
        )
    return Source(path, step, owner)


def _steps(folder: Path) -> str:
    return (
        ", ".join(f"step {checkpoint.step_of(path)}" for path in checkpoint.saved(folder)) or "none"
    )


def _folder(source: Path) -> Path:
    """Find where the checkpoints of a stage are, while it is made and when it is finished."""
    partial = source.with_name(source.name + ".partial")
    for folder in (partial / checkpoint.FOLDER, source / checkpoint.FOLDER):
        if folder.is_dir() and checkpoint.saved(folder):
            return folder
    if (source / manifests.FILE_NAME).is_file():
        raise ArtifactError(
            f"{source} is finished and has kept no checkpoint; it is the model after the last step, and "
            "run.keep_every keeps some on the way"
        )
    raise ArtifactError(
        f"there is no checkpoint in {partial / checkpoint.FOLDER} or {source / checkpoint.FOLDER}; "
        "let the stage save one, or name one, or the folder of its stage, with --from"
    )


def _refuse_another(chosen: Source, stage: Stage) -> None:
    changed = differences(chosen.owner.recipe, stage.model_dump(mode="json"))
    if changed:
        raise ArtifactError(
            f"checkpoint {chosen.path} is of another recipe ({'; '.join(changed[:_DIFFERENCES_SHOWN])}); "
            "give the recipe, with the KEY=VALUE settings, that the stage was trained with"
        )


def _read(path: Path, begun: Begun) -> None:
    trained = {name: value for name, value in begun.model.named_parameters() if value.requires_grad}
    gone = ArtifactError(
        f"checkpoint {path} was removed while it was converted; if its stage is training, convert a newer one, "
        "or let run.keep_every keep it"
    )
    if not path.is_dir():
        raise gone
    try:
        checkpoint.read_parameters(path, trained)
    except Exception as error:
        if checkpoint.whole(path) is not None:
            raise
        raise gone from error
