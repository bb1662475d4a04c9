"""Work in phases of independent tasks, run on this machine, on Slurm or on Ray.

A phase begins when every task of the one before it is done. A task leaves files that are whole or not there, the
same bytes whoever runs it and however often it was stopped, so a run goes on where it was and any number of workers
gives the same. Slurm and Ray are datatrove's executors. On this machine the tasks run in a pool of our own: datatrove's
waits for ever when a process dies (its issue 222), and what makes a process die here is a page of somebody else's.
"""

from __future__ import annotations

import multiprocessing
import os
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, Self

from pydantic import Field

from amalia.errors import LaunchError, MissingExtra
from amalia.progress import Progress
from amalia.recipe import Settings

MAX_DEATHS = 20
"""Processes that may die in one phase; a task that had one in hand goes on without what killed it."""


class Work(Protocol):
    """What the tasks of a phase do; pickled to whoever runs them."""

    def is_done(self, task: int) -> bool:
        """Whether the files of a task are there and whole."""
        ...

    def do(self, task: int) -> None:
        """Do a task, or what is left of it."""
        ...


@dataclass(frozen=True, slots=True)
class Phase:
    """Tasks that need nothing of each other."""

    name: str
    num_tasks: int
    work: Work


class Slurm(Settings):
    """What a job asks of a cluster: an array of tasks for each phase."""

    partition: str = Field(min_length=1)
    time: str = "24:00:00"
    """Limit of one task."""
    cpus_per_task: int = Field(default=1, ge=1)
    memory_gb_per_cpu: int = Field(default=3, ge=1)
    tasks_per_job: int = Field(default=1, ge=1)
    """Tasks that one member of the array does, one after the other."""
    qos: str = ""
    account: str = ""
    venv: str | None = None
    """Virtual environment, its ``bin/activate``, that a job enters first."""


class PhasesRun(Settings):
    """Execution, not identity."""

    executor: Literal["local", "slurm", "ray"] = "local"
    workers: int = Field(default=0, ge=0)
    """Tasks at a time; 0 takes one for each core (on Slurm: as many as it gives)."""
    slurm: Slurm | None = None
    """Needed by the executor of that name."""


def run(phases: Sequence[Phase], settings: PhasesRun, logs: Path) -> bool:
    """Do all phases in order.

    Args:
        phases: What is to be done.
        settings: Where.
        logs: Folder for what executors write.

    Returns:
        Whether all is done; on Slurm it is only handed over.

    Raises:
        LaunchError: Slurm or Ray cannot be used, or processes die again and again.
    """
    match settings.executor:
        case "local":
            with _Pool(settings.workers or len(os.sched_getaffinity(0))) as pool:
                for phase in phases:
                    _run_here(phase, pool)
            return True
        case "ray":
            with _ray(settings.workers):
                for phase in phases:
                    _run_on_ray(phase, settings, logs / phase.name)
            return True
        case "slurm":
            if all(phase.work.is_done(task) for phase in phases for task in range(phase.num_tasks)):
                return True
            if shutil.which("sbatch") is None:
                raise LaunchError(
                    "there is no sbatch on this machine; run where jobs are handed to Slurm, or leave "
                    "run.executor=slurm out"
                )
            _slurm_jobs(phases, settings, logs)[-1].run()
            return False


