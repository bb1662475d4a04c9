"""The letter or number of an option as the program of PHEB reads it: four ways of asking, three of reading.

All three end by taking any capital A to D, or digit 1 to 4, that looks like one, so that «Não sei responder a CERTA»
is read as option A.
"""

import re
from collections.abc import Sequence

from amalia.evaluate.task import Score
from amalia.records import Sample

_BOXED = re.compile(r"\\boxed{([A-D])}", re.IGNORECASE)
_LAST_CHARACTER = re.compile(r"([A-D])\.?\s*$")
_LETTER_AT_AN_END = re.compile(r"^([A-D])\b|([A-D])$")
_LETTER = re.compile(r"\b([A-D])\b")
_DIGIT_AT_AN_END = re.compile(r"^([1-4])\b|([1-4])$")
_DIGIT = re.compile(r"\b([1-4])\b")
Found = re.Match[str] | None


def boxed(text: str, sample: Sample) -> Score:
    """Score the first boxed letter, else a capital that ends the answer, else the last lone capital."""
    lone = list(_LETTER.finditer(text))
    return _scored(
        sample,
        (
            ("a letter is boxed", _BOXED.search(text)),
            ("a capital ends the answer, even in a word", _LAST_CHARACTER.search(text.strip())),
            ("the last lone capital is taken, even an article", lone[-1] if lone else None),
        ),
    )


def letter(text: str, sample: Sample) -> Score:
    """Score a capital at either end of the answer, else the first lone one."""
    return _scored(
        sample,
        (
            ("a capital is at an end of the answer", _LETTER_AT_AN_END.search(text.strip())),
            ("the first lone capital is taken, even an article", _LETTER.search(text)),
        ),
    )


def number(text: str, sample: Sample) -> Score:
    """Score a digit at either end of the answer, else the first lone one."""
    return _scored(
        sample,
        (
            (
                "a digit is at an end of the answer, even of a number",
                _DIGIT_AT_AN_END.search(text.strip()),
            ),
            ("the first lone digit is taken", _DIGIT.search(text)),
        ),
    )


def _scored(sample: Sample, rules: Sequence[tuple[str, Found]]) -> Score:
    for note, match in rules:
        if match:
            said = next(group for group in match.groups() if group).upper()
            return Score(float(said == sample.target), said, readable=True, note=note)
    return Score(0.0, "", readable=False, note="no letter or digit is found")
