"""Training speed and memory beside TRL: the same model, the same rows, in one run.

A random LLaVA-NeXT of seven million parameters and 512 rows of each kind (pictures of 96 to 320 px with
chats, text chats, preferences) are written to disk once; every case then runs in a process of its own, ours
and TRL's in turns. TRL lives in an environment of its own, because nothing of the package needs it:

    python -m venv trl
    trl/bin/pip install trl==1.16.0 transformers==4.57.6 torch==2.13.0 "huggingface-hub<1.0" pillow
    python benchmarks/train_vs_trl.py --trl trl/bin/python --json

``--gpu`` takes a model of EuroLLM-1.7B's and SigLIP so400m's sizes and bfloat16 on both sides.

Prints ``{case: {"ours": x, "peer": y, "ratio": r, "wanted": w}}`` last on stdout, in rows (pairs,
tokens) a second and, for memory, mebibytes, and exits 1 when a wanted ratio is missed. The first steps are left out.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

_ROWS, _BATCH, _WARM = 512, 8, 4
_PATCH = 16
# Tokens computed at once: as fast as whole batches, with less memory.
_PORTION = {"cpu": 1024, "gpu": 8192}
# Canvases, in tiles.
_CANVASES = ((1, 2), (2, 1), (2, 2), (1, 3), (3, 1))
_SIZES: dict[str, dict[str, Any]] = {
    "cpu": {
        "tile": 96,
        "tower": {"hidden": 192, "layers": 4, "heads": 3, "feed_forward": 768},
        "language": {"hidden": 256, "layers": 4, "heads": 4, "key_value_heads": 2, "feed_forward": 704},
    },
    "gpu": {
        "tile": 384,
        "tower": {"hidden": 1152, "layers": 27, "heads": 16, "feed_forward": 4304},
        "language": {"hidden": 2048, "layers": 24, "heads": 16, "key_value_heads": 8, "feed_forward": 5632},
    },
}  # fmt: skip
# Case: what is counted, ratio wanted.
_CASES = {
    "image-sft": ("rows", 1.5),
    "connector": ("rows", 2.0),
    "image-dpo": ("rows", 2.0),
    "text-sft": ("tokens", 1.2),
}
_MEMORY = 0.65
# TRL finds what the assistant says by marks that our template does not need.
_TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{% if m['role'] == 'assistant' %}"
    "{% generation %}{{ m['content'] if m['content'] is string else m['content'][0]['text'] }}<|im_end|>\n"
    "{% endgeneration %}{% else %}{% if m['content'] is string %}{{ m['content'] }}{% else %}"
    "{% for c in m['content'] %}{{ '<image>\n' if c['type'] == 'image' else c['text'] }}{% endfor %}{% endif %}"
    "<|im_end|>\n{% endif %}{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def main() -> None:
    """Prepare, run every case of both sides in turns, and compare."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--trl", type=Path, help="python of an environment with TRL")
    parser.add_argument("--steps", type=int, default=24)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--cases", nargs="+", choices=list(_CASES), default=list(_CASES))
    parser.add_argument("--gpu", action="store_true", help="a larger model, on a GPU")
    parser.add_argument("--json", action="store_true", help="nothing but the result")
    parser.add_argument(
        "--one", nargs=3, metavar=("SIDE", "CASE", "FOLDER"), help=argparse.SUPPRESS
    )
    given = parser.parse_args()
    if given.one:
        # Only developers have scikit-learn: transformers takes it in where it finds it, 140 MiB of it.
        sys.modules["sklearn"] = None  # type: ignore[assignment]
        side, case, folder = given.one
        run = _ours if side == "ours" else _peer
        sys.stdout.write(json.dumps(run(case, Path(folder), given.steps, given.gpu)) + "\n")
        return
    with tempfile.TemporaryDirectory() as work:
        _prepare(Path(work), _SIZES["gpu" if given.gpu else "cpu"])
        results = {}
        for case in given.cases:
            sides = {"ours": sys.executable} | ({"peer": str(given.trl)} if given.trl else {})
            found = {
                side: _measured(python, side, case, work, given) for side, python in sides.items()
            }
            results |= _compared(case, found)
            if not given.json:
                sys.stderr.write(f"{case} {json.dumps(found)}\n")
    sys.stdout.write(json.dumps(results) + "\n")
    missed = [r for r in results.values() if "ratio" in r and not _is_met(r)]
    sys.exit(1 if missed else 0)


