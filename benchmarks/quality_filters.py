"""Speed of all quality rules together, beside the four filters of datatrove in a row; and of what goes with them.

Documents are made as in the peer's own measurement: 2.9 kB of Portuguese-like words, a third of them near duplicates.
The peer runs in an environment of its own, which needs spaCy for Portuguese words:

    python -m venv peers && peers/bin/pip install datatrove==0.9.0 'spacy<4' regex ftfy
    python benchmarks/quality_filters.py --peer peers/bin/python --json

Prints ``{case: {"ours": x, "peer": y, "ratio": r, "wanted": w}}`` last on stdout, in documents a second of CPU time of
one process (the machine may be shared), versions and machine on stderr, and exits 1 when a wanted ratio, or a wanted
speed where there is no peer, is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

_THREADS = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
_TIMES = 3
_WANTED_RATIO = 50.0
_WANTED_PER_S = {
    "language": 1000.0,
    "variety": 1000.0,
    "quality score": 1000.0,
    "addresses": 10_000.0,
}
_STOP_WORDS = (
    "de a o que e do da em um para é com não uma os no se na por mais as dos como mas foi ao ele das tem à seu sua ou "
    "ser quando muito há nos já está eu também só pelo pela até isso ela entre era depois sem mesmo aos"
).split()
_PEER = """
import json, sys, time
from importlib.metadata import version
from datatrove.data import Document
from datatrove.pipeline.filters import C4QualityFilter, FineWebQualityFilter
from datatrove.pipeline.filters import GopherQualityFilter, GopherRepetitionFilter
from datatrove.utils.word_tokenizers import load_word_tokenizer
given = json.load(open(sys.argv[1], encoding="utf-8"))
texts, stop = given["texts"], given["stop_words"]
filters = [GopherRepetitionFilter(language="por"), GopherQualityFilter(stop_words=stop, language="por"),
           C4QualityFilter(filter_no_terminal_punct=False, language="por"), FineWebQualityFilter(language="por")]
load_word_tokenizer("por").word_tokenize("aquece isto")
kept, start = 0, time.process_time()
for number, text in enumerate(texts):
    document = Document(text=text, id=str(number))
    for one in filters:
        found = one.filter(document)
        if not (found[0] if isinstance(found, tuple) else found):
            break
    else:
        kept += 1
seconds = time.process_time() - start
print(json.dumps({"per_s": len(texts) / seconds, "kept": kept, "num": len(texts),
                  "versions": {name: version(name) for name in ("datatrove", "spacy")}}))
"""


def main() -> None:
    """Measure, print, and say by the exit code whether all that is wanted was reached."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument(
        "--peer", type=Path, help="Python of an environment with datatrove and spaCy"
    )
    parser.add_argument("--documents", type=int, default=500)
    parser.add_argument("--json", action="store_true", help="the object alone (it is always last)")
    given = parser.parse_args()
    if any(os.environ.get(name) != "1" for name in _THREADS):  # read when NumPy is imported
        arguments = [sys.executable, __file__, *sys.argv[1:]]
        sys.exit(subprocess.run(arguments, env={**os.environ, **_THREADS}, check=False).returncode)
    texts = documents(given.documents)
    size = sum(len(text.encode()) for text in texts) / len(texts)
    sys.stderr.write(
        f"{platform.processor() or platform.machine()}, {platform.platform()}, Python {platform.python_version()}, "
        f"NumPy {version('numpy')}; {len(texts)} documents of {size / 1000:.1f} kB\n"
    )
    ours = _ours(texts)
    peer = _peers(given.peer, texts) if given.peer else None
    cases: dict[str, dict[str, float | None]] = {
        "all quality rules": _case(ours.pop("all quality rules"), peer, _WANTED_RATIO)
    }
    for name, per_s in ours.items():
        cases[name] = {
            "ours": round(per_s, 1),
            "peer": None,
            "ratio": None,
            "wanted": _WANTED_PER_S[name],
        }
    sys.stdout.write(json.dumps(cases, indent=None if given.json else 1) + "\n")
    sys.exit(0 if all(map(_is_reached, cases.values())) else 1)


