"""Run a pipeline: an ordered list of steps, each a recipe of its own, in one folder.

A step that is finished is skipped, one that was stopped goes on where it was; so running a pipeline
again after a kill costs only what was not done yet. Every recipe is checked before the first step runs.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path
from typing import Any, Self

from pydantic import Field, model_validator

from amalia import recipe as recipes
from amalia import report as reports
from amalia.errors import RecipeError
from amalia.lineage import packaged
from amalia.manifest import Manifest
from amalia.pipeline import answer, datasets, evaluation, summary, tokenizers
from amalia.pipeline.answer import Answered, AnswerRecipe
from amalia.pipeline.datasets import DataRecipe
from amalia.pipeline.evaluation_recipe import EvaluationRecipe
from amalia.pipeline.seeds import merged_report, merged_results
from amalia.pipeline.tokenizers import TokenizerRecipe
from amalia.recipe import Settings
from amalia.report import Report
from amalia.store import write_text
from amalia.train.stage import Places, Stage

_log = logging.getLogger(__name__)

REPORT_NAME = "report.html"
RESULTS_NAME = "results.json"
_MODELS: Mapping[str, type[Settings]] = {
    "data": DataRecipe,
    "tokenizer": TokenizerRecipe,
    "train": Stage,
    "evaluate": EvaluationRecipe,
    "answer": AnswerRecipe,
}

Inline = str | dict[str, Any]
"""Path of a recipe beside the pipeline's, or the recipe itself."""


