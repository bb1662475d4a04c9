"""Metrics that compare a text with several references: BLEU, ROUGE-L, CIDEr-D, BLEU-1.

BLEU is a number of a corpus, not a mean over texts. So each text gives statistics that add up, and a
second function turns sums of them, one row a bootstrap resample, into scores. The tokenizer is the
caller's, from ``words``: BLEU, ROUGE-L and CIDEr follow the COCO caption evaluation (pycocoevalcap),
whose numbers they are with ``ptb_words``; with ``portuguese_words`` they are right for Portuguese.

METEOR is not offered: its stems, synonyms, function words and tuned weights are English resources,
and without a Portuguese set of each, fitted to human judgements, the number would not be METEOR.
ROUGE-L is not ``rouge-score``'s: that drops every letter that is not a–z unless it is given a
tokenizer, and takes the best reference whole instead of precision and recall from either.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from math import exp, log, sqrt
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from amalia.errors import MissingExtra, TaskError

if TYPE_CHECKING:
    from sacrebleu.metrics.bleu import BLEU

Tokenize = Callable[[str], list[str]]
Floats = npt.NDArray[np.float64]
NGram = tuple[str, ...]

MAX_ORDER = 4
_NUM_BLEU_STATISTICS = 2 * MAX_ORDER + 2
_NUM_BLEU1_STATISTICS = 4
# Keep a quotient of nothing defined; part of the published definition.
_TINY, _SMALL = 1e-15, 1e-9
_RECALL_WEIGHT = 1.2
_LENGTH_SPREAD = 6.0


def bleu_statistics(text: str, references: Sequence[str], tokenize: Tokenize) -> tuple[float, ...]:
    """Count what BLEU needs to know of one text; counts of many texts add up.

    Args:
        text: the text to score; an empty one is fine.
        references: one or more right texts.
        tokenize: gives the words of a text.

    Returns:
        Ten numbers: matching n-grams of length 1 to 4, each counted at most as often as in the
        reference that has most of it; n-grams of length 1 to 4 in the text; words in the text;
        words in the reference of nearest length, the shorter of two.

    Raises:
        TaskError: without references.

    Source: Papineni et al. 2002, section 2.
    """
    said = tokenize(text)
    wanted = [tokenize(reference) for reference in _some(references)]
    most: Counter[NGram] = Counter()
    for words in wanted:
        most |= _ngrams(words)
    matches = [0] * MAX_ORDER
    for ngram, count in _ngrams(said).items():
        matches[len(ngram) - 1] += min(count, most[ngram])
    totals = [max(0, len(said) - order) for order in range(MAX_ORDER)]
    nearest = min((len(words) for words in wanted), key=lambda num: (abs(num - len(said)), num))
    return tuple(float(count) for count in (*matches, *totals, len(said), nearest))


def bleu(sums: npt.ArrayLike, order: int) -> Floats:
    """BLEU of a corpus from summed statistics, 0–1.

    Args:
        sums: sums of ``bleu_statistics``, [..., 10].
        order: longest n-gram that counts, 1 to 4.

    Returns:
        [...], the geometric mean of the precisions times the brevity penalty.

    Raises:
        TaskError: if the last axis is not 10 or the order not 1 to 4.

    Source: Papineni et al. 2002, section 2.3, with the two small constants of pycocoevalcap.
    """
    table = _statistics(sums, _NUM_BLEU_STATISTICS)
    if not 1 <= order <= MAX_ORDER:
        raise TaskError(f"BLEU got the order {order}; expected 1 to {MAX_ORDER}")
    matches, totals = table[..., :order], table[..., MAX_ORDER : MAX_ORDER + order]
    precision = np.prod((matches + _TINY) / (totals + _SMALL), axis=-1) ** (1 / order)
    ratio = (table[..., -2] + _TINY) / (table[..., -1] + _SMALL)
    return np.asarray(precision * np.exp(np.minimum(0.0, 1 - 1 / ratio)), dtype=np.float64)


def rouge_l(text: str, references: Sequence[str], tokenize: Tokenize) -> float:
    """F-measure of the longest common subsequence of words, 0–1, recall counting more (beta 1.2).

    The best precision and the best recall may come from different references. A text without words
    scores 0.

    Raises:
        TaskError: without references.

    Source: Lin 2004, eq. 2–4, with the choice over references of pycocoevalcap.
    """
    said = tokenize(text)
    wanted = [tokenize(reference) for reference in _some(references)]
    shared = [_common_subsequence(said, words) for words in wanted]
    if not any(shared):
        return 0.0
    precision = max(shared) / len(said)
    recall = max(num / len(words) for num, words in zip(shared, wanted, strict=True) if words)
    weight = _RECALL_WEIGHT**2
    return (1 + weight) * precision * recall / (recall + weight * precision)


def cider(texts: Sequence[str], references: Sequence[Sequence[str]], tokenize: Tokenize) -> Floats:
    """CIDEr-D of each text, 0–10: likeness to its references in the n-grams that tell pictures apart.

    How rare an n-gram is, is counted over the references given here, one document a text. So scores
    of different corpora do not compare, and those of a single text are 0. The mean of the scores is
    that of the corpus; a bootstrap over them keeps the rarities of the whole.

    Args:
        texts: N texts to score.
        references: of each text, one or more right ones.
        tokenize: gives the words of a text.

    Returns:
        [N], in the order of the texts.

    Raises:
        TaskError: without texts, if the lengths differ, or if a text has no references.

    Source: Vedantam et al. 2015, eq. 2 and section on CIDEr-D (arXiv:1411.5726), with n 1 to 4 and
    sigma 6; lengths are counted in bigrams, as pycocoevalcap does.
    """
    if not texts or len(texts) != len(references):
        raise TaskError(
            f"CIDEr got {len(texts)} texts and references of {len(references)};"
            " expected the same number of both, at least one"
        )
    said = [_ngrams(tokenize(text)) for text in texts]
    wanted = [[_ngrams(tokenize(text)) for text in _some(several)] for several in references]
    documents = Counter(ngram for several in wanted for ngram in set().union(*several))
    scores = []
    for mine, several in zip(said, wanted, strict=True):
        vector = _weigh(mine, documents, len(texts))
        alike = [_likeness(vector, _weigh(one, documents, len(texts))) for one in several]
        scores.append(10 * sum(alike) / len(alike))
    return np.asarray(scores, dtype=np.float64)


def bleu1_statistics(text: str, references: Sequence[str]) -> tuple[float, ...]:
    """Count what BLEU-1 of transcriptions needs to know of one text; counts of many texts add up.

    Words are those of sacrebleu's tokenizer ``13a``; capitals count.

    Returns:
        Four numbers: matching words, words compared, words in the text, words in the reference of
        nearest length.

    Raises:
        TaskError: without references.
        MissingExtra: without sacrebleu.

    Source: Post 2018 (arXiv:1804.08771).
    """
    score = _sacrebleu().sentence_score(text, list(_some(references)))
    return (
        float(score.counts[0]), float(score.totals[0]), float(score.sys_len), float(score.ref_len)
    )  # fmt: skip


def bleu1(sums: npt.ArrayLike) -> Floats:
    """BLEU-1 of a corpus from summed statistics, 0–100 as sacrebleu gives it.

    That is ``BLEU(max_ngram_order=1, effective_order=True)``, the score of PorTEXTO.

    Args:
        sums: sums of ``bleu1_statistics``, [..., 4].

    Returns:
        [...], precision of the words times the brevity penalty; 0 where no word matches.

    Raises:
        TaskError: if the last axis is not 4.
    """
    table = _statistics(sums, _NUM_BLEU1_STATISTICS)
    matches, totals, said, wanted = np.moveaxis(table, -1, 0)
    precision = matches / np.maximum(totals, 1)
    penalty = np.exp(np.minimum(0.0, 1 - wanted / np.maximum(said, 1)))
    return np.asarray(100 * precision * penalty, dtype=np.float64)


def _some(references: Sequence[str]) -> Sequence[str]:
    if not references or isinstance(references, str):
        raise TaskError(f"a text got the references {references!r}; expected a list of one or more")
    return references


def _statistics(sums: npt.ArrayLike, num: int) -> Floats:
    table = np.asarray(sums, dtype=np.float64)
    if table.ndim == 0 or table.shape[-1] != num:
        raise TaskError(f"sums of statistics have shape {table.shape}; expected [..., {num}]")
    return table


def _ngrams(words: Sequence[str]) -> Counter[NGram]:
    return Counter(
        tuple(words[start : start + order])
        for order in range(1, MAX_ORDER + 1)
        for start in range(len(words) - order + 1)
    )


def _common_subsequence(first: Sequence[str], second: Sequence[str]) -> int:
    """Length of the longest sequence of words that both hold, in order, with gaps or without."""
    row = [0] * (len(second) + 1)
    for word in first:
        diagonal = 0
        for column, other in enumerate(second, start=1):
            above = row[column]
            row[column] = diagonal + 1 if word == other else max(above, row[column - 1])
            diagonal = above
    return row[-1]


class _Vector(NamedTuple):
    weights: dict[NGram, float]
    norms: tuple[float, ...]
    num_bigrams: int


def _weigh(counts: Counter[NGram], documents: Counter[NGram], num_texts: int) -> _Vector:
    weights: dict[NGram, float] = {}
    squares = [0.0] * MAX_ORDER
    num_bigrams = 0
    for ngram, count in counts.items():
        weight = count * (log(num_texts) - log(max(1, documents[ngram])))
        weights[ngram] = weight
        squares[len(ngram) - 1] += weight**2
        num_bigrams += count if len(ngram) == 2 else 0
    return _Vector(weights, tuple(sqrt(square) for square in squares), num_bigrams)


def _likeness(mine: _Vector, other: _Vector) -> float:
    """Mean over n of the clipped cosine of two vectors, less where their lengths differ."""
    products = [0.0] * MAX_ORDER
    for ngram, weight in mine.weights.items():
        theirs = other.weights.get(ngram, 0.0)
        products[len(ngram) - 1] += min(weight, theirs) * theirs
    cosines = [
        product / (norm * other_norm)
        for product, norm, other_norm in zip(products, mine.norms, other.norms, strict=True)
        if norm and other_norm
    ]
    difference = mine.num_bigrams - other.num_bigrams
    return sum(cosines) / MAX_ORDER * exp(-(difference**2) / (2 * _LENGTH_SPREAD**2))


def _sacrebleu() -> "BLEU":
    try:
        from sacrebleu.metrics.bleu import BLEU
    except ImportError as error:
        raise MissingExtra("BLEU-1 of transcriptions", "eval") from error
    return BLEU(max_ngram_order=1, effective_order=True)
