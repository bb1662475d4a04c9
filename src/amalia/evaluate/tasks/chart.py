"""Values, colors and number of the bars of a chart."""

from amalia.evaluate import answers
from amalia.evaluate.task import UNREADABLE, Score, Task
from amalia.evaluate.tasks import counting
from amalia.records import Sample

# A bar is feminine; a color said in the masculine is the same color.
_COLORS = {
    "vermelha": "vermelha",
    "vermelho": "vermelha",
    "azul": "azul",
    "verde": "verde",
    "amarela": "amarela",
    "amarelo": "amarela",
    "roxa": "roxa",
    "roxo": "roxa",
    "laranja": "laranja",
    "preta": "preta",
    "preto": "preta",
    "cor-de-rosa": "cor-de-rosa",
    "rosa": "cor-de-rosa",
}


def score(text: str, sample: Sample) -> Score:
    """Score a number, or the first color that is named, not denied, and no choice of two."""
    colors = [color for target in sample.targets for color in answers.names_in(target, _COLORS)]
    right = {_COLORS[color] for color in colors}
    if not right:
        return counting.score(text, sample)
    affirmed = answers.affirmed(text)
    said = answers.names_in(affirmed, _COLORS)
    if len({_COLORS[color] for color in answers.alternatives(affirmed, _COLORS)}) > 1:
        return UNREADABLE
    return Score(float(_COLORS[said[0]] in right), said[0], readable=True) if said else UNREADABLE


TASK = Task("chart", "Values, colors and number of bars.", score, version=2)
