"""EmbSpatial-Bench: options with brackets, and the letter with which an answer begins."""

import make
import pytest

from amalia.evaluate.tasks.embspatial import TASK

ROW = {
    "question_id": "mp3d_0",
    "question": "Onde está a cadeira em relação à mesa?",
    "answer_options": ["à esquerda", "à direita", "por cima", "por baixo"],
    "answer": 2,
    "relation": "above",
    "data_source": "mp3d",
    "image": {"bytes": make.picture(), "path": None},
}


def test_a_row_is_a_question(samples_from) -> None:
    (row,) = samples_from(TASK, ROW)
    assert row.record.prompt.turns[-1].text == (
        "Onde está a cadeira em relação à mesa?\nA) à esquerda\nB) à direita\nC) por cima\nD) por baixo\n"
        "Responde só com a letra da opção certa."
    )
    assert (row.record.target, row.record.groups) == ("C", ("relation:above", "source:mp3d"))


# Answer, worth and worth as published where C is right.
CASES = [
    ("C", 1, 1),
    ("c", 1, 1),
    ("(C) por cima", 1, 1),
    ("C) por cima", 1, 1),
    ("A resposta é C.", 1, 0),
    ("Creio que é a B.", 0, 1),
    ("Cadeira", 0, 1),
    ("Resposta: C", 1, 0),
    ("**C**", 1, 0),
    ("", 0, 0),
]


@pytest.mark.parametrize(("answer", "right", "published"), CASES)
def test_scores(answer: str, right: float, published: float) -> None:
    sample = make.sample(target="C", choices=("A", "B", "C", "D")).record
    assert TASK.score(answer, sample).value == right
    assert TASK.published.score(answer, sample).value == published


def test_published_sources_count_their_own_samples(samples_from) -> None:
    (row,) = samples_from(TASK, ROW)
    score = TASK.published.score("C", row.record)
    assert {
        metric.name: metric.measure(score, row.record) for metric in TASK.published.metrics
    } == {
        "embspatial_acc": 1.0,
        "ai2thor_accuracy": None,
        "mp3d_accuracy": 1.0,
        "scannet_accuracy": None,
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"answer": 4},
            "has the answer '4' in 'answer'; expected one of its 4 options: 0 to 3 or A to D",
        ),
        ({"relation": None}, "has no 'relation'; expected a value"),
        ({"image": None}, "has no picture in 'image'; expected its bytes"),
    ],
)
def test_rows_that_are_wrong(samples_from, change: dict, message: str) -> None:
    (failed,) = samples_from(TASK, ROW | change)
    assert failed.message == f"task embspatial, row 0 {message}"
