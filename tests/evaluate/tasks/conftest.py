"""From the rows of a table to what is asked, as a run makes it."""

from collections.abc import Callable, Mapping
from typing import Any

import make
import pytest

from amalia.evaluate.draft import Style
from amalia.evaluate.source import Failed, samples_of
from amalia.evaluate.task import Task
from amalia.records import Row, Sample

SamplesFrom = Callable[..., list[Row[Sample] | Failed]]


@pytest.fixture
def samples_from() -> SamplesFrom:
    """Make the samples of rows, with what is wrong with those that are."""

    def samples(
        task: Task, *rows: Mapping[str, Any], instruction: str | None = None
    ) -> list[Row[Sample] | Failed]:
        style = Style(
            task=task.name,
            instruction=task.instruction if instruction is None else instruction,
            option_mark=task.option_mark,
            origin=make.origin(),
        )
        return list(samples_of(task, rows, style=style))

    return samples
