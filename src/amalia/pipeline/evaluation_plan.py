"""What an evaluation will ask, take and cost, before anything is asked."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from amalia.evaluate import Benchmark
from amalia.inference.cache import AnswerCache
from amalia.pipeline.evaluation import CACHE_NAME, engine_name, read_tasks
from amalia.pipeline.evaluation_recipe import EvaluationRecipe, Model
from amalia.records import Row, Sample

LETTERS_A_TOKEN = 3.5
"""Of Portuguese text under tokenizers of large models, about; small ones need more tokens."""
TOKENS_A_PICTURE = 2_900
"""Five tiles of 576 tokens: a picture of 768 × 768 under the published grid."""
# What is not known beforehand: half of what an answer may be.
_SHARE_OF_LIMIT = 0.5


@dataclass(frozen=True, slots=True)
class Work:
    """What one task asks of one model."""

    task: str
    samples: int
    failed: int
    requests: int
    pictures: int
    prompt_tokens: int
    answer_tokens: int
    """Most that may be generated."""
    license: str


def work_of(benchmark: Benchmark, *, blind: bool) -> Work:
    """Count what a task asks; pictures and texts are estimated in tokens."""
    task = benchmark.task
    rows = benchmark.rows
    times = 2 if blind and any(row.record.prompt.images for row in rows) else 1
    is_weighed = task.kind == "likelihood"
    requests = sum(
        len(r.record.choices) if is_weighed else 1 + len(r.record.follow_ups) for r in rows
    )
    prompts = sum(_tokens(row) * (len(row.record.choices) if is_weighed else 1) for row in rows)
    return Work(
        task=task.name,
        samples=len(rows),
        failed=len(benchmark.failed),
        requests=times * requests,
        pictures=times * sum(len(row.record.prompt.images) for row in rows),
        prompt_tokens=times * prompts,
        answer_tokens=0 if is_weighed else times * requests * task.max_new_tokens,
        license=benchmark.license,
    )


def plan(recipe: EvaluationRecipe, out: Path) -> list[str]:
    """Tell what a recipe asks, how long each model takes and what it costs, one line each.

    Raises:
        TaskError: The data of a task cannot be read.
        ArtifactError: A model or sample artifact is missing.
    """
    works = [work_of(benchmark, blind=recipe.blind) for benchmark in read_tasks(recipe, out)]
    lines = [
        f"{'task':<24}{'samples':>9}{'requests':>10}{'pictures':>10}{'prompt tokens':>15}{'answers ≤':>12}  licence"
    ]
    lines += [
        f"{work.task:<24}{work.samples:>9,}{work.requests:>10,}{work.pictures:>10,}"
        f"{work.prompt_tokens:>15,}{work.answer_tokens:>12,}  {work.license}"
        + (f"  ({work.failed} rows cannot be read)" if work.failed else "")
        for work in works
    ]
    lines.append("")
    for model in recipe.asked:
        lines += list(_told(model, works, recipe, out))
    if recipe.judge is not None:
        lines.append(f"judge {recipe.judge.label}: asked once for each answer of a judged task")
    return lines


def _told(model: Model, works: list[Work], recipe: EvaluationRecipe, out: Path) -> Iterator[str]:
    seconds = _seconds(model, works, recipe, out)
    if seconds is None:
        yield (
            f"{model.label}: how fast it answers is not known yet; run a part first (--limit 20 with run.cache=FILE),"
            " then plan again with the same cache"
        )
    else:
        yield f"{model.label}: about {_span(seconds)}, at the rate seen so far"
    prices = model.prices
    if prices is not None:
        asked = sum(work.prompt_tokens for work in works) / 1e6 * prices.prompt
        said = sum(work.answer_tokens for work in works) / 1e6 * prices.answer
        likely = asked + _SHARE_OF_LIMIT * said
        yield f"{model.label}: about {likely:.2f} and at most {asked + said:.2f} {prices.currency}"


def _seconds(model: Model, works: list[Work], recipe: EvaluationRecipe, out: Path) -> float | None:
    """Give how long a model takes, from the answers of it that are kept; None where there are none."""
    places = [Path(recipe.run.cache)] if recipe.run.cache else []
    places.append(out.with_name(out.name + ".partial") / CACHE_NAME)
    path = next((place for place in places if place.is_file()), None)
    name = engine_name(model, out)
    if path is None or name is None:
        return None
    with AnswerCache.open(path) as cache:
        answers, weighed = cache.rate(name), cache.rate(name, kind="weigh")
    total = 0.0
    for work in works:
        rate = answers if work.answer_tokens else weighed
        if rate is None:
            return None
        total += work.requests / rate.requests_per_s
    return total


def _tokens(row: Row[Sample]) -> int:
    letters = sum(len(turn.text) for turn in row.record.prompt.turns)
    letters += sum(len(text) for text in row.record.follow_ups)
    return math.ceil(letters / LETTERS_A_TOKEN) + TOKENS_A_PICTURE * len(row.record.prompt.images)


def _span(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
