"""What Portugal and Brazil say differently: names of things and paragraphs, by split.

The pack's twins also differ where nothing Portuguese or Brazilian is at stake; those are left out
here, by rules that can be read below. The names that remain were read through; a few still differ
in what they describe, as do some paragraphs. Paragraphs count only if each of the two has a word that tells
its variety ("ecrã", "tela"): of the others it is the translator who speaks, not the country.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from amalia.pack import Paragraph, Thing
from amalia.synth.splits import Split, split_of

_MAX_LETTERS = 240
_MIN_TIMES = 5
_MIN_RATIO = 8
# Help pages also hold formulas and code, which no variety of Portuguese writes otherwise.
_PROSE = re.compile(r"[A-ZÀ-Ý][^=<>{}$\\|_]*[.:!?]")

_SMALL_WORDS = frozenset(
    {"de", "da", "do", "das", "dos", "d", "com", "sem", "a", "o", "e", "em", "no", "na", "para"}
)
# CLDR's Brazilian names of faces and people differ by these words, which are no less Portuguese.
_FACES_AND_PEOPLE = frozenset(
    {"rosto", "mulher", "homem", "pessoa", "menina", "menino", "mulheres", "homens", "pessoas"}
)
# Brazilian entries that describe another thing, or the same thing as well in Portugal.
_SAME_IN_BOTH = frozenset(
    {
        "arroz cozido", "arroz japonês", "artista plástica", "artista plástico",
        "bolinho de peixe", "brilhos", "buzina", "chamas", "cidade ao anoitecer", "conífera",
        "correio", "correio japonês", "corte de carne", "cruzeiro", "cão de serviço",
        "dedos cruzados", "edifício comercial", "fogos de artifício", "folhas caídas",
        "lua crescente convexa", "lua crescente côncava", "máscara", "mãos para cima",
        "noivo com véu", "pacote", "palmas unidas para cima", "panela", "patins de gelo",
        "professora na escola", "prédio grego", "punho direito", "punho esquerdo",
        "pão de ló de morango", "roupas femininas", "régua triangular", "santuário japonês",
        "sinal de ok", "taças brindando", "vela estrela", "zonzo",
    }
)  # fmt: skip
_PLAIN_NAME = re.compile(r"[^\W\d_]+(?:[ -][^\W\d_]+){0,3}")


@dataclass(frozen=True, slots=True)
class Varieties:
    """What the two varieties say differently, of one split."""

    names: tuple[tuple[Thing, tuple[str, str]], ...]
    twins: tuple[Paragraph, ...]
    titles: Mapping[str, str]
    """The pt-PT heading of a page."""

    @classmethod
    def of(
        cls, things: Sequence[Thing], paragraphs: Sequence[Paragraph], split: Split
    ) -> Varieties:
        """Collect names and paragraphs of ``split``; what tells the varieties apart is read off train."""
        titles = {p.page: p.pt_pt for p in reversed(paragraphs) if p.kind == "h"}
        trained_on = twins_of(paragraphs, "train")
        candidates = trained_on if split == "train" else twins_of(paragraphs, split)
        told_by = Shibboleths.of(trained_on)
        twins = [twin for twin in candidates if told_by.tell_apart(twin)]
        return cls(tuple(names_of(things, split)), tuple(twins), titles)


@dataclass(frozen=True, slots=True)
class Shibboleths:
    """Words that one variety writes where the other hardly ever does: "ecrã", "tela"."""

    ours: frozenset[str]
    theirs: frozenset[str]

    @classmethod
    def of(cls, twins: Sequence[Paragraph]) -> Shibboleths:
        """Count, over all twins, the words that only one of the two has.

        A word counts if it is at least five times in one variety alone, and there eight times as often as in
        the other alone. So "ficheiro" does, and so does what all translators of one country prefer
        ("figura" for "imagem"); what one of them chose now and then does not.
        """
        ours, theirs = Counter[str](), Counter[str]()
        for twin in twins:
            own, other = _words_of_one(twin)
            ours.update(own)
            theirs.update(other)
        return cls(_frequent_in(ours, theirs), _frequent_in(theirs, ours))

    def tell_apart(self, twin: Paragraph) -> bool:
        """Say whether each of two twins has such a word that the other has not."""
        own, other = _words_of_one(twin)
        return not (self.ours.isdisjoint(own) or self.theirs.isdisjoint(other))


def names_by_variety(thing: Thing) -> tuple[str, str] | None:
    """Give the pt-PT and the pt-BR name of what is truly called otherwise in Brazil.

    Those of everyday things were chosen by hand. Of the others, the Brazilian name may merely say
    more ("baleia", "baleia esguichando água") or be known in Portugal too, which makes it a
    keyword; those do not count.

    Returns:
        For example ``("autocarro", "ônibus")``, or None.
    """
    if thing.everyday and thing.name_pt_br is not None:
        return thing.name, thing.name_pt_br
    if (
        thing.name_pt_br is None
        or thing.name_pt_br in thing.keywords
        or thing.category == "Symbols"
    ):
        return None
    ours, theirs = (n.removeprefix("bandeira: ") for n in (thing.name, thing.name_pt_br))
    if (
        theirs in _SAME_IN_BOTH
        or not _PLAIN_NAME.fullmatch(ours)
        or not _PLAIN_NAME.fullmatch(theirs)
    ):
        return None
    our_words, their_words = content_words(ours), content_words(theirs)
    if our_words <= their_words or their_words <= our_words:
        return None
    if not their_words.isdisjoint(_FACES_AND_PEOPLE - our_words):
        return None
    return (ours, theirs) if abs(len(our_words) - len(their_words)) <= 1 else None


def variety_split(names: tuple[str, str]) -> Split:
    """Give the split of a pair of names: by the longest word that only the Brazilian one has.

    So "homem a escalar" and "mulher a escalar" stay together. What a thing is called in Portugal is
    shown in every split; that it is called otherwise in Brazil only in this one.
    """
    ours, theirs = (content_words(name) for name in names)
    return split_of(f"name:{max(sorted(theirs - ours or theirs), key=len)}")


def names_of(things: Sequence[Thing], split: Split) -> list[tuple[Thing, tuple[str, str]]]:
    """Give the things called otherwise in Brazil whose pair of names is of ``split``."""
    pairs = [(thing, names_by_variety(thing)) for thing in things]
    return [(t, pair) for t, pair in pairs if pair is not None and variety_split(pair) == split]


def twins_of(paragraphs: Sequence[Paragraph], split: Split) -> list[Paragraph]:
    """Give the paragraphs of ``split`` that are short prose and differ between the varieties."""
    return [
        p
        for p in paragraphs
        if p.kind == "p" and _are_twins(p) and split_of(f"paragraph:{p.page}") == split
    ]


def content_words(name: str) -> frozenset[str]:
    """Give the words of a name that carry its meaning, in lower case."""
    return frozenset(re.findall(r"\w+", name.casefold())) - _SMALL_WORDS


def _are_twins(paragraph: Paragraph) -> bool:
    ours, theirs = paragraph.pt_pt, paragraph.pt_br
    if max(len(ours), len(theirs), len(paragraph.en)) > _MAX_LETTERS:
        return False
    prose = all(_PROSE.fullmatch(text) and text.count(" ") >= 4 for text in (ours, theirs))
    # Beyond these lengths one of the two says more than the other.
    alike = 0.7 <= len(ours) / len(theirs) <= 1.4
    return prose and alike and _letters(ours) != _letters(theirs)


def _words_of_one(twin: Paragraph) -> tuple[set[str], set[str]]:
    """Give the words that only the pt-PT and only the pt-BR text has."""
    ours, theirs = (
        set(re.findall(r"\w+(?:-\w+)*", text.casefold())) for text in (twin.pt_pt, twin.pt_br)
    )
    return ours - theirs, theirs - ours


def _frequent_in(one: Counter[str], other: Counter[str]) -> frozenset[str]:
    return frozenset(
        word for word, n in one.items() if n >= _MIN_TIMES and n >= _MIN_RATIO * other[word]
    )


def _letters(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalpha())
