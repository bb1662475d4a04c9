"""MMMU and MMMU-Pro: pictures where the text names them, letters, and open answers."""

import make
import numpy as np
import pytest

from amalia.evaluate.tasks import mmmu_pro
from amalia.evaluate.tasks.mmmu import TASK
from amalia.records import Image, Sample

RED, BLUE = ({"bytes": make.picture(color=color), "path": None} for color in ("red", "blue"))
ROW = {
    "id": "validation_Basic_Medical_Science_7",
    "question": "Observa <image 1>. O que mostra?",
    "question_type": "multiple-choice",
    "options": "['um osso', 'um nervo', 'uma veia', 'um músculo']",
    "answer": "B",
    "image_1": RED,
    "image_2": None,
}
OPEN = ROW | {"question_type": "open", "options": "[]", "answer": "['0.5', 'um meio']"}


def shown(sample: Sample) -> str:
    """Write a prompt down with a mark for each picture."""
    parts = sample.prompt.turns[-1].parts
    return "".join(
        f"[{part.sha256[:2]}]" if isinstance(part, Image) else part.text for part in parts
    )


def mark(picture: dict) -> str:
    return f"[{make.image(picture['bytes']).sha256[:2]}]"


@pytest.mark.parametrize(
    "options", [ROW["options"], ["um osso", "um nervo", "uma veia", "um músculo"]]
)
def test_a_picture_stands_where_it_is_named(samples_from, options: object) -> None:
    (row,) = samples_from(TASK, ROW | {"options": options})
    assert shown(row.record) == (
        f"Observa {mark(RED)}. O que mostra?\nA. um osso\nB. um nervo\nC. uma veia\nD. um músculo\n"
        "Se houver opções, responde só com a letra da certa; se não, só com um número ou poucas palavras."
    )
    assert (row.record.id, row.record.target) == ("mmmu/validation_Basic_Medical_Science_7", "B")
    assert row.record.groups == ("subject:Basic_Medical_Science", "type:multiple-choice")


def test_options_may_be_pictures(samples_from) -> None:
    change = {"options": ["<image 2>", "<imagem 1>"], "question": "Qual é?", "image_2": BLUE}
    (row,) = samples_from(TASK, ROW | change, instruction="")
    assert shown(row.record) == f"Qual é?\nA. {mark(BLUE)}\nB. {mark(RED)}"
    assert (row.record.target, row.record.choices) == ("B", ("A", "B"))
    assert TASK.published.score("(B)", row.record).value == 1.0
    assert TASK.published.score("não sei dizer qual das duas é", row.record).value == 0.5


def test_a_picture_that_no_text_names_comes_first(samples_from) -> None:
    (row,) = samples_from(TASK, ROW | {"image_2": BLUE}, instruction="")
    assert shown(row.record).startswith(f"{mark(BLUE)}Observa {mark(RED)}.")


def test_an_open_question_has_several_answers(samples_from) -> None:
    (row,) = samples_from(TASK, OPEN)
    assert (row.record.targets, row.record.choices) == (("0.5", "um meio"), ())
    assert row.record.groups == ("subject:Basic_Medical_Science", "type:open")


# Answer, worth and worth as published where B is right of the options in ROW.
CHOICES = [
    ("B", 1, 1),
    ("(B)", 1, 1),
    ("A resposta é B.", 1, 1),
    ("B é a resposta, não a A.", 1, 0),
    ("A imagem mostra um nervo.", 0, 0),
    ("A resposta é «B».", 1, 0),
    ("Vê-se na imagem com toda a clareza um nervo", 0, 1),
    ("Não sei.", 0, 0.25),
    ("", 0, 0.25),
    ("b", 1, 0.25),
]
OPENS = [("0,5", 1), ("É um meio.", 1), ("0.5", 1), ("0,6", 0), ("", 0)]


@pytest.mark.parametrize(("answer", "right", "published"), CHOICES)
def test_scores_of_choices(samples_from, answer: str, right: float, published: float) -> None:
    (row,) = samples_from(TASK, ROW)
    assert TASK.score(answer, row.record).value == right
    assert TASK.published.score(answer, row.record).value == published


@pytest.mark.parametrize(("answer", "right"), OPENS)
def test_an_open_answer_is_never_right_as_published(
    samples_from, answer: str, right: float
) -> None:
    (row,) = samples_from(TASK, OPEN)
    assert TASK.score(answer, row.record).value == right
    assert TASK.published.score(answer, row.record).value == 0


def test_the_published_accuracy_has_five_decimals(samples_from) -> None:
    (row,) = samples_from(TASK, ROW)
    samples = [row.record] * 3
    scores = [TASK.published.score(answer, row.record) for answer in ("B", "A", "C")]
    (metric,) = TASK.published.metrics
    assert metric.name == "mmmu_acc"
    assert metric.combine(np.sum(metric.statistics(scores, samples), axis=0)) == 0.33333


def test_mmmu_pro_has_up_to_ten_options(samples_from) -> None:
    options = str([f"opção {number}" for number in range(10)])
    change = {"options": options, "answer": "J", "subject": "History", "id": "test_History_3"}
    (row,) = samples_from(mmmu_pro.TASK, ROW | change)
    assert (row.record.target, row.record.groups) == ("J", ("History",))
    assert shown(row.record).endswith("\nJ. opção 9\nResponde só com a letra da opção certa.")
    assert mmmu_pro.TASK.score("A resposta é J.", row.record).value == 1
    assert mmmu_pro.TASK.published.score("não sei", row.record).value == 0.1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"question_type": "livre"},
            "has 'livre' as 'question_type'; expected multiple-choice or open",
        ),
        ({"options": "[]"}, "has 0 options in 'options' ('[]'); expected a list of 2 to 26"),
        ({"image_1": None}, "has no picture in 'image_1'; expected its bytes"),
        (
            {"answer": "E"},
            "has the answer 'E' in 'answer'; expected one of its 4 options: 0 to 3 or A to D",
        ),
    ],
)
def test_rows_that_are_wrong(samples_from, change: dict, message: str) -> None:
    (failed,) = samples_from(TASK, ROW | change)
    assert failed.message == f"task mmmu, row 0 {message}"
