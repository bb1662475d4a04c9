"""From an evaluation recipe to its logs: read the tasks, ask the models, score, write."""

from __future__ import annotations

import resource
import shutil
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from amalia import manifest as manifests
from amalia import pack
from amalia.evaluate import (
    Benchmark,
    EvalLog,
    Spec,
    Task,
    check,
    evaluate,
    evenly,
    find,
    mini_tasks,
    of_samples,
    published_tasks,
    read_benchmark,
    read_results,
    revision_of,
    scored,
    spec_of,
    summarize,
    worst_pictures,
    write_log,
)
from amalia.evaluate.classifier import Classifier
from amalia.evaluate.harness import run_harness, with_harness
from amalia.evaluate.judge import AlbaRubric
from amalia.evaluate.tasks import p3b3
from amalia.inference import Generate
from amalia.inference.cache import AnswerCache, Cached
from amalia.inference.identity import identity
from amalia.manifest import Input, Manifest
from amalia.pipeline.evaluation_recipe import EvaluationRecipe, Model, TaskEntry
from amalia.pipeline.judging import examples
from amalia.pipeline.models import beside, engine_of
from amalia.progress import say
from amalia.recipe import fingerprint
from amalia.store import Workshop, read_rows

CACHE_NAME = "answers.sqlite"
_HASTE = ("concurrency", "timeout_s", "retries")


