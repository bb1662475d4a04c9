"""RefCOCO region captions: the box is drawn, and the prompt asks for what is inside."""

import hashlib

import make
import pytest

from amalia import pictures
from amalia.evaluate.tasks.refcoco_bbox import TASK

PICTURE = make.picture(20, 12, "white")
ROW = {
    "question_id": "469306",
    "answer": ["gato à esquerda", "gato preto"],
    "bbox": [2.0, 3.0, 5.0, 4.0],
    "image": {"bytes": PICTURE, "path": None},
}


def test_a_row_is_a_question_about_a_red_box(samples_from) -> None:
    (row,) = samples_from(TASK, ROW)
    sample = row.record
    assert sample.prompt.turns[-1].text == (
        "O que está dentro do retângulo vermelho?\nResponde em poucas palavras."
    )
    assert sample.targets == ("gato à esquerda", "gato preto")
    shown = pictures.read(row.images[sample.prompt.images[0].sha256])
    red = {(x, y) for x in range(20) for y in range(12) if shown.getpixel((x, y)) == (255, 0, 0)}
    frame = {(x, y) for x in range(2, 8) for y in range(3, 8) if x in (2, 7) or y in (3, 7)}
    assert red == frame
    white = {shown.getpixel((x, y)) for x in range(20) for y in range(12)} - {(255, 0, 0)}
    assert white == {(255, 255, 255)}


def test_boxes_of_one_picture_are_one_unit(samples_from) -> None:
    first, second = samples_from(TASK, ROW, ROW | {"bbox": [1, 1, 3, 3]})
    assert first.images.keys() != second.images.keys()
    digest = hashlib.sha256(PICTURE).hexdigest()
    assert first.record.unit == second.record.unit == digest


def test_metrics_are_those_of_captions() -> None:
    assert [metric.name for metric in TASK.published.metrics] == [
        "refcoco_Bleu_4",
        "refcoco_Bleu_3",
        "refcoco_Bleu_2",
        "refcoco_Bleu_1",
        "refcoco_ROUGE_L",
        "refcoco_CIDEr",
    ]
    sample = make.sample(target="gato à esquerda", accepted=("gato preto",)).record
    assert TASK.score("Gato preto.", sample).value == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bbox": [1, 2, 3]}, "has [1, 2, 3] as 'bbox'; expected 4 numbers"),
        (
            {"bbox": [1, 2, -3, 4]},
            "has the box [1.0, 2.0, -3.0, 4.0] in 'bbox'; expected left, top, width and height in pixels",
        ),
        ({"answer": None}, "has no 'answer'; expected a value"),
        ({"image": None}, "has no picture in 'image'; expected its bytes"),
    ],
)
def test_rows_that_are_wrong(samples_from, change: dict, message: str) -> None:
    (failed,) = samples_from(TASK, ROW | change)
    assert failed.message == f"task refcoco_bbox, row 0 {message}"
