"""RefCOCO grounding: one question a phrase, boxes in fractions, and what the published program reads as a box."""

import make
import pytest

from amalia.evaluate.tasks.refcoco_bbox_rec import TASK

ROW = {
    "question_id": "469306",
    "answer": ["o gato à esquerda", "gato preto"],
    "bbox": [2.0, 3.0, 6.0, 4.0],
    "image": {"bytes": make.picture(20, 12), "path": None},
}


def test_a_row_is_a_question_for_each_phrase(samples_from) -> None:
    first, second = samples_from(TASK, ROW)
    assert first.record.prompt.turns[-1].text == (
        "Onde está, na imagem, o que esta frase descreve: «o gato à esquerda»?\n"
        "Responde só com a caixa [x1, y1, x2, y2], em frações da largura e da altura da imagem, de 0 a 1."
    )
    assert "«gato preto»" in second.record.prompt.turns[-1].text
    assert [row.record.id for row in (first, second)] == [
        "refcoco_bbox_rec/000000.0",
        "refcoco_bbox_rec/000000.1",
    ]
    assert first.record.target == second.record.target == "[0.1000, 0.2500, 0.4000, 0.5833]"
    assert first.record.unit == second.record.unit


# Answer, overlap with [0.1, 0.2, 0.5, 0.6], as published.
CASES = [
    ("[0.1, 0.2, 0.5, 0.6]", 1, 1),
    ("A caixa é (0.1, 0.2, 0.5, 0.6).", 1, 1),
    ("[100, 200, 500, 600]", 1, 1),
    ('```json\n[{"bbox_2d": [100, 200, 500, 600], "label": "gato"}]\n```', 1, 1),
    ("[0,1, 0,2, 0,5, 0,6]", 1, 1),
    ("[0.1 0.2 0.5 0.6]", 1, 1),
    ("[0.1, 0.2, 0.3, 0.6]", 0.5, 0.5),
    ("0.1, 0.2, 0.5, 0.6", 1, 0),
    ("[0,1; 0,2; 0,5; 0,6]", 1, 0),
    ("x1=0.1, y1=0.2, x2=0.5, y2=0.6", 1, 0),
    ("[0.5, 0.6, 0.1, 0.2]", 0, 0),
    ("[0.6, 0.6, 0.5, 0.7]", 0, 0),
    ("Não sei.", 0, 0),
]


@pytest.mark.parametrize(("answer", "right", "published"), CASES)
def test_overlaps(answer: str, right: float, published: float) -> None:
    sample = make.sample(target="[0.1000, 0.2000, 0.5000, 0.6000]").record
    assert TASK.score(answer, sample).value == pytest.approx(right)
    assert TASK.published.score(answer, sample).value == pytest.approx(published)


def _measured(metrics, score, sample) -> dict[str, float]:
    return {metric.name: metric.measure(score, sample) for metric in metrics}


def test_metrics_of_half_an_overlap() -> None:
    sample = make.sample(target="[0.1000, 0.2000, 0.5000, 0.6000]").record
    text = "[0.1, 0.2, 0.35, 0.6]"
    expected = [0.625, 1, 1, 1, 0, 0, 1]
    names = ["iou", "acc@0.1", "acc@0.3", "acc@0.5", "acc@0.7", "acc@0.9", "center_acc"]
    found = _measured(TASK.metrics, TASK.score(text, sample), sample)
    assert found == pytest.approx(dict(zip(names, expected, strict=True)))
    upper = {"iou": "IoU", "center_acc": "Center_ACC"}
    names = [f"refcoco_{upper.get(name, name.upper())}" for name in names]
    found = _measured(TASK.published.metrics, TASK.published.score(text, sample), sample)
    assert found == pytest.approx(dict(zip(names, expected, strict=True)))


def test_no_box_is_a_right_center_for_the_published_program() -> None:
    sample = make.sample(target="[0.0000, 0.0000, 0.5000, 0.5000]").record
    ours, theirs = (score("Não sei.", sample) for score in (TASK.score, TASK.published.score))
    assert not ours.readable
    assert _measured(TASK.metrics, ours, sample)["center_acc"] == 0
    assert _measured(TASK.published.metrics, theirs, sample)["refcoco_Center_ACC"] == 1
    assert theirs.note == "no box was found, which counts as the point (0, 0)"


@pytest.mark.parametrize("text", ['{"bbox_2d": [NaN, 0, 1, 1]}', "[1, 0, 0, 1]"])
def test_what_stops_the_published_program_is_worth_nothing(text: str) -> None:
    sample = make.sample(target="[0.0000, 0.0000, 1.0000, 1.0000]").record
    score = TASK.published.score(text, sample)
    assert score.value == 0
    assert score.note.endswith("; the published program stops here or has no number")


def test_json_without_end_is_no_box() -> None:
    sample = make.sample(target="[0.1000, 0.2000, 0.5000, 0.6000]").record
    assert not TASK.published.score("[" * 9000, sample).readable


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"bbox": [2, 3, 0, 4]},
            "has the box [2.0, 3.0, 0.0, 4.0] in 'bbox' of a picture of 20x12;"
            " expected left, top, width and height in pixels, inside the picture",
        ),
        ({"bbox": None}, "has no 'bbox'; expected a value"),
        ({"answer": None}, "has no 'answer'; expected a value"),
        ({"image": None}, "has no picture in 'image'; expected its bytes"),
    ],
)
def test_rows_that_are_wrong(samples_from, change: dict, message: str) -> None:
    (failed,) = samples_from(TASK, ROW | change)
    assert failed.message == f"task refcoco_bbox_rec, row 0 {message}"


def test_a_box_that_leaves_the_picture_ends_at_its_edge(samples_from) -> None:
    (row,) = samples_from(TASK, ROW | {"bbox": [10, 6, 12, 12], "answer": ["cão"]})
    assert row.record.target == "[0.5000, 0.5000, 1.0000, 1.0000]"
