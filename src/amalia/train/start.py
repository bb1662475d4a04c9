"""Where a stage begins and ends: the model, how it reads, and the artifact it becomes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import LlavaNextForConditionalGeneration, PreTrainedModel, SiglipModel

from amalia.errors import TrainingError
from amalia.manifest import Input, Manifest
from amalia.model import build
from amalia.model.export import export, load, load_language, load_tokenizer, load_tower
from amalia.model.render import Renderer
from amalia.model.tile import TileGrid
from amalia.model.tokenizer import with_image_token
from amalia.store import Workshop, disk_errors
from amalia.train import adapters, checkpoint
from amalia.train.stage import FromExtension, FromModel, FromParts, Kept, NewLanguage, Stage
from amalia.train.trainable import freeze

ADAPTER = "adapter"
"""Folder of the adapters in the artifact of a stage that trained some."""
Find = Callable[[str], Path]
"""From what a recipe calls an artifact to its folder."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A model about to train, and how it reads."""

    model: PreTrainedModel
    renderer: Renderer


def prepare(stage: Stage, find: Find) -> Begun:
    """Make the model a stage starts from, what trains already chosen; every call gives the same.

    Raises:
        ArtifactError: A part is missing or of another kind.
        TrainingError: See ``begin`` and ``freeze``.
    """
    torch.manual_seed(stage.seed)
    begun = begin(stage, find)
    freeze(begun.model, stage.trainable)
    return begun


def begin(stage: Stage, find: Find) -> Begun:
    """Build or load the model a stage starts from.

    Raises:
        ArtifactError: A part is missing or of another kind.
        TrainingError: Canvases that are no multiple of the tower's tile; the tower is to be kept of a
            model without one.
    """
    begun = _begun(stage, find)
    if stage.keep == "tower" and "vision" not in build.parts(begun.model):
        raise TrainingError(
            f"keep asks for the tower of a {type(begun.model).__name__}, which has none; leave it out"
        )
    renderer = Renderer(
        begun.renderer.tokenizer, begun.renderer.grid, is_exact=stage.pictures == "exact"
    )
    return Begun(begun.model, renderer)


def _begun(stage: Stage, find: Find) -> Begun:
    start = stage.start
    if isinstance(start, FromModel):
        folder = find(start.model)
        return Begun(load(folder), Renderer.load(folder))
    if isinstance(start, FromExtension):
        folder = find(start.language)
        model = build.extended(load_language(folder), start.extension)
        return Begun(model, Renderer(load_tokenizer(folder), None))
    if isinstance(start, FromParts):
        tower, language = load_tower(find(start.tower)), load_language(find(start.language))
        tokenizer = with_image_token(load_tokenizer(find(start.language)))
        grid = TileGrid(tower.config.image_size, tower.config.patch_size, start.pinpoints_px)
        if any(side % grid.tile_px for size in grid.pinpoints_px for side in size):
            raise TrainingError(
                f"start.pinpoints_px {list(grid.pinpoints_px)} are not all multiples of the tile, {grid.tile_px} px"
            )
        return Begun(build.llava_next(tower, language, tokenizer, grid), Renderer(tokenizer, grid))
    tokenizer = load_tokenizer(find(start.tokenizer))
    if isinstance(start, NewLanguage):
        return Begun(build.language_model(start.size, tokenizer), Renderer(tokenizer, None))
    pair = build.siglip_pair(start.tower, start.text, tokenizer, letters=start.letters)
    return Begun(pair, Renderer(tokenizer, None))


def write(begun: Begun, folder: Path, *, keep: Kept) -> None:
    """Export what was trained; of a SigLIP pair only the tower.

    Adapters are written by themselves into ``adapter`` and are part of the exported weights.
    """
    model = begun.model
    if adapters.are_in(model):
        adapters.write(model, folder / ADAPTER)
        adapters.merge(model)
    if isinstance(model, SiglipModel):
        model = build.tower_of(model)
    elif isinstance(model, LlavaNextForConditionalGeneration) and keep == "tower":
        model = model.model.vision_tower
    export(model, folder, tokenizer=begun.renderer.tokenizer, grid=begun.renderer.grid)


def finish(
    stage: Stage,
    begun: Begun,
    shop: Workshop,
    *,
    inputs: tuple[Input, ...],
    figures: Mapping[str, float | int | str],
) -> Manifest:
    """Make the artifact of a stage from its model, adapters merged.

    Args:
        stage: The recipe.
        begun: As ``prepare`` gave it, then trained.
        shop: Where the artifact is made.
        inputs: What the stage read.
        figures: Sizes and times worth reading; the count of parameters is added.

    Raises:
        ArtifactError: The disk is full.
    """
    trained = [value for value in begun.model.parameters() if value.requires_grad]
    counted = {
        "parameters": sum(part.count for part in build.parts(begun.model).values()),
        "parameters_trained": sum(value.numel() for value in trained),
    }
    with disk_errors(shop.partial, *checkpoint.WRITERS_RAISE):
        write(begun, shop.partial, keep=stage.keep)
    # Only now: until the model is written, they are all there is of the stage.
    if stage.run.keep_every:
        kept = checkpoint.Kept(last=0, every=stage.run.keep_every)
        checkpoint.prune(shop.partial / checkpoint.FOLDER, kept)
    return shop.finish(
        "model",
        stage.name,
        inputs=inputs,
        figures={**figures, **counted},
        seed=stage.seed,
        discard=() if stage.run.keep_every else (checkpoint.FOLDER,),
    )
