"""MMMU's reading of an answer, as in amalia-vl-eval: a letter, else the text of an option, else a letter drawn by lot.

The draw is not seeded there; its expected worth stands here instead, one over the number of options. An open answer
is never right there: what is read from it is a text, which is then compared character by character as if it were a
list of answers.
"""

from collections.abc import Sequence

from amalia.evaluate.draft import LETTERS
from amalia.evaluate.task import Score
from amalia.records import Sample

_MARKS = ",.!?;:'"
# Below so many words an answer is not searched for the text of an option.
_LONG_WORDS = 5


def score(text: str, sample: Sample) -> Score:
    """Score a letter, an option's text or the expected worth of a guess; an open answer is always wrong."""
    if not sample.choices:
        note = "an open answer is compared character by character, so it is never right"
        return Score(0.0, text.strip(), readable=True, note=note)
    letter, rule = read(text.strip(), option_texts(sample))
    if not letter:
        return Score(1 / len(sample.choices), "", readable=False, note=rule)
    return Score(float(letter == sample.target), letter, readable=True, note=rule)


def read(text: str, options: Sequence[str]) -> tuple[str, str]:
    """Read a letter.

    Args:
        text: An answer.
        options: Their texts, in order.

    Returns:
        The letter, empty where one would be drawn by lot, and the rule.
    """
    for mark in _MARKS:
        text = text.strip(mark)
    text = f" {text} "
    letters = LETTERS[: len(options)]
    for form, sought, rule in (
        ("({})", "({})", "the last letter in brackets"),
        ("{} ", " {} ", "a capital before a blank"),
        ("{}.", " {} ", "a capital before a full stop"),
    ):
        found = [letter for letter in letters if form.format(letter) in text]
        if found:
            return _last(found, [text.rfind(sought.format(letter)) for letter in found]), rule
    lowered = text.lower()
    named = [
        (letter, option.lower())
        for letter, option in zip(letters, options, strict=True)
        if option and option.lower() in lowered
    ]
    if named and len(text.split()) > _LONG_WORDS:
        places = [lowered.rfind(option) for _, option in named]
        return _last([letter for letter, _ in named], places), "the text of an option"
    return "", f"no letter is read, so one of {len(letters)} is drawn by lot"


def option_texts(sample: Sample) -> tuple[str, ...]:
    """Give the texts of a sample's options back from its prompt, where they stand on lines behind letters.

    An option that is a picture has no text.
    """
    rest = sample.prompt.turns[-1].text
    found: list[str] = []
    for letter in reversed(sample.choices):
        rest, _, option = rest.rpartition(f"\n{letter}. ")
        # Behind the last option comes the instruction.
        found.append(option if found else option.partition("\n")[0])
    return tuple(reversed(found))


def _last(letters: Sequence[str], places: Sequence[int]) -> str:
    """Give the letter with the last place; of equal places, such as none, the first letter."""
    return letters[max(range(len(letters)), key=places.__getitem__)]
