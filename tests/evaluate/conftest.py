"""Builders of evaluation samples, every field defaulted."""

from collections.abc import Callable

import PIL.Image
import pytest

from amalia import pictures
from amalia.records import Conversation, Origin, Row, Sample, Text, Turn

ORIGIN = Origin(source="test", license="CC0-1.0", created="synthetic")

MakeRow = Callable[..., Row[Sample]]


@pytest.fixture
def make_row() -> MakeRow:
    """Make a sample, with a picture of one color where ``color`` is given."""

    def make(
        id: str = "s1",
        task: str = "naming",
        target: str = "gato",
        *,
        question: str = "O que é isto?",
        color: tuple[int, int, int] | None = None,
        size_px: tuple[int, int] = (8, 6),
        accepted: tuple[str, ...] = (),
        choices: tuple[str, ...] = (),
        groups: tuple[str, ...] = (),
        follow_ups: tuple[str, ...] = (),
        cluster: str | None = None,
    ) -> Row[Sample]:
        images: dict[str, bytes] = {}
        parts: list[object] = [Text(text=question)]
        if color is not None:
            picture, data = pictures.encode(PIL.Image.new("RGB", size_px, color))
            images[picture.sha256] = data
            parts.insert(0, picture)
        prompt = Conversation(
            id=f"{id}/prompt",
            turns=(Turn(role="user", parts=tuple(parts)),),
            language="pt-PT",
            origin=ORIGIN,
        )
        sample = Sample(
            id=id,
            task=task,
            prompt=prompt,
            target=target,
            accepted=accepted,
            choices=choices,
            groups=groups,
            follow_ups=follow_ups,
            # Pictures of one color are one picture; most tests want samples that stand alone.
            cluster=id if cluster is None else cluster,
            origin=ORIGIN,
        )
        return Row(sample, images)

    return make
