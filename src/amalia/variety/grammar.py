"""Signs in the grammar of a sentence: clitics, progressives, address, articles, prepositions.

A rule looks at one word and its neighbours. Each is a tendency of a country and not a law: the
model weighs them, and evidence shows them. ``docs/variety.md`` has an example of every rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from amalia.variety.findings import MARKS, Finding, Side

_LASTING = frozenset(
    """estar estou está estamos estão estava estavam estávamos esteve estive estiveram estaria
    estariam esteja estejam estivesse estivessem andar ando anda andam andava andavam andou continuar
    continuo continua continuam continuava continuavam continuou continuaram ficar fico fica ficam
    ficava ficavam ficou ficaram fiquei estás estavas andas continuas ficas""".split()
)
_CLITICS = frozenset("me te lhe lhes nos".split())
_ENCLITIC = tuple(f"-{clitic}" for clitic in ("me", "te", "lhe", "lhes", "nos", "vos"))
_FUTURE = ("-ei", "-ás", "-á", "-emos", "-ão", "-ia", "-ias", "-íamos", "-iam")
_MODALS = frozenset(
    """vou vai vamos vão vais quero quer querem queria queriam pode posso podem podemos poderia deve
    devo devem preciso precisa consegue consigo ia iam tentou tentei""".split()
)
# Words after which Portugal, too, puts the clitic before the verb.
_ATTRACTING = frozenset(
    """que não nunca jamais se quando como onde porque também já só ainda quem ninguém nada todos todas
    tudo talvez para sem nem qual quanto embora caso enquanto bem pouco sempre apenas mal até por de a
    em ao quão oxalá alguém algo ambos logo assim mais""".split()
)
_SUBJECTS = frozenset("eu ele ela eles elas você vocês gente".split())
_MARKS = frozenset(MARKS)
_FULL_STOPS = frozenset(".!?\n")
_SECOND_PERSON = frozenset(
    """tens és estás vais podes queres sabes fazes dizes vens achas gostas precisas deves foste viste
    disseste fizeste tiveste estiveste estavas tinhas querias podias sabias ias farias terias virás
    farás serás terás poderás vês lês pões dás ouves perdes conheces percebes lembras-te chamas-te
    sentes-te compraste falaste gostaste chegaste ficaste pensaste comeste leste vieste puseste
    soubeste trouxeste deste-me disseste-me""".split()
)
_POSSESSIVES = frozenset(
    "meu minha meus minhas seu sua seus suas nosso nossa nossos nossas".split()
)
_THINE = frozenset("teu tua teus tuas".split()) | _POSSESSIVES
_ARTICLES = frozenset(
    """o a os as do da dos das no na nos nas ao à aos às pelo pela pelos pelas""".split()
)
_BARE = frozenset("de em com para por".split())
_OPEN_CONTRACTIONS: Mapping[str, str] = {
    "um": "num", "uma": "numa", "uns": "nuns", "umas": "numas",
    "outro": "noutro", "outra": "noutra", "outros": "noutros", "outras": "noutras",
    "algum": "nalgum", "alguma": "nalguma", "alguns": "nalguns", "algumas": "nalgumas",
}  # fmt: skip
_CONTRACTED = frozenset(_OPEN_CONTRACTIONS.values()) | frozenset(
    "dum duma duns dumas doutro doutra doutros doutras dalgum dalguma".split()
)
_GOING = frozenset("ir vou vai vamos vão fui fomos foram ia indo".split())
_PLACES = frozenset(
    """médico dentista banco cinema teatro mercado supermercado restaurante shopping hospital correio
    praia escola igreja farmácia festa padaria feira piscina missa academia loja""".split()
)
_TO: Mapping[str, str] = {"no": "ao", "na": "à", "em": "a"}
_GERUNDS = ("ando", "endo", "indo", "pondo")
_NOT_GERUNDS = frozenset(
    """quando mando comando contrabando bando brando nefando lindo findo reverendo tremendo horrendo
    estupendo dividendo adendo fernando orlando""".split()
)
_ADDRESS: Mapping[str, Side] = {
    "você": "pt-BR", "cê": "pt-BR", "ocê": "pt-BR",
    "convosco": "pt-PT", "vosso": "pt-PT", "vossa": "pt-PT", "vossos": "pt-PT", "vossas": "pt-PT",
}  # fmt: skip


def findings(words: Sequence[str], at: int) -> Iterator[Finding]:
    """Give what rules find at a word.

    Args:
        words: All tokens of the text in small letters, marks included.
        at: The word looked at.
    """
    word = words[at]
    rule = _BY_WORD.get(word)
    if rule is not None:
        yield from rule(words, at)
    elif word.endswith(_GERUNDS):
        yield from _gerund(words, at)
    elif "-" in word:
        yield from _hyphenated(word, at)


def _gerund(words: Sequence[str], at: int) -> Iterator[Finding]:
    """«está fazendo»; in Portugal «está a fazer»."""
    start = at - 1
    if start >= 1 and words[start] not in _LASTING and words[start] not in _MARKS:
        start -= 1  # one word may stand between: «está sempre fazendo»
    if start < 0 or words[start] not in _LASTING or words[at] in _NOT_GERUNDS:
        return
    infinitive = _infinitive(words[at])
    between = words[start + 1 : at]
    if infinitive is None or (between and between[0] in _CLITICS | {"se"}):
        yield Finding(start, at + 1, "progressive", "pt-BR")
        return
    said = " ".join([words[start], *between, "a", infinitive])
    yield Finding(start, at + 1, "progressive", "pt-BR", said, safe=not between)


def _infinitive(gerund: str) -> str | None:
    for ending, infinitive in (("ando", "ar"), ("endo", "er"), ("indo", "ir")):
        if gerund.endswith(ending) and len(gerund) > len(ending):
            # «vindo» and «pondo» are of irregular verbs; «sendo» and «tendo» follow the rule.
            return "vir" if gerund == "vindo" else gerund.removesuffix(ending) + infinitive
    return {"indo": "ir", "pondo": "pôr"}.get(gerund)


def _lasting(words: Sequence[str], at: int) -> Iterator[Finding]:
    """«está a fazer»."""
    if words[at + 1 : at + 2] == ["a"] and at + 2 < len(words):
        verb = words[at + 2].partition("-")[0]
        if len(verb) > 2 and verb.endswith(("ar", "er", "ir", "ôr")) and verb != "par":
            yield Finding(at, at + 3, "progressive", "pt-PT")


def _hyphenated(word: str, at: int) -> Iterator[Finding]:
    """«disse-me», «dar-lhe-ei»."""
    within = word.count("-") > 1 and word.endswith(_FUTURE)
    after = word.endswith(_ENCLITIC) and len(word.partition("-")[0]) > 1
    if within or after:
        yield Finding(at, at + 1, "clitic", "pt-PT")


def _clitic(words: Sequence[str], at: int) -> Iterator[Finding]:
    """«Me diga», «ele me disse», «vou te dizer»: before the verb with nothing that draws it there."""
    if at + 1 >= len(words) or words[at + 1] in _MARKS:
        return
    before = words[at - 1] if at else "."
    clitic, following = words[at], words[at + 1]
    if clitic == "nos" and (before not in _SUBJECTS | _MODALS):
        return  # «nos» is mostly «em os»
    if before in _FULL_STOPS:
        yield Finding(at, at + 2, "clitic", "pt-BR", f"{following}-{clitic}")
    elif before in _MODALS and following.endswith(("ar", "er", "ir", "ôr")):
        yield Finding(at - 1, at + 2, "clitic", "pt-BR", f"{before} {following}-{clitic}")
    elif (before in _SUBJECTS or before in ("e", "mas")) and _ATTRACTING.isdisjoint(
        _clause(words, at - 1)
    ):
        yield Finding(at, at + 2, "clitic", "pt-BR", f"{following}-{clitic}")


def _clause(words: Sequence[str], at: int) -> Sequence[str]:
    start = at
    while start > 0 and at - start < 5 and words[start - 1] not in _MARKS:
        start -= 1
    return words[start:at]


def _address(words: Sequence[str], at: int) -> Iterator[Finding]:
    """«você» and «vosso»."""
    yield Finding(at, at + 1, "address", _ADDRESS[words[at]])


def _second_person(_: Sequence[str], at: int) -> Iterator[Finding]:
    """«tens», «podes»: the verb of «tu»."""
    yield Finding(at, at + 1, "address", "pt-PT")


def _possessive(words: Sequence[str], at: int) -> Iterator[Finding]:
    """«o meu carro» and «meu carro»."""
    before = words[at - 1] if at else "."
    if before in _ARTICLES:
        yield Finding(at - 1, at + 1, "article", "pt-PT")
        return
    followed = at + 1 < len(words) and words[at + 1] not in _MARKS
    if words[at] in _POSSESSIVES and followed and before in _BARE | _FULL_STOPS:
        yield Finding(at, at + 1, "article", "pt-BR")


def _open_contraction(words: Sequence[str], at: int) -> Iterator[Finding]:
    """«em um», in Portugal «num»."""
    following = words[at + 1] if at + 1 < len(words) else ""
    if following in _OPEN_CONTRACTIONS:
        yield Finding(at, at + 2, "contraction", "pt-BR", _OPEN_CONTRACTIONS[following], safe=True)


def _contracted(_: Sequence[str], at: int) -> Iterator[Finding]:
    """«num», «noutra», «duma»."""
    yield Finding(at, at + 1, "contraction", "pt-PT")


def _to_a_place(words: Sequence[str], at: int) -> Iterator[Finding]:
    """«vou no médico»; in Portugal one goes «ao médico»."""
    if at and at + 1 < len(words) and words[at - 1] in _GOING and words[at + 1] in _PLACES:
        yield Finding(at, at + 2, "regency", "pt-BR", f"{_TO[words[at]]} {words[at + 1]}")


_Rule = Callable[[Sequence[str], int], Iterator[Finding]]
_BY_WORD: Mapping[str, _Rule] = {
    **dict.fromkeys(_LASTING, _lasting),
    **dict.fromkeys(_CLITICS, _clitic),
    **dict.fromkeys(_ADDRESS, _address),
    **dict.fromkeys(_SECOND_PERSON, _second_person),
    **dict.fromkeys(_THINE, _possessive),
    **dict.fromkeys(_CONTRACTED, _contracted),
    "em": _open_contraction,
    "no": _to_a_place,
    "na": _to_a_place,
}
