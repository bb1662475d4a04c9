"""Classes of words and phrases in a text, found word by word.

A vocabulary is read from the ``classes`` of a YAML file: name → entries as ``forms`` reads them, divided by
commas; ``@name`` takes the entries of another class in. What is found are hits: the words from one number to
another belong to some classes. Words that a phrase of class ``idiom`` covers are no hits of anything else.

What a hit means depends on its neighbours, and that is settled here: a verb behind «não» or «sem», or whose
object is «me», is none (``asks`` classes are exempt: «diz-me»); a class among ``opening`` counts only where a
clause begins or behind a ``lead`` word, so that «conhecido como» does not ask for anything; one among
``owned`` does not count behind «o meu».
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from amalia.guard.forms import expand
from amalia.guard.normal_form import Normal

_TOKEN = re.compile(
    r"[a-z0-9]+|[.!?]+(?=[\"')\]]?(?:\s|$))|\n[^\S\n]*\n|[,;:()\"\[\]\n<>|…—–]|(?<!\S)[-*•]"
)
_ENDS = frozenset(".!?;")
_NOT = frozenset("nao sem nunca jamais not never dont without evitar".split())
_OWN = frozenset("meu minha meus minhas nosso nossa nossos nossas my our".split())
_IDIOM = "idiom"


class Hit(NamedTuple):
    """Words that belong to classes."""

    start: int
    """Number of the first word."""
    end: int
    classes: int
    """One bit a class."""


@dataclass(frozen=True, slots=True)
class Words:
    """The words of a text in normal form."""

    words: Sequence[str]
    places: Sequence[tuple[int, int]]
    """Where each word stands in the normal form."""
    opens: Sequence[bool]
    """Whether a clause begins with the word."""
    sentences: Sequence[tuple[int, int]]
    """First word of each sentence and the one behind its last."""

    @classmethod
    def of(cls, normal: Normal) -> Words:
        """Divide a text into words and sentences."""
        words, places, opens, ends = list[str](), list[tuple[int, int]](), list[bool](), list[int]()
        opening = True
        for match in _TOKEN.finditer(normal.text):
            token = match[0]
            if token[0].isalnum():
                words.append(token)
                places.append(match.span())
                opens.append(opening)
                opening = False
                continue
            opening = True
            if token[0] in _ENDS or len(token) > 1:
                ends.append(len(words))
        starts = [0, *ends]
        bounds = zip(starts, [*ends, len(words)], strict=True)
        return cls(words, places, opens, [pair for pair in bounds if pair[0] < pair[1]])


@dataclass(slots=True)
class _Node:
    """A word, after others that it follows in a phrase."""

    classes: int = 0
    """Of the phrase that ends here."""
    verbs: int = 0
    """Those of them for which it begins with a verb."""
    next: dict[str, _Node] = field(default_factory=dict)


class Vocabulary:
    """Classes of words, ready to be found."""

    def __init__(self, tree: Mapping[str, object]) -> None:
        """Read ``classes``, ``asks``, ``opening``, ``lead`` and ``owned`` of a file of rules.

        Raises:
            ValueError: A class that is named does not exist.
        """
        classes = tree["classes"]
        assert isinstance(classes, Mapping)
        self._bits = {name: 1 << at for at, name in enumerate(classes)}
        self._root = _Node()
        for name in classes:
            for entry in _entries(name, classes):
                self._add(entry, self._bits[name])
        self._asks = self.mask(str(tree.get("asks", "")))
        self._opening = self.mask(str(tree.get("opening", "")))
        self._owned = self.mask(str(tree.get("owned", "")))
        self._lead = frozenset(str(tree.get("lead", "")).split())
        self._idiom = self._bits.get(_IDIOM, 0)

    def mask(self, names: str) -> int:
        """Give the bits of classes, divided by spaces or slashes."""
        mask = 0
        for name in names.replace("/", " ").split():
            if name not in self._bits:
                raise ValueError(
                    f"there is no class {name}; expected one of {', '.join(sorted(self._bits))}"
                )
            mask |= self._bits[name]
        return mask

    def hits(self, text: Words) -> list[Hit]:
        """Find everything, in order of the first word."""
        first, words, found = self._root.next, text.words, list[Hit]()
        skip = 0
        for at, word in enumerate(words):
            node = first.get(word)
            if node is None or at < skip:
                continue
            ended, end = list[tuple[int, _Node]](), at + 1
            while node is not None:
                if node.classes:
                    ended.append((end, node))
                node = node.next.get(words[end]) if end < len(words) else None
                end += 1
            for end, node in ended:
                if node.classes & self._idiom:
                    skip = end
            for end, node in ended:
                # Of words within an idiom, those count that are all of it: «orientação sexual».
                if end < skip:
                    continue
                if meant := self._meant(text, at, end, node) & ~self._idiom:
                    found.append(Hit(at, end, meant))
        return found

    def _meant(self, text: Words, at: int, end: int, node: _Node) -> int:
        words, classes = text.words, node.classes
        before = words[at - 1] if at else ""
        verbs = node.verbs & ~self._asks
        if verbs and (before == "me" or words[end : end + 1] == ["me"] or _is_denied(words, at)):
            classes &= ~verbs
        if classes & self._owned and _is_own(words, at):
            classes &= ~self._owned
        if classes & self._opening and not text.opens[at] and before not in self._lead:
            classes &= ~self._opening
        return classes

    def _add(self, entry: str, bit: int) -> None:
        is_verb = "~" in entry.split()[0]
        for form in expand(entry):
            node = self._root
            for word in form:
                node = node.next.setdefault(word, _Node())
            node.classes |= bit
            node.verbs |= bit if is_verb else 0


def _entries(name: str, classes: Mapping[str, object]) -> Iterator[str]:
    for entry in str(classes[name]).split(","):
        entry = " ".join(entry.split()).replace("| ", "|")
        if not entry.startswith("@"):
            yield entry
        elif entry[1:] in classes:
            yield from _entries(entry[1:], classes)
        else:
            raise ValueError(f"class {name} takes in {entry}, which does not exist")


def _is_denied(words: Sequence[str], at: int) -> bool:
    """Say whether one of the two words before denies a verb; «sem que» denies nothing."""
    return any(word in _NOT for word in words[max(0, at - 2) : at]) and words[at - 1] != "que"


def _is_own(words: Sequence[str], at: int) -> bool:
    return any(word in _OWN for word in words[max(0, at - 2) : at])
