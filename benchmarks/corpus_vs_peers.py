"""A web archive to finished documents: our whole recipe beside datatrove's stock steps, on the same archives.

    amalia data fetch libreoffice-help-pt && amalia data fetch libreoffice-help-pt-br
    python -m venv peer
    peer/bin/pip install 'datatrove[io,processing]==0.9.0' spacy regex nltk tokenizers 'xxhash<4' warcio lxml_html_clean
    python benchmarks/corpus_vs_peers.py --archives runs/fetched --peer peer/bin/python --json

datatrove reads the archives with its WARC reader, takes the text with Trafilatura, applies its Gopher repetition,
Gopher quality, C4 and FineWeb filters for Portuguese, and removes near duplicates in its four stages (14 bands of 8
rows, word 5-grams). It is given no language filter, whose model it would download, and masks nothing. Ours does all of
``recipes/mini/corpus.yaml``: also language, variety, address lists, quality score, personal data, exact duplicates,
tokens, and a manifest. Both take two workers.

Cases: ``captures_s``, captures a second from end to end; then those of ``quality_filters.py``, ``near_duplicates.py``
and ``extraction.py``, which are run one after the other unless ``--whole-only`` is given. Prints ``{case: {"ours": x,
"peer": y, "ratio": r, "wanted": w}}`` last on stdout and exits 1 when a wanted ratio is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

_WANTED = 15.0
_WORKERS = 2
_THREADS = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "RAYON_NUM_THREADS"), "1")


def main() -> None:
    """Measure, print, and say by the exit code whether what is wanted was reached."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--archives", type=Path, required=True, help="folder of WARC files")
    parser.add_argument("--peer", help="Python with datatrove and what its steps need")
    parser.add_argument("--peer-files", type=int, default=2, help="archives that the peer takes")
    parser.add_argument("--whole-only", action="store_true", help="leave the parts out")
    parser.add_argument("--json", action="store_true", help="the object alone (it is always last)")
    parser.add_argument("--as-peer", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.as_peer is not None:
        _as_peer(given.archives, given.as_peer)
        return
    sys.stderr.write(
        f"{platform.processor() or platform.machine()}, {platform.platform()}, "
        f"fastwarc {version('fastwarc')}, resiliparse {version('resiliparse')}, load {os.getloadavg()[0]:.1f}\n"
    )
    files = sorted(given.archives.rglob("*.warc.gz"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ours = _ours(files, folder / "ours")
        same = _ours(files[: given.peer_files], folder / "same")
        peer = _peer(given, files[: given.peer_files], folder)
    cases: dict[str, Any] = {
        "captures_s": {
            "ours": ours["captures_s"],
            "ours_same_archives": same["captures_s"],
            "ours_kept": same["kept"],
            "peer": peer["captures_s"],
            "peer_kept": peer["kept"],
            "ratio": round(ours["captures_s"] / peer["captures_s"], 1),
            "wanted": _WANTED,
            "reached": ours["captures_s"] >= _WANTED * peer["captures_s"],
        }
    }
    reached = all(case["reached"] for case in cases.values())
    if not given.whole_only:
        for name, more in (
            ("quality_filters", ["--peer", given.peer]),
            ("near_duplicates", ["--peer", given.peer]),
            ("extraction", []),
        ):
            found, has_reached = _part(name, more)
            cases |= found
            reached &= has_reached
    sys.stdout.write(json.dumps(cases, indent=None if given.json else 1) + "\n")
    sys.exit(0 if reached else 1)


def _part(name: str, more: list[str]) -> tuple[dict[str, Any], bool]:
    """Run the benchmark of a part; gives its cases and whether all was reached."""
    script = Path(__file__).with_name(f"{name}.py")
    done = subprocess.run(
        [sys.executable, str(script), *more, "--json"],
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if not done.stdout.strip():
        sys.exit(f"{script} said nothing and ended with {done.returncode}")
    return json.loads(done.stdout.splitlines()[-1]), done.returncode == 0


def _ours(files: list[Path], folder: Path) -> dict[str, Any]:
    sources = folder / "archives"
    sources.mkdir(parents=True)
    for number, path in enumerate(files):
        (sources / f"{number:05d}.warc.gz").symlink_to(path.absolute())
    recipe = folder / "corpus.yaml"
    source = {"kind": "archives", "path": str(sources), "license": "NOASSERTION"}
    recipe.write_text(json.dumps({"kind": "corpus", "name": "bench", "sources": {"all": source}}))
    command = [sys.executable, "-m", "amalia", "data", str(recipe), "--out", str(folder / "out")]
    began = time.perf_counter()
    subprocess.run(
        [*command, f"run.workers={_WORKERS}"],
        check=True,
        stdout=sys.stderr,
        env={**os.environ, **_THREADS},
    )
    took = time.perf_counter() - began
    manifests = (folder / "out").glob("*/manifest.json")
    told = [json.loads(path.read_text("utf-8")) for path in manifests]
    captures = told[0]["figures"]["captures"]
    return {
        "captures_s": round(captures / took, 1),
        "kept": sum(one["counts"]["records"] for one in told),
    }


def _peer(given: argparse.Namespace, files: list[Path], folder: Path) -> dict[str, Any]:
    if given.peer is None:
        sys.exit("name the Python of the peer with --peer")
    sources = folder / "peer"
    sources.mkdir()
    for number, path in enumerate(files):
        (sources / f"{number:05d}.warc.gz").symlink_to(path.absolute())
    done = subprocess.run(
        [given.peer, __file__, "--archives", str(sources), "--as-peer", str(folder / "peer-out")],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **_THREADS},
    )
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def _as_peer(archives: Path, out: Path) -> None:
    """Run in the peer's own environment."""
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.dedup import (
        MinhashDedupBuckets,
        MinhashDedupCluster,
        MinhashDedupFilter,
        MinhashDedupSignature,
    )
    from datatrove.pipeline.dedup.minhash import MinhashConfig
    from datatrove.pipeline.extractors import Trafilatura
    from datatrove.pipeline.filters import (
        C4QualityFilter,
        FineWebQualityFilter,
        GopherQualityFilter,
        GopherRepetitionFilter,
    )
    from datatrove.pipeline.readers import JsonlReader, WarcReader
    from datatrove.pipeline.writers import JsonlWriter
    from datatrove.utils.hashing import HashConfig

    settings = MinhashConfig(
        n_grams=5, num_buckets=14, hashes_per_bucket=8, hash_config=HashConfig(precision=64)
    )
    stop_words = "de a e o em do da que um no uma com para na é foi".split()
    filters = [
        GopherRepetitionFilter(language="por"),
        GopherQualityFilter(language="por", stop_words=stop_words),
        C4QualityFilter(language="por", filter_no_terminal_punct=False),
        FineWebQualityFilter(language="por"),
    ]
    num_files = len(list(archives.glob("*.warc.gz")))
    names = {step: str(out / step) for step in ("read", "signed", "buckets", "removed", "kept")}

    def run(name: str, steps: list[Any], tasks: int) -> Any:
        return LocalPipelineExecutor(
            steps, tasks=tasks, workers=min(tasks, _WORKERS), logging_dir=str(out / "logs" / name)
        ).run()

    began = time.perf_counter()
    run(
        "read",
        [WarcReader(str(archives)), Trafilatura(timeout=10), *filters, JsonlWriter(names["read"])],
        num_files,
    )
    signature = MinhashDedupSignature(names["signed"], config=settings, language="por")
    run("signed", [JsonlReader(names["read"]), signature], num_files)
    buckets = MinhashDedupBuckets(names["signed"], names["buckets"], config=settings)
    run("buckets", [buckets], settings.num_buckets)
    run("cluster", [MinhashDedupCluster(names["buckets"], names["removed"], config=settings)], 1)
    kept = JsonlWriter(names["kept"])
    run(
        "filter",
        [JsonlReader(names["read"]), MinhashDedupFilter(names["removed"]), kept],
        num_files,
    )
    took = time.perf_counter() - began
    captures = sum(_num_responses(path) for path in archives.glob("*.warc.gz"))
    told = {"captures_s": round(captures / took, 2), "kept": _num_lines(Path(names["kept"]))}
    sys.stdout.write(json.dumps(told) + "\n")


def _num_responses(path: Path) -> int:
    from warcio.archiveiterator import ArchiveIterator

    with path.open("rb") as file:
        return sum(record.rec_type == "response" for record in ArchiveIterator(file))


def _num_lines(folder: Path) -> int:
    import gzip

    total = 0
    for path in folder.rglob("*.jsonl.gz"):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            total += sum(1 for _ in lines)
    return total


if __name__ == "__main__":
    main()
