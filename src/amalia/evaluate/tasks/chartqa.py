"""Questions about charts, asked by people or made from captions: ChartQA.

A number is right within 5 %, anything else if it is the same text, capitals and the beginning of a sentence aside.
Numbers are read as they are written in Portuguese or on the chart («1.234,5», «12 %», «3 milhões», «três»). A year that
is asked for has to be the year: 5 % of 2015 would be a century. Several answers «[a, b]» are right in any order, all of
them and no more.

The published program reads numbers as the programming language does, so a decimal comma makes a text, a percentage is
a hundredth of what is written, and no sentence is ever right.

Source: Masry et al. 2022, ChartQA (arXiv:2203.10244), section 5.1.
"""

import re
from collections.abc import Iterator

from amalia.evaluate import answers, metrics
from amalia.evaluate.draft import Draft, Fields
from amalia.evaluate.published import relaxed_numbers
from amalia.evaluate.quantities import agree, is_quantity
from amalia.evaluate.task import UNREADABLE, Data, Metric, Published, Score, Task
from amalia.records import Sample

KINDS = ("human", "augmented")
_ASKS_YEAR = re.compile(
    r"^\s*quando\b|\b(?:que|qual|quais)(?: (?:é|foi|são|foram))?(?: os?)? anos?\b", re.IGNORECASE
)
_YEAR = re.compile(r"[12]\d{3}")
# «O país com mais vendas foi o Brasil.»
_SUBJECT = re.compile(
    r"^(?!.*\b(?:não|nem)\b)[^.,;:!?]{1,80}?\s(?=(?:é|são|foi|foram|era|eram)\s)", re.IGNORECASE
)
_BETWEEN = re.compile(r",\s+|;\s*|\s+e\s+")


def read(fields: Fields) -> Iterator[Draft]:
    """Make the question of a row, grouped by who asked it."""
    kind = fields.text("type").removesuffix("_test")
    if kind not in KINDS:
        raise fields.refuse(
            f"has the type {kind!r}; expected human_test or augmented_test", "malformed_field"
        )
    # Checked, then taken as it stands: the published program counts blanks around it.
    target = str(fields.value("answer")) if fields.text("answer") else ""
    yield Draft(
        fields.text("question"), target, pictures=(fields.picture("image"),), groups=(kind,)
    )


def score(text: str, sample: Sample) -> Score:
    """Score a number, a text, yes or no, or several of them, whichever the target is."""
    said, target = answers.stated(text), sample.target.strip()
    if not any(map(str.isalnum, said)) and said != target:
        return UNREADABLE
    kept = answers.affirmed(said).strip(" ,;.:—–")
    if any(_is_same(form, target) for form in (text, said, kept, _SUBJECT.sub("", kept))):
        return Score(1.0, said, readable=True)
    if target.startswith("[") and target.endswith("]"):
        return Score(float(_same_items(said, target)), said, readable=True)
    if target.casefold() in ("sim", "não"):
        return Score(float(answers.yes_no(said) == target.casefold()), said, readable=True)
    if not is_quantity(target):
        return Score(0.0, said, readable=True)
    is_year = _YEAR.fullmatch(target) and _ASKS_YEAR.search(sample.prompt.turns[-1].text)
    right = agree(said, target, tolerance=0.0 if is_year else 0.05)
    return UNREADABLE if right is None else Score(float(right), said, readable=True)


def _is_same(said: str, target: str) -> bool:
    """Compare two texts as they are, and without what may open a sentence."""
    if metrics.relaxed(said.strip().rstrip("."), target.strip().rstrip(".")) == 1.0:
        return True
    return metrics.relaxed(*map(answers.without_opening, (said, target))) == 1.0


def _same_items(said: str, target: str) -> bool:
    """Compare two lists in any order; each item of one is one of the other."""
    mine, right = (_BETWEEN.split(text.strip().strip("[].")) for text in (said, target))
    for item in right:
        match = next((other for other in mine if _agrees(other, item)), None)
        if match is None:
            return False
        mine.remove(match)
    return not mine


def _agrees(said: str, target: str) -> bool:
    return _is_same(said, target) or bool(is_quantity(target) and agree(said, target))


def _of(kind: str) -> Metric:
    name = f"relaxed_{kind}_split"
    return Metric(name, lambda found, sample: found.value if kind in sample.groups else None)


TASK = Task(
    "chartqa",
    "Questions about charts.",
    score,
    (Metric("relaxed_accuracy"),),
    max_new_tokens=16,
    read=read,
    columns=("question", "answer", "type", "image"),
    instruction="Responde só com a palavra ou o número pedido.",
    data=Data("amalia-llm/ChartQA-PT", "test", license="unknown"),
    published=Published(
        relaxed_numbers.score,
        (Metric("relaxed_overall"), *(_of(kind) for kind in KINDS)),
        "Numbers are read as a programming language does, and years pass within 5 %.",
    ),
)
