"""Tasks on drawn pictures: what is denied is not said, and one thing or another is no answer."""

import pytest

from amalia.evaluate import mini_tasks

TASKS = {task.name: task for task in mini_tasks(("gato", "cão", "autocarro", "camioneta", "maçã"))}
# Task, right, answer, worth; None where nothing can be read.
CASES = [
    ("chart", "azul", "Não é a vermelha, é a azul.", 1),
    ("chart", "azul", "A azul, não a vermelha.", 1),
    ("chart", "azul", "A vermelha não é; é a azul.", 1),
    ("chart", "azul", "Não é a vermelha, mas sim a azul.", 1),
    ("chart", "azul", "É a vermelha e não a azul.", 0),
    ("chart", "azul", "Não é a azul.", None),
    ("chart", "azul", "A azul ou a vermelha.", None),
    ("chart", "vermelha", "A vermelha ou vermelho.", 1),
    ("chart", "7", "Não vale 6, vale 7.", 1),
    ("naming", "cão", "Não é um gato, é um cão.", 1),
    ("naming", "cão", "É um cão e não um gato.", 1),
    ("naming", "cão", "Não é um gato, mas sim um cão.", 1),
    ("naming", "gato", "Não é um gato, é um cão.", 0),
    ("naming", "cão", "Não é um cão.", None),
    ("naming", "cão", "Um cão ou um gato.", None),
    ("naming", "cão", "Um gato ou uma maçã.", None),
    ("position", "à direita", "Não está à esquerda, está à direita.", 1),
    ("position", "à direita", "À direita, não à esquerda.", 1),
    ("position", "à esquerda", "Não está à esquerda, está à direita.", 0),
    ("position", "à direita", "Não está à direita.", None),
    ("position", "à direita", "À esquerda ou à direita.", None),
    ("position", "cão", "Não é um gato, é um cão.", 1),
    ("position", "cão", "Um cão ou um gato.", None),
    ("counting", "4", "Não são 3, são 4.", 1),
    ("counting", "3", "Não são 3, são 4.", 0),
    ("counting", "3", "3 ou 4", None),
    ("counting", "6", "Meia dúzia.", 1),
    ("yes_no", "sim", "É verdade.", 1),
    ("yes_no", "não", "De modo nenhum.", 1),
    ("yes_no", "sim", "Talvez.", None),
]


@pytest.mark.parametrize(("task", "target", "answer", "worth"), CASES)
def test_scores(make_row, task: str, target: str, answer: str, worth: float | None) -> None:
    found = TASKS[task].score(answer, make_row(task=task, target=target).record)
    assert (found.value if found.readable else None) == worth


def test_two_names_of_one_thing_are_no_choice(make_row) -> None:
    sample = make_row(task="naming", target="autocarro", accepted=("camioneta",)).record
    assert TASKS["naming"].score("Um autocarro ou camioneta.", sample).value == 1


def test_what_changed_is_counted() -> None:
    versions = {name: TASKS[name].version for name in ("chart", "counting", "naming", "position")}
    assert versions == {"chart": 2, "counting": 2, "naming": 2, "position": 2}
