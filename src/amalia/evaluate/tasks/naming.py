"""Naming the one thing shown; the longest known name in the answer decides, unless it is one of two to choose from."""

from collections.abc import Iterable

from amalia.evaluate import answers
from amalia.evaluate.task import UNREADABLE, Score, Task
from amalia.records import Sample


def task(known_names: Iterable[str]) -> Task:
    """Make the task.

    Args:
        known_names: Every name an answer may give for a thing, in either variety; a longer one hides a shorter
            one inside it, and a wrong one is wrong rather than unreadable.
    """
    known = answers.known_names(known_names)

    def score(text: str, sample: Sample) -> Score:
        right = answers.known_names(sample.targets)
        found = answers.longest_name(text, known | right)
        if answers.alternatives(answers.affirmed(text), known | right) - set(right):
            return UNREADABLE
        return UNREADABLE if found is None else Score(float(found in right), found, readable=True)

    return Task("naming", "The name of the one thing shown.", score, version=2)
