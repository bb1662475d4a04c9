"""PorTEXTO: transcriptions with their Portuguese letters counted apart."""

import make
import numpy as np
import pytest

from amalia.evaluate import answers
from amalia.evaluate.tasks import portexto
from amalia.evaluate.tasks.portexto import HANDWRITTEN as TASK

ROW = {
    "question": "Transcreve o texto da imagem.",
    "answer": "O pão é bom.",
    "image": {"bytes": make.picture(), "path": None},
}


def test_a_row_is_a_question(samples_from) -> None:
    (row,) = samples_from(TASK, ROW)
    assert row.record.prompt.turns[-1].text == "Transcreve o texto da imagem."
    assert (row.record.target, row.record.groups) == ("O pão é bom.", ("com acentos",))
    (row,) = samples_from(TASK, ROW | {"answer": ["Bom dia", "Bom  dia"]})
    assert (row.record.targets, row.record.groups) == (("Bom dia", "Bom  dia"), ("sem acentos",))


def test_there_is_a_task_for_each_part() -> None:
    tasks = (
        portexto.HANDWRITTEN,
        portexto.HANDWRITTEN_FULL_PAGE,
        portexto.IN_THE_WILD,
        portexto.SYNTHETIC,
    )
    for task in tasks:
        assert task.name == f"portexto_{task.data.config}"
    assert len({task.name for task in tasks}) == 4


CASES = [
    ("O pão é bom.", 1, 1),
    ("o pao e bom.", 10 / 12, 10 / 12),
    ("O texto é: «O pão é bom.»", 1, 0),
    ("<think>Vejo letras.</think>O pão é bom.", 1, 1),
    ("O pão\né  bom.", 1, 1),
    ("O pao\ne  bom.", 10 / 12, 11 / 13),
    # Cut off while thinking: what was thought is no transcription.
    ("<think>O pão é bom.", 0, 12 / 19),
    ("Não sei", 0, 0),
]


@pytest.mark.parametrize(("answer", "right", "published"), CASES)
def test_scores(answer: str, right: float, published: float) -> None:
    sample = make.sample(target="O pão é bom.").record
    # A run takes reasoning out before it scores.
    assert TASK.score(answers.without_reasoning(answer), sample).value == pytest.approx(right)
    assert TASK.published.score(answer, sample).value == pytest.approx(published)


def test_letters_with_marks_count_apart() -> None:
    diacritics = TASK.metrics[2]
    sample, plain = make.sample(target="O pão é bom.").record, make.sample(target="Bom dia").record
    assert diacritics.measure(TASK.score("O pão e bom.", sample), sample) == 0.5
    assert diacritics.measure(TASK.score("Bom dia", plain), plain) is None


def test_words_of_all_transcriptions_together() -> None:
    samples = [make.sample(target=text).record for text in ("O pão é bom.", "Bom dia a todos")]
    for metric, score in (
        (TASK.metrics[1], TASK.score),
        (TASK.published.metrics[1], TASK.published.score),
    ):
        scores = [
            score(text, sample)
            for text, sample in zip(("O pão é mau.", "Bom dia"), samples, strict=True)
        ]
        sums = np.sum(metric.statistics(scores, samples), axis=0)
        # 4 of 5 tokens and 2 of 2 are right, 7 of 9 are there.
        assert float(metric.combine(sums)) == pytest.approx(100 * 6 / 7 * np.exp(1 - 9 / 7))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"answer": None}, "has no 'answer'; expected a value"),
        ({"question": None}, "has no 'question'; expected a value"),
        ({"image": None}, "has no picture in 'image'; expected its bytes"),
    ],
)
def test_rows_that_are_wrong(samples_from, change: dict, message: str) -> None:
    (failed,) = samples_from(TASK, ROW | change)
    assert failed.message == f"task portexto_handwritten, row 0 {message}"
