"""Whether the European wording is likelier, a character, than the Brazilian one after the same prompt."""

from amalia.evaluate.task import Score, Task
from amalia.records import Sample


def score(text: str, sample: Sample) -> Score:
    """Score which of the wordings the model found likeliest."""
    return Score(float(text == sample.target), text, readable=True)


TASK = Task(
    "variety",
    "Whether the European wording is likelier, a character, than the Brazilian one.",
    score,
    kind="likelihood",
    per_token="character",
    constant=None,
)
