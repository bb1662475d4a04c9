"""MATH-Vision's reading of an answer; every result was given by the published program."""

import pytest

from amalia.evaluate.published.boxed_or_flagged import read

CASES = [
    (r"\boxed{12}", "12"),
    (r"\boxed{1} \boxed{2}", "2"),
    (r"\boxed{\dfrac{3}{4}}", r"\frac{3}{4}"),
    (r"\boxed{1/2}", r"\frac{1}{2}"),
    (r"\boxed{1/x}", "1/x"),
    (r"\boxed{0.5}", r"\frac{1}{2}"),
    (r"\boxed{.25}", "0.25"),
    (r"\boxed{\sqrt3}", r"\sqrt{3}"),
    (r"\boxed{\sqrt\frac12}", r"\sqrt{\}frac12"),
    (r"\boxed{\frac\sqrt34}", r"\frac{\}{s}qrt{3}4"),
    (r"\boxed{\frac{1}2 \sqrt2}", r"\frac{1}2\sqrt{2}"),
    (r"\boxed{\sqrt2 \frac3{4}}", r"\sqrt{2}\frac{3}{4}"),
    (r"\boxed{\sqrt2 \frac3}", r"\sqrt{2}\frac3"),
    (r"\boxed{45^\circ}", "45"),
    (r"\boxed{x \approx 3}", "3"),
    (r"\boxed{(C)}", "c"),
    (r"\boxed{12\text{ cm}}", "12{cm}"),
    ("Penso muito.\nA resposta é 7. Mas não sei.", "7"),
    ("a resposta é 7", "arespostaé7"),
    ("The final answer is: 7.", "7"),
    ("it is 7.", "7"),
    ("Escolho (D).", "d"),
    ("C\nporque sim", "c"),
    ("sim}não", "sim"),
    ("", ""),
]


@pytest.mark.parametrize(("text", "expected"), CASES)
def test_read(text: str, expected: str) -> None:
    assert read(text)[0] == expected
