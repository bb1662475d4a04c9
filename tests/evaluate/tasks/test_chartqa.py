"""ChartQA: numbers as they are written in Portuguese, years, lists, and what the published program makes of them."""

import make
import pytest

from amalia.evaluate.tasks.chartqa import TASK

ROW = {
    "question": "Qual é o valor da barra azul?",
    "answer": "12.5",
    "type": "human_test",
    "image": {"bytes": make.picture(), "path": None},
}


def test_a_row_is_a_question(samples_from) -> None:
    (row,) = samples_from(TASK, ROW)
    assert row.record.prompt.turns[-1].text == (
        "Qual é o valor da barra azul?\nResponde só com a palavra ou o número pedido."
    )
    assert (row.record.target, row.record.groups) == ("12.5", ("human",))
    assert len(row.record.prompt.images) == 1


# Target, answer, worth, worth as published.
NUMBERS = [
    ("12.5", "12,5", 1, 0),
    ("12.5", "12.5", 1, 1),
    ("12.5", "12,9", 1, 0),
    ("12.5", "13,5", 0, 0),
    ("12.5", "A resposta é 12,5.", 1, 0),
    ("12.5", "O valor é 12,5 €.", 1, 0),
    ("3", "três", 1, 0),
    ("3", "3.", 1, 1),
    ("3", "-3", 0, 0),
    ("Três", "3", 1, 0),
    ("1234.5", "1.234,5", 1, 0),
    ("1234", "1,234", 1, 0),
    ("1234", "1.234", 1, 0),
    ("1.234", "1,234", 1, 0),
    ("1.234", "1,3", 0, 0),
    ("1234", "1 234", 1, 0),
    ("12%", "12%", 1, 1),
    ("12%", "12", 1, 0),
    ("12%", "12 por cento", 1, 0),
    ("12%", "0,12", 1, 0),
    ("12%", "0.12", 1, 1),
    ("0.12", "12 %", 1, 1),
    ("12%", "0,12%", 0, 0),
    ("12 milhões", "12", 1, 0),
    ("3 milhões", "3.000.000", 1, 0),
    ("3 milhões", "3 milhões de euros", 1, 0),
    ("3 milhões", "três milhões", 1, 0),
    ("3 milhões", "3 mil", 0, 0),
    ("3 mil", "3.000", 1, 0),
    ("2,5 mil milhões", "2.500 milhões", 1, 0),
    ("2,5 mil milhões", "2,5 mil", 0, 0),
    ("3000000", "3 milhões", 1, 0),
    ("três milhões", "3.000.000", 1, 0),
    ("4", "Não são 3, são 4.", 1, 0),
    ("0", "0", 1, 1),
    ("0", "0.0", 1, 0),
    ("100", "95", 1, 1),
    ("100", "94,9", 0, 0),
]
TEXTS = [
    ("Brasil", "O Brasil.", 1, 0),
    ("Brasil", "brasil", 1, 1),
    ("Brasil", "A resposta é «Brasil».", 1, 0),
    ("Brasil", "Brasil e Portugal", 0, 0),
    ("Portugal", "É Portugal.", 1, 0),
    ("Brasil", "No Brasil.", 1, 0),
    ("Brasil", "Foi no Brasil.", 1, 0),
    ("Brasil", "O país com mais vendas foi o Brasil.", 1, 0),
    ("Brasil", "Não é Portugal, é o Brasil.", 1, 0),
    ("Portugal", "Não é Portugal, é o Brasil.", 0, 0),
    ("Portugal", "O maior não é Portugal.", 0, 0),
    ("Azul", "Azul claro", 0, 0),
    ("Sim", "Sim, é maior.", 1, 0),
    ("Não", "Sim.", 0, 0),
    ("A+", "A", 0, 0),
    ("18-24", "18-24", 1, 1),
    ("18-24", "18", 0, 0),
    ("2.º trimestre", "2.º trimestre", 1, 1),
    ("[Brasil, Chile]", "Chile e Brasil", 1, 0),
    ("[Brasil, Chile]", "No Brasil e no Chile.", 1, 0),
    ("[Brasil, Chile]", "Brasil", 0, 0),
    ("[Brasil, Chile]", "Brasil, Chile e Peru", 0, 0),
    ("[0.5, 12]", "12 e 0,5", 1, 0),
]


@pytest.mark.parametrize(("target", "answer", "right", "published"), NUMBERS + TEXTS)
def test_scores(target: str, answer: str, right: float, published: float) -> None:
    sample = make.sample(target=target).record
    assert TASK.score(answer, sample).value == right
    assert TASK.published.score(answer, sample).value == published


@pytest.mark.parametrize(
    ("question", "answer", "right"),
    [
        ("Em que ano foi maior?", "2015", 1),
        ("Em que ano foi maior?", "Foi em 2015.", 1),
        ("Em que ano foi maior?", "2016", 0),
        ("Qual foi o ano com mais vendas?", "2014", 0),
        ("Quantos carros havia?", "2016", 1),
        ("Quantos anos passaram?", "2016", 1),
    ],
)
def test_a_year_has_to_be_the_year(question: str, answer: str, right: float) -> None:
    sample = make.sample(("user", question), target="2015").record
    assert TASK.score(answer, sample).value == right
    assert TASK.published.score("2016", sample).value == 1


@pytest.mark.parametrize(
    ("target", "answer"),
    [("12", "Não sei."), ("12", ""), ("12", "12 ou 13"), ("Brasil", "  "), ("Brasil", "...")],
)
def test_unreadable_answers(target: str, answer: str) -> None:
    score = TASK.score(answer, make.sample(target=target).record)
    assert (score.value, score.readable) == (0.0, False)


def test_published_halves_count_their_own_samples() -> None:
    samples = [make.sample(groups=(kind,)).record for kind in ("human", "augmented")]
    scores = [TASK.published.score("gato", sample) for sample in samples]
    measured = {
        metric.name: [metric.measure(*pair) for pair in zip(scores, samples, strict=True)]
        for metric in TASK.published.metrics
    }
    assert measured == {
        "relaxed_overall": [1.0, 1.0],
        "relaxed_human_split": [1.0, None],
        "relaxed_augmented_split": [None, 1.0],
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"type": "val"}, "has the type 'val'; expected human_test or augmented_test"),
        ({"answer": None}, "has no 'answer'; expected a value"),
        ({"image": None}, "has no picture in 'image'; expected its bytes"),
    ],
)
def test_rows_that_are_wrong(samples_from, change: dict, message: str) -> None:
    (failed,) = samples_from(TASK, ROW | change)
    assert failed.message == f"task chartqa, row 0 {message}"
