"""Metrics of one answer. They take values that were already read by ``answers``; none of them parses."""

import unicodedata
from collections.abc import Sequence

Box = tuple[float, float, float, float]


def exact(answer: str, targets: Sequence[str]) -> float:
    """1 if an answer is one of the targets letter by letter, else 0.

    Unicode composition and runs of blanks do not count; capitals, accents and punctuation do.
    """
    return float(_plain(answer) in {_plain(target) for target in targets})


def edit_distance(first: Sequence[str], second: Sequence[str]) -> int:
    """Fewest insertions, deletions and substitutions between two strings (Levenshtein 1966)."""
    if len(first) < len(second):
        first, second = second, first
    row = list(range(len(second) + 1))
    for position, item in enumerate(first, start=1):
        diagonal, row[0] = row[0], position
        for column, other in enumerate(second, start=1):
            above = row[column]
            row[column] = min(above + 1, row[column - 1] + 1, diagonal + (item != other))
            diagonal = above
    return row[-1]


def cer(answer: str, target: str) -> float:
    """Character error rate: edits per target character; above 1 for an answer that runs on.

    Compared as by ``exact``. An empty target gives 0 for an empty answer and 1 for any other.
    """
    said, wanted = _plain(answer), _plain(target)
    if not wanted:
        return float(bool(said))
    return edit_distance(said, wanted) / len(wanted)


def anls(answer: str, targets: Sequence[str], *, threshold: float = 0.5) -> float:
    """Similarity to the nearest target, 0–1, and 0 where more than ``threshold`` of it is wrong.

    Average normalized Levenshtein similarity of one answer; capitals do not count.

    Source: Biten et al. 2019, eq. 1 (arXiv:1905.13648).
    """
    said = _plain(answer).casefold()
    best = 0.0
    for target in targets:
        wanted = _plain(target).casefold()
        longest = max(len(said), len(wanted))
        distance = edit_distance(said, wanted) / longest if longest else 0.0
        best = max(best, 1 - distance if distance < threshold else 0.0)
    return best


def iou(first: Box, second: Box) -> float:
    """Intersection over union of two boxes x1, y1, x2, y2 in the same unit, 0–1."""
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    if width <= 0 or height <= 0:
        return 0.0
    shared = width * height
    return shared / (_area(first) + _area(second) - shared)


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])
