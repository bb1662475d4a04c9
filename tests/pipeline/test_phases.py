"""Phases of tasks: all are done once, whoever runs them, and a process that dies costs no other task."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from amalia.errors import LaunchError
from amalia.pipeline.phases import Phase, PhasesRun, Slurm, run, scripts


@dataclass(frozen=True)
class Squares:
    """Tasks that write a number, each knowing the sum of a phase before."""

    folder: Path
    before: Path | None = None
    dies_at: int | None = None

    def is_done(self, task: int) -> bool:
        return (self.folder / str(task)).is_file()

    def do(self, task: int) -> None:
        if task == self.dies_at and not (self.folder / "died").exists():
            (self.folder / "died").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        known = sorted(self.before.glob("[0-9]*")) if self.before else []
        total = sum(int(path.read_text("utf-8")) for path in known)
        (self.folder / str(task)).write_text(str(task * task + total), "utf-8")


@pytest.fixture
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let processes that are started find this module."""
    here = str(Path(__file__).parent)
    monkeypatch.setenv("PYTHONPATH", here)
    monkeypatch.syspath_prepend(here)
    monkeypatch.setitem(sys.modules, "test_phases", sys.modules[__name__])
    monkeypatch.setattr(Squares, "__module__", "test_phases")


def two_phases(folder: Path, **more: int) -> list[Phase]:
    first, second = folder / "first", folder / "second"
    first.mkdir()
    second.mkdir()
    return [
        Phase("first", 4, Squares(first, **more)),
        Phase("second", 2, Squares(second, first)),
    ]


def numbers(folder: Path) -> list[int]:
    return [int(path.read_text("utf-8")) for path in sorted(folder.glob("[0-9]*"))]


@pytest.mark.usefixtures("importable")
@pytest.mark.parametrize("workers", [1, 2])
def test_phases_are_done_in_order(tmp_path: Path, workers: int) -> None:
    assert run(two_phases(tmp_path), PhasesRun(workers=workers), tmp_path / "logs")
    assert numbers(tmp_path / "first") == [0, 1, 4, 9]
    assert numbers(tmp_path / "second") == [14, 15]


@pytest.mark.usefixtures("importable")
def test_a_process_that_dies_costs_no_other_task(tmp_path: Path) -> None:
    phases = two_phases(tmp_path, dies_at=2)
    (tmp_path / "first" / "1").write_text("100", "utf-8")  # done before: not done again
    assert run(phases, PhasesRun(workers=2), tmp_path / "logs")
    assert (tmp_path / "first" / "died").exists()
    assert numbers(tmp_path / "first") == [0, 100, 4, 9]


_ON_RAY = """
import sys
from pathlib import Path
from test_phases import PhasesRun, run, two_phases
folder = Path(sys.argv[1])
assert run(two_phases(folder), PhasesRun(executor="ray", workers=2), folder / "logs")
"""


def test_ray_does_the_same(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="amalia[ray] is not installed")
    # In a process of its own: Ray asks for the address of this machine, which no test may.
    subprocess.run(
        [sys.executable, "-c", _ON_RAY, str(tmp_path)],
        env={
            **os.environ,
            "PYTHONPATH": str(Path(__file__).parent),
            "RAY_AUTH_MODE": "disabled",
            "RAY_USAGE_STATS_ENABLED": "0",
        },
        check=True,
        timeout=120,
    )
    assert numbers(tmp_path / "first") == [0, 1, 4, 9]
    assert numbers(tmp_path / "second") == [14, 15]


def test_slurm_gets_one_script_a_phase(tmp_path: Path) -> None:
    asked = Slurm(
        partition="gpp", time="2:00:00", account="bsc01", venv="/apps/amalia/bin/activate"
    )
    settings = PhasesRun(executor="slurm", slurm=asked)
    first, second = scripts(two_phases(tmp_path), settings, tmp_path / "logs")
    for line in (
        "#SBATCH --partition=gpp",
        "#SBATCH --time=2:00:00",
        "#SBATCH --account=bsc01",
        "#SBATCH --array=0-3",
        "source /apps/amalia/bin/activate",
    ):
        assert line in first.splitlines()
    assert "#SBATCH --array=0-1" in second
    assert str(tmp_path / "logs" / "second") in second


def test_what_slurm_wants_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    phases = two_phases(tmp_path)
    with pytest.raises(LaunchError, match=r"give run\.slurm\.partition"):
        scripts(phases, PhasesRun(executor="slurm"), tmp_path / "logs")
    monkeypatch.setenv("PATH", str(tmp_path))
    slurm = PhasesRun(executor="slurm", slurm=Slurm(partition="x"))
    with pytest.raises(LaunchError, match="no sbatch"):
        run(phases, slurm, tmp_path / "logs")
    for phase in phases:
        for task in range(phase.num_tasks):
            phase.work.do(task)
    assert run(phases, slurm, tmp_path / "logs")  # the jobs are done: nothing is handed over
