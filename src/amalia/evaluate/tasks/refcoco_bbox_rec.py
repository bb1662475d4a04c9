"""Finding what a phrase describes: a box [x1, y1, x2, y2] in fractions of the picture (RefCOCO, the other way round).

A row has several phrases for one box and gives one question each. The answer is scored by its overlap with the right
box, by whether that reaches 0.1, 0.3, 0.5, 0.7 and 0.9, and by whether its center lies in the right box. A box that
cannot be read overlaps with nothing.

The published program takes such a box for the point (0, 0), which is a right center for some; it needs brackets, and
takes 1.01 for a thousandth.

Source: Yu et al. 2016, Modeling Context in Referring Expressions (arXiv:1608.00272); Kazemzadeh et al. 2014.
"""

from collections.abc import Callable, Iterator

from amalia import pictures
from amalia.evaluate import answers, metrics
from amalia.evaluate.draft import Draft, Fields
from amalia.evaluate.published import boxes
from amalia.evaluate.task import Data, Metric, Published, Score, Task, share
from amalia.evaluate.tasks import pointing
from amalia.records import Sample

LEAST_OVERLAPS = (0.1, 0.3, 0.5, 0.7, 0.9)


def read(fields: Fields) -> Iterator[Draft]:
    """Make a question of each phrase; the box is rounded in the target and exact behind it."""
    picture = fields.picture("image")
    x, y, width, height = fields.numbers("bbox", 4)
    shown = pictures.record_of(picture, name=f"of {fields.where}")
    edges = (x, y, x + width, y + height)
    sides = (shown.width_px, shown.height_px) * 2
    exact = [edge / side for edge, side in zip(edges, sides, strict=True)]
    box = [min(1.0, max(0.0, edge)) for edge in exact]
    if not (box[0] < box[2] and box[1] < box[3]):
        raise fields.refuse(
            f"has the box {[x, y, width, height]} in 'bbox' of a picture of {shown.width_px}x{shown.height_px};"
            " expected left, top, width and height in pixels, inside the picture",
            "malformed_field",
        )
    target = "[" + ", ".join(f"{edge:.4f}" for edge in box) + "]"
    for phrase in fields.texts("answer"):
        yield Draft(
            f"Onde está, na imagem, o que esta frase descreve: «{phrase}»?",
            target,
            (str(exact),),
            pictures=(picture,),
        )


def center(found: Score, sample: Sample) -> float:
    """Say whether the center of the box lies in the right one."""
    said, right = answers.box(found.answer), answers.box(sample.target)
    return metrics.center_hit(said, right) if said and right else 0.0


def _reaches(least: float) -> Callable[[Score, Sample], bool]:
    # Exactly half an overlap may be a hair less in binary fractions.
    return lambda found, _: found.value >= least - 1e-9


TASK = Task(
    "refcoco_bbox_rec",
    "The box around what a phrase describes.",
    pointing.score,
    (
        Metric("iou"),
        *(share(f"acc@{least}", _reaches(least)) for least in LEAST_OVERLAPS),
        Metric("center_acc", center),
    ),
    max_new_tokens=128,
    constant=pointing.median_box,
    read=read,
    columns=("image", "bbox", "answer"),
    instruction="Responde só com a caixa [x1, y1, x2, y2], em frações da largura e da altura da imagem, de 0 a 1.",
    data=Data("amalia-llm/RefCOCO-PT", "test", license="unknown"),
    published=Published(
        boxes.score,
        boxes.metrics(),
        "Only four numbers in brackets or as bbox_2d are read; nothing read is the point (0, 0).",
    ),
    stop=("ASSISTANT:",),
)
