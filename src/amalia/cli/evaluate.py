"""``amalia eval RECIPE`` asks models; its further commands report, score again, and look for contamination."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from amalia import recipe as recipes
from amalia.cli.group import RecipeFirst
from amalia.cli.run import AsJson, DryRun, Out, Overrides, RecipePath, print_yaml
from amalia.evaluate.log import Scoring

app = typer.Typer(cls=RecipeFirst, no_args_is_help=True)
Logs = Annotated[
    list[Path], typer.Argument(help="Evaluation logs, or folders of several.", metavar="LOG…")
]


@app.command(name="build")
def build(
    recipe: RecipePath,
    overrides: Overrides = None,
    out: Out = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="So many samples a task at most.")
    ] = None,
) -> None:
    """Ask models the tasks of a recipe; exit with 1 when more than 1 % of a task failed."""
    from amalia.pipeline import evaluation
    from amalia.pipeline.evaluation_recipe import EvaluationRecipe

    settings = [*(overrides or []), *([] if limit is None else [f"limit={limit}"])]
    loaded = recipes.load(recipe, EvaluationRecipe, settings)
    target = out or Path("runs") / loaded.name
    if dry_run:
        from amalia.pipeline.evaluation_plan import plan

        print_yaml(loaded.model_dump(mode="json", exclude_defaults=True))
        typer.echo("\n" + "\n".join(plan(loaded, target)))
        return
    evaluation.build(loaded, target)
    _show([target], as_json=as_json)


@app.command()
def report(
    logs: Logs,
    html: Annotated[Path | None, typer.Option(help="Write one HTML file.")] = None,
    markdown: Annotated[bool, typer.Option("--markdown", help="A table for a README.")] = False,
    latex: Annotated[bool, typer.Option("--latex", help="A table for a paper.")] = False,
    card: Annotated[bool, typer.Option("--card", help="YAML for a model card.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what logs found; two models are compared sample by sample."""
    _show(logs, html=html, markdown=markdown, latex=latex, card=card, as_json=as_json)


@app.command()
def rescore(
    log: Annotated[Path, typer.Argument(help="An evaluation log, or a folder of several.")],
    scoring: Annotated[
        Scoring, typer.Option(help="ours, or as the published programs do.")
    ] = "ours",
    out: Out = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="List the samples on which the two scorings differ.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Score answers again without asking anybody."""
    from amalia.pipeline import rescoring

    if explain:
        _explain(rescoring.explained(log), as_json=as_json)
        return
    target = out or log.with_name(f"{log.name}-{scoring}")
    rescoring.rescore(log, target, scoring=scoring)
    _show([target], as_json=as_json)


@app.command(name="judge-agreement")
def judge_agreement(
    recipe: RecipePath,
    overrides: Overrides = None,
    out: Out = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Let a judge grade answers that people have graded, beside what counting words would reach."""
    from amalia.pipeline import judging

    loaded = recipes.load(recipe, judging.JudgeRecipe, overrides or [])
    if dry_run:
        print_yaml(loaded.model_dump(mode="json"))
        return
    report = judging.judged(loaded, out or Path("runs") / loaded.name)
    typer.echo(report.model_dump_json() if as_json else "\n".join(judging.told(report)))


@app.command()
def contamination(
    recipe: RecipePath,
    artifacts: Annotated[
        list[str], typer.Argument(help="Training artifacts: beside --out, or paths.")
    ],
    out: Annotated[
        Path, typer.Option("--out", help="Folder whose neighbours are looked through first.")
    ] = Path("runs/evaluation"),
    as_json: AsJson = False,
) -> None:
    """Look for the test questions and pictures of a recipe in training data; no model is asked."""
    from amalia.pipeline import contamination as search
    from amalia.pipeline.evaluation_recipe import EvaluationRecipe

    loaded = recipes.load(recipe, EvaluationRecipe)
    found = search.contamination(loaded, artifacts, out)
    typer.echo(found.model_dump_json() if as_json else "\n".join(search.told(found)))


@app.command()
def tasks(as_json: AsJson = False) -> None:
    """List the tasks there are, with their data and its licence."""
    from amalia.pipeline.evaluation import known_tasks

    found = known_tasks()
    if as_json:
        rows = {
            name: {
                "description": task.description,
                "metrics": task.metric_names,
                "kind": task.kind,
                "version": task.version,
                "columns": task.columns,
                "data": None if task.data is None else task.data.hub,
                "license": None if task.data is None else task.data.license,
                "scoring": ["ours", "upstream"] if task.published else ["ours"],
            }
            for name, task in found.items()
        }
        typer.echo(json.dumps(rows, ensure_ascii=False))
        return
    width = max(map(len, found))
    for name, task in found.items():
        data = f"  [{task.data.hub}, {task.data.license}]" if task.data else ""
        typer.echo(f"{name:<{width}}  {task.description}{data}")


def _explain(found: list[Any], *, as_json: bool) -> None:
    from amalia.evaluate.scoring import one_line

    for item in found:
        if as_json:
            row = {
                "task": item.task,
                "sample": item.sample,
                "target": item.target,
                "text": item.text,
                "ours": item.ours.value,
                "upstream": item.upstream.value,
                "why": item.why,
            }
            typer.echo(json.dumps(row, ensure_ascii=False))
            continue
        typer.echo(
            f"{item.sample}: ours {item.ours.value:g}, upstream {item.upstream.value:g}"
            f" (right: {item.target!r})\n  said: {one_line(item.text)}\n  why:  {item.why}"
        )
    if not as_json:
        typer.echo(f"{len(found)} samples differ")


def _show(
    logs: list[Path],
    *,
    html: Path | None = None,
    markdown: bool = False,
    latex: bool = False,
    card: bool = False,
    as_json: bool = False,
) -> None:
    """Print what logs found, and exit with 1 when too much failed."""
    from amalia.pipeline import evaluation_report as reports
    from amalia.pipeline.evaluation import known_tasks

    gathered = reports.gather(logs, known_tasks())
    if as_json:
        typer.echo(reports.as_json(gathered))
    elif markdown:
        typer.echo(reports.markdown(gathered))
    elif latex:
        typer.echo(reports.latex(gathered))
    elif card:
        typer.echo(reports.card_yaml(gathered))
    else:
        typer.echo(reports.terminal_table(gathered))
    if html is not None:
        reports.write_html(gathered, html)
    if failing := reports.failing(gathered):
        for line in failing:
            typer.echo(f"failed: {line}", err=True)
        raise typer.Exit(1)
