"""Short answers in one's own words: numbers by value, yes and no, and words that name one thing."""

import make
import pytest

from amalia.evaluate import open_answers

TOWER = "Torre de Belém"
CASES = [
    (TOWER, "torre de belém", True),
    (TOWER, "«Torre de Belém».", True),
    (TOWER, "É a Torre de Belém, em Lisboa.", True),
    (TOWER, "O monumento da imagem é a Torre de Belém.", True),
    (TOWER, "Torre de Belém (Lisboa)", True),
    (TOWER, "Talvez a Torre de Belém.", True),
    (TOWER, "Torre Belém", True),
    (TOWER, "Belém", False),
    (TOWER, "Torre de Belem", False),
    (TOWER, "Torre de Belém, Castelo de Almourol", False),
    (TOWER, "Castelo de Almourol, Torre de Belém", False),
    (TOWER, "Torre de Belém ou Castelo de Almourol", False),
    (TOWER, "A Torre de Belém e o Padrão dos Descobrimentos", False),
    (TOWER, "Torre de Belém / Sé", False),
    (TOWER, "Não é a Torre de Belém.", False),
    (TOWER, "Pode ser um castelo, uma torre, a Torre de Belém", False),
    (TOWER, "Uma torre branca muito antiga chamada Torre de Belém", False),
    ("São Pedro e São Paulo", "Igreja de São Pedro e São Paulo", True),
    ("Bacalhau à Brás", "Trata-se do bacalhau à Brás, da cozinha portuguesa.", True),
    ("A", "A", True),
    ("A", "E", False),
    ("Esquerda", "Para a esquerda.", True),
    ("Esquerda", "À esquerda e à direita", False),
    ("Esquerda", "Está à esquerda do carro, não à direita.", True),
    ("cão", "É um cão e não um gato.", True),
    ("cão", "Não é um gato, mas sim um cão.", True),
    ("vermelho", "O carro não é azul, é vermelho.", True),
    ("azul", "O carro não é azul, é vermelho.", False),
    (TOWER, "Não há dúvida: é a Torre de Belém.", True),
    (TOWER, "Em vez da Sé, é a Torre de Belém.", True),
    ("Não entrar", "Não entrar", True),
    ("Lisboa", "Universidade de Lisboa", False),
    ("Lisboa", "É a Câmara Municipal de Lisboa.", False),
    ("Lisboa", "É a cidade de Lisboa.", True),
    ("Universidade de Lisboa", "A Universidade de Lisboa.", True),
    ("Jerónimos", "Mosteiro dos Jerónimos", True),
    ("Sim", "Sim, há dois.", True),
    ("Sim", "É verdade.", True),
    ("Não", "Nem por isso.", True),
    ("Sim", "Não.", False),
    ("Não", "Não há nenhum.", True),
    ("2", "dois", True),
    ("2", "São 2 carros.", True),
    ("2", "São 3 carros.", False),
    ("2", "Não sei.", False),
    ("2", "Não são 3, são 2.", True),
    ("2", "2 ou 3", False),
    ("dois", "2", True),
    ("12.5", "12,5", True),
    ("12.5", "12,6", False),
    ("0.004", "0,001", False),
    ("0", "0,001", False),
    ("1/8", "0,125", True),
    ("1/8", "1/8", True),
    ("5 kg", "São 5 kg.", True),
    ("5 kg", "6 kg", False),
]


@pytest.mark.parametrize(("target", "text", "right"), CASES)
def test_what_is_right(target: str, text: str, right: bool) -> None:
    assert open_answers.is_right(text, [target]) is right


def test_one_of_several_right_answers_is_enough() -> None:
    assert open_answers.is_right("Lisboa", ["Porto", "Lisboa"])


@pytest.mark.parametrize(
    ("text", "value", "answer"),
    [
        ("A resposta é «Lisboa».", 1.0, "Lisboa"),
        ("Porto", 0.0, "Porto"),
        ("  ", 0.0, ""),
        ("...", 0.0, ""),
    ],
)
def test_what_is_stated_is_scored(text: str, value: float, answer: str) -> None:
    score = open_answers.score(text, make.sample(target="Lisboa").record)
    assert (score.value, score.answer, score.readable) == (value, answer, bool(answer))
