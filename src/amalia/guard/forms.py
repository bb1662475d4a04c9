"""The forms of words that rules name by one: verbs by the infinitive, nouns by the singular.

An entry is one or more words, each with marks: ``matar~`` stands for the forms of a verb that ask or are
asked about (infinitive, present, subjunctive and imperative of every person, gerund, and what is left of the
infinitive before -lo), not for its past; ``bomba+`` for singular and plural; ``vizinho/a`` for both genders
and numbers; ``(a|as)`` for alternatives, one of which may be nothing; ``leis?`` for a word with and without
its last letter. A hyphen divides words; forms come without accents, as ``normal_form`` leaves them.

Not covered: past and future, participles, pronouns within verbs (dir-lhe-ei), irregular verbs beyond those
that the rules need.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Iterator

_CHOICE = re.compile(r"([^()]*)\(([^()]*)\)([^()]*)")
# Stems whose e becomes i, or o becomes u, in the first person and the subjunctive.
_E_TO_I = (
    "ferir mentir seguir servir vestir despir sugerir repetir inserir inferir competir refletir "
    "transferir divertir agredir prevenir"
).split()
_O_TO_U = "descobrir encobrir cobrir dormir".split()
_I_THROUGHOUT = ("agredir", "prevenir")
_EI = ("odiar", "incendiar")
# Infinitive ending → (first person, present of the others, subjunctive stem); longest ending first.
_IRREGULAR = {
    "dizer": ("digo", "dizes diz dizemos dizem", "dig"),
    "fazer": ("faço", "fazes faz fazemos fazem", "faç"),
    "trazer": ("trago", "trazes traz trazemos trazem", "trag"),
    "pedir": ("peço", "pedes pede pedimos pedem", "peç"),
    "obter": ("obtenho", "obténs obtém obtemos obtêm", "obtenh"),
    "manter": ("mantenho", "manténs mantém mantemos mantêm", "mantenh"),
    "perder": ("perco", "perdes perde perdemos perdem", "perc"),
    "saber": ("sei", "sabes sabe sabemos sabem", "saib"),
    "poder": ("posso", "podes pode podemos podem", "poss"),
    "querer": ("quero", "queres quer queremos querem", "queir"),
    "ter": ("tenho", "tens tem temos têm", "tenh"),
    "ver": ("vejo", "vês vê vemos veem", "vej"),
    "ler": ("leio", "lês lê lemos leem", "lei"),
    "dar": ("dou", "dás dá damos dão", ""),
    "por": ("ponho", "pões põe pomos põem", "ponh"),
    "sair": ("saio", "sais sai saímos saem", "sai"),
    "construir": ("construo", "constróis constrói construímos constroem", "constru"),
    "destruir": ("destruo", "destróis destrói destruímos destroem", "destru"),
}  # fmt: skip


def expand(entry: str) -> Iterator[tuple[str, ...]]:
    """Give every form of an entry, as words without accents."""
    parts = [_alternatives(part) for part in entry.replace("-(", " (").split()]
    for chosen in itertools.product(*parts):
        yield tuple(" ".join(chosen).replace("-", " ").split())


def folded(text: str) -> str:
    """Take accents off and lower the case."""
    parts = unicodedata.normalize("NFKD", text.lower())
    return "".join(part for part in parts if not unicodedata.combining(part))


def _alternatives(part: str) -> list[str]:
    if choice := _CHOICE.fullmatch(part):
        before, several, after = choice.groups()
        return [form for one in several.split("|") for form in _alternatives(before + one + after)]
    if part.endswith("?"):
        return [folded(part[:-2]), folded(part[:-1])]
    if part.endswith("~"):
        return sorted({folded(form) for form in verb_forms(part[:-1])})
    if part.endswith("/a"):
        return [folded(form) for one in _genders(part[:-2]) for form in (one, plural(one))]
    if part.endswith("+"):
        return [folded(part[:-1]), folded(plural(part[:-1]))]
    return [folded(part)]


def plural(noun: str) -> str:
    """Give the plural of a noun or an adjective."""
    for ending, many in (("ão", "ões"), ("m", "ns"), ("il", "is"), ("ês", "eses"), ("x", "x")):
        if noun.endswith(ending):
            return noun.removesuffix(ending) + many
    if noun.endswith("l"):
        return noun[:-1] + "is"
    return noun + ("es" if noun[-1] in "rzs" else "s")


def _genders(noun: str) -> tuple[str, str]:
    if noun.endswith("ês"):
        return noun, noun[:-2] + "esa"
    return noun, noun[:-1] + "a" if noun.endswith("o") else noun + "a"


def verb_forms(verb: str) -> Iterator[str]:
    """Give infinitive, present, subjunctive, imperative and gerund of a verb."""
    prefix, irregular = _irregular(verb)
    infinitive = folded(verb)
    theme = infinitive[-2]
    yield from (infinitive + ending for ending in ("", "es", "mos", "em"))
    yield infinitive[:-1]
    yield infinitive[:-1] + "ndo"
    if irregular:
        first, others, stem = irregular
        yield prefix + first
        yield from (prefix + form for form in others.split())
        endings = "e es em emos" if infinitive.endswith("dar") else "a as am amos"
        # The subjunctive of dar has no stem of its own.
        yield from (prefix + (stem or "d") + ending for ending in endings.split())
        return
    stem = verb[:-2]
    if theme == "a":
        yield from _in_ar(stem, verb)
    else:
        yield from _in_er_and_ir(stem, verb, theme)


def _in_ar(stem: str, verb: str) -> Iterator[str]:
    stressed = stem + "i" if stem.endswith("e") else stem
    if verb in _EI:
        stressed = stem[:-1] + "ei"
    yield from (stressed + ending for ending in ("o", "as", "a", "am"))
    yield stem + "amos"
    for written, soft in (("c", "qu"), ("ç", "c"), ("g", "gu")):
        if stem.endswith(written):
            stem = stressed = stem[: -len(written)] + soft
            break
    yield from (stressed + ending for ending in ("e", "es", "em"))
    yield stem + "emos"


def _in_er_and_ir(stem: str, verb: str, theme: str) -> Iterator[str]:
    changed = stem
    for verbs, vowel, other in ((_E_TO_I, "e", "i"), (_O_TO_U, "o", "u")):
        if verb.endswith(tuple(verbs)):
            at = stem.rindex(vowel)
            changed = stem[:at] + other + stem[at + 1 :]
    if stem.endswith("fug"):
        yield from ("foges", "foge", "fogem")
    for written, hard in (("gu", "g"), ("g", "j"), ("c", "ç")):
        if stem.endswith(written):
            changed = changed[: -len(written)] + hard
            break
    yield from (changed + ending for ending in ("o", "a", "as", "am", "amos"))
    others = changed if verb in _I_THROUGHOUT else stem
    weak = "i" if stem.endswith("u") and not stem.endswith(("gu", "qu")) else "e"
    yield from (others + ending for ending in (weak, weak + "s", "em"))
    yield stem + ("emos" if theme == "e" else "imos")
    if stem.endswith("z"):
        yield stem


def _irregular(verb: str) -> tuple[str, tuple[str, str, str] | None]:
    """Find the irregular verb that a verb is, or is made from, and what stands before it."""
    verb = folded(verb)
    if verb in _IRREGULAR:
        return "", _IRREGULAR[verb]
    for ending in ("fazer", "dizer", "pedir", "por"):
        if verb.endswith(ending):
            return verb.removesuffix(ending), _IRREGULAR[ending]
    return "", None