class Step(Settings):
    """One step: exactly one verb with its recipe."""

    data: Inline | None = None
    tokenizer: Inline | None = None
    train: Inline | None = None
    evaluate: Inline | None = None
    answer: Inline | None = None

    @model_validator(mode="after")
    def _one_verb(self) -> Self:
        given = [name for name in _MODELS if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(
                f"a step has exactly one of {', '.join(_MODELS)}, got {', '.join(given) or 'none'}"
            )
        return self


class Pipeline(Settings):
    """Steps in order."""

    name: str
    steps: tuple[Step, ...] = Field(min_length=1)


@dataclass(frozen=True, slots=True)
class Finished:
    """What a pipeline left behind."""

    folder: Path
    artifacts: tuple[Manifest, ...]
    model: Path | None
    """The last model that was trained."""
    results: Mapping[str, Any]
    """Task → metric → figures; empty without an evaluation."""
    answered: Answered | None
    report: Path
    seconds: Mapping[str, float]
    """Step → wall time it took when it was made."""
    peak_memory_bytes: int
    page: Report
    """What ``report`` shows."""


Recipe = DataRecipe | TokenizerRecipe | Stage | EvaluationRecipe | AnswerRecipe


def load(path: Path, overrides: Sequence[str] = ()) -> tuple[Pipeline, list[Recipe]]:
    """Read a pipeline and every recipe in it.

    Args:
        path: YAML file.
        overrides: ``STEP.KEY=VALUE`` for one recipe, where STEP is its ``name`` (``data`` and
            ``answer`` have none and go by their verb); ``seed=N`` for all that have a seed.

    Raises:
        RecipeError: Something is invalid; all problems of the first bad recipe.
    """
    pipeline = recipes.load(path, Pipeline)
    waiting = list(overrides)
    found: list[Recipe] = []
    for number, step in enumerate(pipeline.steps):
        verb = next(name for name in _MODELS if getattr(step, name) is not None)
        inline = getattr(step, verb)
        where = path.parent / inline if isinstance(inline, str) else path
        tree = recipes.read_yaml(where) if isinstance(inline, str) else dict(inline)
        name = str(tree.get("name", verb))
        own = [item for item in waiting if item.startswith(f"{name}.")]
        seeds = [
            item
            for item in waiting
            if item.startswith("seed=") and "seed" in _MODELS[verb].model_fields
        ]
        used = [item.removeprefix(f"{name}.") for item in own] + seeds
        waiting = [item for item in waiting if item not in own]
        label = str(where) if isinstance(inline, str) else f"{path}, steps.{number}.{verb}"
        found.append(recipes.parse(recipes.overridden(tree, used), _MODELS[verb], name=label))  # type: ignore[arg-type]
    left = [item for item in waiting if not item.startswith("seed=")]
    if left:
        known = ", ".join(dict.fromkeys(name_of(recipe) for recipe in found))
        raise RecipeError(
            f"override {left[0]!r} names no step; write STEP.KEY=VALUE with STEP one of {known}, or seed=N"
        )
    return pipeline, found


def name_of(recipe: Recipe) -> str:
    """Give the name a step goes by."""
    if isinstance(recipe, DataRecipe):
        return "data"
    return "answer" if isinstance(recipe, AnswerRecipe) else recipe.name


def run(pipeline: Pipeline, steps: Sequence[Recipe], folder: Path) -> Finished:
    """Run every step that is not finished, then write the report and the results.

    Args:
        pipeline: Names the run.
        steps: Its recipes, from ``load``.
        folder: Gets one artifact a step, ``report.html`` and ``results.json``.

    Returns:
        What was made.
    """
    artifacts: list[Manifest] = []
    seconds: dict[str, float] = {}
    answered = None
    examined = None
    for step in steps:
        name = name_of(step)
        began = time.monotonic()
        match step:
            case DataRecipe():
                made = datasets.build(step, folder)
            case TokenizerRecipe():
                made = [tokenizers.build(step, folder / name)]
            case Stage():
                from amalia.train.loop import run_stage  # torch: too slow to read a recipe

                made = [run_stage(step, Places(folder / name, folder, packaged("")))]
            case EvaluationRecipe():
                made = [evaluation.build(step, folder / name)]
                examined = step
            case AnswerRecipe():
                made = []
                answered = answer.build(step, folder)
        artifacts += made
        recorded = sum(float(manifest.figures.get("seconds", 0)) for manifest in made)
        seconds[name] = round(recorded or time.monotonic() - began, 1)
        _log.info("%s: done", name)
    results = summary.measured(examined, folder) if examined else {}
    page = summary.report(pipeline.name, folder, artifacts, evaluation=examined, answered=answered)
    reports.write(page, folder / REPORT_NAME)
    models = [manifest for manifest in artifacts if manifest.kind == "model"]
    finished = Finished(
        folder=folder,
        artifacts=tuple(artifacts),
        model=folder / models[-1].name if models else None,
        results=results,
        answered=answered,
        report=folder / REPORT_NAME,
        seconds=seconds,
        peak_memory_bytes=summary.peak_memory_bytes(artifacts),
        page=page,
    )
    _write_results(finished)
    return finished


def run_seeds(
    path: Path, overrides: Sequence[str], folder: Path, *, seeds: Sequence[int]
) -> Finished:
    """Run a pipeline once for each seed and report the mean.

    Args:
        path: The pipeline, a YAML file.
        overrides: As for ``load``, for all runs.
        folder: Gets one folder a seed, and the report and results of all.
        seeds: At least two, all different.

    Returns:
        Model and answer of the first seed; results of all; seconds of all together.

    Raises:
        RecipeError: The recipe is invalid, or there are too few different seeds.
    """
    if len(seeds) < 2 or len(set(seeds)) < len(seeds):
        raise RecipeError(
            f"got the seeds {', '.join(map(str, seeds))}; give two or more different ones, as 0,1,2"
        )
    loaded = [load(path, [*overrides, f"seed={seed}"]) for seed in seeds]
    runs = [
        run(pipeline, steps, folder / f"seed-{seed}")
        for seed, (pipeline, steps) in zip(seeds, loaded, strict=True)
    ]
    page = merged_report([finished.page for finished in runs])
    reports.write(page, folder / REPORT_NAME)
    merged = replace(
        runs[0],
        folder=folder,
        artifacts=tuple(artifact for finished in runs for artifact in finished.artifacts),
        results=merged_results([finished.results for finished in runs]),
        report=folder / REPORT_NAME,
        seconds={
            name: round(sum(finished.seconds[name] for finished in runs), 1)
            for name in runs[0].seconds
        },
        peak_memory_bytes=max(finished.peak_memory_bytes for finished in runs),
        page=page,
    )
    _write_results(merged)
    return merged


def _write_results(finished: Finished) -> None:
    write_text(
        finished.folder / RESULTS_NAME,
        json.dumps(as_json(finished), ensure_ascii=False, indent=1) + "\n",
    )


def as_json(finished: Finished) -> dict[str, Any]:
    """Give the results as one JSON object."""
    return {
        "model": str(finished.model) if finished.model else None,
        "report": str(finished.report),
        "results": finished.results,
        "answer": None
        if finished.answered is None
        else {
            "question": finished.answered.question,
            "answer": finished.answered.answer,
            "gold": finished.answered.gold,
            "picture": str(finished.answered.picture) if finished.answered.picture else None,
            "num_asked": finished.answered.num_asked,
        },
        "seconds": dict(finished.seconds),
        "peak_memory_bytes": finished.peak_memory_bytes,
    }


def packaged_recipe(name: str) -> Path:
    """Find a recipe that ships with the package, in a wheel or in a checkout."""
    inside = Path(str(resources.files("amalia"))) / "recipes" / name
    return inside if inside.is_file() else Path(__file__).parents[3] / "recipes" / name
