"""Questions about what is Portuguese in a picture: monuments, food, art, places, people (CARAVELA).

Asked in three ways: with options, for a short answer, and for a reasoned conclusion. The answer is what stands behind
the last «ANSWER:» or «RESPOSTA:», without one the last line. Options are scored by letter, a short answer by whether it
names the right entity and no other, a conclusion by the F1 of its distinct words with those of the known one. Questions
about one entity are not independent, so the entity is the unit.

The prompts ask for «ANSWER:» because the published program knows no other mark; so both scorings can read one run. It
takes the article «A» for the option, is content with an answer that names many entities, and gives nothing for a
conclusion whose words are all short.

Source: CARAVELA, amalia-vl-eval.
"""

import re
from collections.abc import Iterator

from amalia.evaluate import metrics, open_answers
from amalia.evaluate.draft import Draft, Fields
from amalia.evaluate.published import marked_answers
from amalia.evaluate.task import (
    UNREADABLE,
    Data,
    Metric,
    Published,
    Score,
    Task,
)
from amalia.evaluate.tasks import multiple_choice
from amalia.evaluate.words import portuguese_words
from amalia.records import Sample

_MARK = re.compile(r"\b(?:answer|resposta(?: final)?)[*_]*\s*:[*_]*", re.IGNORECASE)
_OPTIONS = ("options_a", "options_b", "options_c", "options_d")
# Articles, prepositions and their contractions, which any two sentences share.
_SMALL = frozenset(
    (
        "o a os as um uma uns umas e de do da dos das em no na nos nas num numa"
        " ao à aos às por pelo pela pelos pelas para com que se é"
    ).split()
)


def read_choice(fields: Fields) -> Iterator[Draft]:
    """Make a question with four options of a row."""
    yield Draft(
        fields.text("question"),
        pictures=(fields.picture("image"),),
        options=tuple(fields.text(name) for name in _OPTIONS),
        right=fields.choice("answer", "ABCD"),
        groups=_groups(fields),
        cluster=fields.text("entity"),
    )


def read_open(fields: Fields) -> Iterator[Draft]:
    """Make a question that is answered in one's own words of a row."""
    yield Draft(
        fields.text("question"),
        fields.text("answer"),
        pictures=(fields.picture("image"),),
        groups=_groups(fields),
        cluster=fields.text("entity"),
    )


def _groups(fields: Fields) -> tuple[str, ...]:
    names = ("area", "category")
    return tuple(f"{name}:{fields.text(name)}" for name in names if fields.has(name))


def score_choice(text: str, sample: Sample) -> Score:
    """Score a letter: behind the mark, where there is one."""
    return multiple_choice.score(final(text) if _MARK.search(text) else text, sample)


def score_name(text: str, sample: Sample) -> Score:
    """Score whether the first line of the final answer names the right entity and no other."""
    return open_answers.score(final(text).partition("\n")[0], sample)


def score_conclusion(text: str, sample: Sample) -> Score:
    """Score the F1 of the words of the final answer; a known answer of small words only is compared by these."""
    said = final(text)
    if not portuguese_words(said):
        return UNREADABLE
    words = _telling if _telling(sample.target) else portuguese_words
    value = max(metrics.word_f1(said, target, words=words) for target in sample.targets)
    return Score(value, " ".join(sorted(set(words(said)))), readable=True)


def final(text: str) -> str:
    """Give what stands behind the last mark; without one, the last line."""
    marks = list(_MARK.finditer(text))
    said = text[marks[-1].end() :] if marks else text.strip().rpartition("\n")[2]
    return said.strip().strip("*_").strip()


def _telling(text: str) -> list[str]:
    return [word for word in portuguese_words(text) if word not in _SMALL]


def _data(name: str) -> Data:
    return Data("amalia-llm/CARAVELA", "test", license="Apache-2.0", files=f"{name}.parquet")


_COLUMNS = ("question", "answer", "entity", "image")
MCQ = Task(
    "caravela_mcq",
    "Which of four is right about something Portuguese.",
    score_choice,
    max_new_tokens=512,
    read=read_choice,
    columns=(*_COLUMNS, *_OPTIONS),
    instruction="Acaba com uma linha «ANSWER:» seguida só da letra da opção certa.",
    data=_data("caravela_mcq"),
    published=Published(
        marked_answers.letter,
        (marked_answers.SCORE,),
        "A letter that begins the final answer outranks all others, the article «A» too.",
    ),
)
VQA = Task(
    "caravela_vqa",
    "What something Portuguese is called, and other short answers.",
    score_name,
    max_new_tokens=1024,
    read=read_open,
    columns=_COLUMNS,
    instruction="Acaba com uma linha «ANSWER:» seguida só do nome ou de poucas palavras.",
    data=_data("caravela_vqa"),
    published=Published(
        marked_answers.containment,
        (marked_answers.SCORE,),
        "The known answer only has to be contained, whatever else is named.",
    ),
)
REASONING = Task(
    "caravela_reasoning",
    "A reasoned conclusion about something Portuguese.",
    score_conclusion,
    (Metric("f1"),),
    max_new_tokens=2048,
    read=read_open,
    columns=_COLUMNS,
    instruction="Explica passo a passo como chegas lá e acaba com uma linha «ANSWER:» seguida da conclusão.",
    data=_data("caravela_reasoning"),
    published=Published(
        marked_answers.long_words,
        (marked_answers.SCORE,),
        "Only words longer than three characters count, so a known answer without one is never right.",
    ),
)
