"""Rules over classes of words: what is asked for, and what is given.

A rule is one line of YAML, ``how buy: make>bomb & secretly | bomb - joke law>court``. The classes before the
colon ask; without a colon the rule is about what a text itself says. Behind it stand elements joined by ``&``,
all of which must be there after what asks, in any order. An element is a class, or several with ``>`` between
them: in this order, at most five words apart, and no word of class ``apart`` between. ``/`` joins classes of
which one is enough, ``|`` divides whole alternatives. After `` - `` stand elements of which none may be in
the sentence; ``unless`` of a group adds to those.

Rules that ask look at one sentence; the others at up to 64 words, whatever sentences they are in. Longer ones
are looked at in overlapping pieces of 64 words, so that time is in proportion to length.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from amalia.guard.vocabulary import Hit, Vocabulary, Words

_WINDOW_WORDS = 64
_STEP_WORDS = 32
_MAX_WORDS_BETWEEN = 5
# What makes a chain harmless must be closer: «telefone do hospital», not «do dono desta empresa».
_MAX_EXEMPT_BETWEEN = 2
# More of a kind says nothing new, and a text made to be slow is made of many.
_MAX_FOUND = 8

Chain = tuple[int, ...]
"""Classes, one bit each, that follow each other closely."""


class Match(NamedTuple):
    """What a rule has found."""

    category: str
    start: int
    """Number of the first word."""
    end: int


@dataclass(frozen=True, slots=True)
class Rule:
    """One alternative of one line."""

    category: str
    first: int
    """Classes that ask, or 0."""
    elements: tuple[Chain, ...]
    unless: int
    """Classes of which none may be there."""
    unless_chains: tuple[Chain, ...]

    @classmethod
    def read(cls, line: str, category: str, unless: str, vocabulary: Vocabulary) -> Iterator[Rule]:
        """Read one line.

        Raises:
            ValueError: It names a class that does not exist.
        """
        asking, _, rest = line.rpartition(":")
        rest, _, exempt = rest.partition(" - ")
        exempts = f"{unless} {exempt}".split()
        chains = tuple(_chain(one, vocabulary) for one in exempts if ">" in one)
        alone = vocabulary.mask(" ".join(one for one in exempts if ">" not in one))
        for body in rest.split("|"):
            elements = tuple(_chain(element, vocabulary) for element in body.split("&"))
            yield cls(category, vocabulary.mask(asking), elements, alone, chains)

    def is_possible(self, present: int) -> bool:
        """Say whether classes are there that the rule needs, and none that forbids it."""
        if present & self.unless or (self.first and not present & self.first):
            return False
        return all(present & link for chain in self.elements for link in chain)


def _chain(element: str, vocabulary: Vocabulary) -> Chain:
    return tuple(vocabulary.mask(link) for link in element.split(">"))


class Rules:
    """Rules of one kind over one vocabulary."""

    def __init__(self, vocabulary: Vocabulary, groups: Sequence[Mapping[str, object]]) -> None:
        """Read groups: ``category``, ``unless`` and ``rules``.

        Raises:
            ValueError: A rule names a class that does not exist.
        """
        self._rules = [
            rule
            for group in groups
            for line in _lines(group["rules"])
            for rule in Rule.read(
                line, str(group["category"]), str(group.get("unless", "")), vocabulary
            )
        ]
        self._apart = vocabulary.mask("apart")
        asking = [rule.first for rule in self._rules]
        self._first = 0
        if all(asking):
            for bits in asking:
                self._first |= bits

    def find(self, text: Words, hits: Sequence[Hit]) -> Iterator[Match]:
        """Give what the rules find, at most one match of a category in a piece of text."""
        starts = [hit.start for hit in hits]
        seen = set[Match]()
        num_found = dict.fromkeys((rule.category for rule in self._rules), 0)
        for start, end in self._pieces(text):
            some = hits[bisect_left(starts, start) : bisect_left(starts, end)]
            for match in self._in_piece(some, num_found):
                # Pieces overlap.
                if match not in seen:
                    seen.add(match)
                    num_found[match.category] += 1
                    yield match

    def _pieces(self, text: Words) -> Iterator[tuple[int, int]]:
        whole = text.sentences if self._first else [(0, len(text.words))]
        for start, end in whole:
            yield start, min(end, start + _WINDOW_WORDS)
            for later in range(start + _STEP_WORDS, end - _STEP_WORDS, _STEP_WORDS):
                yield later, min(end, later + _WINDOW_WORDS)

    def _in_piece(self, hits: Sequence[Hit], num_found: Mapping[str, int]) -> Iterator[Match]:
        present = 0
        for hit in hits:
            present |= hit.classes
        if self._first and not present & self._first:
            return
        piece, done = _Piece(hits, self._apart), set[str]()
        for rule in self._rules:
            if rule.category in done or not rule.is_possible(present):
                continue
            span = piece.match(rule)
            if span is not None and num_found[rule.category] < _MAX_FOUND:
                done.add(rule.category)
                yield Match(rule.category, *span)


class _Piece:
    """Hits that are looked at together."""

    def __init__(self, hits: Sequence[Hit], apart: int) -> None:
        self._hits = hits
        self._apart = apart
        self._chains: dict[tuple[Chain, int], list[tuple[int, int]]] = {}

    def match(self, rule: Rule) -> tuple[int, int] | None:
        """Give the words from the first to the last that a rule needs."""
        after, spans = -1, list[tuple[int, int]]()
        if rule.first:
            asking = next((hit for hit in self._hits if hit.classes & rule.first), None)
            if asking is None:
                return None
            after = asking.start
            spans.append((asking.start, asking.end))
        if any(self._spans(chain, _MAX_EXEMPT_BETWEEN) for chain in rule.unless_chains):
            return None
        for chain in rule.elements:
            found = next((span for span in self._spans(chain) if span[0] >= after), None)
            if found is None:
                return None
            spans.append(found)
        return min(start for start, _ in spans), max(end for _, end in spans)

    def _spans(self, chain: Chain, max_between: int = _MAX_WORDS_BETWEEN) -> list[tuple[int, int]]:
        known = self._chains.get((chain, max_between))
        if known is None:
            known = self._chains[chain, max_between] = [
                (start, hit.end)
                for at, hit in enumerate(self._hits)
                if hit.classes & chain[-1]
                and (start := self._start(chain[:-1], at, max_between)) is not None
            ]
        return known

    def _start(self, before: Chain, at: int, max_between: int) -> int | None:
        """Give where a chain begins that a hit ends; None if what must stand before does not."""
        here = self._hits[at]
        if not before:
            return here.start
        for earlier in range(at - 1, -1, -1):
            hit = self._hits[earlier]
            if hit.end > here.start:
                continue
            if here.start - hit.end > max_between or hit.classes & self._apart:
                return None
            if hit.classes & before[-1]:
                start = self._start(before[:-1], earlier, max_between)
                if start is not None:
                    return start
        return None


def _lines(rules: object) -> list[str]:
    assert isinstance(rules, list), rules
    return [str(line) for line in rules]
