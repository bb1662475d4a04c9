"""Questions of thirty university subjects, most with options, some open: MMMU.

Pictures stand where the question or an option names them. Right is the letter that is picked; an open answer is right
by the value of its number or by its words. Orders of options are not turned where an option is a picture.

The published program draws a letter by lot where it can read none, a quarter of the credit for nothing. Of an open
answer it keeps one text and then compares its characters one by one, so no open answer is ever right.

Source: Yue et al. 2024, MMMU (arXiv:2311.16502).
"""

import re
from collections.abc import Iterator

from amalia.evaluate import open_answers
from amalia.evaluate.draft import LETTERS, Draft, Fields
from amalia.evaluate.published import letters_or_chance, rounded
from amalia.evaluate.task import Data, Published, Score, Task
from amalia.evaluate.tasks import multiple_choice
from amalia.records import Sample

_PLACE = re.compile(r"<imagem?\s*(\d)>", re.IGNORECASE)
_SUBJECT = re.compile(r"[^_]+_(.+)_\d+")


def read(fields: Fields) -> Iterator[Draft]:
    """Make the question of a row."""
    kind = fields.text("question_type")
    if kind not in ("multiple-choice", "open"):
        raise fields.refuse(
            f"has {kind!r} as 'question_type'; expected multiple-choice or open", "malformed_field"
        )
    name = fields.text("id")
    subject = _SUBJECT.fullmatch(name)
    groups = (f"subject:{subject[1]}" if subject else "subject:", f"type:{kind}")
    if kind == "multiple-choice":
        yield choice(fields, groups=groups)
        return
    target, *accepted = fields.texts("answer")
    question = fields.text("question")
    yield Draft(
        interleaved(fields, question),
        target,
        tuple(accepted),
        pictures=unnamed(fields, question),
        groups=groups,
        id=name,
    )


def choice(fields: Fields, *, groups: tuple[str, ...]) -> Draft:
    """Make a question with options, any of which may be a picture."""
    question, options = fields.text("question"), fields.options("options")
    letters = tuple(LETTERS[: len(options)])
    right = fields.choice("answer", letters)
    pieces, first = interleaved(fields, question), unnamed(fields, question, *options)
    name = fields.text("id")
    if not any(_PLACE.search(option) for option in options):
        return Draft(pieces, pictures=first, options=options, right=right, groups=groups, id=name)
    for letter, option in zip(letters, options, strict=True):
        pieces += (f"\n{letter}. ", *interleaved(fields, option))
    return Draft(
        pieces,
        letters[right],
        pictures=first,
        continuations=letters,
        groups=groups,
        id=name,
    )


def interleaved(fields: Fields, text: str) -> tuple[str | bytes, ...]:
    """Put every picture where a text names it."""
    return tuple(
        fields.picture(f"image_{piece}") if place % 2 else piece
        for place, piece in enumerate(_PLACE.split(text))
    )


def unnamed(fields: Fields, *texts: str) -> tuple[bytes, ...]:
    """Give the pictures that no text names, which the translation may have lost."""
    named = {number for text in texts for number in _PLACE.findall(text)}
    numbers = [number for number in "1234567" if number not in named]
    return tuple(
        fields.picture(f"image_{number}") for number in numbers if fields.has(f"image_{number}")
    )


def score(text: str, sample: Sample) -> Score:
    """Score a letter where there are options, else a short answer."""
    return (multiple_choice.score if sample.choices else open_answers.score)(text, sample)


TASK = Task(
    "mmmu",
    "Questions of thirty university subjects, most with options.",
    score,
    max_new_tokens=128,
    read=read,
    columns=("id", "question", "question_type", "options", "answer", "image_1"),
    instruction="Se houver opções, responde só com a letra da certa; se não, só com um número ou poucas palavras.",
    data=Data("amalia-llm/MMMU-PT", "validation", license="CC-BY-NC-4.0"),
    published=Published(
        letters_or_chance.score,
        (rounded.mean("mmmu_acc", digits=5),),
        "A letter is drawn by lot where none is read, and an open answer is never right.",
    ),
)
