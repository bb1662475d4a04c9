"""``amalia launch slurm``: stages handed to a cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from amalia import recipe as recipes
from amalia.cli.run import Out
from amalia.errors import RecipeError

app = typer.Typer(no_args_is_help=True)

Words = Annotated[
    list[str],
    typer.Argument(
        metavar="RECIPE... [KEY=VALUE]...",
        help="Recipes of stages in order, and settings that replace those of each.",
    ),
]
ClusterFile = Annotated[
    Path | None, typer.Option("--cluster", help="YAML file with these settings; options win.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Print the scripts, submit nothing.")]
Number = int | None
Word = str | None
Lines = list[str] | None


@app.callback()
def launch() -> None:
    """Hand stages to a cluster."""


@app.command()
def slurm(
    words: Words,
    cluster: ClusterFile = None,
    nodes: Annotated[Number, typer.Option(help="Nodes of a job.")] = None,
    gpus_per_node: Annotated[Number, typer.Option(help="GPUs of a node, each a process.")] = None,
    cpus_per_gpu: Annotated[Number, typer.Option(help="Cores for each GPU.")] = None,
    time: Annotated[Word, typer.Option(help="Limit of one run, as 24:00:00.")] = None,
    grace_s: Annotated[Number, typer.Option(help="Seconds left to save in.")] = None,
    max_requeues: Annotated[Number, typer.Option(help="How often a job may go on.")] = None,
    account: Annotated[Word, typer.Option(help="Who pays.")] = None,
    partition: Annotated[Word, typer.Option(help="Partition.")] = None,
    qos: Annotated[Word, typer.Option(help="Quality of service.")] = None,
    constraint: Annotated[Word, typer.Option(help="Features the nodes must have.")] = None,
    mail: Annotated[Word, typer.Option(help="Address to tell.")] = None,
    prelude: Annotated[Lines, typer.Option(help="Line of shell before the stage.")] = None,
    container: Annotated[Word, typer.Option(help="Command that runs it in a container.")] = None,
    python: Annotated[Word, typer.Option(help="Interpreter on the nodes.")] = None,
    sbatch: Annotated[
        Lines, typer.Option(help="One more option of sbatch, as --exclusive.")
    ] = None,
    out: Out = None,
    dry_run: DryRun = False,
) -> None:
    """Write a batch script for each stage, which requeues itself, and submit them in order."""
    from amalia.train import slurm as slurms

    given = {
        "nodes": nodes,
        "gpus_per_node": gpus_per_node,
        "cpus_per_gpu": cpus_per_gpu,
        "time": time,
        "grace_s": grace_s,
        "max_requeues": max_requeues,
        "account": account,
        "partition": partition,
        "qos": qos,
        "constraint": constraint,
        "mail": mail,
        "prelude": prelude,
        "container": container,
        "python": python,
        "sbatch": sbatch,
    }
    tree = recipes.read_yaml(cluster) if cluster else {}
    tree |= {name: value for name, value in given.items() if value not in (None, [])}
    settings = recipes.parse(tree, slurms.Cluster, name=str(cluster or "the command line"))
    paths = [Path(word) for word in words if "=" not in word]
    if not paths:
        raise RecipeError("there is no recipe among the arguments; give the path of a YAML file")
    folder = out or Path("runs") / paths[0].resolve().parent.name
    jobs = slurms.jobs(paths, [word for word in words if "=" in word], folder)
    if dry_run:
        typer.echo("\n".join(slurms.script(job, settings) for job in jobs), nl=False)
        return
    for job, number in zip(jobs, slurms.submit(jobs, settings), strict=True):
        typer.echo(f"{job.name}: job {number}, log {str(job.log).replace('%j', number)}")
