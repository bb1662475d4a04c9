"""SEED-Bench: one picture or several of a film, and a letter at a fixed place."""

import make
import pytest

from amalia.evaluate.tasks.seedbench import TASK

RED, BLUE = ({"bytes": make.picture(color=color), "path": None} for color in ("red", "blue"))
ROW = {
    "question": "O que faz a pessoa?",
    "choice_a": "Corre",
    "choice_b": "Salta",
    "choice_c": "Dorme",
    "choice_d": "Come",
    "answer": "B",
    "data_type": "image",
    "question_id": "v1",
    "image": [RED],
}


def test_a_row_is_a_question(samples_from) -> None:
    (row,) = samples_from(TASK, ROW)
    assert row.record.prompt.turns[-1].text == (
        "O que faz a pessoa?\nA. Corre\nB. Salta\nC. Dorme\nD. Come\nResponde só com a letra da opção certa."
    )
    assert (row.record.target, row.record.groups) == ("B", ("image",))


@pytest.mark.parametrize(("image", "number"), [([RED, BLUE], 2), (RED, 1), (RED["bytes"], 1)])
def test_pictures_of_a_film_come_in_order(samples_from, image: object, number: int) -> None:
    (row,) = samples_from(TASK, ROW | {"data_type": "video", "image": image})
    pictures = row.record.prompt.images
    assert [picture.sha256 for picture in pictures] == [
        make.image(item["bytes"]).sha256 for item in (RED, BLUE)[:number]
    ]
    assert row.record.groups == ("video",)


# Answer, worth and worth as published where B is right.
CASES = [
    ("B", 1, 1),
    ("b", 1, 1),
    ("B. Salta", 1, 1),
    ("(B)", 1, 0),
    ("Opção B", 1, 1),
    ("Resposta: B", 1, 1),
    ("A resposta é B.", 1, 1),
    ("A resposta é a B", 1, 0),
    ("A resposta correta é B.", 1, 0),
    ("Baixa-se.", 0, 1),
    ("", 0, 0),
]


@pytest.mark.parametrize(("answer", "right", "published"), CASES)
def test_scores(answer: str, right: float, published: float) -> None:
    sample = make.sample(target="B", choices=("A", "B", "C", "D")).record
    assert TASK.score(answer, sample).value == right
    assert TASK.published.score(answer, sample).value == published


def test_published_parts_count_their_own_samples() -> None:
    samples = [
        make.sample(target="B", choices=("A", "B", "C", "D"), groups=(kind,)).record
        for kind in ("image", "video")
    ]
    scores = [TASK.published.score("B", sample) for sample in samples]
    assert {
        metric.name: [metric.measure(*pair) for pair in zip(scores, samples, strict=True)]
        for metric in TASK.published.metrics
    } == {"seed_image": [1.0, None], "seed_video": [None, 1.0], "seed_all": [1.0, 1.0]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data_type": "som"}, "has 'som' as 'data_type'; expected image or video"),
        ({"image": []}, "has no picture in 'image'; expected one or more"),
        ({"image": [None]}, "has no picture in 'image'; expected its bytes"),
        ({"choice_c": None}, "has no 'choice_c'; expected a value"),
        (
            {"answer": "E"},
            "has the answer 'E' in 'answer'; expected one of its 4 options: 0 to 3 or A to D",
        ),
    ],
)
def test_rows_that_are_wrong(samples_from, change: dict, message: str) -> None:
    (failed,) = samples_from(TASK, ROW | change)
    assert failed.message == f"task seedbench, row 0 {message}"
