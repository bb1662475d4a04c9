"""Training speed and memory at the published sizes on one GPU, with random weights and made-up rows.

    python benchmarks/gpu_train.py --json

Every case runs in a process of its own, with the engine that ``amalia train`` uses: its packs, objectives,
steps, optimizers, and what ``run.attention``, ``run.checkpointing``, ``run.compile`` and ``run.kernels`` do. A case
that fails is a line with its reason, and those for which no time is left are named. Nothing is read from disk or
the network. Without a GPU it says so and ends; ``--device cpu --tiny`` runs every case at a toy size.

MFU counts operations of tower, connector and language model over real tokens, as a share of the products
of square matrices measured in the same process; 45 % of it is wanted where everything trains.

A line a case on stderr, and with ``--json`` ``{case: {"ours": MFU, "wanted": w, ...}}`` last on stdout; exits 1 when a
wanted share is missed.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

Figures = dict[str, Any]

_ALL = ("vision", "connector", "language")
_WARM, _STEPS = 2, 5
_MINUTES = 9.0
_MFU = 0.45
_CASE_SECONDS = 240.0
# Attention of all backends is compared on so few tokens that a plain mask is cheap.
_AGREE_TOKENS = 2048


@dataclass(frozen=True)
class Case:
    """What is trained, and how."""

    name: str
    size: str
    trainable: tuple[str, ...] = _ALL
    work: str = "pictures"
    """Of rows: ``pictures``, ``text`` or ``pairs``."""
    lora: bool = False
    optimizer: Literal["adamw", "muon"] = "adamw"
    half: bool = False
    """Weights are bfloat16; otherwise float32, of which autocast makes copies."""
    run: Mapping[str, Any] = field(default_factory=dict)


_CASES = (
    Case("sft-1.7b", "1.7b", run={"checkpointing": "selective"}),
    Case("sft-1.7b-full", "1.7b", run={"checkpointing": "full"}),
    Case("sft-1.7b-torch-kernels", "1.7b", run={"checkpointing": "selective", "kernels": "torch"}),
    Case("sft-1.7b-block-mask", "1.7b", run={"attention": "block", "checkpointing": "full"}),
    Case("sft-1.7b-compiled", "1.7b", run={"checkpointing": "selective", "compile": True}),
    Case("cpt-1.7b", "1.7b", ("language",), work="text", run={"checkpointing": "selective"}),
    Case("dpo-1.7b", "1.7b", ("connector", "language"), work="pairs", run={"checkpointing": "selective"}),
    Case("connector-9.6b", "9.6b", ("connector",), half=True, run={"checkpointing": "full"}),
    Case("lora-9.6b", "9.6b", ("connector", "language"), lora=True, half=True, run={"checkpointing": "full"}),
    Case("lora-9.6b-compiled", "9.6b", ("connector", "language"), lora=True, half=True,
         run={"checkpointing": "full", "compile": True}),
    # Weights, gradients and one moment of Muon in bfloat16 are 58 GB; two moments of AdamW would be 77.
    Case("full-9.6b-muon", "9.6b", optimizer="muon", half=True, run={"checkpointing": "full"}),
)  # fmt: skip

# EuroLLM's and SigLIP 2's published configurations; the toy only shows that the script runs.
_TOWER = {
    "image_px": 384,
    "patch_px": 16,
    "hidden": 1152,
    "layers": 27,
    "heads": 16,
    "feed_forward": 4304,
}
_SIZES: dict[str, dict[str, Any]] = {
    "1.7b": {"language": {"hidden": 2048, "layers": 24, "heads": 16, "key_value_heads": 8, "feed_forward": 5632},
             "tower": _TOWER, "vocabulary": 128_000, "tokens": 16_384, "answer": 200},
    "9.6b": {"language": {"hidden": 4096, "layers": 42, "heads": 32, "key_value_heads": 8, "feed_forward": 12_288},
             "tower": _TOWER, "vocabulary": 128_000, "tokens": 16_384, "answer": 200},
    "tiny": {"language": {"hidden": 32, "layers": 2, "heads": 4, "key_value_heads": 2, "feed_forward": 64},
             "tower": {"image_px": 32, "patch_px": 16, "hidden": 32, "layers": 2, "heads": 2, "feed_forward": 64},
             "vocabulary": 256, "tokens": 128, "answer": 12},
}  # fmt: skip


def main() -> None:
    """Run the cases one after the other and print a line for each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--minutes", type=float, default=_MINUTES, help="for everything")
    parser.add_argument("--cases", nargs="+", choices=["agree", *(case.name for case in _CASES)])
    parser.add_argument("--json", action="store_true", help="print all figures at the end")
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    parser.add_argument("--tiny", action="store_true", help="toy sizes, to try the script")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.one:
        sys.stdout.write(json.dumps(_one(given.one, given.device, given.tiny)) + "\n")
        return
    if given.device == "cuda" and not _has_gpu():
        sys.stderr.write("no GPU here: nothing was measured\n")
        sys.stdout.write("{}\n" * given.json)
        return
    ends = time.monotonic() + 60 * given.minutes
    names = given.cases or ["agree", *(case.name for case in _CASES)]
    found: dict[str, Figures] = {}
    for name in names:
        left = ends - time.monotonic()
        if left < 20:
            found[name] = {"failed": "not run, no time was left"}
        else:
            found[name] = _apart(name, given.device, given.tiny, min(left, _CASE_SECONDS))
        sys.stderr.write(_line(name, found[name]) + "\n")
    if given.json:
        sys.stdout.write(json.dumps(found) + "\n")
    wanted = [each for each in found.values() if "wanted" in each]
    sys.exit(any(each["ours"] < each["wanted"] for each in wanted) and not given.tiny)


