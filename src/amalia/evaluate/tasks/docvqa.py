"""Questions about scanned documents, answered with words that stand in them: DocVQA.

The score is ANLS, the similarity in letters to the nearest right answer, 0 where half of it or more is wrong;
``exact`` is how often nothing is wrong. Capitals do not count. An answer that is right as it stands stays right;
else a sentence that plainly states or quotes it is taken off.

The published program compares the sentence too, so «A resposta é 1998.» is wrong for «1998», and counts blanks in
lengths that it does not count as edits.

Source: Mathew et al. 2021, DocVQA (arXiv:2007.00398); Biten et al. 2019 (arXiv:1905.13648) for ANLS.
"""

from collections.abc import Iterator

from amalia.evaluate import answers, metrics
from amalia.evaluate.draft import Draft, Fields
from amalia.evaluate.published import text_similarity
from amalia.evaluate.task import UNREADABLE, Data, Metric, Published, Score, Task, share
from amalia.records import Sample


def read(fields: Fields) -> Iterator[Draft]:
    """Make the question of a row; its answers stay as they are written."""
    target, *accepted = text_similarity.untrimmed(fields, "answers")
    yield Draft(
        fields.text("question"), target, tuple(accepted), pictures=(fields.picture("image"),)
    )


def score(text: str, sample: Sample) -> Score:
    """Score the better of the answer as it stands and of what it plainly states."""
    readings = (text.strip(), answers.stated(text))
    values = {
        reading: metrics.anls(reading, sample.targets)
        for reading in (_without_stop(reading, sample) for reading in readings)
    }
    said = max(values, key=values.__getitem__)
    return Score(values[said], said, readable=True) if said else UNREADABLE


def _without_stop(text: str, sample: Sample) -> str:
    """Take off a full stop that no right answer has."""
    if any(target.rstrip().endswith(".") for target in sample.targets):
        return text
    return text.rstrip(".").rstrip()


METRICS = (Metric("anls"), share("exact", lambda found, _: found.value == 1.0))
PUBLISHED = Published(
    text_similarity.score,
    (Metric("anls"),),
    "The sentence around an answer is compared with it, and blanks count in lengths that count as no edits.",
)
TASK = Task(
    "docvqa",
    "Questions about scanned documents, answered with words in them.",
    score,
    METRICS,
    read=read,
    columns=("question", "answers", "image"),
    instruction="Responde só com as palavras do documento que respondem à pergunta.",
    data=Data("amalia-llm/DocVQA-PT", "validation", license="unknown"),
    published=PUBLISHED,
)
