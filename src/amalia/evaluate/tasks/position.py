"""Where a thing is in relation to another (a side), or which thing is there (a name)."""

from collections.abc import Iterable

from amalia.evaluate import answers
from amalia.evaluate.task import UNREADABLE, Score, Task
from amalia.records import Sample


def task(known_names: Iterable[str]) -> Task:
    """Make the task; ``known_names`` are all names an answer may give for a thing."""
    known = answers.known_names(known_names)

    def score(text: str, sample: Sample) -> Score:
        right = answers.known_names(sample.targets)
        sides = {side for target in sample.targets if (side := answers.side(target))}
        # A thing may have a side in its name: «seta para a direita».
        if sides and known.keys().isdisjoint(right):
            said = answers.side(text)
            return UNREADABLE if said is None else Score(float(said in sides), said, readable=True)
        # An answer may repeat the thing it was asked about: «À esquerda do gato está um cão.»
        asked = set(answers.names_in(sample.prompt.turns[-1].text, known)) - set(right)
        affirmed = answers.affirmed(text)
        if answers.alternatives(affirmed, known | right) - set(right):
            return UNREADABLE
        named = [key for key in answers.names_in(affirmed, known | right) if key not in asked]
        found = max(named, key=len, default=None)
        return UNREADABLE if found is None else Score(float(found in right), found, readable=True)

    return Task("position", "Where a thing is: left, right, above, below.", score, version=2)
