"""OCRBench: whole words and numbers, whole formulas, and the published count of any stretch of letters."""

import make
import numpy as np
import pytest

from amalia.evaluate.tasks.ocrbench import TASK

TYPE = "Scene Text-centric VQA"
ROW = {
    "question": "O que diz a placa?",
    "answer": ["Rua da Sé"],
    "dataset": "STVQA",
    "question_type": TYPE,
    "image": {"bytes": make.picture(), "path": None},
}


def test_a_row_is_a_question(samples_from) -> None:
    (row,) = samples_from(TASK, ROW)
    assert row.record.prompt.turns[-1].text == (
        "O que diz a placa?\nResponde só com o que é pedido, tal como está escrito na imagem."
    )
    assert row.record.groups == ("type:Scene Text-centric VQA", "dataset:STVQA")
    assert row.record.targets == ("Rua da Sé",)


# Dataset, targets, answer, worth, worth as published.
CASES = [
    ("STVQA", ["Rua da Sé"], "Rua da Sé", 1, 1),
    ("STVQA", ["Rua da Sé"], "A placa diz «RUA DA SÉ».", 1, 1),
    ("STVQA", ["Rua da Sé"], "Rua da Se", 0, 0),
    ("STVQA", ["Rua da Sé"], "Rua  da\nSé", 1, 0),
    ("STVQA", ["1"], "2015", 0, 1),
    ("STVQA", ["1"], "1.", 1, 1),
    ("STVQA", ["1"], "1,5", 0, 1),
    ("STVQA", ["pão", "pães"], "São pães.", 1, 1),
    ("STVQA", ["pão"], "pãozinho", 0, 1),
    ("STVQA", ["$5"], "Custa $5 ao todo", 1, 1),
    ("STVQA", ["$5"], "Custa $50", 0, 1),
    ("STVQA", ["5%"], "São 5% disso", 1, 1),
    ("ReCTS", ["店"], "答案是店", 1, 1),
    ("ReCTS", ["ABC"], "答案是ABC", 1, 1),
    ("HME100k", ["x ^ { 2 } + 1"], "x^{2}+1", 1, 1),
    ("HME100k", ["x ^ { 2 } + 1"], "A fórmula é $x^{2} + 1$.", 1, 1),
    ("HME100k", ["x ^ { 2 } + 1"], "Fórmula: x^{2}+1", 1, 1),
    ("HME100k", ["x"], "x^{2}+1", 0, 1),
    ("HME100k", ["x"], "X", 0, 0),
    ("HME100k", ["a : b"], "a:b", 1, 1),
]


@pytest.mark.parametrize(("dataset", "targets", "answer", "right", "published"), CASES)
def test_scores(
    dataset: str, targets: list[str], answer: str, right: float, published: float
) -> None:
    sample = make.sample(
        target=targets[0], accepted=tuple(targets[1:]), groups=("type:x", f"dataset:{dataset}")
    ).record
    assert TASK.score(answer, sample).value == right
    assert TASK.published.score(answer, sample).value == published


@pytest.mark.parametrize(
    ("answer", "accuracy", "exact", "diacritics"),
    [
        ("Rua da Sé", 1, 1, 1),
        ("Diz rua da Sé e praça.", 1, 0, 1),
        ("Rua da Se", 0, 0, 0),
        ("A placa diz «Rua da Sé».", 1, 1, 1),
    ],
)
def test_metrics(answer: str, accuracy: float, exact: float, diacritics: float) -> None:
    sample = make.sample(target="Rua da Sé").record
    score = TASK.score(answer, sample)
    measured = {metric.name: metric.measure(score, sample) for metric in TASK.metrics}
    assert measured == {"accuracy": accuracy, "exact": exact, "diacritics": diacritics}


def test_published_counts_are_of_a_thousand() -> None:
    kinds = ("Regular Text Recognition", "Handwriting Recognition", TYPE, TYPE)
    samples = [
        make.sample(target="a", groups=(f"type:{kind}", "dataset:x")).record for kind in kinds
    ]
    scores = [
        TASK.published.score(said, sample) for said, sample in zip("aaab", samples, strict=True)
    ]
    totals = {
        metric.name: float(metric.combine(np.sum(metric.statistics(scores, samples), axis=0)))
        for metric in TASK.published.metrics
    }
    assert totals == {
        "ocrbench_accuracy": pytest.approx(0.003),
        "Text Recognition": 2,
        "Scene Text-centric VQA": 1,
        "Doc-oriented VQA": 0,
        "Key Information Extraction": 0,
        "Handwritten Mathematical Expression Recognition": 0,
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"answer": []}, "has [] as 'answer'; expected one or more texts"),
        ({"question_type": None}, "has no 'question_type'; expected a value"),
        ({"image": None}, "has no picture in 'image'; expected its bytes"),
    ],
)
def test_rows_that_are_wrong(samples_from, change: dict, message: str) -> None:
    (failed,) = samples_from(TASK, ROW | change)
    assert failed.message == f"task ocrbench, row 0 {message}"
