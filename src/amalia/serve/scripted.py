"""The double as an engine: says what a file says, word by word, as slowly as asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from amalia.inference import Sampling
from amalia.inference import Scripted as Double
from amalia.inference.base import complete
from amalia.records import Conversation, Origin, Row, Text, Turn
from amalia.serve.engine import Asked, Feature, Piece, State, Usage
from amalia.serve.recipe import Scripted

_ORIGIN = Origin(source="serve", license="NOASSERTION", created="authored")


class ScriptedEngine:
    """Answers from a recipe; counts tokens by words."""

    name = "scripted"
    features: frozenset[Feature] = frozenset({"completions", "n", "seed", "pictures"})
    context_tokens: int | None = None

    def __init__(self, settings: Scripted) -> None:
        """Take what to say."""
        self._settings = settings
        self._double = Double(self._said)

    async def start(self) -> None:
        """Be ready at once."""

    async def close(self, drain_s: float) -> None:
        """Have nothing to end."""
        del drain_s

    def state(self) -> State:
        """Say that it is ready."""
        return State(True, "scripted")

    async def answer(self, asked: Asked) -> AsyncGenerator[Piece | Usage]:
        """Give the scripted answer word by word.

        Raises:
            RequestError: The dialogue holds tools.
        """
        row = self._row(asked)
        drawing = asked.drawing
        sampling = Sampling(max_new_tokens=drawing.max_new_tokens, stop=drawing.stop)
        num_tokens = 0
        for choice in range(drawing.num_choices):
            answer = complete(self._double, row, sampling)
            num_tokens += answer.num_tokens
            for word in _words(answer.text):
                yield Piece(choice, text=word)
                await asyncio.sleep(self._settings.piece_s)
            yield Piece(choice, finish_reason=answer.finish_reason)
        prompt = " ".join(turn.text for turn in row.record.turns)
        yield Usage(len(prompt.split()), num_tokens)

    def _row(self, asked: Asked) -> Row[Conversation]:
        if not isinstance(asked.prompt, str):
            return asked.prompt.conversation(asked.id, asked.language)
        turn = Turn(role="user", parts=(Text(text=asked.prompt),))
        return Row(
            Conversation(id=asked.id, turns=(turn,), language=asked.language, origin=_ORIGIN), {}
        )

    def _said(self, row: Row[Conversation]) -> str:
        question = row.record.turns[-1].text
        return self._settings.answers.get(question, self._settings.answer)


def _words(text: str) -> list[str]:
    return [word + " " for word in text.split(" ")[:-1]] + [text.split(" ")[-1]] if text else []
