"""Text in pictures of many kinds: words, numbers, handwriting, scenes, documents, forms and formulas (OCRBench).

An answer is right that holds the right text as whole words or a whole number, capitals aside; a formula has to be the
right one, blanks aside. ``exact`` is how often nothing else is said, which betrays a model that lists all it can
read; ``diacritics`` is the share of letters with a mark (á, ã, ç …) that were read right.

The published program takes any stretch of letters: «1» is right inside «2015» and «x» inside every longer formula.
Its score is a count of right answers over 1000 and so means nothing on a part of the data.

Source: Liu et al. 2023, OCRBench (arXiv:2305.07895).
"""

import re
import unicodedata
from collections.abc import Iterator

from amalia.evaluate import answers
from amalia.evaluate.draft import Draft, Fields
from amalia.evaluate.published import substrings
from amalia.evaluate.task import UNREADABLE, Data, Metric, Published, Score, Task, share
from amalia.evaluate.tasks import reading
from amalia.records import Sample

_FORMULAS = "dataset:HME100k"
_FENCE = re.compile(r"```(?:latex)?")
_MATH = re.compile(r"\$\$?(.+?)\$\$?|\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL)
_LOOKS = re.compile(r"\\(?:(?:left|right)(?![a-zA-Z])|[,;! ])|[\s$]")
# Chinese and Japanese are written without blanks, so a word there ends anywhere.
_LETTER = "[^\\W_\u2e80-\u9fff\uf900-\ufaff]"


def read(fields: Fields) -> Iterator[Draft]:
    """Make the question of a row, grouped by what is asked and by the dataset it is from."""
    target, *accepted = fields.texts("answer")
    yield Draft(
        fields.text("question"),
        target,
        tuple(accepted),
        pictures=(fields.picture("image"),),
        groups=(f"type:{fields.text('question_type')}", f"dataset:{fields.text('dataset')}"),
    )


def score(text: str, sample: Sample) -> Score:
    """Score whether a right text stands in the answer, between ends of words; a formula has to be all of it."""
    said = answers.stated(text)
    if not said:
        return UNREADABLE
    if _FORMULAS in sample.groups:
        right = {_bare(target) for target in sample.targets}
        whole, formula = _bare(text), _formula(said)
        said = whole if whole in right else formula
        return Score(float(said in right), said, readable=True)
    found = any(_stands_in(_plain(text), _plain(target)) for target in sample.targets)
    return Score(float(found), said, readable=True)


def _stands_in(text: str, wanted: str) -> bool:
    """Look for a text that goes on neither as a word nor, with a separator, as a number."""
    before = rf"(?<!{_LETTER})(?<!\d[.,])" if re.match(_LETTER, wanted) else ""
    after = rf"(?!{_LETTER})(?![.,]\d)" if re.match(_LETTER, wanted[::-1]) else ""
    return bool(wanted) and re.search(before + re.escape(wanted) + after, text) is not None


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


def _formula(text: str) -> str:
    """Give the last formula between signs of mathematics, else what stands behind the last colon."""
    spans = list(_MATH.finditer(text))
    inside = spans[-1][spans[-1].lastindex or 0] if spans else text.rpartition(":")[2]
    return _bare(inside)


def _bare(text: str) -> str:
    return _LOOKS.sub("", _FENCE.sub("", text)).rstrip(".")


def _is_exact(found: Score, sample: Sample) -> bool:
    said = _plain(found.answer)
    is_formula = _FORMULAS in sample.groups
    right = {_plain(target) for target in sample.targets}
    return found.value == 1.0 and (is_formula or said in right or said.rstrip(".") in right)


TASK = Task(
    "ocrbench",
    "Text in pictures: words, numbers, handwriting, scenes, documents, forms, formulas.",
    score,
    (Metric("accuracy"), share("exact", _is_exact), Metric("diacritics", reading.diacritics)),
    max_new_tokens=128,
    read=read,
    columns=("question", "answer", "dataset", "question_type", "image"),
    instruction="Responde só com o que é pedido, tal como está escrito na imagem.",
    data=Data("amalia-llm/OCRBench-PT", "test", license="unknown"),
    published=Published(
        substrings.score,
        substrings.metrics(),
        "Any stretch of letters counts, also inside a longer word or number, and right answers are divided by 1000.",
    ),
)
