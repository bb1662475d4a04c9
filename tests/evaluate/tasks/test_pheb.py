"""PHEB: one question asked in five ways, and what the published program takes for an answer."""

import make
import pytest

from amalia.evaluate.source import Failed
from amalia.evaluate.tasks import pheb

ROW = {
    "year": 2014,
    "phase": "1.ª Fase",
    "subject": "Geography",
    "question_group": "GRUPO I",
    "question_number": "3",
    "question": "A serra mais alta de Portugal continental é a serra",
    "answer": 2,
    "choices": ["do Gerês.", "de Sintra.", "da Estrela.", "do Caramulo."],
    "is_completion": True,
}
SHOWN = """\
A serra mais alta de Portugal continental é a serra
A) do Gerês.
B) de Sintra.
C) da Estrela.
D) do Caramulo.
"""


def test_a_question_with_reasoning(samples_from) -> None:
    (row,) = samples_from(pheb.TASK, ROW)
    sample = row.record
    assert sample.prompt.turns[-1].text == SHOWN + (
        r"Mostra como chegas à resposta e acaba com \boxed{X}, em que X é a letra da opção certa."
    )
    assert (sample.target, sample.choices) == ("C", ("A", "B", "C", "D"))
    assert sample.groups == ("subject:Geography", "year:2014", "form:completion")
    assert sample.cluster == "2014 1.ª Fase Geography GRUPO I"
    assert pheb.TASK.max_new_tokens == pheb.BOXED.max_new_tokens == 2048


def test_the_other_ways_of_asking(samples_from) -> None:
    (boxed,), (letter,), (number,), (weighed,) = (
        samples_from(task, ROW) for task in (pheb.BOXED, pheb.LETTER, pheb.NUMBER, pheb.LIKELIHOOD)
    )
    say = "Responde só com a letra da opção certa."
    assert boxed.record.prompt.turns[-1].text.endswith(
        r"Responde só com \boxed{X}, em que X é a letra da opção certa."
    )
    assert letter.record.prompt.turns[-1].text == SHOWN + say
    assert weighed.record.prompt.turns[-1].text == SHOWN.replace(")", ".") + say
    assert (weighed.record.target, weighed.record.choices) == ("C", ("A", "B", "C", "D"))
    assert pheb.LIKELIHOOD.kind == "likelihood"
    assert number.record.prompt.turns[-1].text == (
        "A serra mais alta de Portugal continental é a serra\n1) do Gerês.\n2) de Sintra.\n"
        "3) da Estrela.\n4) do Caramulo.\nResponde só com o número da opção certa."
    )
    assert number.record.target == "3"


# Answer, what is read, what the published program reads; the right letter is C.
REASONED = [
    (r"A mais alta é a Estrela. \boxed{C}", "C", "C"),
    (r"\boxed{c}", "C", "C"),
    (r"\boxed{\text{C}}", "C", "C"),
    (r"\boxed{C) da Estrela}", "C", "C"),
    (r"Primeiro \boxed{A}, mas não: \boxed{C}", "C", "A"),
    (r"\fbox{C}", "C", "C"),
    ("A resposta é C.", "C", "C"),
    ("A resposta correta é a opção C, da Estrela.", "C", "C"),
    ("**C**", "C", "C"),
    ("C", "C", "C"),
    ("A resposta não está aqui.", "", "A"),
    ("Não sei se reinou D. Maria ou o marido.", "", "D"),
    ("Não sei. A pergunta está ERRADA", "", "A"),
    ("A opção A está errada. A resposta é C, a Estrela.", "C", "C"),
    ("C é a opção correta; a D não é.", "C", "D"),
    ("Ou B ou C.", "", "C"),
    (r"\boxed{E}", "", ""),
    ("", "", ""),
]


@pytest.mark.parametrize(("answer", "ours", "published"), REASONED)
def test_a_letter_that_is_boxed_or_said(answer: str, ours: str, published: str) -> None:
    sample = make.sample(target="C", choices=("A", "B", "C", "D")).record
    for task in (pheb.TASK, pheb.BOXED):
        found, theirs = task.score(answer, sample), task.published.score(answer, sample)
        assert (found.answer, found.value, found.readable) == (ours, ours == "C", ours != "")
        assert (theirs.answer, theirs.value) == (published, published == "C")


LETTERS = [
    ("C", "C", "C"),
    ("C) da Estrela.", "C", "C"),
    ("c", "C", ""),
    ("A resposta é C", "C", "A"),
    ("A resposta é C.", "C", "A"),
    ("É a C.", "C", "C"),
    ("Opção C", "C", "C"),
    ("A serra da Estrela", "", "A"),
]


@pytest.mark.parametrize(("answer", "ours", "published"), LETTERS)
def test_a_letter_alone(answer: str, ours: str, published: str) -> None:
    sample = make.sample(target="C", choices=("A", "B", "C", "D")).record
    assert pheb.LETTER.score(answer, sample).answer == ours
    assert pheb.LETTER.published.score(answer, sample).answer == published


NUMBERS = [
    ("3", "3", "3"),
    ("3.", "3", "3"),
    ("3) da Estrela.", "3", "3"),
    ("A resposta é 3.", "3", "3"),
    ("três", "3", ""),
    ("A opção número 3", "3", "3"),
    ("Em 1993", "", "3"),
    ("5", "", ""),
    ("1993 m", "", ""),
    ("A 1 e a 2 estão erradas, logo 3.", "3", "1"),
    ("A opção 2 é falsa; a certa é a 4.", "4", "2"),
    ("Não é a 2, é a 3.", "3", "2"),
    ("A terceira.", "3", ""),
    ("1 ou 2", "", "1"),
]


@pytest.mark.parametrize(("answer", "ours", "published"), NUMBERS)
def test_a_number_alone(answer: str, ours: str, published: str) -> None:
    sample = make.sample(target="3").record
    found, theirs = pheb.NUMBER.score(answer, sample), pheb.NUMBER.published.score(answer, sample)
    assert (found.answer, found.value) == (ours, ours == "3")
    assert (theirs.answer, theirs.value) == (published, published == "3")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"answer": 4}, "answer_out_of_range"),
        ({"choices": ["um", "dois"]}, "malformed_options"),
        ({"choices": None}, "malformed_options"),
        ({"subject": None}, "missing_field"),
        ({"year": "MMXIV"}, "malformed_field"),
    ],
)
def test_a_row_that_is_wrong_says_why(samples_from, change, reason) -> None:
    for task in (pheb.TASK, pheb.NUMBER):
        (found,) = samples_from(task, ROW | change)
        assert isinstance(found, Failed)
        assert found.reason == reason


def test_options_may_be_called_so_and_groups_be_missing(samples_from) -> None:
    row = {key: ROW[key] for key in ("year", "subject", "question", "answer")}
    (found,) = samples_from(pheb.TASK, row | {"options": str(ROW["choices"])})
    assert found.record.cluster == ""
    assert found.record.groups == ("subject:Geography", "year:2014")
