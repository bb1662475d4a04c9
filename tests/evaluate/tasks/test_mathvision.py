"""MATH-Vision: boxed results, options by letter or by value, and what the published program reads."""

import make
import numpy as np
import pytest

from amalia.evaluate.tasks.mathvision import TASK
from amalia.records import Image, Text

ROW = {
    "question": "Quanto mede o lado?\n<image1>\nIndica o valor.",
    "options": [],
    "answer": "12",
    "subject": "metric geometry - length",
    "level": 3,
    "decoded_image": {"bytes": make.picture(), "path": None},
}
CHOICE = ROW | {"options": ["10", "12", "14", "16", "18"], "answer": "B"}
INSTRUCTION = (
    "Resolve o problema passo a passo e escreve o resultado em \\boxed{}:"
    " a letra da opção certa, se houver opções, ou o valor."
)


def test_the_picture_stands_where_it_is_named(samples_from) -> None:
    (row,) = samples_from(TASK, ROW)
    first, picture, last = row.record.prompt.turns[-1].parts
    assert first == Text(text="Quanto mede o lado?\n")
    assert isinstance(picture, Image)
    assert last == Text(text=f"\nIndica o valor.\n{INSTRUCTION}")
    assert (row.record.target, row.record.choices) == ("12", ())
    assert row.record.groups == ("subject:metric geometry - length", "level:3")


def test_options_are_listed_unless_they_are_labels(samples_from) -> None:
    listed, labels = samples_from(
        TASK, CHOICE, CHOICE | {"question": "Qual?", "options": list("ABCDE")}, instruction=""
    )
    assert listed.record.prompt.turns[-1].text.endswith("\nA. 10\nB. 12\nC. 14\nD. 16\nE. 18")
    assert (listed.record.target, listed.record.accepted) == ("B", ("12",))
    assert labels.record.prompt.turns[-1].text == "Qual?"
    assert (labels.record.target, labels.record.choices) == ("B", tuple("ABCDE"))


# Answer, worth and worth as published where 12 is right.
FREE = [
    (r"Logo, \boxed{12}.", 1, 1),
    (r"\boxed{10} e por fim \boxed{12}", 1, 1),
    (r"$\boxed{\frac{24}{2}}$", 1, 1),
    (r"\boxed{4\times3}", 1, 1),
    (r"\boxed{x=12}", 1, 1),
    (r"\boxed{12\text{ cm}}", 1, 0),
    (r"\boxed{12 cm^2}", 1, 0),
    (r"\boxed{12 km}", 1, 1),
    (r"\boxed{12,0}", 1, 0),
    (r"\boxed{12,5}", 0, 0),
    (r"\boxed{12x}", 0, 0),
    ("Resposta: 12", 1, 1),
    ("São 3 de cada.\nA resposta é 12.", 1, 1),
    ("São 12.", 1, 0),
    ("O resultado é 12,00.", 1, 0),
    ("A área é 12 cm².", 1, 0),
    ("A área é 12 metros quadrados.", 1, 0),
    ("Dá 12.", 1, 0),
    ("São doze.", 1, 0),
    ("Há 12 triângulos na figura.", 1, 0),
    ("São 3 de cada, logo 12.", 1, 0),
    ("Não são 10, são 12.", 1, 0),
    ("Portanto, x = 12.", 1, 1),
    (r"O valor é $\frac{24}{2}$.", 1, 0),
    ("A velocidade é de 12 km/h.", 1, 0),
    ("Mede 12 e a altura é 14.", 0, 0),
    ("São 12 ou 13.", 0, 0),
    ("Passo 12: somar.", 0, 0),
    ("Não são 12.", 0, 0),
    ("a resposta é 12", 1, 0),
    ("12", 1, 1),
    (r"\boxed{}", 0, 0),
    ("Não sei.", 0, 0),
    ("", 0, 0),
]
# The same where option B, 12, is right.
CHOICES = [
    (r"\boxed{B}", 1, 1),
    (r"\boxed{(B)}", 1, 1),
    (r"\boxed{\text{B}}", 1, 1),
    (r"\boxed{12}", 1, 1),
    (r"\boxed{B. 12}", 1, 0),
    (r"\boxed{14}", 0, 0),
    (r"\boxed{C}", 0, 0),
    ("A resposta é B.", 1, 1),
    ("A resposta certa é a B", 1, 0),
    ("Escolho (B).", 1, 1),
    ("Seja C o centro de [AB].\nLogo, a opção B.", 1, 1),
    ("O lado mede 12.", 1, 0),
    ("O lado mede 14.", 0, 0),
    ("Não é a A, é a B.", 1, 1),
    ("Não sei.", 0, 0),
]


@pytest.mark.parametrize(
    ("row", "answer", "right", "published"),
    [(ROW, *case) for case in FREE] + [(CHOICE, *case) for case in CHOICES],
)
def test_scores(samples_from, row: dict, answer: str, right: float, published: float) -> None:
    (made,) = samples_from(TASK, row)
    assert TASK.score(answer, made.record).value == right
    assert TASK.published.score(answer, made.record).value == published


@pytest.mark.parametrize(
    ("answer", "is_readable"),
    [
        ("Não sei.", False),
        ("Mede 12 e a altura é 14.", False),
        ("Passo 12: somar.", False),
        ("O lado mede 14.", True),
        (r"\boxed{14}", True),
    ],
)
def test_what_is_readable(samples_from, answer: str, is_readable: bool) -> None:
    for row in samples_from(TASK, ROW, CHOICE):
        assert TASK.score(answer, row.record).readable is is_readable


def test_the_published_accuracy_is_rounded(samples_from) -> None:
    (row,) = samples_from(TASK, ROW)
    scores = [TASK.published.score(text, row.record) for text in ("12", "13", "14")]
    (metric,) = TASK.published.metrics
    sums = np.sum(metric.statistics(scores, [row.record] * 3), axis=0)
    assert (metric.name, metric.combine(sums), metric.unit) == (
        "mathvision_standard_eval",
        33.33,
        "%",
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"options": None}, "has no 'options'; expected a value"),
        ({"options": ["10"]}, "has 1 options in 'options' (['10']); expected a list of 2 to 26"),
        (
            {"answer": "F"},
            "has the answer 'F' in 'answer'; expected one of its 5 options: 0 to 4 or A to E",
        ),
        ({"decoded_image": None}, "has no picture in 'decoded_image'; expected its bytes"),
    ],
)
def test_rows_that_are_wrong(samples_from, change: dict, message: str) -> None:
    (failed,) = samples_from(TASK, CHOICE | change)
    assert failed.message == f"task mathvision, row 0 {message}"
