"""What in a text speaks for Portugal or for Brazil, word by word.

Words and phrases come from the lexicon, spellings and grammar from rules. Each finding says what
it is, which variety it suggests and, for a Brazilian form, what stands in its place in Portugal.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from amalia.variety import grammar, spelling, unaccented
from amalia.variety.findings import MARKS, WORD, Finding, Side, Token
from amalia.variety.lexicon import Lexicon
from amalia.variety.text import Reading

_TOKEN = re.compile(rf"{WORD}|[{re.escape(MARKS)}]")


@dataclass(frozen=True, slots=True)
class Evidence:
    """One sign of a variety."""

    span: tuple[int, int]
    """First letter and the one after the last, in the text as given."""
    text: str
    kind: str
    """lexicon, spelling, old-spelling, collocation, clitic, progressive, address, article,
    contraction or regency."""
    suggests: Side
    instead: str | None = None
    """What stands there in Portugal, for a Brazilian form with one counterpart."""
    safe: bool = False
    """Whether ``instead`` is right in any context."""


def find(reading: Reading, original: str) -> tuple[Evidence, ...]:
    """Find all signs of either variety.

    Args:
        reading: The text as it is read.
        original: The text as it was given, for the words that evidence shows.

    Returns:
        Evidence that does not overlap, in the order of the text.
    """
    tokens = tokenize(reading.text)
    findings = sorted(_findings(_words(reading.text, tokens)), key=lambda f: (f.start, -f.end))
    taken: list[Evidence] = []
    after = -1
    for finding in findings:
        if finding.start < after:
            continue
        after = finding.end
        start, end = tokens[finding.start].start, tokens[finding.end - 1].end
        left, right = reading.span(start, end)
        said = reading.text[start:end]
        instead = finding.instead and _cased(finding.instead, said)
        taken.append(
            Evidence(
                (left, right),
                original[left:right],
                finding.kind,
                finding.suggests,
                instead,
                finding.safe and instead is not None,
            )
        )
    return tuple(taken)


def agree(evidence: Sequence[Evidence], leaning: Side) -> bool:
    """Say whether there is evidence and all of it is for one variety."""
    return bool(evidence) and all(sign.suggests == leaning for sign in evidence)


def tokenize(text: str) -> list[Token]:
    """Split a text into words (with their hyphens) and marks."""
    return [Token(m[0].lower(), m.start(), m.end()) for m in _TOKEN.finditer(text)]


def _words(text: str, tokens: Sequence[Token]) -> list[str]:
    words = [token.word for token in tokens]
    return unaccented.restored(words, _spellings()) if text.isascii() else words


def _findings(words: Sequence[str]) -> Iterator[Finding]:
    lexicon = _lexicon()
    by_first = lexicon.by_first
    for at, word in enumerate(words):
        if word in by_first and (entry := lexicon.at(words, at)) is not None:
            end = at + len(entry.words)
            yield Finding(at, end, entry.kind, entry.suggests, entry.instead, entry.safe)
        elif (spelt := spelling.finding(word, at)) is not None:
            yield spelt
        yield from grammar.findings(words, at)


@cache
def _lexicon() -> Lexicon:
    return Lexicon.load()


@cache
def _spellings() -> Mapping[str, str]:
    """Give words and phrases of the lexicon without accents; spellings are often alike without them."""
    entries = (entry for same in _lexicon().by_first.values() for entry in same)
    forms = (entry.words for entry in entries if entry.kind in ("lexicon", "collocation"))
    return unaccented.spellings(forms)


def _cased(instead: str, said: str) -> str:
    """Write a form with the capitals of the one it stands for."""
    if said.isupper() and len(said) > 1:
        return instead.upper()
    return instead[0].upper() + instead[1:] if said[0].isupper() else instead
