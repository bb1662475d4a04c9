"""Numbers in Portuguese text: scales, dozens, halves, and those that an answer denies or does not choose."""

import pytest

from amalia.evaluate import answers, numerals

NUMBERS = [
    ("três e meia dúzia", 3), ("dois e meio e meio", 2.5), ("2 mil dúzias", 2000), ("2 par", 2), ("3 4", 3),
    ("uma dúzia", 12), ("meia dúzia", 6), ("Um par.", 2), ("um par de sapatos", 2), ("um par de óculos", 1),
    ("duas dúzias", 24), ("uma dúzia e meia", 18), ("12 mil", 12_000), ("3 milhões", 3_000_000),
    ("2,5 mil milhões", 2_500_000_000), ("2,5 milhões de euros", 2_500_000), ("mil e duzentos", 1200),
    ("dois mil e vinte e quatro", 2024), ("cento e um", 101), ("1/2", 0.5), ("3/4", 0.75), ("1/2/2024", 1),
    ("12/2024", 12), ("Não são 3, são 4.", 4), ("Não há nenhuma maçã, há 3 peras.", 0),
    ("três milhões e meio", 3_500_000), ("meio milhão", 500_000), ("dois milhões trezentos mil", 2_300_000),
    ("3 milhões e 200 mil", 3_200_000), ("12 mil e 500", 12_500), ("mil milhões", 1_000_000_000),
    ("um milhão", 1_000_000), ("2 bilhões", 2_000_000_000), ("dois biliões", 2_000_000_000_000),
    ("milhares de pessoas", None), ("milhões de pessoas", None), ("dois e meio", 2.5), ("3 e meio", 3.5),
    ("um e meio", 1.5), ("três vírgula cinco", 3.5), ("3 ou 4", None), ("três ou quatro gatos", None),
    ("um ou dois", None), ("3 gatos ou 4 gatos", None), ("entre 3 e 5", None), ("mais ou menos 5", 5),
    ("3, ou seja, três", 3), ("Há 2 à esquerda e 3 à direita, logo 5.", 5), ("2 mais 3 são 5", 5),
    ("10 menos 3 dá 7", 7), ("São 3, não 4.", 3), ("não há mais de 3", 3), ("5 graus negativos", -5),
    ("uma dezena", 10), ("vinte e 3", 20), ("cem mil", 100_000), ("vinte mil milhões", 20_000_000_000),
    ("vinte e um mil trezentos e dez", 21_310), ("5 milhares", 5000), ("mil", 1000), ("trezentos mil", 300_000),
    ("duas dezenas de pessoas", 20), ("Nem 3 nem 4.", None), ("Parecem 3, mas são 4.", 4),
    ("um milhão e duzentos mil", 1_200_000), ("uma centena", 100), ("zero", 0), ("quatro cinco", 4),
    ("novecentos e noventa e nove mil novecentos e noventa e nove", 999_999),
    ("um milhão novecentos e noventa e nove mil novecentos e noventa e nove", 1_999_999),
    ("3.000.000", 3_000_000), ("-3", -3), ("2 mil", 2000), ("2 mil e um", 2001),
    ("Um par de gatos e três cães.", 2), ("às 10h30", 10), ("Vejo 3 gatos, não 4.", 3),
    ("Não vejo 4 gatos, só 3.", 3), ("São 3, se não me engano.", 3), ("Se não me engano, são 3.", 3),
    ("Há 12 ovos, uma dúzia.", 12), ("Uma dúzia de ovos, ou seja, 12.", 12), ("Umas 20 pessoas.", 20),
    ("Um, dois, três.", 3), ("1, 2, 3, 4: são 4.", 4), ("1, 2, 3", 3), ("1, 2", 1), ("1, 3, 5", 1),
    ("cerca de 3,5 milhões", 3_500_000), ("10 000 000", 10_000_000), ("1.000 milhões", 1_000_000_000),
    ("vinte e tal", 20), ("meia hora", None), ("ao meio-dia", None), ("zero vírgula cinco", 0.5),
    ("-1,5 milhões", -1_500_000), ("As três.", 3), ("cem por cento", 100), ("2 vezes 3 são 6", 6),
    ("duas horas e meia", 2), ("um gato e meio", 1), ("Não são três, são quatro.", 4),
    ("Não são três mas quatro.", 4), ("Não 3, mas sim 4.", 4), ("4 e não 3", 4), ("Em vez de 3, são 4.", 4),
    ("São 4, em vez de 3.", 4), ("Há um gato e não dois.", 1), ("Só um, não dois.", 1),
    ("Não há só um, há dois.", 2), ("Não é um, são dois.", 2), ("Será 3? Não, são 4.", 4),
    ("Pareciam 3, mas são 4.", 4), ("um milhar", 1000), ("vinte e cinco mil e quinhentos", 25_500),
    ("um milhão e meio de pessoas", 1_500_000), ("dois milhões e meio", 2_500_000), ("3 em 4", 3),
    ("R$ 5,50", 5.5), ("€ 3,5 milhões", 3_500_000), ("há 3 mil milhões de anos", 3_000_000_000),
    ("quinhentas mil pessoas", 500_000), ("mil novecentos e setenta e quatro", 1974), ("trinta por cento", 30),
    ("1974", 1974), ("no ano de 1974", 1974), ("dois terços", 2), ("1,5", 1.5),
    ("nove vírgula noventa e nove", 9.99),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), NUMBERS)
def test_number(text: str, expected: float | None) -> None:
    assert answers.number(text) == (expected if expected is None else pytest.approx(expected))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Há 3 gatos, 2,5 kg e uma dúzia de ovos.", [3, 2.5, 12]),
        ("Não são 3, são quatro.", [4]),
        ("Um gato.", []),
        ("", []),
    ],
)
def test_all_amounts(text: str, expected: list[float]) -> None:
    assert numerals.amounts(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("três milhões", True), ("vinte e cinco", True), ("nenhum", True), ("Três.", True), ("cinco por cento", True),
        ("meia dúzia", True), ("três gatos", False), ("dois e três", False), ("3", False), ("e", False), ("", False),
    ],
)  # fmt: skip
def test_one_number_in_words(text: str, expected: bool) -> None:
    assert numerals.is_spelled(text) is expected


@pytest.mark.parametrize("below", [0, 1, 17, 100, 365, 999])
@pytest.mark.parametrize(
    ("scale", "value"), [("mil", 10**3), ("milhões", 10**6), ("mil milhões", 10**9)]
)
def test_thousands_and_millions_add_up(below: int, scale: str, value: int) -> None:
    for above in (2, 10, 21, 300):
        assert answers.number(f"{above} {scale}") == above * value
        assert answers.number(f"São {above} {scale} e {below}.") == above * value + below
