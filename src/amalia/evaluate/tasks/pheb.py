r"""Portuguese national exams of the secondary school, 2006–2023: PHEB, 1,819 questions with four options.

Five ways of asking: with reasoning and the letter in ``\boxed{}`` (``pheb``), the boxed letter alone, a letter, a
number, and the letters weighed without an answer. What is boxed counts before anything else; otherwise the letter or
number that the answer states. The published program also takes any capital A to D that ends the answer or stands
alone, so «A resposta não está aqui.» is option A. Questions on one document are not independent: they share year,
phase, subject and group of questions.

Source: Tavares et al. 2026, PHEB (LREC 2026, 10.63317/2o3fvueefvwj).
"""

from __future__ import annotations

from collections.abc import Iterator

from amalia.evaluate import answers, latex
from amalia.evaluate.draft import Draft, Fields
from amalia.evaluate.published import exam_letters
from amalia.evaluate.task import (
    UNREADABLE,
    Data,
    Metric,
    Published,
    Score,
    ScoreFunction,
    Task,
    share,
)
from amalia.evaluate.tasks import choices
from amalia.records import Sample

COLUMNS = ("question", "answer", "subject", "year")
DATA = Data("amalia-llm/pt_exams", "test", license="unknown", config="default")
_UNIT = ("year", "phase", "subject", "question_group")


def read(fields: Fields) -> Iterator[Draft]:
    """Ask with the options behind letters."""
    options = _options(fields)
    yield Draft(
        fields.text("question"),
        options=options,
        right=fields.choice("answer", options),
        groups=_groups(fields),
        cluster=_cluster(fields),
    )


def read_numbered(fields: Fields) -> Iterator[Draft]:
    """Ask with the options behind numbers from 1."""
    options = _options(fields)
    lines = [f"{number}) {text}" for number, text in enumerate(options, start=1)]
    yield Draft(
        "\n".join([fields.text("question"), *lines]),
        target=str(fields.choice("answer", options) + 1),
        groups=_groups(fields),
        cluster=_cluster(fields),
    )


def score(text: str, sample: Sample) -> Score:
    """Score the letter that is boxed, else the one that the answer states."""
    inside = latex.boxed(text)
    said = answers.letter(inside, len(sample.choices)) if inside else None
    said = said or answers.letter(text, len(sample.choices))
    return UNREADABLE if said is None else Score(float(said == sample.target), said, readable=True)


def score_number(text: str, sample: Sample) -> Score:
    """Score the number of an option, 1 to 4, that the answer states; another number is no answer."""
    said = answers.option_number(text, 4)
    return UNREADABLE if said is None else Score(float(str(said) == sample.target), str(said), True)


def _options(fields: Fields) -> tuple[str, ...]:
    options = fields.options("choices" if fields.has("choices") else "options")
    if len(options) != 4:
        raise fields.refuse(f"has {len(options)} options; expected 4", "malformed_options")
    return options


def _groups(fields: Fields) -> tuple[str, ...]:
    groups = [f"subject:{fields.text('subject')}", f"year:{fields.integer('year')}"]
    if fields.has("is_completion"):
        groups.append("form:completion" if fields.value("is_completion") else "form:question")
    return tuple(groups)


def _cluster(fields: Fields) -> str:
    known = all(fields.has(name) for name in _UNIT)
    return " ".join(fields.text(name) for name in _UNIT) if known else ""


def _task(
    name: str, how: str, *, instruction: str, max_new_tokens: int, upstream: ScoreFunction
) -> Task:
    numbered = upstream is exam_letters.number
    return Task(
        name,
        f"National exams, four options; {how}.",
        score_number if numbered else score,
        max_new_tokens=max_new_tokens,
        read=read_numbered if numbered else read,
        columns=COLUMNS,
        instruction=instruction,
        option_mark=")",
        data=DATA,
        published=Published(
            upstream,
            (Metric("accuracy"), share("answered", lambda found, _: found.readable)),
            "Any capital A to D, or digit, that ends the answer or stands alone is taken for the option.",
        ),
    )


TASK = _task(
    "pheb",
    "with reasoning",
    instruction=r"Mostra como chegas à resposta e acaba com \boxed{X}, em que X é a letra da opção certa.",
    max_new_tokens=2048,
    upstream=exam_letters.boxed,
)
BOXED = _task(
    "pheb_boxed",
    "the letter, boxed",
    instruction=r"Responde só com \boxed{X}, em que X é a letra da opção certa.",
    max_new_tokens=2048,
    upstream=exam_letters.boxed,
)
LETTER = _task(
    "pheb_letter",
    "the letter",
    instruction="Responde só com a letra da opção certa.",
    max_new_tokens=10,
    upstream=exam_letters.letter,
)
NUMBER = _task(
    "pheb_number",
    "the number",
    instruction="Responde só com o número da opção certa.",
    max_new_tokens=10,
    upstream=exam_letters.number,
)
LIKELIHOOD = choices.task(
    "pheb_likelihood",
    "National exams, four options; the letters are weighed.",
    read=read,
    columns=COLUMNS,
    instruction="Responde só com a letra da opção certa.",
    data=DATA,
)
