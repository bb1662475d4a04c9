"""MME: pairs of questions, points by kind, and pairs that are not whole."""

import make
import numpy as np
import pytest

from amalia.evaluate.tasks.mme import TASK
from amalia.records import Sample

ROW = {
    "question_id": "count/1.png",
    "category": "count",
    "question": "Há dois cães na imagem?",
    "answer": "sim",
    "image": {"bytes": make.picture(), "path": None},
}


def test_a_row_is_a_question(samples_from) -> None:
    (row,) = samples_from(TASK, ROW)
    assert (
        row.record.prompt.turns[-1].text == "Há dois cães na imagem?\nResponde só com sim ou não."
    )
    assert (row.record.target, row.record.groups, row.record.unit) == (
        "sim",
        ("count",),
        "count/1.png",
    )


# Target, answer, worth, worth as published.
CASES = [
    ("sim", "Sim", 1, 1),
    ("sim", "Sim, há dois.", 1, 1),
    ("sim", "A resposta é sim.", 1, 0),
    ("sim", "Simão está na imagem.", 0, 1),
    ("não", "Não.", 1, 1),
    ("não", "Nos dois cães", 0, 1),
    ("não", "É falso.", 1, 0),
    ("não", "", 0, 0),
]


@pytest.mark.parametrize(("target", "answer", "right", "published"), CASES)
def test_scores(target: str, answer: str, right: float, published: float) -> None:
    sample = make.sample(target=target).record
    assert TASK.score(answer, sample).value == right
    assert TASK.published.score(answer, sample).value == published


def question(category: str, picture: str, target: str) -> Sample:
    return make.sample(target=target, groups=(category,), cluster=picture).record


def figures(metrics, score, asked: list[tuple[str, str, str, str]]) -> dict[str, float]:
    """Compute pooled figures of (kind, picture, target, answer)."""
    samples = [question(*item[:3]) for item in asked]
    scores = [score(item[3], sample) for item, sample in zip(asked, samples, strict=True)]
    return {
        metric.name: float(metric.combine(np.sum(metric.statistics(scores, samples), axis=0)))
        for metric in metrics
        if hasattr(metric, "combine")
    }


WHOLE = [
    # count: one picture with both right (200), one with one right (50); position: none right.
    ("count", "1", "sim", "sim"),
    ("count", "1", "não", "não"),
    ("count", "2", "sim", "não"),
    ("count", "2", "não", "não"),
    ("position", "1", "sim", "não"),
    ("position", "1", "não", "sim"),
    ("code_reasoning", "1", "não", "não"),
    ("code_reasoning", "1", "sim", "sim"),
]


def test_points_are_added_up_over_kinds() -> None:
    found = figures(TASK.metrics, TASK.score, WHOLE)
    assert found == {"perception": 125.0, "cognition": 200.0, "pairs_left_out": 0.0}
    assert figures(TASK.published.metrics, TASK.published.score, WHOLE) == {
        "mme_perception_score": 125.0,
        "mme_cognition_score": 200.0,
    }


def test_pairs_that_are_not_whole_are_left_out_and_counted() -> None:
    asked = [*WHOLE, ("count", "3", "sim", "não"), *[("OCR", "9", "sim", "sim")] * 3]
    found = figures(TASK.metrics, TASK.score, asked)
    assert np.isnan(found["perception"])
    assert (found["cognition"], found["pairs_left_out"]) == (200.0, 2.0)
    published = figures(TASK.published.metrics, TASK.published.score, asked)
    assert published["mme_perception_score"] == 125.0
    assert figures(TASK.metrics, TASK.score, [*WHOLE, asked[-4]])["perception"] == 125.0


def test_a_sum_without_questions_is_undefined() -> None:
    assert np.isnan(figures(TASK.metrics, TASK.score, WHOLE[:2])["cognition"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"category": "cores"},
            "has the category 'cores'; expected one of existence, count, position",
        ),
        ({"answer": "dois"}, "has the answer 'dois'; expected sim or não"),
        ({"question_id": None}, "has no 'question_id'; expected a value"),
    ],
)
def test_rows_that_are_wrong(samples_from, change: dict, message: str) -> None:
    (failed,) = samples_from(TASK, ROW | change)
    assert failed.message.startswith(f"task mme, row 0 {message}")
