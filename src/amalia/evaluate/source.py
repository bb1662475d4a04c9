"""Rows of a benchmark → samples.

A column that a task needs and the data lacks stops the run before anything is asked; a row that is wrong is a failed
sample with its reason, never a missing one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar

from amalia.errors import AmaliaError, RecordError, TaskError
from amalia.evaluate.draft import Draft, Fields, Style, to_sample
from amalia.evaluate.log import Scoring
from amalia.evaluate.tables import Source, files_of, read_table
from amalia.evaluate.task import Task
from amalia.records import Origin, Row, Sample

T = TypeVar("T")
_OURS = "Apache-2.0"
"""Licence of what ships with the package."""


@dataclass(frozen=True, slots=True)
class Failed:
    """A row or question that could not be asked, or got no answer."""

    sample: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Benchmark:
    """Samples of one task, what could not be read, and what they were read from."""

    task: Task
    rows: tuple[Row[Sample], ...]
    failed: tuple[Failed, ...]
    license: str
    revision: str
    """Commit of the hub, or digest of the files."""
    where: str
    instruction: str = ""
    orders: int = 1
    scoring: Scoring = "ours"
    split: str = ""
    config: str = ""


def read_benchmark(
    task: Task,
    source: Source | None,
    *,
    limit: int | None = None,
    orders: int = 1,
    instruction: str | None = None,
) -> Benchmark:
    """Read the samples of a task.

    Args:
        task: One that reads rows.
        source: Where they are; None for a task whose rows ship with the package.
        limit: Take this many rows at most, spread evenly over the data.
        orders: Ask every choice this often, its options moved on by one place each time.
        instruction: Ends the prompts instead of the task's own.

    Raises:
        TaskError: The data is missing, is of another form, lacks a column, or repeats an id.
        MissingExtra: The hub's library is not installed.
    """
    if task.read is None:
        raise TaskError(
            f"task {task.name} has samples of its own kind; expected a sample artifact (samples: NAME)"
        )
    table = _table(task, source)
    rows = evenly(table.rows, limit)
    if not rows:
        raise TaskError(f"task {task.name}: {table.where} has no rows; give other data")
    _check_columns(task, rows)
    style = Style(
        task=task.name,
        instruction=task.instruction if instruction is None else instruction,
        option_mark=task.option_mark,
        origin=Origin(source=table.where, license=table.license, created="found"),
    )
    found: list[Row[Sample]] = []
    failed: list[Failed] = []
    for item in samples_of(task, rows, style=style, orders=orders, folder=table.folder):
        if isinstance(item, Failed):
            failed.append(item)
        else:
            found.append(item)
    _check_ids(task, found)
    return Benchmark(
        task,
        tuple(_shared(found)),
        tuple(failed),
        table.license,
        table.revision,
        table.where,
        instruction=style.instruction,
        orders=orders,
        split=table.split,
        config=table.config,
    )


@dataclass(frozen=True, slots=True)
class _Table:
    rows: Sequence[Mapping[str, Any]]
    folder: Path | None
    revision: str
    license: str
    where: str
    split: str = ""
    config: str = ""


def _table(task: Task, source: Source | None) -> _Table:
    license_ = task.data.license if task.data else "unknown"
    if source is None:
        if task.packaged is None:
            raise TaskError(
                f"task {task.name} has no data with it; expected data: {{path: FILE}} or"
                " data: {hub: published, revision: COMMIT}"
            )
        version = metadata.version("amalia")
        return _Table(task.packaged(), None, version, _OURS, "package")
    files, folder, revision = files_of(source, task.name, task.data)
    rows = [row for file in files for row in read_table(file, task.name)]
    renamed = [
        {**row, **{ours: row.get(theirs) for ours, theirs in source.columns.items()}}
        for row in rows
    ]
    where = source.path or str(
        task.data.hub if source.hub == "published" and task.data else source.hub
    )
    is_known = task.data is not None and source.hub is not None
    known = task.data if is_known else None
    return _Table(
        renamed,
        folder,
        revision,
        source.license or license_,
        where,
        split=source.split or (known.split if known else ""),
        config=source.config or (known.config or "" if known else ""),
    )


def evenly(items: Sequence[T], limit: int | None) -> list[T]:
    """Take so many items, spread over all: the first hundred of sorted data are all of one kind.

    Args:
        items: In their order.
        limit: How many at most; None takes all.
    """
    if limit is None or limit >= len(items):
        return list(items)
    return [items[place * len(items) // limit] for place in range(limit)]


def samples_of(
    task: Task,
    rows: Iterable[Mapping[str, Any]],
    *,
    style: Style,
    orders: int = 1,
    folder: Path | None = None,
) -> Iterator[Row[Sample] | Failed]:
    """Make the samples of rows, in order; a row that is wrong gives what is wrong with it.

    Args:
        task: One that reads rows.
        rows: Column → value.
        style: How prompts are written.
        orders: Ask every choice this often, its options moved on by one place each time.
        folder: What paths of pictures are relative to.
    """
    assert task.read is not None
    for number, row in enumerate(rows):
        name = f"{task.name}/{number:06d}"
        fields = Fields(row, where=f"task {task.name}, row {number}", folder=folder)
        try:
            drafts = list(task.read(fields))
        except RecordError as error:
            yield Failed(name, error.reason, str(error))
            continue
        for place, draft in enumerate(drafts):
            base = f"{task.name}/{draft.id}" if draft.id else name
            base += f".{place}" if len(drafts) > 1 and not draft.id else ""
            for shift in range(_num_orders(draft, orders)):
                label = f"{base}~{shift}" if shift else base
                try:
                    yield to_sample(_clustered(draft.rotated(shift), base, orders), style, id=label)
                except AmaliaError as error:
                    yield Failed(label, error.reason, str(error))


def _num_orders(draft: Draft, orders: int) -> int:
    return min(orders, len(draft.options)) if draft.right is not None else 1


def _clustered(draft: Draft, base: str, orders: int) -> Draft:
    """Say that the orders of one question belong together, unless more than that does."""
    if orders == 1 or draft.cluster or draft.pictures:
        return draft
    return replace(draft, cluster=base)


def _check_columns(task: Task, rows: Sequence[Mapping[str, Any]]) -> None:
    there = {name for row in rows[:100] for name, value in row.items() if value is not None}
    missing = [name for name in task.columns if name not in there]
    if missing:
        raise TaskError(
            f"task {task.name}: the data has no column {missing[0]!r}; it has {', '.join(sorted(there))};"
            f" expected {', '.join(task.columns)}; say columns: {{{missing[0]}: ITS_NAME}} if it has another name"
        )


def _check_ids(task: Task, rows: Sequence[Row[Sample]]) -> None:
    seen: set[str] = set()
    for row in rows:
        if row.record.id in seen:
            raise TaskError(
                f"task {task.name}: the id {row.record.id.partition('/')[2]!r} stands more than once in the data;"
                " expected each once; remove the duplicate"
            )
        seen.add(row.record.id)


def _shared(rows: Sequence[Row[Sample]]) -> Iterator[Row[Sample]]:
    """Keep the bytes of a picture once, however many questions are asked about it."""
    known: dict[str, bytes] = {}
    for row in rows:
        yield Row(
            row.record, {name: known.setdefault(name, data) for name, data in row.images.items()}
        )