def _has_gpu() -> bool:
    import torch

    return torch.cuda.is_available()


def _apart(name: str, device: str, tiny: bool, seconds: float) -> Figures:
    command = [sys.executable, __file__, "--one", name, "--device", device]
    try:
        done = subprocess.run(
            command + ["--tiny"] * tiny, capture_output=True, text=True, timeout=seconds
        )
    except subprocess.TimeoutExpired:
        return {"failed": f"took more than {seconds:.0f} s"}
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        return {"failed": lines[-1][:300] if lines else f"exit {done.returncode}"}
    figures: Figures = json.loads(done.stdout.splitlines()[-1])
    return figures


def _line(name: str, found: Figures) -> str:
    if "failed" in found:
        return f"{name:24} {found['failed']}"
    if "losses" in found:
        told = ", ".join(
            f"{how} {loss:.5f}/{norm:.4f}" for how, (loss, norm) in found["losses"].items()
        )
        return f"{name:24} loss/gradient norm: {told}"
    return (
        f"{name:24} {found['tokens_per_s']:>9,.0f} tok/s {found['rows_per_s']:>7.2f} rows/s  MFU {found['ours']:.1%} "
        f"of {found['ceiling_tflops']:,.0f} TFLOP/s  {found['gigabytes']:.1f} GB  {found['step_seconds']:.3f} s/step  "
        f"{found['parameters'] / 1e9:.2f} B, {found['trained'] / 1e6:,.1f} M train  {found['device']}"
    )


def _one(name: str, kind: str, tiny: bool) -> Figures:
    import torch

    from amalia.device import detect

    device = detect()
    if device.kind != kind:
        raise SystemExit(f"asked for {kind}, found {device.kind}")
    torch.manual_seed(0)
    if name == "agree":
        return _agree("tiny" if tiny else "1.7b", device)
    case = next(case for case in _CASES if case.name == name)
    return _measure(case, "tiny" if tiny else case.size, device)


