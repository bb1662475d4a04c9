"""A plan as lines of text, for a terminal. Units: 1 GB is 10⁹ bytes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import fields

from amalia.plan.mixture import Ingredient
from amalia.plan.plan import Plan

_WRAPPERS = re.compile(
    r"^(model\.|vision_tower\.|vision_model\.|language_model\.|multi_modal_projector\.|text_model\.)+"
)


def lines(plan: Plan) -> list[str]:
    """Tell a plan: model, what is read, memory, time, and what is wrong."""
    sections = [_model(plan), _mixture(plan), _steps(plan), _memory(plan), _time(plan)]
    found: list[str] = []
    for section in sections:
        told = list(section)
        found += ["", *told] if found and told else told
    if plan.problems:
        found += ["", *(f"problem: {problem}" for problem in plan.problems)]
    return found


def _model(plan: Plan) -> Iterator[str]:
    if plan.sizes is None:
        yield "model: what it starts from is not on this machine; give its sizes as run.plan.sizes"
        return
    sizes, trains = plan.sizes, plan.stage.trainable
    yield (
        f"model: {sizes.kind}, {sizes.total:,} parameters ({_billions(sizes.total)}), "
        f"{sizes.trained:,} train; sizes from {sizes.told_by}"
    )
    rows = []
    parts = list(dict.fromkeys(module.part for module in sizes.modules))
    for part in parts:
        inside = [module for module in sizes.modules if module.part == part]
        trained = trains.get(part)  # type: ignore[call-overload]
        how = f"lr {trained.lr:g}" if trained else "frozen"
        rows.append([part, "", f"{sum(module.count for module in inside):,}", how])
        for module in inside:
            times = f" × {module.repeats}" if module.repeats > 1 else ""
            name = _WRAPPERS.sub("", module.name)
            rows.append(["", f"{name}{times}", f"{module.count:,}", ""])
    yield from _table(["part", "module", "parameters", "trains"], rows, right=(2,))


def _mixture(plan: Plan) -> Iterator[str]:
    noun = "pairs" if plan.stage.objective.kind == "dpo" else "rows"
    yield "mixture" + (", each prompt once with both answers" if noun == "pairs" else "")
    for number, item in enumerate(plan.ingredients):
        last = number == len(plan.ingredients) - 1
        yield from _source(item, noun, "└─ " if last else "├─ ", "   " if last else "│  ")
    if plan.held_out:
        yield "held out"
        yield from _source(plan.held_out, noun, "└─ ", "   ")
    if plan.longest:
        yield "longest"
        for record in plan.longest:
            yield f"   {record.source} {record.name}: {_size(record.tokens, record.tiles)}"


def _source(item: Ingredient, noun: str, branch: str, indent: str) -> Iterator[str]:
    share = f"  weight {item.weight:g} ({item.share:.1%})" if item.share else ""
    if not item.is_here:
        yield f"{branch}{item.reference}{share}  not on this machine, so its records are not looked at"
        return
    epochs = "" if item.epochs is None else f"  read {item.epochs:.3g} times"
    yield f"{branch}{item.reference}{share}  {item.rows:,} {noun}{epochs}"
    if item.tokens is None:
        yield f"{indent}its tokens are not counted: the tokenizer is not on this machine"
    elif item.tokens:
        told = f"{indent}{_size(item.tokens, item.tiles)}, {item.supervised / item.tokens:.1%} supervised"
        yield f"{told}, {item.tokens / max(1, item.rows - item.num_too_long - item.num_bad):,.0f} a {noun[:-1]}"
    if item.licenses:
        each = ", ".join(f"{name} {count:,}" for name, count in sorted(item.licenses.items()))
        yield f"{indent}licences: {each}"
    if item.num_too_long:
        names = ", ".join(item.too_long) + (", …" if item.num_too_long > len(item.too_long) else "")
        yield f"{indent}too long, dropped: {item.num_too_long:,} ({names})"
    for bad in item.bad:
        yield f"{indent}bad: {bad.name}: {bad.wrong}"
    if item.num_bad > len(item.bad):
        yield f"{indent}bad: {item.num_bad - len(item.bad):,} more"


def _steps(plan: Plan) -> Iterator[str]:
    if plan.steps is None:
        return
    steps, stage = plan.steps, plan.stage
    at_once = _size(steps.load.tokens, steps.load.tiles)
    if plan.is_bound:
        yield f"each of {stage.steps:,} steps, as its records are not here: at most {_step(plan)}"
        yield f"at once on one GPU: at most {at_once}"
        return
    empty = "of packs are empty" if stage.packing else "of what is computed is padding"
    noun = "pairs" if stage.objective.kind == "dpo" else "rows"
    yield f"each of {stage.steps:,} steps: {steps.rows:,.4g} {noun}, {_step(plan)}"
    yield (
        f"at once: at most {at_once}; {steps.padding:.1%} {empty} (of the first {steps.looked_at:,} steps)"
    )


def _step(plan: Plan) -> str:
    assert plan.steps is not None
    work = plan.steps.work
    return _size(round(work.tokens), round(work.tiles))


def _memory(plan: Plan) -> Iterator[str]:
    if not plan.memory:
        return
    run, number, each = plan.stage.run, plan.cluster.number, plan.cluster.each
    chosen = plan.memory[run.checkpointing][number]
    unit, size, form = ("GB", 1e9, ",.1f") if chosen.total >= 10**10 else ("MB", 1e6, ",.0f")

    def told(count: int) -> str:
        return format(count / size, form)

    state = f"run.checkpointing {run.checkpointing}"
    if number > 1:
        state = f"run.shard {run.shard}, {state}"
    have = told(each.memory_bytes)
    yield f"memory of one {each.name}: {told(chosen.total)} of {have} {unit}, with {state}"
    purposes = [(field.name, getattr(chosen, field.name)) for field in fields(chosen)]
    yield "   " + ", ".join(f"{name} {told(value)}" for name, value in purposes if value)
    if number == 1:
        other = ", ".join(f"{how} {told(one[number].total)}" for how, one in plan.memory.items())
        yield f"   by checkpointing: {other}"
        return
    worlds = list(next(iter(plan.memory.values())))
    rows = [
        [how, *(f"{told(one.total)}{_mark(one.total, plan)}" for one in by_world.values())]
        for how, by_world in plan.memory.items()
    ]
    header = ["checkpointing", *(f"on {world} " for world in worlds)]
    yield from _table(header, rows, right=range(1, len(header)))
    yield f"   {unit} of one; * does not fit"


def _time(plan: Plan) -> Iterator[str]:
    if plan.hours is None:
        return
    hours, cluster = plan.hours, plan.cluster
    least = "at most " if plan.is_bound else ""
    flops = f"{hours.flops_of_step:.3g} operations a step"
    before = f", {hours.flops_before:.3g} for the reference before" if hours.flops_before else ""
    each = f" ({hours.gpu_hours:,.0f} hours of one)" if hours.gpu_hours >= 1 else ""
    yield f"time: {least}{_hours(hours.hours)} on {cluster.name}{each}"
    yield (
        f"   {flops}{before}; {hours.mfu:.0%} of {cluster.each.peak_flops / 1e12:.4g} TFLOP/s "
        f"({cluster.each.source})"
    )


def _billions(count: int) -> str:
    return f"{count / 1e9:.2f} B" if count >= 10**9 else f"{count / 1e6:.2f} M"


def _hours(hours: float) -> str:
    if hours < 1 / 60:
        return f"{hours * 3600:.0f} s"
    return f"{hours * 60:.0f} min" if hours < 2 else f"{hours:,.1f} h"


def _size(tokens: int, tiles: int) -> str:
    return f"{tokens:,} tokens" + (f", {tiles:,} tiles" if tiles else "")


def _mark(count: int, plan: Plan) -> str:
    return "*" if plan.cluster.each.memory_bytes < count else " "


def _table(
    header: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int]
) -> Iterator[str]:
    widths = [max(len(row[place]) for row in [header, *rows]) for place in range(len(header))]
    for row in [header, *rows]:
        cells = [
            cell.rjust(width) if place in right else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        yield ("   " + "  ".join(cells)).rstrip()


def commented(stage_yaml: str, told: Sequence[str]) -> str:
    """Put a plan below a recipe, as comments, so that the whole is still the recipe."""
    return "\n".join([stage_yaml, "", *(f"# {line}".rstrip() for line in told)])
