r"""Problems from mathematics competitions with a drawing, worked out at length: MATH-Vision.

The result is what the last ``\boxed{…}`` holds, else what the last line states: a letter or the value of an option
where there are options, else a number or expression, equal to two decimals. A sentence states the number that is alone
in it («A área é 12 cm².») or that stands behind a conclusion at its end («São 3 de cada, logo 12.»); where several
compete it states none. A unit behind a number and a name before «=» do not count. Options that are only letters are
labels in the drawing; they are not listed again.

The published program knows the Portuguese phrases only with a capital, keeps most units, and takes a decimal comma for
a list: «3,14» is no number there.

Source: Wang et al. 2024, MATH-Vision (arXiv:2402.14804).
"""

import re
from collections.abc import Iterator

from amalia.evaluate import answers, latex, numerals
from amalia.evaluate.draft import LETTERS, Draft, Fields
from amalia.evaluate.published import boxed_or_flagged, rounded
from amalia.evaluate.task import UNREADABLE, Data, Published, Score, Task
from amalia.records import Sample

_PLACE = re.compile(r"<imagem?\s*1>", re.IGNORECASE)
_UNIT = re.compile(
    r"(?:\s*\\(?:text|mathrm|mbox)\s*\{[^{}]*\}|(?:\s+|(?<=\d))[^\W\d_]{2,}|\s+[^\W\d_])"
    r"(?:\^?\{?[23²³]\}?)?(?:/\w+|\s+(?:quadrad|cúbic)[oa]s?|\s+por\s+\w+)?$"
)
_CONCLUDES = (
    r"(?:portanto|logo|ou\s+seja|assim|então|por\s+isso|dá|obtemos|obtém-se|resulta"
    r"|igual\s+a|resultado|resposta|total)"
)
_IS = r"(?:é|são|mede|medem|vale|valem|custa|custam|há|temos|fica|ficam|tem|têm|de|em)"
_SAYS = re.compile(
    rf"(?:\b(?P<concludes>{_CONCLUDES})\b(?:[\s,:]+{_IS}\b)*|\b{_IS}\b|(?P<sign>=)|:)[\s,:]*",
    re.IGNORECASE,
)
_FIGURE = re.compile(r"(?<![\w.,])[-−]?\d+(?:[.,]\d+)*(?:/\d+)?(?:\s?%)?")
# Numbers that count places, not what is asked.
_PLACE_BEFORE = re.compile(
    r"\b(?:passo|etapa|figura|imagem|problema|questão|exercício|pergunta|opção|caso|alínea|n\.º)\s+$",
    re.IGNORECASE,
)


def read(fields: Fields) -> Iterator[Draft]:
    """Make the question of a row, its picture where the text names it."""
    before, *after = _PLACE.split(fields.text("question"), maxsplit=1)
    picture = fields.picture("decoded_image")
    question = (before, picture, *after) if after else (picture, before)
    groups = tuple(
        f"{name}:{fields.text(name)}" for name in ("subject", "level") if fields.has(name)
    )
    if not str(fields.value("options")).strip("[]() "):
        yield Draft(question, fields.text("answer"), groups=groups)
        return
    options = fields.options("options")
    letters = tuple(LETTERS[: len(options)])
    right = fields.choice("answer", letters)
    if options == letters:
        yield Draft(question, letters[right], continuations=letters, groups=groups)
    else:
        yield Draft(
            question, accepted=(options[right],), options=options, right=right, groups=groups
        )


def score(text: str, sample: Sample) -> Score:
    """Score the boxed or stated result."""
    last = text.strip().rpartition("\n")[2]
    boxed = latex.boxed(text)
    said = _result(last) if boxed is None else boxed
    if sample.choices:
        # Points of a drawing have letters too, so what is said last counts first.
        places = (last, text) if boxed is None else (boxed,)
        letters = (answers.letter(place, len(sample.choices)) for place in places)
        letter = next(filter(None, letters), None)
        if letter is not None:
            return Score(float(letter == sample.target), letter, readable=True)
    known = sample.accepted if sample.choices else sample.targets
    if not said or not known:
        return UNREADABLE
    return Score(float(any(_equal(said, target) for target in known)), said, readable=True)


def _result(line: str) -> str:
    """Give the number or expression that a line states; nothing where it states none or several."""
    whole = answers.stated(line)
    if latex.value(_bare(whole)) is not None:
        return whole
    said = answers.affirmed(line).strip(" ,;.")
    for cue in reversed(list(_SAYS.finditer(said))):
        before, result = said[: cue.start()], said[cue.end() :].strip(" *")
        is_alone = not numerals.amounts(before)
        if latex.value(_bare(result)) is not None and (is_alone or cue["concludes"] or cue["sign"]):
            return result
    figures = list(_FIGURE.finditer(said))
    alone = numerals.amounts(said)
    if len(alone) != 1 or any(_PLACE_BEFORE.search(said[: found.start()]) for found in figures):
        return ""
    return figures[0].group() if len(figures) == 1 else "" if figures else f"{alone[0]:g}"


def _equal(said: str, target: str) -> bool:
    if latex.equal(said, target):
        return True
    return latex.value(target) is not None and latex.equal(_bare(said), target)


def _bare(said: str) -> str:
    """Take away a name before a sign of equality and a unit behind a number."""
    return _UNIT.sub("", said.rpartition("=")[2].strip("$ ").rstrip(".").strip())


TASK = Task(
    "mathvision",
    "Problems from mathematics competitions with a drawing.",
    score,
    max_new_tokens=16384,
    read=read,
    columns=("question", "options", "answer", "decoded_image"),
    instruction=(
        r"Resolve o problema passo a passo e escreve o resultado em \boxed{}:"
        " a letra da opção certa, se houver opções, ou o valor."
    ),
    data=Data("amalia-llm/MATH-Vision-PT", "test", license="CC-BY-NC-4.0"),
    published=Published(
        boxed_or_flagged.score,
        (rounded.mean("mathvision_standard_eval", digits=2, scale=100, unit="%"),),
        "Behind no box only a few phrases with a capital are known, and a decimal comma makes a list.",
    ),
)
