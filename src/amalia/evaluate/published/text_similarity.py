"""Similarity of two texts as amalia-vl-eval measures it for DocVQA, InfographicVQA and PorTEXTO.

It is the average normalized Levenshtein similarity, with two slips. Runs of blanks are shortened before edits are
counted but not before lengths are, so that an answer with double blanks or line breaks is more similar than it
should be. And the length is the one in capitals, which differs from that of the letters for «ß» and its like.
"""

from collections.abc import Sequence

from amalia.evaluate.draft import Fields
from amalia.evaluate.metrics import edit_distance
from amalia.evaluate.published.reasoning import without_tags
from amalia.evaluate.task import Score
from amalia.records import Sample

THRESHOLD = 0.5


def untrimmed(fields: Fields, name: str) -> tuple[str, ...]:
    """Take one or more texts with the blanks around them, which count in the lengths.

    Raises:
        RecordError: As ``Fields.texts``.
    """
    trimmed = fields.texts(name)
    value = fields.value(name)
    if isinstance(value, str):
        return (value,) if trimmed == (value.strip(),) else trimmed
    return tuple(str(item) for item in value) if isinstance(value, list | tuple) else trimmed


def similarity(answer: str, references: Sequence[str]) -> float:
    """Give the similarity to the nearest reference, 0 below one half."""
    shares = []
    said = _compared(answer)
    for reference in references:
        wanted = _compared(reference)
        longest = max(len(reference.upper()), len(answer.upper()))
        # As many edits as the lengths differ are sure; a page beside a word need not be compared.
        if abs(len(wanted) - len(said)) > THRESHOLD * longest:
            shares.append(1.0)
        else:
            shares.append(edit_distance(wanted, said) / longest if longest else 0.0)
    found = 1 - min(shares)
    return found if found >= THRESHOLD else 0.0


def score(text: str, sample: Sample) -> Score:
    """Score a short answer: all of it counts, less a full stop that no reference has."""
    said = text.strip()
    has_stop = any(target.strip().endswith(".") for target in sample.targets)
    if said.endswith(".") and not has_stop:
        said = said[:-1]
    return _scored(said, sample)


def transcription(text: str, sample: Sample) -> Score:
    """Score a transcription: all that stands outside closed reasoning counts."""
    return _scored(without_tags(text), sample)


def _scored(said: str, sample: Sample) -> Score:
    value = similarity(said, sample.targets)
    note = "" if value else "the whole answer was compared, and half of it or more is wrong"
    return Score(value, said, readable=True, note=note)


def _compared(text: str) -> str:
    return " ".join(text.lower().split())
