"""Metrics of one answer. They take values that were already read by ``answers``; none of them parses."""

import unicodedata
from collections.abc import Callable, Iterable, Sequence

from amalia.errors import TaskError

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
        # So many letters too many or too few are so many edits; a long answer need not be compared.
        if longest and abs(len(said) - len(wanted)) >= threshold * longest:
            continue
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


def center_hit(box: Box, target_box: Box) -> float:
    """1 if the center of a box lies in the right one or on its edge, else 0."""
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    is_inside = target_box[0] <= x <= target_box[2] and target_box[1] <= y <= target_box[3]
    return float(is_inside)


def relaxed(answer: float | str, target: float | str, *, tolerance: float = 0.05) -> float:
    """1 if a number is near the right one, or a text is the right one, else 0.

    Two numbers may differ by ``tolerance`` of the target, the bound included; a target of 0 has to
    be met. Two texts are compared without regard to capitals, Unicode composition and runs of
    blanks. A number is never a text. A year or a telephone number is a name, not an amount: give
    it as text, or 1950 would pass for 2000.

    Source: Masry et al. 2022, section 5.1 (arXiv:2203.10244).
    """
    if isinstance(answer, str) or isinstance(target, str):
        return float(
            isinstance(answer, str)
            and isinstance(target, str)
            and _plain(answer).casefold() == _plain(target).casefold()
        )
    # A hair more than the tolerance, as 1.05 is 5 % above 1 but not in binary fractions.
    return float(abs(answer - target) <= tolerance * abs(target) * (1 + 1e-9))


def vqa_accuracy(answer: str, answers: Sequence[str]) -> float:
    """Agreement with the answers of several people, 0–1: right if three others say the same.

    Every person is left out in turn, as people are when they are scored against each other; the
    mean over the turns is of min(1, matches / 3). Compared letter by letter, so normalize first.

    Args:
        answer: what was said.
        answers: what the people said, ten in VQA and TextVQA.

    Raises:
        TaskError: without answers.

    Source: Antol et al. 2015, section 3 (arXiv:1505.00468), as in the official evaluation.
    """
    if not answers:
        raise TaskError("VQA accuracy got no answers of people; expected at least one, usually ten")
    matches = sum(answer == other for other in answers)
    rest = len(answers) - matches
    return (matches * min(1.0, (matches - 1) / 3) + rest * min(1.0, matches / 3)) / len(answers)


def word_f1(answer: str, target: str, *, words: Callable[[str], Iterable[str]]) -> float:
    """Harmonic mean of precision and recall of the distinct words, 0–1.

    Args:
        answer: what was said.
        target: what is right.
        words: gives the words of a text that count.

    Returns:
        1 if neither has a word, 0 if only one has or none is shared.
    """
    said, wanted = set(words(answer)), set(words(target))
    if not said and not wanted:
        return 1.0
    return 2 * len(said & wanted) / (len(said) + len(wanted))


def diacritics(answer: str, target: str) -> float | None:
    """Share of the target's letters with a diacritic that an answer has right, 0–1.

    Right is a letter that the fewest edits from target to answer leave as it is; where several ways
    are equally short, the one with most such letters counts. Letters as ã, é and ç count, whether
    composed or not; ª and º do not. Capitals do not matter.

    Returns:
        None if no letter of the target bears a diacritic.
    """
    said, wanted = (
        unicodedata.normalize("NFC", _plain(text).casefold()) for text in (answer, target)
    )
    bears = [_bears_diacritic(letter) for letter in wanted]
    if not any(bears):
        return None
    # Costs are compared first by edits, then by fewest letters right: (edits, -right).
    row = [(column, 0) for column in range(len(said) + 1)]
    for letter, counts in zip(wanted, bears, strict=True):
        diagonal, row[0] = row[0], (row[0][0] + 1, 0)
        for column, other in enumerate(said, start=1):
            above, left = row[column], row[column - 1]
            row[column] = min(
                (above[0] + 1, above[1]),
                (left[0] + 1, left[1]),
                (diagonal[0] + (letter != other), diagonal[1] - (counts and letter == other)),
            )
            diagonal = above
    return -row[-1][1] / sum(bears)


def _bears_diacritic(letter: str) -> bool:
    parts = unicodedata.normalize("NFD", letter)
    return parts[0].isalpha() and any(unicodedata.combining(part) for part in parts[1:])


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])
