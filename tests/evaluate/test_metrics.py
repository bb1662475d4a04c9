"""Metrics by golden tables."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalia.errors import TaskError
from amalia.evaluate import metrics


@pytest.mark.parametrize(
    ("answer", "targets", "expected"),
    [
        ("maçã", ["maçã"], 1),
        ("mac\u0327a\u0303", ["maçã"], 1),
        ("  bom   dia ", ["bom dia"], 1),
        ("maca", ["maçã"], 0),
        ("Maçã", ["maçã"], 0),
        ("maçã.", ["maçã"], 0),
        ("pera", ["maçã", "pera"], 1),
        ("", ["maçã"], 0),
    ],
)
def test_exact(answer: str, targets: list[str], expected: float) -> None:
    assert metrics.exact(answer, targets) == expected


@pytest.mark.parametrize(
    ("answer", "target", "expected"),
    [
        ("maçã", "maçã", 0),
        ("maca", "maçã", 2 / 4),
        ("maç", "maçã", 1 / 4),
        ("amaçã", "maçã", 1 / 4),
        ("", "maçã", 1),
        ("gatinhos", "pato", 5 / 4),
        ("", "", 0),
        ("a", "", 1),
    ],
)
def test_cer(answer: str, target: str, expected: float) -> None:
    assert metrics.cer(answer, target) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("answer", "targets", "expected"),
    [
        ("Lisboa", ["lisboa"], 1),
        ("Lisbos", ["Lisboa"], 5 / 6),
        ("Lis", ["Lisboa"], 0),  # half of it is wrong: not below the threshold
        ("Lisb", ["Lisboa"], 4 / 6),
        ("Porto", ["Lisboa"], 0),
        ("Oporto", ["Lisboa", "Porto"], 5 / 6),
        ("", ["Lisboa"], 0),
        ("", [""], 1),
    ],
)
def test_anls(answer: str, targets: list[str], expected: float) -> None:
    assert metrics.anls(answer, targets) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ((0, 0, 1, 1), (0, 0, 1, 1), 1),
        ((0, 0, 2, 2), (1, 0, 3, 2), 1 / 3),
        ((0, 0, 1, 1), (0, 0, 0.5, 0.5), 0.25),
        ((0, 0, 1, 1), (1, 0, 2, 1), 0),
        ((0, 0, 1, 1), (3, 3, 4, 4), 0),
    ],
)
def test_iou(first: metrics.Box, second: metrics.Box, expected: float) -> None:
    assert metrics.iou(first, second) == pytest.approx(expected)
    assert metrics.iou(second, first) == pytest.approx(expected)


@given(st.text(alphabet="abç", max_size=6), st.text(alphabet="abç", max_size=6))
def test_edit_distance_is_a_distance(first: str, second: str) -> None:
    distance = metrics.edit_distance(first, second)
    assert distance == metrics.edit_distance(second, first)
    assert (distance == 0) == (first == second)
    assert abs(len(first) - len(second)) <= distance <= max(len(first), len(second))


@pytest.mark.parametrize(
    ("box", "target", "expected"),
    [
        ((0, 0, 2, 2), (0, 0, 4, 4), 1),
        ((0, 0, 4, 4), (2, 2, 3, 3), 1),  # the center lies on the corner
        ((0, 0, 1, 1), (0.6, 0, 1, 1), 0),
        ((0, 0, 1, 1), (0, 0.6, 1, 1), 0),
        ((0, 0, 4, 4), (0, 0, 1, 1), 0),  # large enough to hold the right one, but not on it
    ],
)
def test_center_hit(box: metrics.Box, target: metrics.Box, expected: float) -> None:
    assert metrics.center_hit(box, target) == expected


@pytest.mark.parametrize(
    ("answer", "target", "expected"),
    [
        (100.0, 100.0, 1),
        (105.0, 100.0, 1),
        (1.05, 1.0, 1),
        (95.0, 100.0, 1),
        (105.1, 100.0, 0),
        (100.0, 105.1, 1),  # 5 % of the target, not of the answer
        (-95.0, -100.0, 1),
        (100.0, -100.0, 0),
        (0.0, 0.0, 1),
        (0.001, 0.0, 0),
        (float("nan"), 1.0, 0),
        (float("inf"), 1.0, 0),
        ("Lisboa", "lisboa", 1),
        ("  São   Tomé", "Sa\u0303o Tomé", 1),
        ("Sao Tome", "São Tomé", 0),
        ("1950", "2000", 0),  # years
        (2000.0, "2000", 0),
        ("2000", 2000.0, 0),
    ],
)
def test_relaxed(answer: float | str, target: float | str, expected: float) -> None:
    assert metrics.relaxed(answer, target) == expected


def test_relaxed_takes_another_tolerance() -> None:
    assert metrics.relaxed(110.0, 100.0, tolerance=0.1) == 1
    assert metrics.relaxed(101.0, 100.0, tolerance=0.0) == 0


@pytest.mark.parametrize(
    ("matches", "expected"),
    [
        (0, 0),
        (1, (0 / 3 + 9 * 1 / 3) / 10),
        (2, (2 * 1 / 3 + 8 * 2 / 3) / 10),
        (3, (3 * 2 / 3 + 7 * 3 / 3) / 10),
        (4, 1),
        (10, 1),
    ],
)
def test_vqa_accuracy(matches: int, expected: float) -> None:
    answers = ["autocarro"] * matches + ["elétrico"] * (10 - matches)
    assert metrics.vqa_accuracy("autocarro", answers) == pytest.approx(expected)


def test_vqa_accuracy_of_few_people() -> None:
    assert metrics.vqa_accuracy("azul", ["azul"]) == 0  # there is no other
    assert metrics.vqa_accuracy("azul", ["azul", "azul", "azul"]) == pytest.approx(2 / 3)
    with pytest.raises(TaskError, match="at least one"):
        metrics.vqa_accuracy("azul", [])


@pytest.mark.parametrize(
    ("answer", "target", "expected"),
    [
        ("torre de Belém", "torre de Belém", 1),
        ("torre torre", "torre", 1),
        ("a torre de Belém", "torre de Belém", 6 / 7),
        ("torre", "torre de Belém", 2 / 4),
        ("castelo", "torre", 0),
        ("", "torre", 0),
        ("torre", "", 0),
        ("", "", 1),
    ],
)
def test_word_f1(answer: str, target: str, expected: float) -> None:
    assert metrics.word_f1(answer, target, words=str.split) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("answer", "target", "expected"),
    [
        ("maçã", "maçã", 1),
        ("mac\u0327a\u0303", "maçã", 1),
        ("MAÇÃ", "maçã", 1),
        ("maca", "maçã", 0),
        ("maça", "maçã", 1 / 2),
        ("", "maçã", 0),
        ("a maçã", "maçã", 1),
        ("coração de mãe", "coração e mãe", 1),
        ("coraçao de mae", "coração e mãe", 1 / 3),
        ("à", "á", 0),
        ("pôr", "por", None),
        ("1.º", "1.º", None),
        ("", "", None),
        ("ã", "ãa", 1),  # one edit, and the letter that is left is ã
        ("aã", "ãa", 1),  # two edits either way: two substitutions, or the ã moved
        ("pinguim", "pingüim", 0),
    ],
)
def test_diacritics(answer: str, target: str, expected: float | None) -> None:
    assert metrics.diacritics(answer, target) == pytest.approx(expected)
