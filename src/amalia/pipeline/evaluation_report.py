"""What evaluation logs say: on a page, in the terminal, as Markdown, LaTeX, JSON and metadata of a model.

Everything starts from ``gather``; nothing here asks a model or scores an answer.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from amalia.pipeline.evaluation_card import card_yaml
from amalia.pipeline.evaluation_gathered import Compared, Gathered, failing, gather
from amalia.pipeline.evaluation_page import MAX_SAMPLES, page_of
from amalia.pipeline.evaluation_tables import latex, markdown
from amalia.pipeline.evaluation_terminal import terminal_table
from amalia.report.evaluation_html import write_evaluation

__all__ = [
    "Compared",
    "Gathered",
    "as_json",
    "card_yaml",
    "failing",
    "gather",
    "latex",
    "markdown",
    "page_of",
    "terminal_table",
    "write_html",
]


def write_html(gathered: Gathered, path: Path, *, max_samples: int = MAX_SAMPLES) -> None:
    """Write the page: one file that loads nothing.

    Args:
        gathered: What was read.
        path: The file to write; its folder is made when missing.
        max_samples: Show this many samples at most.

    Raises:
        ArtifactError: The file cannot be written.
    """
    write_evaluation(page_of(gathered, max_samples=max_samples), path)


def as_json(gathered: Gathered) -> str:
    """Write results, averages and comparisons as one JSON object."""
    return json.dumps(
        {
            "models": {
                name: {
                    "engine": log.spec.engine,
                    "failing": log.log.failing,
                    **log.log.model_dump(
                        mode="json", include={"results", "groups", "counts", "adherence"}
                    ),
                    "families": {
                        found.family.name: {
                            "value": found.value,
                            "standard_error": found.standard_error,
                            "low": found.low,
                            "high": found.high,
                            "n": found.n,
                        }
                        for found in families
                    },
                }
                for name, log, families in zip(
                    gathered.names, gathered.logs, gathered.families, strict=True
                )
            },
            "comparisons": [_compared(pair) for pair in gathered.pairs],
        },
        ensure_ascii=False,
        default=str,
    )


def _compared(pair: Compared) -> dict[str, Any]:
    rows = []
    for item in pair.comparisons:
        row = asdict(item)
        row["warning"] = item.warning
        rows.append(row)
    families = [{**asdict(item), "family": item.family.name} for item in pair.families]
    return {"first": pair.first, "second": pair.second, "tasks": rows, "families": families}
