"""Make the model of ``amalia.variety`` from named packages, and examine it across domains.

Every domain of software and every register of written pairs is left out once: a model learns from the
others and is examined on it. From those answers come the tables of the docs, the calibration and the
margins within which a text is undecided. The shipped model then learns from all of them.

Usage: ``python scripts/build_variety.py --cache FOLDER [--jobs N] [--out FOLDER] [--page FILE]``
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
from joblib import Parallel, delayed
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
_EXAM = _ROOT / "tests/variety/exam.tsv"
_DOCUMENT = 10
_MAX_EXAMINED = 2000
_WANTED_RIGHT = 0.85
_WANTED_DECIDED = 0.8


@dataclass(frozen=True, slots=True)
class Weighed:
    """What a model that has not seen a domain says of texts of it."""

    sums: Numbers
    """Towards the true side: above nought is right; of neutral texts, towards Portugal."""
    strengths: Numbers
    letters: Numbers
    agreeing: NDArray[np.bool_]
    """Whether there is evidence and all of it is on the side of the sum."""

    def decided(self, by: Calibration) -> NDArray[np.bool_]:
        """Say which texts are decided."""
        certainty = by.certainty(by.logits(self.sums, self.letters), self.strengths)
        return certainty > np.where(self.agreeing, by.margin, by.margin_without)


@dataclass(frozen=True, slots=True)
class Examined:
    """The texts of a domain: first all of Portugal, then all of Brazil."""

    domain: str
    alone: Weighed
    ten_together: Weighed
    neutral: Weighed
    """The same in both countries; software has none."""


def main() -> None:
    """Build, examine and write."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--cache", type=Path, required=True, help="folder of fetched packages")
    parser.add_argument("--jobs", type=int, default=2, help="folds at once, 4 GB each")
    parser.add_argument("--out", type=Path, default=_ROOT / "src/amalia/variety")
    parser.add_argument("--page", type=Path, default=_ROOT / "docs/variety.md")
    given = parser.parse_args()
    made = corpus(given.cache)
    counted = Counted.of(made)
    pages = {"software": made.translated, "prose": made.registers}
    folds = [(page, name) for page, parts in pages.items() for name in sorted(parts)]
    weighed = Parallel(n_jobs=given.jobs, return_as="generator")(
        delayed(fit_variety)(counted, (name,)) for _, name in folds
    )
    examined: dict[str, list[Examined]] = {page: [] for page in pages}
    for (page, name), weights in zip(folds, weighed, strict=True):
        examined[page].append(examine(name, pages[page][name], weights))
        _LOG.info("%s: %.3f", name, np.mean(examined[page][-1].alone.sums > 0))
    calibration = calibrate(list(examined.values()))
    shipped = fit_variety(counted)
    other = fit_other(_portuguese(made), made.foreign)
    _save(given.out, shipped, other, calibration)
    for page, found in examined.items():
        _put(given.page, page, table(found, calibration, head="left out"))
    exam = [examine(name, pairs, shipped) for name, pairs in _exam().items()]
    _put(given.page, "exam", table(exam, calibration, head="register"))
    every = [one for found in examined.values() for one in found]
    manifest = _manifest(made, every, calibration, given.out / "model.npz")
    text = json.dumps(manifest, ensure_ascii=False, indent=1) + "\n"
    (given.out / "manifest.json").write_text(text, "utf-8")


def _exam() -> Mapping[str, Sequence[Pair]]:
    """Read the pairs that nothing is learnt from."""
    found: dict[str, list[Pair]] = {}
    for line in _EXAM.read_text("utf-8").splitlines()[1:]:
        register, ours, theirs = line.split("\t")
        found.setdefault(register, []).append((ours, theirs))
    return found


def _portuguese(made: Corpus) -> list[str]:
    """Gather Portuguese of both countries; what is written counts three times, for it is not software."""
    pairs = [pair for found in made.translated.values() for pair in found[:1500]]
    unlike = [*made.made.values(), *made.registers.values(), *made.careless.values()]
    pairs += 3 * [pair for found in unlike for pair in found]
    return [text for pair in pairs for text in pair if text]


def examine(domain: str, pairs: Sequence[Pair], weights: NDArray[np.float32]) -> Examined:
    """Weigh both sides of the pairs of at least five words, alone and ten at a time."""
    long = [pair for pair in pairs if min(len(side.split()) for side in pair) >= EXAM_WORDS]
    kept = [pair for pair in long if pair[0] != pair[1]][:_MAX_EXAMINED]
    sides = [[pair[side] for pair in kept] for side in (0, 1)]
    places = range(0, len(kept) - _DOCUMENT + 1, _DOCUMENT)
    joined = [["\n".join(texts[at : at + _DOCUMENT]) for at in places] for texts in sides]
    neutral = [ours for ours, theirs in long if ours == theirs]
    return Examined(
        domain,
        weigh(sides[0], sides[1], weights),
        weigh(joined[0], joined[1], weights),
        weigh(neutral, [], weights),
    )


