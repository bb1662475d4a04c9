"""Make the model of ``amalia.variety`` from named packages, and examine it across domains.

Every domain is left out once: a model learns from the others and from written pairs and is examined
on it. From those answers come the table of the docs, the calibration and the margins within which a
text is undecided. The shipped model then learns from all domains.

Usage: ``python scripts/build_variety.py --cache FOLDER [--out FOLDER] [--page FILE]``
"""

from __future__ import annotations

import argparse
import hashlib
import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from variety_fit import Counted, fit_other, fit_variety
from variety_pairs import EXAM_WORDS, Corpus, Pair, corpus
from variety_sources import PACKAGES, WORD_LISTS

from amalia.variety import features
from amalia.variety.evidence import agree, find
from amalia.variety.findings import Side
from amalia.variety.model import Calibration, Numbers
from amalia.variety.text import join_readable, read

_LOG = logging.getLogger("build_variety")
_ROOT = Path(__file__).resolve().parent.parent
_DOCUMENT = 10
_MAX_EXAMINED = 2000
_WANTED_RIGHT = 0.85


@dataclass(frozen=True, slots=True)
class Examined:
    """What a model that has not seen a domain says of its texts; the true side is above nought."""

    domain: str
    sums: Numbers
    """Towards the true side: above nought is right. First all of Portugal, then all of Brazil."""
    letters: Numbers
    agreeing: NDArray[np.bool_]
    """Whether there is evidence and all of it is on the side of the sum."""
    document_sums: Numbers
    document_letters: Numbers

    def decided(self, by: Calibration) -> NDArray[np.bool_]:
        """Say which texts are decided."""
        size = np.abs(by.logits(self.sums, self.letters))
        return size > np.where(self.agreeing, by.margin, by.margin_without)


