"""Which of several continuations a model finds likeliest: European words, culture, chronology, pronouns.

Nothing is generated, so nothing has to be parsed, and models that do not yet follow instructions can be measured.
Options are either shown behind letters, and the letters are weighed (``lettered``), or they fill the gap of a sentence,
and what follows from the gap on is weighed a character (``gapped``). A question may come in any of these shapes:

- a text (``question``, ``prompt``, ``text`` or ``sentence``) and a list of options (``choices``, ``options`` or
  ``facts_pair``; also ``{"text": […], "label": […]}``), or ``option_a``, ``option_b`` …, or ``option1``, ``option2``;
- a text that holds its options on lines «a. …», as the sets of EuroEval do;
- and which is right: ``answer``, ``answerKey``, ``answer_index``, ``correct_choice`` or ``label``, a place from 0, a
  letter, or the option itself (with ``option1`` and ``option2`` a number from 1).

Data with other names is read by ``columns:`` in the recipe. How the published numbers were had is not known, so there
is no published scoring.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import takewhile
from typing import NamedTuple

from amalia.evaluate.draft import LETTERS, Draft, Fields
from amalia.evaluate.task import Data, Task
from amalia.evaluate.tasks import variety

_TEXTS = ("question", "prompt", "sentence", "text")
_LISTS = ("choices", "options", "facts_pair")
_RIGHT = ("answer", "answerKey", "answer_index", "correct_choice", "label")
_GROUPS = ("domain", "subject", "category")
_GAP = re.compile(r"_+")
# EuroEval asks what the gap stands for behind the sentence that has it.
_ABOUT_GAP = re.compile(r"\s*A que se refere o espaço em branco _\?\s*$")
_SHOWN_GAP = "_____"


class Question(NamedTuple):
    """A question with options, wherever they stood."""

    text: str
    options: tuple[str, ...]
    right: int


def task(
    name: str,
    description: str,
    *,
    read: Callable[[Fields], Iterable[Draft]],
    instruction: str,
    columns: tuple[str, ...] = (),
    data: Data | None = None,
) -> Task:
    """Make a task in which continuations are weighed, a character each.

    Args:
        name: Of the task.
        description: One line.
        read: Row → drafts with ``continuations``, or with ``options`` and ``right``.
        instruction: Ends the prompts.
        columns: That the data must have.
        data: Where it is published.
    """
    return Task(
        name,
        description,
        variety.score,
        kind="likelihood",
        per_token="character",
        constant=None,
        read=read,
        columns=columns,
        instruction=instruction,
        data=data,
    )


def question_of(fields: Fields) -> Question:
    """Take text, options and the right one of a row, in any of the shapes above.

    Raises:
        RecordError: The row has none of these shapes.
    """
    text = fields.text(_first(fields, _TEXTS, "question"))
    labels: tuple[str, ...] = ()
    name = next((name for name in _LISTS if fields.has(name)), None)
    if name is None:
        options, labels = _numbered(fields)
        if not options:
            text, options = _inside(text, fields)
    elif isinstance(value := fields.value(name), Mapping):
        inner = Fields(value, where=fields.where)
        options = inner.options("text")
        labels = inner.texts("label") if inner.has("label") else ()
    else:
        options = fields.options(name)
    column = _first(fields, _RIGHT, "right option")
    said = fields.text(column)
    right = labels.index(said) if said in labels else fields.choice(column, options)
    return Question(text, options, right)


def lettered(fields: Fields) -> Iterator[Draft]:
    """Show the options behind letters, which are weighed; what is about one entity belongs together."""
    found = question_of(fields)
    yield Draft(
        found.text,
        options=found.options,
        right=found.right,
        groups=_groups(fields),
        cluster=fields.text("entity") if fields.has("entity") else "",
    )


def gapped(fields: Fields) -> Iterator[Draft]:
    """Weigh the sentence from its gap on, filled with each option; the sentence with the gap is shown.

    A wording that comes first wins among equals, so the right one comes last.
    """
    if fields.has("pt-pt"):
        options = (fields.text("pt-br"), fields.text("pt-pt"))
        found = Question(fields.text("text"), options, right=1)
    else:
        found = question_of(fields)
    sentence = _ABOUT_GAP.sub("", found.text).removeprefix("Frase: ")
    if len(_GAP.findall(sentence)) != 1:
        raise fields.refuse(
            f"has {len(_GAP.findall(sentence))} gaps in {sentence!r}; expected one, written _",
            "malformed_field",
        )
    before, after = _GAP.split(sentence)
    order = sorted(range(len(found.options)), key=lambda place: place == found.right)
    filled = tuple(_opened(found.options[place], before) + after for place in order)
    yield Draft(
        before + _SHOWN_GAP + after,
        target=filled[-1],
        continuations=filled,
        groups=_groups(fields),
    )


def _opened(option: str, before: str) -> str:
    """Write the first letter of a sentence as a capital."""
    return option if before.strip() else option[:1].upper() + option[1:]


def _first(fields: Fields, names: tuple[str, ...], what: str) -> str:
    name = next((name for name in names if fields.has(name)), None)
    if name is None:
        raise fields.refuse(f"has no {what}; expected one of {', '.join(names)}", "missing_field")
    return name


def _numbered(fields: Fields) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Take ``option_a``, ``option_b`` … or ``option1``, ``option2`` …, and the labels that go with them."""
    for names, labels in (
        ([f"option_{letter.lower()}" for letter in LETTERS], tuple(LETTERS)),
        ([f"option{number}" for number in range(1, 27)], tuple(str(n) for n in range(1, 27))),
    ):
        options = tuple(fields.text(name) for name in takewhile(fields.has, names))
        if len(options) >= 2:
            return options, labels[: len(options)]
    return (), ()


