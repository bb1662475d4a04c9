"""Questions about infographics, whose answers are read or worked out from text, drawings and figures: InfographicVQA.

Scored as DocVQA is, by ANLS; what the published program does differently is the same too.

Source: Mathew et al. 2022, InfographicVQA (arXiv:2104.12756).
"""

from amalia.evaluate.task import Data, Task
from amalia.evaluate.tasks import docvqa

TASK = Task(
    "infovqa",
    "Questions about infographics.",
    docvqa.score,
    docvqa.METRICS,
    read=docvqa.read,
    columns=("question", "answers", "image"),
    instruction="Responde só com a palavra, a expressão ou o número pedido.",
    data=Data("amalia-llm/InfographicVQA-PT", "validation", license="unknown"),
    published=docvqa.PUBLISHED,
)
