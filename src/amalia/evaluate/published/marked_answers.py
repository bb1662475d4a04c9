"""CARAVELA's scoring: what stands behind the last «ANSWER:», compared by letter, by containment or by long words."""

import re

from amalia.evaluate.published import ranked_letters
from amalia.evaluate.published.reasoning import without_tags
from amalia.evaluate.task import Metric, Score
from amalia.records import Sample

MARK = "ANSWER:"
_SKIPPED = "o a os as um uma uns umas de do da dos das em no na nos nas".split()
_SKIPPED_WORD = re.compile(rf"\b(?:{'|'.join(_SKIPPED)})\b")
# A word counts in the overlap if it is longer than this.
_SHORT_CHARACTERS = 3

SCORE = Metric("caravela_score", lambda score, _: 100 * score.value, unit="%")


def letter(text: str, sample: Sample) -> Score:
    """Score a multiple choice."""
    read, rule = ranked_letters.read(_final(text))
    return Score(float(read == sample.target), read, readable=bool(read), note=rule)


def containment(text: str, sample: Sample) -> Score:
    """Score a short answer: right if the known one is part of it, whatever else is named."""
    said, target = _reduced(_final(text)), _reduced(sample.target)
    is_right = said == target or (bool(target) and target in said)
    note = "right if the known answer is contained, at any length and be it inside a word"
    return Score(float(is_right), said, readable=bool(said), note=note)


def long_words(text: str, sample: Sample) -> Score:
    """Score a conclusion: F1 of the sets of words longer than three characters; without such a word, 0."""
    said, wanted = _long(_final(text)), _long(sample.target)
    shared = len(said & wanted)
    value = 0.0
    if shared:
        precision, recall = shared / len(said), shared / len(wanted)
        value = 2 * precision * recall / (precision + recall)
    note = "only words longer than three characters count"
    if not wanted:
        note += ", and the known answer has none"
    return Score(value, " ".join(sorted(said)), readable=bool(said), note=note)


def _final(text: str) -> str:
    return without_tags(text).rpartition(MARK)[2].strip()


def _reduced(text: str) -> str:
    """Take away articles, prepositions, punctuation and extra blanks."""
    kept = re.sub(r"[^\w\s]", "", _SKIPPED_WORD.sub("", text.strip().lower()))
    return " ".join(kept.split())


def _long(text: str) -> set[str]:
    return {word for word in _reduced(text).split() if len(word) > _SHORT_CHARACTERS}
