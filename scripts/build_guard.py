"""Make the weights of ``amalia.guard.classifier`` from the grammar of ``guard_training_data``.

The threshold stands in the module; this says which figures each would have on the requests of
``safety.tsv``, by which it was chosen. Weights are deterministic: the same grammar gives the same. Then all
checks of the package are measured on ``prompts.tsv``, from which nothing is learnt, and the tables of
``docs/guard-rates.md`` are written; ``--page-only`` does no more than that.

Usage: ``python scripts/build_guard.py [--per-category N] [--out FILE] [--page FILE] [--page-only]``
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from guard_training_data import Sample, fingerprint, samples
from scipy.sparse import csr_matrix
from sklearn.linear_model import LogisticRegression

from amalia.guard import classifier, rates
from amalia.guard.classifier import LABELS, TABLE_BITS, Weights, features, judged, pieces
from amalia.guard.rates import Found
from amalia.guard.verdict import CATEGORIES

_LOG = logging.getLogger("build_guard")
_ROOT = Path(__file__).resolve().parent.parent
_SAFETY = _ROOT / "src/amalia/evaluate/tasks/safety.tsv"
PER_CATEGORY = 1500
_STRENGTH = 4.0
_THRESHOLDS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7)


def main() -> None:
    """Build and write."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--per-category", type=int, default=PER_CATEGORY)
    parser.add_argument("--out", type=Path, default=classifier.FILE)
    parser.add_argument("--page", type=Path, default=_ROOT / "docs/guard-rates.md")
    parser.add_argument("--page-only", action="store_true", help="measure the weights as they are")
    given = parser.parse_args()
    if not given.page_only:
        build(given.per_category, given.out)
    text = given.page.read_text("utf-8")
    for name, made in blocks().items():
        text = put(text, name, made)
    given.page.write_text(text, "utf-8")


def build(per_category: int, out: Path) -> None:
    """Learn, write, and say what the weights do on the requests of the evaluation."""
    made = samples(per_category)
    _LOG.info("%d texts, %s", len(made), fingerprint(made))
    fit(made).save(out)
    _LOG.info("%d bytes", out.stat().st_size)
    for line in figures(Weights.load(out)):
        _LOG.info("%s", line)


def fit(made: Sequence[Sample]) -> Weights:
    """Fit one regression a label."""
    found = [features(text) for text, _ in made]
    lengths = np.array([len(rows) for rows in found])
    starts = np.concatenate(([0], np.cumsum(lengths)))
    values = np.repeat(1 / np.sqrt(np.maximum(lengths, 1)), lengths)
    shape = (len(made), 1 << TABLE_BITS)
    matrix = csr_matrix((values, np.concatenate(found), starts), shape=shape)
    labels = np.array([label for _, label in made])
    table = np.zeros((1 << TABLE_BITS, len(LABELS)), np.float32)
    bias = np.zeros(len(LABELS), np.float32)
    for at, label in enumerate(LABELS):
        model = LogisticRegression(C=_STRENGTH, solver="liblinear", random_state=0)
        model.fit(matrix, labels == label)
        table[:, at], bias[at] = model.coef_[0], model.intercept_[0]
    return Weights(table, bias, fingerprint(made))


def figures(weights: Weights) -> list[str]:
    """Say what each threshold would do on the requests of the evaluation."""
    with _SAFETY.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    best = []
    for row in rows:
        text = row["prompt"]
        best.append(
            max(
                (judged(weights.scores(text[a:b])) for a, b in pieces(text)), key=lambda one: one[1]
            )
        )
    lines = []
    for threshold in np.arange(0.2, 0.95, 0.05):
        hit = [score >= threshold for _, score in best]
        harmful = [h for h, row in zip(hit, rows, strict=True) if row["kind"] == "harmful"]
        harmless = [h for h, row in zip(hit, rows, strict=True) if row["kind"] == "harmless"]
        right = [
            h and one[0] == row["category"]
            for h, one, row in zip(hit, best, rows, strict=True)
            if row["kind"] == "harmful"
        ]
        lines.append(
            f"{threshold:.2f}: missed {1 - np.mean(harmful):.3f} "
            f"(own category {1 - np.mean(right):.3f}), false alarms {np.mean(harmless):.3f}"
        )
    return lines


def blocks() -> dict[str, str]:
    """Make what stands between marks in the page, by the names of the marks."""
    texts = rates.examples()
    measured = rates.measure_shipped(texts)
    made = {name: rates.table(one) for name, one in measured.items()}
    made["set"] = (
        f"{len(texts)} texts, {sum(one.kind == 'harmful' for one in texts)} of them harmful; SHA-256 of the "
        f"file `{hashlib.sha256(rates.FILE.read_bytes()).hexdigest()}`.\n"
    )
    made["thresholds"] = rates.thresholds(texts, _THRESHOLDS)
    both = measured["rules_and_classifier"]
    made["missed"] = rates.listing(shortest(both.missed()))
    for name in ("rules", "classifier"):
        made[f"false_alarms_{name}"] = rates.listing(measured[name].false_alarms())
    others = [*measured["identifiers"].missed(), *measured["variety"].missed()]
    alarms = [*measured["identifiers"].false_alarms(), *measured["variety"].false_alarms()]
    made["other_errors"] = rates.listing([*others, *alarms])
    return made


def shortest(found: Sequence[Found]) -> list[Found]:
    """Keep the shortest text of each category."""
    kept: dict[str, Found] = {}
    for one in sorted(found, key=lambda one: len(one.example.text)):
        kept.setdefault(one.example.category, one)
    return [kept[name] for name in CATEGORIES if name in kept]


def put(page: str, name: str, made: str) -> str:
    """Put what was made between its marks.

    Raises:
        ValueError: The page has no such marks.
    """
    before, mark, rest = page.partition(f"<!-- {name} -->\n")
    _, end, after = rest.partition(f"<!-- /{name} -->")
    if not mark or not end:
        raise ValueError(
            f"the page has no marks named {name}; expected <!-- {name} --> and <!-- /{name} -->"
        )
    return before + mark + made + end + after


if __name__ == "__main__":
    main()
