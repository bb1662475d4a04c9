"""In which Portuguese the answers of any task are, and what in them was Brazilian."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from amalia.evaluate.estimates import accuracy
from amalia.evaluate.log import Adherence, Sign
from amalia.variety import detect_many

MIN_WORDS = 3
"""Shorter answers are letters, numbers and names, which belong to no country."""
_SHOWN = 12


def of_answers(texts: Sequence[str]) -> Adherence | None:
    """Count the varieties of answers.

    Args:
        texts: Answers; those of fewer than three words are left out.

    Returns:
        Labels, the share of pt-PT among the decided with Wilson's interval, and the Brazilian wordings by how often
        they occur; None where no answer is a sentence, or none could be decided.
    """
    spoken = [text for text in texts if len(text.split()) >= MIN_WORDS]
    found = detect_many(spoken)
    labels = Counter[str](item.label for item in found)
    decided = [float(item.label == "pt-PT") for item in found if item.label in ("pt-PT", "pt-BR")]
    if not decided:
        return None
    estimate = accuracy(decided)
    signs = Counter(
        (sign.text.casefold(), sign.instead)
        for item in found
        for sign in item.evidence
        if sign.suggests == "pt-BR"
    )
    ranked = sorted(signs.items(), key=lambda item: (-item[1], item[0][0]))[:_SHOWN]
    return Adherence(
        labels=dict(sorted(labels.items())),
        pt_pt=estimate.value,
        low=estimate.low,
        high=estimate.high,
        evidence=tuple(
            Sign(text=text, instead=instead, count=count) for (text, instead), count in ranked
        ),
    )