def main() -> None:
    """Build, examine and write."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--cache", type=Path, required=True, help="folder of fetched packages")
    parser.add_argument("--out", type=Path, default=_ROOT / "src/amalia/variety")
    parser.add_argument("--page", type=Path, default=_ROOT / "docs/variety.md")
    given = parser.parse_args()
    made = corpus(given.cache)
    counted = Counted.of(made)
    domains = sorted(made.translated)
    examined = []
    for domain in domains:
        weights = fit_variety(counted, [other for other in domains if other != domain])
        examined.append(examine(domain, made.translated[domain], weights))
        _LOG.info("%s: %.3f", domain, np.mean(examined[-1].sums > 0))
    calibration = calibrate(examined)
    shipped = fit_variety(counted, domains)
    other = fit_other(_portuguese(made), made.foreign)
    _save(given.out, shipped, other, calibration)
    _put(given.page, table(examined, calibration))
    manifest = _manifest(made, examined, calibration, given.out / "model.npz")
    text = json.dumps(manifest, ensure_ascii=False, indent=1) + "\n"
    (given.out / "manifest.json").write_text(text, "utf-8")


def _portuguese(made: Corpus) -> list[str]:
    """Gather Portuguese of both countries; what is written counts three times, for it is not software."""
    pairs = [pair for found in made.translated.values() for pair in found[:1500]]
    pairs += 3 * [pair for found in made.written.values() for pair in found]
    return [text for pair in pairs for text in pair if text]


def examine(domain: str, pairs: Sequence[Pair], weights: NDArray[np.float32]) -> Examined:
    """Weigh both sides of the pairs of at least five words, alone and ten at a time."""
    kept = [pair for pair in pairs if min(len(side.split()) for side in pair) >= EXAM_WORDS]
    kept = kept[:_MAX_EXAMINED]
    sums, letters, agreeing, documents, document_letters = [], [], [], [], []
    for side, sign in ((0, 1), (1, -1)):
        texts = [pair[side] for pair in kept]
        found = sign * _sums(texts, weights)
        sums.append(found)
        letters.append(np.array([len(text) for text in texts], float))
        wanted: list[Side] = ["pt-PT" if sign * one > 0 else "pt-BR" for one in found]
        evidence = [find(read(text), text) for text in texts]
        agreeing.append([agree(*both) for both in zip(evidence, wanted, strict=True)])
        joined = [
            "\n".join(texts[at : at + _DOCUMENT])
            for at in range(0, len(texts) - _DOCUMENT + 1, _DOCUMENT)
        ]
        documents.append(sign * _sums(joined, weights))
        document_letters.append(np.array([len(text) for text in joined], float))
    return Examined(
        domain,
        np.concatenate(sums),
        np.concatenate(letters),
        np.concatenate([np.array(side) for side in agreeing]),
        np.concatenate(documents),
        np.concatenate(document_letters),
    )


def calibrate(examined: Sequence[Examined]) -> Calibration:
    """Choose slope and power by likelihood, domains alike, and margins as small as lets 85 % be right."""

    def loss(x: Numbers) -> float:
        trial = Calibration(float(np.exp(x[0])), float(x[1]))
        total = 0.0
        for one in examined:
            single = np.logaddexp(0, -trial.logits(one.sums, one.letters)).mean()
            many = trial.logits(one.document_sums, one.document_letters)
            total += float(single) + float(np.logaddexp(0, -many).mean())
        return total

    best = minimize(loss, np.array([-1.0, 0.5]), method="Nelder-Mead").x
    slope, power = float(np.exp(best[0])), float(best[1])
    trials = [
        Calibration(slope, power, a, b)
        for a in np.arange(0, 0.41, 0.05)
        for b in np.arange(a, 1.6, 0.05)
    ]
    right = [_mean((one.sums[one.decided(t)] > 0).mean() for one in examined) for t in trials]
    enough = [t for t, share in zip(trials, right, strict=True) if share >= _WANTED_RIGHT]
    return max(enough, key=lambda t: _mean(one.decided(t).mean() for one in examined))


def table(examined: Sequence[Examined], calibration: Calibration) -> str:
    """Write the cross-domain table as Markdown."""
    lines = [
        "| left out | pairs | sentence | decided | of them right | right order | ten sentences | ECE |",
        "|---|---|---|---|---|---|---|---|",
    ]
    rows = [_row(one, calibration) for one in examined]
    for one, row in zip(examined, rows, strict=True):
        half = len(one.sums) // 2
        margin = 1.96 * (row[0] * (1 - row[0]) / len(one.sums)) ** 0.5
        cells = [
            one.domain,
            f"{half:,}",
            f"{row[0]:.3f} ± {margin:.3f}",
            *(f"{x:.3f}" for x in row[1:]),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    means = [float(np.mean(column)) for column in zip(*rows, strict=True)]
    lines.append(f"| **mean** | | {' | '.join(f'**{x:.3f}**' for x in means)} |")
    return "\n".join(lines) + "\n"


def _put(page: Path, made: str) -> None:
    """Put the table between its marks in the page of the docs."""
    before, mark, rest = page.read_text("utf-8").partition("<!-- table -->\n")
    _, end, after = rest.partition("<!-- /table -->")
    page.write_text(before + mark + made + end + after, "utf-8")


def _row(one: Examined, calibration: Calibration) -> tuple[float, ...]:
    half = len(one.sums) // 2
    decided = one.decided(calibration)
    order = one.sums[:half] + one.sums[half:]
    return (
        float((one.sums > 0).mean()),
        float(decided.mean()),
        float((one.sums[decided] > 0).mean()),
        float(((order > 0) + 0.5 * (order == 0)).mean()),
        float((one.document_sums > 0).mean()),
        _calibration_error(calibration.logits(one.sums, one.letters)),
    )


def _calibration_error(logits: Numbers) -> float:
    """Expected calibration error in ten bins of the probability of the likelier side."""
    sure = 1 / (1 + np.exp(-np.abs(logits)))
    bins = np.minimum(((sure - 0.5) * 20).astype(int), 9)
    gaps = [
        np.abs((logits[bins == b] > 0).mean() - sure[bins == b].mean()) * (bins == b).mean()
        for b in range(10)
        if (bins == b).any()
    ]
    return float(np.sum(gaps))


def _sums(texts: Sequence[str], weights: NDArray[np.float32]) -> Numbers:
    return features.scores(features.encode(*join_readable(texts)), weights)


def _mean(values: object) -> float:
    return float(np.mean(list(values)))  # type: ignore[call-overload]


def _save(
    out: Path, variety: NDArray[np.float32], other: NDArray[np.float32], calibration: Calibration
) -> None:
    saved = {}
    for name, weights in (("variety", variety), ("other", other)):
        # What hardly weighs is left out: a hundredth of a nat decides nothing.
        rows = np.flatnonzero(np.abs(weights) >= 0.01)
        saved[f"{name}_rows"] = rows.astype(np.int32)
        saved[f"{name}_weights"] = weights[rows].astype(np.float16)
    np.savez_compressed(out / "model.npz", calibration=np.array(astuple(calibration)), **saved)


def _manifest(
    made: Corpus, examined: Sequence[Examined], calibration: Calibration, model: Path
) -> Mapping[str, object]:
    return {
        "made_by": "python scripts/build_variety.py",
        "sha256": hashlib.sha256(model.read_bytes()).hexdigest(),
        "packages": {p.name: p.license for p in (*PACKAGES, *WORD_LISTS)},
        "archives": {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in made.archives},
        "pairs": {name: len(pairs) for name, pairs in made.translated.items()},
        "written": {name: len(pairs) for name, pairs in made.written.items()},
        "foreign": {tag: len(texts) for tag, texts in made.foreign.items()},
        "calibration": {"slope": calibration.slope, "power": calibration.power},
        "cross_domain_sentence_accuracy": {
            one.domain: round(float((one.sums > 0).mean()), 4) for one in examined
        },
    }


if __name__ == "__main__":
    main()
