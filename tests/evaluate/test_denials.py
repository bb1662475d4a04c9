"""What is left of an answer without what it denies."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalia.evaluate import answers

AFFIRMED = [
    ("Não é um gato, é um cão.", ", é um cão."),
    ("É um cão e não um gato.", "É um cão ."),
    ("É um cão, não um gato.", "É um cão ."),
    ("Não está à esquerda, está à direita.", ", está à direita."),
    ("Está à esquerda do carro, não à direita.", "Está à esquerda do carro ."),
    ("Não é a vermelha, é a azul.", ", é a azul."),
    ("A vermelha não é a mais alta; é a azul.", "; é a azul."),
    ("A vermelha não, a azul sim.", ", a azul sim."),
    ("Não é um gato mas sim um cão.", "um cão."),
    ("Não é um gato, mas sim um cão.", "um cão."),
    ("Não é um gato, mas um cão.", "um cão."),
    ("Não é um gato e sim um cão.", "um cão."),
    ("Não é um gato. É um cão.", ". É um cão."),
    ("Não, é um cão.", ", é um cão."),
    ("Não é um gato nem um pato, é um cão.", ", é um cão."),
    ("Nem gato nem pato: é um cão.", ": é um cão."),
    ("Em vez de um gato, vejo um cão.", ", vejo um cão."),
    ("É um cão, em vez de um gato.", "É um cão ."),
    ("Não há dúvida de que é um cão.", "é um cão."),
    ("Sem dúvida que é um cão.", "Sem dúvida que é um cão."),
    ("Não tenho dúvidas: é um cão.", ": é um cão."),
    ("Não é senão um cão.", "um cão."),
    ("Não só é um cão, como é preto.", "Não só é um cão, como é preto."),
    ("É um gato que não está a dormir.", "É um gato que ."),
    ("Um gato não muito grande.", "Um gato ."),
    ("É um gato, não é?", "É um gato ?"),
    ("É um gato? Não, é um cão.", ", é um cão."),
    ("É um gato?", "É um gato?"),
    ("Parece um gato, mas é um cão.", "é um cão."),
    ("Parece um gato, mas não tenho a certeza.", "Parece um gato ."),
    ("Não sei se é um gato.", "."),
    ("Não creio que esteja à esquerda; está à direita.", "; está à direita."),
    ("Não são 3, são 4.", ", são 4."),
    ("Não são 3,5, são 4,5.", ", são 4,5."),
    ("São 4 e não 3.", "São 4 ."),
    ("Não é à esquerda é à direita.", "é à direita."),
    ("Contei 3, mas na verdade são 4.", "na verdade são 4."),
    ("Não há mais de 3 gatos.", "Não há mais de 3 gatos."),
    ("Ao contrário do gato, o cão está à direita.", ", o cão está à direita."),
    ("O cão não está à esquerda do gato, mas à direita.", "à direita."),
    ("Não está à esquerda mas à direita.", "à direita."),
    ("À direita (não à esquerda).", "À direita ( )."),
    ("Não é preto e é azul", "e é azul"),
    ("O gato está à esquerda porque o cão não está.", "O gato está à esquerda porque ."),
    ("Não é azul. Não é verde. É vermelha.", ". . É vermelha."),
    ("Não é a azul nem a verde, mas a vermelha.", "a vermelha."),
    ("Não passa de um cão.", "Não passa de um cão."),
    ("Isto não é um gato: é um cão.", ": é um cão."),
    ("O animal da imagem não é um gato, é um cão.", ", é um cão."),
    ("Não se trata de um gato, trata-se de um cão.", ", trata-se de um cão."),
    ("Não me parece um gato; parece-me um cão.", "; parece-me um cão."),
    ("Não diria que é um gato, mas sim um cão.", "um cão."),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), AFFIRMED)
def test_what_is_denied_goes(text: str, expected: str) -> None:
    left = answers.affirmed(text)
    assert " ".join(left.split()) == expected
    assert len(left) == len(text)


@given(st.text())
def test_nothing_that_is_said_breaks_it(text: str) -> None:
    answers.affirmed(text)