def weigh(ours: Sequence[str], theirs: Sequence[str], weights: NDArray[np.float32]) -> Weighed:
    """Weigh texts of Portugal and of Brazil."""
    texts = [*ours, *theirs]
    if not texts:
        return Weighed(np.zeros(0), np.zeros(0), np.zeros(0), np.zeros(0, np.bool_))
    encoded = features.encode(*join_readable(texts))
    sums, strengths = features.scores_and_strengths(encoded, weights)
    sides: list[Side] = ["pt-PT" if one > 0 else "pt-BR" for one in sums]
    agreeing = [
        agree(find(read(text), text), side) for text, side in zip(texts, sides, strict=True)
    ]
    signs = np.where(np.arange(len(texts)) < len(ours), 1, -1)
    letters = np.array([len(text) for text in texts], float)
    return Weighed(signs * sums, strengths, letters, np.array(agreeing, np.bool_))


def calibrate(pages: Sequence[Sequence[Examined]]) -> Calibration:
    """Choose slope and power by likelihood, and margins.

    Software and prose count alike, and so do the domains within each. Of the margins at which enough
    is decided and enough of it right, those that decide least of what is neutral.
    """
    examined = [one for page in pages for one in page]
    share = [1 / len(page) for page in pages for _ in page]

    def loss(x: Numbers) -> float:
        trial = Calibration(float(np.exp(x[0])), float(x[1]))
        total = 0.0
        for part, one in zip(share, examined, strict=True):
            for texts in (one.alone, one.ten_together):
                logits = trial.logits(texts.sums, texts.letters)
                total += part * float(np.logaddexp(0, -logits).mean())
        return total

    best = minimize(loss, np.array([-1.0, 0.5]), method="Nelder-Mead").x
    slope, power = float(np.exp(best[0])), float(best[1])
    trials = [
        Calibration(slope, power, per_strength, margin, margin + more)
        for per_strength in np.arange(0, 1.6, 0.25)
        for margin in np.arange(0, 2.1, 0.25)
        for more in np.arange(0, 5, 0.1)
    ]
    return max(trials, key=lambda trial: _worth(trial, examined, share))


def _worth(
    trial: Calibration, examined: Sequence[Examined], share: Sequence[float]
) -> tuple[bool, float, float]:
    decided = [one.alone.decided(trial) for one in examined]
    right = [(one.alone.sums[some] > 0).mean() for one, some in zip(examined, decided, strict=True)]
    part = np.average([some.mean() for some in decided], weights=share)
    neutral = [one.neutral.decided(trial).mean() for one in examined if len(one.neutral.sums)]
    is_right = bool(np.average(right, weights=share) >= _WANTED_RIGHT)
    return is_right, min(float(part), _WANTED_DECIDED), -float(np.mean(neutral))


def table(examined: Sequence[Examined], calibration: Calibration, *, head: str) -> str:
    """Write the cross-domain table as Markdown."""
    lines = [
        f"| {head} | pairs | sentence | decided | of them right | right order | ten sentences | ECE |"
        " neutral decided |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    rows = [_row(one, calibration) for one in examined]
    for one, row in zip(examined, rows, strict=True):
        half = len(one.alone.sums) // 2
        margin = 1.96 * (row[0] * (1 - row[0]) / (2 * half)) ** 0.5
        cells = [
            one.domain,
            f"{half:,}",
            f"{row[0]:.3f} ± {margin:.3f}",
            *(_figure(x) for x in row[1:]),
        ]
        lines.append(f"| {' | '.join(cells)} |")
    means = [float(np.mean(column)) for column in zip(*rows, strict=True)]
    lines.append(f"| **mean** | | {' | '.join(f'**{_figure(x)}**' for x in means)} |")
    return "\n".join(lines) + "\n"


def _figure(x: float) -> str:
    return "–" if np.isnan(x) else f"{x:.3f}"


def _put(page: Path, name: str, made: str) -> None:
    """Put a table between its marks in the page of the docs."""
    before, mark, rest = page.read_text("utf-8").partition(f"<!-- {name} -->\n")
    _, end, after = rest.partition(f"<!-- /{name} -->")
    page.write_text(before + mark + made + end + after, "utf-8")


def _row(one: Examined, calibration: Calibration) -> tuple[float, ...]:
    sums = one.alone.sums
    decided = one.alone.decided(calibration)
    neutral = one.neutral.decided(calibration)
    order = sums[: len(sums) // 2] + sums[len(sums) // 2 :]
    return (
        float((sums > 0).mean()),
        float(decided.mean()),
        float((sums[decided] > 0).mean()),
        float(((order > 0) + 0.5 * (order == 0)).mean()),
        float((one.ten_together.sums > 0).mean()),
        _calibration_error(calibration.logits(sums, one.alone.letters)),
        float(neutral.mean()) if len(neutral) else float("nan"),
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
        "registers": {name: len(pairs) for name, pairs in made.registers.items()},
        "made": {name: len(pairs) for name, pairs in made.made.items()},
        "foreign": {tag: len(texts) for tag, texts in made.foreign.items()},
        "calibration": {"slope": calibration.slope, "power": calibration.power},
        "cross_domain_sentence_accuracy": {
            one.domain: round(float((one.alone.sums > 0).mean()), 4) for one in examined
        },
    }


if __name__ == "__main__":
    main()
