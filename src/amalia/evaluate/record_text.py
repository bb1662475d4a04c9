"""What a record of training data says: the words of its turns, its pictures, and which turn answers which."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import takewhile
from typing import NamedTuple

from amalia.evaluate.shingles import bare_words, behind
from amalia.records import Conversation, Document, Preference, Record, Text, Turn

ANSWER_CHARS = 300
"""How far behind a question in running text its answer is looked for."""


class Said(NamedTuple):
    """A turn, or a whole document."""

    text: str
    is_answer: bool


class RecordText(NamedTuple):
    """What a record says."""

    id: str
    said: tuple[Said, ...]
    digests: tuple[str, ...]
    """Of its pictures, each once."""

    @property
    def text(self) -> str:
        """All of it, each turn on lines of its own."""
        return "\n".join(said.text for said in self.said)

    def answer_behind(self, word: int) -> str:
        """Give what answers a question that ends in a word of ``text``.

        Returns:
            The answers that follow the turn the word is in, or else the text that follows the word.
        """
        for position, said in enumerate(self.said):
            num_words = len(bare_words(said.text))
            if word < num_words:
                answers = takewhile(lambda later: later.is_answer, self.said[position + 1 :])
                spoken = "\n".join(later.text for later in answers)
                return spoken or behind(said.text, word)[:ANSWER_CHARS]
            word -= num_words
        return ""


def record_text(record: Record) -> RecordText:
    """Take the words and pictures of a record of any kind."""
    if isinstance(record, Document):
        return RecordText(record.id, (Said(record.text, is_answer=False),), ())
    if isinstance(record, Conversation):
        conversation, said = record, _turns(record.turns)
    elif isinstance(record, Preference):
        conversation = record.prompt
        # The rejected answer stands last and does not answer.
        rejected = Said(joined_text(record.rejected), is_answer=False)
        said = (*_turns((*conversation.turns, record.chosen)), rejected)
    else:
        conversation = record.prompt
        asked = (Said(text, is_answer=False) for text in record.follow_ups)
        right = Said("\n".join(record.targets), is_answer=True)
        said = (*_turns(conversation.turns), *asked, right)
    digests = dict.fromkeys(image.sha256 for image in conversation.images)
    return RecordText(record.id, said, tuple(digests))


def joined_text(turn: Turn) -> str:
    """Give the text of a turn, a line for each run of text between pictures."""
    return "\n".join(part.text for part in turn.parts if isinstance(part, Text))


def _turns(turns: Iterable[Turn]) -> tuple[Said, ...]:
    return tuple(Said(joined_text(turn), turn.role == "assistant") for turn in turns)
