"""Caption metrics by numbers that can be worked out by hand."""

import sys
from math import exp, log

import numpy as np
import pytest
from sacrebleu.metrics.bleu import BLEU

from amalia.errors import MissingExtra, TaskError
from amalia.evaluate import captions
from amalia.evaluate.words import portuguese_words, ptb_words

CAT = "O gato dorme no sofá."
CATS = ["O gato dorme no tapete.", "Um gato está a dormir no sofá."]


@pytest.mark.parametrize(
    ("text", "references", "expected"),
    [
        # sofá is in the second reference only, «dorme no sofá» in none; 5 words are nearer than 7
        (CAT, CATS, (5, 4, 2, 1, 5, 4, 3, 2, 5, 5)),
        # «o» counts as often as the reference has it; of 2 and 4 words the fewer are nearest
        ("O o o.", ["O cão.", "O cão do vizinho."], (1, 0, 0, 0, 3, 2, 1, 0, 3, 2)),
        ("Cão.", ["Um cão."], (1, 0, 0, 0, 1, 0, 0, 0, 1, 2)),
        ("", ["Um cão."], (0, 0, 0, 0, 0, 0, 0, 0, 0, 2)),
        ("Um cão.", ["…"], (0, 0, 0, 0, 2, 1, 0, 0, 2, 0)),
    ],
)
def test_bleu_statistics(text: str, references: list[str], expected: tuple[float, ...]) -> None:
    assert captions.bleu_statistics(text, references, portuguese_words) == expected


@pytest.mark.parametrize(
    ("order", "expected"), [(1, 1), (2, 1), (3, (2 / 3) ** (1 / 3)), (4, (1 / 3) ** (1 / 4))]
)
def test_bleu_of_one_text(order: int, expected: float) -> None:
    statistics = captions.bleu_statistics(CAT, CATS, portuguese_words)
    assert captions.bleu(statistics, order) == pytest.approx(expected, abs=1e-8)


def test_bleu_of_a_short_text_is_less() -> None:
    statistics = captions.bleu_statistics("O gato", ["O gato dorme ali."], portuguese_words)
    assert captions.bleu(statistics, 1) == pytest.approx(exp(1 - 4 / 2), abs=1e-8)


def test_bleu_of_a_corpus_is_of_its_sums() -> None:
    rows = np.array(
        [
            captions.bleu_statistics("Um cão preto", ["Um cão branco"], portuguese_words),
            captions.bleu_statistics("Uma casa", ["Uma casa amarela"], portuguese_words),
        ]
    )
    # 4 of 5 words, 2 of 3 pairs of words, 5 words for 6
    expected = (4 / 5 * 2 / 3) ** 0.5 * exp(1 - 6 / 5)
    assert captions.bleu(rows.sum(axis=0), 2) == pytest.approx(expected, abs=1e-8)
    resamples = rows[np.array([[0, 1], [0, 0], [1, 1]])].sum(axis=1)
    scores = captions.bleu(resamples, 2)
    assert scores.shape == (3,)
    assert scores[0] == pytest.approx(expected, abs=1e-8)
    assert scores[2] == pytest.approx(exp(1 - 3 / 2), abs=1e-8)


def test_bleu_of_nothing_is_zero() -> None:
    assert captions.bleu(np.zeros((2, 10)), 4).tolist() == [0, 0]


@pytest.mark.parametrize(
    ("text", "references", "expected"),
    [
        (CAT, [CAT], 1),
        # «o gato dorme»: 3 of 4 words said, 3 of 5 words right
        ("O gato preto dorme", [CAT], 2.44 * (3 / 4) * (3 / 5) / (3 / 5 + 1.44 * 3 / 4)),
        # precision 3/4 from the first, recall 2/2 from the second
        ("O gato preto dorme", [CAT, "Gato dorme"], 2.44 * (3 / 4) / (1 + 1.44 * 3 / 4)),
        ("Dorme o gato", ["O gato dorme"], 2 / 3),
        ("Um cão", ["O gato"], 0),
        ("", ["O gato"], 0),
        ("O gato", ["…"], 0),
        ("", ["…"], 0),
    ],
)
def test_rouge_l(text: str, references: list[str], expected: float) -> None:
    assert captions.rouge_l(text, references, portuguese_words) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("texts", "references", "expected"),
    [
        # n-grams of all four lengths agree, or of length 1 only
        (["Um gato dorme ali", "x"], [["Um gato dorme ali"], ["Cão"]], [10, 0]),
        (["Gato", "Cão"], [["Gato"], ["Cão"]], [2.5, 2.5]),
        # what every picture has tells nothing
        (["Um", "Um"], [["Um gato"], ["Um cão"]], [0, 0]),
        # twice is not more right (half the cosine), and one pair of words is too much
        (["Gato gato", "Cão"], [["Gato"], ["Cão"]], [2.5 / 2 * exp(-1 / 72), 2.5]),
        # the mean over references
        (["Gato", "Cão"], [["Gato", "Pato"], ["Cão"]], [1.25, 2.5]),
        (["Gato"], [["Gato"]], [0]),
        (["", "Cão"], [["Gato"], ["Cão"]], [0, 2.5]),
    ],
)
def test_cider(texts: list[str], references: list[list[str]], expected: list[float]) -> None:
    scores = captions.cider(texts, references, portuguese_words)
    assert scores.tolist() == pytest.approx(expected)


