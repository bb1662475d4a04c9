"""Stages as jobs of Slurm, which go back into the queue until they are finished.

Makes one batch script for each stage and hands them over in order, each after the one before it. What
the script does with signals, requeues and failures stands in ``slurm.sh.j2``. Nothing here needs Slurm
but ``submit``.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self

from jinja2 import Environment, PackageLoader, StrictUndefined
from pydantic import Field, StringConstraints, field_validator, model_validator

from amalia import manifest as manifests
from amalia import recipe as recipes
from amalia.errors import LaunchError, RecipeError
from amalia.recipe import Settings
from amalia.store import disk_errors, write_text
from amalia.train.stage import Stage

Line = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f]*$")]
_TIME = re.compile(r"(?:(\d+)-)?(\d+)(?::(\d+))?(?::(\d+))?")


class Cluster(Settings):
    """What a job asks of a cluster; the defaults are those of a node of MareNostrum 5."""

    nodes: int = Field(default=1, ge=1)
    gpus_per_node: int = Field(default=4, ge=1)
    cpus_per_gpu: int = Field(default=20, ge=1)
    time: Line = "24:00:00"
    """Limit of one run, in a form of Slurm's: minutes, H:M:S, D-H, D-H:M:S."""
    grace_s: int = Field(default=120, ge=60)
    """Seconds before the limit at which the stage is asked to save; Slurm may do it a minute earlier."""
    max_requeues: int = Field(default=20, ge=0)
    """How often a job may go back into the queue."""
    account: Line = ""
    partition: Line = ""
    qos: Line = ""
    constraint: Line = ""
    mail: Line = ""
    """Who is told of the end, a failure and each requeue; nobody by default."""
    prelude: tuple[Line, ...] = ()
    """Lines of shell before the stage, such as ``module load …``."""
    container: Line = ""
    """Command that runs the stage in a container, such as ``singularity exec --nv amalia.sif``."""
    python: Line = ""
    """Interpreter; by default the one that writes the script, in a container ``python``."""
    sbatch: tuple[Line, ...] = ()
    """More options of ``sbatch``, such as ``--exclusive``."""

    @field_validator("time", mode="before")
    @classmethod
    def _quoted(cls, time: Any) -> Any:
        if isinstance(time, int):
            raise ValueError(
                'YAML reads a bare 24:00:00 as a number; quote it, as time: "24:00:00"'
            )
        return time

    @field_validator("container")
    @classmethod
    def _words(cls, container: str) -> str:
        shlex.split(container)  # refuses a quote that is not closed
        return container

    @model_validator(mode="after")
    def _saves_in_time(self) -> Self:
        if seconds(self.time) <= self.grace_s:
            raise ValueError(
                f"time {self.time} is over before the stage is asked to save, {self.grace_s} s "
                "(grace_s) before its end; raise time"
            )
        return self


@dataclass(frozen=True, slots=True)
class Job:
    """One stage to be run by Slurm."""

    name: str
    recipe: Path
    overrides: tuple[str, ...]
    out: Path
    """Absolute folder that gets the artifacts, beside each other."""

    @property
    def artifact(self) -> Path:
        """What the stage makes."""
        return self.out / self.name

    @property
    def script(self) -> Path:
        """The batch script."""
        return self.out / "slurm" / f"{self.name}.sh"

    @property
    def kept_recipe(self) -> Path:
        """The recipe as it was when the job was launched; it may wait for days."""
        return self.out / "slurm" / f"{self.name}.yaml"

    @property
    def log(self) -> Path:
        """What the job writes, with Slurm's ``%j`` for its number."""
        return self.out / "slurm" / f"{self.name}-%j.log"


def seconds(time: str) -> int:
    """Read a limit of time as Slurm does.

    Raises:
        ValueError: It has no form of Slurm's.
    """
    found = _TIME.fullmatch(time)
    if found is None or (not found[1] and time.count(":") == 0 and int(time) == 0):
        raise ValueError(
            f"time {time!r} is no limit of Slurm's; write it as 24:00:00 or 3-00:00:00"
        )
    days, first, second, third = (int(number or 0) for number in found.groups())
    if found[1] or found[4]:
        return days * 86400 + first * 3600 + second * 60 + third
    return first * 60 + second


