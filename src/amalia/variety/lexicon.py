"""Words and phrases that tell pt-PT from pt-BR: «autocarro» and «ônibus».

``lexicon.tsv`` lists pairs: the Portuguese form, the Brazilian one, and which of the two is a sign of
its variety. A form that both countries write, in whatever sense, is a sign of neither, so «fato»,
«comboio» and «rapariga» are not in the lexicon although their counterparts are. Plurals, genders and
regular verb forms are made here, on both sides at once, so that a Brazilian form knows the
Portuguese one that would stand in its place.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

from amalia.variety.findings import WORD, Side

__all__ = ["Entry", "Lexicon", "Row", "forms", "rows", "words_of"]

_TABLE = Path(__file__).with_name("lexicon.tsv")
_WORD = re.compile(WORD)

# What follows one of these in a phrase stays as it is: «cafés da manhã», «chaves de fendas».
_SMALL_WORDS = "a à ao às aos com contra da das de do dos e em na no para pela pelo por sem sobre"
_AFTER_THE_HEAD = frozenset(_SMALL_WORDS.split())
_PLURALS = (
    ("ão", "ões"), ("m", "ns"), ("ês", "eses"), ("ás", "ases"), ("s", "s"), ("x", "x"),
    ("r", "res"), ("z", "zes"), ("al", "ais"), ("ol", "óis"), ("ul", "uis"), ("", "s"),
)  # fmt: skip
_STRESSED = re.compile("[áâãéêíóôõú]")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    ``sign`` says which form tells its variety: ``"both"``, ``"pt"``, ``"br"``, or ``"none"`` where the two
    are equal; such a row keeps a form that is also another word from being a sign («acesso», which is
    "eu acesso" too).
    """

    pt_pt: str
    pt_br: str
    kind: str
    inflect: str
    sign: str
    safe: bool
    source: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One form that tells its variety.

    ``words`` are lower-case words. ``instead`` is what Portugal writes for a Brazilian form, inflected
    alike, and None for a Portuguese form. ``safe`` says that it fits in any context: it has the same
    gender and number, nothing around it must change, and the Brazilian form has no other meaning.
    """

    words: tuple[str, ...]
    kind: str
    suggests: Side
    instead: str | None
    safe: bool


@dataclass(frozen=True, slots=True)
class Lexicon:
    """All forms that tell their variety, by their first word and longest first."""

    by_first: Mapping[str, tuple[Entry, ...]]

    @classmethod
    def load(cls) -> Lexicon:
        """Read the packaged table and inflect its rows."""
        return cls.of(rows())

    @classmethod
    def of(cls, table: Sequence[Row]) -> Lexicon:
        """Inflect ``table``. Where two rows hold the same form, the first one counts.

        A form that stands on both sides of the table, in one row or in two, is a sign of neither
        variety, whatever the rows say.
        """
        inflected = [(row, forms(row.pt_pt, row.pt_br, row.inflect)) for row in table]
        ours = {own.lower() for _, pairs in inflected for own, _ in pairs}
        theirs = {other.lower() for _, pairs in inflected for _, other in pairs}
        entries: dict[str, Entry] = {}
        for row, pairs in inflected:
            if row.sign in ("both", "pt"):
                ours_told = [(own, None) for own, _ in pairs]
                _add(entries, row, suggests="pt-PT", told=ours_told, other_side=theirs)
            if row.sign in ("both", "br"):
                told = [(other, own) for own, other in pairs]
                _add(entries, row, suggests="pt-BR", told=told, other_side=ours)
        by_first: dict[str, tuple[Entry, ...]] = {}
        for entry in sorted(entries.values(), key=lambda entry: -len(entry.words)):
            by_first[entry.words[0]] = (*by_first.get(entry.words[0], ()), entry)
        return cls(by_first)

    def at(self, tokens: Sequence[str], position: int) -> Entry | None:
        """Give the longest entry that starts at ``position`` of lower-case ``tokens``, if any."""
        for entry in self.by_first.get(tokens[position], ()):
            if tuple(tokens[position : position + len(entry.words)]) == entry.words:
                return entry
        return None


def rows() -> list[Row]:
    """Read the packaged table."""
    _, *lines = _TABLE.read_text("utf-8").splitlines()
    return [_row(line.split("\t")) for line in lines]


def words_of(text: str) -> tuple[str, ...]:
    """Split a text into lower-case words; hyphens and apostrophes stay inside a word."""
    return tuple(_WORD.findall(text.lower()))


def forms(pt_pt: str, pt_br: str, inflect: str) -> list[tuple[str, str]]:
    """Inflect both sides of a pair alike.

    Args:
        pt_pt: The Portuguese form. A plural that no rule gives is written after a slash, as in
            ``"pequeno-almoço/pequenos-almoços"``.
        pt_br: The Brazilian form, written likewise.
        inflect: ``"n"`` for singular and plural, ``"a"`` for both genders too, ``"v"`` for the forms of a
            regular verb, whose object may follow it, and ``"-"`` for the pair as it is.

    Returns:
        Pairs of forms that mean the same; of a verb also those with "tu".
    """
    return list(zip(_INFLECTED[inflect](pt_pt), _INFLECTED[inflect](pt_br), strict=True))


def _row(cells: Sequence[str]) -> Row:
    pt_pt, pt_br, kind, inflect, sign, safe, source = cells
    return Row(pt_pt, pt_br, kind, inflect, sign, safe == "yes", source)


def _add(
    entries: dict[str, Entry],
    row: Row,
    *,
    suggests: Side,
    told: Sequence[tuple[str, str | None]],
    other_side: Set[str],
) -> None:
    """Add the forms of one side of a row, each with what to write instead."""
    safe = row.safe and suggests == "pt-BR"
    for form, instead in told:
        written = form.lower()
        if written not in other_side and written not in entries:
            words = tuple(written.split())
            entries[written] = Entry(words, row.kind, suggests, instead, safe)


def _as_written(form: str) -> list[str]:
    return [form]


def _noun(form: str) -> list[str]:
    singular, _, plural = form.partition("/")
    return [singular, plural or _plural(singular)]


def _adjective(form: str) -> list[str]:
    if not form.endswith("o"):
        singular, plural = _noun(form)
        return [singular, singular, plural, plural]
    stem = form[:-1]
    return [stem + ending for ending in ("o", "a", "os", "as")]


def _plural(phrase: str) -> str:
    """Put a noun into the plural, with the adjectives after it."""
    words = phrase.split(" ")
    head = next((i for i, word in enumerate(words) if word in _AFTER_THE_HEAD), len(words))
    return " ".join([*map(_plural_word, words[:head]), *words[head:]])


def _plural_word(word: str) -> str:
    if word.endswith(("el", "il")):
        return _plural_in_l(word)
    stem, ending = next(
        (word[: -len(old) or None], new) for old, new in _PLURALS if word.endswith(old)
    )
    return stem + ending


def _plural_in_l(word: str) -> str:
    """«papel», «papéis»; «túnel», «túneis»; «subtil», «subtis»; «móvel», «móveis»."""
    if _STRESSED.search(word):
        return word[:-2] + "eis"
    return word[:-1] + "s" if word.endswith("il") else word[:-2] + "éis"


def _verb(phrase: str) -> list[str]:
    verb, _, thing = phrase.partition(" ")
    made = list(_verb_forms(verb))
    if not thing:
        return made
    return [f"{form} {thing}" for place, form in enumerate(made) if place not in _AGREE]


def _verb_forms(verb: str) -> Iterator[str]:
    """Give the forms of a regular verb with eu, ele, eles, tu and nós.

    The preterite with nós is left out: Portugal alone writes «planeámos», which is a rule of its own.
    """
    stem, theme = verb[:-2], verb[-2]
    for place, ending in enumerate(_ENDINGS[theme].split()):
        yield _stem_before(stem, theme, ending=ending, place=place) + ending


def _stem_before(stem: str, theme: str, *, ending: str, place: int) -> str:
    if theme == "a":
        if stem.endswith("e") and place in _STRESS_ON_STEM:
            return stem + "i"  # «planeio»
        return _before_e(stem) if ending.startswith("e") else stem
    if theme == "i" and place in _STEM_RISES:
        stem = re.sub(r"e(\w)$", r"i\1", stem)  # «gerir», «giro»
    return _before_a_o(stem) if ending[0] in "ao" else stem


def _before_e(stem: str) -> str:
    """«marcar», «marque»; «pegar», «pegue»; «caçar», «cace»."""
    for old, new in (("c", "qu"), ("g", "gu"), ("ç", "c")):
        if stem.endswith(old):
            return stem[:-1] + new
    return stem


def _before_a_o(stem: str) -> str:
    """«humedecer», «humedeço»; «dirigir», «dirijo»."""
    for old, new in (("c", "ç"), ("g", "j")):
        if stem.endswith(old):
            return stem[:-1] + new
    return stem


# Present, preterite, subjunctive, imperfect, participle, infinitives, gerund, future, conditional and
# past subjunctive, in the same order for the three conjugations.
_ENDINGS = {
    "a": (
        "o a am as amos ou aram aste ei e em es emos ava avam avas ávamos ado ada ados adas "
        "ar arem ares armos ando ará arão arás arei aremos aria ariam arias aríamos "
        "asse assem asses ássemos"
    ),
    "e": (
        "o e em es emos eu eram este i a am as amos ia iam ias íamos ido ida idos idas "
        "er erem eres ermos endo erá erão erás erei eremos eria eriam erias eríamos "
        "esse essem esses êssemos"
    ),
    "i": (
        "o e em es imos iu iram iste i a am as amos ia iam ias íamos ido ida idos idas "
        "ir irem ires irmos indo irá irão irás irei iremos iria iriam irias iríamos "
        "isse issem isses íssemos"
    ),
}
_STRESS_ON_STEM = (0, 1, 2, 3, 9, 10, 11)
_STEM_RISES = (0, 9, 10, 11, 12)
# These participles agree with what was done, so it is not said after them.
_AGREE = (18, 19, 20)
_INFLECTED: Mapping[str, Callable[[str], Sequence[str]]] = {
    "-": _as_written,
    "n": _noun,
    "a": _adjective,
    "v": _verb,
}
