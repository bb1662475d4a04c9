"""Metrics by golden tables."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
