"""A short phrase for what a red box shows, compared with those that people gave it: RefCOCO.

The box is drawn into the picture when the sample is made, in pure red and one pixel wide, as the published program
does; the picture is encoded again as PNG. Boxes in one picture count as one unit. Scored as captions are.

Source: Yu et al. 2016, Modeling Context in Referring Expressions (arXiv:1608.00272); Kazemzadeh et al. 2014.
"""

import hashlib
from collections.abc import Iterator

from PIL import ImageDraw

from amalia import pictures
from amalia.evaluate import caption_metrics
from amalia.evaluate.draft import Draft, Fields
from amalia.evaluate.published import captions
from amalia.evaluate.task import Data, Published, Task
from amalia.evaluate.tasks import coco2017_cap


def read(fields: Fields) -> Iterator[Draft]:
    """Make the question of a row, with its box drawn."""
    data = fields.picture("image")
    x, y, width, height = fields.numbers("bbox", 4)
    picture = pictures.read(data, name=f"of {fields.where}")
    if width < 0 or height < 0:
        raise fields.refuse(
            f"has the box {[x, y, width, height]} in 'bbox'; expected left, top, width and height in pixels",
            "malformed_field",
        )
    ImageDraw.Draw(picture).rectangle((x, y, x + width, y + height), outline="red")
    _, drawn = pictures.encode(picture)
    target, *accepted = fields.texts("answer")
    yield Draft(
        "O que está dentro do retângulo vermelho?",
        target,
        tuple(accepted),
        pictures=(drawn,),
        cluster=hashlib.sha256(data).hexdigest(),
    )


TASK = Task(
    "refcoco_bbox",
    "A short phrase for what a red box shows.",
    coco2017_cap.score,
    caption_metrics.portuguese(),
    max_new_tokens=128,
    read=read,
    columns=("image", "bbox", "answer"),
    instruction="Responde em poucas palavras.",
    data=Data("amalia-llm/RefCOCO-PT", "test", license="unknown"),
    published=Published(captions.score, caption_metrics.published("refcoco"), captions.DIFFERS),
    stop=("ASSISTANT:",),
)
