"""How much of a text says again what it said: n-grams of words, lines and paragraphs.

Definitions are those of ``GopherRepetitionFilter`` in datatrove 0.9.0, for which the constants in use were fitted;
where they depart from Rae et al. 2021 (arXiv:2112.11446, table A1) it says so. N-grams are compared by 64-bit hashes,
so that two of the 10¹⁰ n-grams of a very long text would have to collide to be taken for one.
"""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from amalia.corpus.words import Ids

TOP_SIZES = (2, 3, 4)
REPEATED_SIZES = (5, 6, 7, 8, 9, 10)

Hashes = NDArray[np.uint64]
_PARAGRAPH = re.compile(r"\n{2,}")
# An n-gram is a polynomial of its words' numbers at this odd place, modulo 2^64 (Karp and Rabin 1987).
_STEP = np.uint64(0xD6E8FEB86659FD93)


class Repeated(NamedTuple):
    """Of parts of a text: how many there are, and how much of them stood before."""

    num_parts: int
    num_again: int
    chars_again: int


def repeated(parts: list[str]) -> Repeated:
    """Count the parts that stood before; the first of each is not counted."""
    distinct = set(parts)
    num_again = len(parts) - len(distinct)
    if not num_again:
        return Repeated(len(parts), 0, 0)
    return Repeated(len(parts), num_again, sum(map(len, parts)) - sum(map(len, distinct)))


def repeated_paragraphs(text: str) -> Repeated:
    """Count paragraphs, with an empty line or more between them, that stood before."""
    stripped = text.strip()
    if "\n\n" not in stripped:
        return Repeated(1, 0, 0)
    return repeated(_PARAGRAPH.split(stripped))


def ngram_chars(ids: Ids, lengths: Ids) -> tuple[list[int], list[int]]:
    """Count characters in n-grams that come often or again.

    Args:
        ids: Number of each word among the distinct ones, shape (words,).
        lengths: Characters of each word, shape (words,).

    Returns:
        For each of ``TOP_SIZES`` the characters of all copies of the most frequent n-gram (of several alike the one
        that comes first), with the spaces inside it; a text in which none comes twice has those of its first. And for
        each of ``REPEATED_SIZES`` the characters, without spaces, of n-grams that stood before: read from the left, a
        copy is counted and skipped as a whole, so nothing counts twice. Gopher's paper counts the first of the copies
        too; its constants would have to be about twice as large.
    """
    ends = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=ends[1:])
    single = ids.astype(np.uint64) + np.uint64(1)
    hashes, top, comes_again = single, [], True
    for size in range(2, TOP_SIZES[-1] + 1):
        hashes = _longer(hashes, single, size)
        chars, comes_again = _top(hashes, ends, size, comes_again)
        top.append(chars)
    again = []
    for size in REPEATED_SIZES:
        # What comes once with n words comes once with n + 1.
        if not comes_again:
            again.append(0)
            continue
        hashes = _longer(hashes, single, size)
        chars, comes_again = _chars_again(hashes, ends, size)
        again.append(chars)
    return top, again


def _longer(hashes: Hashes, single: Hashes, size: int) -> Hashes:
    """Give the hashes of n-grams of ``size`` from those one word shorter; empty if there is none."""
    return hashes[:-1] * _STEP + single[size - 1 :]


def _top(hashes: Hashes, ends: Ids, size: int, comes_again: bool) -> tuple[int, bool]:
    if not len(hashes):
        return 0, False
    place, times = 0, 1
    if comes_again:
        ordered = np.sort(hashes)
        begins = np.ones(len(ordered) + 1, bool)
        np.not_equal(ordered[1:], ordered[:-1], out=begins[1:-1])
        starts = np.flatnonzero(begins)
        counts = starts[1:] - starts[:-1]
        times = int(counts.max())
        if times > 1:
            most = ordered[starts[:-1][counts == times]]
            place = int(_among(hashes, most).argmax())
    chars = int(ends[place + size] - ends[place]) + size - 1
    return chars * times, times > 1


def _chars_again(hashes: Hashes, ends: Ids, size: int) -> tuple[int, bool]:
    ordered = np.sort(hashes)
    twice = ordered[1:][ordered[1:] == ordered[:-1]]
    if not len(twice):
        return 0, False
    places = np.flatnonzero(_among(hashes, twice)).tolist()
    seen: set[int] = set()
    chars = after = 0
    for place, name in zip(places, hashes[places].tolist(), strict=True):
        if place < after:
            continue
        if name in seen:
            after = place + size
            chars += int(ends[after] - ends[place])
        else:
            seen.add(name)
    return chars, True


def _among(hashes: Hashes, ordered: Hashes) -> NDArray[np.bool_]:
    """Say which hashes stand in a sorted array that is not empty."""
    if len(ordered) == 1:
        found: NDArray[np.bool_] = hashes == ordered[0]
        return found
    places = np.searchsorted(ordered, hashes)
    places[places == len(ordered)] = 0
    found = ordered[places] == hashes
    return found