def _is_met(result: dict[str, float]) -> bool:
    less_is_better = result["wanted"] < 1
    return (
        (result["ratio"] <= result["wanted"])
        if less_is_better
        else result["ratio"] >= result["wanted"]
    )


def _measured(
    python: str, side: str, case: str, work: str, given: argparse.Namespace
) -> dict[str, float]:
    command = [python, __file__, "--one", side, case, work, "--steps", str(given.steps)]
    command += ["--gpu"] * given.gpu
    quiet = {"TRANSFORMERS_VERBOSITY": "error", "HF_HUB_OFFLINE": "1"}
    environment = {**os.environ, **quiet, "OMP_NUM_THREADS": str(given.threads)}
    if not given.gpu:
        environment["CUDA_VISIBLE_DEVICES"] = ""
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{side} {case} failed:\n{done.stderr[-2000:]}")
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def _compared(case: str, found: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    counted, wanted = _CASES[case]
    ours, peer = found["ours"], found.get("peer")
    results: dict[str, dict[str, float]] = {}
    for name, key, goal in ((case, counted, wanted), (f"{case} memory", "mebibytes", _MEMORY)):
        results[name] = {"ours": round(ours[key], 2), "wanted": goal}
        if peer:
            results[name] |= {"peer": round(peer[key], 2), "ratio": round(ours[key] / peer[key], 2)}
    return results


def _prepare(folder: Path, sizes: dict[str, Any]) -> None:
    """Write the model and all rows, as artifacts for us and as JSON lines for TRL."""
    import random

    import torch

    from amalia.lineage import packaged
    from amalia.model import build
    from amalia.model.export import export, load_tokenizer
    from amalia.model.sizes import LanguageSize, TextTowerSize, TowerSize
    from amalia.model.tile import TileGrid

    torch.manual_seed(0)
    tokenizer = load_tokenizer(packaged("tokenizer"))
    text = {"max_tokens": 8, "layers": 1, "heads": 1, "feed_forward": 8}
    side = sizes["tile"]
    tower = TowerSize(image_px=side, patch_px=_PATCH, **sizes["tower"])
    pair = build.siglip_pair(tower, TextTowerSize(**text), tokenizer)
    language = build.language_model(
        LanguageSize(**sizes["language"], context_tokens=4096), tokenizer
    )
    grid = TileGrid(side, _PATCH, tuple((side * high, side * wide) for high, wide in _CANVASES))
    model = build.llava_next(build.tower_of(pair), language, tokenizer, grid)
    (folder / "model").mkdir()
    export(model, folder / "model", tokenizer=tokenizer, grid=grid)
    _finished(folder / "model", "model")
    _write_rows(folder, random.Random(0))


def _write_rows(folder: Path, rng: Any) -> None:
    import base64

    from amalia import pack
    from amalia.records import Row
    from amalia.store import write_rows

    words = " ".join(paragraph.pt_pt for paragraph in pack.paragraphs()[:4000]).split()
    made: dict[str, list[Row[Any]]] = {"pictures": [], "texts": [], "pairs": []}
    peer: dict[str, list[dict[str, str]]] = {name: [] for name in made}
    for number in range(_ROWS):
        data = _picture(rng)
        asked = _text(rng, words, rng.randint(5, 40))
        said, other = (_text(rng, words, _tail(rng, 1.1, 10, 200)) for _ in range(2))
        long_asked, long_said = (
            _text(rng, words, rng.randint(5, 60)),
            _text(rng, words, _tail(rng, 0.9, 12, 400)),
        )
        made["pictures"].append(_conversation(f"v{number}", asked, said, data))
        made["texts"].append(_conversation(f"t{number}", long_asked, long_said))
        made["pairs"].append(_preference(f"p{number}", asked, said, other, data))
        picture = base64.b64encode(data).decode()
        peer["pictures"].append({"picture": picture, "asked": asked, "said": said})
        peer["texts"].append({"asked": long_asked, "said": long_said})
        peer["pairs"].append({"picture": picture, "asked": asked, "said": said, "other": other})
    for name, rows in made.items():
        (folder / name).mkdir()
        kind = "preferences" if name == "pairs" else "conversations"
        write_rows(folder / name / f"{name}-00000.parquet", kind, rows)
        _finished(folder / name, kind)
        lines = "".join(json.dumps(row) + "\n" for row in peer[name])
        (folder / f"{name}.jsonl").write_text(lines, "utf-8")


def _picture(rng: Any) -> bytes:
    import io

    from PIL import Image, ImageDraw

    picture = Image.effect_noise((rng.randint(96, 320), rng.randint(96, 320)), 30).convert("RGB")
    draw = ImageDraw.Draw(picture)
    for _ in range(rng.randint(1, 4)):
        x, y = rng.randint(0, picture.width - 40), rng.randint(0, picture.height - 40)
        color = tuple(rng.randint(0, 255) for _ in range(3))
        draw.rectangle([x, y, x + rng.randint(20, 80), y + rng.randint(20, 80)], fill=color)
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=90)
    return out.getvalue()


