"""Arithmetic in LaTeX: every value was computed by latex2sympy 1.9.1 and Python."""

import pytest

from amalia.evaluate.published.latex_arithmetic import value

CASES = [
    ("42", 42),
    ("-5", -5),
    ("+5", 5),
    ("5.", 5),
    (".5", 0.5),
    ("2.50", 2.5),
    ("1,000", 1000),
    ("1,234.5", 1234.5),
    ("1,2345", 6170),
    ("1,5", None),
    ("12\\%", 0.12),
    ("1/2", 0.5),
    ("6:2", 3.0),
    ("2\\times3", 6),
    ("2\\cdot3", 6),
    ("9\\div2", 4.5),
    ("12/9 3.5", 0.38),
    ("24 24", 576),
    ("(2+3)4", 20),
    ("-2^2", -4),
    ("2^3^2", 64),
    ("10^{-1}", 0.1),
    ("2^-1", None),
    ("3!", 6),
    ("3!!", 720),
    ("2.5!", None),
    ("\\frac{4}{8}", 0.5),
    ("\\frac12", None),
    ("\\frac{1}{0}", None),
    ("\\sqrt{2}", 1.41),
    ("\\sqrt{-1}", None),
    ("\\sqrt[3]{8}", 2.0),
    ("2\\pi", 6.28),
    ("3\\frac{1}{2}", 1.5),
    ("\\left(1\\right)", 1),
    ("[2]", 2),
    ("$5$", 5),
    ("42)", 42),
    ("(42", None),
    ("12x", None),
    ("x", None),
    ("(1,2)", None),
    ("", None),
]


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_value(text: str, expected: float | None) -> None:
    found = value(text)
    assert (None if found is None else round(found, 2)) == expected


@pytest.mark.parametrize("text", ["9^{999999999}", "2^{100}^{100}^{100}^{100}", "1001!"])
def test_nobody_waits_for_a_huge_number(text: str) -> None:
    assert value(text) is None
