"""The specification of answer parsing: tables of Portuguese cases."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalia.evaluate import answers

LETTERS = [
    ("B", "B"),
    ("b", "B"),
    ("b)", "B"),
    ("(C)", "C"),
    ("**D**", "D"),
    ("A.", "A"),
    ("E", None),  # beyond four options
    ("A resposta é B", "B"),
    ("A resposta é B.", "B"),
    ("A resposta correta é a C.", "C"),
    ("A resposta correta é a opção **d**.", "D"),
    ("A resposta é a letra «A».", "A"),
    ("Resposta: b", "B"),
    ("Resposta final: (D)", "D"),
    ("Resposta B", "B"),
    ("A alínea C", "C"),
    ("Letra A", "A"),
    ("Opção D, sem dúvida.", "D"),
    ("B) Porto", "B"),
    ("A) Lisboa", "A"),
    ("C. Coimbra, porque tem a universidade mais antiga.", "C"),
    ("**B**: Porto", "B"),
    ("É a A.", "A"),
    ("Penso que é B.", "B"),
    ("B, porque o Porto fica no norte.", "B"),
    ("A opção A está errada. A resposta é C.", "C"),
    ("A resposta não é A, é B.", "B"),
    ("Primeiro pensei na A. Mas a resposta certa é a D.", "D"),
    ("A) Lisboa\nB) Porto\nResposta: B", "B"),
    ("A) Lisboa\nB) Porto\nC) Faro", None),
    ("A e B", None),
    ("Tanto B como C.", None),
    ("A resposta é a mais longa.", None),
    ("A resposta é e continua a ser difícil.", None),
    ("A cidade é o Porto.", None),
    ("E depois não sei.", None),
    ("A resposta é F.", None),
    ("O Porto.", None),
    ("Nenhuma das anteriores.", None),
    ("Guarda-B não é letra.", None),
    ("The answer is C", "C"),
    (r"Logo \boxed{C}.", "C"),
    ("", None),
]


@pytest.mark.parametrize(("text", "expected"), LETTERS)
def test_letter(text: str, expected: str | None) -> None:
    assert answers.letter(text, 4) == expected


def test_letter_knows_only_the_options_there_are() -> None:
    assert answers.letter("A resposta é E.", 5) == "E"
    assert answers.letter("A resposta é E.", 4) is None


@pytest.mark.parametrize("num_choices", [0, 1, 27])
def test_letter_refuses_an_impossible_number_of_options(num_choices: int) -> None:
    with pytest.raises(ValueError, match="expected 2 to 26"):
        answers.letter("B", num_choices)


NUMBERS = [
    ("3", 3),
    ("Há 3 gatos.", 3),
    ("São 12.", 12),
    ("1.234,5", 1234.5),
    ("1,234.5", 1234.5),
    ("1.234", 1234),
    ("1,234", 1.234),
    ("0.125", 0.125),
    ("3,14", 3.14),
    ("3.14", 3.14),
    ("1.234.567", 1234567),
    ("1.234.567,89 €", 1234567.89),
    ("12 345 habitantes", 12345),
    ("12\u00a0345,6", 12345.6),
    ("45 %", 45),
    ("45%", 45),
    ("cinco por cento", 5),
    ("por cento", None),
    ("-3", -3),
    ("Estão −7,5 graus.", -7.5),
    ("menos cinco graus", -5),
    ("pelo menos 3", 3),
    ("mais ou menos 5", 5),
    ("5kg", 5),
    ("20€", 20),
    ("A vitamina B2", None),
    ("zero", 0),
    ("Três.", 3),
    ("tres", 3),
    ("duas maçãs", 2),
    ("Vejo quatro cães.", 4),
    ("dezasseis", 16),
    ("dezesseis", 16),
    ("vinte e um", 21),
    ("vinte e uma maçãs", 21),
    ("noventa e nove", 99),
    ("cem", 100),
    ("cento e um", 101),
    ("duzentas e trinta e cinco páginas", 235),
    ("mil", 1000),
    ("São dois e três.", 2),
    ("quatro cinco", 4),
    ("mil novecentos e noventa e nove", 1999),
    ("dois mil e vinte e quatro", 2024),
    ("vinte mil", 20000),
    ("cento e vinte e três mil quatrocentos e cinquenta e seis", 123456),
    ("nenhum", 0),
    ("Não há nenhuma maçã.", 0),
    ("um", 1),
    ("Uma.", 1),
    ("Há um.", 1),
    ("Há um gato.", 1),
    ("Vejo só uma maçã.", 1),
    ("Um gato.", 1),
    ("É um autocarro.", None),
    ("É um grupo de três gatos.", 3),
    ("Uma imagem com 2 gatos", 2),
    ("Um dos gatos dorme.", None),
    ("Vejo dois gatos e três cães.", 2),
    ("2 gatos e 3 cães, no total 5", 5),
    ("Há 2 gatos e 3 cães: 5 ao todo.", 5),
    ("2 + 3 = 5", 5),
    ("A resposta é 5, porque são 2 e mais 3.", 5),
    ("1,2,3", 1),
    ("3.º lugar", None),
    ("o 10.º", None),
    ("Não sei.", None),
    ("", None),
]


@pytest.mark.parametrize(("text", "expected"), NUMBERS)
def test_number(text: str, expected: float | None) -> None:
    assert answers.number(text) == expected


@given(st.integers(min_value=0, max_value=99_999))
def test_number_reads_any_integer_in_portuguese_and_english_writing(value: int) -> None:
    assert answers.number(f"São {value}.") == value
    assert answers.number(f"{value:,},0".replace(",", ".", f"{value:,}".count(","))) == value
    assert answers.number(f"{value:,}.0") == value


YES_NO = [
    ("Sim", "sim"),
    ("sim.", "sim"),
    ("SIM!", "sim"),
    ("**Sim**, há um gato.", "sim"),
    ("Sim, não há dúvida.", "sim"),
    ("Claro que sim.", "sim"),
    ("A resposta é sim.", "sim"),
    ("No ecrã está um gato, sim.", "sim"),
    ("Yes", "sim"),
    ("Não", "não"),
    ("nao", "não"),
    ("Não, é um cão.", "não"),
    ("Não há nenhum gato.", "não"),
    ("Creio que não.", "não"),
    ("No.", "não"),
    ("No, there is a dog.", "não"),
    ("Não sei.", "não sei"),
    ("Não sei se sim ou não.", "não sei"),
    ("Não tenho a certeza.", "não sei"),
    ("Não consigo ver a imagem.", "não sei"),
    ("Sim ou não?", None),
    ("Assim parece.", None),
    ("É simples.", None),
    ("No ecrã está um gato.", None),
    ("Está um gato.", None),
    ("", None),
]


@pytest.mark.parametrize(("text", "expected"), YES_NO)
def test_yes_no(text: str, expected: str | None) -> None:
    assert answers.yes_no(text) == expected
    assert answers.yes_no(unicodedata.normalize("NFD", text)) == expected


QUARTER = (0.1, 0.2, 0.5, 0.6)
BOXES = [
    ("[0.1, 0.2, 0.5, 0.6]", QUARTER),
    ("[0.1,0.2,0.5,0.6]", QUARTER),
    ("[0,1, 0,2, 0,5, 0,6]", QUARTER),
    ("0,1; 0,2; 0,5; 0,6", QUARTER),
    ("0.1 0.2 0.5 0.6", QUARTER),
    ("O gato está em [ 0.10 , 0.20 , 0.50 , 0.60 ].", QUARTER),
    ("Na imagem 1, a caixa é [0.1, 0.2, 0.5, 0.6].", QUARTER),
    ("(0.1,0.2),(0.5,0.6)", QUARTER),
    ("(0.1, 0.2) (0.5, 0.6)", QUARTER),
    ("[100, 200, 500, 600]", QUARTER),
    ("100,200,500,600", QUARTER),
    ('{"x1": 0.1, "y1": 0.2, "x2": 0.5, "y2": 0.6}', QUARTER),
    ('{"x2": 0.5, "y2": 0.6, "x1": 0.1, "y1": 0.2}', QUARTER),
    ('{"bbox_2d": [100, 200, 500, 600], "label": "gato"}', QUARTER),
    ("x1=0,1 y1=0,2 x2=0,5 y2=0,6", QUARTER),
    ("[0, 0, 1, 1]", (0.0, 0.0, 1.0, 1.0)),
    ("[0,5, 0, 1, 0,25]", (0.5, 0.0, 1.0, 0.25)),
    ("[0.5, 0.2, 0.1, 0.6]", None),
    ("[0.1, 0.6, 0.5, 0.2]", None),
    ("[0.1, 0.2, 0.1, 0.6]", None),
    ("[-0.1, 0.2, 0.5, 0.6]", None),
    ("[0.1, 0.2, 0.5, 1.2]", None),
    ("[0, 0, 2000, 1000]", None),
    ("[0.1, 0.2, 0.5]", None),
    ("À esquerda.", None),
    ("", None),
]


@pytest.mark.parametrize(("text", "expected"), BOXES)
def test_box(text: str, expected: answers.Box | None) -> None:
    found = answers.box(text)
    assert found == (expected if expected is None else pytest.approx(expected))


QUOTED = [
    ("A palavra é «maçã».", "maçã"),
    ("Está escrito “bom dia”.", "bom dia"),
    ('Diz "ação" e mais nada.', "ação"),
    ("«» não, «sim»", "sim"),
    ("  maçã \n", "maçã"),
    ("Sem aspas.", "Sem aspas."),
    ("   ", None),
    ("", None),
]


@pytest.mark.parametrize(("text", "expected"), QUOTED)
def test_quoted(text: str, expected: str | None) -> None:
    assert answers.quoted(text) == expected


SIDES = [
    ("Está à esquerda do cão.", "esquerda"),
    ("Fica do lado direito.", "direita"),
    ("À direita.", "direita"),
    ("Em cima.", "cima"),
    ("Por cima da maçã.", "cima"),
    ("O gato está acima do cão.", "cima"),
    ("Em baixo.", "baixo"),
    ("Debaixo da mesa, à esquerda.", "baixo"),
    ("Não está à esquerda, está à direita.", "direita"),
    ("À esquerda, e não à direita.", "esquerda"),
    ("À esquerda ou à direita.", None),
    ("Em cima ou talvez em baixo.", None),
    ("Não está à esquerda.", None),
    ("Ao lado do cão.", None),
    ("", None),
]


@pytest.mark.parametrize(("text", "expected"), SIDES)
def test_side(text: str, expected: str | None) -> None:
    assert answers.side(text) == expected


NORMALIZED = [
    ("  Um   Gato. ", "gato"),
    ("É um autocarro!", "autocarro"),
    ("Isto é uma maçã", "maçã"),
    ("São os óculos", "óculos"),
    ("A", "a"),
    ("Água", "água"),
    ("guarda-chuva", "guarda-chuva"),
    ("bandeira: Portugal", "bandeira portugal"),
    ("pau-d’água (novo)", "pau-d’água novo"),
    ("1,5 litros", "1,5 litros"),
    ("Maça\u0303", "maçã"),
    ("", ""),
]


@pytest.mark.parametrize(("text", "expected"), NORMALIZED)
def test_normalize(text: str, expected: str) -> None:
    assert answers.normalize(text) == expected


@given(st.text())
def test_nothing_that_is_said_breaks_the_parsers(text: str) -> None:
    answers.letter(text, 4)
    answers.number(text)
    answers.yes_no(text)
    answers.side(text)
    found = answers.box(text)
    assert found is None or (0 <= found[0] < found[2] <= 1 and 0 <= found[1] < found[3] <= 1)
    assert answers.quoted(text) != ""
    answers.normalize(text)


ALL_NAMES = ("gato", "gato preto", "cão", "maçã", "maçã verde", "chuva", "guarda-chuva", "ônibus")
NAMED = [
    ("É um gato.", ("gato",), True),
    ("Gato", ("gato",), True),
    ("Vejo um gato preto.", ("gato preto",), True),
    ("Vejo um gato preto.", ("gato",), False),
    ("A imagem mostra uma MAÇÃ verde", ("maçã",), False),
    ("É um guarda-chuva.", ("chuva",), False),
    ("É um cão-guia.", ("cão",), False),
    ("São gatos.", ("gato",), False),
    ("É uma maca.", ("maçã",), False),
    ("É um ônibus.", ("autocarro",), False),
    ("É um autocarro.", ("autocarro",), True),
    ("É uma viatura.", ("autocarro", "viatura"), True),
    ("Não é um gato.", ("gato",), False),
    ("Não é um cão, é um gato.", ("gato",), True),
    ("", ("gato",), False),
]


@pytest.mark.parametrize(("text", "names", "expected"), NAMED)
def test_contains_name(text: str, names: tuple[str, ...], expected: bool) -> None:
    assert answers.contains_name(text, names, ALL_NAMES) is expected


def test_names_in_order_without_overlap() -> None:
    known = answers.known_names(ALL_NAMES)
    text = "À esquerda do gato preto está um cão, e não uma maçã verde."
    assert answers.names_in(text, known) == ["gato preto", "cão", "maçã verde"]


def test_names_to_choose_from() -> None:
    known = answers.known_names(ALL_NAMES)
    assert answers.alternatives("Um gato preto ou um cão.", known) == {"gato preto", "cão"}
    assert answers.alternatives("Um cão ou talvez uma maçã verde.", known) == {"cão", "maçã verde"}
    assert answers.alternatives("Um cão e um gato, ou seja, animais.", known) == set()
    assert answers.alternatives("Um gato, um cão.", known) == set()


def test_longest_name_gives_the_first_of_equally_long_ones() -> None:
    known = answers.known_names(["gato", "pato", "cão", "", "!"])
    assert answers.longest_name("Um cão, um pato e um gato.", known) == "pato"
    assert answers.longest_name("Uma casa.", known) is None
