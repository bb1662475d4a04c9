"""What a stage reads: artifacts as items of training, their sizes known before their pictures are read.

Every source says how large a record is in tokens and tiles, from its text and the sizes of its pictures
alone, and gives the item itself when asked. A record may be several pieces: a long document is cut, a
long conversation is split between turns if the recipe says so.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
import numpy.typing as npt

from amalia.errors import ArtifactError, RecordError, TrainingError
from amalia.model.fork import Fork, fork_of
from amalia.model.render import Outline, Rendered, Renderer
from amalia.records import Conversation, Part, Preference, Row, Turn
from amalia.store import read_rows
from amalia.train.packing import Budget, Size
from amalia.train.reference import Pair, key
from amalia.train.rows import Rows
from amalia.train.skipped import Skipped

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")
K = TypeVar("K")
_REMEMBERED = 2048
NO_TILES: npt.NDArray[np.uint8] = np.zeros((0, 3, 1, 1), np.uint8)


class Source(Protocol[T_co]):
    """Records that can be had in any order."""

    @property
    def name(self) -> str:
        """Name of the artifact."""
        ...

    @property
    def blocks(self) -> tuple[int, ...]:
        """Records that are cheap to read together, as numbers of consecutive ones."""
        ...

    def sizes(self, index: int, epoch: int) -> Sequence[Size]:
        """Say how large the pieces of a record are; none if it is not used."""
        ...

    def item(self, index: int, epoch: int, piece: int = 0) -> T_co:
        """Give a piece of a record.

        Raises:
            RecordError: It cannot be read.
        """
        ...


class _Lately(Generic[K, T]):
    """Results of a function for the arguments it was last asked for."""

    def __init__(self, function: Callable[[K], T]) -> None:
        self._function = function
        self._known: OrderedDict[K, T] = OrderedDict()

    def __call__(self, key: K) -> T:
        if key not in self._known:
            self._known[key] = self._function(key)
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return self._known[key]


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of a conversation that is trained on alone."""

    conversation: Conversation
    outline: Outline


class Conversations:
    """Conversations of an artifact; those too long are left out or split between turns."""

    def __init__(
        self, rows: Rows, renderer: Renderer, budget: Budget, skipped: Skipped, *, split: bool
    ) -> None:
        self.name = rows.name
        self.blocks = rows.blocks
        self._rows = rows
        self._renderer = renderer
        self._budget = budget
        self._skipped = skipped
        self._split = split
        self._lately = _Lately(self._pieces)

    def sizes(self, index: int, epoch: int) -> list[Size]:
        """Say how large the pieces of a conversation are."""
        del epoch
        return [Size(len(p.outline), p.outline.num_tiles) for p in self._lately(index)]

    def item(self, index: int, epoch: int, piece: int = 0) -> Rendered:
        """Render a piece."""
        del epoch
        found = self._lately(index)[piece]
        row = self._rows.row(index)
        return self._renderer.looked_at(found.outline, Row(found.conversation, row.images))

    def _pieces(self, index: int) -> list[_Piece]:
        record = self._rows.record(index)
        assert isinstance(record, Conversation)
        self._skipped.num_read += 1
        try:
            return self._fitting(record)
        except RecordError as error:
            self._skipped.unreadable(self.name, record.id, str(error))
            return []

    def _fitting(self, conversation: Conversation) -> list[_Piece]:
        whole = self._outlined(conversation)
        if self._fits(whole.outline):
            return [whole]
        parts = between_turns(conversation, self._fits_alone) if self._split else []
        if not parts:
            what = f"{len(whole.outline)} tokens, {whole.outline.num_tiles} tiles"
            self._skipped.too_long(self.name, conversation.id, what)
        return [self._outlined(part) for part in parts]

    def _outlined(self, conversation: Conversation) -> _Piece:
        return _Piece(conversation, self._renderer.outline(conversation))

    def _fits_alone(self, conversation: Conversation) -> bool:
        return self._fits(self._renderer.outline(conversation))

    def _fits(self, outline: Outline) -> bool:
        return self._budget.holds(Size(len(outline), outline.num_tiles))


def between_turns(
    conversation: Conversation, fits: Callable[[Conversation], bool]
) -> list[Conversation]:
    """Split a conversation into parts that fit, each beginning with what is asked and ending with an answer.

    A first turn of the system stands at the head of every part, and so do the pictures shown in earlier
    parts, for the turns go on speaking of them. Exchanges that do not fit alone are left out.

    Args:
        conversation: At least one turn.
        fits: Says whether a conversation is short enough.
    """
    system = [turn for turn in conversation.turns[:1] if turn.role == "system"]
    parts: list[Conversation] = []
    current: list[Turn] = []
    shown: list[Part] = []
    for exchange in _exchanges(conversation.turns[len(system) :]):
        opening = exchange[0].model_copy(update={"parts": (*shown, *exchange[0].parts)})
        alone = [opening, *exchange[1:]] if exchange[0].role == "user" else exchange
        for turns in ([*current, *exchange], alone) if current else (alone,):
            part = conversation.model_copy(update={"turns": (*system, *turns)})
            if fits(part):
                parts[len(parts) - (turns is not alone) :] = [part]
                current = turns
                break
        else:
            current = []
        shown += [image for turn in exchange for image in turn.images]
    return parts


def _exchanges(turns: Sequence[Turn]) -> Iterator[list[Turn]]:
    """Cut turns behind every answer that something else follows; what has no answer is left out."""
    exchange: list[Turn] = []
    for turn, following in zip(turns, [*turns[1:], None], strict=True):
        exchange.append(turn)
        if turn.role == "assistant" and (following is None or following.role != "assistant"):
            yield exchange
            exchange = []


