"""The box around a thing, ``[x1, y1, x2, y2]`` as fractions of the picture."""

from collections.abc import Sequence
from statistics import median

from amalia.evaluate import answers, metrics
from amalia.evaluate.task import UNREADABLE, Metric, Score, Task, most_frequent, share
from amalia.records import Sample


def score(text: str, sample: Sample) -> Score:
    """Score a box by its overlap with the right one."""
    said = answers.box(text)
    if said is None:
        return UNREADABLE
    boxes = [box for target in sample.targets if (box := answers.box(target))]
    shown = ", ".join(f"{edge:.3f}" for edge in said)
    return Score(
        max((metrics.iou(said, right) for right in boxes), default=0.0), f"[{shown}]", readable=True
    )


def median_box(samples: Sequence[Sample]) -> str:
    """Give the box whose edges are the medians of the right ones, a fair guess without looking."""
    boxes = [found for sample in samples if (found := answers.box(sample.target))]
    if not boxes:
        return most_frequent(samples)
    edges = [median(edge) for edge in zip(*boxes, strict=True)]
    return "[" + ", ".join(f"{edge:.3f}" for edge in edges) + "]"


METRICS = (Metric("iou"), share("acc@0.5", lambda found, _: found.value >= 0.5))
TASK = Task(
    "pointing",
    "The box around a thing, [x1, y1, x2, y2] as fractions.",
    score,
    METRICS,
    max_new_tokens=48,
    constant=median_box,
)
