"""Cut a stream of text into sentences, so that each can be judged before it is given out.

The pieces joined are the text, and where it is cut does not depend on how it came in: a cut is made once the
first character of the next sentence is there. White space belongs to the sentence before it.

A sentence ends at . ! ? or … (with the quotes and brackets that close behind it) before white space, and at
every line break but one behind a colon, whose line tells what the next one is. It does not end
- before a small letter or a dash («— Vens? — perguntou.»), or between digits («912. 345»);
- behind an abbreviation (Sr., n.º, art., p. ex.), an initial (J. Silva) or the number of a list (1., a., IV.);
- within `code`; a block between fences is cut at its lines only.

What is longer than ``max_chars`` is cut at the last white space within them that touches no digit, failing
that at any white space, failing that at ``max_chars``: nothing waits for ever.

Not covered: sentences that begin with a small letter, texts without punctuation, an abbreviation that ends
a sentence (the two stay together, which only costs time), languages other than Portuguese.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_MARK = re.compile(r"[.!?…\n]|`+")
_END = re.compile(r"[.!?…]+[\"'”’»)\]}*_]*")
_SPACE = re.compile(r"\s*")
_GAP = re.compile(r"\s+")
_WORD = re.compile(r"[^\W_]+(?:\.[^\W_]+)*\Z")
_MAX_WORD_CHARS = 24
_INITIALS = re.compile(r"[^\W\d_a-zà-ÿ](?:\.[^\W\d_a-zà-ÿ])?")
# A number, a letter or a Roman number that begins a line, behind marks of lists and headings.
_ITEM = re.compile(r"[\s>#*+_(-]*(?:[0-9]{1,3}(?:\.[0-9]{1,3})*|[^\W\d_]|[ivxIVX]{1,5})")
_MAX_ITEM_CHARS = 24

# Those that stand before what they belong to; «etc.», «Lda.» and the like may end a sentence.
_ABBREVIATIONS = frozenset(
    "sr sra srs sras srta dr dra drs dras exmo exma exmos exmas ilmo ilma eng enga arq arqa prof profa profs"
    " gen cel cap maj sgt alm st sto sta vp pres dir secr adv av r trav tv lg pc pç pct estr urb lt"
    " n nº nr núm art arts al als cf cfr p pp pág págs fl fls fig figs tab vol vols ed eds ex gr vs v s séc"
    " sécs c ca aprox ref refª tel telef telem tlm tlf ext op cit id ib trad org coord obs proc ac".split()
)
_MONTHS = frozenset("jan fev mar abr mai jun jul ago set out nov dez".split())


class _Mark(NamedTuple):
    """Something at which a sentence may end."""

    start: int
    """Of the sentence."""
    at: int
    stop: int
    """Behind the signs and what closes with them."""
    after: int
    """The first that is no white space; the sentence would end here."""


class Sentences:
    """Cuts one text that comes in pieces."""

    def __init__(self, max_chars: int = 400) -> None:
        """Begin a text.

        Args:
            max_chars: No sentence given is longer.

        Raises:
            ValueError: ``max_chars`` is not positive.
        """
        if max_chars < 1:
            raise ValueError(f"max_chars is {max_chars}; expected 1 or more; raise it")
        self._max_chars = max_chars
        self._text = ""
        """What was not given yet."""
        self._seen = 0
        """Up to where it was looked at."""
        self._begins_line = True
        """Whether it begins where a line does."""
        self._is_block = False
        """Whether what was looked at ends between fences."""
        self._is_code = False
        """Whether it ends in `code`."""

    def push(self, text: str) -> list[str]:
        """Take more of the text and give the sentences that are known to be complete."""
        self._text += text
        sentences, start = list[str](), 0
        while (end := self._end(start)) is not None:
            sentence = self._text[start:end]
            sentences.append(sentence)
            if "\n" in self._text[self._seen : end]:
                self._is_code = False
            self._seen = max(self._seen, end)
            line = sentence.rstrip(" \t")
            self._begins_line = line.endswith("\n") if line else self._begins_line
            start = end
        self._text = self._text[start:]
        self._seen -= start
        return sentences

    def finish(self) -> str:
        """Give what is left and be ready for another text."""
        rest, self._text, self._seen = self._text, "", 0
        self._begins_line, self._is_block, self._is_code = True, False, False
        return rest

    def _end(self, start: int) -> int | None:
        """Give where the sentence that begins at ``start`` ends, None if that is not known yet."""
        text, limit = self._text, start + self._max_chars
        while (match := _MARK.search(text, self._seen, limit)) is not None:
            at, stop = match.span()
            if text[at] == "`":
                if stop == len(text) and stop < limit:
                    self._seen = at  # there may be more of them
                    return None
                self._read_ticks(start, at, stop)
                self._seen = stop
                continue
            end = _END.match(text, at, limit + 1)
            stop = end.end() if end else stop
            space = _SPACE.match(text, stop, limit + 1)
            after = space.end() if space else stop
            if after >= min(len(text), limit + 1):
                self._seen = at  # what follows decides, or it is too far
                break
            mark = _Mark(start, at, stop, after)
            if text[at] == "\n":
                self._is_code = False
                self._seen = after
                if self._is_block or not _is_led_in(text, mark):
                    return after
            elif not (self._is_block or self._is_code) and self._is_end(mark):
                return after
            else:
                self._seen = stop
        else:
            self._seen = max(self._seen, min(limit, len(text)))
        return _cut(text, start, limit) if len(text) > limit else None

    def _line(self, start: int, at: int) -> str | None:
        """Give what stands before ``at`` in its line, None if that is long or was given already."""
        begin = self._text.rfind("\n", start, at) + 1
        if begin == 0:
            begin = start if self._begins_line else -1
        return self._text[begin:at] if 0 <= at - begin <= _MAX_ITEM_CHARS and begin >= 0 else None

    def _read_ticks(self, start: int, at: int, stop: int) -> None:
        line = self._line(start, at)
        if stop - at >= 3 and line is not None and not line.strip(" \t>"):
            self._is_block = not self._is_block
            self._is_code = False
        elif not self._is_block:
            self._is_code = not self._is_code

    def _is_end(self, mark: _Mark) -> bool:
        """Say whether a sentence ends at a full stop, an exclamation, a question or an ellipsis."""
        text = self._text
        if mark.stop == mark.after:
            return False
        if "\n" in text[mark.stop : mark.after]:
            return True
        following = text[mark.after]
        if following.islower() or following in ".,;:!?…—–":
            return False
        if text[mark.at] != "." or text[mark.at + 1] in ".!?…":
            return True
        if mark.at > mark.start and text[mark.at - 1].isdigit() and following.isdigit():
            return False
        line = self._line(mark.start, mark.at)
        if line is not None and _ITEM.fullmatch(line):
            return False
        return not _is_abbreviated(text, mark)


def _is_abbreviated(text: str, mark: _Mark) -> bool:
    match = _WORD.search(text, max(mark.start, mark.at - _MAX_WORD_CHARS), mark.at)
    if match is None:
        return False
    word = match.group()
    if _INITIALS.fullmatch(word) or word.lower() in _ABBREVIATIONS:
        return True
    return word.lower() in _MONTHS and text[mark.after].isdigit()


def _is_led_in(text: str, mark: _Mark) -> bool:
    """Say whether a line break stands behind a colon: what follows is read with what it is."""
    return text[max(mark.start, mark.at - 8) : mark.at].rstrip(" \t*_").endswith(":")


def _cut(text: str, start: int, limit: int) -> int:
    """Give the best place to cut within the limit."""
    gaps = list(_GAP.finditer(text, start, limit))
    for gap in reversed(gaps):
        before = text[gap.start() - 1] if gap.start() > start else ""
        if not before.isdigit() and not text[gap.end()].isdigit():
            return gap.end()
    return gaps[-1].end() if gaps else limit
