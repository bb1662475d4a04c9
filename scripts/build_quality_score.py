"""Fits the quality score of ``amalia.corpus`` and measures it on texts, registers and kinds it has not seen.

    python scripts/build_quality_score.py            # writes the weights and the table of docs/quality.md

The examples are those of ``quality_examples.py``. Held out are two registers and a sixth of the help folders, and, in a
second examination, each kind of bad text in turn too. The weights that are shipped are fitted on everything.
"""

from __future__ import annotations

import argparse
import logging
import random
import re
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from quality_examples import BAD, Example, examples
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from amalia.corpus.quality_score import FILE, TABLE_SIZE, Features, Model, features
from amalia.corpus.statistics import statistics

_LOG = logging.getLogger("build_quality_score")
_PAGE = Path(__file__).parents[1] / "docs" / "quality.md"
_SHARPNESS = 30.0
"""Rows count as fractions of a text, far smaller than the statistics; so much they are raised for the fit."""
_DIRECTIONS = np.array([0, 1, -1, -1, -1, -1, -1, -1, -1, 1, -1, -1, 0, 1], np.float32)
"""Which way each statistic may speak, as they stand in ``Features.measured``; those that constructed texts would turn
round («bullets are a sign of prose», since menus have none) are left out."""
_HELD_OUT_REGISTERS = ("news", "official")


def main() -> None:
    """Examine, fit on everything, write."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--each", type=int, default=400, help="texts of every bad kind")
    parser.add_argument(
        "--penalty", type=float, default=1.0, help="inverse strength, as scikit-learn's C"
    )
    parser.add_argument("--no-write", action="store_true", help="only examine")
    given = parser.parse_args()
    found = examples(random.Random(7), each=given.each)
    found.sort(key=lambda example: zlib.crc32(example.text.encode()))
    read = [features(example.text, statistics(example.text)) for example in found]
    is_good = np.array([example.is_good for example in found])
    is_held_out = np.array([_is_held_out(example) for example in found])
    _LOG.info("%d texts, %d good, %d held out", len(found), is_good.sum(), is_held_out.sum())
    rows = _examined(found, read, is_held_out, given.penalty)
    table = "\n".join(["| not seen | texts | AUC |", "|---|---|---|", *rows])
    _LOG.info("%s", table)
    if given.no_write:
        return
    model = _fitted(read, is_good, given.penalty)
    np.savez_compressed(
        FILE,
        table=model.table.astype(np.float16),
        center=model.center,
        scale=model.scale,
        of_measured=model.of_measured,
        bias=np.float32(model.bias),
    )
    _LOG.info("%d bytes", FILE.stat().st_size)
    page = _PAGE.read_text("utf-8")
    pattern = r"(<!-- score -->\n).*?(\n<!-- /score -->)"
    _PAGE.write_text(re.sub(pattern, lambda m: m[1] + table + m[2], page, flags=re.S), "utf-8")


def _is_held_out(example: Example) -> bool:
    return example.source in _HELD_OUT_REGISTERS or zlib.crc32(example.source.encode()) % 6 == 0


def _examined(
    found: Sequence[Example],
    read: Sequence[Features],
    is_held_out: NDArray[np.bool_],
    penalty: float,
) -> list[str]:
    is_good = np.array([example.is_good for example in found])
    kinds = np.array([example.kind for example in found])
    model = _fitted(_chosen(read, ~is_held_out), is_good[~is_held_out], penalty)
    scores = np.array([model.score(one) for one in read])
    rows = [_row("sources (help folders, registers)", scores[is_held_out], is_good[is_held_out])]
    for kind in BAD:
        rest = ~is_held_out & (kinds != kind)
        asked = is_held_out & (is_good | (kinds == kind))
        other = _fitted(_chosen(read, rest), is_good[rest], penalty)
        scores = np.array([other.score(one) for one in _chosen(read, asked)])
        rows.append(_row(f"sources, and of bad text «{kind}»", scores, is_good[asked]))
    return rows


def _row(name: str, scores: NDArray[np.float64], is_good: NDArray[np.bool_]) -> str:
    return f"| {name} | {len(scores):,} | {roc_auc_score(is_good, scores):.3f} |"


def _chosen(read: Sequence[Features], mask: NDArray[np.bool_]) -> list[Features]:
    return [one for one, chosen in zip(read, mask, strict=True) if chosen]


def _fitted(read: Sequence[Features], is_good: NDArray[np.bool_], penalty: float) -> Model:
    measured = np.stack([one.measured for one in read])
    center, scale = measured.mean(0), measured.std(0) + 1e-6
    known = np.clip((measured - center) / scale, -4, 4)
    starts = np.cumsum([0, *(len(one.rows) for one in read)])
    rows = np.concatenate([one.rows for one in read])
    weights = np.concatenate([one.weights for one in read]) * _SHARPNESS
    hashed = sparse.csr_matrix((weights, rows, starts), shape=(len(read), 2 * TABLE_SIZE))
    hashed.sum_duplicates()
    is_kept = np.ones(len(_DIRECTIONS), bool)
    while True:
        model = LogisticRegression(
            C=penalty, max_iter=300, class_weight="balanced", solver="liblinear"
        )
        model.fit(sparse.hstack([hashed, sparse.csr_matrix(known * is_kept)]).tocsr(), is_good)
        of_all = model.coef_[0].astype(np.float32)
        of_measured = of_all[2 * TABLE_SIZE :] * is_kept
        is_wrong = of_measured * _DIRECTIONS < 0
        if not is_wrong.any():
            break
        is_kept &= ~is_wrong
    return Model(
        (of_all[: 2 * TABLE_SIZE] * _SHARPNESS).astype(np.float16).astype(np.float32),
        center.astype(np.float32),
        scale.astype(np.float32),
        of_measured,
        float(model.intercept_[0]),
    )


if __name__ == "__main__":
    main()
