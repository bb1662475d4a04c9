"""A linear baseline of scikit-learn on the folds of ``build_variety.py``, for the page of the docs.

TF-IDF of two to five characters and of one and two words, and logistic regression, on at most 3,000
pairs a domain and all written ones. Usage: ``python scripts/variety_baseline.py --cache FOLDER NAME…``
"""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_union
from variety_pairs import EXAM_WORDS, corpus

_LOG = logging.getLogger("variety_baseline")
_MAX_LEARNT = 3000
_MAX_EXAMINED = 2000


def main() -> None:
    """Leave each named domain or register out, fit on the rest, and print the share of right sentences."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--cache", type=Path, required=True, help="folder of fetched packages")
    parser.add_argument("names", nargs="+", help="domains and registers to leave out")
    given = parser.parse_args()
    made = corpus(given.cache)
    parts = {**made.translated, **made.registers}
    for left_out in given.names:
        learnt = [
            p for name, pairs in parts.items() if name != left_out for p in pairs[:_MAX_LEARNT]
        ]
        learnt = [pair for pair in learnt if pair[0] != pair[1]]
        features = make_union(
            TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 5), min_df=3, sublinear_tf=True),
            TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True),
        )
        counted = features.fit_transform([a for a, _ in learnt] + [b for _, b in learnt])
        model = LogisticRegression(C=2, solver="liblinear", max_iter=50)
        model.fit(counted, [1] * len(learnt) + [0] * len(learnt))
        pairs = [p for p in parts[left_out] if min(len(side.split()) for side in p) >= EXAM_WORDS]
        pairs = [pair for pair in pairs if pair[0] != pair[1]][:_MAX_EXAMINED]
        ours, theirs = (
            model.decision_function(features.transform([pair[side] for pair in pairs]))
            for side in (0, 1)
        )
        right = np.concatenate([ours > 0, theirs < 0])
        order = np.mean(ours > theirs)
        _LOG.info("%s: sentence %.3f, right order %.3f", left_out, right.mean(), order)


if __name__ == "__main__":
    main()
