"""Relaxed accuracy as amalia-vl-eval computes it for ChartQA.

Numbers are read as the programming language reads them, so «1.234,5», «12,5» and «três» are no numbers and
«1.234» is little more than one; a percentage is a hundredth of its number, so that «12» is wrong for «12 %».
"""

from amalia.evaluate.task import Score
from amalia.records import Sample

TOLERANCE = 0.05


def score(text: str, sample: Sample) -> Score:
    """Score an answer that is nothing but a number, or nothing but the expected text."""
    said, target = text.strip(), sample.target
    if said.endswith(".") and not target.strip().endswith("."):
        said = said[:-1]
    number, expected = _number(said), _number(target)
    if number is not None and expected:
        right = abs(number - expected) / abs(expected) <= TOLERANCE
        note = f"compared as the numbers {number:g} and {expected:g}"
    else:
        right = said.lower() == target.lower()
        note = "compared letter by letter"
    return Score(float(right), said, readable=True, note=note)


def _number(text: str) -> float | None:
    try:
        return float(text.rstrip("%")) / 100 if text.endswith("%") else float(text)
    except ValueError:
        return None
