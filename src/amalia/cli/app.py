"""The command line: parse, call one library function, print.

Results go to stdout, progress and errors to stderr. Exit code 0 is done, or stopped as asked with all
saved; 1 is below a required bar, 2 a user's error with one clear line. Heavy libraries are imported by
the command that needs them.
"""

from __future__ import annotations

import logging
import sys
import warnings

import typer

from amalia.cli import audit, data, evaluate, keys, launch
from amalia.cli.chat import chat
from amalia.cli.convert import convert
from amalia.cli.doctor import doctor
from amalia.cli.index import index
from amalia.cli.lineage import lineage
from amalia.cli.run import demo, run
from amalia.cli.serve import serve
from amalia.cli.train import inspect, train
from amalia.cli.variety import variety
from amalia.cli.verify import verify
from amalia.errors import AmaliaError
from amalia.train.preemption import Preempted

app = typer.Typer(
    name="amalia",
    help="Open vision-language models for European Portuguese: data, training, evaluation, chat.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(demo)
app.command()(run)
app.add_typer(data.app, name="data", help="Make record sets from a recipe, or fetch a source.")
app.command()(train)
app.command()(inspect)
app.command()(convert)
app.add_typer(evaluate.app, name="eval", help="Ask models, score, report, compare.")
app.add_typer(launch.app, name="launch", help="Hand the training of stages to a cluster.")
app.command()(chat)
app.command()(index)
app.command()(serve)
app.add_typer(keys.app, name="keys", help="Let clients of a server in, or no more.")
app.add_typer(audit.app, name="audit", help="Find, export, erase what a server wrote down.")
app.command()(verify)
app.command()(variety)
app.command()(lineage)
app.command()(doctor)


def main() -> None:
    """Run the command line; a user's error is one line on stderr and exit code 2."""
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    # transformers announces on every load that a slow image processor was saved; it is our choice
    warnings.filterwarnings("ignore", module="transformers")
    try:
        app()
    except AmaliaError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(2)
    except Preempted as stopped:
        sys.stderr.write(f"{stopped}; run the same command again to go on from here\n")
    except KeyboardInterrupt:
        sys.stderr.write("stopped; run the same command again to go on from here\n")
        sys.exit(130)
