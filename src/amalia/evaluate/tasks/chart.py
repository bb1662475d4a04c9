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
    """Score a number, or the first color named, whichever the target is."""
    colors = [color for target in sample.targets for color in answers.names_in(target, _COLORS)]
    right = {_COLORS[color] for color in colors}
    if not right:
        return counting.score(text, sample)
    said = answers.names_in(text, _COLORS)
    return Score(float(_COLORS[said[0]] in right), said[0], readable=True) if said else UNREADABLE


TASK = Task("chart", "Values, colors and number of bars.", score)
