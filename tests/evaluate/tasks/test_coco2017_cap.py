"""Captions: the prompt, what one is worth, and the numbers of all of them with Portuguese and with English words."""

import make
import numpy as np
import pytest

from amalia.evaluate.tasks.coco2017_cap import TASK

CAPTIONS = [
    "Um gato preto dorme no sofá.",
    "Um gato dorme num sofá vermelho.",
    "Gato preto a dormir.",
]
ROW = {
    "question_id": "000000000139.jpg",
    "id": 139,
    "answer": CAPTIONS,
    "image": {"bytes": make.picture(), "path": None},
}


def test_a_row_is_a_question(samples_from) -> None:
    (row,) = samples_from(TASK, ROW)
    assert row.record.prompt.turns[-1].text == "Descreve a imagem.\nResponde com uma só frase."
    assert row.record.targets == tuple(CAPTIONS)


def _f(precision: float, recall: float) -> float:
    weight = 1.2**2
    return (1 + weight) * precision * recall / (recall + weight * precision)


CASES = [
    ("Um gato preto dorme no sofá.", 1, 1),
    ("um gato PRETO dorme no sofá", 1, 1),
    ("Um gato preto dorme no chão.", 5 / 6, 5 / 6),
    ("Um autocarro na rua", _f(1 / 4, 1 / 6), _f(1 / 4, 1 / 6)),
    ("Vê-se um gato preto: dorme no sofá", _f(6 / 7, 1), _f(6 / 7, 1)),
    ("Um gato preto dorme no sofá (grande).", _f(6 / 7, 1), _f(6 / 9, 1)),
]


@pytest.mark.parametrize(("answer", "right", "published"), CASES)
def test_scores(answer: str, right: float, published: float) -> None:
    sample = make.sample(target=CAPTIONS[0], accepted=tuple(CAPTIONS[1:])).record
    assert TASK.score(answer, sample).value == pytest.approx(right)
    assert TASK.published.score(answer, sample).value == pytest.approx(published)


def test_a_caption_without_words_is_unreadable() -> None:
    assert not TASK.score("…", make.sample(target=CAPTIONS[0]).record).readable


def _numbers(metrics, score) -> dict[str, float]:
    wanted = (CAPTIONS, ["Dois cães correm na praia, junto ao mar.", "Cães na areia"])
    said = ("Um gato preto dorme no sofá.", "Dois cães correm junto ao mar!")
    samples = [make.sample(target=first, accepted=tuple(more)).record for first, *more in wanted]
    scores = [score(text, sample) for text, sample in zip(said, samples, strict=True)]
    found = {}
    for metric in metrics:
        if hasattr(metric, "combine"):
            value = metric.combine(np.sum(metric.statistics(scores, samples), axis=0))
        else:
            value = np.mean([metric.measure(*pair) for pair in zip(scores, samples, strict=True)])
        found[metric.name] = round(float(value), 6)
    return found


def test_numbers_with_portuguese_words() -> None:
    numbers = _numbers(TASK.metrics, TASK.score)
    assert list(numbers) == ["bleu_1", "bleu_2", "bleu_3", "bleu_4", "rouge_l", "cider"]
    # All 12 words that were said are right, of 14 in the nearest captions.
    assert numbers["bleu_1"] == pytest.approx(np.exp(1 - 14 / 12), abs=1e-5)
    assert numbers["rouge_l"] == pytest.approx((1 + _f(1, 6 / 8)) / 2, abs=1e-5)


def test_numbers_as_published() -> None:
    # Computed by pycocoevalcap 1.2, which takes «mar.» for another word than «mar».
    assert _numbers(TASK.published.metrics, TASK.published.score) == {
        "coco_Bleu_4": 0.585673,
        "coco_Bleu_3": 0.652647,
        "coco_Bleu_2": 0.724884,
        "coco_Bleu_1": 0.775942,
        "coco_ROUGE_L": 0.848174,
        "coco_CIDEr": 3.26763,
    }


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"answer": []}, "has [] as 'answer'; expected one or more texts"),
        ({"image": None}, "has no picture in 'image'; expected its bytes"),
    ],
)
def test_rows_that_are_wrong(samples_from, change: dict, message: str) -> None:
    (failed,) = samples_from(TASK, ROW | change)
    assert failed.message == f"task coco2017_cap, row 0 {message}"
