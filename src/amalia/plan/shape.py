"""The model of a stage without its weights: built on torch's meta device, counted module by module."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    LlavaNextForConditionalGeneration,
    PretrainedConfig,
    PreTrainedModel,
    SiglipModel,
    SiglipVisionConfig,
)

from amalia.errors import AmaliaError, ArtifactError
from amalia.model import build
from amalia.model.export import described, load_tokenizer, paired_tower
from amalia.model.letters import LetterReader
from amalia.model.render import Renderer
from amalia.model.sizes import ModelSizes
from amalia.model.tile import TileGrid
from amalia.model.tokenizer import with_image_token
from amalia.train import hub
from amalia.train.stage import (
    FromExtension,
    FromModel,
    FromParts,
    NewLanguage,
    NewPair,
    Places,
    Stage,
)

_PARTS = ("vision", "connector", "language", "captions", "temperature")

Here = Callable[[str], Path | None]
"""From what a recipe calls an artifact to its folder, if it is on this machine."""


@dataclass(frozen=True, slots=True)
class Module:
    """Parameters that stand together."""

    part: str
    name: str
    repeats: int
    """Equal layers it is made of; 1 when it is none."""
    count: int
    """Parameters of all of them."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A model without weights."""

    model: PreTrainedModel
    """Every tensor is on the meta device."""
    told_by: str
    """Where its sizes are from."""

    @property
    def modules(self) -> tuple[Module, ...]:
        """All parameters, by part and module."""
        found: dict[tuple[str, str], tuple[set[str], int]] = {}
        for part in build.parts(self.model).values():
            for name, parameter in part.parameters.items():
                module, layer = _module(name)
                layers, count = found.get((part.name, module), (set(), 0))
                found[part.name, module] = ({*layers, layer}, count + parameter.numel())
        return tuple(
            Module(part, name, len(layers), count)
            for (part, name), (layers, count) in sorted(
                found.items(), key=lambda item: _PARTS.index(item[0][0])
            )
        )

    @property
    def language(self) -> LlamaConfig | None:
        """Sizes of the language model, if there is one."""
        config: Any = self.model.config
        if isinstance(config, LlamaConfig):
            return config
        found = getattr(config, "text_config", None)
        return found if isinstance(found, LlamaConfig) else None

    @property
    def tower(self) -> SiglipVisionConfig | None:
        """Sizes of the tower, if there is one."""
        config: Any = self.model.config
        if isinstance(config, SiglipVisionConfig):
            return config
        found = getattr(config, "vision_config", None)
        return found if isinstance(found, SiglipVisionConfig) else None

    @property
    def patches(self) -> int:
        """Tokens of a tile; 0 for a model that reads text only."""
        tower = self.tower
        return 0 if tower is None else int(tower.image_size // tower.patch_size) ** 2

    def count(self, part: str) -> int:
        """Parameters of a part; 0 if the model has none such."""
        parts = build.parts(self.model)
        return parts[part].count if part in parts else 0


def on_this_machine(places: Places) -> Here:
    """Find references without fetching anything."""

    def here(reference: str) -> Path | None:
        if hub.is_reference(reference):
            try:
                return hub.snapshot(reference, download=False)
            except ArtifactError:
                return None
        folder = places.find(reference)
        return folder if folder.is_dir() else None

    return here


def shape_of(stage: Stage, here: Here) -> Shape | None:
    """Build the model a stage starts from, without weights.

    Args:
        stage: The recipe. Its ``run.plan.sizes`` count when what it starts from is not here.
        here: Where artifacts are.

    Returns:
        None when neither the model nor its sizes are known.

    Raises:
        AmaliaError: What is here is no model, or not of the kind that is asked for.
    """
    kind_and_config, told_by = _of_checkpoints(stage, here), "what it starts from"
    if kind_and_config is None and stage.run.plan.sizes:
        kind_and_config, told_by = _of_sizes(stage, stage.run.plan.sizes), "run.plan.sizes"
    if kind_and_config is None:
        return None
    kind, config = kind_and_config
    with torch.device("meta"):
        model = kind(config)
        if isinstance(stage.start, NewPair) and stage.start.letters:
            tower = stage.start.tower
            model.letter_reader = LetterReader(
                stage.start.letters,
                patches_per_side=tower.image_px // tower.patch_px,
                hidden=tower.hidden,
            )
    return Shape(model, told_by)


def reader(stage: Stage, here: Here) -> Renderer | None:
    """Give what turns the stage's records into tokens, if its tokenizer is here."""
    start = stage.start
    if isinstance(start, FromModel):
        folder = here(start.model)
        return Renderer.load(folder) if folder else None
    if isinstance(start, FromExtension):
        folder = here(start.language)
        return Renderer(load_tokenizer(folder), None) if folder else None
    if isinstance(start, FromParts):
        language, tower = here(start.language), _tower_config(here(start.tower))
        if language is None or tower is None:
            return None
        grid = TileGrid(tower.image_size, tower.patch_size, start.pinpoints_px)
        return Renderer(with_image_token(load_tokenizer(language)), grid)
    folder = here(start.tokenizer)
    return Renderer(load_tokenizer(folder), None) if folder else None


def _of_checkpoints(stage: Stage, here: Here) -> tuple[Any, PretrainedConfig] | None:
    start = stage.start
    if isinstance(start, FromModel | FromExtension):
        folder = here(start.model if isinstance(start, FromModel) else start.language)
        return described(folder) if folder else None
    if isinstance(start, FromParts):
        language, tower = here(start.language), _tower_config(here(start.tower))
        if language is None or tower is None:
            return None
        config: Any = described(language)[1]
        config.vocab_size = build.rows_for(config, with_image_token(load_tokenizer(language)))
        return _joined(tower, config, start)
    folder = here(start.tokenizer)
    return _new(start, len(load_tokenizer(folder))) if folder else None


def _of_sizes(stage: Stage, sizes: ModelSizes) -> tuple[Any, PretrainedConfig]:
    start = stage.start
    if isinstance(start, NewLanguage | NewPair):
        return _new(start, sizes.vocabulary)
    language = build.language_config(sizes.language, sizes.vocabulary)
    if sizes.tower is None or isinstance(start, FromExtension):
        return LlamaForCausalLM, language
    return _joined(build.tower_config(sizes.tower), language, start)


def _joined(
    tower: SiglipVisionConfig, language: LlamaConfig, start: FromParts | FromModel
) -> tuple[Any, PretrainedConfig]:
    side = tower.image_size
    pinpoints = start.pinpoints_px if isinstance(start, FromParts) else ((side, side),)
    grid = TileGrid(side, tower.patch_size, pinpoints)
    return LlavaNextForConditionalGeneration, build.llava_next_config(tower, language, grid)


def _new(start: NewLanguage | NewPair, vocabulary: int) -> tuple[Any, PretrainedConfig]:
    if isinstance(start, NewLanguage):
        return LlamaForCausalLM, build.language_config(start.size, vocabulary)
    return SiglipModel, build.pair_config(start.tower, start.text, vocabulary)


def _tower_config(folder: Path | None) -> SiglipVisionConfig | None:
    if folder is None:
        return None
    config: Any = paired_tower(folder) or described(folder)[1]
    config = getattr(config, "vision_config", config)
    if not isinstance(config, SiglipVisionConfig):
        raise AmaliaError(f"{folder} holds a {config.model_type}; expected a SigLIP-type tower")
    return config


def _module(parameter: str) -> tuple[str, str]:
    """Split a parameter's name into its module and the number of its layer."""
    found = re.match(r"(.*?)\.(\d+)\.", parameter)
    if found:
        return found[1], found[2]
    module, _, last = parameter.rpartition(".")
    return module if last in ("weight", "bias") else parameter, ""
