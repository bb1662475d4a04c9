"""The questions of an evaluation recipe, looked for in training data."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from amalia.evaluate.contamination import Contamination, Hit, index, search, summarize
from amalia.pipeline.evaluation import read_tasks
from amalia.pipeline.evaluation_recipe import EvaluationRecipe
from amalia.pipeline.models import beside
from amalia.progress import Progress
from amalia.store import read_rows


def contamination(recipe: EvaluationRecipe, artifacts: Sequence[str], out: Path) -> Contamination:
    """Look for the test questions and pictures of a recipe in training artifacts.

    Args:
        recipe: Says which tasks, with which data; no model is asked.
        artifacts: Conversations, preferences, documents or samples: beside ``out``, or paths.
        out: Where artifacts are looked for first.

    Raises:
        ArtifactError: An artifact is missing or unfinished.
        TaskError: The data of a task cannot be read, or there is nothing to look for.
    """
    rows = [row for benchmark in read_tasks(recipe, out) for row in benchmark.rows]
    wanted = index(rows)
    searches = [search(wanted, read_rows(beside(name, out)), source=name) for name in artifacts]
    with Progress("contamination", len(searches)) as bar:

        def hits() -> Iterator[Hit]:
            for looking in searches:
                yield from looking
                bar.advance()

        return summarize(hits(), wanted, sources=searches)


def told(found: Contamination) -> list[str]:
    """Say what was found, in lines of text."""
    lines = [
        f"{'task':<24}{'samples':>9}{'found':>8}{'share':>8}   {'by':<58}{'not looked for':>15}"
    ]
    for task, part in found.tasks.items():
        kinds = ", ".join(f"{kind} {count}" for kind, count in part.num_found_by_kind.items())
        lines.append(
            f"{task:<24}{part.num_samples:>9,}{part.num_found:>8,}{part.share:>8.1%}   {kinds:<58}"
            f"{part.num_not_looked_for:>15,}"
        )
    lines.append("")
    for source in found.sources:
        left = ", ".join(f"{reason} {count}" for reason, count in source.left_out.items())
        lines.append(
            f"{source.source}: {source.num_records:,} records, {source.num_pictures:,} pictures searched"
            + (f"; left out: {left}" if left else "")
            + ("" if source.is_whole else "; not to its end")
        )
    for part in found.tasks.values():
        for hit in part.examples[:3]:
            lines += [
                "",
                f"{hit.sample} in {hit.source} ({hit.record}): {hit.kind}, {hit.similarity:.2f}",
                f"  test:  {hit.shown_test}",
                f"  train: {hit.shown_train}",
            ]
    return lines
