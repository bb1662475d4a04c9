"""Test questions and test pictures that stand in training data, copied or nearly so.

A sample is found in a training record by its words (``shingles``), as far as they are its own (``distinctive``), or by
its pictures (``picture_hash``). The test set is indexed once; training rows stream past it, so memory is that of the
index whatever the size of the training data. Nothing is removed and nothing is decided here: a hit shows both sides, so
that a person can look.

A question without its answer is a hit of its own, since a model may learn from it what will be asked; that the right
answer follows is said by a second hit. The report says how many samples could be looked for by their words, how many by
their pictures only, and of how many nothing is known.

Not covered: paraphrases and translations, pictures mirrored or cut by more than a little, and what the modules named
above say of themselves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, Self, get_args

from pydantic import BaseModel, ConfigDict

from amalia import pictures
from amalia.errors import PictureError, RecordError
from amalia.evaluate import picture_hash
from amalia.evaluate.held_out import ContaminationSettings, Entry, Index, Seen, index
from amalia.evaluate.record_text import RecordText, record_text
from amalia.evaluate.shingles import (
    Match,
    excerpt,
    shortened,
    spelled_words,
)
from amalia.records import Row

__all__ = [
    "Contamination",
    "ContaminationSettings",
    "Hit",
    "Index",
    "Search",
    "Searched",
    "TaskContamination",
    "index",
    "search",
    "summarize",
]

Kind = Literal["picture_exact", "question_and_answer", "text_exact", "picture_near", "text_near"]
"""From the surest to the least sure."""

BATCH_CHARS = 1 << 20
"""Characters of training text that are searched at once."""
SHOWN_CHARS = 240
_KINDS: tuple[Kind, ...] = get_args(Kind)


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Hit(_Part):
    """A sample that was found in a training record."""

    sample: str
    task: str
    source: str
    """The training data, as the caller names it."""
    record: str
    kind: Kind
    similarity: float
    """Share of the telling runs of words, or correlation of the pictures, 0–1; 1 for an exact copy."""
    shown_test: str
    """The words, or the digest of the picture."""
    shown_train: str


class Searched(_Part):
    """How much of one source was searched."""

    source: str
    num_records: int
    num_pictures: int
    text_bytes: int
    left_out: dict[str, int]
    """Reason → records or pictures that could not be searched."""
    is_whole: bool
    """Whether rows were read to the end; a reader that stumbles over a record may give none behind it."""


class TaskContamination(_Part):
    """What was found of the samples of one task."""

    num_samples: int
    num_found: int
    share: float
    num_found_by_kind: dict[Kind, int]
    """Samples, not hits; one sample may be found in several ways."""
    num_by_text: int
    """Samples with words of their own, which were looked for."""
    num_by_picture_only: int
    """Samples whose words say nothing, which were looked for by their pictures."""
    num_not_looked_for: int
    """Samples with neither; nothing is known of them."""
    num_pictures_flat: int
    """Pictures with too little detail to be told apart."""
    num_pictures_unreadable: int
    examples: tuple[Hit, ...]
    """The surest hit of each of some samples, the surest first."""


class Contamination(_Part):
    """What was found of a test set in training data."""

    tasks: dict[str, TaskContamination]
    sources: tuple[Searched, ...]
    settings: ContaminationSettings


def search(index: Index, rows: Iterable[Row[Any]], *, source: str) -> Search:
    """Look for a test set in training data, one row at a time.

    A record or a picture that cannot be read is counted and passed over; any other error, that of a missing artifact
    for one, is raised by the iteration.

    Args:
        index: the test set.
        rows: conversations, preferences, documents or samples, as ``store.read_rows`` gives them.
        source: what hits and report call them.

    Returns:
        An iterator over hits: of a record and a sample at most one by words, one more if the answer follows, and one
        for every two pictures.
    """
    return Search(index, rows, source=source)


class Search(Iterator[Hit]):
    """A search on its way. What was searched so far is in ``searched``."""

    def __init__(self, index: Index, rows: Iterable[Row[Any]], *, source: str) -> None:
        """Begin a search; ``search`` is the same and says more."""
        self._index = index
        self._rows = rows
        self._source = source
        self._counts: Counter[str] = Counter()
        self._left_out: Counter[str] = Counter()
        self._is_whole = False
        self._hits = self._run()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Hit:
        return next(self._hits)

    @property
    def searched(self) -> Searched:
        """How much was searched; final when there are no more hits."""
        return Searched(
            source=self._source,
            num_records=self._counts["records"],
            num_pictures=self._counts["pictures"],
            text_bytes=self._counts["bytes"],
            left_out=dict(sorted(self._left_out.items())),
            is_whole=self._is_whole,
        )

    def _run(self) -> Iterator[Hit]:
        batch: list[RecordText] = []
        num_chars = 0
        for row in self._readable():
            read = record_text(row.record)
            self._counts["records"] += 1
            self._counts["bytes"] += len(read.text.encode(errors="replace"))
            yield from self._by_pictures(read, row.images)
            batch.append(read)
            num_chars += len(read.text)
            if num_chars >= BATCH_CHARS:
                yield from self._by_words(batch)
                batch, num_chars = [], 0
        yield from self._by_words(batch)

    def _readable(self) -> Iterator[Row[Any]]:
        rows = iter(self._rows)
        stumbled = False
        while True:
            try:
                row = next(rows)
            except StopIteration:
                # A generator ends at its first error, whether or not there were more rows.
                self._is_whole = not stumbled
                return
            except RecordError as error:
                self._left_out[error.reason] += 1
                stumbled = True
                continue
            stumbled = False
            yield row

    def _by_pictures(self, read: RecordText, images: Mapping[str, bytes]) -> Iterator[Hit]:
        for digest in read.digests:
            self._counts["pictures"] += 1
            seen = {item.digest: item for item in self._looked_at(digest, images)}
            seen |= {item.digest: item for item in self._index.same_bytes(digest)}
            for item in seen.values():
                kind: Kind = "picture_exact" if item.is_exact else "picture_near"
                for position in self._index.owners(item.digest):
                    entry = self._index.entries[position]
                    shown = (item.digest, digest)
                    yield self._hit(entry, read.id, kind, item.similarity, shown)

    def _looked_at(self, digest: str, images: Mapping[str, bytes]) -> list[Seen]:
        data = images.get(digest)
        if data is None:
            self._left_out["picture_missing"] += 1
            return []
        try:
            image = pictures.read(data, name=digest)
        except PictureError as error:
            self._left_out[error.reason] += 1
            return []
        look = picture_hash.look(image)
        if look is None:
            self._left_out["picture_flat"] += 1
            return []
        return self._index.same_picture(picture_hash.pixel_digest(image), look)

    def _by_words(self, batch: Sequence[RecordText]) -> Iterator[Hit]:
        best: dict[tuple[int, int], tuple[Kind, Match]] = {}
        spelled: dict[int, str] = {}
        for match in self._index.phrases.matches([read.text for read in batch]):
            wanted = self._index.wanted[match.phrase]
            if match.record not in spelled and match.share == 1:
                words = " ".join(spelled_words(batch[match.record].text))
                spelled[match.record] = f" {words} "
            is_exact = match.share == 1 and f" {wanted.phrase.spelled} " in spelled[match.record]
            found: tuple[Kind, Match] = ("text_exact" if is_exact else "text_near", match)
            key = match.record, wanted.sample
            best[key] = min(best.get(key, found), found, key=self._rank)
        for (record, sample), (kind, match) in best.items():
            yield from self._by_match(batch[record], self._index.entries[sample], kind, match)

    def _rank(self, found: tuple[Kind, Match]) -> tuple[bool, float, int]:
        kind, match = found
        num_words = len(self._index.wanted[match.phrase].phrase.words)
        return kind != "text_exact", -match.share, -num_words

    def _by_match(self, read: RecordText, entry: Entry, kind: Kind, match: Match) -> Iterator[Hit]:
        wanted = self._index.wanted[match.phrase]
        text = excerpt(read.text, match.first, match.last)
        shown = _shown(wanted.text), _shown(text)
        yield self._hit(entry, read.id, kind, match.share, shown)
        if wanted.part == "question":
            answer = read.answer_behind(match.last)
            if entry.is_answered(answer):
                answered = f"{shown[1]} … {_shown(answer)}"
                asked = f"{shown[0]} … {entry.targets[0]}"
                yield self._hit(
                    entry, read.id, "question_and_answer", match.share, (asked, answered)
                )

    def _hit(
        self, entry: Entry, record: str, kind: Kind, similarity: float, shown: tuple[str, str]
    ) -> Hit:
        return Hit(
            sample=entry.id,
            task=entry.task,
            source=self._source,
            record=record,
            kind=kind,
            similarity=round(similarity, 4),
            shown_test=shown[0],
            shown_train=shown[1],
        )


def summarize(
    hits: Iterable[Hit], index: Index, *, sources: Sequence[Search], max_examples: int = 10
) -> Contamination:
    """Count the samples that were found, task by task.

    Args:
        hits: of all searches, in any order; they are read to the end before the searches are asked what they searched.
        index: of the test set.
        sources: the searches.
        max_examples: of samples that were found, a task.

    Returns:
        The summary. What is kept meanwhile is one hit and a few words a sample.
    """
    best: dict[tuple[str, str], Hit] = {}
    kinds: dict[tuple[str, str], set[Kind]] = {}
    for hit in hits:
        key = hit.task, hit.sample
        kinds.setdefault(key, set()).add(hit.kind)
        best[key] = min(best.get(key, hit), hit, key=_sureness)
    tasks: dict[str, list[int]] = {}
    for position, entry in enumerate(index.entries):
        tasks.setdefault(entry.task, []).append(position)
    return Contamination(
        tasks={
            task: _summary(index, task, positions, (best, kinds), max_examples)
            for task, positions in tasks.items()
        },
        sources=tuple(search.searched for search in sources),
        settings=index.settings,
    )


_Found = tuple[dict[tuple[str, str], Hit], dict[tuple[str, str], set[Kind]]]


def _summary(
    index: Index, task: str, positions: Sequence[int], found: _Found, max_examples: int
) -> TaskContamination:
    best, kinds = found
    own = [(task, index.entries[position].id) for position in positions]
    hits = sorted((best[key] for key in own if key in best), key=_sureness)
    by_text = {item.sample for item in index.wanted}
    states = {n: [index.pictures[d].state for d in index.entries[n].digests] for n in positions}
    digests = {digest for position in positions for digest in index.entries[position].digests}
    of_pictures = Counter(index.pictures[digest].state for digest in digests)
    by_picture = {n for n in positions if any(state != "flat" for state in states[n])}
    return TaskContamination(
        num_samples=len(positions),
        num_found=len(hits),
        share=len(hits) / len(positions),
        num_found_by_kind={
            kind: count
            for kind in _KINDS
            if (count := sum(kind in kinds.get(key, ()) for key in own))
        },
        num_by_text=len(by_text.intersection(positions)),
        num_by_picture_only=len(by_picture - by_text),
        num_not_looked_for=len(set(positions) - by_picture - by_text),
        num_pictures_flat=of_pictures["flat"],
        num_pictures_unreadable=of_pictures["unreadable"],
        examples=tuple(hits[:max_examples]),
    )


def _sureness(hit: Hit) -> tuple[int, float, str, str, str]:
    """Order hits, the surest first, and alike ones always in the same way."""
    return _KINDS.index(hit.kind), -hit.similarity, hit.sample, hit.source, hit.record


def _shown(text: str) -> str:
    return shortened(text, max_chars=SHOWN_CHARS)
