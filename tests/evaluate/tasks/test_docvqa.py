"""DocVQA and InfographicVQA: similarity in letters, of the answer or of what it plainly states."""

import make
import pytest

from amalia.evaluate.tasks import docvqa, infovqa

ROW = {
    "question": "Em que data foi assinado?",
    "answers": ["12 de maio de 1998", "12/5/1998"],
    "image": {"bytes": make.picture(), "path": None},
}


def test_a_row_is_a_question(samples_from) -> None:
    (row,) = samples_from(docvqa.TASK, ROW)
    assert row.record.prompt.turns[-1].text == (
        "Em que data foi assinado?\nResponde só com as palavras do documento que respondem à pergunta."
    )
    assert row.record.targets == ("12 de maio de 1998", "12/5/1998")
    (row,) = samples_from(infovqa.TASK, ROW)
    assert row.record.prompt.turns[-1].text == (
        "Em que data foi assinado?\nResponde só com a palavra, a expressão ou o número pedido."
    )


@pytest.mark.parametrize(
    ("answers", "targets"),
    [
        ("Lda.", ("Lda.",)),
        ('["uma", "duas"]', ("uma", "duas")),
        # Blanks count as published, so they stay.
        ([" Lisboa\n"], (" Lisboa\n",)),
        (" Lisboa", (" Lisboa",)),
    ],
)
def test_answers_in_the_forms_data_has_them(samples_from, answers, targets) -> None:
    (row,) = samples_from(docvqa.TASK, ROW | {"answers": answers})
    assert row.record.targets == targets


# Targets, answer, worth, worth as published.
CASES = [
    (["1998"], "1998", 1, 1),
    (["1998"], "1998.", 1, 1),
    (["1998"], "A resposta é 1998.", 1, 0),
    (["1998"], "Resposta: 1998", 1, 0),
    (["Lda."], "Lda.", 1, 1),
    (["Relatório Anual"], "relatório anual", 1, 1),
    (["Relatório Anual"], "O título é «Relatório Anual».", 1, 15 / 28),
    (["Relatorio Anual"], "Relatório Anual", 14 / 15, 14 / 15),
    # Right as it stands, whatever it looks like.
    (['O "Diário"'], 'O "Diário"', 1, 1),
    (["A resposta é sim"], "A resposta é sim", 1, 1),
    (["Porto", "Lisboa"], "Lisbon", 5 / 6, 5 / 6),
    (["Porto"], "Faro", 0, 0),
    # Two blanks are one: no edit, though the published length has two.
    (["Rua  Nova"], "Rua Novo", 7 / 8, 8 / 9),
    (["abcd"], "ab", 0, 0.5),
]


@pytest.mark.parametrize(("targets", "answer", "right", "published"), CASES)
@pytest.mark.parametrize("task", [docvqa.TASK, infovqa.TASK])
def test_scores(task, targets: list[str], answer: str, right: float, published: float) -> None:
    sample = make.sample(target=targets[0], accepted=tuple(targets[1:])).record
    assert task.score(answer, sample).value == pytest.approx(right)
    assert task.published.score(answer, sample).value == pytest.approx(published)


def test_what_was_read_is_in_the_score() -> None:
    sample = make.sample(target="1998").record
    assert docvqa.TASK.score("A resposta é 1998.", sample).answer == "1998"
    assert docvqa.TASK.published.score("A resposta é 1998.", sample).answer == "A resposta é 1998"
    assert not docvqa.TASK.score(" ", sample).readable


def test_exact_is_when_nothing_is_wrong() -> None:
    sample = make.sample(target="Lisboa").record
    exact = docvqa.TASK.metrics[1]
    assert exact.name == "exact"
    measured = [
        exact.measure(docvqa.TASK.score(text, sample), sample) for text in ("lisboa", "Lisbon")
    ]
    assert measured == [1.0, 0.0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"answers": None}, "has no 'answers'; expected a value"),
        ({"answers": []}, "has [] as 'answers'; expected one or more texts"),
        ({"question": None}, "has no 'question'; expected a value"),
        ({"image": None}, "has no picture in 'image'; expected its bytes"),
    ],
)
def test_rows_that_are_wrong(samples_from, change: dict, message: str) -> None:
    (failed,) = samples_from(docvqa.TASK, ROW | change)
    assert failed.message == f"task docvqa, row 0 {message}"
