"""What an answer says apart from what stands around it: tables of Portuguese cases."""

import pytest

from amalia.evaluate import answers

REASONING = [
    ("Lisboa", "Lisboa"),
    ("<think>É o Porto? Não.</think>Lisboa", "Lisboa"),
    ("<think>\nLeio o letreiro.\n</think>\n\nLisboa\n", "Lisboa"),
    ("<reasoning>Conto três.</reasoning> 3", "3"),
    ("<|channel>thought\nVejo um gato.<channel|>É um gato.", "É um gato."),
    ("<think>a</think>É <think>b</think>o Porto", "É o Porto"),
    # The template has opened the block, so only its end is there.
    ("Primeiro vejo a placa.</think>Rua Augusta", "Rua Augusta"),
    ("um</think>dois</think>três", "três"),
    ("<think>a <think>b</think> c</think>Faro", "Faro"),
    # Cut off while thinking: no answer.
    ("<think>Deixa-me ver com atenção", ""),
    ("Antes.<reasoning>Depois", "Antes."),
    ("", ""),
]


@pytest.mark.parametrize(("text", "expected"), REASONING)
def test_reasoning_is_no_part_of_an_answer(text: str, expected: str) -> None:
    assert answers.without_reasoning(text) == expected
    assert answers.without_reasoning(expected) == expected


STATED = [
    ("Lisboa", "Lisboa"),
    ("  Lisboa.\n", "Lisboa."),
    ("A resposta é Lisboa", "Lisboa"),
    ("A resposta é Lisboa.", "Lisboa."),
    ("A resposta correta é: 12 de maio", "12 de maio"),
    ("Resposta: 1,5 %", "1,5 %"),
    ("Resposta final: **Nazaré**", "Nazaré"),
    ("**Nazaré**.", "Nazaré."),
    ("«Rua Augusta»", "Rua Augusta"),
    ("“Rua Augusta”.", "Rua Augusta"),
    ("O letreiro diz «Rua Augusta».", "Rua Augusta"),
    ('O título é "Relatório Anual"', "Relatório Anual"),
    ('A resposta é "Relatório Anual".', "Relatório Anual"),
    ("Texto: «Aberto»", "Aberto"),
    # It is not plain what the answer is: nothing is taken away.
    ("O «Diário de Notícias» de 1990", "O «Diário de Notícias» de 1990"),
    ("«Sim» e «não»", "«Sim» e «não»"),
    ('5" x 7"', '5" x 7"'),
    ('18"', '18"'),
    ("«»", "«»"),
    ("A resposta é longa.\nSão duas linhas.", "A resposta é longa.\nSão duas linhas."),
    ("A resposta dele é boa", "A resposta dele é boa"),
    ("Respostas: 3", "Respostas: 3"),
    ("É Lisboa.", "É Lisboa."),
    ("", ""),
]


OPENED = [
    ("É Lisboa.", "Lisboa"),
    ("É a cidade", "cidade"),
    ("No Brasil.", "Brasil"),
    ("Foi em 2015", "2015"),
    ("Foi no Brasil", "Brasil"),
    ("Trata-se do Porto.", "Porto"),
    ("Chama-se Maria", "Maria"),
    ("Isto é um gato", "gato"),
    ("O", "O"),
    ("Nazaré", "Nazaré"),
    ("Embora não", "Embora não"),
    ("", ""),
]


@pytest.mark.parametrize(("text", "expected"), OPENED)
def test_how_an_answer_begins_does_not_matter(text: str, expected: str) -> None:
    assert answers.without_opening(text) == expected


@pytest.mark.parametrize(("text", "expected"), STATED)
def test_what_is_stated(text: str, expected: str) -> None:
    assert answers.stated(text) == expected