def build(recipe: EvaluationRecipe, out: Path) -> Manifest:
    """Evaluate every model and leave one log for each.

    Args:
        recipe: What to ask whom.
        out: Becomes the artifact; models and samples are looked for beside it and in the working folder.

    Returns:
        Its manifest.
    """
    inputs = _inputs(recipe, out)
    tree = recipe.model_dump(mode="json")
    known = {f"{number}:{item.name}": item.fingerprint for number, item in enumerate(inputs)}
    versions = {task.name: str(task.version) for task in _named(recipe)}
    identity_ = fingerprint(_without_haste(tree), **known, versions=fingerprint(versions))
    shop = Workshop(out, fingerprint=identity_, recipe=tree)
    if shop.is_finished:
        return manifests.read(out)
    # What cannot be run is refused before anything of it is begun.
    benchmarks = read_tasks(recipe, out)
    check(benchmarks, has_judge=recipe.judge is not None)
    servers = {
        model.label: engine_of(model, out, batch=recipe.run.batch)
        for model in recipe.asked
        if model.endpoint is not None
    }
    for line in _licenses(benchmarks):
        say(line)
    with shop:
        began = time.monotonic()
        with AnswerCache.open(Path(recipe.run.cache or shop.partial / CACHE_NAME)) as cache:
            judge = _judge(recipe, out, cache)
            for model in recipe.asked:
                engine = servers.get(model.label) or engine_of(model, out, batch=recipe.run.batch)
                kept = _kept(model, engine, cache)
                _log_of(kept, benchmarks, recipe, shop.partial / model.label, judge)
        return shop.finish(
            "evaluation",
            recipe.name,
            inputs=inputs,
            figures={
                "samples": sum(len(benchmark.rows) for benchmark in benchmarks),
                "seconds": round(time.monotonic() - began, 1),
                "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            },
            discard=[path.name for path in shop.partial.glob(CACHE_NAME + "*")],
        )


def _licenses(benchmarks: Sequence[Benchmark]) -> Iterator[str]:
    """Say under which licence the data of others is."""
    for item in benchmarks:
        if item.license != "unknown" and item.task.read is not None:
            told = ", which forbids commercial use" if "-NC" in item.license.upper() else ""
            yield f"{item.task.name}: {item.where}, licence {item.license}{told}"
        elif item.task.read is not None:
            yield f"{item.task.name}: {item.where}, licence unknown; ask its authors before you publish or sell"


def _named(recipe: EvaluationRecipe) -> list[Task]:
    """Give the tasks that a recipe may run."""
    tasks = known_tasks()
    made = [task for task in tasks.values() if task.read is None or task.name == "describing"]
    named = [tasks[entry.task] for entry in recipe.tasks if entry.task in tasks]
    return [*named, *(made if any(entry.task is None for entry in recipe.tasks) else ())]


def _without_haste(tree: dict[str, Any]) -> dict[str, Any]:
    """Leave out how a server is asked: it changes no answer."""
    models = [*tree["models"], *([tree["judge"]] if tree["judge"] else [])]
    kept = [
        {**model, "endpoint": {n: v for n, v in model["endpoint"].items() if n not in _HASTE}}
        if isinstance(model, dict) and model["endpoint"]
        else model
        for model in models
    ]
    return {**tree, "models": kept, "judge": None}


def read_tasks(recipe: EvaluationRecipe, out: Path) -> list[Benchmark]:
    """Read the samples of every entry of a recipe, scored as it says."""
    tasks = known_tasks()
    found: list[Benchmark] = []
    for entry in recipe.tasks:
        limited = entry.model_copy(update={"limit": entry.limit or recipe.limit})
        for benchmark in _read(limited, tasks, out):
            task = scored(benchmark.task, entry.scoring)
            if entry.max_new_tokens is not None:
                task = replace(task, max_new_tokens=entry.max_new_tokens)
            if recipe.judge_examples is not None and isinstance(task.rubric, AlbaRubric):
                task = replace(task, rubric=AlbaRubric(examples(recipe.judge_examples)))
            found.append(replace(benchmark, task=task, scoring=entry.scoring))
    return found


@cache
def known_tasks() -> dict[str, Task]:
    """Give every task by its name."""
    tasks = (*mini_tasks(known_names(), brazilian_names()), *published_tasks())
    return {task.name: task for task in tasks}


def known_names() -> list[str]:
    """Give every name an answer may give to a thing of the pack, in either variety."""
    things = pack.things()
    return [thing.name for thing in things] + [
        thing.name_pt_br for thing in things if thing.name_pt_br
    ]


def brazilian_names() -> dict[str, str]:
    """Give the Brazilian name of each thing of the pack that has another one there → its name here."""
    things = pack.things()
    ours = {thing.name for thing in things}
    return {
        thing.name_pt_br: thing.name
        for thing in things
        if thing.name_pt_br and thing.name_pt_br not in ours
    }


def engine_name(model: Model, out: Path) -> str | None:
    """Give the name of the engine of a model without loading or asking it; None where only it can tell."""
    if model.path is None:
        return None
    return identity(beside(model.path, out).resolve())


def results(folder: Path, model: str) -> EvalLog:
    """Read the results of one model from an evaluation artifact."""
    manifests.read(folder)
    return read_results(folder / model)[1]


def _read(entry: TaskEntry, tasks: dict[str, Task], out: Path) -> list[Benchmark]:
    if entry.samples is not None:
        folder = beside(entry.samples, out)
        rows = list(read_rows(folder, kind="samples"))
        wanted = [find(entry.task, tasks)] if entry.task else list(tasks.values())
        if entry.task:
            rows = [row for row in rows if row.record.task == entry.task]
        return [
            replace(item, rows=tuple(evenly(item.rows, entry.limit)))
            for item in of_samples(rows, wanted, where=entry.samples)
        ]
    task = find(str(entry.task), tasks)
    if entry.classifier is not None:
        judge = Classifier.load(
            beside(entry.classifier.path, out), european=entry.classifier.european
        )
        task = p3b3.classified(f"p3b3_{entry.classifier.label}", judge)
    return [
        read_benchmark(
            task,
            entry.data,
            limit=entry.limit,
            orders=entry.orders,
            instruction=entry.instruction,
        )
    ]


def _inputs(recipe: EvaluationRecipe, out: Path) -> tuple[Input, ...]:
    found = []
    for entry in recipe.tasks:
        if entry.samples is not None:
            folder = beside(entry.samples, out)
            found.append(
                Input(
                    name=entry.samples,
                    path=entry.samples,
                    fingerprint=manifests.read(folder).fingerprint,
                )
            )
        elif entry.data is not None:
            known = known_tasks().get(str(entry.task))
            revision = revision_of(entry.data, str(entry.task), known.data if known else None)
            where = entry.data.path or str(entry.data.hub)
            found.append(Input(name=str(entry.task), path=where, fingerprint=revision))
    for model in (*recipe.asked, *([recipe.judge] if recipe.judge else [])):
        if model.path is not None:
            weights = identity(beside(model.path, out).resolve()).rpartition("@")[2]
            found.append(Input(name=model.label, path=model.path, fingerprint=weights))
    return tuple(found)


def _judge(recipe: EvaluationRecipe, out: Path, cache: AnswerCache) -> Generate | None:
    if recipe.judge is None:
        return None
    return _kept(recipe.judge, engine_of(recipe.judge, out, batch=recipe.run.batch), cache)


def _kept(model: Model, engine: Generate, cache: AnswerCache) -> Generate:
    # A script is at hand anyway, and may answer equal questions differently.
    return engine if model.scripted is not None else Cached(engine, cache)


def _log_of(
    engine: Generate,
    benchmarks: Sequence[Benchmark],
    recipe: EvaluationRecipe,
    folder: Path,
    judge: Generate | None,
) -> None:
    started = manifests.now()
    outcomes = evaluate(engine, benchmarks, blind=recipe.blind, judge=judge) if benchmarks else []
    rows = {row.record.id: row for benchmark in benchmarks for row in benchmark.rows}
    samples = {name: row.record for name, row in rows.items()}
    tasks = [benchmark.task for benchmark in benchmarks]
    log = summarize(engine.name, tasks, samples, outcomes)
    others = run_harness(engine, recipe.lm_eval, limit=recipe.limit) if recipe.lm_eval else []
    log = with_harness(log, others)
    spec = Spec(
        engine=engine.name,
        tasks={item.task.name: spec_of(item, judge) for item in benchmarks}
        | {item.task: item.spec for item in others},
        blind=recipe.blind,
        position=recipe.labels.index(folder.name),
        code=manifests.code().model_dump(),
        packages=manifests.environment(),
        command=manifests.command(),
        started=started,
        finished=manifests.now(),
    )
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    write_log(
        folder,
        spec,
        log,
        samples=[*samples.values(), *(sample for item in others for sample in item.samples)],
        outcomes=[*outcomes, *(outcome for item in others for outcome in item.outcomes)],
        pictures=worst_pictures(rows, outcomes),
    )
