"""A document cut into passages at headings, paragraphs and sentences, with the places they stand at.

Every passage is a slice of its document, letter for letter, so a citation can be shown where it stands. A
passage never spans two sections. What is longer than a passage (a table, a text without full stops) is cut between
words, and only a single word beyond the limit is cut itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from amalia.records import Document
from amalia.retrieve.words import sentences

MAX_CHARS = 800
OVERLAP_CHARS = 120
_HEADING = re.compile(r"^[ \t]{0,3}(#{1,6})[ \t]+(\S.*)$", re.M)
_UNDERLINED = re.compile(r"^(\S[^\n]*)\n(={3,}|-{3,})[ \t]*$", re.M)
_PARAGRAPH = re.compile(r"\n[ \t]*\n")
_SPACE = re.compile(r"\s*")
_MAX_TITLE_CHARS = 120


class Slice(NamedTuple):
    """A passage of a document before it has a name."""

    start: int
    end: int
    heading: str
    """Heading it stands under, empty when there is none but the title."""


class Piece(NamedTuple):
    """A passage of a document."""

    id: str
    """``<document id>#<number>``, numbered from 1; the same for the same text and sizes."""
    start: int
    """Where it stands: ``document.text[start:end]`` is ``text``."""
    end: int
    heading: str
    text: str


class _Sentence(NamedTuple):
    start: int
    end: int
    ends_paragraph: bool


def title_of(document: Document) -> str:
    """Name a document: its first heading, a first line that stands alone, or what its address ends in."""
    headings = _headings(document.text)
    if headings and not document.text[: headings[0].start].strip():
        return headings[0].text[:_MAX_TITLE_CHARS]
    first, _, rest = document.text.strip().partition("\n")
    line = first.strip()
    if 0 < len(line) <= _MAX_TITLE_CHARS and rest[:1] in ("\n", "\r") and line[-1] not in ".,;:":
        return line
    place = (document.url or document.id).rstrip("/")
    return place.rsplit("/", 1)[-1][:_MAX_TITLE_CHARS] or place


def pieces(
    document: Document, *, max_chars: int = MAX_CHARS, overlap_chars: int = OVERLAP_CHARS
) -> list[Piece]:
    """Cut a document into named passages; as ``slices``."""
    found = slices(document.text, max_chars=max_chars, overlap_chars=overlap_chars)
    return [
        Piece(f"{document.id}#{number}", start, end, heading, document.text[start:end])
        for number, (start, end, heading) in enumerate(found, 1)
    ]


def slices(
    text: str, *, max_chars: int = MAX_CHARS, overlap_chars: int = OVERLAP_CHARS
) -> list[Slice]:
    """Cut a text into passages that cover all of it but space.

    Args:
        text: A whole document.
        max_chars: Longest passage, at least 1.
        overlap_chars: How much of a passage, at most, is said again at the beginning of the next of the same
            section: whole sentences only. Less than ``max_chars``.

    Returns:
        Passages in order; none for a text without letters.

    Raises:
        ValueError: The sizes do not fit together.
    """
    if not 0 <= overlap_chars < max_chars:
        raise ValueError(
            f"overlap_chars is {overlap_chars} and max_chars {max_chars}; expected 0 or more and less than max_chars"
        )
    return [
        Slice(start, end, heading)
        for first, last, heading in _sections(text)
        for start, end in _packed(
            _sentences(text, first, last, max_chars), max_chars, overlap_chars
        )
    ]


class _Heading(NamedTuple):
    start: int
    end: int
    level: int
    text: str


def _headings(text: str) -> list[_Heading]:
    found = [
        _Heading(
            match.start(), match.end(), len(match[1]), match[2].rstrip(" \t#") or match[2].strip()
        )
        for match in _HEADING.finditer(text)
    ]
    found += [
        _Heading(match.start(), match.end(), 1 if match[2][0] == "=" else 2, match[1].strip())
        for match in _UNDERLINED.finditer(text)
    ]
    return sorted(found)


def _sections(text: str) -> Iterator[tuple[int, int, str]]:
    """Give start, end and heading; headings without text of their own go with what follows them."""
    headings = _headings(text)
    start, named, above = 0, "", list[_Heading]()
    body = 0
    for number, heading in enumerate([*headings, None]):
        end = heading.start if heading else len(text)
        if text[body:end].strip() or heading is None:
            if text[start:end].strip():
                yield start, end, named
            start = end
        if heading is None:
            return
        above = [one for one in above if one.level < heading.level] + [heading]
        is_title = number == 0 and not text[: heading.start].strip()
        path = (
            above[1:]
            if above[0] is headings[0] and not text[: headings[0].start].strip()
            else above
        )
        named = "" if is_title else " › ".join(one.text for one in path)
        body = heading.end


def _sentences(text: str, first: int, last: int, max_chars: int) -> list[_Sentence]:
    """Give the sentences of a section, the too long ones cut between words."""
    found: list[_Sentence] = []
    part = text[first:last]
    paragraphs = [match.start() for match in _PARAGRAPH.finditer(part)] + [len(part)]
    ends = iter(paragraphs)
    paragraph = next(ends)
    for start, end in sentences(part):
        while paragraph < end:
            paragraph = next(ends)
        space = _SPACE.match(part, end)  # no slice: a paragraph may be the whole of a long text
        ends_paragraph = space is not None and space.end() >= paragraph
        pieces = list(_cut(part, start, end, max_chars))
        found += [_Sentence(first + a, first + b, ends_paragraph and b == end) for a, b in pieces]
    return found


def _cut(text: str, start: int, end: int, max_chars: int) -> Iterator[tuple[int, int]]:
    while end - start > max_chars:
        space = max(
            text.rfind(" ", start, start + max_chars + 1),
            text.rfind("\n", start, start + max_chars + 1),
        )
        at = space if space > start else start + max_chars
        yield start, start + len(text[start:at].rstrip())
        while at < end and text[at].isspace():
            at += 1
        start = at
    if start < end:
        yield start, end


def _packed(
    parts: list[_Sentence], max_chars: int, overlap_chars: int
) -> Iterator[tuple[int, int]]:
    """Join sentences as long as they fit; rather end with a paragraph when the passage is half full."""
    first = new = 0  # ``new`` is the first sentence that no passage holds yet
    while new < len(parts):
        after = new + 1
        while after < len(parts) and parts[after].end - parts[first].start <= max_chars:
            after += 1
        if after < len(parts):
            half = parts[first].start + max_chars // 2
            whole = [
                n + 1 for n in range(new, after) if parts[n].ends_paragraph and parts[n].end >= half
            ]
            after = whole[-1] if whole else after
        yield parts[first].start, parts[after - 1].end
        first, new = after, after
        while (
            new < len(parts)
            and first > 0
            and parts[new - 1].end - parts[first - 1].start <= overlap_chars
            and parts[new].end - parts[first - 1].start <= max_chars
        ):
            first -= 1
