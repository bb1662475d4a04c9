"""CARAVELA: the final answer, entities and no rivals, conclusions by their words."""

import make
import pytest

from amalia.evaluate.tasks.caravela import MCQ, REASONING, VQA, final

ROW = {
    "question": "Que monumento é este?",
    "answer": "Torre de Belém",
    "entity": "Torre de Belém",
    "area": "Monumentos",
    "category": "torre",
    "image": {"bytes": make.picture(), "path": None},
}
CHOICE = ROW | {
    "answer": "B",
    "options_a": "Sé do Porto",
    "options_b": "Torre de Belém",
    "options_c": "Castelo de Óbidos",
    "options_d": "Ponte 25 de Abril",
}


def test_rows_are_questions(samples_from) -> None:
    (choice,), (name,), (conclusion,) = (
        samples_from(MCQ, CHOICE),
        samples_from(VQA, ROW),
        samples_from(REASONING, ROW | {"reasoning_chain": "…"}),
    )
    assert choice.record.prompt.turns[-1].text == (
        "Que monumento é este?\nA. Sé do Porto\nB. Torre de Belém\nC. Castelo de Óbidos\nD. Ponte 25 de Abril\n"
        "Acaba com uma linha «ANSWER:» seguida só da letra da opção certa."
    )
    assert name.record.prompt.turns[-1].text == (
        "Que monumento é este?\nAcaba com uma linha «ANSWER:» seguida só do nome ou de poucas palavras."
    )
    assert conclusion.record.prompt.turns[-1].text == (
        "Que monumento é este?\n"
        "Explica passo a passo como chegas lá e acaba com uma linha «ANSWER:» seguida da conclusão."
    )
    assert (choice.record.target, name.record.target) == ("B", "Torre de Belém")
    assert name.record.groups == ("area:Monumentos", "category:torre")
    assert name.record.unit == "Torre de Belém"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Vejo água.\nANSWER: B", "B"),
        ("**RESPOSTA:** Torre de Belém", "Torre de Belém"),
        ("Resposta final: B", "B"),
        ("ANSWER: A\nCorrijo.\nANSWER: B", "B"),
        ("Vejo água.\nÉ a Torre de Belém.", "É a Torre de Belém."),
        ("ANSWER:", ""),
    ],
)
def test_what_the_final_answer_is(text: str, expected: str) -> None:
    assert final(text) == expected


# Answer, worth and worth as published where B is right.
CHOICES = [
    ("Tem ameias.\nANSWER: B", 1, 1),
    ("ANSWER: B. Torre de Belém", 1, 1),
    ("RESPOSTA: B", 1, 1),
    ("A torre é de Belém.\nRESPOSTA: B", 1, 0),
    ("A resposta correta é B.", 1, 0),
    ("ANSWER: A resposta é B", 1, 0),
    ("ANSWER: C", 0, 0),
    ("ANSWER: Torre de Belém", 0, 1),
    ("ANSWER:", 0, 0),
]
# The same where «Torre de Belém» is right.
NAMES = [
    ("É à beira do Tejo.\nANSWER: Torre de Belém", 1, 1),
    ("ANSWER: A Torre de Belém, em Lisboa.", 1, 1),
    ("RESPOSTA: Torre Belém", 1, 1),
    ("ANSWER: Torre de Belém, Sé do Porto, Castelo de Óbidos ou Ponte 25 de Abril", 0, 1),
    ("ANSWER: Não é a Torre de Belém", 0, 1),
    ("Lembra a Torre de Belém.\nÉ a Sé do Porto.", 0, 1),
    ("ANSWER: Não é a Sé do Porto, é a Torre de Belém.", 1, 1),
    ("ANSWER: Castelo de Óbidos", 0, 0),
    ("", 0, 0),
]
# Target, answer, worth, worth as published: F1 of distinct words.
CONCLUSIONS = [
    (
        "Foi construída no reinado de D. Manuel I",
        "ANSWER: Foi construída por D. Manuel I",
        10 / 11,
        0.8,
    ),
    ("Torre de Belém", "ANSWER: É a Torre de Belém.", 1, 1),
    ("Torre de Belém", "ANSWER: a torre", 2 / 3, 2 / 3),
    ("Sé", "ANSWER: É a Sé.", 1, 0),
    ("Rio Ave", "ANSWER: rio Ave", 1, 0),
    ("Rio Ave", "ANSWER: rio Tejo", 0.5, 0),
    ("É", "ANSWER: é", 1, 0),
    ("Torre", "ANSWER:", 0, 0),
]


@pytest.mark.parametrize(
    ("task", "target", "answer", "right", "published"),
    [(MCQ, "B", *case) for case in CHOICES]
    + [(VQA, "Torre de Belém", *case) for case in NAMES]
    + [(REASONING, *case) for case in CONCLUSIONS],
)
def test_scores(task, target: str, answer: str, right: float, published: float) -> None:
    choices = ("A", "B", "C", "D") if task is MCQ else ()
    sample = make.sample(target=target, choices=choices).record
    assert task.score(answer, sample).value == pytest.approx(right)
    assert task.published.score(answer, sample).value == pytest.approx(published)


def test_the_published_score_is_in_percent() -> None:
    sample = make.sample(target="Torre de Belém").record
    for task in (MCQ, VQA, REASONING):
        (metric,) = task.published.metrics
        assert (metric.name, metric.unit) == ("caravela_score", "%")
        assert metric.measure(VQA.published.score("Torre de Belém", sample), sample) == 100


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"options_d": None}, "has no 'options_d'; expected a value"),
        (
            {"answer": "E"},
            "has the answer 'E' in 'answer'; expected one of its 4 options: 0 to 3 or A to D",
        ),
        ({"entity": None}, "has no 'entity'; expected a value"),
        ({"image": None}, "has no picture in 'image'; expected its bytes"),
    ],
)
def test_rows_that_are_wrong(samples_from, change: dict, message: str) -> None:
    (failed,) = samples_from(MCQ, CHOICE | change)
    assert failed.message == f"task caravela_mcq, row 0 {message}"
