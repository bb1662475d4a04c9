"""The batch script of a stage, run for real with a cluster of four small programs."""

from __future__ import annotations

import json
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import make
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from amalia import recipe as recipes
from amalia.cli.app import app
from amalia.errors import LaunchError, RecipeError
from amalia.train.slurm import Cluster, Job, jobs, script, seconds, submit

GOLDEN = Path(__file__).parent / "sft.sh"
RECIPES = Path(__file__).parents[2] / "recipes/mini"

# The real one passes USR1 on to its tasks, kills them at TERM, and gives the highest exit code.
SRUN = f"""#!{sys.executable}
import os, signal, subprocess, sys
words = sys.argv[1:]
given = dict(word[2:].split("=") for word in words if word.startswith("--nodes=") or "per-node=" in word)
command = words[next(n for n, word in enumerate(words) if not word.startswith("--")):]
per, count = int(given["ntasks-per-node"]), int(given["nodes"]) * int(given["ntasks-per-node"])
tasks = []
signal.signal(signal.SIGUSR1, lambda *_: [task.send_signal(signal.SIGUSR1) for task in tasks])
signal.signal(signal.SIGTERM, lambda *_: [task.kill() for task in tasks])
for n in range(count):
    names = {{"SLURM_PROCID": n, "SLURM_LOCALID": n % per, "SLURM_NTASKS": count}}
    environment = os.environ | {{name: str(value) for name, value in names.items()}}
    tasks.append(subprocess.Popen(command, env=environment))
sys.exit(max(code if code >= 0 else 128 - code for code in [task.wait() for task in tasks]))
"""
SCONTROL = """#!/bin/bash
case "$1 $2" in
    "show hostnames") printf '127.0.0.1\\nother\\n' ;;
    "show job") echo "   JobState=${STATE:-RUNNING} Reason=None" ;;
    *) echo "$@" >> "$CALLS" ;;
esac
"""
# Called as an interpreter of Python is; what it does is said by PLAY.
STAGE = """#!/bin/bash
out="${@: -1}"
names="RANK LOCAL_RANK WORLD_SIZE LOCAL_WORLD_SIZE MASTER_ADDR MASTER_PORT OMP_NUM_THREADS"
for name in $names; do echo "$name=${!name}"; done > "$CALLS.rank-$RANK"
printf '%s\\n' "$@" > "$CALLS.arguments"
[ "$PLAY" = save ] && trap 'mkdir -p "$out.partial"; exit 0' USR1
[ "$PLAY" = save-badly ] && trap 'exit 5' USR1
touch "$CALLS.listens-$RANK"
case "$PLAY" in
    finish) mkdir -p "$out"; touch "$out/manifest.json"; exit 0 ;;
    crash) exit 3 ;;
    load) exec sleep 60 ;;
esac
while :; do sleep 0.05; done
"""