def _inside(text: str, fields: Fields) -> tuple[str, tuple[str, ...]]:
    """Part a text from the options on its lines «a. …», which may themselves run over lines."""
    options = list[str]()
    head, _, rest = text.partition("\na. ")
    for letter in LETTERS.lower()[1:]:
        option, mark, rest = rest.partition(f"\n{letter}. ")
        options.append(option.strip())
        if not mark:
            break
    if len(options) < 2:
        raise fields.refuse(
            f"has no options; expected {', '.join(_LISTS)}, option_a …, option1 …, or lines «a. …» in its text",
            "malformed_options",
        )
    return head.rstrip().removesuffix("Opções:").rstrip(), tuple(options)


def _groups(fields: Fields) -> tuple[str, ...]:
    name = next((name for name in _GROUPS if fields.has(name)), None)
    return (fields.text(name),) if name else ()


_SAY_LETTER = "Responde só com a letra da opção certa."
_FILL_GAP = "Escreve a frase a partir do espaço em branco, já preenchido."

PT_COMPLETIONS = task(
    "pt_completions",
    "Whether the European word is likelier in a sentence than the Brazilian one.",
    read=gapped,
    columns=("text",),
    instruction=_FILL_GAP,
    data=Data("amalia-llm/pt_text_completion", "test", license="unknown", config="default"),
)
CULTURAVIVA = task(
    "culturaviva",
    "Portuguese culture in ten domains, four options.",
    read=lettered,
    instruction=_SAY_LETTER,
    data=Data("amalia-llm/cultura-viva-pt-mcq", "train", license="unknown"),
)
SAUDADE = task(
    "saudade",
    "Which of two events in Portugal came first.",
    read=lettered,
    instruction=_SAY_LETTER,
    data=Data("amalia-llm/saudade-pt", "test", license="unknown"),
)
ALBA_MCQ = task(
    "alba_mcq",
    "Questions on the Portuguese language with three options, of eight categories.",
    read=lettered,
    instruction=_SAY_LETTER,
    data=Data("amalia-llm/alba_mcq", "test", license="unknown"),
)
WINOGRANDE = task(
    "winogrande",
    "Whom a pronoun means, told by common sense.",
    read=gapped,
    instruction=_FILL_GAP,
    data=Data("EuroEval/winogrande-pt", "test", license="unknown"),
)
