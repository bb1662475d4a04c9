"""Amounts as charts and people write them."""

import pytest

from amalia.evaluate import quantities

QUANTITIES = [
    "3", "-3", "1.234,5", "1 234", "12%", "12 %", "€ 5", "5 €", "3 milhões de euros", "três",
    "vinte e cinco", "12 por cento", "(4)", "3 mil", "2,5 mil milhões de euros",
    "três milhões", "meia dúzia", "nenhum",
]  # fmt: skip
TEXTS = [
    "Brasil", "18-24", "2015 a 2017", "3.º trimestre", "1.º", "Grupo 1", "Q1", "", "%", "três gatos", "[1, 2]",
    "6 pessoas que moram em Lisboa",
]  # fmt: skip


@pytest.mark.parametrize("text", QUANTITIES)
def test_one_number_is_a_quantity(text: str) -> None:
    assert quantities.is_quantity(text)


@pytest.mark.parametrize("text", TEXTS)
def test_anything_else_is_none(text: str) -> None:
    assert not quantities.is_quantity(text)


@pytest.mark.parametrize(
    ("answer", "target", "expected"),
    [
        ("São 12,5.", "12.5", True),
        ("1.050", "1000", True),
        ("1.051", "1000", False),
        ("1,234", "1.234", True),
        ("95 %", "1", False),
        ("95 %", "1%", False),
        ("95 %", "0.95", True),
        ("95", "95 %", True),
        ("0,5", "50 por cento", True),
        ("nenhum", "0", True),
        ("-4", "4", False),
        ("não sei", "4", None),
        ("3.000.000", "3 milhões", True),
        ("3", "3 milhões", True),
        ("3 milhões", "3", True),
        ("3 mil", "3 milhões", False),
        ("2,5 mil milhões", "2.500.000.000", True),
        ("2500", "2,5 mil", True),
        ("3 ou 4", "3", None),
    ],
)
def test_agree(answer: str, target: str, expected: bool | None) -> None:
    assert quantities.agree(answer, target) is expected
