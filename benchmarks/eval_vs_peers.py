"""From command to result beside lm-eval: the same tiny model, the same hundred rows, in one run.

A random Llama of four layers and a hundred four-way choices in Portuguese are written to disk once; then each
program is timed as a whole process, in turns, from its command to its result. ``choice`` weighs four continuations a
row, ``generate`` lets the model write 32 tokens. lm-eval lives in an environment of its own:

    python -m venv peers
    peers/bin/pip install "lm-eval[hf]==0.4.13" transformers==4.57.6 torch==2.13.0 "huggingface-hub<1.0"
    python benchmarks/eval_vs_peers.py --peers peers/bin/python --json

Prints ``{case: {"ours": x, "peer": y, "ratio": r, "wanted": w}}`` last on stdout, in seconds (less is better; the
ratio is peer to ours), and exits 1 when a wanted figure is missed. Both compute with one thread; the median of
several runs counts. lmms-eval is not here: it needs torchvision, which breaks transformers beside a CPU torch.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

_ROWS, _TIMES = 100, 3
_WANTED_S, _WANTED_RATIO = {"choice": 8.0, "generate": 8.0}, 1.5
_THINGS = "autocarro comboio elétrico barco ecrã ficheiro pequeno-almoço telemóvel gelado frigorífico".split()
_PLACES = "Lisboa Porto Braga Faro Évora Coimbra Aveiro Setúbal".split()
# scikit-learn is not part of `amalia[eval]`; developers have it, and transformers imports what it finds. lm-eval
# itself depends on it.
_OURS = "import sys; sys.modules['sklearn'] = None; from amalia.cli.app import main; main()"
_LM_EVAL = {
    "choice": {
        "task": "choice",
        "output_type": "multiple_choice",
        "doc_to_text": "{{question}}\nResposta:",
        "doc_to_choice": "{{choices}}",
        "doc_to_target": "{{label}}",
        "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
    },
    "generate": {
        "task": "generate",
        "output_type": "generate_until",
        "doc_to_text": "{{question}}",
        "doc_to_target": "{{choices[label]}}",
        "generation_kwargs": {"max_gen_toks": 32, "do_sample": False, "until": ["\x00"]},
        "metric_list": [{"metric": "exact_match", "aggregation": "mean", "higher_is_better": True}],
    },
}


def main() -> None:
    """Measure, print, and say by the exit code whether all that is wanted was reached."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--peers", type=Path, help="Python of an environment with lm-eval")
    parser.add_argument("--times", type=int, default=_TIMES, help="runs of each")
    parser.add_argument("--json", action="store_true", help="the object alone (it is always last)")
    given = parser.parse_args()
    sys.stderr.write(
        f"{platform.processor() or platform.machine()}, {platform.platform()}, load {os.getloadavg()[0]:.1f}\n"
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write(folder)
        cases = {case: _case(case, folder, given.peers, given.times) for case in _LM_EVAL}
    sys.stdout.write(json.dumps(cases, indent=None if given.json else 1) + "\n")
    sys.exit(0 if all(case["reached"] for case in cases.values()) else 1)


def _case(case: str, folder: Path, peers: Path | None, times: int) -> dict[str, Any]:
    ours, theirs = [], []
    for number in range(times):
        out = folder / f"{case}-{number}"
        ours.append(
            _timed([sys.executable, "-c", _OURS, "eval", f"{case}.yaml", "--out", str(out)], folder)
        )
        if peers is not None:
            command = [
                str(peers),
                "-m",
                "lm_eval",
                "--model",
                "hf",
                "--tasks",
                case,
                "--device",
                "cpu",
            ]
            command += [
                "--model_args",
                "pretrained=model,dtype=float32",
                "--include_path",
                "lm_eval",
            ]
            theirs.append(_timed([*command, "--batch_size", "8"], folder))
    mine = statistics.median(ours)
    peer = statistics.median(theirs) if theirs else None
    ratio = peer and peer / mine
    return {
        "ours": round(mine, 2),
        "peer": peer and round(peer, 2),
        "ratio": ratio and round(ratio, 2),
        "wanted": _WANTED_RATIO,
        "wanted_s": _WANTED_S[case],
        "reached": mine <= _WANTED_S[case] and (ratio is None or ratio >= _WANTED_RATIO),
    }


def _timed(command: list[str], folder: Path) -> float:
    # One thread each: on two shared cores two threads wait for each other more than they compute.
    env = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    start = time.perf_counter()
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - start
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    return seconds


def _write(folder: Path) -> None:
    """Write the model, the rows, and the recipe of each program."""
    import yaml

    _write_model(folder / "model")
    rng = random.Random(0)
    rows = []
    for number in range(_ROWS):
        choices = rng.sample(_THINGS, 4)
        place = rng.choice(_PLACES)
        question = f"Pergunta {number}: o que é que se vê com mais frequência nas ruas de {place} ao fim da tarde?"
        rows.append({"question": question, "choices": choices, "label": rng.randrange(4)})
    lines = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    (folder / "rows.jsonl").write_text(lines, "utf-8")
    (folder / "lm_eval").mkdir()
    for case, task in _LM_EVAL.items():
        data = {"dataset_path": "json", "dataset_kwargs": {"data_files": {"test": "rows.jsonl"}}}
        tree = {**task, **data, "test_split": "test"}
        (folder / "lm_eval" / f"{case}.yaml").write_text(yaml.safe_dump(tree), "utf-8")
    asked = {"choice": "culturaviva", "generate": "short_answer"}
    for case, name in asked.items():
        entry = {
            "task": name,
            "data": {"path": "rows.jsonl", "columns": {"answer": "label"}},
            "max_new_tokens": 32,
        }
        tree = {"name": case, "models": ["model"], "tasks": [entry], "blind": False}
        (folder / f"{case}.yaml").write_text(yaml.safe_dump(tree), "utf-8")


def _write_model(folder: Path) -> None:
    import torch

    from amalia.inference.identity import identity
    from amalia.model import build, export, tokenizer
    from amalia.model.sizes import LanguageSize

    torch.manual_seed(0)
    texts = [f"O {thing} parou em {place}." for thing in _THINGS for place in _PLACES]
    trained = tokenizer.train(texts * 3, vocab_size=512)
    size = LanguageSize(
        hidden=256, layers=4, heads=4, key_value_heads=2, feed_forward=704, context_tokens=512
    )
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    export.export(build.language_model(size, trained), folder, tokenizer=trained, grid=None)
    sys.stderr.write(f"model {identity(folder)}\n")


if __name__ == "__main__":
    main()
