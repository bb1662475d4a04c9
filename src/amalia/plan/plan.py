"""A plan: what a stage is made of, what it reads, what it takes, and what is wrong with it, before it runs."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args

from amalia.device import machine
from amalia.plan import hardware, memory, mixture
from amalia.plan.activations import Checkpointing
from amalia.plan.hardware import Cluster
from amalia.plan.hours import Hours, hours_of
from amalia.plan.memory import Memory
from amalia.plan.mixture import Ingredient, Named, Steps
from amalia.plan.shape import Here, Module, on_this_machine, reader, shape_of
from amalia.plan.survey import Survey, survey
from amalia.progress import Progress
from amalia.store import open_shard, shards
from amalia.train.stage import Places, Stage


@dataclass(frozen=True, slots=True)
class Sizes:
    """The model, counted."""

    kind: str
    """Its class."""
    told_by: str
    """Where its sizes are from."""
    modules: tuple[Module, ...]
    trained: int
    """Parameters that train."""

    @property
    def total(self) -> int:
        """Parameters of the whole model."""
        return sum(module.count for module in self.modules)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is known about a stage before it runs."""

    stage: Stage
    sizes: Sizes | None
    """None when neither the model nor its sizes are known."""
    ingredients: tuple[Ingredient, ...]
    held_out: Ingredient | None
    longest: tuple[Named, ...]
    steps: Steps | None
    """None when not even a bound can be given."""
    is_bound: bool
    """Whether ``steps`` is what a step takes at most, because its records are not here."""
    cluster: Cluster
    memory: Mapping[Checkpointing, Mapping[int, Memory]]
    """Way of checkpointing → number of GPUs → one GPU's memory; empty without ``sizes``."""
    hours: Hours | None
    problems: tuple[str, ...]
    """What would go wrong; empty when nothing is known to."""

    def as_json(self) -> dict[str, Any]:
        """Give everything but the recipe as one JSON object."""
        told = asdict(self)
        del told["stage"]
        told["memory"] = {
            how: {str(world): {**asdict(one), "total": one.total} for world, one in each.items()}
            for how, each in self.memory.items()
        }
        return told


def make(stage: Stage, places: Places, *, on: str = "") -> Plan:
    """Plan a stage with what is on this machine; nothing is fetched and no pixel decoded.

    Args:
        stage: The recipe.
        places: Where what it refers to is.
        on: GPUs, as ``64xH100``; otherwise those of ``run.plan.gpus``, or this machine.

    Raises:
        AmaliaError: What is here is damaged or of another kind than the recipe says.
    """
    wanted = on or stage.run.plan.gpus
    cluster = hardware.parsed(wanted) if wanted else hardware.here()
    return planned(stage, on_this_machine(places), cluster)


def planned(stage: Stage, here: Here, cluster: Cluster) -> Plan:
    """Plan a stage for a cluster; see ``make``."""
    shape = shape_of(stage, here)
    problems: list[str] = []
    sizes = None
    if shape is not None:
        trained = sum(shape.count(part) for part in stage.trainable)
        sizes = Sizes(type(shape.model).__name__, shape.told_by, shape.modules, trained)
        have = sorted({module.part for module in sizes.modules})
        if unknown := sorted(set(stage.trainable) - set(have)):
            problems.append(
                f"trainable names {', '.join(unknown)}; this model has the parts {', '.join(have)}"
            )
    surveys = _surveys(stage, here)
    read = [surveys[item.artifact] for item in stage.mixture]
    steps, is_bound = _steps(stage, read, cluster.number, shape.patches if shape else None)
    ingredients = _ingredients(stage, surveys, steps.rows if steps and not is_bound else None)
    held_out = None
    if stage.validation:
        name = stage.validation.artifact
        held_out = mixture.ingredient(name, 0.0, 0.0, surveys[name], stage, None)
    for found in [*ingredients, *([held_out] if held_out else [])]:
        problems += _wrong_with_rows(found, stage)
    needed: dict[Checkpointing, dict[int, Memory]] = {}
    hours = None
    if shape is not None and steps is not None:
        ways: tuple[Checkpointing, ...] = get_args(Checkpointing)
        for how in ways:
            needed[how] = {
                world: memory.per_gpu(
                    shape, stage, steps.load, cluster.each, world=world, checkpointing=how
                )
                for world in _worlds(cluster.number)
            }
        hours = hours_of(shape, stage, steps.work, cluster, mfu=stage.run.plan.mfu)
        problems += _wrong_with_memory(stage, needed, cluster)
    return Plan(
        stage,
        sizes,
        ingredients,
        held_out,
        mixture.longest([found for found in read if found], mixture.limit(stage)),
        steps,
        is_bound,
        cluster,
        needed,
        hours,
        tuple(problems),
    )


