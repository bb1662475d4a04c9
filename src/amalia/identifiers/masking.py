"""Take identifiers out of a text before a model sees it, and put them back into what it answers.

A ``Vault`` lives as long as one request. A value gets a tag that reads as what it is, [NIF 1] or
[TELEFONE 2], the same one in every turn however it is written; the model works with the tag, and
``restore`` or ``Restoring`` writes the value in its place, as it was first written. ``redact`` is for what
is never to come back. Nothing here decides what is an identifier, and a vault is never written anywhere.

Not covered: a tag that the model translates, spells out or breaks into more than spacing, letter case,
accents and hyphens; a value that the model guesses; two people who share one number.
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from typing import Protocol

from amalia.identifiers.check_digits import plain

_NAMES = {
    "nif": ("NIF", "removido"),
    "niss": ("NISS", "removido"),
    "cartao_cidadao": ("CARTÃO DE CIDADÃO", "removido"),
    "iban": ("IBAN", "removido"),
    "phone": ("TELEFONE", "removido"),
    "postal_code": ("CÓDIGO POSTAL", "removido"),
    "licence_plate": ("MATRÍCULA", "removida"),
    "email": ("CORREIO ELETRÓNICO", "removido"),
    "payment_card": ("CARTÃO DE PAGAMENTO", "removido"),
    "ip": ("ENDEREÇO IP", "removido"),
}
_OTHER = ("DADO", "removido")

_MAX_TAG_CHARS = 48
# With the backslashes of somebody who escapes Markdown, or without.
_TAG = re.compile(rf"\\\[([^\[\]]{{1,{_MAX_TAG_CHARS}}})\\\]|\[([^\[\]]{{1,{_MAX_TAG_CHARS}}})\]")


class Span(Protocol):
    """What was found in a text, and where."""

    @property
    def category(self) -> str:
        """What it is, for example ``nif``."""
        ...

    @property
    def start(self) -> int:
        """Its first character."""
        ...

    @property
    def end(self) -> int:
        """Behind its last character."""
        ...


class Vault:
    """What was taken out of one request; its values show in no representation."""

    def __init__(self) -> None:
        self._tags: dict[tuple[str, str], str] = {}
        """Category and normal form of a value → its tag."""
        self._values: dict[str, str] = {}
        """Folded tag → the value as it was first written."""
        self._typed: set[str] = set()
        """What stood in brackets in the texts themselves and must not become a tag."""
        self._last: defaultdict[str, int] = defaultdict(int)

    def mask(self, text: str, findings: Sequence[Span]) -> str:
        """Write a tag in place of what was found.

        Args:
            text: One text of the request; every text goes through the same vault.
            findings: Spans in it, in any order; those that overlap are taken out together.
        """
        spans = _spans(text, findings)
        self._typed.update(
            _folded(match) for kept in _between(text, spans) for match in _TAG.finditer(kept)
        )
        parts, end = list[str](), 0
        for start, stop, category in spans:
            parts += [self._kept(text[end:start]), self._tag(category, text[start:stop])]
            end = stop
        return "".join((*parts, self._kept(text[end:])))

    def restore(self, text: str) -> str:
        """Write the values in place of their tags, in whatever spacing and letter case those are."""
        if not self._values:
            return text
        return _TAG.sub(lambda match: self._values.get(_folded(match), match.group()), text)

    def held_from(self, text: str) -> int:
        """Say from where on a text may be the beginning of a tag; its length if nowhere."""
        if not self._values:
            return len(text)
        opened = text.rfind("[")
        if opened >= 0 and "]" not in text[opened:]:
            inside = text[opened + 1 :]
            begun = _fold(inside)
            if len(inside) <= _MAX_TAG_CHARS + 1 and any(
                tag.startswith(begun) for tag in self._values
            ):
                return opened - text.endswith("\\", 0, opened)
        return len(text) - text.endswith("\\")

    def _tag(self, category: str, value: str) -> str:
        key = (category, _normal(category, value))
        if key not in self._tags:
            label = _NAMES.get(category, _OTHER)[0]
            while True:
                self._last[label] += 1
                tag = f"[{label} {self._last[label]}]"
                if _fold(tag) not in self._typed:
                    break
            self._tags[key] = tag
            self._values[_fold(tag)] = value
        return self._tags[key]

    def _kept(self, text: str) -> str:
        """Give text that stays; what looks like one of our tags in it gets a tag of its own."""
        if not self._values:
            return text
        return _TAG.sub(
            lambda match: (
                self._tag("typed", match.group())
                if _folded(match) in self._values
                else match.group()
            ),
            text,
        )


class Restoring:
    """Restores an answer that comes in pieces, and holds back only what may be the beginning of a tag."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._held = ""

    def push(self, piece: str) -> str:
        """Take a piece and give what can be given; all pieces given are ``restore`` of all taken."""
        text = self._held + piece
        cut = self._vault.held_from(text)
        self._held = text[cut:]
        return self._vault.restore(text[:cut])

    def finish(self) -> str:
        """Give what is held back at the end of the answer."""
        text, self._held = self._held, ""
        return self._vault.restore(text)


def redact(text: str, findings: Sequence[Span]) -> str:
    """Take what was found out of a text for good: «O NIF é [NIF removido].»."""
    parts, end = list[str](), 0
    for start, stop, category in _spans(text, findings):
        parts += [text[end:start], f"[{' '.join(_NAMES.get(category, _OTHER))}]"]
        end = stop
    return "".join((*parts, text[end:]))


def _spans(text: str, findings: Sequence[Span]) -> list[tuple[int, int, str]]:
    """Give what is to be taken out, in order; overlapping findings as one, named for the longest."""
    spans = list[tuple[int, int, str]]()
    longest = 0
    for found in sorted(findings, key=lambda found: (found.start, -found.end)):
        start, end = max(0, found.start), min(len(text), found.end)
        if start >= end:
            continue
        if spans and start < spans[-1][1]:
            first, last, category = spans[-1]
            if end - start > longest:
                longest, category = end - start, found.category
            spans[-1] = (first, max(last, end), category)
        else:
            longest = end - start
            spans.append((start, end, found.category))
    return spans


def _between(text: str, spans: Sequence[tuple[int, int, str]]) -> list[str]:
    """Give the texts around the spans."""
    starts = [0, *(end for _, end, _ in spans)]
    ends = [*(start for start, _, _ in spans), len(text)]
    return [text[start:end] for start, end in zip(starts, ends, strict=True)]


def _normal(category: str, value: str) -> str:
    """Write a value in the one way in which two writings of it are the same."""
    if category not in _NAMES:
        return value
    if category == "email":
        return plain(value).casefold()
    bare = re.sub(r"[^\w+]", "", plain(value)).casefold() or value
    if category == "phone":
        return re.sub(r"^(?:\+|00)?351(?=\d{9}$)", "", bare)
    if category == "nif":
        return bare.removeprefix("pt")
    # An account is the same with PT50 before it and without.
    return bare.removeprefix("pt50") if category == "iban" else bare


def _folded(match: re.Match[str]) -> str:
    return _fold(match[1] or match[2])


def _fold(tag: str) -> str:
    """Write a tag without spaces, accents, signs and letter case.

    Letter by letter, so that the beginning of a tag folds to the beginning of what the tag folds to.
    """
    letters = unicodedata.normalize("NFKD", tag).casefold()
    return "".join(letter for letter in letters if letter.isalnum())