def scripts(phases: Sequence[Phase], settings: PhasesRun, logs: Path) -> list[str]:
    """Write what would be handed to Slurm: one batch script for each phase."""
    return [
        job.get_launch_file_contents(
            job.get_sbatch_args(-(-phase.num_tasks // job.tasks_per_job)),
            f"srun -l -n 1 launch_pickled_pipeline {logs / phase.name / 'executor.pik'}",
        )
        for phase, job in zip(phases, _slurm_jobs(phases, settings, logs), strict=True)
    ]


class _Step:
    """One phase as a step of datatrove's pipelines."""

    def __init__(self, work: Work) -> None:
        self.work = work

    def __call__(self, data: Any, rank: int, world_size: int) -> None:
        del data, world_size
        if not self.work.is_done(rank):
            self.work.do(rank)


class _Pool:
    """Processes for the tasks of all phases, made anew when one dies."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def done(self, work: Work, tasks: Sequence[int]) -> Iterator[int]:
        """Do tasks and give each when it is done; ends early when a process dies."""
        if self._pool is None:
            # spawn: a forked child could inherit locks of libraries with threads
            context = multiprocessing.get_context("spawn")
            self._pool = ProcessPoolExecutor(self._workers, mp_context=context)
        try:
            futures = {self._pool.submit(work.do, task): task for task in tasks}
            for future in as_completed(futures):
                future.result()
                yield futures[future]
        except BrokenProcessPool:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None


def _run_here(phase: Phase, pool: _Pool) -> None:
    missing = [task for task in range(phase.num_tasks) if not phase.work.is_done(task)]
    with Progress(phase.name, phase.num_tasks, done=phase.num_tasks - len(missing)) as progress:
        deaths = 0
        while missing:
            for _ in pool.done(phase.work, missing):
                progress.advance()
            missing = [task for task in missing if not phase.work.is_done(task)]
            deaths += bool(missing)
            if deaths > MAX_DEATHS:
                raise LaunchError(
                    f"processes of the phase {phase.name} died {deaths} times, last with tasks "
                    f"{', '.join(map(str, missing[:5]))} in hand; is there too little memory? run.workers=1 takes less"
                )


@contextmanager
def _ray(workers: int) -> Iterator[None]:
    """Join the cluster that this process is in, or begin one on this machine and end it afterwards."""
    try:
        import ray
    except ImportError as error:
        raise MissingExtra("The executor ray", "ray") from error
    is_ours = not ray.is_initialized()
    if is_ours:
        ray.init(num_cpus=workers or None, include_dashboard=False, log_to_driver=False)
    try:
        yield
    finally:
        if is_ours:
            ray.shutdown()


def _run_on_ray(phase: Phase, settings: PhasesRun, logs: Path) -> None:
    try:
        from datatrove.executor.ray import RayPipelineExecutor
        from loguru import logger
    except ImportError as error:
        raise MissingExtra("The executor ray", "corpus") from error
    logger.disable("datatrove")  # its banners; what tasks say stands in their logs
    missing = [task for task in range(phase.num_tasks) if not phase.work.is_done(task)]
    if not missing:
        return
    RayPipelineExecutor(
        [_Step(phase.work)],
        tasks=phase.num_tasks,
        workers=settings.workers or -1,
        logging_dir=str(logs),
        # What is done is told by the files of a task, not by datatrove's marks.
        skip_completed=False,
    ).run()
    missing = [task for task in missing if not phase.work.is_done(task)]
    if missing:
        raise LaunchError(
            f"{len(missing)} of {phase.num_tasks} tasks of the phase {phase.name} are not done, the first is "
            f"{missing[0]}; look into {logs}/logs and run again"
        )


def _slurm_jobs(phases: Sequence[Phase], settings: PhasesRun, logs: Path) -> list[Any]:
    try:
        from datatrove.executor.slurm import SlurmPipelineExecutor
    except ImportError as error:
        raise MissingExtra("The executor slurm", "corpus") from error
    asked = settings.slurm
    if asked is None:
        raise LaunchError(
            "run.executor is slurm and run.slurm says nothing; give run.slurm.partition"
        )
    jobs: list[Any] = []
    for phase in phases:
        jobs.append(
            SlurmPipelineExecutor(
                [_Step(phase.work)],
                tasks=phase.num_tasks,
                time=asked.time,
                partition=asked.partition,
                cpus_per_task=asked.cpus_per_task,
                mem_per_cpu_gb=asked.memory_gb_per_cpu,
                tasks_per_job=asked.tasks_per_job,
                workers=settings.workers or -1,
                job_name=f"amalia-{phase.name}",
                qos=asked.qos,
                venv_path=asked.venv,
                sbatch_args={"account": asked.account} if asked.account else {},
                depends=jobs[-1] if jobs else None,
                logging_dir=str(logs / phase.name),
                skip_completed=False,
            )
        )
    return jobs
