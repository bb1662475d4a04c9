"""Where known phrases stand in much text: runs of words, folded, hashed and looked up many at once.

Words are compared without capitals, accents and punctuation, and a letter that stands alone is no word: articles,
conjunctions and the letters of options come and go between copies of one question. Whether a copy has the accents too
can be told by ``spelled_words``.

A phrase is found by its shingles, overlapping runs of 3 words, as in Broder 1997, «On the resemblance and containment
of documents». Two things differ from the usual containment. The share is of the shingles that the caller calls telling,
and it is counted in a window that slides over the record, twice as long as the phrase: a long document holds many
everyday runs of words somewhere, a copy holds them together. Every shingle counts once, however often it stands there.
That a phrase stands word for word needs no index of its own: then all its shingles are in one window, and only such
places are read again. Longer shingles find less and cost the same: of 1,819 exam questions with one word in ten left
out, a share of 0.6 finds 92 % by runs of 3 words and 70 % by runs of 5.

Speed comes from the index: a word that is in no phrase breaks every run it is in, so of most text only the words are
looked up. The caller's texts are held one batch at a time.

Not covered: translations, paraphrases, words in another order, misspelt or hyphenated copies beyond the share allowed.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice, repeat
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.uint64]
Positions = npt.NDArray[np.intp]

SHINGLE_WORDS = 3
MAX_LINE_WORDS = 20
"""Phrases that only count as a whole line are at most so long."""
WINDOW = 2
"""Length of the window in lengths of the phrase."""

_RECORD_END = "\x00"
_LINE_END = "\n"
_WORD = re.compile(r"[^\W_]{2,}|\d")
_WORD_OR_END = re.compile(rf"{_WORD.pattern}|[{_LINE_END}{_RECORD_END}]")
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff\u202a-\u202e]")
_ACCENTS = re.compile("[\u0300-\u036f]+")
# Numbers of what is no word of a phrase; the vocabulary counts on from there.
_UNKNOWN, _LINE, _RECORD, _FIRST = 0, 1, 2, 3
# An odd multiplier keeps every bit of what it multiplies; this one is 2**64 divided by the golden ratio.
_GOLDEN = 0x9E3779B97F4A7C15


class Phrase(NamedTuple):
    """Words to look for."""

    words: tuple[str, ...]
    """As ``bare_words`` gives them."""
    spelled: str
    """The same words with their accents, as ``spelled_words`` gives them, joined by blanks."""
    telling: tuple[bool, ...] = ()
    """Whether each of its shingles counts; empty for a phrase that counts only as a whole line."""

    rarest: frozenset[str] = frozenset()
    """Those of the words that fewest other phrases have; all but a few of them have to stand there or beside it."""

    @property
    def runs(self) -> set[tuple[str, ...]]:
        """The telling shingles, each once."""
        own = shingles(self.words) if self.telling else []
        return {run for run, told in zip(own, self.telling, strict=True) if told}


class Match(NamedTuple):
    """A place where a phrase was found."""

    record: int
    """Position in the batch of texts."""
    phrase: int
    share: float
    """Of the telling shingles, 0–1."""
    first: int
    """The first word of the place, counted in the text of the record."""
    last: int
    """The last word, included."""


def spelled_words(text: str) -> list[str]:
    """Give the words of a text without capitals and punctuation, accents kept, lone letters left out."""
    return _WORD.findall(folded(text))


def bare_words(text: str) -> list[str]:
    """Give the words as ``spelled_words`` does, without accents."""
    return _WORD.findall(bare(folded(text)))


def folded(text: str) -> str:
    """Compose the letters of a text and leave out capitals and what is invisible."""
    return _INVISIBLE.sub("", unicodedata.normalize("NFC", text)).casefold()


def bare(text: str) -> str:
    """Take the accents off a text: ``ação`` becomes ``acao``."""
    return _ACCENTS.sub("", unicodedata.normalize("NFD", text))


def excerpt(text: str, first: int, last: int) -> str:
    """Give the piece of a text from one of its words to another, empty if it has fewer words."""
    visible = _INVISIBLE.sub("", unicodedata.normalize("NFC", text))
    spans = [match.span() for match in islice(_WORD.finditer(visible), last + 1)][first:]
    return visible[spans[0][0] : spans[-1][1]] if spans else ""


def behind(text: str, word: int) -> str:
    """Give what stands behind one of the words of a text."""
    visible = _INVISIBLE.sub("", unicodedata.normalize("NFC", text))
    for match in islice(_WORD.finditer(visible), word, word + 1):
        return visible[match.end() :]
    return ""


def shortened(text: str, *, max_chars: int) -> str:
    """Give a text on one line, its middle replaced by an ellipsis if it is longer than ``max_chars``."""
    line = " ".join(text.split())
    if len(line) <= max_chars:
        return line
    half = (max_chars - 3) // 2
    return f"{line[:half].rstrip()} … {line[-half:].lstrip()}"


def shingles(words: Sequence[str]) -> list[tuple[str, ...]]:
    """Give the overlapping runs of words of a phrase, in order."""
    return list(zip(*(words[start:] for start in range(SHINGLE_WORDS)), strict=False))


class PhraseIndex:
    """Phrases, ready to be looked for.

    Memory is about half a kilobyte a word of the phrases.
    """

    def __init__(self, phrases: Sequence[Phrase], *, min_share: float) -> None:
        """Index phrases.

        Args:
            phrases: what to look for.
            min_share: share of the telling shingles of a phrase that have to stand in one window, 0–1.
        """
        self.phrases = tuple(phrases)
        self._vocabulary: dict[str, int] = {_LINE_END: _LINE, _RECORD_END: _RECORD}
        for phrase in phrases:
            for word in phrase.words:
                self._vocabulary.setdefault(word, len(self._vocabulary) + 1)
        self._codes = _mixed(np.arange(len(self._vocabulary) + 1, dtype=np.uint64))
        self._num_telling = [len(phrase.runs) for phrase in phrases]
        self._min_share = min_share
        self._needed = np.ceil(np.asarray(self._num_telling) * min_share - 1e-9).astype(np.intp)
        runs: list[tuple[int, int]] = []
        lines: list[tuple[int, int]] = []
        for number, phrase in enumerate(phrases):
            words = np.array([self._vocabulary[word] for word in phrase.words], dtype=np.int64)
            if phrase.telling:
                starts = np.flatnonzero(phrase.telling)
                codes = set(self._run_codes(words, starts).tolist())
                runs.extend((code, number) for code in codes)
            else:
                code = self._line_codes(words, np.array([0]), np.array([len(words)]))
                lines.append((int(code[0]), number))
        self._runs, self._lines = _Postings(runs), _Postings(lines)

    def matches(self, texts: Sequence[str]) -> Iterator[Match]:
        """Find phrases in a batch of texts.

        Args:
            texts: one a record. Their words are held at once, about 100 bytes a word.

        Yields:
            At most one match a record and phrase, the fullest.
        """
        if not self.phrases:
            return
        joined = _RECORD_END.join(text.replace(_RECORD_END, " ") for text in texts)
        found = _WORD_OR_END.findall(bare(folded(joined)))
        numbers = np.fromiter(
            map(self._vocabulary.get, found, repeat(_UNKNOWN)), np.int64, len(found)
        )
        is_word = (numbers == _UNKNOWN) | (numbers >= _FIRST)
        records = np.cumsum(numbers == _RECORD)[is_word]
        words = numbers[is_word]
        starts = np.searchsorted(records, np.arange(len(texts)))
        for match in (
            *self._whole_lines(numbers, is_word, records),
            *self._windows(words, records),
        ):
            start = int(starts[match.record])
            yield match._replace(first=match.first - start, last=match.last - start)

    def _windows(self, words: Positions, records: Positions) -> Iterator[Match]:
        at = _known_runs(words >= _FIRST)
        at = at[records[at] == records[at + SHINGLE_WORDS - 1]]
        at, codes = self._runs.known(at, self._run_codes(words, at))
        places, owners = self._runs.expanded(codes)
        keys = records[at[places]] * len(self.phrases) + owners
        order = np.lexsort((at[places], keys))
        keys, where, what = keys[order], at[places][order], codes[places][order]
        firsts = np.flatnonzero(np.diff(keys, prepend=-1))
        counts = np.diff(firsts, append=len(keys))
        enough = counts >= self._needed[keys[firsts] % len(self.phrases)]
        for first, count in zip(firsts[enough].tolist(), counts[enough].tolist(), strict=True):
            record, phrase = divmod(int(keys[first]), len(self.phrases))
            span = slice(first, first + count)
            width = WINDOW * len(self.phrases[phrase].words) - SHINGLE_WORDS
            most, low, high = _densest(where[span].tolist(), what[span].tolist(), width)
            last = high + SHINGLE_WORDS - 1
            beside = slice(max(0, low - width // 2), last + 1 + width // 2)
            around = words[beside][records[beside] == record]
            if most >= self._needed[phrase] and self._has_rarest(phrase, around):
                yield Match(record, phrase, most / self._num_telling[phrase], low, last)

    def _whole_lines(
        self, numbers: Positions, is_word: npt.NDArray[np.bool_], records: Positions
    ) -> Iterator[Match]:
        if not len(self._lines):
            return
        ends = np.flatnonzero(~is_word)
        # Positions among the words alone: as many as there are words before the end of the line.
        bounds = np.r_[0, np.cumsum(is_word)[ends], np.count_nonzero(is_word)]
        low, high = bounds[:-1], bounds[1:]
        known = np.r_[0, np.cumsum(numbers[is_word] >= _FIRST)]
        fits = (
            (high > low) & (high - low <= MAX_LINE_WORDS) & (known[high] - known[low] == high - low)
        )
        low, high = low[fits], high[fits]
        codes = self._line_codes(numbers[is_word], low, high)
        lines, hits = self._lines.known(np.arange(len(low)), codes)
        places, owners = self._lines.expanded(hits)
        seen = set()
        for line, phrase in zip(lines[places].tolist(), owners.tolist(), strict=True):
            record = int(records[low[line]])
            if (record, phrase) not in seen:
                seen.add((record, phrase))
                yield Match(record, phrase, 1.0, int(low[line]), int(high[line]) - 1)

    def _has_rarest(self, phrase: int, words: Positions) -> bool:
        rarest = {self._vocabulary[word] for word in self.phrases[phrase].rarest}
        # Halfway to all of them: they are what a question is about, not how it asks.
        needed = (1 + self._min_share) / 2 * len(rarest)
        return len(rarest.intersection(words.tolist())) >= needed - 1e-9

    def _run_codes(self, words: Positions, at: Positions) -> Codes:
        """Hash the runs of words that begin at ``at``: a polynomial modulo 2**64."""
        codes = np.zeros(len(at), dtype=np.uint64)
        for step in range(SHINGLE_WORDS):
            codes = codes * np.uint64(_GOLDEN) + self._codes[words[at + step]]
        return codes

    def _line_codes(self, words: Positions, low: Positions, high: Positions) -> Codes:
        """Hash the words ``low`` to ``high``, excluded, of each line, of at most ``MAX_LINE_WORDS``."""
        codes = np.zeros(len(low), dtype=np.uint64)
        for step in range(int((high - low).max(initial=0))):
            on = low + step < high
            codes[on] = codes[on] * np.uint64(_GOLDEN) + self._codes[words[low[on] + step]]
        return codes


class _Postings:
    """Hash → numbers of the phrases that have it, as three arrays."""

    def __init__(self, pairs: Sequence[tuple[int, int]]) -> None:
        codes = np.array([code for code, _ in pairs], dtype=np.uint64)
        owners = np.array([owner for _, owner in pairs], dtype=np.intp)
        order = np.lexsort((owners, codes))
        self._keys, firsts = np.unique(codes[order], return_index=True)
        self._firsts = np.r_[firsts, len(codes)].astype(np.intp)
        self._owners = owners[order]

    def __len__(self) -> int:
        return len(self._keys)

    def known(self, at: Positions, codes: Codes) -> tuple[Positions, Positions]:
        """Keep the places whose hash is known, with the number of the hash."""
        if not len(self) or not len(at):
            return at[:0], np.zeros(0, dtype=np.intp)
        number = np.minimum(np.searchsorted(self._keys, codes), len(self) - 1)
        is_known = self._keys[number] == codes
        return at[is_known], number[is_known]

    def expanded(self, numbers: Positions) -> tuple[Positions, Positions]:
        """Repeat each hash for every phrase that has it: positions in ``numbers``, and the phrases."""
        counts = self._firsts[numbers + 1] - self._firsts[numbers]
        places = np.repeat(np.arange(len(numbers)), counts)
        steps = np.arange(len(places)) - np.repeat(np.cumsum(counts) - counts, counts)
        return places, self._owners[self._firsts[numbers][places] + steps]


def _mixed(numbers: Codes) -> Codes:
    """Scatter small numbers over 64 bits, one to one (splitmix64; Steele, Lea and Flood 2014)."""
    mixed = numbers * np.uint64(_GOLDEN)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))


def _known_runs(is_known: npt.NDArray[np.bool_]) -> Positions:
    """Give where a shingle of known words begins."""
    whole = is_known[: max(0, len(is_known) - SHINGLE_WORDS + 1)].copy()
    for step in range(1, SHINGLE_WORDS):
        whole &= is_known[step : step + len(whole)]
    return np.flatnonzero(whole)


def _densest(where: Sequence[int], what: Sequence[int], window: int) -> tuple[int, int, int]:
    """Give the most distinct things within ``window`` words, and where the first and last of them stand."""
    best = (0, 0, 0)
    inside: Counter[int] = Counter()
    low = 0
    for place, thing in zip(where, what, strict=True):
        inside[thing] += 1
        while place - where[low] > window:
            inside[what[low]] -= 1
            if not inside[what[low]]:
                del inside[what[low]]
            low += 1
        if len(inside) > best[0]:
            best = (len(inside), where[low], place)
    return best
