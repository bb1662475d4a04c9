"""How a learning rate rises and falls over the steps of a stage."""

from __future__ import annotations

import math
from typing import Literal, Self

from pydantic import Field, model_validator

from amalia.recipe import Settings


class Schedule(Settings):
    """Learning rate over the steps, as a fraction of each part's ``lr``.

    Warm-up, a stretch at the full rate, decay. With a long ``stable_fraction`` that is the
    warm-up–stable–decay schedule (WSD).
    """

    warmup_fraction: float = Field(default=0.05, ge=0, lt=1)
    stable_fraction: float = Field(default=0.0, ge=0, lt=1)
    """Share of the steps at the full rate, between warm-up and decay."""
    decay: Literal["cosine", "linear", "sqrt", "inverse_sqrt", "none"] = "cosine"
    """``sqrt`` is 1 - √progress, for the short decay of WSD (Hägele et al. 2024, arXiv:2405.18392)."""
    final_fraction: float = Field(default=0.05, ge=0, le=1)
    """What the decay ends at; ``inverse_sqrt`` never goes below it."""

    @model_validator(mode="after")
    def _decays(self) -> Self:
        warmup, stable = self.warmup_fraction, self.stable_fraction
        if self.decay == "none" and stable:
            raise ValueError("decay none is stable to the end; leave stable_fraction at 0")
        if self.decay != "none" and warmup + stable >= 1:
            raise ValueError(
                f"warmup_fraction {warmup:g} and stable_fraction {stable:g} leave no steps to decay in; "
                "lower one, or use decay none"
            )
        return self

    def at(self, step: int, steps: int) -> float:
        """Fraction for step ``step`` (from 0) of ``steps``."""
        warmup = round(self.warmup_fraction * steps)
        if step < warmup:
            return (step + 1) / warmup
        begins = warmup + round(self.stable_fraction * steps)
        if self.decay == "none" or step < begins:
            return 1.0
        if self.decay == "inverse_sqrt":
            # Vaswani et al. 2017, section 5.3: from the end of the warm-up as 1 / √step.
            scale = max(1, warmup)
            return max(self.final_fraction, math.sqrt(scale / (scale + step - begins)))
        progress = (step - begins) / max(1, steps - begins)
        shape = {
            "cosine": (1 + math.cos(math.pi * progress)) / 2,
            "linear": 1 - progress,
            "sqrt": 1 - math.sqrt(progress),
        }[self.decay]
        return self.final_fraction + (1 - self.final_fraction) * shape