class Texts:
    """Documents of an artifact for pre-training, each by itself, long ones cut into pieces."""

    def __init__(self, rows: Rows, renderer: Renderer, *, max_tokens: int) -> None:
        self.name = rows.name
        self.blocks = rows.blocks
        self._rows = rows
        self._renderer = renderer
        self._max_tokens = max_tokens
        self._lately = _Lately(self._pieces)

    def sizes(self, index: int, epoch: int) -> list[Size]:
        """Say how large the pieces of a document are."""
        del epoch
        return [Size(len(item.ids)) for item in self._lately(index)]

    def item(self, index: int, epoch: int, piece: int = 0) -> Rendered:
        """Give a piece of a document."""
        del epoch
        return self._lately(index)[piece]

    def _pieces(self, index: int) -> list[Rendered]:
        record: Any = self._rows.record(index)
        ids = self._renderer.text(record.text).ids
        return [
            _text(ids[start : start + self._max_tokens], record.id)
            # A last token alone has nothing to be predicted from.
            for start in range(0, len(ids) - 1, self._max_tokens)
        ]


class TokenRuns:
    """Documents joined end to end and cut into runs of equal length, for pre-training on little text."""

    def __init__(self, folder: Path, renderer: Renderer, *, max_tokens: int, seed: int) -> None:
        self.name = folder.name
        self._max_tokens = max_tokens
        self._seed = seed
        texts = [row.record.text for row in read_rows(folder, kind="documents")]
        self._documents = [np.asarray(renderer.text(text).ids, dtype=np.int32) for text in texts]
        self.num_tokens = sum(len(document) for document in self._documents)
        if self.num_tokens < max_tokens:
            raise ArtifactError(
                f"artifact {folder} holds {self.num_tokens} tokens, less than one run of {max_tokens}; "
                "lower max_tokens or add text"
            )
        self.blocks = (self.num_tokens // max_tokens,)
        self._epoch: tuple[int, npt.NDArray[np.int32]] | None = None

    def sizes(self, index: int, epoch: int) -> list[Size]:
        """Say how large a run is: as all are."""
        del index, epoch
        return [Size(self._max_tokens)]

    def item(self, index: int, epoch: int, piece: int = 0) -> Rendered:
        """Give a run of ``max_tokens`` tokens; documents are joined in another order every epoch."""
        del piece
        if self._epoch is None or self._epoch[0] != epoch:
            order = np.random.default_rng((self._seed, epoch)).permutation(len(self._documents))
            self._epoch = (epoch, np.concatenate([self._documents[place] for place in order]))
        start = index * self._max_tokens
        ids = tuple(self._epoch[1][start : start + self._max_tokens].tolist())
        return _text(ids, f"{self.name}[{index}]")


def _text(ids: tuple[int, ...], name: str) -> Rendered:
    return Rendered(ids, (True,) * len(ids), NO_TILES, (), name)


@dataclass(frozen=True, slots=True)
class AnswerPair:
    """A preference, rendered, with what the reference thinks of it."""

    fork: Fork
    reference: Pair


@dataclass
class Pairs:
    """Preferences of an artifact, rendered; those too long are left out."""

    rows: Rows
    renderer: Renderer
    max_tokens: int
    reference: Mapping[str, Pair]
    skipped: Skipped
    _lately: _Lately[int, list[Size]] = field(init=False)

    def __post_init__(self) -> None:
        self._lately = _Lately(self._sizes)

    @property
    def name(self) -> str:
        """Name of the artifact."""
        return self.rows.name

    @property
    def blocks(self) -> tuple[int, ...]:
        """Preferences of each row group."""
        return self.rows.blocks

    def sizes(self, index: int, epoch: int) -> list[Size]:
        """Say how large a pair is, its prompt counted once."""
        del epoch
        return self._lately(index)

    def item(self, index: int, epoch: int, piece: int = 0) -> AnswerPair:
        """Render a pair."""
        del epoch, piece
        row = self.rows.row(index)
        return AnswerPair(fork_of(self.renderer, row), self.reference[key(row)])

    def _sizes(self, index: int) -> list[Size]:
        record = self.rows.record(index)
        assert isinstance(record, Preference)
        self.skipped.num_read += 1
        try:
            prompt = self.renderer.prompt_outline(record.prompt)
        except RecordError as error:
            self.skipped.unreadable(self.name, record.id, str(error))
            return []
        answers = [
            len(self.renderer.answer(said.text)) for said in (record.chosen, record.rejected)
        ]
        if len(prompt) + max(answers) > self.max_tokens:
            self.skipped.too_long(self.name, record.id, f"{len(prompt) + max(answers)} tokens")
            return []
        return [Size(len(prompt) + sum(answers), prompt.num_tiles)]


@dataclass(frozen=True, slots=True)
class Plain:
    """Records of an artifact as they are."""

    rows: Rows

    @property
    def name(self) -> str:
        """Name of the artifact."""
        return self.rows.name

    @property
    def blocks(self) -> tuple[int, ...]:
        """Records of each row group."""
        return self.rows.blocks

    def sizes(self, index: int, epoch: int) -> list[Size]:
        """Say that every record is one piece; how large does not matter."""
        del index, epoch
        return [Size(0)]

    def item(self, index: int, epoch: int, piece: int = 0) -> Row[Any]:
        """Give a record."""
        del epoch, piece
        return self.rows.row(index)


def first_that_fits(source: Source[Any], index: int, epoch: int) -> int:
    """Give the number of a record, or of the next in its source that fits.

    Raises:
        TrainingError: None does.
    """
    count = sum(source.blocks)
    for step in range(count):
        if source.sizes((index + step) % count, epoch):
            return (index + step) % count
    raise TrainingError(f"no record of {source.name} fits into max_tokens; raise max_tokens")
