"""Builders of evaluation logs: samples, what a model said to them, and the folder that holds both."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import make
from PIL import Image as PillowImage

from amalia.evaluate.log import Outcome, Said, Spec, TaskSpec, write_log
from amalia.evaluate.scoring import outcome_of
from amalia.evaluate.summary import summarize
from amalia.evaluate.task import Metric, Score, Task
from amalia.records import Sample

MOMENT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


def exact(text: str, sample: Sample) -> Score:
    """Score an answer as right where it is the target; a blank one cannot be read."""
    said = text.strip()
    note = "" if said == sample.target else f"esperava-se «{sample.target}»"
    return Score(float(said == sample.target), said, bool(said), note)


def task(name: str = "naming", **more: Any) -> Task:
    """Make a task that wants the very target."""
    return Task(**{"name": name, "description": "Um teste.", "score": exact, **more})


def samples(
    count: int = 4, name: str = "naming", *, target: str = "gato", **more: Any
) -> list[Sample]:
    """Make samples ``NAME/0`` … without pictures."""
    return [
        make.sample(task=name, target=target, id=f"{name}/{number}", **more).record
        for number in range(count)
    ]


def said(sample: Sample, text: str | None, **more: Any) -> Said:
    """Say a text, or nothing where the engine failed."""
    given = {"failure": "timeout", "message": "nada veio em 60 s"} if text is None else {}
    texts = {} if text is None else {"texts": (text,), "finish": ("stop",)}
    fields = {"sample": sample.id, "task": sample.task, "condition": "seen", **texts, **given}
    return Said(**{**fields, **more})


def outcomes(tasks: Iterable[Task], pairs: Iterable[tuple[Sample, Said]]) -> list[Outcome]:
    """Score what was said."""
    known = {item.name: item for item in tasks}
    return [outcome_of(known[sample.task], sample, told) for sample, told in pairs]


def log(
    folder: Path,
    answers: Sequence[tuple[Sample, str | None]],
    *,
    tasks: Sequence[Task] = (task(),),
    specs: Mapping[str, Mapping[str, Any]] | None = None,
    pictures: Mapping[str, bytes] | None = None,
    more: Sequence[Outcome] = (),
) -> Path:
    """Write the log of a model named as its folder.

    Args:
        folder: Is made.
        answers: Samples with what was said to them; None where nothing was.
        tasks: Of the samples.
        specs: Task → fields of its ``TaskSpec`` that are not as usual.
        pictures: Small ones, by sample.
        more: Outcomes that are not plain answers.
    """
    folder.mkdir(parents=True)
    found = outcomes(tasks, [(sample, said(sample, text)) for sample, text in answers])
    known = {sample.id: sample for sample, _ in answers}
    every = [*found, *more]
    summary = summarize(folder.name, tasks, known, every)
    usual = {
        "version": 1,
        "max_new_tokens": 32,
        "data": "dados",
        "revision": "a1",
        "license": "CC0-1.0",
    }
    spec = Spec(
        engine=f"{folder.name}@0123456789abcdef",
        tasks={
            item.name: TaskSpec(**{**usual, **(specs or {}).get(item.name, {})}) for item in tasks
        },
        blind=False,
        code={"version": "0.1.0", "commit": "f" * 40, "dirty": False},
        packages={"torch": "2.9.0"},
        command="amalia eval exame.yaml",
        started=MOMENT,
        finished=MOMENT,
    )
    write_log(
        folder, spec, summary, samples=list(known.values()), outcomes=every, pictures=pictures
    )
    return folder


def jpeg(color: str = "navy") -> bytes:
    """Encode a small picture of one color."""
    buffer = io.BytesIO()
    PillowImage.new("RGB", (12, 8), color).save(buffer, "JPEG")
    return buffer.getvalue()


def metric(name: str, **more: Any) -> Metric:
    """Make a metric of the score itself."""
    return Metric(name, **more)