def test_cider_weighs_rare_words_more() -> None:
    # «gato» is in two of three, «persa» in one: idf log 3/2 and log 3
    references = [["Gato persa"], ["Gato"], ["Cão"]]
    scores = captions.cider(["Persa", "Gato", "Cão"], references, portuguese_words)
    common, rare = log(3 / 2), log(3)
    expected = 2.5 * rare / (common**2 + rare**2) ** 0.5 * exp(-1 / 72)
    assert scores[0] == pytest.approx(expected)


def test_the_tokenizer_decides() -> None:
    beach = "Uma praia junto ao mar."
    mine = captions.bleu_statistics("O mar azul", [beach], portuguese_words)
    assert mine[0] == 1
    assert captions.bleu_statistics("O mar azul", [beach], ptb_words)[0] == 0


@pytest.mark.parametrize(
    ("text", "references", "expected"),
    [
        ("Proibido estacionar", ["Proibido estacionar"], 100),
        ("Proibido estacionar", ["Proibido estacionar aqui"], 100 * exp(1 - 3 / 2)),
        ("Proibido virar à direita", ["Proibido estacionar aqui"], 25),
        ("proibido", ["Proibido"], 0),
        ("Saída.", ["Saída"], 50),
        ("", ["Saída"], 0),
        ("Saída", ["Entrada", "Saída de emergência"], 100),
    ],
)
def test_bleu1(text: str, references: list[str], expected: float) -> None:
    statistics = captions.bleu1_statistics(text, references)
    assert captions.bleu1(statistics) == pytest.approx(expected)


def test_bleu1_equals_sacrebleu() -> None:
    said = ["Rua da Prata, n.º 5", "Não há vagas!", "Café «Central»: 1,20 €", "", "Vende-se"]
    right = [
        ["Rua da Prata, nº 5", "R. da Prata, 5"],
        ["Não há vagas", "Sem vagas!"],
        ["Café Central: 1,20 €", "Café “Central” - 1.20 €"],
        ["Aberto", "Aberto das 9h às 17h"],
        ["Vende-se apartamento T2", "Vende-se T2"],
    ]
    rows = np.array(
        [captions.bleu1_statistics(text, some) for text, some in zip(said, right, strict=True)]
    )
    published = BLEU(max_ngram_order=1, effective_order=True)
    corpus = published.corpus_score(said, [list(some) for some in zip(*right, strict=True)])
    assert captions.bleu1(rows.sum(axis=0)) == pytest.approx(corpus.score, abs=1e-9)
    alone = [
        published.sentence_score(text, some).score for text, some in zip(said, right, strict=True)
    ]
    assert captions.bleu1(rows).tolist() == pytest.approx(alone, abs=1e-9)


def test_bleu1_without_sacrebleu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sacrebleu.metrics.bleu", None)
    with pytest.raises(MissingExtra, match=r"amalia\[eval\]"):
        captions.bleu1_statistics("Saída", ["Saída"])


def test_refusals() -> None:
    with pytest.raises(TaskError, match="one or more"):
        captions.rouge_l("Um cão", [], portuguese_words)
    with pytest.raises(TaskError, match="list"):
        captions.bleu_statistics("Um cão", "Um cão", portuguese_words)
    with pytest.raises(TaskError, match="one or more"):
        captions.bleu1_statistics("Um cão", [])
    with pytest.raises(TaskError, match="one or more"):
        captions.cider(["Um cão"], [[]], portuguese_words)
    with pytest.raises(TaskError, match="same number"):
        captions.cider(["Um cão"], [], portuguese_words)
    with pytest.raises(TaskError, match="at least one"):
        captions.cider([], [], portuguese_words)
    with pytest.raises(TaskError, match="order 5"):
        captions.bleu(np.zeros(10), 5)
    with pytest.raises(TaskError, match=r"\[\.\.\., 10\]"):
        captions.bleu(np.zeros(4), 1)
    with pytest.raises(TaskError, match=r"\[\.\.\., 4\]"):
        captions.bleu1(1.0)
