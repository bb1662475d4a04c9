"""Pairs of a pt-PT and a pt-BR text to learn from, by domain."""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from variety_grammar import grammar_pairs
from variety_sources import WORD_LISTS, Files, Triple, foreign, triples

from amalia import pack
from amalia.variety import lexicon
from amalia.variety.unaccented import fold

Pair = tuple[str, str]
_REGISTERS = Path(__file__).with_name("variety_registers")
_TAG = re.compile(r"<[^<>]{0,200}>|https?://\S+|www\.\S+")
_HELD = re.compile(
    r"%\(\w+\)[a-z]|%[-+0-9.]*[a-zA-Z]|%\d(?:\$s)?|\{\{?[^{}]*\}?\}|\$\{?\w+\}?|\[%[^\]]*%\]"
)
_LINK = re.compile(r"\[\[(?:[^\]|]*\|)?([^\]|]*)\]\]")
_WORD = re.compile(r"\w+(?:-\w+)*")
_MAX_LETTERS = 600
_MIN_WORDS = 3
EXAM_WORDS = 5
"""Segments of fewer words are learnt from but not examined on."""
# How a spelling of wportuguese becomes one of wbrazilian. Only forms that the other list lacks count.
_RESPELT = (
    (r"é(?=[mn][aeiouáéíóúãõ])", "ê"), (r"ó(?=[mn][aeiouáéíóúãõ])", "ô"), (r"é$", "ê"),
    (r"ó$", "ô"), (r"ç(?=ão$|ões$)", "cç"), (r"ç(?=ão$|ões$)", "pç"), (r"t", "ct"), (r"t", "pt"),
    (r"ct", "t"), (r"cç", "ç"), (r"^hú", "ú"), (r"^hu", "u"), (r"mn", "n"), (r"bt", "t"),
    (r"bd", "d"), (r"nn", "n"), (r"mm", "m"), (r"dezass", "dezess"),
    (r"dezan", "dezen"), (r"ámos$", "amos"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Corpus:
    """What a model is made from."""

    translated: Mapping[str, Sequence[Pair]]
    """Domain to pairs of translations."""
    respelt: Mapping[str, Sequence[Pair]]
    """Domains written as before 1990, the same pairs with today's spelling of Portugal."""
    registers: Mapping[str, Sequence[Pair]]
    """Register to written pairs of sentences; a fifth of them is the same on both sides."""
    careless: Mapping[str, Sequence[Pair]]
    """Registers, the same pairs without accents and capitals."""
    made: Mapping[str, Sequence[Pair]]
    """Pairs from rules and lists: grammar, lexicon, spelling. A side may be empty."""
    foreign: Mapping[str, Sequence[str]]
    """Language to segments."""
    archives: Sequence[Path]
    """The files everything was read from."""


def corpus(cache: Path) -> Corpus:
    """Fetch what ``cache`` lacks and align it."""
    raw: dict[str, list[Triple]] = defaultdict(list)
    raw["libreoffice"] += [(p.en, p.pt_pt, p.pt_br) for p in pack.paragraphs()]
    old = set()
    for package, found in triples(cache):
        raw[package.domain] += found
        if package.old_spelling:
            old.add(package.domain)
    translated = {domain: tidy(found) for domain, found in raw.items()}
    today = _Today.of(pairs for domain, pairs in translated.items() if domain not in old)
    english = [triple[0] for found in raw.values() for triple in found]
    written = registers()
    grammar = list(grammar_pairs(times=60))
    made = {
        "grammar": grammar,
        "spelling": spelling_pairs(cache),
        "lexicon": lexicon_pairs(),
        "unaccented": [(unaccented(pt), unaccented(br)) for pt, br in grammar],
    }
    return Corpus(
        translated,
        {domain: [(today.respelt(a), b) for a, b in translated[domain]] for domain in sorted(old)},
        written,
        {
            name: [(unaccented(a), unaccented(b)) for a, b in found]
            for name, found in written.items()
        },
        made,
        {tag: _foreign(texts) for tag, texts in foreign(cache).items()} | {"en": _foreign(english)},
        sorted(f for f in cache.iterdir() if f.suffix in (".deb", ".whl")),
    )


def tidy(found: Iterable[Triple]) -> list[Pair]:
    """Drop what is untranslated, equal, short, long or hardly text, and shuffle the rest."""
    seen: dict[tuple[str, str], Pair] = {}
    for english, ours, theirs in found:
        en, pt, br = clean(english), clean(ours), clean(theirs)
        if en in (pt, br) or pt == br or max(len(pt), len(br)) > _MAX_LETTERS:
            continue
        if min(len(pt.split()), len(br.split())) < _MIN_WORDS:
            continue
        if sum(letter.isalpha() for letter in pt) >= 0.6 * len(pt):
            seen.setdefault((pt.casefold(), br.casefold()), (pt, br))
    pairs = sorted(seen.values())
    random.Random(0).shuffle(pairs)
    return pairs


def clean(text: str) -> str:
    """Take markup, placeholders and accelerator keys out of a message."""
    text = _LINK.sub(r"\1", _HELD.sub("X", _TAG.sub(" ", text)))
    for entity, letter in (("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"')):
        text = text.replace(entity, letter)
    if text.count("_") <= 1:
        text = re.sub(r"[&_~](?=\w)", "", text)
    return " ".join(text.replace("&nbsp;", " ").split())


def unaccented(text: str) -> str:
    """Write a text as many do in a hurry: "nao sei o que e isso"."""
    return fold(text).lower()


def registers() -> dict[str, list[Pair]]:
    """Read the written pairs, a file of ``variety_registers`` each, in the order they were written."""
    found: dict[str, list[Pair]] = {}
    for file in sorted(_REGISTERS.glob("*.tsv")):
        rows = [line.split("\t") for line in file.read_text("utf-8").splitlines()]
        found[file.stem] = [(ours, theirs) for ours, theirs in rows]
    return found


def spelling_pairs(cache: Path) -> list[Pair]:
    """Give words that the lists of the two countries spell each in its way, alone."""
    ours, theirs = (_words(Files(cache, package)) for package in WORD_LISTS)
    only_ours, only_theirs = ours - theirs, theirs - ours
    found = set()
    for word in only_ours:
        for pattern, other in _RESPELT:
            for match in re.finditer(pattern, word):
                respelt = word[: match.start()] + other + word[match.end() :]
                if respelt in only_theirs:
                    found.add((word, respelt))
    return sorted(found)


def lexicon_pairs() -> list[Pair]:
    """Give the forms of the lexicon, alone and after small words; what is no sign is left empty."""
    found: list[Pair] = []
    for row in lexicon.rows():
        small = ("", "o ", "um ", "de ") if row.inflect in "na" else ("",)
        for ours, theirs in lexicon.forms(row.pt_pt, row.pt_br, row.inflect):
            ours = "" if row.sign == "br" else ours
            theirs = "" if row.sign == "pt" else theirs
            found += [(ours and word + ours, theirs and word + theirs) for word in small]
    return found


@dataclass(frozen=True, slots=True)
class _Today:
    """Words of Portugal as spelt since the agreement of 1990, and how often."""

    ours: Counter[str]
    anybodys: Counter[str]

    @classmethod
    def of(cls, corpora: Iterable[Sequence[Pair]]) -> _Today:
        ours, anybodys = Counter[str](), Counter[str]()
        for pairs in corpora:
            for pt, br in pairs:
                words = [word.lower() for word in _WORD.findall(pt)]
                ours.update(words)
                anybodys.update(words)
                anybodys.update(word.lower() for word in _WORD.findall(br))
        return cls(ours, anybodys)

    def respelt(self, text: str) -> str:
        """Drop the consonants that the agreement dropped, where the corpora of today have done so."""
        return _WORD.sub(lambda match: self._word(match[0]), text)

    def _word(self, word: str) -> str:
        small = word.lower()
        shorter = re.sub(r"[cp](?=[cçt])", "", small)
        if shorter == small or self.ours[small] > 1 or self.anybodys[shorter] < 2:
            return word
        if word.isupper() and len(word) > 1:
            return shorter.upper()
        return shorter.capitalize() if word[0].isupper() else shorter


def _words(files: Files) -> set[str]:
    found: set[str] = set()
    for name in files.names:
        if "/share/dict/" in name and not name.endswith("README"):
            found |= {w for w in files.read(name).decode("utf-8", "replace").split() if w.isalpha()}
    return found


def _foreign(texts: Iterable[str]) -> list[str]:
    kept = sorted({c for text in texts if len((c := clean(text)).split()) >= _MIN_WORDS})
    random.Random(0).shuffle(kept)
    return [text for text in kept if len(text) <= _MAX_LETTERS][:4000]