@pytest.fixture
def cluster_path(tmp_path: Path) -> str:
    """A PATH on which Slurm's programs are."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name, text in (("srun", SRUN), ("scontrol", SCONTROL), ("stage", STAGE)):
        program(folder / name, text)
    return f"{folder}:{os.environ['PATH']}"


def program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


class Run:
    """A batch script being run, and what it asked of Slurm."""

    def __init__(self, tmp_path: Path, path: str, play: str, **settings: Any) -> None:
        self.job = Job("sft", RECIPES / "sft.yaml", ("steps=150",), tmp_path / "os artefactos")
        given = {"nodes": 2, "gpus_per_node": 2, "python": "stage"}
        text = script(self.job, Cluster.model_validate(given | settings))
        self.calls = tmp_path / "calls"
        (tmp_path / "job.sh").write_text(text)
        self._script, self._path, self._play = tmp_path / "job.sh", path, play

    def start(self, environment: Mapping[str, str] = {}) -> subprocess.Popen[str]:
        names = {
            "PATH": self._path,
            "CALLS": str(self.calls),
            "PLAY": self._play,
            "SLURM_JOB_ID": "4711",
            "SLURM_JOB_NODELIST": "as[01-02]",
        }
        command = ["bash", str(self._script)]
        return subprocess.Popen(
            command, env={**os.environ, **names, **environment}, stderr=subprocess.PIPE, text=True
        )

    def end(self, process: subprocess.Popen[str]) -> tuple[int, str]:
        """Exit code and what was said."""
        said = process.communicate(timeout=60)[1]
        return process.returncode, said.strip()

    @property
    def requeues(self) -> list[str]:
        return self.calls.read_text().splitlines() if self.calls.exists() else []


def wait_for(is_there: Callable[[], bool]) -> None:
    for _ in range(1200):
        if is_there():
            return
        time.sleep(0.05)
    raise AssertionError("it did not come")


def asked(run: Run, name: signal.Signals, environment: Mapping[str, str] = {}) -> tuple[int, str]:
    """Let all four tasks begin, send the shell a signal, and see how it ends."""
    process = run.start(environment)
    wait_for(lambda: len([*run.calls.parent.glob("calls.listens-*")]) == 4)
    process.send_signal(name)
    return run.end(process)


def test_the_script_is_this(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    tree = yaml.safe_load("""
        nodes: 16
        time: "3-00:00:00"
        account: bsc01
        qos: acc_ehpc
        mail: alguem@example.pt
        prelude: [module load singularity, export NCCL_SOCKET_IFNAME=ib0]
        container: singularity exec --nv "/gpfs/as imagens/amalia.sif"
        sbatch: [--exclusive]
    """)
    job = Job(
        "2-sft",
        RECIPES / "sft.yaml",
        ("steps=7", "mixture.0.artifact=as fotos"),
        Path("/gpfs/runs"),
    )
    assert script(job, Cluster.model_validate(tree)) == GOLDEN.read_text("utf-8")


def test_bash_reads_the_script() -> None:
    subprocess.run(["bash", "-n", str(GOLDEN)], check=True)


@pytest.mark.skipif(shutil.which("shellcheck") is None, reason="there is no shellcheck here")
def test_shellcheck_has_nothing_to_say() -> None:
    subprocess.run(["shellcheck", str(GOLDEN)], check=True)


def test_every_task_is_a_rank_and_a_finished_stage_is_not_requeued(
    tmp_path: Path, cluster_path: str
) -> None:
    run = Run(tmp_path, cluster_path, "finish")
    assert run.end(run.start()) == (0, "")
    assert run.requeues == []
    for rank in range(4):
        told = dict(
            line.split("=") for line in Path(f"{run.calls}.rank-{rank}").read_text().splitlines()
        )
        assert told == {
            "RANK": str(rank),
            "LOCAL_RANK": str(rank % 2),
            "WORLD_SIZE": "4",
            "LOCAL_WORLD_SIZE": "2",
            "MASTER_ADDR": "127.0.0.1",
            "MASTER_PORT": str(15000 + 4711),
            "OMP_NUM_THREADS": "20",
        }
    out = tmp_path / "os artefactos"
    assert Path(f"{run.calls}.arguments").read_text().splitlines() == [
        *("-m", "amalia", "train", str(out / "slurm/sft.yaml"), "steps=150"),
        *("--out", str(out / "sft")),
    ]


@pytest.mark.parametrize("name", [signal.SIGUSR1, signal.SIGTERM])
@pytest.mark.parametrize("play", ["save", "load"])
def test_a_stage_that_was_asked_to_stop_is_requeued(
    tmp_path: Path, cluster_path: str, play: str, name: signal.Signals
) -> None:
    run = Run(tmp_path, cluster_path, play)
    code, said = asked(run, name, {"SLURM_RESTART_COUNT": "19"})
    assert code == 0
    assert said.splitlines()[0] == "launch: the stage is asked to save and stop"
    assert said.splitlines()[-1] == "launch: saved and not finished; job 4711 is requeued"
    assert run.requeues == ["requeue 4711"]
    assert run.job.artifact.with_name("sft.partial").is_dir() == (play == "save")


def test_a_stage_that_fails_is_not_requeued_and_its_exit_code_is_the_jobs(
    tmp_path: Path, cluster_path: str
) -> None:
    run = Run(tmp_path, cluster_path, "crash")
    said = "launch: the stage failed with exit code 3 and is not requeued"
    assert run.end(run.start()) == (3, said)
    assert run.requeues == []


def test_a_stage_that_fails_while_it_saves_is_not_requeued(
    tmp_path: Path, cluster_path: str
) -> None:
    run = Run(tmp_path, cluster_path, "save-badly")
    code, said = asked(run, signal.SIGUSR1)
    assert code == 5
    assert said.endswith("failed with exit code 5 and is not requeued")
    assert run.requeues == []


def test_a_job_is_not_requeued_for_ever(tmp_path: Path, cluster_path: str) -> None:
    run = Run(tmp_path, cluster_path, "save", max_requeues=2)
    code, said = asked(run, signal.SIGUSR1, {"SLURM_RESTART_COUNT": "2"})
    assert code == 1
    assert "launch: requeued 2 times, which is max_requeues, and not finished; submit" in said
    assert run.requeues == []


def test_a_job_that_was_cancelled_stays_so(tmp_path: Path, cluster_path: str) -> None:
    run = Run(tmp_path, cluster_path, "save")
    code, said = asked(run, signal.SIGTERM, {"STATE": "CANCELLED"})
    assert code == 1
    assert said.endswith("it was cancelled and is not requeued")
    assert run.requeues == []


def test_a_real_stage_saves_is_requeued_and_goes_on_to_the_end(
    tmp_path: Path, cluster_path: str, tiny_model: Path
) -> None:
    rows = [make.conversation(id=f"c{n}") for n in range(8)]
    make.write_artifact(tmp_path / "os artefactos/perguntas", "conversations", rows)
    tree = {
        "name": "sft",
        "start": {"kind": "model", "model": str(tiny_model)},
        "objective": {"kind": "next_token"},
        "trainable": {"connector": {"lr": 1e-3}},
        "mixture": [{"artifact": "perguntas", "weight": 1}],
        "steps": 7,
        "batch": 4,
        "max_tokens": 64,
        "run": {"device": "cpu"},
    }
    settings = {"nodes": 1, "gpus_per_node": 1, "cpus_per_gpu": 1, "python": sys.executable}
    run = Run(tmp_path, cluster_path, "", **settings)
    run.job.kept_recipe.parent.mkdir()
    run.job.kept_recipe.write_text(json.dumps(tree))
    source = {"PYTHONPATH": str(Path(recipes.__file__).parents[1])}
    process = run.start(source)
    log = run.job.artifact.with_name("sft.partial") / "log.jsonl"
    wait_for(lambda: log.is_file() and bool(log.read_text()))
    process.send_signal(signal.SIGUSR1)
    code, said = run.end(process)
    assert code == 0, said
    assert "sft stopped after step" in said
    assert run.requeues == ["requeue 4711"]
    assert not run.job.artifact.exists()

    # The same command again, in this process because loading takes longest.
    arguments = [str(run.job.kept_recipe), "steps=150", "--out", str(run.job.artifact)]
    result = CliRunner().invoke(app, ["train", *arguments])
    assert result.exit_code == 0, result.output
    steps = [
        json.loads(line)["step"]
        for line in (run.job.artifact / "log.jsonl").read_text().splitlines()
    ]
    assert steps == list(range(1, 151))


@given(st.integers(0, 9), st.integers(0, 99), st.integers(0, 59), st.integers(0, 59))
def test_a_limit_of_time_is_read_as_slurm_reads_it(days: int, h: int, m: int, s: int) -> None:
    assert seconds(f"{days}-{h}:{m:02}:{s:02}") == days * 86400 + h * 3600 + m * 60 + s
    assert seconds(f"{days}-{h}:{m:02}") == days * 86400 + h * 3600 + m * 60
    assert seconds(f"{days}-{h}") == days * 86400 + h * 3600
    assert seconds(f"{h}:{m:02}:{s:02}") == h * 3600 + m * 60 + s
    assert seconds(f"{m}:{s:02}") == m * 60 + s
    assert seconds(f"{h + 1}") == (h + 1) * 60


@pytest.mark.parametrize(
    ("given_", "told"),
    [
        ("time: 24:00:00", 'quote it, as time: "24:00:00"'),
        (
            "time: um dia",
            "time 'um dia' is no limit of Slurm's; write it as 24:00:00 or 3-00:00:00",
        ),
        ('time: "2"', "time 2 is over before the stage is asked to save, 120 s (grace_s)"),
        ("nodes: 0", "nodes: got 0; input should be greater than or equal to 1"),
        ('account: "a\\nrm -r x"', "account: got"),
        ("container: exec 'a", 'container: got "exec \'a"; no closing quotation'),
        ("gpus_per_nod: 4", "gpus_per_nod: unknown setting; did you mean gpus_per_node?"),
    ],
)
def test_a_mistake_in_the_settings_is_told(given_: str, told: str) -> None:
    with pytest.raises(RecipeError) as refused:
        recipes.parse(yaml.safe_load(given_), Cluster, name="cluster.yaml")
    assert told in str(refused.value)


def test_recipes_are_checked_and_have_names_of_their_own(tmp_path: Path) -> None:
    paths = [RECIPES / "align.yaml", RECIPES / "sft.yaml"]
    assert [job.name for job in jobs(paths, ["seed=3"], tmp_path)] == ["align", "sft"]
    with pytest.raises(RecipeError, match="steps: got 0"):
        jobs(paths, ["steps=0"], tmp_path)
    with pytest.raises(RecipeError, match=r"sft.yaml has the name sft of a stage before it"):
        jobs([*paths, RECIPES / "sft.yaml"], [], tmp_path)


SBATCH = """#!/bin/bash
echo "$@" >> "$CALLS"
[[ "$*" == *dpo* ]] && { echo "sbatch: error: Invalid account" >&2; exit 1; }
echo "$((100 + $(wc -l < "$CALLS")));as"
"""


def test_jobs_are_submitted_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    program(tmp_path / "bin/sbatch", SBATCH)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("CALLS", str(tmp_path / "calls"))
    found = jobs([RECIPES / f"{name}.yaml" for name in ("align", "sft")], ["seed=3"], tmp_path)
    assert submit(found, Cluster()) == ["101", "102"]
    assert (tmp_path / "calls").read_text().splitlines() == [
        f"--parsable {tmp_path}/slurm/align.sh",
        f"--parsable --dependency=afterok:101 --kill-on-invalid-dep=yes {tmp_path}/slurm/sft.sh",
    ]
    assert (tmp_path / "slurm/sft.sh").read_text() == script(found[1], Cluster())
    assert (tmp_path / "slurm/sft.yaml").read_bytes() == (RECIPES / "sft.yaml").read_bytes()

    (tmp_path / "calls").unlink()
    more = [*found, *jobs([RECIPES / "dpo.yaml"], [], tmp_path)]
    with pytest.raises(LaunchError) as refused:
        submit(more, Cluster())
    assert str(refused.value) == (
        f"sbatch refused {tmp_path}/slurm/dpo.sh: sbatch: error: Invalid account (submitted before it: 101, 102)"
    )