def _surveys(stage: Stage, here: Here) -> dict[str, Survey | None]:
    """Look at every record of what is here, held-out rows too."""
    names = [item.artifact for item in stage.mixture]
    names += [stage.validation.artifact] if stage.validation else []
    folders = {name: here(name) for name in names}
    renderer = reader(stage, here)
    total = 0
    for folder in {folder for folder in folders.values() if folder}:
        for path in shards(folder):
            with open_shard(path) as table:
                total += table.metadata.num_rows
    workers = machine(Path.cwd()).num_cores
    with Progress("looking", total) as progress:
        return {
            name: survey(folder, stage, renderer, progress, workers=workers) if folder else None
            for name, folder in folders.items()
        }


def _steps(
    stage: Stage, surveys: Sequence[Survey | None], world: int, patches: int | None
) -> tuple[Steps | None, bool]:
    """Cut the first steps of what is here, or bound them where not all of it is."""
    whole = [
        found
        for found in surveys
        if found and found.is_measured and len(found.usable(mixture.limit(stage)))
    ]
    if len(whole) == len(surveys):
        weights = [item.weight for item in stage.mixture]
        return mixture.drawn(stage, whole, weights, world=world), False
    return None if patches is None else mixture.bound(stage, patches=patches, world=world), True


def _ingredients(
    stage: Stage, surveys: Mapping[str, Survey | None], rows_of_step: float | None
) -> tuple[Ingredient, ...]:
    weights = sum(item.weight for item in stage.mixture)
    return tuple(
        mixture.ingredient(
            item.artifact,
            item.weight,
            item.weight / weights,
            surveys[item.artifact],
            stage,
            rows_of_step,
        )
        for item in stage.mixture
    )


def _wrong_with_rows(found: Ingredient, stage: Stage) -> list[str]:
    wrong = []
    if found.num_bad:
        first = found.bad[0]
        wrong.append(
            f"{found.reference}: {found.num_bad:,} of {found.rows:,} records cannot be used, "
            f"the first {first.name}: {first.wrong}"
        )
    if (
        found.is_here
        and found.tokens is not None
        and found.num_too_long + found.num_bad == found.rows
    ):
        wrong.append(
            f"{found.reference}: no record fits into {mixture.limit(stage):,} tokens; raise max_tokens"
        )
    return wrong


def _wrong_with_memory(
    stage: Stage, needed: Mapping[Checkpointing, Mapping[int, Memory]], cluster: Cluster
) -> list[str]:
    have = cluster.each.memory_bytes
    takes = needed[stage.run.checkpointing][cluster.number].total
    if not have or takes <= have:
        return []
    fits = [how for how, each in needed.items() if each[cluster.number].total <= have]
    way_out = (
        f"run.checkpointing {fits[0]} would fit"
        if fits
        else "take more GPUs with run.shard full, or fewer tokens at once"
    )
    return [
        f"one {cluster.each.name} has {have / 1e9:.1f} GB and would need {takes / 1e9:.1f} GB "
        f"with run.shard {stage.run.shard} and run.checkpointing {stage.run.checkpointing}; {way_out}"
    ]


def _worlds(number: int) -> list[int]:
    """One GPU, then eight times as many and so on, up to all."""
    powers = [8**power for power in range(round(math.log(number, 8)) + 1)]
    return [world for world in powers if world < number] + [number]
