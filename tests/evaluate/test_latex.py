"""Boxed answers and when two of them are equal."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalia.evaluate import latex

BOXED = [
    (r"Logo, a área é \boxed{12}.", "12"),
    (r"\boxed{\frac{1}{2}}", r"\frac{1}{2}"),
    (r"Primeiro \boxed{3}, mas afinal \boxed{4}", "4"),
    (r"$\boxed{ B }$", "B"),
    (r"\boxed {x = 2}", "x = 2"),
    (r"\boxed{\text{Lisboa}}", r"\text{Lisboa}"),
    (r"\boxed{12", None),
    (r"Primeiro \boxed{3}, depois \boxed{4", "3"),
    ("12", None),
    ("", None),
]


@pytest.mark.parametrize(("text", "expected"), BOXED)
def test_what_is_boxed(text: str, expected: str | None) -> None:
    assert latex.boxed(text) == expected


VALUES = [
    ("12", 12), ("-3", -3), ("−3", -3), ("1,5", 1.5), ("1.5", 1.5), ("1.234,5", 1234.5), ("1,234.5", 1234.5),
    (r"\frac{3}{4}", 0.75), (r"\dfrac{3}{4}", 0.75), (r"-\frac{1}{2}", -0.5), (r"\frac12", 0.5), ("3/4", 0.75),
    (r"\sqrt{2}", math.sqrt(2)), (r"2\sqrt{3}", 2 * math.sqrt(3)), (r"\frac{\sqrt{2}}{2}", math.sqrt(2) / 2),
    (r"2\pi", 2 * math.pi), (r"\frac{\pi}{3}", math.pi / 3), ("10^{3}", 1000), ("2^5", 32), (r"3\times 10^{2}", 300),
    (r"12\%", 12), ("12 %", 12), (r"45^\circ", 45), ("45°", 45), (r"\$20", 20), (r"1{,}5", 1.5), ("12.", 12),
    (r"\frac{1}{0}", None), (r"\frac{1}{2", None), ("x", None), ("2x", None),
    ("1 e 2", None), ("", None), ("2+3", None),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), VALUES)
def test_value(text: str, expected: float | None) -> None:
    assert latex.value(text) == (expected if expected is None else pytest.approx(expected))


EQUAL = [
    (r"\frac{1}{2}", "0,5", True),
    ("0.50", "0,5", True),
    (r"\frac{1}{3}", "0,33", True),
    (r"\frac{1}{3}", "0,34", False),
    (r"\text{Lisboa}", "Lisboa", True),
    (r"\left(1, 2\right)", "(1,2)", True),
    ("x = 2", "x=2", True),
    ("x = 2", "x=3", False),
    ("12", "12.00", True),
    ("3", "-3", False),
    (r"50\%", "50", True),
    ("B", "b", False),
    (r"12\text{ cm}", "12 cm", True),
]


@pytest.mark.parametrize(("first", "second", "expected"), EQUAL)
def test_equal(first: str, second: str, expected: bool) -> None:
    assert latex.equal(first, second) is expected
    assert latex.equal(second, first) is expected


@given(st.text())
def test_nothing_that_is_said_breaks_it(text: str) -> None:
    latex.boxed(text)
    latex.value(text)
    assert latex.equal(text, text)


@given(st.integers(-9999, 9999), st.integers(1, 99))
def test_a_fraction_is_its_quotient(top: int, bottom: int) -> None:
    written = rf"\frac{{{abs(top)}}}{{{bottom}}}"
    assert latex.value(f"-{written}" if top < 0 else written) == pytest.approx(top / bottom)
