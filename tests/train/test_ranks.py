"""Two processes over gloo train what one trains: cut over them, stopped, killed, and gone on with."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import make
import pytest
import torch
from safetensors.torch import load_file

from amalia.device import detect
from amalia.train import loop
from amalia.train.convert import convert
from amalia.train.loop import run_stage
from amalia.train.meters import Pace
from amalia.train.preemption import Preempted
from amalia.train.stage import Places, Stage

WORKER = Path(__file__).with_name("ranks_worker.py")
COLORS = ("red", "green", "blue", "white", "black", "yellow")


@pytest.fixture(scope="module", autouse=True)
def _in_float32() -> Iterator[None]:
    """Compute here as the workers do."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(loop, "detect", lambda: replace(detect(), dtype="float32"))
        yield


@pytest.fixture(scope="module")
def beside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Chats of unequal length, every third with a picture; and preferences."""
    folder = tmp_path_factory.mktemp("beside")
    chats = [
        make.conversation(
            ("user", *([make.picture(20, 12, COLORS[n % 6])] if n % 3 == 0 else []), "Que cor?"),
            ("assistant", f"É a cor {n}." * (1 + n % 4)),
            id=f"c{n}",
        )
        for n in range(24)
    ]
    make.write_artifact(folder / "chats", "conversations", chats)
    pairs = [
        make.preference(
            ("user", *([make.picture(color=COLORS[n])] if n % 2 else []), "O que vês?"),
            chosen=f"Um autocarro {n}.",
            rejected=f"Um ônibus {n}.",
            id=f"p{n}",
        )
        for n in range(6)
    ]
    make.write_artifact(folder / "pares", "preferences", pairs)
    return folder


def recipe(model: Path, **more: Any) -> dict[str, Any]:
    tree: dict[str, Any] = {
        "name": "teste",
        "start": {"kind": "model", "model": str(model)},
        "objective": {"kind": "next_token"},
        "trainable": {
            "vision": {"lr": 1e-3},
            "connector": {"lr": 3e-3},
            "language": {"lr": 3e-3},
        },
        "mixture": [{"artifact": "chats", "weight": 1}],
        "validation": {"artifact": "chats", "rows": 5, "times": 2},
        "steps": 6,
        "batch": 5,
        "max_tokens": 128,
        "run": {"trackers": [], "checkpoint_every_s": 1e-9, "keep_last": 3},
    }
    return {**tree, **more}


class Job(NamedTuple):
    """A stage to run, and where."""

    recipe: dict[str, Any]
    out: Path


def started(
    jobs: Sequence[Job], beside: Path, what: str = "", number: int = 0
) -> list[subprocess.CompletedProcess[str]]:
    """Run the worker in two processes and wait for both."""
    common = {
        **os.environ,
        "WORLD_SIZE": "2",
        "LOCAL_WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1",
        "OMP_NUM_THREADS": "1",
        "PYTHONWARNINGS": "ignore",
    }
    told = json.dumps([(free_port(), job.recipe, str(job.out)) for job in jobs])
    arguments = [sys.executable, str(WORKER), told, str(beside), what, str(number)]
    processes = [
        subprocess.Popen(
            arguments,
            env={**common, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in (0, 1)
    ]
    if what == "die":
        # The second is killed and may leave the first waiting; torchrun would end it.
        processes[1].wait(timeout=240)
        processes[0].kill()
    done = []
    for process in processes:
        _, error = process.communicate(timeout=400)
        done.append(subprocess.CompletedProcess(arguments, process.returncode, "", error))
    return done


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def ran_by_two(jobs: Sequence[Job], beside: Path, what: str = "", number: int = 0) -> str:
    done = started(jobs, beside, what, number)
    assert [one.returncode for one in done] == [0, 0], "\n".join(one.stderr for one in done)
    return "".join(one.stderr for one in done)


def ran_by_one(job: Job, beside: Path) -> None:
    run_stage(Stage.model_validate(job.recipe), Places(job.out, beside, beside))


def log_of(folder: Path) -> list[dict[str, Any]]:
    entries = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    left_out = ("seconds", *Pace._fields)
    return [{n: v for n, v in entry.items() if n not in left_out} for entry in entries]


def assert_same(out: Path, other: Path, *, weights: float = 2e-3) -> None:
    """Compare logs and weights of two stages that should have done the same."""
    first, second = log_of(out), log_of(other)
    assert len(first) == len(second)
    for mine, theirs in zip(first, second, strict=True):
        exact = ("step", "series", "rows", "tokens", "tiles", "count_of")
        assert {n: mine.get(n) for n in exact} == {n: theirs.get(n) for n in exact}
        assert mine["loss"] == pytest.approx(theirs["loss"], rel=1e-3)
        assert mine["loss_of"] == pytest.approx(theirs["loss_of"], rel=1e-3)
        assert mine.get("grad_norm", 0) == pytest.approx(theirs.get("grad_norm", 0), rel=1e-2)
        of_parts = mine.get("grad_norm_of", {})
        assert of_parts == pytest.approx(theirs.get("grad_norm_of", {}), rel=2e-2)
    saved, wanted = (load_file(folder / "model.safetensors") for folder in (out, other))
    assert set(saved) == set(wanted)
    for name, value in wanted.items():
        difference = (saved[name].float() - value.float()).abs().max()
        assert difference <= weights + 0.02 * value.float().abs().max(), name


PAIRS = [{"artifact": "pares", "weight": 1}]
LORA = {"connector": {"lr": 1e-3}, "language": {"lr": 3e-3, "lora": {"rank": 4}}}
SHORT: dict[str, Any] = {"steps": 3, "validation": None}
CASES: dict[str, dict[str, Any]] = {
    "full": {},
    "hybrid": {"run": {"shard": "hybrid"}},
    # Batches of two rows: mostly one process has the picture, often none has.
    "pictures in one process": {"batch": 2, "steps": 5},
    "packs": {**SHORT, "packing": {"tokens": 128, "tiles": 12, "window": 4}, "batch": 3},
    "preferences": {**SHORT, "objective": {"kind": "dpo"}, "mixture": PAIRS, "batch": 3},
    "adapters, all recomputed": {**SHORT, "trainable": LORA, "run": {"checkpointing": "full"}},
    "muon": {**SHORT, "optimizer": "muon"},
    "some recomputed": {**SHORT, "run": {"checkpointing": "selective"}},
}
# Of the same seed and rates, so that after two steps both are the same model.
CONVERTED: dict[str, Any] = {
    **SHORT,
    "trainable": {**LORA, "vision": {"lr": 1e-3}},
    "schedule": {"warmup_fraction": 0, "decay": "none"},
    "run": {"keep_every": 2, "checkpoint_every_s": 1e9},
}
KEPT = {"two of three steps": CONVERTED, "two steps": {**CONVERTED, "steps": 2}}


def recipe_of(model: Path, case: str) -> dict[str, Any]:
    tree = recipe(model)
    more = {**CASES, **KEPT}[case]
    return {**tree, **more, "run": {**tree["run"], **more.get("run", {})}}


@pytest.fixture(scope="module")
def alone(beside: Path, tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one process makes of the plain recipe."""
    out = tmp_path_factory.mktemp("alone") / "teste"
    ran_by_one(Job(recipe(tiny_model), out), beside)
    return out


