"""ALBA: prompts as they are, a judge's grade, and the mean of the categories."""

import make
import pytest

from amalia.evaluate.judge import AlbaRubric, Graded
from amalia.evaluate.source import Failed
from amalia.evaluate.tasks import alba
from amalia.evaluate.tasks.alba import TASK

ROW = {"id": 7, "prompt": "Qual é o plural de «cão»?", "category": "Morphology"}


def test_a_prompt_is_asked_as_it_is(samples_from) -> None:
    (row,) = samples_from(TASK, ROW)
    assert row.record.prompt.turns[-1].text == "Qual é o plural de «cão»?"
    assert (row.record.target, row.record.groups) == ("", ("Morphology",))
    assert TASK.max_new_tokens == 1024


def test_the_judge_is_asked_about_prompt_and_answer(samples_from) -> None:
    (row,) = samples_from(TASK, ROW)
    asked = TASK.rubric.ask(row.record, "Cães.")
    assert "«Morphology»" in asked
    assert asked.index("Qual é o plural de «cão»?") < asked.index("Cães.") < asked.index("Nota: N")


def test_examples_are_those_of_the_recipe() -> None:
    example = Graded("1", "Plural de «pão»?", "Pães.", 5, "Morphology")
    assert alba.task(AlbaRubric((example,))).rubric.version != TASK.rubric.version


@pytest.mark.parametrize(
    ("reply", "value", "said"),
    [
        ("Raciocínio: tudo certo.\nNota: 5", 1.0, "5"),
        ("Falta o exemplo.\nNota: 4", 0.75, "4"),
        ("Nota: 1", 0.0, "1"),
        ("Nota: 0", 0.0, ""),
        ("Nota: 3 ou 4", 0.0, ""),
        ("Uma boa resposta.", 0.0, ""),
    ],
)
def test_a_grade_is_a_value(reply, value, said) -> None:
    found = TASK.score(reply, make.sample(task="alba").record)
    assert (found.value, found.answer, found.readable) == (value, said, bool(said))


def test_every_category_counts_alike() -> None:
    replies = [("Syntax", 5), ("Syntax", 3), ("Syntax", 1), ("Lexicology", 4)]
    samples = [make.sample(groups=(name,)).record for name, _ in replies]
    scores = [
        TASK.score(f"Nota: {grade}", sample)
        for (_, grade), sample in zip(replies, samples, strict=True)
    ]
    (metric,) = TASK.metrics
    assert metric.unit == "%"
    # Syntax (3 − 1) / 4, Lexicology (4 − 1) / 4.
    sums = metric.statistics(scores, samples).sum(axis=0)
    assert metric.combine(sums) == pytest.approx((50 + 75) / 2)


def test_a_row_without_a_category_is_refused(samples_from) -> None:
    (found,) = samples_from(TASK, ROW | {"category": None})
    assert isinstance(found, Failed)
    assert found.reason == "missing_field"
