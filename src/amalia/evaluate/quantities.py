"""Amounts as charts and people write them, compared with a tolerance.

A figure such as «1.234» or «1,234» is over a thousand in one country and a little over one in another, and a chart may
be of either; both readings count. A percentage is its number, or a hundredth of it beside a fraction of one that has no
percent sign. An axis in millions makes «12» of «12 milhões»: where only one of two says a magnitude, it may be left
out.

Not covered: what ``numerals`` does not cover; units are not looked at, so «12 km» is 12.
"""

import re

from amalia.evaluate import metrics
from amalia.evaluate.numerals import is_spelled, number

_WORD = r"[^\W\d_]+"
_FIGURE = re.compile(rf"\W*\d+(?:[.,\s]\d+)*\s*(?:%|{_WORD}(?: {_WORD}){{0,3}})?\W*", re.IGNORECASE)
_MAGNITUDE = re.compile(
    r"\s*\b(?:mil\s+)?(?:milh(?:ão|ões)|bilh(?:ão|ões)|bili(?:ão|ões))\b|(?<=\d)\s*mil\b",
    re.IGNORECASE,
)
_PERCENT = re.compile(r"%|\bpor\s+cento\b", re.IGNORECASE)
_SWAPPED = str.maketrans(".,", ",.")


def is_quantity(text: str) -> bool:
    """Tell whether a text is one number, perhaps with a sign, a unit or a percent sign, and nothing else."""
    plain = text.strip()
    return bool(_FIGURE.fullmatch(plain) or is_spelled(plain)) and number(plain) is not None


def agree(answer: str, target: str, *, tolerance: float = 0.05) -> bool | None:
    """Tell whether an answer names the right amount, give or take a share of it.

    Returns:
        None if the answer names no number.
    """
    said, wanted = _readings(answer), _readings(target)
    if not said:
        return None
    magnitudes = bool(_MAGNITUDE.search(answer)), bool(_MAGNITUDE.search(target))
    if magnitudes == (True, False):
        said |= _readings(_MAGNITUDE.sub("", answer))
    elif magnitudes == (False, True):
        wanted |= _readings(_MAGNITUDE.sub("", target))
    percents = bool(_PERCENT.search(answer)), bool(_PERCENT.search(target))
    if percents == (True, False):
        said |= {value / 100 for value in said if all(abs(right) < 1 for right in wanted)}
    elif percents == (False, True):
        wanted |= {right / 100 for right in wanted if all(abs(value) < 1 for value in said)}
    return any(
        metrics.relaxed(value, right, tolerance=tolerance) for value in said for right in wanted
    )


def _readings(text: str) -> set[float]:
    found = (number(text), number(text.translate(_SWAPPED)))
    return {value for value in found if value is not None}
