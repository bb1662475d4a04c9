"""Which Portuguese a text is in, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from amalia.variety.evidence import Evidence, agree, find
from amalia.variety.features import encode
from amalia.variety.findings import Side
from amalia.variety.model import Calibration, batches, probabilities, shipped
from amalia.variety.text import join_readable, read

Label = Literal["pt-PT", "pt-BR", "undecided", "other"]

# Log-odds at which a text is taken for another language although something in it looks Portuguese.
_CLEARLY = 4.0


@dataclass(frozen=True, slots=True)
class Variety:
    """What ``detect`` says of a text."""

    label: Label
    """undecided: nothing, or too little, speaks for one of the two; other: not Portuguese."""
    p_pt_pt: float
    """Calibrated probability of pt-PT rather than pt-BR, between 0 and 1."""
    evidence: tuple[Evidence, ...]
    """In the order of the text; empty for text that is not Portuguese."""


def detect(text: str) -> Variety:
    """Say which Portuguese a text is in.

    Args:
        text: Anything; also empty, in another language, or in no language at all.
    """
    return detect_many([text])[0]


def signs(text: str) -> tuple[Evidence, ...]:
    """Give what in a text speaks for either Portuguese, without weighing the rest: an eighth of ``detect``'s time.

    Also for text in another language, of which ``detect`` gives none.
    """
    return find(read(text), text)


def detect_many(texts: Sequence[str]) -> list[Variety]:
    """Say of each text which Portuguese it is in; faster than one by one."""
    model, found = shipped(), list[Variety]()
    for some in batches(texts):
        encoded = encode(*join_readable(some))
        logits, strengths = model.logits_and_strengths(encoded)
        weighed = zip(
            logits,
            probabilities(logits),
            model.calibration.certainty(logits, strengths),
            model.foreignness(encoded),
            strict=True,
        )
        for text, one in zip(some, weighed, strict=True):
            found.append(_variety(model.calibration, text, *map(float, one)))
    return found


def _variety(
    calibration: Calibration,
    text: str,
    logit: float,
    p: float,
    certainty: float,
    foreignness: float,
) -> Variety:
    reading = read(text)
    if not any(letter.isalpha() for letter in reading.text):
        return Variety("undecided", 0.5, ())
    evidence = find(reading, text)
    if foreignness > (_CLEARLY if evidence else 0):
        return Variety("other", p, ())
    leaning: Side = "pt-PT" if logit > 0 else "pt-BR"
    agreeing = agree(evidence, leaning)
    margin = calibration.margin if agreeing else calibration.margin_without
    return Variety(leaning if certainty > margin else "undecided", p, evidence)
