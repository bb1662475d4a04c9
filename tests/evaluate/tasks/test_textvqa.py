"""TextVQA: what ten people said, compared in Portuguese and as published."""

import make
import pytest

from amalia.evaluate.tasks import textvqa
from amalia.evaluate.tasks.textvqa import TASK

PEOPLE = ["Nike", "Nike", "nike", "a Nike", "Nike.", "sapatos", "Adidas", "Nike", "Nike", "Puma"]
ROW = {
    "question": "Qual é a marca da Maria?",
    "answers": PEOPLE,
    "question_id": 34602,
    "image": {"bytes": make.picture(), "path": None},
}


def test_a_row_is_a_question(samples_from) -> None:
    (row,) = samples_from(TASK, ROW)
    assert row.record.prompt.turns[-1].text == (
        "Qual é a marca da Maria?\n"
        "Responde só com a palavra ou expressão pedida. Se a imagem não chegar, diz «Sem resposta»."
    )
    assert row.record.id == "textvqa/34602"
    assert row.record.target == "Nike"
    assert sorted(row.record.targets) == sorted(PEOPLE)


COMPARABLE = [
    ("O Carro.", "carro"),
    ("três", "3"),
    ("Uma", "1"),
    ("uma casa", "casa"),
    ("vitamina A", "vitamina a"),
    ("1,5", "1.5"),
    ("1.234", "1234"),
    ("Sem resposta", "sem resposta"),
    ("Não sei.", "sem resposta"),
    ("Não é possível ler o letreiro.", "sem resposta"),
    ("Não", "não"),
    ("vê-o", "vê-o"),
]


@pytest.mark.parametrize(("text", "expected"), COMPARABLE)
def test_what_does_not_matter_in_portuguese_goes(text: str, expected: str) -> None:
    assert textvqa.comparable(text) == expected
    assert textvqa.comparable(expected) == expected


# How many of ten say it, how they say it, what the others say, the answer, worth, worth as published.
CASES = [
    (10, "Nike", "Puma", "Nike", 1, 1),
    (10, "Nike", "Puma", "A resposta é Nike.", 1, 0),
    (3, "Nike", "Puma", "Nike", 0.9, 0.9),
    (2, "Nike", "Puma", "nike", 0.6, 0.6),
    (1, "Nike", "Puma", "Nike", 0.3, 0.3),
    (0, "Nike", "Puma", "Nike", 0, 0),
    (10, "carro", "Puma", "O carro", 1, 0),
    (10, "casa", "Puma", "a casa", 1, 1),
    (10, "3", "Puma", "três", 1, 0),
    (10, "3", "Puma", "three", 0, 1),
    (10, "1,5", "Puma", "1.5", 1, 0),
    (10, "1,5", "Puma", "15", 0, 1),
    (10, "Sem resposta", "Puma", "Não sei.", 1, 0),
    (10, "dont", "Puma", "don't", 0, 1),
    (10, "sim", "Puma", "É verdade.", 1, 0),
    (10, "não", "Puma", "De modo nenhum.", 1, 0),
    (10, "sim", "Puma", "Nem por isso.", 0, 0),
    (8, "sim", "não", "Claro.", 1, 0),
    (8, "sim", "Puma", "É verdade.", 0, 0),
]


@pytest.mark.parametrize(("num", "said", "others", "answer", "right", "published"), CASES)
def test_scores(
    num: int, said: str, others: str, answer: str, right: float, published: float
) -> None:
    people = [said] * num + [others] * (10 - num)
    sample = make.sample(target=people[0], accepted=tuple(people[1:])).record
    assert TASK.score(answer, sample).value == pytest.approx(right)
    assert TASK.published.score(answer, sample).value == pytest.approx(published)


def test_nothing_said_is_unreadable() -> None:
    assert not TASK.score(" . ", make.sample(target="Nike", accepted=("Nike",) * 9).record).readable


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"answers": ["Nike", "Nike"]},
            "has the answers of 2 people in 'answers'; expected those of ten, at least 4",
        ),
        ({"answers": None}, "has no 'answers'; expected a value"),
        ({"image": b""}, "has no picture in 'image'; expected its bytes"),
    ],
)
def test_rows_that_are_wrong(samples_from, change: dict, message: str) -> None:
    (failed,) = samples_from(TASK, ROW | change)
    assert failed.message == f"task textvqa, row 0 {message}"
