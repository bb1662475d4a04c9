"""What two sides have in common in one stage: a verdict for each prompt, and what they add up to.

A tie is neither agreement nor parting: two tokens are as likely as each other to ``TIE_NATS``, and which one
comes first is left to the rounding of the machine.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from amalia.pipeline.parity_prompts import Prompt
from amalia.pipeline.parity_sides import Side, Stage, Told

TIE_NATS = 1e-3
Verdict = Literal["agrees", "tie", "parts", "not told"]
About = Literal["all", "text", "pictures"]


@dataclass(frozen=True, slots=True)
class Judged:
    """What came of one prompt in one stage."""

    verdict: Verdict
    where: str = ""
    """The first differing place, on one line."""
    difference: float | None = None
    """In the unit of the stage."""


@dataclass(frozen=True, slots=True)
class Place:
    """A prompt and a place in it."""

    prompt: str
    where: str


@dataclass(frozen=True, slots=True)
class Measure:
    """In what a stage is measured, and how much may differ."""

    unit: str = ""
    tolerance: float = 0.0
    """0 where two things are the same or not."""


SAME = Measure()
"""Equal or not."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What two sides have in common in one stage."""

    stage: Stage
    about: About
    """Which prompts."""
    left: str
    right: str
    measure: Measure
    num_prompts: int
    """Compared; 0 where one side tells nothing."""
    num_agree: int
    num_ties: int
    worst: float | None
    """Largest difference over all prompts, in the unit of the measure."""
    note: str
    """What else there is to say, or why nothing is told."""
    parting: Place | None
    """Where they first part."""
    tie: Place | None
    """Where they are first tied."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A prompt and what the two sides told of it."""

    prompt: Prompt
    one: Told
    other: Told


@dataclass(frozen=True, slots=True)
class Pair:
    """Two sides that were asked the same."""

    left: Side
    right: Side
    prompts: Sequence[Prompt]

    def asked(self, about: About = "all") -> Iterator[Asked]:
        """Give the prompts of a kind with what both sides told."""
        for item in map(Asked, self.prompts, self.left.told, self.right.told):
            if about == "all" or bool(item.prompt.sizes_px) == (about == "pictures"):
                yield item

    def failed(self, stage: Stage, item: Asked) -> Judged | None:
        """Say that a side failed at a prompt, if one did: then there is nothing to compare."""
        for side, told in ((self.left, item.one), (self.right, item.other)):
            if stage in told.failures:
                return Judged("parts", f"{side.name} failed: {told.failures[stage]}")
        return None

    def gathered(
        self,
        stage: Stage,
        judged: Sequence[Judged],
        *,
        about: About = "all",
        measure: Measure = SAME,
        note: str = "",
    ) -> Comparison:
        """Add up verdicts on the prompts of a kind, in their order."""
        names = [item.prompt.name for item in self.asked(about)]
        pairs = [
            (name, found)
            for name, found in zip(names, judged, strict=True)
            if found.verdict != "not told"
        ]
        differences = [found.difference for _, found in pairs if found.difference is not None]
        return Comparison(
            stage=stage,
            about=about,
            left=self.left.name,
            right=self.right.name,
            measure=measure,
            num_prompts=len(pairs),
            num_agree=sum(found.verdict == "agrees" for _, found in pairs),
            num_ties=sum(found.verdict == "tie" for _, found in pairs),
            worst=max(differences, default=None),
            note=note if pairs else self._silence(stage, names),
            parting=_first(pairs, "parts"),
            tie=_first(pairs, "tie"),
        )

    def _silence(self, stage: Stage, names: Sequence[str]) -> str:
        if not names:
            return "no such prompts"
        told = (side.silent.get(stage) for side in (self.left, self.right))
        return next((why for why in told if why), "nothing told")


def _first(pairs: Sequence[tuple[str, Judged]], verdict: Verdict) -> Place | None:
    return next(
        (Place(name, found.where) for name, found in pairs if found.verdict == verdict), None
    )
