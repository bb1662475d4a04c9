"""From the artifacts of a pipeline to its report and its results as data.

Reads manifests, logs and, for their variety, the first texts; no model of the run is asked again.
Every figure is that of the artifact itself, also when the run that asks found it finished.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from amalia import lineage
from amalia import manifest as manifests
from amalia.evaluate import Result, read_log
from amalia.evaluate.answers import box
from amalia.manifest import Manifest
from amalia.pipeline.answer import Answered
from amalia.pipeline.evaluation import results
from amalia.pipeline.evaluation_recipe import EvaluationRecipe
from amalia.pipeline.varieties import varieties
from amalia.report import (
    ArtifactRow,
    Curve,
    EvalRow,
    FunnelRow,
    Interval,
    Picture,
    Report,
    Shown,
    StageRow,
)
from amalia.store import read_rows
from amalia.train.stage import LOG_NAME

SHOWN_PER_TASK = 4
_CHARTS = {
    "loss": ("loss", "nat"),
    "dpo_loss": ("loss", "nat"),
    "token_accuracy": ("accuracy", ""),
    "caption_accuracy": ("accuracy", ""),
    "reward_accuracy": ("accuracy", ""),
    "reward_margin": ("reward", "nat"),
    "kl": ("kl", "nat"),
    "tokens_per_s": ("throughput", "tokens/s"),
}
_RATE_OF = "lr_"
_LOSS_OF = "loss_of/"


def measured(recipe: EvaluationRecipe, folder: Path) -> dict[str, dict[str, dict[str, Any]]]:
    """Give task → metric → figures of the last model, with those of the one before under ``before``."""
    logs = [results(folder / recipe.name, model) for model in recipe.labels]
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for part in ("results", "groups"):
        for task, metrics in getattr(logs[-1], part).items():
            for metric, result in metrics.items():
                entry = _figures(result)
                if len(logs) > 1:
                    entry["before"] = _figures(getattr(logs[-2], part)[task][metric])
                found.setdefault(task, {})[metric] = entry
    return found


def report(
    title: str,
    folder: Path,
    artifacts: Sequence[Manifest],
    *,
    evaluation: EvaluationRecipe | None,
    answered: Answered | None,
) -> Report:
    """Gather everything one report shows.

    Args:
        title: Name of the pipeline.
        folder: Where its artifacts are.
        artifacts: Their manifests, in order.
        evaluation: Recipe of the evaluation, if there is one.
        answered: The last question, if one was asked.
    """
    stages = [manifest for manifest in artifacts if manifest.kind == "model"]
    total = sum(float(manifest.figures.get("seconds", 0)) for manifest in artifacts)
    last = artifacts[-1]
    return Report(
        title=title,
        created_at=manifests.now(),
        answer=_answer(answered) if answered else None,
        num_asked=answered.num_asked if answered else 1,
        funnel=tuple(_funnel(manifest) for manifest in artifacts if manifest.counts.records),
        varieties=tuple(varieties(artifacts, folder, evaluation)),
        samples=tuple(_shown(evaluation, folder)) if evaluation else (),
        curves=tuple(
            curve
            for stage in stages
            for curve in _curves(stage.name, folder / stage.name / LOG_NAME)
        ),
        evaluation=tuple(_rows(evaluation, folder)) if evaluation else (),
        stages=tuple(_stage(manifest) for manifest in stages),
        artifacts=tuple(
            ArtifactRow(item.name, item.bytes, len(item.outputs)) for item in artifacts
        ),
        total_seconds=total,
        peak_memory_bytes=peak_memory_bytes(artifacts),
        versions={"amalia": last.code.version, **last.environment},
        machine={"device": str(stages[-1].figures["device"])} if stages else {},
        recipes={
            item.name: json.dumps(item.recipe, ensure_ascii=False, indent=1) for item in artifacts
        },
        lineage="\n".join(lineage.tree(folder / last.name)),
        seeds=tuple(sorted({item.seed for item in artifacts if item.seed is not None})),
    )


def peak_memory_bytes(artifacts: Sequence[Manifest]) -> int:
    """Give the most memory any step used."""
    return max((int(item.figures.get("peak_memory_bytes", 0)) for item in artifacts), default=0)


def _figures(result: Result) -> dict[str, Any]:
    return {
        "value": result.value,
        "low": result.low,
        "high": result.high,
        "n": result.n,
        "blind": result.blind,
        "majority": result.majority,
        "readable": result.readable,
    }


def _answer(answered: Answered) -> Shown:
    return Shown(
        question=answered.question,
        gold=answered.gold,
        answer=answered.answer,
        picture=Picture(answered.picture.read_bytes()) if answered.picture else None,
        kind="describing",
    )


def _funnel(manifest: Manifest) -> FunnelRow:
    return FunnelRow(
        manifest.name, manifest.counts.records, manifest.counts.dropped, manifest.bytes
    )


def _stage(manifest: Manifest) -> StageRow:
    figures = manifest.figures
    return StageRow(
        name=manifest.name,
        trainable=tuple(manifest.recipe["trainable"]),
        num_trained_parameters=int(figures["parameters_trained"]),
        num_parameters=int(figures["parameters"]),
        num_steps=int(figures["steps"]),
        num_samples=int(figures["rows"]),
        num_tokens=int(figures["tokens"]),
        seconds=float(figures["seconds"]),
        peak_memory_bytes=int(figures["peak_memory_bytes"]),
    )


def _curves(stage: str, path: Path) -> Iterator[Curve]:
    points: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for line in path.read_text("utf-8").splitlines():
        entry = json.loads(line)
        values = {n: v for n, v in entry.items() if n in _CHARTS or n.startswith(_RATE_OF)}
        if entry["series"] == "train":
            values |= {_LOSS_OF + source: loss for source, loss in entry.get("loss_of", {}).items()}
        for name, value in values.items():
            points.setdefault((name, entry["series"]), []).append((entry["step"], value))
    num_sources = sum(name.startswith(_LOSS_OF) for name, _ in points)
    for (name, series), found in points.items():
        if name.startswith(_LOSS_OF):
            if num_sources > 1:
                source = name.removeprefix(_LOSS_OF)
                yield Curve(stage, "loss_of", source, "nat", tuple(found))
            continue
        if name.startswith(_RATE_OF):
            yield Curve(stage, "learning_rate", name.removeprefix(_RATE_OF), "", tuple(found))
            continue
        chart, unit = _CHARTS[name]
        alone = ("loss", "token_accuracy", "kl", "tokens_per_s")
        label = series if name in alone else f"{name}, {series}"
        yield Curve(stage, chart, label, unit, tuple(found))


def _rows(recipe: EvaluationRecipe, folder: Path) -> Iterator[EvalRow]:
    logs = [results(folder / recipe.name, model) for model in recipe.labels]
    before = logs[-2] if len(logs) > 1 else None
    for part in ("results", "groups"):
        for name, metrics in getattr(logs[-1], part).items():
            task, _, group = name.partition("/")
            for metric, after in metrics.items():
                earlier = getattr(before, part)[name][metric] if before else None
                yield EvalRow(
                    task=task,
                    group=group,
                    metric=metric,
                    n=after.n,
                    after=Interval(after.value, after.low, after.high),
                    before=Interval(earlier.value, earlier.low, earlier.high) if earlier else None,
                    blind=after.blind,
                    majority=after.majority,
                    readable_fraction=after.readable,
                    is_lower_better=after.is_lower_better,
                )


def _shown(recipe: EvaluationRecipe, folder: Path) -> Iterator[Shown]:
    """Choose the same few samples of every task at random, whatever came out for them."""
    outcomes = []
    for model in recipe.labels[-2:]:
        found = read_log(folder / recipe.name / model).outcomes
        outcomes.append({item.sample: item for item in found if item.condition == "seen"})
    names = [entry.samples for entry in recipe.tasks if entry.samples is not None]
    rows = [row for name in names for row in read_rows(folder / name, kind="samples")]
    random.Random(0).shuffle(rows)
    counts: dict[str, int] = {}
    for row in rows:
        sample = row.record
        last = outcomes[-1].get(sample.id)
        if last is None or counts.get(sample.task, 0) >= SHOWN_PER_TASK:
            continue
        counts[sample.task] = counts.get(sample.task, 0) + 1
        picture = next(iter(row.images.values()), None)
        before = outcomes[0].get(sample.id) if len(outcomes) > 1 else None
        yield Shown(
            question=sample.prompt.turns[-1].text,
            gold=sample.target,
            answer=last.text,
            picture=Picture(picture) if picture else None,
            kind=sample.task,
            answer_before=before.text if before else None,
            is_right=None if last.value is None else last.value >= 0.5,
            gold_box=box(sample.target) if sample.task == "pointing" else None,
            answer_box=box(last.text) if sample.task == "pointing" else None,
        )
