"""What the tests of the batcher share: questions, and somebody who listens to the answers."""

from __future__ import annotations

import queue
from typing import Any

from amalia.device import Device
from amalia.errors import AmaliaError
from amalia.inference.batch_rows import Decoding, End, Piece, Ticket
from amalia.inference.batching import Batcher
from amalia.model.render import Rendered

# float32, so that equal computations in other batches give equal answers.
DEVICE = Device("cpu", "float32", "tests compare numbers", "test", 1, 0)
QUESTIONS = [
    ("Olá", ()),
    ("Que cor é esta?", ("red",)),
    ("Quais são as cores das duas imagens?", ("green", "blue")),
    ("?", ("yellow",)),
    ("Explica o que é um comboio, em poucas palavras e com um exemplo.", ()),
]


class Heard:
    """What came of one request."""

    def __init__(self, num_choices: int = 1) -> None:
        self.items: queue.Queue[tuple[int, Any]] = queue.Queue()
        self.pieces: list[list[Piece]] = [[] for _ in range(num_choices)]
        self.ends: dict[int, End | AmaliaError] = {}
        self.num_choices = num_choices
        self.ticket: Ticket | None = None

    def __call__(self, choice: int, item: Piece | End | AmaliaError) -> None:
        self.items.put((choice, item))

    def wait(self) -> Heard:
        while len(self.ends) < self.num_choices:
            choice, item = self.items.get(timeout=30)
            if isinstance(item, Piece):
                self.pieces[choice].append(item)
            else:
                self.ends[choice] = item
        return self

    def text(self, choice: int = 0) -> str:
        return "".join(piece.text for piece in self.pieces[choice])

    def end(self, choice: int = 0) -> End:
        found = self.ends[choice]
        assert isinstance(found, End), found
        return found


def ask_of(batcher: Batcher, prompt: Rendered, *decodings: Decoding) -> Heard:
    heard = Heard(len(decodings))
    heard.ticket = batcher.submit(prompt, decodings, heard)
    return heard