def jobs(paths: Sequence[Path], overrides: Sequence[str], out: Path) -> list[Job]:
    """Check recipes of stages and name the job of each.

    Args:
        paths: Recipes, in the order in which they are to run.
        overrides: ``KEY=VALUE`` items for all of them.
        out: Folder that gets the artifacts.

    Raises:
        RecipeError: A recipe is not valid, or two stages have one name.
    """
    found: list[Job] = []
    for path in paths:
        name = recipes.load(path, Stage, overrides).name
        if any(job.name == name for job in found):
            raise RecipeError(
                f"{path} has the name {name} of a stage before it; give each its own, since each is a folder in {out}"
            )
        found.append(Job(name, path, tuple(overrides), out.resolve()))
    return found


def script(job: Job, cluster: Cluster) -> str:
    """Write the batch script of a job.

    Args:
        job: The stage.
        cluster: What it asks for.

    Returns:
        Shell for bash, to be run from the folder this is called in.
    """
    environment = Environment(
        loader=PackageLoader("amalia", "train"),
        autoescape=False,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("slurm.sh.j2").render(
        job=job,
        cluster=cluster,
        options=_options(job, cluster),
        command=shlex.join(_command(job, cluster)),
        manifest=shlex.quote(str(job.artifact / manifests.FILE_NAME)),
    )


def submit(found: Sequence[Job], cluster: Cluster) -> list[str]:
    """Write the scripts and hand them to Slurm, each to start when the one before has finished.

    Returns:
        The number Slurm gave each job.

    Raises:
        ArtifactError: A script cannot be written.
        LaunchError: There is no ``sbatch`` here, or it refuses a job.
    """
    for job in found:
        with disk_errors(job.script):
            job.script.parent.mkdir(parents=True, exist_ok=True)
        write_text(job.kept_recipe, job.recipe.read_text("utf-8"))
        write_text(job.script, script(job, cluster))
    if shutil.which("sbatch") is None:
        written = ", ".join(str(job.script) for job in found)
        raise LaunchError(
            f"there is no sbatch on this machine; {written} was written: submit it where Slurm is"
        )
    numbers: list[str] = []
    for job in found:
        after = [f"--dependency=afterok:{number}" for number in numbers[-1:]]
        after += ["--kill-on-invalid-dep=yes"] if after else []
        command = ["sbatch", "--parsable", *after, str(job.script)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            before = f" (submitted before it: {', '.join(numbers)})" if numbers else ""
            reason = " ".join(done.stderr.split()) or f"exit code {done.returncode}"
            raise LaunchError(f"sbatch refused {job.script}: {reason}{before}")
        # With several clusters it is NUMBER;CLUSTER.
        numbers.append(done.stdout.strip().partition(";")[0])
    return numbers


def _options(job: Job, cluster: Cluster) -> list[str]:
    named = {
        "job-name": job.name,
        "nodes": cluster.nodes,
        "ntasks-per-node": cluster.gpus_per_node,
        "gpus-per-node": cluster.gpus_per_node,
        "cpus-per-task": cluster.cpus_per_gpu,
        "time": cluster.time,
        "account": cluster.account,
        "partition": cluster.partition,
        "qos": cluster.qos,
        "constraint": cluster.constraint,
        "mail-user": cluster.mail,
        "mail-type": "END,FAIL,REQUEUE" if cluster.mail else "",
        "chdir": Path.cwd(),
        "output": job.log,
        "open-mode": "append",
        "signal": f"B:USR1@{cluster.grace_s}",
    }
    given = [
        f"--{name}={shlex.quote(str(value)) if name in ('chdir', 'output') else value}"
        for name, value in named.items()
        if value != ""
    ]
    return [*given, "--requeue", *cluster.sbatch]


def _command(job: Job, cluster: Cluster) -> list[str]:
    inside = shlex.split(cluster.container)
    python = cluster.python or ("python" if inside else sys.executable)
    return [
        *(*inside, python, "-m", "amalia", "train", str(job.kept_recipe)),
        *(*job.overrides, "--out", str(job.artifact)),
    ]
