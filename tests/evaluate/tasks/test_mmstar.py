"""MMStar: options inside the question, and a mean over abilities."""

import make
import numpy as np
import pytest

from amalia.evaluate.tasks.mmstar import CATEGORIES, LETTERS, TASK

ROW = {
    "index": 3,
    "question": "Que cor domina?\nOpções: A: azul, B: verde, C: cinzento, D: preto",
    "answer": "C",
    "category": "coarse perception",
    "l2_category": "image style & quality",
    "image": {"bytes": make.picture(), "path": None},
}


def test_a_row_is_a_question(samples_from) -> None:
    (row,) = samples_from(TASK, ROW)
    assert row.record.prompt.turns[-1].text == (
        "Que cor domina?\nOpções: A: azul, B: verde, C: cinzento, D: preto\n"
        "Responde só com a letra da opção certa."
    )
    assert (row.record.target, row.record.choices) == ("C", LETTERS)
    assert row.record.groups == ("category:coarse perception", "ability:image style & quality")


# Target, answer, worth, worth as published.
CASES = [
    ("B", "B", 1, 1),
    ("B", "b) verde", 1, 1),
    ("B", "(B) verde", 1, 1),
    ("B", "A resposta é B.", 1, 1),
    ("A", "A resposta é B.", 0, 1),
    ("B", "A resposta é a B", 1, 1),
    ("A", "A resposta é a B", 0, 1),
    ("B", "A resposta correta é B.", 1, 0),
    ("A", "A imagem é verde.", 0, 1),
    ("C", "Cinzento.", 0, 1),
    ("B", "Opção B", 1, 1),
    ("B", "Resposta: B", 1, 1),
    ("B", "É a B.", 1, 0),
    ("B", "(", 0, 0),
    ("B", "", 0, 0),
]


@pytest.mark.parametrize(("target", "answer", "right", "published"), CASES)
def test_scores(target: str, answer: str, right: float, published: float) -> None:
    sample = make.sample(target=target, choices=LETTERS).record
    assert TASK.score(answer, sample).value == right
    assert TASK.published.score(answer, sample).value == published


def test_every_ability_weighs_alike() -> None:
    # Two abilities of one category, one of another: means 0.5, 1 and 0.
    rows = [("math", "geometry", 1), ("math", "geometry", 0), ("math", "statistical reasoning", 1)]
    rows += [("coarse perception", "image emotion", 0)]
    samples = [
        make.sample(
            target="B", choices=LETTERS, groups=(f"category:{category}", f"ability:{ability}")
        ).record
        for category, ability, _ in rows
    ]
    scores = [
        TASK.published.score("B" if right else "C", sample)
        for sample, (_, _, right) in zip(samples, rows, strict=True)
    ]
    found = {
        metric.name: float(metric.combine(np.sum(metric.statistics(scores, samples), axis=0)))
        for metric in TASK.published.metrics
    }
    assert list(found) == [*CATEGORIES, "average"]
    assert (found["math"], found["coarse perception"], found["average"]) == (0.75, 0.0, 0.5)
    assert np.isnan(found["logical reasoning"])
    assert TASK.metric_names == ("average", "accuracy")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"answer": "E"},
            "has the answer 'E' in 'answer'; expected one of its 4 options: 0 to 3 or A to D",
        ),
        ({"l2_category": None}, "has no 'l2_category'; expected a value"),
        ({"image": None}, "has no picture in 'image'; expected its bytes"),
    ],
)
def test_rows_that_are_wrong(samples_from, change: dict, message: str) -> None:
    (failed,) = samples_from(TASK, ROW | change)
    assert failed.message == f"task mmstar, row 0 {message}"