def documents(num: int) -> list[str]:
    """Make documents as the peer's measurement does: common words, made-up ones by a heavy-tailed choice, lines."""
    rng = random.Random(0)
    words = _made_words(rng)

    def word() -> str:
        if rng.random() < 0.42:
            return rng.choice(_STOP_WORDS)
        place = int(rng.paretovariate(0.35)) - 1
        return words[min(place, len(words) - 1)] if rng.random() < 0.9 else rng.choice(words)

    def line() -> str:
        said = " ".join(word() for _ in range(rng.randint(8, 60))).capitalize()
        return said + (rng.choice("...?!") if rng.random() < 0.85 else "")

    found: list[str] = []
    for _ in range(num):
        if found and rng.random() < 0.3:
            some = rng.choice(found).split(" ")
            for _ in range(max(1, int(len(some) * rng.uniform(0.01, 0.04)))):
                some[rng.randrange(len(some))] = rng.choice(words)
            found.append(" ".join(some))
        else:
            lines = max(2, int(rng.lognormvariate(2.0, 0.7)))
            found.append("\n".join(line() for _ in range(lines)))
    return found


def _made_words(rng: random.Random, num: int = 40_000) -> list[str]:
    onsets = "b c d f g l m n p r s t v lh nh ch br tr pr qu j z".split()
    vowels, ends = "a e i o u ã ão ei ou é ê ó ç".split(), ["", "", "", "s", "r", "l", "m"]
    made: set[str] = set()
    while len(made) < num:
        syllables = range(rng.randint(2, 4))
        made.add(
            "".join(rng.choice(onsets) + rng.choice(vowels) + rng.choice(ends) for _ in syllables)
        )
    words = sorted(made)
    rng.shuffle(words)
    return words


def _ours(texts: Sequence[str]) -> dict[str, float]:
    from amalia.corpus.address_lists import packaged, why_not
    from amalia.corpus.language import identify, variety_of
    from amalia.corpus.quality_score import score
    from amalia.corpus.statistics import statistics
    from amalia.corpus.thresholds import Thresholds, failing, with_c4

    thresholds, lists = with_c4(Thresholds()), packaged()
    kept = sum(not failing(statistics(text), thresholds) for text in texts)
    sys.stderr.write(f"ours keeps {kept} of {len(texts)}\n")
    measured = [statistics(text) for text in texts]
    urls = [
        f"https://www.exemplo{number}.pt/noticias/2019/{number}" for number in range(len(texts))
    ]
    work: dict[str, Callable[[], object]] = {
        "all quality rules": lambda: [failing(statistics(text), thresholds) for text in texts],
        "language": lambda: [identify(text) for text in texts],
        "variety": lambda: [variety_of(text) for text in texts],
        "quality score": lambda: [score(*one) for one in zip(texts, measured, strict=True)],
        "addresses": lambda: [why_not(url, lists) for url in urls],
    }
    return {name: len(texts) / _seconds(one) for name, one in work.items()}


def _seconds(work: Callable[[], object]) -> float:
    """Give the best of several runs."""
    found = []
    for _ in range(_TIMES):
        start = time.process_time()
        work()
        found.append(time.process_time() - start)
    return min(found)


def _peers(python: Path, texts: Sequence[str]) -> float:
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
        json.dump({"texts": list(texts), "stop_words": _STOP_WORDS}, file)
        file.flush()
        command = [str(python), "-c", _PEER, file.name]
        said = []
        for _ in range(_TIMES):  # the best, as of ours
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            said.append(json.loads(done.stdout.splitlines()[-1]))
    best: dict[str, float] = max(said, key=lambda one: one["per_s"])
    sys.stderr.write(f"peer: {best}\n")
    return best["per_s"]


def _case(ours: float, peer: float | None, wanted: float) -> dict[str, float | None]:
    return {
        "ours": round(ours, 1),
        "peer": peer and round(peer, 1),
        "ratio": peer and round(ours / peer, 1),
        "wanted": wanted,
    }


def _is_reached(case: dict[str, float | None]) -> bool:
    """Compare the ratio where there is a peer; without one nothing can be said of a wanted ratio."""
    wanted = case["wanted"] or 0.0
    if case["ratio"] is not None:
        return case["ratio"] >= wanted
    return (case["ours"] or 0.0) >= wanted


if __name__ == "__main__":
    main()
