"""How many of one thing are in the picture."""

from amalia.evaluate import answers
from amalia.evaluate.task import UNREADABLE, Score, Task
from amalia.records import Sample


def score(text: str, sample: Sample) -> Score:
    """Score a number, which has to be exactly right."""
    said = answers.number(text)
    if said is None:
        return UNREADABLE
    right = {answers.number(target) for target in sample.targets}
    return Score(float(said in right), f"{said:g}", readable=True)


TASK = Task("counting", "How many of one thing are in the picture.", score, version=2)
