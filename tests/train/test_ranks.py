"""Two processes over gloo train what one trains: cut over them, stopped, killed, and gone on with."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import make
import pytest
import torch
from safetensors.torch import load_file

from amalia.train.meters import Pace

WORKER = Path(__file__).with_name("ranks_worker.py")
COLORS = ("red", "green", "blue", "white", "black", "yellow")


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


def started(
    world: int, tree: dict[str, Any], out: Path, beside: Path, *what: str
) -> list[subprocess.CompletedProcess[str]]:
    """Run the worker in so many processes and wait for all."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    common = {
        **os.environ,
        "WORLD_SIZE": str(world),
        "LOCAL_WORLD_SIZE": str(world),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "OMP_NUM_THREADS": "1",
        "PYTHONWARNINGS": "ignore",
    }
    arguments = [sys.executable, str(WORKER), json.dumps(tree), str(out), str(beside)]
    arguments += [*what, *("", "")[len(what) :]]
    processes = [
        subprocess.Popen(
            arguments,
            env={**common, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(world)
    ]
    if what[:1] == ("die",):
        # The last is killed and may leave the others waiting; torchrun would end them.
        processes[-1].wait(timeout=240)
        for process in processes[:-1]:
            process.kill()
    done = []
    for process in processes:
        told, error = process.communicate(timeout=240)
        done.append(subprocess.CompletedProcess(arguments, process.returncode, told, error))
    return done


def ran(world: int, tree: dict[str, Any], out: Path, beside: Path, *what: str) -> str:
    done = started(world, tree, out, beside, *what)
    assert [one.returncode for one in done] == [0] * world, "\n".join(one.stderr for one in done)
    return "".join(one.stderr for one in done)


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


@pytest.fixture(scope="module")
def alone(beside: Path, tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one process makes of the recipe."""
    out = tmp_path_factory.mktemp("alone") / "teste"
    ran(1, recipe(tiny_model), out, beside)
    return out


@pytest.mark.parametrize("shard", ["full", "hybrid"])
def test_two_processes_train_what_one_trains(
    alone: Path, beside: Path, tiny_model: Path, tmp_path: Path, shard: str
) -> None:
    tree = recipe(tiny_model)
    tree["run"] = {**tree["run"], "shard": shard}
    told = ran(2, tree, tmp_path / "teste", beside)
    assert told.count("total") == 1, "one table for both"
    assert_same(tmp_path / "teste", alone)


def test_going_on_with_one_process_and_again_with_two_changes_nothing(
    alone: Path, beside: Path, tiny_model: Path, tmp_path: Path
) -> None:
    tree, out = recipe(tiny_model), tmp_path / "teste"
    assert "stopped after step 2 of 6" in ran(2, tree, out, beside, "stop", "2")
    saved = tmp_path / "teste.partial/checkpoints/step-00000002"
    assert {"__0_0.distcp", "__1_0.distcp"} <= {path.name for path in saved.iterdir()}
    # One process has rank 0; it stops by a limit of its own.
    assert "stopped after step 4 of 6" in stopped_alone(tree, out, beside, at=2)
    ran(2, tree, out, beside)
    assert_same(out, alone)


def stopped_alone(tree: dict[str, Any], out: Path, beside: Path, *, at: int) -> str:
    return ran(1, tree, out, beside, "stop-first", str(at))


def test_a_process_killed_in_the_middle_of_a_checkpoint_costs_no_more_than_its_step(
    alone: Path, beside: Path, tiny_model: Path, tmp_path: Path
) -> None:
    tree, out = recipe(tiny_model), tmp_path / "teste"
    done = started(2, tree, out, beside, "die", "3")
    assert [one.returncode != 0 for one in done] == [True, True]
    checkpoints = tmp_path / "teste.partial/checkpoints"
    assert sorted(path.name for path in checkpoints.iterdir()) == [
        "step-00000001",
        "step-00000002",
        "step-00000003.tmp",
    ]
    ran(2, tree, out, beside)
    assert_same(out, alone)


def test_a_process_without_a_picture_does_not_keep_the_others_waiting(
    beside: Path, tiny_model: Path, tmp_path: Path
) -> None:
    # Batches of two rows: mostly one process has the picture, often none has.
    tree = recipe(tiny_model, batch=2, steps=5)
    for world in (1, 2):
        ran(world, tree, tmp_path / str(world) / "teste", beside)
    tiles = [entry["tiles"] for entry in log_of(tmp_path / "2/teste") if "tiles" in entry]
    assert 0 in tiles
    assert max(tiles) > 0
    assert_same(tmp_path / "2/teste", tmp_path / "1/teste")


PACKED = {"tokens": 128, "tiles": 12, "window": 4}


@pytest.mark.parametrize(
    "more",
    [
        {"packing": PACKED, "batch": 3},
        {"objective": {"kind": "dpo"}, "mixture": [{"artifact": "pares", "weight": 1}], "batch": 3},
        {"trainable": {"connector": {"lr": 1e-3}, "language": {"lr": 3e-3, "lora": {"rank": 4}}}},
    ],
    ids=["packs", "preferences", "adapters"],
)
def test_packs_preferences_and_adapters_are_shared_out_too(
    beside: Path, tiny_model: Path, tmp_path: Path, more: dict[str, Any]
) -> None:
    tree = recipe(tiny_model, **{"steps": 3, "validation": None, **more})
    tree["run"] = {**tree["run"], "checkpointing": "full"}
    for world in (1, 2):
        ran(world, tree, tmp_path / str(world) / "teste", beside)
    assert_same(tmp_path / "2/teste", tmp_path / "1/teste")
    assert not torch.distributed.is_initialized()
