"""Clean text of extracted text: letters repaired, lines that say nothing left out, and all of it counted.

In this order: text that was garbled by a wrong character set is repaired (``ftfy``, only on lines where
its own check finds something, since it is slow); control characters and soft hyphens go; spaces become one
space, and Unicode its composed form; lines split at «|»; and lines go that are menus, phrases of
``boilerplate_lines``, symbols alone, or copies of an earlier line. A sentence is never touched: only
whole lines go.

Not covered: boilerplate that one site alone repeats (duplicates across documents are another step's), text
garbled twice beyond what ftfy undoes, refrains (a line that comes back is a copy).
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from amalia.corpus import boilerplate_lines
from amalia.errors import MissingExtra

_MAX_MENU_WORDS = 3
_MIN_MENU_LINES = 4
_MIN_SEPARATORS = 2

# What garbled UTF-8 shows, and correct Portuguese (NÃO, CÂMARA, câmara) does not.
_GARBLED = re.compile(
    "Ã(?![A-ZÀ-Ý.,;:!?])|Â(?![A-ZÀ-Ý])|â[^\\w\\s]|â\u0080|Å[^\\w\\s]|ï¿½|[\u0080-\u009f]"
)
_UNWANTED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\ufeff\ufff9-\ufffc\ue000-\uf8ff]"
)
# Text of these letters alone is composed, and has nothing unwanted in it.
_USUAL = re.compile("[\n -~\u00a1-\u00ac\u00ae-\u017f\u2010-\u2027\u2030-\u2046\u20ac]*+")
_BREAKS = re.compile("\r\n?|\x0b|\x0c|\x85|\u2028|\u2029")
_SPACES = re.compile("[ \t\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]+")
_SEPARATOR = re.compile(r" ?[|¦›»→·•] ?")
_SENTENCE = re.compile(r"[.!?…][»”\"')]*$")


@dataclass(frozen=True, slots=True)
class Cleaned:
    """Clean text, and what was done to it."""

    text: str
    """One paragraph a line."""
    counts: Mapping[str, int]
    """Lines (of ``control_characters``: characters) by what was done to them; a ``snake_case`` fact each."""


def cleaned(text: str) -> Cleaned:
    """Clean extracted text, one paragraph a line.

    Raises:
        MissingExtra: if text has to be repaired and ``ftfy`` is not installed.
    """
    counts: Counter[str] = Counter()
    if _GARBLED.search(text):
        text = _repaired(text, counts)
    if not _USUAL.fullmatch(text):
        text = _usual(text, counts)
    if "  " in text:
        text = _SPACES.sub(" ", text)
    kept: list[str] = []
    seen: set[str] = set()
    for line in _lines(text, counts):
        reason = _reason(line, seen)
        if reason:
            counts[reason] += 1
        else:
            seen.add(line)
            kept.append(line)
    return Cleaned("\n".join(_without_menus(kept, counts)), dict(counts))


def _usual(text: str, counts: Counter[str]) -> str:
    text, num_unwanted = _UNWANTED.subn("", _BREAKS.sub("\n", text))
    if num_unwanted:
        counts["control_characters"] += num_unwanted
    if not unicodedata.is_normalized("NFC", text):
        text = unicodedata.normalize("NFC", text)
        counts["not_composed"] += 1
    return _SPACES.sub(" ", text)


def _repaired(text: str, counts: Counter[str]) -> str:
    try:
        import ftfy
        from ftfy.badness import is_bad
    except ImportError as error:
        raise MissingExtra("Repairing garbled text", "corpus") from error
    lines = text.split("\n")
    for index, line in enumerate(lines):
        if _GARBLED.search(line) and is_bad(line):
            repaired = ftfy.fix_encoding(line)
            if repaired != line:
                lines[index] = repaired
                counts["encoding_repaired"] += 1
    return "\n".join(lines)


def _lines(text: str, counts: Counter[str]) -> Iterator[str]:
    """Give the lines without spaces around them; a line with several «|» is a menu, or several lines."""
    for raw in text.split("\n"):
        line = raw.strip()
        if not line:
            continue
        if "|" not in line and "›" not in line and "»" not in line and "·" not in line:
            yield line
            continue
        if _is_navigation_run(line):
            counts["navigation_run"] += 1
        elif "|" in line:
            counts["symbol_line"] += 1
            yield from (part for each in line.split("|") if (part := each.strip()))
        else:
            yield line


def _is_navigation_run(line: str) -> bool:
    """Tell «Início | Notícias | Contactos»: short parts between separators, and no sentence."""
    parts = [part for part in _SEPARATOR.split(line) if part]
    if len(parts) <= _MIN_SEPARATORS or _SENTENCE.search(line) or "«" in line:
        return False
    # Parts of figures are a row of a table.
    if sum(part[0].isdigit() for part in parts) * 2 > len(parts):
        return False
    return len(line.split()) <= len(parts) * (_MAX_MENU_WORDS + 1)


def _reason(line: str, seen: set[str]) -> str | None:
    if line in seen:
        return "duplicate_line"
    if len(line) <= boilerplate_lines.MAX_CHARS and (reason := boilerplate_lines.reason(line)):
        return reason
    # Most lines begin with a letter; only the others are looked through.
    if not line[0].isalnum() and not any(map(str.isalnum, line)):
        return "symbol_line"
    return None


def _without_menus(lines: list[str], counts: Counter[str]) -> list[str]:
    """Cut runs of short lines without an end at the beginning and at the end, unless they are all there is."""
    first = 0
    while first < len(lines) and _is_menu_item(lines[first]):
        first += 1
    last = len(lines)
    while last > first and _is_menu_item(lines[last - 1]):
        last -= 1
    if first == len(lines):
        return lines
    if first < _MIN_MENU_LINES:
        first = 0
    if len(lines) - last < _MIN_MENU_LINES:
        last = len(lines)
    if num_cut := first + len(lines) - last:
        counts["menu_line"] += num_cut
    return lines[first:last]


def _is_menu_item(line: str) -> bool:
    is_short = line.count(" ") < _MAX_MENU_WORDS and line[-1] not in '.!?…:;,»”"'
    return is_short and not any(map(str.isdigit, line))  # figures are the rows of a table