def _measure(case: Case, size: str, device: Any) -> Figures:
    import torch
    from torch import nn

    from amalia.model import attention
    from amalia.model.flops import step_flops, trained_shares
    from amalia.train.ceiling import matmul_ceiling
    from amalia.train.execution import StageRun
    from amalia.train.meters import peak_memory_bytes, work_of
    from amalia.train.optimizer import optimizers_for
    from amalia.train.ranks import ALONE
    from amalia.train.sharding import arranged
    from amalia.train.step import train_step
    from amalia.train.trainable import freeze

    ceiling = matmul_ceiling(device)
    sizes, run = _SIZES[size], StageRun(**case.run)
    model = _model(sizes, device.kind, torch.bfloat16 if case.half else torch.float32)
    trainable = _trainable(case)
    trained = freeze(model, trainable)
    nn.Module.to(model, device.kind)
    packed = device.packed_attention() if run.attention == "auto" else run.attention
    attention.attend(
        model, device.attention(sizes["tokens"]), None if case.work == "pairs" else packed
    )
    computed = arranged(model, run, ranks=ALONE, device=device)
    optimizer = optimizers_for(
        model, trainable, kind=case.optimizer, beta2=0.95, has_bfloat16=device.dtype == "bfloat16"
    )
    optimizer.set_rates(0, 100)
    batches, rows = _batches(case.work, sizes, device.kind)
    computed.train()
    seconds = []
    for step in range(_WARM + _STEPS):
        began = time.perf_counter()
        result = train_step(computed, batches, optimizer, clip_norm=1.0, device=device)
        if not result.is_finite:
            raise SystemExit(f"step {step}: loss {result.loss}, gradient norm {result.grad_norm}")
        seconds.append(time.perf_counter() - began)
    each = statistics.median(seconds[_WARM:])
    operations = sum(
        sum(step_flops(model.config, work_of(batch, predicted), trained_shares(model)).values())
        for batch, predicted in zip(batches, result.predicted, strict=True)
    )
    wanted = {"wanted": _MFU} if case.trainable == _ALL else {}
    return wanted | {
        "tokens_per_s": sum(batch.num_tokens for batch in batches) / each,
        "rows_per_s": rows / each,
        "ours": operations / each / ceiling,
        "ceiling_tflops": ceiling / 1e12,
        "gigabytes": peak_memory_bytes(device) / 1e9,
        "step_seconds": each,
        "parameters": sum(value.numel() for value in model.parameters()),
        "trained": sum(value.numel() for value in trained.values()),
        "device": device.name,
        "torch": torch.__version__,
    }


def _agree(size: str, device: Any) -> Figures:
    """Compute the loss and the norm of the gradient of one pack with every backend of attention."""
    import torch

    from amalia.model import attention

    sizes = _SIZES[size] | {"tokens": min(_AGREE_TOKENS, _SIZES[size]["tokens"])}
    model = _model(sizes, device.kind, torch.float32)
    batches, _ = _batches("text", sizes, device.kind)
    parameters = list(model.parameters())
    losses = {}
    for how in (
        ("documents", "block", "varlen") if device.kind == "cuda" else ("documents", "block")
    ):
        attention.attend(model, device.attention(sizes["tokens"]), how)
        model.zero_grad()
        with device.autocast():
            found = batches[0].compute(model)
        (found.total / found.count).backward()
        norm = torch.nn.utils.get_total_norm([p.grad for p in parameters if p.grad is not None])
        losses[how] = (float(found.total.detach()) / found.count, float(norm))
    return {"losses": losses}


def _trainable(case: Case) -> dict[str, Any]:
    from amalia.train.stage import Lora, Trainable

    return {
        part: Trainable(lr=1e-5, lora=Lora(rank=16) if case.lora and part == "language" else None)
        for part in case.trainable
    }


