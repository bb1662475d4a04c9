"""A training stage as data: where it starts, what trains, on what, towards what, how fast.

A part that is not named under ``trainable`` is frozen; that is the only switch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from amalia.model.sizes import ContextExtension, LanguageSize, TextTowerSize, TowerSize
from amalia.recipe import Settings

LOG_NAME = "log.jsonl"
"""Losses and metrics of a stage, in its artifact."""

Reference = str
"""``package:NAME`` for a packaged part, the name of an artifact beside the output, or a path."""


OptimizerKind = Literal["adamw", "muon"]
Kept = Literal["model", "tower"]


class FromModel(Settings):
    """Go on with an exported model of the same kind."""

    kind: Literal["model"] = "model"
    model: Reference


class FromExtension(Settings):
    """Go on with a language model, with a longer context."""

    kind: Literal["extended"]
    language: Reference
    extension: ContextExtension


class FromParts(Settings):
    """Join a tower and a language model by a new connector."""

    kind: Literal["llava_next"]
    tower: Reference
    language: Reference
    pinpoints_px: tuple[tuple[int, int], ...] = Field(min_length=1)
    """Canvases pictures are laid on, (height, width), each a multiple of the tile."""


class NewLanguage(Settings):
    """A language model from nothing."""

    kind: Literal["language"]
    tokenizer: Reference
    size: LanguageSize


class NewPair(Settings):
    """A SigLIP pair from nothing; only its tower is exported."""

    kind: Literal["siglip"]
    tokenizer: Reference
    tower: TowerSize
    text: TextTowerSize
    letters: str = ""
    """Letters the tower is also to read off pictures of «writing», by a CTC loss; none by default."""

    @field_validator("letters")
    @classmethod
    def _once(cls, letters: str) -> str:
        repeated = sorted({letter for letter in letters if letters.count(letter) > 1})
        if repeated:
            raise ValueError(f"{', '.join(repeated)} repeated; name every letter once")
        return letters


Start = Annotated[
    FromModel | FromExtension | FromParts | NewLanguage | NewPair, Field(discriminator="kind")
]


class NextToken(Settings):
    """Predict supervised tokens."""

    kind: Literal["next_token"] = "next_token"


class Preferences(Settings):
    """Direct preference optimization against the model the stage starts from."""

    kind: Literal["dpo"]
    beta: float = Field(default=0.1, gt=0)
    loss: Literal["sigmoid", "robust", "ipo"] = "sigmoid"
    """``sigmoid`` is DPO; ``robust`` expects a share of wrong labels; ``ipo`` does not overfit sure ones."""
    label_smoothing: float = Field(default=0.0, ge=0, lt=0.5)
    """Share of pairs that may stand the wrong way round."""
    length_normalized: bool = False
    """Compare log-probabilities a token instead of those of whole answers."""
    chosen_weight: float = Field(default=0.0, ge=0)
    """Weight of the likelihood of the chosen answer; 0 is plain DPO."""

    @model_validator(mode="after")
    def _smooths(self) -> Self:
        if self.loss == "ipo" and self.label_smoothing:
            raise ValueError("loss ipo has no label_smoothing; leave it at 0")
        if self.loss == "robust" and not self.label_smoothing:
            raise ValueError(
                "loss robust needs label_smoothing above 0, the share of pairs labelled wrong"
            )
        return self


class Contrast(Settings):
    """SigLIP's sigmoid contrastive loss."""

    kind: Literal["contrast"]


Objective = Annotated[NextToken | Preferences | Contrast, Field(discriminator="kind")]


class Trainable(Settings):
    """How one part trains."""

    lr: float = Field(gt=0)
    weight_decay: float = Field(default=0.05, ge=0)
    """Only for matrices; norms and biases never decay."""


class Schedule(Settings):
    """Learning rate over the steps, as a fraction of each part's ``lr``."""

    warmup_fraction: float = Field(default=0.05, ge=0, lt=1)
    decay: Literal["cosine", "linear", "none"] = "cosine"
    final_fraction: float = Field(default=0.05, ge=0, le=1)

    def at(self, step: int, steps: int) -> float:
        """Fraction for step ``step`` (from 0) of ``steps``."""
        warmup = round(self.warmup_fraction * steps)
        if step < warmup:
            return (step + 1) / warmup
        if self.decay == "none":
            return 1.0
        progress = (step - warmup) / max(1, steps - warmup)
        shape = (1 + math.cos(math.pi * progress)) / 2 if self.decay == "cosine" else 1 - progress
        return self.final_fraction + (1 - self.final_fraction) * shape


