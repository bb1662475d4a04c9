"""Trackers see what the log says; one that fails is left out and never stops a training."""

from __future__ import annotations

import json
import logging
import socket
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from amalia.errors import MissingExtra, TrainingError
from amalia.train.trackers import RUNS, TENSORBOARD, Told, Trackers, require


def told(folder: Path, step: int = 0) -> Told:
    recipe = {"steps": 6, "trainable": {"language": {"lr": 0.001}}}
    return Told("sft", "retratos", recipe, folder, step)


def seen(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """What TensorBoard shows."""
    events = EventAccumulator(str(folder / TENSORBOARD)).Reload()
    return {
        tag: [(event.step, round(event.value, 4)) for event in events.Scalars(tag)]
        for tag in events.Tags()["scalars"]
    }


def test_tensorboard_shows_what_was_written(tmp_path: Path) -> None:
    with Trackers(("tensorboard",), told(tmp_path)) as tracker:
        tracker.write(0, {"validation/loss": 3.0})
        tracker.write(1, {"train/loss": 2.5, "train/loss_of/cores": 2.25})
        tracker.write(2, {"train/loss": 2.0, "train/loss_of/cores": 1.75})
    assert seen(tmp_path) == {
        "validation/loss": [(0, 3.0)],
        "train/loss": [(1, 2.5), (2, 2.0)],
        "train/loss_of/cores": [(1, 2.25), (2, 1.75)],
    }


def test_steps_that_are_done_again_are_shown_once(tmp_path: Path) -> None:
    with Trackers(("tensorboard",), told(tmp_path)) as tracker:
        for step in (1, 2, 3, 4):
            tracker.write(step, {"train/loss": 10.0 + step})
    with Trackers(("tensorboard",), told(tmp_path, step=2)) as tracker:
        for step in (3, 4, 5):
            tracker.write(step, {"train/loss": 20.0 + step})
    assert seen(tmp_path) == {"train/loss": [(1, 11.0), (2, 12.0), (3, 23.0), (4, 24.0), (5, 25.0)]}


def test_a_stage_that_begins_anew_takes_back_its_first_validation(tmp_path: Path) -> None:
    for loss in (3.0, 4.0):
        with Trackers(("tensorboard",), told(tmp_path)) as tracker:
            tracker.write(0, {"validation/loss": loss})
    assert seen(tmp_path) == {"validation/loss": [(0, 4.0)]}


def test_event_files_do_not_carry_the_name_of_the_machine(tmp_path: Path) -> None:
    for step in (0, 3):
        with Trackers(("tensorboard",), told(tmp_path, step)) as tracker:
            tracker.write(step + 1, {"train/loss": 1.0})
    files = sorted((tmp_path / TENSORBOARD).iterdir())
    assert [path.suffix for path in files] == [".000", ".001"]
    host = socket.gethostname().encode()
    assert not any(host in path.name.encode() + path.read_bytes() for path in files)


def put(monkeypatch: pytest.MonkeyPatch, name: str, **functions: Any) -> None:
    """Let a package be what a test makes of it."""
    module = ModuleType(name)
    module.__dict__.update(functions)
    monkeypatch.setitem(sys.modules, name, module)


class FakeWandb:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun: list[dict[str, Any]] = []
        self.logged: list[tuple[int, dict[str, float]]] = []
        self.finished = 0
        put(monkeypatch, "wandb", init=self.init)

    def init(self, **options: Any) -> FakeWandb:
        self.begun.append(options)
        return self

    def log(self, values: dict[str, float], step: int) -> None:
        self.logged.append((step, values))

    def finish(self) -> None:
        self.finished += 1


class FakeMlflow:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[tuple[Any, ...]] = []
        put(
            monkeypatch,
            "mlflow",
            set_experiment=lambda name: self.calls.append(("experiment", name)),
            start_run=self.start_run,
            log_params=lambda params: self.calls.append(("params", params)),
            log_metrics=lambda values, step, run_id: self.calls.append((run_id, step, values)),
            end_run=lambda: self.calls.append(("end",)),
        )

    def start_run(self, run_id: str | None, run_name: str | None) -> SimpleNamespace:
        self.calls.append(("start", run_id, run_name))
        return SimpleNamespace(info=SimpleNamespace(run_id=run_id or "corrida"))


def test_a_run_of_wandb_is_named_as_the_stage_and_goes_on_under_its_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeWandb(monkeypatch)
    with Trackers(("wandb",), told(tmp_path)) as tracker:
        tracker.write(1, {"train/loss": 2.5})
    with Trackers(("wandb",), told(tmp_path, step=1)) as tracker:
        tracker.write(2, {"train/loss": 2.0})
    first, second = fake.begun
    assert first == second
    assert (first["project"], first["name"], first["resume"]) == ("retratos", "sft", "allow")
    assert first["config"]["steps"] == 6
    assert json.loads((tmp_path / RUNS).read_text()) == {"wandb": first["id"]}
    assert fake.logged == [(1, {"train/loss": 2.5}), (2, {"train/loss": 2.0})]
    assert fake.finished == 2


def test_two_stages_have_two_runs_of_wandb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeWandb(monkeypatch)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        Trackers(("wandb",), told(tmp_path / name)).close()
    assert fake.begun[0]["id"] != fake.begun[1]["id"]


def test_a_run_of_mlflow_has_the_recipe_and_goes_on_under_its_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeMlflow(monkeypatch)
    with Trackers(("mlflow",), told(tmp_path)) as tracker:
        tracker.write(1, {"train/loss": 2.5})
    with Trackers(("mlflow",), told(tmp_path, step=1)) as tracker:
        tracker.write(2, {"train/loss": 2.0})
    assert fake.calls == [
        ("experiment", "retratos"),
        ("start", None, "sft"),
        ("params", {"steps": 6, "trainable.language.lr": 0.001}),
        ("corrida", 1, {"train/loss": 2.5}),
        ("end",),
        ("experiment", "retratos"),
        ("start", "corrida", None),
        ("corrida", 2, {"train/loss": 2.0}),
        ("end",),
    ]


def test_wandb_and_mlflow_remember_their_runs_side_by_side(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeWandb(monkeypatch)
    FakeMlflow(monkeypatch)
    Trackers(("wandb", "mlflow", "wandb"), told(tmp_path)).close()
    assert json.loads((tmp_path / RUNS).read_text()) == {
        "wandb": fake.begun[0]["id"],
        "mlflow": "corrida",
    }
    assert len(fake.begun) == 1


def test_a_tracker_that_fails_is_left_out_with_one_warning_and_the_others_go_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fake = FakeWandb(monkeypatch)
    asked: list[int] = []

    def failing(_: Mapping[str, float], step: int) -> None:
        asked.append(step)
        raise ConnectionError("no route\nto host")

    monkeypatch.setattr(fake, "log", failing)
    with (
        caplog.at_level(logging.WARNING),
        Trackers(("wandb", "tensorboard"), told(tmp_path)) as tracker,
    ):
        for step in (1, 2, 3):
            tracker.write(step, {"train/loss": float(step)})
    assert asked == [1]
    assert [record.message for record in caplog.records] == [
        "wandb is left out from here on: no route to host"
    ]
    assert seen(tmp_path) == {"train/loss": [(1, 1.0), (2, 2.0), (3, 3.0)]}


def test_a_tracker_that_fails_to_finish_is_only_warned_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fake = FakeWandb(monkeypatch)

    def failing() -> None:
        raise ConnectionError

    monkeypatch.setattr(fake, "finish", failing)
    with caplog.at_level(logging.WARNING):
        Trackers(("wandb",), told(tmp_path)).close()
    assert caplog.messages == ["wandb is left out from here on: ConnectionError"]


def test_a_tracker_that_cannot_begin_stops_a_new_stage_but_not_one_that_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def failing(**_: Any) -> None:
        raise ValueError("no API key")

    put(monkeypatch, "wandb", init=failing)
    with pytest.raises(
        TrainingError,
        match=r"run\.trackers: wandb cannot begin: no API key; mend it or leave wandb out",
    ):
        Trackers(("wandb",), told(tmp_path))
    with caplog.at_level(logging.WARNING), Trackers(("wandb",), told(tmp_path, step=3)) as tracker:
        tracker.write(4, {"train/loss": 1.0})
    assert caplog.messages == ["wandb is left out from here on: no API key"]


def test_a_slow_tracker_does_not_hold_up_who_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake = FakeWandb(monkeypatch)
    free = threading.Event()
    taken: list[int] = []

    def slow(_: Mapping[str, float], step: int) -> None:
        assert free.wait(10)
        taken.append(step)

    monkeypatch.setattr(fake, "log", slow)
    with Trackers(("wandb",), told(tmp_path)) as tracker:
        for step in (1, 2, 3):
            tracker.write(step, {"train/loss": 1.0})
        assert taken == []
        free.set()
    assert taken == [1, 2, 3]


@pytest.mark.parametrize(
    ("kind", "package", "message"),
    [
        ("wandb", "wandb", r"Telling Weights & Biases how .* 'amalia\[wandb\]'"),
        ("mlflow", "mlflow", r"Telling MLflow how .* 'amalia\[mlflow\]'"),
        ("tensorboard", "torch.utils.tensorboard", r"Telling TensorBoard how .* 'amalia\[train\]'"),
    ],
)
def test_a_package_that_is_not_there_is_named_with_its_extra(
    monkeypatch: pytest.MonkeyPatch, kind: Any, package: str, message: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingExtra, match=message):
        require((kind,))


def test_without_trackers_nothing_is_made(tmp_path: Path) -> None:
    with Trackers((), told(tmp_path)) as tracker:
        tracker.write(1, {"train/loss": 1.0})
    assert list(tmp_path.iterdir()) == []
