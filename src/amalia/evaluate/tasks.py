"""The tasks of the mini recipe, from naming a thing to preferring the European wording.

Each reads the answer with ``answers``, compares what was read, and says whether it could be read at
all. The samples and their right answers are known by construction.
"""

from collections.abc import Iterable, Sequence
from statistics import median

from amalia.evaluate import answers, metrics
from amalia.evaluate.task import Metric, Score, Task, most_frequent
from amalia.records import Sample

_UNREADABLE = Score(value=0.0, answer="", readable=False)
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


def mini_tasks(known_names: Iterable[str]) -> tuple[Task, ...]:
    """Make the tasks of the mini recipe.

    Args:
        known_names: every name that an answer may give for a thing, in either variety; a longer
            one hides a shorter one inside it, and a wrong one is wrong rather than unreadable.

    Returns:
        naming, counting, yes_no, position, reading, reading_line, pointing, chart, variety.
    """
    names = tuple(known_names)
    return (
        naming(names),
        Task("counting", "How many of one thing are in the picture.", count_score),
        Task("yes_no", "Whether something is true of the picture.", yes_no_score, version=2),
        position(names),
        Task("reading", "One word, printed or handwritten.", reading_score, READING_METRICS),
        Task(
            "reading_line",
            "A short line of words.",
            reading_score,
            READING_METRICS,
            max_new_tokens=48,
        ),
        Task(
            "pointing",
            "The box around a thing, [x1, y1, x2, y2] as fractions.",
            box_score,
            (Metric("iou"), Metric("acc@0.5", _covers_half)),
            max_new_tokens=48,
            constant=median_box,
        ),
        Task("chart", "Values, colors and number of bars.", chart_score),
        Task(
            "variety",
            "Whether the European wording is likelier, a character, than the Brazilian one.",
            preference_score,
            kind="likelihood",
        ),
    )


def naming(known_names: Iterable[str]) -> Task:
    """Make the task of naming the one thing shown; the longest known name in the answer decides."""
    known = answers.known_names(known_names)

    def score(text: str, sample: Sample) -> Score:
        right = answers.known_names(_targets(sample))
        found = answers.longest_name(text, known | right)
        return _UNREADABLE if found is None else Score(float(found in right), found, readable=True)

    return Task("naming", "The name of the one thing shown.", score)


def position(known_names: Iterable[str]) -> Task:
    """Make the task of saying where a thing is (a side), or which thing is there (a name)."""
    known = answers.known_names(known_names)

    def score(text: str, sample: Sample) -> Score:
        right = answers.known_names(_targets(sample))
        sides = {side for target in _targets(sample) if (side := answers.side(target))}
        # A thing may have a side in its name: «seta para a direita».
        if sides and known.keys().isdisjoint(right):
            said = answers.side(text)
            return _UNREADABLE if said is None else Score(float(said in sides), said, readable=True)
        # An answer may repeat the thing it was asked about: «À esquerda do gato está um cão.»
        asked = set(answers.names_in(sample.prompt.turns[-1].text, known)) - set(right)
        named = [key for key in answers.names_in(text, known | right) if key not in asked]
        found = max(named, key=len, default=None)
        return _UNREADABLE if found is None else Score(float(found in right), found, readable=True)

    return Task("position", "Where a thing is: left, right, above, below.", score)


def count_score(text: str, sample: Sample) -> Score:
    """Score a number, which has to be exactly right."""
    said = answers.number(text)
    if said is None:
        return _UNREADABLE
    right = {answers.number(target) for target in _targets(sample)}
    return Score(float(said in right), f"{said:g}", readable=True)


def yes_no_score(text: str, sample: Sample) -> Score:
    """Score ``sim`` or ``não``; ``não sei`` is readable and wrong unless it is the target."""
    said = answers.yes_no(text)
    if said is None:
        return _UNREADABLE
    right = {answers.yes_no(target) for target in _targets(sample)}
    return Score(float(said in right), said, readable=True)


def reading_score(text: str, sample: Sample) -> Score:
    """Score a transcription: capitals and accents count, a full stop at the end does not."""
    said = answers.quoted(text)
    if said is None:
        return _UNREADABLE
    targets = _targets(sample)
    if said.endswith(".") and not any(target.endswith(".") for target in targets):
        said = said.rstrip(".").rstrip()
    return Score(metrics.exact(said, targets), said, readable=bool(said))


def box_score(text: str, sample: Sample) -> Score:
    """Score a box by its overlap with the right one."""
    said = answers.box(text)
    if said is None:
        return _UNREADABLE
    boxes = [box for target in _targets(sample) if (box := answers.box(target))]
    shown = ", ".join(f"{edge:.3f}" for edge in said)
    return Score(
        max((metrics.iou(said, right) for right in boxes), default=0.0), f"[{shown}]", readable=True
    )


def chart_score(text: str, sample: Sample) -> Score:
    """Score a number, or the first color named, whichever the target is."""
    colors = [color for target in _targets(sample) for color in answers.names_in(target, _COLORS)]
    right = {_COLORS[color] for color in colors}
    if not right:
        return count_score(text, sample)
    said = answers.names_in(text, _COLORS)
    return Score(float(_COLORS[said[0]] in right), said[0], readable=True) if said else _UNREADABLE


def preference_score(text: str, sample: Sample) -> Score:
    """Score which of target and rejected the model found likelier."""
    return Score(float(text == sample.target), text, readable=True)


def median_box(samples: Sequence[Sample]) -> str:
    """Give the box whose edges are the medians of the right ones, a fair guess without looking."""
    boxes = [found for sample in samples if (found := answers.box(sample.target))]
    if not boxes:
        return most_frequent(samples)
    edges = [median(edge) for edge in zip(*boxes, strict=True)]
    return "[" + ", ".join(f"{edge:.3f}" for edge in edges) + "]"


def _covers_half(score: Score, sample: Sample) -> float:  # noqa: ARG001 - the shape of a measure
    return float(score.value >= 0.5)


def _capped_cer(score: Score, sample: Sample) -> float:
    """Measure the character error rate, at most 1 so that one long answer cannot outweigh all."""
    return min(1.0, *(metrics.cer(score.answer, target) for target in _targets(sample)))


def _targets(sample: Sample) -> tuple[str, ...]:
    return (sample.target, *sample.accepted)


READING_METRICS = (Metric("exact"), Metric("cer", _capped_cer, is_lower_better=True))