def _tail(rng: Any, shape: float, unit: int, most: int) -> int:
    """Draw a number of words: most are few, some are many."""
    return min(most, 10 + int(rng.paretovariate(shape) * unit))


def _text(rng: Any, words: Sequence[str], count: int) -> str:
    start = rng.randrange(len(words) - count)
    return " ".join(words[start : start + count])


def _conversation(name: str, asked: str, said: str, data: bytes | None = None) -> Any:
    import hashlib
    import io

    from PIL import Image as PillowImage

    from amalia.records import Conversation, Image, Origin, Part, Row, Text, Turn

    parts: list[Part] = [Text(text=asked)]
    images = {}
    if data is not None:
        width, height = PillowImage.open(io.BytesIO(data)).size
        digest = hashlib.sha256(data).hexdigest()
        images[digest] = data
        parts.insert(
            0, Image(sha256=digest, width_px=width, height_px=height, media_type="image/jpeg")
        )
    turns = (
        Turn(role="user", parts=tuple(parts)),
        Turn(role="assistant", parts=(Text(text=said),)),
    )
    origin = Origin(source="benchmark", license="CC0-1.0", created="authored")
    return Row(Conversation(id=name, turns=turns, language="pt-PT", origin=origin), images)


def _preference(name: str, asked: str, said: str, other: str, data: bytes) -> Any:
    from amalia.records import Preference, Row, Text, Turn

    row = _conversation(name, asked, said, data)
    prompt = row.record.model_copy(update={"turns": row.record.turns[:1]})
    answers = [Turn(role="assistant", parts=(Text(text=text),)) for text in (said, other)]
    record = Preference(
        id=name,
        prompt=prompt,
        chosen=answers[0],
        rejected=answers[1],
        reason="benchmark",
        origin=prompt.origin,
    )
    return Row(record, row.images)


def _finished(folder: Path, kind: Any) -> None:
    from amalia.store import Workshop

    moved = folder.rename(folder.with_name(folder.name + ".partial"))
    Workshop(folder, fingerprint=folder.name, recipe={}).finish(kind, folder.name)
    assert not moved.exists()


def _ours(case: str, folder: Path, steps: int, gpu: bool) -> dict[str, float]:
    """Train with this package; DPO counts its share of the reference, which is computed once for all rows."""
    from amalia.train.loop import run_stage
    from amalia.train.stage import Places, Stage

    everything = {"vision": {"lr": 1e-4}, "connector": {"lr": 1e-4}, "language": {"lr": 1e-4}}
    data = {"image-dpo": "pairs", "text-sft": "texts"}.get(case, "pictures")
    stage = Stage.model_validate(
        {
            "name": case,
            "start": {"kind": "model", "model": "model"},
            "objective": {"kind": "dpo" if case == "image-dpo" else "next_token"},
            "trainable": {"connector": {"lr": 1e-4}} if case == "connector" else everything,
            "mixture": [{"artifact": data, "weight": 1}],
            "steps": steps,
            "batch": _BATCH,
            "max_tokens": 2048,
            "schedule": {"decay": "none", "warmup_fraction": 0},
            "run": {"micro_tokens": _PORTION["gpu" if gpu else "cpu"]},
        }
    )
    made = run_stage(stage, Places(folder / f"out-{case}", folder, folder))
    lines = (folder / f"out-{case}" / "log.jsonl").read_text("utf-8").splitlines()
    entries = [json.loads(line) for line in lines]
    seconds = entries[-1]["seconds"] - entries[_WARM - 1]["seconds"]
    rows = _BATCH * (steps - _WARM)
    if case == "image-dpo":
        seconds += (float(made.figures["seconds"]) - entries[-1]["seconds"]) * rows / _ROWS
    tokens = sum(entry["tokens"] for entry in entries[_WARM:])
    return {"rows": rows / seconds, "tokens": tokens / seconds, "mebibytes": _peak()}


