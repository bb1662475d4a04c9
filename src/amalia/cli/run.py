"""``amalia demo`` and ``amalia run``: recipes in, artifacts out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import yaml

from amalia.errors import RecipeError

if TYPE_CHECKING:
    from amalia.pipeline.run import Finished

Overrides = Annotated[
    list[str] | None, typer.Argument(help="KEY=VALUE settings that replace the recipe's.")
]
RecipePath = Annotated[Path, typer.Argument(help="Recipe, a YAML file.")]
Out = Annotated[Path | None, typer.Option("--out", help="Folder that gets the artifacts.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Check and print the recipe, run nothing.")]
Seeds = Annotated[
    str,
    typer.Option("--seeds", help="Run once for each of these, as 0,1,2, and report the mean."),
]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object on stdout.")]


def demo(
    overrides: Overrides = None,
    out: Out = None,
    dry_run: DryRun = False,
    seeds: Seeds = "",
    as_json: AsJson = False,
) -> None:
    """Train the mini model from packaged data and parts, evaluate it, and let it describe a picture."""
    from amalia.pipeline.run import packaged_recipe

    run(packaged_recipe("mini/pipeline.yaml"), overrides, out, dry_run, seeds, as_json)


def run(
    recipe: RecipePath,
    overrides: Overrides = None,
    out: Out = None,
    dry_run: DryRun = False,
    seeds: Seeds = "",
    as_json: AsJson = False,
) -> None:
    """Run a pipeline: every step that is not finished yet, then the report."""
    from amalia.pipeline import run as pipelines

    pipeline, steps = pipelines.load(recipe, overrides or [])
    if dry_run:
        print_yaml({pipelines.name_of(step): step.model_dump(mode="json") for step in steps})
        return
    needs_training_libraries()
    folder = out or Path("runs") / pipeline.name
    if seeds:
        finished = pipelines.run_seeds(recipe, overrides or [], folder, seeds=_numbers(seeds))
    else:
        finished = pipelines.run(pipeline, steps, folder)
    if as_json:
        typer.echo(json.dumps(pipelines.as_json(finished), ensure_ascii=False))
    else:
        typer.echo(_told(finished))


def _numbers(seeds: str) -> list[int]:
    parts = [part.strip() for part in seeds.split(",")]
    if not all(part.isdecimal() for part in parts):
        raise RecipeError(f"--seeds got {seeds!r}; expected whole numbers with commas, as 0,1,2")
    return [int(part) for part in parts]


def _told(finished: Finished) -> str:
    """Say in the terminal what a pipeline found."""
    lines = _table(finished.results)
    if finished.answered:
        answered = finished.answered
        lines += ["", f"Pergunta:        {answered.question}"]
        if answered.picture:
            lines += [f"Imagem:          {answered.picture}"]
        if answered.num_asked > 1:
            lines[-1] += f" (das {answered.num_asked}, a da resposta em que o modelo mais confia)"
        lines += [f"Resposta:        {answered.answer}", f"Resposta certa:  {answered.gold}"]
    minutes = sum(finished.seconds.values()) / 60
    lines += ["", f"model    {finished.model}", f"report   {finished.report}"]
    lines += [f"made in  {minutes:.1f} min, at most {finished.peak_memory_bytes / 1e9:.1f} GB"]
    return "\n".join(lines)


def _table(results: Any) -> list[str]:
    if not results:
        return []
    header = f"{'task':<22}{'metric':<10}{'before':>8}{'after':>8}   {'95 %':<15}{'blind':>7}{'majority':>10}{'n':>6}"
    lines = [header]
    for task, metrics in results.items():
        for metric, figures in metrics.items():
            interval = f"{figures['low']:.3f}–{figures['high']:.3f}"
            lines.append(
                f"{task:<22}{metric:<10}{_number(figures.get('before', {}).get('value')):>8}"
                f"{_number(figures['value']):>8}   {interval:<15}{_number(figures['blind']):>7}"
                f"{_number(figures['majority']):>10}{figures['n']:>6}"
            )
    return lines


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def print_yaml(tree: Any) -> None:
    """Print a recipe as it would run."""
    typer.echo(as_yaml(tree))


def as_yaml(tree: Any) -> str:
    """Write a recipe; what holds nothing but values stands on one line."""
    written = yaml.safe_dump(
        tree, allow_unicode=True, sort_keys=False, default_flow_style=None, width=110
    )
    return str(written).rstrip()


def needs_training_libraries() -> None:
    """Say what to install if models cannot be run; raise MissingExtra."""
    from importlib.util import find_spec

    from amalia.errors import MissingExtra

    if find_spec("torch") is None or find_spec("transformers") is None:
        raise MissingExtra("Running models", "train")
