"""A training stage as data: where it starts, what trains, on what, towards what, how fast.

A part that is not named under ``trainable`` is frozen; that is the only switch.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Self, cast

from pydantic import AfterValidator, Field, field_validator, model_validator
from upath import UPath

from amalia import manifest as manifests
from amalia.errors import ArtifactError
from amalia.model.sizes import (
    ContextExtension,
    LanguageSize,
    TextTowerSize,
    TowerSize,
)
from amalia.recipe import Settings
from amalia.train import hub
from amalia.train.execution import StageRun
from amalia.train.schedule import Schedule

LOG_NAME = "log.jsonl"
"""Losses and metrics of a stage, in its artifact."""

Reference = Annotated[str, AfterValidator(hub.checked)]
"""``package:NAME`` for a packaged part, ``hub:ORG/NAME@REVISION`` for a model of the Hugging Face hub,
``hub:datasets/ORG/NAME@REVISION`` for a data set of it, the name of an artifact beside the output, a
path, or, for data, a URL of any store that fsspec knows."""

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


class Lora(Settings):
    """Low-rank adapters beside the linear layers of a part, which itself stays as it is.

    Hu et al. 2021 (arXiv:2106.09685): W becomes W + scale · B A, with B zero at the start.
    """

    rank: int = Field(default=16, gt=0)
    alpha: int | None = Field(default=None, gt=0)
    """The scale is ``alpha / rank``; without it ``alpha`` is twice the rank, so that another rank is
    no other learning rate."""
    dropout: float = Field(default=0.0, ge=0, lt=1)
    """Of what the adapters read."""
    targets: tuple[str, ...] | None = Field(default=None, min_length=1)
    """Endings of the names of the layers, as ``q_proj`` or ``self_attn.q_proj``; none is all linear
    layers of the part. Embeddings and heads never have adapters."""
    rslora: bool = False
    """Scale by ``alpha / √rank`` (Kalajdzievski 2023, arXiv:2312.03732); the same for all parts."""

    @model_validator(mode="after")
    def _scaled(self) -> Self:
        if self.rslora and self.alpha is None:
            raise ValueError(
                "rslora divides alpha by the square root of the rank, and twice the rank is too much "
                "for that; give alpha, for example 16"
            )
        return self

    @property
    def scale_alpha(self) -> int:
        """``alpha``, or what stands for it."""
        return self.alpha if self.alpha is not None else 2 * self.rank


class Trainable(Settings):
    """How one part trains."""

    lr: float = Field(gt=0)
    weight_decay: float = Field(default=0.05, ge=0)
    """Only for matrices; norms and biases never decay."""
    schedule: Schedule | None = None
    """That of this part; none is that of the stage."""
    lora: Lora | None = None
    """Train adapters in place of the part itself."""


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


class Packing(Settings):
    """Sequences filled with several records each."""

    tokens: int = Field(gt=0)
    """Of a pack, at most."""
    tiles: int = Field(default=0, ge=0)
    """Of all pictures of a pack, at most; 0 sets no limit."""
    window: int = Field(default=64, gt=0)
    """Packs, about, whose records are distributed together."""


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
    """Rows a step: conversations, pairs, pictures, or runs of text; packs with ``packing``."""
    max_tokens: int = Field(gt=0)
    """Longest sequence; what happens to a longer record says ``too_long``."""
    too_long: Literal["drop", "split"] = "drop"
    """``drop`` leaves a longer record out, ``split`` cuts a conversation between turns."""
    packing: Packing | None = None
    """Fill sequences with several records each; otherwise a step has a fixed number of rows."""
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
        self._packs_consistently()
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

    def _packs_consistently(self) -> None:
        if self.packing is None:
            if self.too_long == "split":
                raise ValueError("too_long split needs packing; add packing or use drop")
            return
        if not isinstance(self.objective, NextToken):
            raise ValueError(f"objective {self.objective.kind} is not packed; leave packing out")
        if self.max_tokens > self.packing.tokens:
            raise ValueError(
                f"max_tokens {self.max_tokens} is more than a pack holds, packing.tokens "
                f"{self.packing.tokens}; lower max_tokens"
            )
        if self.run.micro_batch or self.run.micro_tokens:
            raise ValueError(
                "a pack is computed at once; leave run.micro_batch and run.micro_tokens at 0"
            )

    @model_validator(mode="after")
    def _adapts(self) -> Self:
        loras = {name: how.lora for name, how in self.trainable.items() if how.lora}
        if loras and isinstance(self.start, NewLanguage | NewPair):
            raise ValueError(
                f"start {self.start.kind} is new and has nothing to adapt; leave out lora"
            )
        if "connector" in loras and isinstance(self.start, FromParts):
            raise ValueError(
                "the connector of start llava_next is new and has nothing to adapt; leave out its lora"
            )
        if len({lora.rslora for lora in loras.values()}) > 1:
            raise ValueError(
                f"rslora differs between {' and '.join(loras)}; adapters of one model share it"
            )
        if self.optimizer == "muon" and len(loras) == len(self.trainable):
            raise ValueError(
                "optimizer muon leaves adapters to AdamW and nothing else trains; use adamw"
            )
        return self

    def begins_with(self) -> list[Reference]:
        """Name the artifacts the model is made from."""
        return [
            value
            for name in ("model", "language", "tower", "tokenizer")
            if isinstance(value := getattr(self.start, name, None), str)
        ]

    def references(self) -> list[Reference]:
        """Name every artifact the stage reads."""
        return list(dict.fromkeys([*self.begins_with(), *self.data()]))

    def data(self) -> list[Reference]:
        """Name the artifacts whose records are read."""
        held_out = [self.validation.artifact] if self.validation else []
        return [*(ingredient.artifact for ingredient in self.mixture), *held_out]


def resolve(reference: Reference, beside: Path, packaged: Path) -> Path:
    """Find an artifact: ``package:NAME``, something of the hub, a URL, a name in ``beside``, or a path.

    Raises:
        ArtifactError: The hub cannot be reached, or does not have it; the package does not ship it.
    """
    if hub.is_reference(reference):
        return hub.snapshot(reference)
    if "://" in reference:
        # All that is asked of a path a ``UPath`` can do too.
        return cast(Path, UPath(reference))
    if reference.startswith(manifests.PACKAGED):
        return _shipped(reference, packaged)
    return (
        beside / reference
        if (beside / reference).exists() or not Path(reference).exists()
        else Path(reference)
    )


def _shipped(reference: Reference, packaged: Path) -> Path:
    """Find a packaged part; of what others were made from only the manifests ship, for their lineage."""
    marks = ("config.json", "tokenizer.json")
    have = sorted({path.parent.name for mark in marks for path in packaged.glob(f"*/{mark}")})
    name = reference.removeprefix(manifests.PACKAGED)
    if name not in have:
        raise ArtifactError(
            f"{reference} does not ship with the package; expected one of "
            f"{', '.join(manifests.PACKAGED + each for each in have)}"
        )
    return packaged / name


@dataclass(frozen=True, slots=True)
class Places:
    """Where a stage writes and finds what it refers to."""

    out: Path
    beside: Path
    packaged: Path

    def find(self, reference: str) -> Path:
        """Find what a recipe refers to."""
        return resolve(reference, self.beside, self.packaged)
