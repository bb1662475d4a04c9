"""How OCRBench scores: is the right answer somewhere in what was said, even inside a longer word or number.

The result is how many of its 1000 questions are right, so a part of them cannot come near 1.

Source: Liu et al. 2023, OCRBench (arXiv:2305.07895), and the fork of its program in amalia-vl-eval.
"""

from collections.abc import Sequence

import numpy as np

from amalia.evaluate.task import Array, PooledMetric, Score
from amalia.records import Sample

_FORMULAS = "dataset:HME100k"
_QUESTIONS = 1000
_RECOGNITION = tuple(
    f"{kind} Recognition"
    for kind in (
        "Regular Text",
        "Irregular Text",
        "Artistic Text",
        "Handwriting",
        "Digit String",
        "Non-Semantic Text",
    )
)
_OTHERS = (
    "Scene Text-centric VQA",
    "Doc-oriented VQA",
    "Key Information Extraction",
    "Handwritten Mathematical Expression Recognition",
)


def score(text: str, sample: Sample) -> Score:
    """Score by containment: capitals do not count, blanks count; for formulas it is the other way round."""
    is_formula = _FORMULAS in sample.groups
    said = _plain(text, is_formula)
    found = [target for target in sample.targets if _plain(target, is_formula) in said]
    note = f"{found[-1]!r} is in the answer" if found else "no right answer is in it"
    return Score(float(bool(found)), text.strip(), readable=True, note=note)


def metrics() -> tuple[PooledMetric, ...]:
    """Make the published metrics: the share of the 1000 questions, and the number right of five kinds."""
    return (
        _total("ocrbench_accuracy", (*_RECOGNITION, *_OTHERS), scale=1 / _QUESTIONS),
        _total("Text Recognition", _RECOGNITION, unit="points"),
        *(_total(kind, (kind,), unit="points") for kind in _OTHERS),
    )


def _total(
    name: str, kinds: tuple[str, ...], *, scale: float = 1.0, unit: str = ""
) -> PooledMetric:
    groups = {f"type:{kind}" for kind in kinds}

    def statistics(scores: Sequence[Score], samples: Sequence[Sample]) -> Array:
        rows = [
            [score.value if groups & set(sample.groups) else 0.0]
            for score, sample in zip(scores, samples, strict=True)
        ]
        return np.asarray(rows, dtype=np.float64)

    return PooledMetric(name, statistics, lambda sums: np.asarray(sums[..., 0] * scale), unit=unit)


def _plain(text: str, is_formula: bool) -> str:
    if is_formula:
        return text.strip().replace("\n", " ").replace(" ", "")
    return text.lower().strip().replace("\n", " ")
