"""Undo what hides words from rules, and remember where every letter stood.

A rule sees lower-case letters without accents: full-width and mathematical letters, look-alikes of other
alphabets, small capitals and letters in boxes become the letter they show; what is not seen (zero-width
and bidi characters, soft hyphens, combining marks) is gone, except that Unicode's invisible copy of ASCII
(the tags), which models read and people do not, becomes the text it says. Digits and signs that stand for
letters inside words, letters spaced out, and runs of one letter are undone. One pass over the text each, and
offsets lead back to the text as it was given.

Not covered: words cut in two by a space or a hyphen («bom ba»), letters spaced out without a wider gap
between words, letters left out, mirrored or upside-down letters, ciphers, letters that only look alike in
one font.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

_LOOKALIKES = str.maketrans(
    "авекмнорстухіјѕһԁԛԝґьѵ" "αβγεζηικνορτυχωϲϳ" "ɑɡɩʀʙɢʜɪʟɴʏᴀᴄᴅᴇғᴊᴋᴍᴏᴘǫꜱᴛᴜᴠᴡᴢ" "łøđıħŧŋþð",
    "abekmhopctyxijshdqwrbv" "abyezhikvoptuxwcj" "agirbghilnyacdefjkmopqstuvwz" "lodihtnpd",
)  # fmt: skip
# Letters in boxes and circles, which have no decomposition, and the letters of flags.
_BOXED = (0x1F130, 0x1F150, 0x1F170, 0x1F1E6)
_TAGS = range(0xE0020, 0xE007F)
_SIGNS = str.maketrans("013457@$", "oieastas")
_QUOTES = str.maketrans("“”„«»‟‘’‚‛", '""""""\'\'\'\'')
_SIGN_BY_LETTER = re.compile(r"[a-z][013457@$]|[013457@$][a-z]")
_WITH_SIGNS = re.compile(r"[a-z0-9@$]+")
_SPACED = re.compile(r"(?<![a-z0-9])[a-z](?:[ .*_\-/|][a-z]){3,}(?![a-z0-9])")
# Not w, of which addresses have three.
_RUN = re.compile(r"([a-vx-z])\1{2,}")
_VOWELS = "aeiou"


@dataclass(frozen=True, slots=True)
class Normal:
    """A text as rules see it."""

    text: str
    offsets: Sequence[int]
    """For each character where it stood in the text as given, and behind the last the length of that."""

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Give where ``text[start:end]``, not empty, stood; accents and what is unseen behind it included."""
        return self.offsets[start], max(self.offsets[end], self.offsets[end - 1] + 1)


def normalized(text: str) -> Normal:
    """Give a text as rules see it; takes time in proportion to its length."""
    letters, offsets = _letters(text)
    letters = _without_signs(letters)
    cuts = sorted((*_spaces_between_letters(letters), *_repeats(letters)))
    if not cuts:
        return Normal(letters, offsets)
    kept, origins, after = list[str](), list[int](), 0
    for start, end in cuts:
        if start > after:
            kept.append(letters[after:start])
            origins.extend(offsets[after:start])
        after = max(after, end)
    kept.append(letters[after:])
    origins.extend(offsets[after:])
    return Normal("".join(kept), origins)


class _Table(dict[int, str]):
    """What each character becomes; learns as it meets them."""

    def __missing__(self, code: int) -> str:
        become = _plain(code)
        # All of Unicode would be a million entries, at the bidding of whoever sends them.
        if len(self) < 4096:
            self[code] = become
        return become


def _letters(text: str) -> tuple[str, Sequence[int]]:
    if text.isascii() and text.isprintable():
        return text.lower(), range(len(text) + 1)
    table = _Table()
    become = [table[ord(letter)] for letter in text]
    letters = "".join(become)
    if len(letters) == len(text) and "" not in become:
        return letters, range(len(text) + 1)
    offsets = [at for at, some in enumerate(become) for _ in some]
    return letters, [*offsets, len(text)]


def _plain(code: int) -> str:
    if code in _TAGS:
        return chr(code - 0xE0000).lower()
    for first in _BOXED:
        if first <= code < first + 26:
            return chr(code - first + ord("a"))
    letter = chr(code)
    if letter in "\n\t\r":
        return letter
    if unicodedata.category(letter) in ("Cf", "Cc", "Mn", "Me"):
        return ""
    parts = unicodedata.normalize("NFKD", letter.translate(_QUOTES)).lower().translate(_LOOKALIKES)
    return "".join(part for part in parts if unicodedata.category(part) not in ("Mn", "Me"))


def _without_signs(text: str) -> str:
    """Read digits and signs inside words as the letters they look like: «b0mb4», «m@tar»."""
    if not _SIGN_BY_LETTER.search(text):
        return text
    return _WITH_SIGNS.sub(_read_as_letters, text)


def _read_as_letters(match: re.Match[str]) -> str:
    word = match[0]
    num_letters = sum(map(str.isalpha, word))
    # Amounts (10km, 25a) have as many digits, and an address has a dot behind its sign.
    is_address = "@" in word and match.string[match.end() : match.end() + 1] == "."
    if num_letters in (0, len(word)) or 2 * num_letters <= len(word) or is_address:
        return word
    return word.translate(_SIGNS)


def _spaces_between_letters(text: str) -> Iterator[tuple[int, int]]:
    for spaced in _SPACED.finditer(text):
        for at in range(spaced.start() + 1, spaced.end(), 2):
            yield at, at + 1


def _repeats(text: str) -> Iterator[tuple[int, int]]:
    for run in _RUN.finditer(text):
        around = text[run.start() - 1 : run.start()], text[run.end() : run.end() + 1]
        # Between vowels Portuguese writes rr and ss.
        is_double = run[1] in "rs" and all(letter and letter in _VOWELS for letter in around)
        yield run.start() + (2 if is_double else 1), run.end()