def _peer(case: str, folder: Path, steps: int, gpu: bool) -> dict[str, float]:
    """Train with TRL."""
    import time

    import torch
    import trl
    from transformers import (
        AutoModelForImageTextToText,
        LlavaNextImageProcessor,
        LlavaNextProcessor,
        PreTrainedTokenizerFast,
    )

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder / "model")
    tokenizer.chat_template = _TEMPLATE
    processor = LlavaNextProcessor(
        LlavaNextImageProcessor.from_pretrained(folder / "model"),
        tokenizer,
        patch_size=_PATCH,
        vision_feature_select_strategy="full",
        chat_template=_TEMPLATE,
        image_token="<image>",
        num_additional_image_tokens=0,
    )
    model = AutoModelForImageTextToText.from_pretrained(folder / "model", dtype=torch.float32)
    is_text = case == "text-sft"
    settings: dict[str, Any] = {
        "output_dir": str(folder / f"trl-{case}"), "max_steps": steps, "learning_rate": 1e-4,
        "lr_scheduler_type": "constant", "report_to": "none", "save_strategy": "no", "use_cpu": not gpu,
        "bf16": gpu, "fp16": False, "gradient_checkpointing": False, "disable_tqdm": True,
        "dataloader_pin_memory": False, "max_length": 1024 if is_text else 2048,
        # Two packs of 1,024 tokens are about as many as eight padded rows.
        "per_device_train_batch_size": 2 if is_text else _BATCH,
    }  # fmt: skip
    data = _dataset(case, folder)
    trainer: Any
    if case == "image-dpo":
        trainer = trl.DPOTrainer(
            model=model,
            args=trl.DPOConfig(**settings),
            train_dataset=data,
            processing_class=processor,
        )
    else:
        if is_text:
            settings |= {"packing": True, "packing_strategy": "bfd", "assistant_only_loss": True}
        trainer = trl.SFTTrainer(
            model=model, args=trl.SFTConfig(**settings), train_dataset=data,
            processing_class=tokenizer if is_text else processor,
        )  # fmt: skip
    if case == "connector":
        for name, parameter in trainer.model.named_parameters():
            parameter.requires_grad_("multi_modal_projector" in name or "image_newline" in name)
    ends, tokens, inner = [], [], trainer.training_step

    def timed(model: Any, inputs: Any, *rest: Any, **named: Any) -> Any:
        mask = inputs.get("attention_mask")
        tokens.append(int(mask.sum()) if mask is not None else inputs["input_ids"].numel())
        result = inner(model, inputs, *rest, **named)
        ends.append(time.perf_counter())
        return result

    trainer.training_step = timed
    trainer.train()
    seconds = ends[-1] - ends[_WARM - 1]
    rows = _BATCH * (steps - _WARM)
    return {"rows": rows / seconds, "tokens": sum(tokens[_WARM:]) / seconds, "mebibytes": _peak()}


def _dataset(case: str, folder: Path) -> Any:
    """Read the rows as TRL wants them; a prompt and a completion is its one form that masks with pictures."""
    import base64

    from datasets import Dataset, Features, Image, List, Value

    message = List({"role": Value("string"), "content": Value("string")})
    name = {"image-dpo": "pairs", "text-sft": "texts"}.get(case, "pictures")

    def rows() -> Iterator[dict[str, Any]]:
        for line in (folder / f"{name}.jsonl").read_text("utf-8").splitlines():
            row = json.loads(line)
            asked = [{"role": "user", "content": row["asked"]}]
            said, other = (
                [{"role": "assistant", "content": row.get(key, "")}] for key in ("said", "other")
            )
            if name == "texts":
                yield {"messages": asked + said}
                continue
            images = [{"bytes": base64.b64decode(row["picture"]), "path": None}]
            answers = (
                {"chosen": said, "rejected": other} if name == "pairs" else {"completion": said}
            )
            yield {"images": images, "prompt": asked, **answers}

    found = list(rows())
    if name == "texts":
        return Dataset.from_list(found)
    columns = {key: message for key in found[0] if key != "images"}
    return Dataset.from_list(found, features=Features({"images": List(Image()), **columns}))


def _peak() -> float:
    import torch

    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
