"""The numbers of captions, made in one place: BLEU, ROUGE-L and CIDEr of what was said against what people wrote.

``portuguese`` counts Portuguese words. ``published`` has the words and the names of the COCO caption evaluation; its
METEOR is left out, whose stems, synonyms and weights are English. The caption is the answer of a score.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np

from amalia.evaluate import captions
from amalia.evaluate.task import AnyMetric, Array, Metric, PooledMetric, Score
from amalia.evaluate.words import portuguese_words, ptb_words
from amalia.records import Sample

Words = Callable[[str], list[str]]
ORDERS = (1, 2, 3, 4)
# Six metrics split the same texts, seen and blind, and the English rules are slow.
_REMEMBERED = 100_000


def portuguese() -> tuple[AnyMetric, ...]:
    """Make BLEU-1 to BLEU-4, ROUGE-L and CIDEr with Portuguese words."""
    words = lru_cache(_REMEMBERED)(portuguese_words)
    return (
        *(_bleu(f"bleu_{order}", order, words) for order in ORDERS),
        _rouge_l("rouge_l", words),
        _cider("cider", words),
    )


def published(prefix: str) -> tuple[AnyMetric, ...]:
    """Make the same with the words of the Penn Treebank, in the published order, named behind a prefix."""
    words = lru_cache(_REMEMBERED)(ptb_words)
    return (
        *(_bleu(f"{prefix}_Bleu_{order}", order, words) for order in reversed(ORDERS)),
        _rouge_l(f"{prefix}_ROUGE_L", words),
        _cider(f"{prefix}_CIDEr", words),
    )


def _bleu(name: str, order: int, words: Words) -> PooledMetric:
    def statistics(scores: Sequence[Score], samples: Sequence[Sample]) -> Array:
        rows = [
            captions.bleu_statistics(score.answer, sample.targets, words)
            for score, sample in zip(scores, samples, strict=True)
        ]
        return np.asarray(rows, dtype=np.float64)

    return PooledMetric(name, statistics, lambda sums: captions.bleu(sums, order))


def _rouge_l(name: str, words: Words) -> Metric:
    return Metric(name, lambda score, sample: captions.rouge_l(score.answer, sample.targets, words))


def _cider(name: str, words: Words) -> PooledMetric:
    """Make the mean of CIDEr, 0–10; how rare words are is known from all samples at once."""

    def statistics(scores: Sequence[Score], samples: Sequence[Sample]) -> Array:
        said = [score.answer for score in scores]
        values = captions.cider(said, [sample.targets for sample in samples], words)
        return np.stack([values, np.ones_like(values)], axis=-1)

    return PooledMetric(name, statistics, _mean, unit="points", most=10.0)


def _mean(sums: Array) -> Array:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(sums[..., 0] / sums[..., 1])