class Ingredient(Settings):
    """One artifact of a mixture."""

    artifact: Reference
    weight: float = Field(gt=0)


class Validation(Settings):
    """Loss on held-out rows, measured while training."""

    artifact: Reference
    rows: int = Field(default=64, gt=0)
    times: int = Field(default=8, gt=0)
    """How often over the stage, besides the start."""


class StageRun(Settings):
    """Execution, not identity."""

    micro_batch: int = Field(default=0, ge=0)
    """Rows computed at once; 0 computes the whole batch at once."""
    micro_tokens: int = Field(default=0, ge=0)
    """Tokens computed at once, padding included; 0 sets no limit. A longer row is computed alone."""
    checkpoint_every_s: float = Field(default=60.0, gt=0)
    keep_last: int = Field(default=2, ge=1)
    """Newest checkpoints that are kept; a damaged one gives way to the one before it."""
    keep_every: int = Field(default=0, ge=0)
    """Steps between checkpoints that are kept for good, in the finished artifact too; 0 keeps none."""
    refused_in_a_row: int = Field(default=3, ge=1)
    """Steps refused because the loss or the gradient is not finite, after which the stage stops."""
    device: Literal["auto", "cpu", "cuda"] = "auto"


class Stage(Settings):
    """A training stage."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]*$")
    start: Start
    objective: Objective
    trainable: dict[
        Literal["vision", "connector", "language", "captions", "temperature"], Trainable
    ] = Field(min_length=1)
    mixture: tuple[Ingredient, ...] = Field(min_length=1)
    validation: Validation | None = None
    steps: int = Field(gt=0)
    batch: int = Field(gt=0)
    """Rows a step: conversations, pairs, pictures, or runs of text."""
    max_tokens: int = Field(gt=0)
    """Longest sequence; a longer record is dropped and counted, never cut."""
    pictures: Literal["quick", "exact"] = "quick"
    """How pictures become tiles; ``quick`` changes pixels a little. Evaluation and chat are always exact."""
    schedule: Schedule = Schedule()
    optimizer: OptimizerKind = "adamw"
    """``muon`` for the matrices inside the network; everything else is always left to AdamW."""
    beta2: float = Field(default=0.95, gt=0, lt=1)
    clip_norm: float = Field(default=1.0, gt=0)
    seed: int = Field(default=0, ge=0)
    keep: Kept = "model"
    """What is exported. Of a SigLIP pair it is always the tower."""
    run: StageRun = StageRun()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        micro = self.run.micro_batch
        if micro and self.batch % micro:
            raise ValueError(
                f"batch {self.batch} is not a multiple of run.micro_batch {micro}; change one"
            )
        if isinstance(self.objective, Contrast):
            if micro and micro != self.batch:
                raise ValueError(
                    "the contrastive loss compares a whole batch; leave run.micro_batch at 0"
                )
            if not isinstance(self.start, NewPair):
                raise ValueError("objective contrast trains a pair; use start.kind siglip")
        elif isinstance(self.start, NewPair):
            raise ValueError(f"a SigLIP pair has no {self.objective.kind} objective; use contrast")
        return self

    def references(self) -> list[Reference]:
        """Name every artifact the stage reads."""
        found = [
            value
            for name in ("model", "language", "tower", "tokenizer")
            if isinstance(value := getattr(self.start, name, None), str)
        ]
        found += [ingredient.artifact for ingredient in self.mixture]
        if self.validation:
            found.append(self.validation.artifact)
        return list(dict.fromkeys(found))


def resolve(reference: Reference, beside: Path, packaged: Path) -> Path:
    """Find an artifact: ``package:NAME``, a name in ``beside``, or a path."""
    if reference.startswith("package:"):
        return packaged / reference.removeprefix("package:")
    return (
        beside / reference
        if (beside / reference).exists() or not Path(reference).exists()
        else Path(reference)
    )


@dataclass(frozen=True, slots=True)
class Places:
    """Where a stage writes and finds what it refers to."""

    out: Path
    beside: Path
    packaged: Path

    def find(self, reference: str) -> Path:
        """Find what a recipe refers to."""
        return resolve(reference, self.beside, self.packaged)
