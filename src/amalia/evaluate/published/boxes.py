"""How amalia-vl-eval reads and compares the boxes of RefCOCO grounding.

- A box that cannot be read is the point (0, 0): its center is right wherever the right box touches that corner.
- One number above 1 makes all four thousandths, and with blanks between them that number alone; so a fraction just
  outside the picture, 1.01, moves the whole box.
- The first four numbers in brackets count, even those of an example; numbers without brackets do not.
- Edges in the wrong order make a negative area; where it cancels the right one, the program stops.
"""

import json
import math
import re
from collections.abc import Callable

from amalia.evaluate.task import Metric, Score
from amalia.records import Sample

Edges = tuple[float, float, float, float]

_NOWHERE: Edges = (0.0, 0.0, 0.0, 0.0)
_FENCE = re.compile(r"```(?:json)?\s*")
_COMMAED = re.compile(r"\[\s*" + r",\s*".join([r"(-?\d+(?:[.,]\d+)?)"] * 4) + r"\s*\]")
_SPACED = re.compile(r"\[\s*" + r"\s+".join([r"(-?\d+(?:\.\d+)?)"] * 4) + r"\s*\]")


def score(text: str, sample: Sample) -> Score:
    """Score a box by its overlap with the right one; the metrics read it again from the answer."""
    found, note = read(text)
    value = overlap(edges_of(sample.targets[-1]), found)
    if not math.isfinite(value):
        value, note = 0.0, f"{note}; the published program stops here or has no number"
    return Score(value, str(list(found)), readable=found != _NOWHERE, note=note)


def read(text: str) -> tuple[Edges, str]:
    """Read four edges, and say by which rule."""
    keyed = _keyed(text)
    if keyed is not None:
        return keyed, "read from bbox_2d"
    bracketed = text.replace("(", "[").replace(")", "]")
    match = _COMMAED.search(bracketed)
    if match:
        values = [float(item.replace(",", ".")) for item in match.groups()]
        return _fractions(values), "the first four numbers in brackets"
    match = _SPACED.search(bracketed)
    if match:
        one, two, three, four = (_fraction(float(item)) for item in match.groups())
        return (one, two, three, four), "four numbers with blanks between them, each scaled alone"
    return _NOWHERE, "no box was found, which counts as the point (0, 0)"


def edges_of(answer: str) -> Edges:
    """Read four numbers back from ``[x1, y1, x2, y2]``."""
    one, two, three, four = (float(item) for item in answer.strip("[]").split(","))
    return one, two, three, four


def overlap(right: Edges, said: Edges) -> float:
    """Give intersection over union with signed areas; not a number where the union is nothing."""
    width = max(0, min(right[2], said[2]) - max(right[0], said[0]))
    height = max(0, min(right[3], said[3]) - max(right[1], said[1]))
    shared = width * height
    union = _signed_area(right) + _signed_area(said) - shared
    return shared / union + 0.0 if union else math.nan


def metrics() -> tuple[Metric, ...]:
    """Make the published metrics: mean overlap, shares from five overlaps up, and centers."""
    return (
        Metric("refcoco_IoU"),
        *(Metric(f"refcoco_ACC@{least}", _reaches(least)) for least in (0.1, 0.3, 0.5, 0.7, 0.9)),
        Metric("refcoco_Center_ACC", _center),
    )


def _keyed(text: str) -> Edges | None:
    try:
        found = json.loads(_FENCE.sub("", text).strip())
        if isinstance(found, list) and found:
            found = found[0]
        edges = found.get("bbox_2d") if isinstance(found, dict) else None
        if isinstance(edges, list) and len(edges) == 4:
            return _fractions([float(edge) for edge in edges])
    except (ValueError, TypeError, OverflowError, RecursionError):
        return None  # the published program stops at the last two
    return None


def _fractions(values: list[float]) -> Edges:
    scale = 1000.0 if any(value > 1.0 for value in values) else 1.0
    one, two, three, four = (value / scale for value in values)
    return one, two, three, four


def _fraction(value: float) -> float:
    return value / 1000.0 if value > 1.0 else value


def _signed_area(edges: Edges) -> float:
    return (edges[2] - edges[0]) * (edges[3] - edges[1])


def _reaches(least: float) -> Callable[[Score, Sample], float]:
    return lambda found, _: float(found.value >= least)


def _center(found: Score, sample: Sample) -> float:
    right, said = edges_of(sample.targets[-1]), edges_of(found.answer)
    across, down = (said[0] + said[2]) / 2, (said[1] + said[3]) / 2
    return float(right[0] <= across <= right[2] and right[1] <= down <= right[3])
