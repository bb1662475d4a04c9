"""Evaluation recipes: models, a sample artifact, and where the logs go."""

from __future__ import annotations

import resource
import time
from pathlib import Path

from pydantic import Field

from amalia import manifest as manifests
from amalia import pack
from amalia.device import detect
from amalia.evaluate import EvalLog, evaluate, mini_tasks
from amalia.manifest import Input, Manifest
from amalia.recipe import Settings, fingerprint
from amalia.store import Workshop, read_rows


class EvaluationRun(Settings):
    """Execution, not identity."""

    batch: int = Field(default=32, gt=0)
    """Questions answered at once."""


class EvaluationRecipe(Settings):
    """Ask one or more models the same questions."""

    name: str
    models: tuple[str, ...] = Field(min_length=1)
    """Model artifacts beside the output, in the order of training."""
    samples: str
    """Sample artifact beside the output."""
    blind: bool = True
    """Ask again with blank pictures."""
    run: EvaluationRun = EvaluationRun()


def build(recipe: EvaluationRecipe, out: Path) -> Manifest:
    """Evaluate every model and leave one log and one summary for each.

    Args:
        recipe: What to ask whom.
        out: Becomes the artifact; models and samples stand beside it.

    Returns:
        Its manifest.
    """
    names = (*recipe.models, recipe.samples)
    inputs = tuple(
        Input(name=name, path=name, fingerprint=manifests.read(out.parent / name).fingerprint)
        for name in names
    )
    tree = recipe.model_dump(mode="json")
    identity = fingerprint(recipe, **{item.name: item.fingerprint for item in inputs})
    shop = Workshop(out, fingerprint=identity, recipe=tree)
    if shop.is_finished:
        return manifests.read(out)
    from amalia.inference.local import Local  # torch: too slow to import to read a recipe

    with shop:
        began = time.monotonic()
        device = detect()
        device.claim()
        rows = list(read_rows(out.parent / recipe.samples, kind="samples"))
        for model in recipe.models:
            engine = Local.load(out.parent / model, device=device, batch_size=recipe.run.batch)
            log = evaluate(
                engine,
                rows,
                tasks=mini_tasks(known_names()),
                log_path=shop.partial / f"{model}.jsonl",
                blind=recipe.blind,
            )
            log.write(shop.partial / f"{model}.json")
        return shop.finish(
            "evaluation",
            recipe.name,
            inputs=inputs,
            figures={
                "samples": len(rows),
                "seconds": round(time.monotonic() - began, 1),
                "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            },
        )


def known_names() -> list[str]:
    """Give every name an answer may give to a thing of the pack, in either variety."""
    things = pack.things()
    return [thing.name for thing in things] + [
        thing.name_pt_br for thing in things if thing.name_pt_br
    ]


def results(folder: Path, model: str) -> EvalLog:
    """Read the summary of one model from an evaluation artifact."""
    manifests.read(folder)
    return EvalLog.read(folder / f"{model}.json")
