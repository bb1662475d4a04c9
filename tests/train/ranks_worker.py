"""One of the processes of ``test_ranks``: trains a small stage and says how it went.

Started as ``python ranks_worker.py RECIPE_JSON OUT BESIDE [KILL_IN_SAVE]`` with the environment that
``torchrun`` gives.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

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


def main() -> int:
    recipe, out, beside, rank, what, number = (*sys.argv[1:4], os.environ["RANK"], *sys.argv[4:6])
    if (what, rank) in (("stop", "1"), ("stop-first", "0")):
        stop_after(int(number))
    if what == "die" and rank == "1":
        die_in_save(int(number))
    places = Places(Path(out), Path(beside), Path(beside))
    try:
        loop.run_stage(Stage.model_validate(json.loads(recipe)), places)
    except Preempted as stopped:
        sys.stderr.write(f"{stopped}\n")
    except AmaliaError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
