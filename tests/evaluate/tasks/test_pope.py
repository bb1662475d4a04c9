"""POPE: yes and no, and what the published program counts."""

import make
import numpy as np
import pytest

from amalia.evaluate.tasks.pope import TASK

ROW = {
    "question": "Há um gato na imagem?",
    "answer": "sim",
    "question_id": "1",
    "image": {"bytes": make.picture(), "path": None},
}


@pytest.mark.parametrize("answer", ["sim", "Sim", "yes", "Sim."])
def test_a_row_is_a_question(samples_from, answer: str) -> None:
    (row,) = samples_from(TASK, ROW | {"answer": answer, "category": "popular"})
    assert row.record.prompt.turns[-1].text == "Há um gato na imagem?\nResponde só com sim ou não."
    assert (row.record.target, row.record.groups) == ("sim", ("popular",))


# Answer, worth and worth as published where yes is right.
CASES = [
    ("Sim", 1, 1),
    ("sim, há um gato.", 1, 1),
    ("yes", 1, 1),
    ("S", 0, 1),
    ("«Sim»", 1, 0),
    ("Há.", 1, 0),
    ("Claro que sim.", 1, 0),
    ("Não.", 0, 0),
    ("Talvez", 0, 0),
    ("", 0, 0),
]


@pytest.mark.parametrize(("answer", "right", "published"), CASES)
def test_scores(answer: str, right: float, published: float) -> None:
    sample = make.sample(target="sim").record
    assert TASK.score(answer, sample).value == right
    assert TASK.published.score(answer, sample).value == published


def figures(metrics, score, pairs: list[tuple[str, str]]) -> dict[str, float]:
    samples = [make.sample(target=target).record for target, _ in pairs]
    scores = [score(text, sample) for sample, (_, text) in zip(samples, pairs, strict=True)]
    return {
        metric.name: round(
            float(metric.combine(np.sum(metric.statistics(scores, samples), axis=0))), 4
        )
        for metric in metrics
        if hasattr(metric, "combine")
    }


def test_unreadable_answers_count_in_our_recall_but_not_in_the_published_one() -> None:
    pairs = [("sim", "sim"), ("sim", "não"), ("sim", "um gato"), ("não", "sim"), ("não", "não")]
    assert figures(TASK.metrics, TASK.score, pairs) == {
        "precision": 0.5,
        "recall": 0.3333,
        "f1": 0.4,
        "yes_share": 0.4,
    }
    assert figures(TASK.published.metrics, TASK.published.score, pairs) == {
        "pope_accuracy": 0.4,
        "pope_precision": 0.5,
        "pope_recall": 0.5,
        "pope_f1_score": 0.5,
        "pope_yes_ratio": 0.6,
    }


def test_nothing_by_nothing_is_zero_as_published() -> None:
    found = figures(TASK.published.metrics, TASK.published.score, [("não", "não")])
    assert found == {
        "pope_accuracy": 1.0,
        "pope_precision": 0.0,
        "pope_recall": 0.0,
        "pope_f1_score": 0.0,
        "pope_yes_ratio": 0.0,
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"answer": "talvez"}, "has the answer 'talvez'; expected sim or não"),
        ({"image": None}, "has no picture in 'image'; expected its bytes"),
    ],
)
def test_rows_that_are_wrong(samples_from, change: dict, message: str) -> None:
    (failed,) = samples_from(TASK, ROW | change)
    assert failed.message == f"task pope, row 0 {message}"
