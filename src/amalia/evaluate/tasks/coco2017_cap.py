"""One sentence about a photograph, compared with those that five people wrote: COCO captions.

BLEU, ROUGE-L and CIDEr say how much a caption shares with what people said, in words; a good caption that says it
otherwise scores low, and translated references make one style of saying it. One caption alone is worth its ROUGE-L.

The published program splits Portuguese by the rules of English, and has METEOR, which knows English words only.

Source: Chen et al. 2015, Microsoft COCO Captions (arXiv:1504.00325).
"""

from collections.abc import Iterator

from amalia.evaluate import caption_metrics
from amalia.evaluate.captions import rouge_l
from amalia.evaluate.draft import Draft, Fields
from amalia.evaluate.published import captions
from amalia.evaluate.task import UNREADABLE, Data, Published, Score, Task
from amalia.evaluate.words import portuguese_words
from amalia.records import Sample


def read(fields: Fields) -> Iterator[Draft]:
    """Make the question of a row; what people wrote is all equally right."""
    target, *accepted = fields.texts("answer")
    yield Draft("Descreve a imagem.", target, tuple(accepted), pictures=(fields.picture("image"),))


def score(text: str, sample: Sample) -> Score:
    """Score a caption by its ROUGE-L; one without words is unreadable."""
    if not portuguese_words(text):
        return UNREADABLE
    value = rouge_l(text, sample.targets, portuguese_words)
    return Score(value, text.strip(), readable=True)


TASK = Task(
    "coco2017_cap",
    "One sentence about a photograph.",
    score,
    caption_metrics.portuguese(),
    max_new_tokens=64,
    read=read,
    columns=("image", "answer"),
    instruction="Responde com uma só frase.",
    data=Data("amalia-llm/COCO-Caption2017-PT", "validation", license="unknown"),
    published=Published(captions.score, caption_metrics.published("coco"), captions.DIFFERS),
)
