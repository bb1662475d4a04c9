"""One of the processes of ``test_ranks``: trains small stages one after the other.

Started as ``python ranks_worker.py JOBS BESIDE WHAT NUMBER`` with the environment that ``torchrun``
gives. ``JOBS`` is a JSON list of port, recipe and output; ``WHAT`` and ``NUMBER`` may ask the second process
to stop in a step or to die in a checkpoint.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from amalia.device import Device, detect
from amalia.errors import AmaliaError
from amalia.train import checkpoint, loop
from amalia.train.preemption import Preempted
from amalia.train.stage import Places, Stage


def stop_after(step: int) -> None:
    """Send this process SIGTERM in the step that comes."""
    original, calls = loop.train_step, 0

    def signalled(*arguments: Any, **more: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == step:
            os.kill(os.getpid(), signal.SIGTERM)
        return original(*arguments, **more)

    loop.train_step = signalled


def die_in_save(number: int) -> None:
    """Kill this process, as ``kill -9`` does, when half of a checkpoint is written."""
    original, calls = checkpoint.write_shares, 0

    def dying(*arguments: Any, **more: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == number:
            folder = Path(more["checkpoint_id"])
            (folder / "__0_0.distcp").write_bytes(b"half")
            os.kill(os.getpid(), signal.SIGKILL)
        return original(*arguments, **more)

    checkpoint.write_shares = dying


def in_float32() -> Device:
    """Give this machine's device, computing in float32 whatever it could.

    Two processes add the same numbers in another order. In bfloat16, which some processors multiply, that
    order is worth a hundredth of a gradient, and nothing could be told from what is the same.
    """
    return replace(detect(), dtype="float32")


def main() -> int:
    jobs, beside, what, number = sys.argv[1:]
    loop.detect = in_float32
    if os.environ["RANK"] == "1" and what:
        {"stop": stop_after, "die": die_in_save}[what](int(number))
    for port, recipe, out in json.loads(jobs):
        os.environ["MASTER_PORT"] = str(port)
        places = Places(Path(out), Path(beside), Path(beside))
        try:
            loop.run_stage(Stage.model_validate(recipe), places)
        except Preempted as stopped:
            sys.stderr.write(f"{stopped}\n")
        except AmaliaError as error:
            sys.stderr.write(f"{error}\n")
            return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
