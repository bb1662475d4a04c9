"""A log scored again, as another version of the tasks or the published program does, without asking anybody."""

from __future__ import annotations

from pathlib import Path

from amalia import manifest as manifests
from amalia.errors import ArtifactError, TaskError
from amalia.evaluate import explain, read_log, scored, summarize, write_log
from amalia.evaluate.log import Scoring, Stored, logs_in
from amalia.evaluate.scoring import Explained, outcome_of
from amalia.pipeline.evaluation import known_tasks


def rescore(folder: Path, out: Path, *, scoring: Scoring) -> list[Path]:
    """Score what is in logs again and write them beside.

    Args:
        folder: A log, or a folder of several.
        out: New folder, which gets as many logs.
        scoring: Ours, or that of the benchmarks' own programs.

    Returns:
        The new logs.

    Raises:
        ArtifactError: There is no log, one is damaged, or ``out`` is there already.
    """
    if out.exists():
        raise ArtifactError(f"{out} is there already; give another --out")
    made = []
    for path in logs_in(folder):
        target = out if path == folder else out / path.name
        stored = read_log(path)
        _write(stored, target, scoring=scoring)
        made.append(target)
    return made


def explained(folder: Path) -> list[Explained]:
    """List the samples of the logs of a path that our scoring and the published one judge differently.

    Raises:
        ArtifactError: There is no log.
    """
    tasks = known_tasks()
    found = []
    for path in logs_in(folder):
        stored = read_log(path)
        own = {name: tasks[name] for name in stored.spec.tasks if name in tasks}
        found += list(explain(own, stored.samples, stored.outcomes))
    return found


def _write(stored: Stored, folder: Path, *, scoring: Scoring) -> None:
    known = known_tasks()
    # What lm-eval or a classifier scored stays as they scored it.
    foreign = {name for name in stored.spec.tasks if name not in known}
    tasks = {
        name: scored(known[name], scoring) for name in stored.spec.tasks if name not in foreign
    }
    outcomes = []
    for outcome in stored.outcomes:
        if outcome.task in foreign:
            outcomes.append(outcome)
            continue
        sample = stored.samples.get(outcome.sample)
        if sample is None and not outcome.failure:
            raise TaskError(
                f"the log {stored.folder} holds no record of sample {outcome.sample}; run the evaluation again"
            )
        task = tasks[outcome.task]
        outcomes.append(outcome if sample is None else outcome_of(task, sample, outcome))
    log = summarize(stored.spec.engine, list(tasks.values()), stored.samples, outcomes)
    log = log.model_copy(
        update={
            part: {
                **getattr(log, part),
                **{n: v for n, v in getattr(stored.log, part).items() if n in foreign},
            }
            for part in ("tasks", "results", "counts")
        }
    )
    specs = {
        name: spec
        if name in foreign
        else spec.model_copy(update={"scoring": scoring, "version": tasks[name].version})
        for name, spec in stored.spec.tasks.items()
    }
    spec = stored.spec.model_copy(
        update={
            "tasks": specs,
            "command": manifests.command(),
            "code": manifests.code().model_dump(),
        }
    )
    folder.mkdir(parents=True)
    write_log(
        folder,
        spec,
        log,
        samples=list(stored.samples.values()),
        outcomes=outcomes,
        pictures=stored.pictures,
    )
