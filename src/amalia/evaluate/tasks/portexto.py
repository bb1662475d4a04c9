"""Portuguese text in pictures, written down as it stands there: lines by hand, pages by hand, streets, synthetic.

Scored by ANLS, by BLEU-1 of all transcriptions together, and by the share of letters with a mark (á, ã, ç …) that
were read right. Texts with and without such letters are reported apart: a reader that was taught on English misses
them. An answer that only quotes the text in a sentence is worth the quotation.

The published program counts blanks in lengths that it does not count as edits, compares the sentence around a
quotation too, and takes reasoning that was cut off for the transcription.

Source: PorTEXTO (arXiv:2606.19096); Biten et al. 2019 (arXiv:1905.13648) for ANLS.
"""

from collections.abc import Iterator, Sequence

import numpy as np

from amalia.evaluate import captions, metrics
from amalia.evaluate.draft import Draft, Fields
from amalia.evaluate.published import text_similarity
from amalia.evaluate.task import Array, Data, Metric, PooledMetric, Published, Score, Task
from amalia.evaluate.tasks import docvqa, reading
from amalia.records import Sample


def read(fields: Fields) -> Iterator[Draft]:
    """Make the question of a row, which says itself how to answer."""
    target, *accepted = text_similarity.untrimmed(fields, "answer")
    is_marked = metrics.diacritics("", target) is not None
    yield Draft(
        fields.text("question"),
        target,
        tuple(accepted),
        pictures=(fields.picture("image"),),
        groups=("com acentos" if is_marked else "sem acentos",),
    )


def _words(scores: Sequence[Score], samples: Sequence[Sample]) -> Array:
    rows = [
        captions.bleu1_statistics(score.answer, sample.targets)
        for score, sample in zip(scores, samples, strict=True)
    ]
    return np.asarray(rows, dtype=np.float64)


def _task(config: str, description: str) -> Task:
    return Task(
        f"portexto_{config}",
        description,
        docvqa.score,
        (
            Metric("anls"),
            PooledMetric("bleu1", _words, captions.bleu1, unit="%"),
            Metric("diacritics", reading.diacritics),
        ),
        max_new_tokens=8192,
        read=read,
        columns=("question", "answer", "image"),
        data=Data("amalia-llm/PorTEXTO", "test", license="unknown", config=config),
        published=Published(
            text_similarity.transcription,
            (Metric("anls"), PooledMetric("bleu", _words, captions.bleu1, unit="%")),
            "Blanks count in lengths that count as no edits, and a sentence around the text is compared with it.",
        ),
    )


HANDWRITTEN = _task("handwritten", "Lines written by hand.")
HANDWRITTEN_FULL_PAGE = _task("handwritten_full_page", "Whole pages written by hand.")
IN_THE_WILD = _task("in_the_wild", "Text on signs, walls and things.")
SYNTHETIC = _task("synthetic", "Text set by a program.")
