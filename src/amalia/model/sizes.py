"""Sizes of models as recipes give them; nothing here needs torch, so a recipe can be read without it."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from amalia.recipe import Settings


class TowerSize(Settings):
    """Sizes of a SigLIP-type tower."""

    image_px: int = Field(gt=0)
    """Side of a tile."""
    patch_px: int = Field(gt=0)
    """Side of a patch; divides ``image_px``."""
    hidden: int = Field(gt=0)
    layers: int = Field(gt=0)
    heads: int = Field(gt=0)
    feed_forward: int = Field(gt=0)


class TextTowerSize(Settings):
    """Sizes of the text half of a SigLIP pair; it is not kept after training."""

    max_tokens: int = Field(gt=0)
    layers: int = Field(gt=0)
    heads: int = Field(gt=0)
    feed_forward: int = Field(gt=0)


class LanguageSize(Settings):
    """Sizes of a Llama-type language model."""

    hidden: int = Field(gt=0)
    layers: int = Field(gt=0)
    heads: int = Field(gt=0)
    key_value_heads: int = Field(gt=0)
    feed_forward: int = Field(gt=0)
    context_tokens: int = Field(gt=0)
    rope_theta: float = Field(default=10000.0, gt=0)
    tied_embeddings: bool = True


class ModelSizes(Settings):
    """Sizes of a whole model, to plan with before it is there."""

    language: LanguageSize
    vocabulary: int = Field(gt=0)
    tower: TowerSize | None = None
    """None for a model that reads text only."""


class ContextExtension(Settings):
    """How a language model is made to read further than it was trained to."""

    kind: Literal["linear", "dynamic", "yarn", "llama3", "theta"]
    """``theta`` gives the rotary positions a higher base, the others scale them."""
    factor: float = Field(gt=1)
    """New context = factor × the context of the model that is continued."""
    low_frequency_factor: float = Field(default=1.0, gt=0)
    """Only ``llama3``."""
    high_frequency_factor: float = Field(default=4.0, gt=0)
    """Only ``llama3``."""
    rope_theta: float | None = Field(default=None, gt=0)
    """Only ``theta``: the new base; without it the NTK-aware one for ``factor``."""

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.rope_theta is not None and self.kind != "theta":
            raise ValueError(
                f"kind {self.kind} keeps the base of the rotary positions; leave out rope_theta, "
                "or use kind theta"
            )
        return self
