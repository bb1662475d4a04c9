"""Which Portuguese a text is in, and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from amalia.variety.evidence import Evidence, find
from amalia.variety.features import encode
from amalia.variety.model import Model, batches, shipped
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


def detect_many(texts: Sequence[str]) -> list[Variety]:
    """Say of each text which Portuguese it is in; faster than one by one."""
    model, found = shipped(), list[Variety]()
    for some in batches(texts):
        encoded = encode(*join_readable(some))
        logits = np.clip(model.logits(encoded), -30, 30).tolist()
        foreign = model.foreignness(encoded).tolist()
        for text, logit, foreignness in zip(some, logits, foreign, strict=True):
            found.append(_variety(model, text, logit, foreignness))
    return found


def _variety(model: Model, text: str, logit: float, foreignness: float) -> Variety:
    p = 1 / (1 + float(np.exp(-logit)))
    reading = read(text)
    if not any(letter.isalpha() for letter in reading.text):
        return Variety("undecided", 0.5, ())
    evidence = find(reading, text)
    if foreignness > (_CLEARLY if evidence else 0):
        return Variety("other", p, ())
    leaning: Label = "pt-PT" if logit > 0 else "pt-BR"
    agreeing = bool(evidence) and all(sign.suggests == leaning for sign in evidence)
    margin = model.margin if agreeing else model.margin_without
    return Variety(leaning if abs(logit) > margin else "undecided", p, evidence)