def _model(sizes: Mapping[str, Any], kind: str, dtype: Any) -> Any:
    import torch
    from transformers import LlavaNextForConditionalGeneration

    from amalia.model import build
    from amalia.model.sizes import LanguageSize, TowerSize

    tower = build.tower_config(TowerSize(**sizes["tower"]))
    size = LanguageSize(**sizes["language"], context_tokens=32_768, tied_embeddings=False)
    language = build.language_config(size, sizes["vocabulary"])
    config = build.llava_next_config(
        tower, language, _grid(sizes), image_token_index=sizes["vocabulary"] - 1, pad_token_id=0
    )
    with torch.device(kind), _default(dtype):
        return LlavaNextForConditionalGeneration(config)


@contextmanager
def _default(dtype: Any) -> Iterator[None]:
    """Make weights of this dtype from the beginning: 9.6 billion in float32 would not leave room for more."""
    import torch

    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def _grid(sizes: Mapping[str, Any]) -> Any:
    from amalia.model.tile import TileGrid

    side = sizes["tower"]["image_px"]
    return TileGrid(side, sizes["tower"]["patch_px"], ((side, side), (2 * side, 2 * side)))


def _batches(work: str, sizes: Mapping[str, Any], kind: str) -> tuple[list[Any], int]:
    """Make the micro-batch of a step, and say how many rows are in it."""
    from functools import partial

    import numpy as np

    from amalia.train.micro_batch import Limits, Named, next_token_batch, preference_batches
    from amalia.train.stage import Preferences

    rng = np.random.default_rng(0)
    if work == "pairs":
        pairs = [Named(_pair(rng, sizes), "made") for _ in range(2)]
        objective = Preferences(kind="dpo")
        return preference_batches(pairs, objective, limits=Limits(2), pad_id=0, device=kind), len(
            pairs
        )
    make = partial(_pictured, rng, sizes) if work == "pictures" else partial(_text, rng, sizes)
    rows, filled = [], 0
    while filled + len((row := make()).ids) <= sizes["tokens"]:
        rows.append(row)
        filled += len(row.ids)
    named = [Named(row, "made") for row in rows]
    length = sizes["tokens"] if kind == "cuda" else 0
    return [next_token_batch(named, pad_id=0, length=length, device=kind)], len(rows)


def _text(rng: Any, sizes: Mapping[str, Any]) -> Any:
    """Make a document of a twelfth to a quarter of a pack."""
    from amalia.model.render import Rendered
    from amalia.train.sources import NO_TILES

    length = int(rng.integers(sizes["tokens"] // 12, sizes["tokens"] // 4))
    ids = rng.integers(1, sizes["vocabulary"] - 1, length).tolist()
    return Rendered(tuple(ids), (True,) * length, NO_TILES, (), "made")


def _pictured(rng: Any, sizes: Mapping[str, Any], answer: int | None = None) -> Any:
    """Make a picture of five tiles, a question of 20 tokens and an answer."""
    import numpy as np

    from amalia.model.render import Rendered

    side = sizes["tower"]["image_px"]
    picture = _grid(sizes).num_tokens(2 * side, 2 * side)
    said = sizes["answer"] if answer is None else answer
    words = rng.integers(1, sizes["vocabulary"] - 1, 20 + said).tolist()
    tiles = rng.integers(0, 256, (5, 3, side, side), dtype=np.uint8)
    ids = (sizes["vocabulary"] - 1,) * picture + tuple(words)
    supervised = (False,) * (picture + 20) + (True,) * said
    return Rendered(ids, supervised, tiles, ((2 * side, 2 * side),), "made")


def _pair(rng: Any, sizes: Mapping[str, Any]) -> Any:
    from amalia.model.fork import Fork
    from amalia.train.sources import AnswerPair

    answers = rng.integers(1, sizes["vocabulary"] - 1, (2, sizes["answer"])).tolist()
    fork = Fork(_pictured(rng, sizes, answer=0), tuple(map(tuple, answers)))
    return AnswerPair(fork, (-900.0, -950.0))


if __name__ == "__main__":
    main()
