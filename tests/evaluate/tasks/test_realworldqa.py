"""RealWorldQA: letters, numbers and a few words."""

import make
import pytest

from amalia.evaluate.tasks.realworldqa import TASK

QUESTION = (
    "Que carro está mais perto?\n\nA. O vermelho\nB. O azul\nC. O preto\nResponde só com a letra."
)
ROW = {"question": QUESTION, "answer": "B", "image": {"bytes": make.picture(), "path": None}}


def test_a_row_is_a_question_that_says_how_to_answer(samples_from) -> None:
    (row,) = samples_from(TASK, ROW)
    assert row.record.prompt.turns[-1].text == QUESTION
    assert (row.record.target, row.record.choices) == ("B", ("A", "B", "C"))
    assert row.record.groups == ("letra",)


def test_other_questions_have_no_options(samples_from) -> None:
    (row,) = samples_from(TASK, ROW | {"question": "Quantos carros há?", "answer": "2"})
    assert (row.record.target, row.record.choices, row.record.groups) == ("2", (), ("livre",))


# Target, answer, worth, worth as published.
CASES = [
    ("B", "B", 1, 1),
    ("B", "b", 1, 0),
    ("B", "B. O azul", 1, 1),
    ("B", "A resposta é B.", 1, 0),
    ("A", "A resposta é B.", 0, 1),
    ("A", "A imagem não mostra.", 0, 1),
    ("B", "É a B.", 1, 1),
    ("B", "", 0, 0),
    ("2", "2", 1, 1),
    ("2", "2.", 1, 1),
    ("2", "dois", 1, 0),
    ("2", "Há 2 carros.", 1, 0),
    ("2", "3", 0, 0),
    ("Sim", "sim", 1, 1),
    ("Sim", "Sim, está.", 1, 0),
    ("Sim", "Não.", 0, 0),
    ("A descer", "a descer.", 1, 1),
    ("Esquerda", "À esquerda.", 1, 0),
    ("Esquerda", "Esquerda ou direita", 0, 0),
    ("Esquerda", "Está à esquerda do carro, não à direita.", 1, 0),
    ("Esquerda", "Não está à esquerda, está à direita.", 0, 0),
    ("Cão", "É um cão e não um gato.", 1, 0),
    ("Cão", "Não é um gato, é um cão.", 1, 0),
    ("Sim", "Claro.", 1, 0),
    ("Não", "De modo nenhum.", 1, 0),
    ("2", "Não são 3, são 2.", 1, 0),
    ("B", "Não é a A, é a B.", 1, 1),
    ("A", "Não é a A.", 0, 1),
]


@pytest.mark.parametrize(("target", "answer", "right", "published"), CASES)
def test_scores(samples_from, target: str, answer: str, right: float, published: float) -> None:
    (row,) = samples_from(TASK, ROW | {"answer": target})
    assert TASK.score(answer, row.record).value == right
    assert TASK.published.score(answer, row.record).value == published


def test_the_published_scoring_says_which_rule_was_used(samples_from) -> None:
    (row,) = samples_from(TASK, ROW)
    score = TASK.published.score("A resposta é B.", row.record)
    assert (score.answer, score.note) == ("A", "the letter begins the answer")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"answer": None}, "has no 'answer'; expected a value"),
        ({"image": None}, "has no picture in 'image'; expected its bytes"),
    ],
)
def test_rows_that_are_wrong(samples_from, change: dict, message: str) -> None:
    (failed,) = samples_from(TASK, ROW | change)
    assert failed.message == f"task realworldqa, row 0 {message}"
