"""Evaluation results as the metadata of a model card: the ``model-index`` that the hub reads.

The hub's newer form, a file in ``.eval_results/`` of the model, is only for datasets that their owners have registered
as benchmarks, under the name which they give the task; none of ours is known to be. ``model-index`` takes any dataset.

Source: huggingface/hub-docs, ``modelcard.md`` and ``docs/hub/eval-results.md``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any

import yaml

from amalia.evaluate.log import Result, Stored, TaskSpec
from amalia.evaluate.task import Task
from amalia.pipeline.evaluation_gathered import Gathered

CONFIDENCE = 0.95
_DIGITS = 6
_COMMIT = re.compile(r"[0-9a-f]{40}")
"""What the revision of hub data looks like; digests of files are longer or shorter."""


def card_yaml(gathered: Gathered, *, source_url: str | None = None) -> str:
    """Write the results of every log as ``model-index``.

    Intervals and what else belongs to a number stand in ``args`` of its metric, the licence of the data in ``args`` of
    the dataset; ``verified`` is false, for only the hub itself verifies.

    Args:
        gathered: What was read; one entry a log.
        source_url: Where the logs can be seen, if they are public.

    Returns:
        YAML to stand in the front matter of a README.
    """
    index = [
        {
            "name": log.spec.engine.partition("@")[0],
            "results": list(_results(log, gathered.tasks, source_url)),
        }
        for log in gathered.logs
    ]
    written = yaml.safe_dump(
        {"model-index": index}, allow_unicode=True, sort_keys=False, width=10_000
    )
    return str(written).rstrip()


def _results(
    log: Stored, tasks: Mapping[str, Task], source_url: str | None
) -> Iterator[dict[str, Any]]:
    with_pictures = {sample.task for sample in log.samples.values() if sample.prompt.images}
    for name, metrics in log.log.results.items():
        spec = log.spec.tasks[name]
        kind = "image-text-to-text" if name in with_pictures else "text-generation"
        entry: dict[str, Any] = {
            "task": {"type": kind, "name": name},
            "dataset": _dataset(name, spec, tasks.get(name)),
            "metrics": [_metric(metric, result, spec) for metric, result in metrics.items()],
        }
        if source_url is not None:
            entry["source"] = {"name": "amalia eval", "url": source_url}
        yield entry


def _dataset(name: str, spec: TaskSpec, task: Task | None) -> dict[str, Any]:
    found: dict[str, Any] = {"name": name}
    if spec.config:
        found["config"] = spec.config
    if spec.split:
        found["split"] = spec.split
    is_published = task is not None and task.data is not None and task.data.hub == spec.data
    if is_published or _COMMIT.fullmatch(spec.revision):
        found["type"] = spec.data
    else:
        # Folders of this machine are nobody's business.
        found["type"] = PurePath(spec.data).name or name
    return {**found, "revision": spec.revision, "args": {"license": spec.license}}


def _metric(name: str, result: Result, spec: TaskSpec) -> dict[str, Any]:
    low, high = _number(result.low), _number(result.high)
    args: dict[str, Any] = {
        "standard_error": _number(result.standard_error),
        "interval": [low, high],
        "confidence": CONFIDENCE,
        "n": result.n,
        "num_clusters": result.num_clusters,
        "readable": _number(result.readable),
        "task_version": spec.version,
        "scoring": spec.scoring,
    }
    optional = {
        "blind": _number(result.blind),
        "constant": _number(result.majority),
        "unit": result.unit or None,
        "judge": spec.judge or None,
    }
    args |= {key: value for key, value in optional.items() if value is not None}
    return {
        "type": name,
        "name": f"{name} (95 % interval {low} to {high})",
        "value": _number(result.value),
        "args": args,
        "verified": False,
    }


def _number(value: float | None) -> float | None:
    if value is None or not math.isfinite(value):
        return None
    return round(value, _DIGITS)
