"""What is read of a text: composed letters, no markup, no words that are merely mentioned.

Evidence points into the text as it was given, so every change keeps track of where letters stood.
"""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

# Two ends of a line so far apart that nothing of one text is read together with the next.
SEPARATOR = "   \n   \n"
_LAST_MARKS = " .:;!?…\n\r\t"
# Zero-width characters, soft hyphens and byte order marks stand inside words without being seen.
_INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff\u202a-\u202e]")
# UTF-8 that was read as Windows-1252: every Portuguese letter then begins with one of two letters.
_MOJIBAKE = re.compile(
    "[ÃÂ][\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d"
    "\u017e\u0192\u02c6\u02dc\u2013-\u203a\u20ac\u2122]"
)
_ENTITY = re.compile("&(?:#[0-9]{1,7}|[A-Za-z]{2,8});")
# Each begins with a letter of its own: that is what makes a search through much text fast.
_MARKUP = re.compile(
    r"<(?:script|style)\b[^<]{0,2000}</(?:script|style)>|</?[A-Za-z!][^<>\n]{0,300}>"
    r"|https?://\S+|www\.\S+"
)
_ADDRESS = re.compile(r"@[\w-]{1,64}\.[\w.]{2,64}")
# A word or two in quotes, or after "a palavra", is spoken about and not spoken; whole sentences
# in quotes are somebody's speech and count.
_WORDS = r"\s?[\w-]{1,40}(?: [\w-]{1,40}){0,2}\s?"
_QUOTED = re.compile(rf"«{_WORDS}»|“{_WORDS}”|\"{_WORDS}\"|‘{_WORDS}’")
_NAMED = re.compile(r"(?:palavra|termo|vocábulo|expressão) [\w-]+")
_PASSES = (
    (_MARKUP, ("<", "http", "www.")),
    (_ADDRESS, ("@",)),
    (_QUOTED, ("«", "“", '"', "‘")),
    (_NAMED, ("palavra ", "termo ", "vocábulo ", "expressão ")),
)


@dataclass(frozen=True, slots=True)
class Reading:
    """A text made readable, and where its characters stood."""

    text: str
    origins: tuple[tuple[int, int], ...] | None
    """For each character of ``text`` its span in the original; None if they are the same."""

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Give the span of the original that became ``text[start:end]``."""
        if self.origins is None or start == end:
            return start, end
        return self.origins[start][0], self.origins[end - 1][1]


def read(text: str) -> Reading:
    """Compose letters, mend mojibake and entities, drop what is invisible, blank markup and mentions."""
    origins: list[tuple[int, int]] | None = None
    if not is_plain(text):
        text, origins = _mended(text)
    return Reading(blanked(text), tuple(origins) if origins is not None else None)


def join_readable(texts: Sequence[str]) -> tuple[str, list[int]]:
    """Give readable texts, a ``SEPARATOR`` before each and after the last, and their lengths.

    Marks at the end of a text are left out: whether a label has its full stop is a translator's
    habit and says nothing about the country.
    """
    texts = [text.rstrip(_LAST_MARKS) for text in texts]
    joined = SEPARATOR.join(("", *texts, ""))
    if not is_plain(joined):
        texts = [text if is_plain(text) else _mended(text)[0] for text in texts]
        joined = SEPARATOR.join(("", *texts, ""))
    return blanked(joined), [len(text) for text in texts]


def is_plain(text: str) -> bool:
    """Say whether a text has composed letters, and no invisible ones, mojibake or entities."""
    if "&" in text and _ENTITY.search(text):
        return False
    if text.isascii():
        return True
    return (
        unicodedata.is_normalized("NFC", text)
        and not _INVISIBLE.search(text)
        and not _MOJIBAKE.search(text)
    )


def blanked(text: str) -> str:
    """Put spaces in place of markup and mentions; the length stays."""
    for pattern, signs in _PASSES:
        if any(sign in text for sign in signs):
            text = pattern.sub(_spaces, text)
    return text


def _spaces(match: re.Match[str]) -> str:
    return " " * len(match[0])


def _mended(text: str) -> tuple[str, list[tuple[int, int]]]:
    letters: list[str] = []
    origins: list[tuple[int, int]] = []
    at = 0
    while at < len(text):
        end = at + 1
        if _MOJIBAKE.match(text, at):
            letter, end = _decoded(text[at : at + 2]), at + 2
        elif text[at] == "&" and (entity := _ENTITY.match(text, at)):
            letter, end = html.unescape(entity[0]), entity.end()
        else:
            while end < len(text) and unicodedata.combining(text[end]):
                end += 1
            letter = text[at:end]
            if end > at + 1:
                letter = unicodedata.normalize("NFC", letter)
        if not _INVISIBLE.fullmatch(letter):
            letters.append(letter)
            origins.extend([(at, end)] * len(letter))
        at = end
    return "".join(letters), origins


def _decoded(pair: str) -> str:
    """Read two letters of mojibake as the one they were."""
    try:
        return pair.encode("cp1252").decode("utf-8")
    except UnicodeError:
        try:
            return pair.encode("latin-1").decode("utf-8")
        except UnicodeError:
            return pair