@pytest.fixture(scope="module")
def together(
    beside: Path, tiny_model: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, str]:
    """What two processes make of every case, and what they said."""
    folder = tmp_path_factory.mktemp("together")
    jobs = [Job(recipe_of(tiny_model, case), folder / case / "teste") for case in (*CASES, *KEPT)]
    return folder, ran_by_two(jobs, beside)


@pytest.mark.parametrize("case", CASES)
def test_two_processes_train_what_one_trains(
    case: str, together: tuple[Path, str], beside: Path, tiny_model: Path, tmp_path: Path
) -> None:
    ran_by_one(Job(recipe_of(tiny_model, case), tmp_path / "teste"), beside)
    assert_same(together[0] / case / "teste", tmp_path / "teste")


def test_one_process_speaks_for_both(together: tuple[Path, str]) -> None:
    assert together[1].count("total ") == len(CASES) + len(KEPT)


def test_one_process_converts_what_two_have_saved(
    together: tuple[Path, str], tiny_model: Path
) -> None:
    kept, wanted = (together[0] / case / "teste" for case in KEPT)
    assert (kept / "checkpoints/step-00000002/__1_0.distcp").is_file()
    stage = Stage.model_validate(recipe_of(tiny_model, "two of three steps"))
    out = kept.with_name("convertido")
    convert(stage, Places(out, kept.parent, kept.parent))
    for name in ("model.safetensors", "adapter/adapter_model.safetensors"):
        made, ended = load_file(out / name), load_file(wanted / name)
        assert made.keys() == ended.keys()
        assert [key for key, value in ended.items() if not torch.equal(made[key], value)] == []


def test_processes_without_a_picture_were_there(together: tuple[Path, str]) -> None:
    entries = log_of(together[0] / "pictures in one process/teste")
    tiles = [entry["tiles"] for entry in entries if "tiles" in entry]
    assert min(tiles) == 0 < max(tiles)


def test_going_on_with_one_process_and_again_with_two_changes_nothing(
    alone: Path, beside: Path, tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = Job(recipe(tiny_model), tmp_path / "teste")
    assert "stopped after step 2 of 6" in ran_by_two([job], beside, "stop", 2)
    saved = tmp_path / "teste.partial/checkpoints/step-00000002"
    assert {"__0_0.distcp", "__1_0.distcp"} <= {path.name for path in saved.iterdir()}
    with monkeypatch.context() as patched:
        stop_in_second_step(patched)
        with pytest.raises(Preempted, match="stopped after step 4 of 6"):
            ran_by_one(job, beside)
    ran_by_two([job], beside)
    assert_same(job.out, alone)


def stop_in_second_step(patched: pytest.MonkeyPatch) -> None:
    original, calls = loop.train_step, 0

    def signalled(*arguments: Any, **more: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return original(*arguments, **more)

    patched.setattr(loop, "train_step", signalled)


def test_a_process_killed_in_the_middle_of_a_checkpoint_costs_no_more_than_its_step(
    alone: Path, beside: Path, tiny_model: Path, tmp_path: Path
) -> None:
    job = Job(recipe(tiny_model), tmp_path / "teste")
    done = started([job], beside, "die", 3)
    assert done[1].returncode == -signal.SIGKILL
    checkpoints = tmp_path / "teste.partial/checkpoints"
    assert sorted(path.name for path in checkpoints.iterdir()) == [
        "step-00000001",
        "step-00000002",
        "step-00000003.tmp",
    ]
    ran_by_two([job], beside)
    assert_same(job.out, alone)
