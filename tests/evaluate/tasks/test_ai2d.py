"""AI2D: letters in Portuguese sentences, and options that are numbers."""

import make
import pytest

from amalia.evaluate.tasks.ai2d import TASK

ROW = {
    "question": "O que come a coruja?",
    "options": ["ratos", "erva", "água", "pedras"],
    "answer": "0",
    "image": {"bytes": make.picture(), "path": None},
}


def test_a_row_is_a_question(samples_from) -> None:
    (row,) = samples_from(TASK, ROW)
    assert row.record.prompt.turns[-1].text == (
        "O que come a coruja?\nA. ratos\nB. erva\nC. água\nD. pedras\n"
        "Responde só com a letra da opção certa."
    )
    assert (row.record.target, row.record.choices) == ("A", ("A", "B", "C", "D"))
    assert len(row.record.prompt.images) == 1


@pytest.mark.parametrize("options", [["3", "1", "0", "2"], "['3', '1', '0', '2']"])
def test_the_answer_is_a_place_even_among_numbers(samples_from, options: object) -> None:
    (row,) = samples_from(TASK, ROW | {"options": options, "answer": 1})
    assert row.record.target == "B"


# Answer, worth and worth as published where B is right.
CASES = [
    ("B", 1, 1),
    ("B.", 1, 1),
    ("b", 1, 1),
    ("(B)", 1, 1),
    ("B) erva", 1, 0),
    ("B. erva", 1, 1),
    ("A resposta é B.", 1, 1),
    ("A resposta correta é: B", 1, 1),
    ("A resposta correta é a B", 1, 1),
    ("A resposta certa é B.", 1, 0),
    ("A opção A está errada. A resposta é B.", 1, 0),
    ("É a B.", 1, 0),
    ("Resposta: A", 0, 0),
    ("A resposta é a mais longa.", 0, 0),
    ("A letra B", 1, 1),
    ("A e B", 0, 0),
    ("", 0, 0),
]


@pytest.mark.parametrize(("answer", "right", "published"), CASES)
def test_scores(answer: str, right: float, published: float) -> None:
    sample = make.sample(target="B", choices=("A", "B", "C", "D")).record
    assert TASK.score(answer, sample).value == right
    assert TASK.published.score(answer, sample).value == published


def test_the_published_scoring_says_which_rule_was_used() -> None:
    sample = make.sample(target="B", choices=("A", "B")).record
    score = TASK.published.score("A letra a maiúscula", sample)
    assert (score.answer, score.note) == ("A", "a letter stands behind a noun such as «resposta»")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"answer": 4},
            "has the answer '4' in 'answer'; expected one of its 4 options: 0 to 3 or A to D",
        ),
        ({"answer": None}, "has no 'answer'; expected a value"),
        (
            {"options": ["ratos"]},
            "has 1 options in 'options' (['ratos']); expected a list of 2 to 26",
        ),
        ({"image": None}, "has no picture in 'image'; expected its bytes"),
    ],
)
def test_rows_that_are_wrong(samples_from, change: dict, message: str) -> None:
    (failed,) = samples_from(TASK, ROW | change)
    assert failed.message == f"task ai2d, row 0 {message}"
