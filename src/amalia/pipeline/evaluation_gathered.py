"""Evaluation logs side by side: read, averaged over families, the first compared with each of the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from amalia.errors import ArtifactError
from amalia.evaluate.compare import Comparison, compare
from amalia.evaluate.families import (
    FAMILIES,
    Family,
    FamilyDifference,
    FamilyResult,
    family_differences,
    family_results,
)
from amalia.evaluate.log import Stored, logs_in, read_log
from amalia.evaluate.task import Task


@dataclass(frozen=True, slots=True)
class Compared:
    """The first model of all against another one."""

    first: str
    second: str
    comparisons: tuple[Comparison, ...]
    families: tuple[FamilyDifference, ...]


@dataclass(frozen=True, slots=True)
class Gathered:
    """Logs side by side, with what follows from them."""

    names: tuple[str, ...]
    """Short and distinct, one a log."""
    logs: tuple[Stored, ...]
    tasks: Mapping[str, Task]
    """What is known of them now; a log may name others."""
    families: tuple[tuple[FamilyResult, ...], ...]
    """For each log."""
    pairs: tuple[Compared, ...]


def gather(
    folders: Sequence[Path],
    tasks: Mapping[str, Task],
    *,
    groups: bool = True,
    families: Sequence[Family] = FAMILIES,
) -> Gathered:
    """Read logs and compare the first with each of the others.

    Args:
        folders: Logs, or folders that hold logs; the first is what the others are compared with.
        tasks: By name; one that is not there is shown and not compared.
        groups: Also compare within groups.
        families: Tasks to average.

    Raises:
        ArtifactError: There is no log, the same one is named twice, or one cannot be read.
    """
    found = [log for folder in folders for log in logs_in(folder)]
    resolved = [log.resolve() for log in found]
    twice = sorted({str(log) for log in resolved if resolved.count(log) > 1})
    if not found or twice:
        told = f"the log {twice[0]} is named twice" if twice else "no log was named"
        raise ArtifactError(f"{told}; expected one log or more, each once")
    logs = tuple(read_log(log) for log in found)
    names = _names(resolved)
    pairs = []
    for name, log in zip(names[1:], logs[1:], strict=True):
        comparisons = compare(tasks, logs[0], log, groups=groups)
        differences = family_differences(comparisons, families)
        pairs.append(Compared(names[0], name, tuple(comparisons), tuple(differences)))
    averages = tuple(tuple(family_results(log.log, families)) for log in logs)
    return Gathered(names, logs, tasks, averages, tuple(pairs))


def failing(gathered: Gathered) -> list[str]:
    """Say of which tasks so many samples failed that their results do not count, one line each."""
    return [
        f"{name}: {share:.1%} of the samples of {task} failed"
        f" ({', '.join(f'{reason} {n}' for reason, n in log.log.counts[task].failed.items())})"
        for name, log in zip(gathered.names, gathered.logs, strict=True)
        for task, share in log.log.failing.items()
    ]


def _names(folders: Sequence[Path]) -> tuple[str, ...]:
    """Name logs by their folders, with the folder above where two would share a name."""
    short = [folder.name for folder in folders]
    if len(set(short)) == len(short):
        return tuple(short)
    longer = [f"{folder.parent.name}/{folder.name}" for folder in folders]
    if len(set(longer)) == len(longer):
        return tuple(longer)
    return tuple(f"{place}:{name}" for place, name in enumerate(longer, start=1))
