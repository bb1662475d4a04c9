"""Which words of a test question are its own, and whether they are enough to look for it.

The questions of one task are alike: they begin the same way, end in the same instruction and offer the same letters.
What many of them share says nothing about any of them, so words and runs of words that stand in more than a small
share of the samples of a task are passed over, and what such samples share at the beginning and at the end is cut
off. A question is looked for when enough is left of it.

- A question is looked for as it is, without its options, without the paragraphs before the last, for copies that only
  have the question itself, and turn by turn, for copies with answers in between.
- A question that says too little («O que se vê nesta imagem?») is not looked for. If its answer is long, a
  transcription or a caption, the answer is looked for in its place.
- Without a picture, the question is all there is to a sample: it may be made of words that its task is full of, if
  only they stand together as nowhere else, and a short one is looked for too, though only as a whole line or turn,
  since its few words stand together in texts that are no copies.

Samples that say of themselves that they belong together, or that share a picture, count as one: the text that five
questions are about is theirs and no template.

Not covered: tasks of a handful of samples, where template words are as rare as any other, and questions made from one
template with three rare words to fill in, which a training set made from the same template may hold with another
picture.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from typing import Literal, NamedTuple

from amalia.evaluate.record_text import joined_text
from amalia.evaluate.shingles import (
    MAX_LINE_WORDS,
    Phrase,
    bare,
    excerpt,
    shingles,
    spelled_words,
)
from amalia.records import Sample

Part = Literal["question", "answer"]

MIN_TELLING_SHINGLES = 4
"""Fewer are an everyday run of words."""
MIN_TELLING_ALONE = 8
"""In place of rare words where there is no picture: two words that fill a template make six."""
MIN_LINE_WORDS = 3
MIN_SHARING = 3
"""Units of a task, however few there are, that may share what is still rare and telling."""
MIN_OPTIONS = 2
_MAX_TEMPLATE_WORDS = 64
_BLANK_LINE = re.compile(r"\n[ \t]*\n")
_OPTION = re.compile(r"^[ \t]*[*_(\[]*([A-Za-z])[*_]*[ \t]*[).:\]][*_]*[ \t]+(\S.*)$")


class Wanted(NamedTuple):
    """A phrase to look for, and what it is of."""

    phrase: Phrase
    sample: int
    """Position among the samples."""
    part: Part
    text: str
    """The words as they were written."""


class Asked(NamedTuple):
    """What a sample asks, in the forms in which copies may hold it."""

    texts: tuple[str, ...]
    """All the user says; the same without options; the last paragraph, with and without options; each turn."""
    options: tuple[str, ...]
    """What stands behind the letters of the options."""


class _Said(NamedTuple):
    sample: int
    unit: str
    has_picture: bool
    text: str
    spelled: list[str]
    words: list[str]


def asked(sample: Sample) -> Asked:
    """Take the question of a sample apart."""
    first = [joined_text(turn) for turn in sample.prompt.turns if turn.role == "user"]
    turns = [*first, *sample.follow_ups]
    question = "\n".join(turns)
    stem: list[str] = []
    options: list[str] = []
    for line in question.splitlines():
        match = _OPTION.match(line)
        if match and ord(match[1].upper()) - ord("A") == len(options):
            options.append(match[2].strip())
        else:
            stem.append(line)
    if len(options) < MIN_OPTIONS:
        stem, options = question.splitlines(), []
    bare_stem = "\n".join(stem).strip()
    paragraph = _BLANK_LINE.split(bare_stem)[-1]
    texts = (question, bare_stem, "\n".join((paragraph, *options)), paragraph, *turns)
    return Asked(tuple(dict.fromkeys(texts)), tuple(options))


def wanted(
    samples: Sequence[Sample], *, min_words: int, min_rare_words: int, max_share: float
) -> list[Wanted]:
    """Say which phrases of which samples are to be looked for.

    Args:
        samples: of any tasks; each is compared with those of its own task.
        min_words: words that a question has to have without what it shares with others.
        min_rare_words: how many different ones of them have to be rare in the task.
        max_share: of the samples of a task, 0–1; what more of them have is neither rare nor telling.

    Returns:
        For each sample no phrase, or one for each form of its question or each right answer that says enough.
    """
    tasks: dict[str, list[int]] = {}
    for position, sample in enumerate(samples):
        tasks.setdefault(sample.task, []).append(position)
    found: list[Wanted] = []
    for positions in tasks.values():
        units = {samples[position].unit for position in positions}
        bounds = _Bounds(max(MIN_SHARING, int(max_share * len(units))), min_words, min_rare_words)
        said: list[_Said] = []
        for position in positions:
            texts = asked(samples[position]).texts
            said += [_said(samples, position, text) for text in texts]
        found += _telling(said, "question", bounds)
        done = {item.sample for item in found}
        alone = [one for one in said if one.sample not in done and not one.has_picture]
        found += _lines(alone, bounds)
        done = {item.sample for item in found}
        answers = [
            _said(samples, position, text)
            for position in positions
            for text in dict.fromkeys(samples[position].targets)
            if position not in done
        ]
        found += _telling(answers, "answer", bounds)
    return found


class _Bounds(NamedTuple):
    max_sharing: int
    min_words: int
    min_rare_words: int


def _said(samples: Sequence[Sample], position: int, text: str) -> _Said:
    spelled = spelled_words(text)
    sample = samples[position]
    words = [bare(word) for word in spelled]
    return _Said(position, sample.unit, bool(sample.prompt.images), text, spelled, words)


def _telling(said: Sequence[_Said], part: Part, bounds: _Bounds) -> Iterator[Wanted]:
    """Give the texts that say enough, without the template around them."""
    limit = bounds.max_sharing
    heads = _count((one.unit, head) for one in said for head in _heads(one.words))
    tails = _count((one.unit, tail) for one in said for tail in _heads(one.words[::-1]))
    cut = []
    for one in said:
        low = _shared(one.words, heads, limit)
        high = len(one.words) - _shared(one.words[::-1], tails, limit)
        cut.append(
            one._replace(
                text=excerpt(one.text, low, high - 1),
                spelled=one.spelled[low:high],
                words=one.words[low:high],
            )
        )
    words = _count((one.unit, word) for one in cut for word in one.words)
    runs = _count((one.unit, run) for one in cut for run in shingles(one.words))
    seen: set[tuple[int, tuple[str, ...]]] = set()
    for one in cut:
        phrase = Phrase(
            tuple(one.words),
            " ".join(one.spelled),
            tuple(runs[run] <= limit for run in shingles(one.words)),
            _rarest(one.words, words, limit),
        )
        num_rare = len({word for word in one.words if words[word] <= limit})
        num_telling = len(phrase.runs)
        is_enough = num_telling >= MIN_TELLING_SHINGLES and num_rare >= bounds.min_rare_words
        is_enough |= num_telling >= MIN_TELLING_ALONE and not one.has_picture and part == "question"
        key = one.sample, phrase.words
        if is_enough and len(one.words) >= bounds.min_words and key not in seen:
            seen.add(key)
            yield Wanted(phrase, one.sample, part, one.text)


def _rarest(words: Sequence[str], counts: Counter[Hashable], limit: int) -> frozenset[str]:
    """Give the words that fewest units have: what fills a template, where the rest is one."""
    fewest = min((counts[word] for word in words), default=0)
    return frozenset(word for word in words if counts[word] == fewest <= limit)


def _lines(said: Sequence[_Said], bounds: _Bounds) -> Iterator[Wanted]:
    """Give the short texts that come down to one line of their own."""
    lines = [
        one._replace(text=line, spelled=spelled, words=[bare(word) for word in spelled])
        for one in said
        for line in one.text.splitlines()
        if (spelled := spelled_words(line))
    ]
    units = _count((one.unit, tuple(one.words)) for one in lines)
    own: dict[int, dict[tuple[str, ...], _Said]] = {}
    for one in lines:
        if units[tuple(one.words)] <= bounds.max_sharing:
            own.setdefault(one.sample, {})[tuple(one.words)] = one
    for sample, found in own.items():
        (words, one), *others = found.items()
        if not others and MIN_LINE_WORDS <= len(words) <= MAX_LINE_WORDS:
            yield Wanted(Phrase(words, " ".join(one.spelled)), sample, "question", one.text)


def _count(pairs: Iterable[tuple[str, Hashable]]) -> Counter[Hashable]:
    """Count in how many units each thing is."""
    return Counter(thing for _, thing in set(pairs))


def _heads(words: Sequence[str]) -> Iterator[int]:
    """Give a hash of the first word, of the first two, and so on."""
    head = 0
    for word in words[:_MAX_TEMPLATE_WORDS]:
        head = hash((head, word))
        yield head


def _shared(words: Sequence[str], heads: Counter[Hashable], limit: int) -> int:
    """Count the words at the beginning that too many samples begin with."""
    return sum(heads[head] > limit for head in _heads(words))
