"""Small pictures of the samples worth a look, for reports that have nothing but the log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO

from amalia import pictures
from amalia.evaluate.log import Outcome
from amalia.records import Row, Sample

SIDE_PX = 320
PER_TASK = 12


def worst_pictures(
    rows: Mapping[str, Row[Sample]], outcomes: Sequence[Outcome]
) -> dict[str, bytes]:
    """Make small JPEG pictures for the worst samples of every task.

    Args:
        rows: By id.
        outcomes: What was said and what it is worth.

    Returns:
        By sample; at most twelve a task, failed ones and those of the lowest score first.
    """
    ranked: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        row = rows.get(outcome.sample)
        if outcome.condition == "seen" and row is not None and row.images:
            ranked.setdefault(outcome.task, []).append(outcome)
    chosen = [
        outcome.sample for own in ranked.values() for outcome in sorted(own, key=_worth)[:PER_TASK]
    ]
    return {name: thumbnail(next(iter(rows[name].images.values()))) for name in chosen}


def thumbnail(data: bytes) -> bytes:
    """Make a JPEG of at most 320 pixels a side.

    Raises:
        PictureError: The picture cannot be read.
    """
    picture = pictures.read(data)
    picture.thumbnail((SIDE_PX, SIDE_PX))
    buffer = BytesIO()
    picture.save(buffer, "JPEG", quality=80)
    return buffer.getvalue()


def _worth(outcome: Outcome) -> float:
    return -1.0 if outcome.value is None else outcome.value
