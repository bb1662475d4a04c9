"""What the words around a number say it is: a NIF, a phone, a price, the number of an article.

A word that stands directly before a number (``is_close``: nothing but «n.º», «é o», a colon in between)
decides alone; one further off in the same sentence only helps. Units, currencies and signs of calculation
make a number a quantity. The words are those of European Portuguese, with or without accents.

Not covered: what an earlier sentence says («O meu NIF é este. É o …»), tables whose heads stand far above,
other languages beyond the words in use in Portugal.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_REACH_CHARS = 48

_NO = r"n\.? ?[ºo°]|n[úu]mero|n[úu]m|nr"
_KINDS = {
    "cartao_cidadao": r"cart[ãa]o (?:d[eo] )?cidad[ãa]o|bilhete de identidade|identifica[çc][ãa]o civil"
    r"|documento de identifica[çc][ãa]o|(?-i:CC|BI|C\.C\.|B\.I\.)",
    "nif": r"nifs?|nipc|contribuintes?|(?:identifica[çc][ãa]o|n[úu]mero|n\.?º) fiscal"
    r"|pessoa colec?tiva|vat",
    "niss": r"niss|seg(?:uran[çc]a|\.) social|benefici[áa]ri[oa]",
    "iban": r"iban|nib",
    "phone": r"tel(?:ef(?:ones?)?|em(?:[óo]vel|[óo]veis)?)?|tlms?|tlfs?|(?-i:TM|T)|contac?t(?:os?|e|ar|em|ei)"
    r"|lig(?:a|o|ue|ar|ou|uem|uei|aram|amos|-me|ue-me|a-me)|telefon(?:a|e|ar|ou|em)|fax|whats ?app|sms"
    r"|mb ?way|chamadas?",
    "payment_card": r"visa|master ?card|american express|amex|maestro"
    r"|cart(?:[ãa]o|[õo]es)(?: (?:de )?(?:cr[ée]dito|d[ée]bito|pagamento|banc[áa]rio))?",
    "own": rf"(?:meu|nosso|teu|seu|dele|dela|deles|delas) (?:{_NO})|(?:{_NO}) (?:dele|dela|deles|delas)",
    "other": r"artigos?|art|lei|decreto(?:-lei)?|portaria|despacho|ac[óo]rd[ãa]o|regulamento|dire[c]?tiva"
    r"|processo|proc|fac?turas?|encomenda|pedido|recibo|refer[êe]ncias?(?: multibanco)?|ref|isbn|issn|ean"
    r"|c[óo]digos?(?: de barras)?|lotes?|s[ée]rie|ap[óo]lices?|contratos?|imei|entidade|doi|vers[ãa]o"
    r"|p[áa]ginas?|valor|montante|total|pre[çc]o|saldo|custo|id|sku|cpe|cui|latitude|longitude|protocolo"
    r"|registo|guia|alvar[áa]|edital|popula[çc][ãa]o|dist[âa]ncia|resultado|soma|produto|modelo"
    r"|reclama[çc][ãa]o|ocorr[êe]ncia|bilhete|sorteio|semente|identificador",
}  # fmt: skip
_WORDS = "|".join(f"(?P<{kind}>{words})" for kind, words in _KINDS.items())
_LABEL = re.compile(rf"(?<!\w)(?:{_WORDS})(?![^\W\d])\.?", re.IGNORECASE)

_BETWEEN = (
    r"(?:[^\w!?]|(?:n[ºo°]?|[ºª]|n[úu]mero|n[úu]m|nr|os?|as?|é|e|d[eoa]|para|pel[oa]|com|que|meu|seu|teu|dele"
    r"|dela|nosso|fiscal|civil|pessoal|portugu[êe]s|portuguesa|português|a?c?tual|novo|antigo|casa|está|será"
    r"|era|foi|n[oa]|este|esse|ao|PT)(?!\w))"
)
_CLOSE = re.compile(f"{_BETWEEN}*", re.IGNORECASE)
_AFTER = re.compile(
    rf"{_BETWEEN}{{1,12}}?(?<!\w)(?:{_WORDS})(?!\w)(?!\W{{0,6}}[\d+])", re.IGNORECASE
)
_BREAK = re.compile(r"[!?;\n]|\.\s")
_BARE = re.compile(r"(?<!\w)(?:n\.? ?[ºo°]|nr|#)\.? ?\Z", re.IGNORECASE)
_LISTED = re.compile(r" ?(?:[,;/|]|e|ou)? ?(?:e |ou |o )?")

# A short number before a comma is the whole part of this one; a long one is another number of a list.
_BAD_BEFORE = re.compile(
    r"(?:\w|[#&%@~]|(?<![0-9]{9})/|[=×÷^$€£] ?|[\w)] ?\* ?|\w-|(?<![0-9])[0-9]{1,6}[.,:])\Z"
)
_BAD_AFTER = re.compile(
    r"[\w%@]|/(?![0-9]{9}(?![0-9]))|[,.:][0-9]{1,6}(?![0-9])|-\w| ?\* ?[\w(]"
    r"| ?(?:[€$£%×÷^=+°]|(?:euros?|EUR|d[óo]lares|libras|reais|escudos|contos|USD"
    r"|km|metros?|m[²³]?|cm|mm|quil[óo]metros?|kg|g|gramas?|toneladas?|litros?|anos(?:-luz)?|segundos?|dias"
    r"|habitantes|pessoas|eleitores|votos|visualiza[çc][õo]es|utilizadores|bytes|bits|pixels|p[íi]xeis"
    r"|hectares|W|kW|kWh|MWh|Hz|unidades|exemplares|vezes|mil|milh(?:ão|ões)|a[çc][õo]es)(?!\w))",
)


class Label(NamedTuple):
    """What the words say of a number."""

    kind: str
    """An identifier, ``own`` (somebody's number, no word of what) or ``other`` (nobody's)."""
    is_close: bool
    """Whether nothing else stands between the word and the number."""


def label(text: str, start: int, floor: int) -> Label | None:
    """Say what the words before a number make of it.

    Args:
        text: The whole text.
        start: Where the number begins.
        floor: Where the number before it ends; its words are not this number's.
    """
    words = list(_LABEL.finditer(text, max(floor, start - _REACH_CHARS), start))
    last = words[-1] if words else None
    if last is None or last.lastgroup is None:
        return None
    between = text[last.end() : start]
    if _CLOSE.fullmatch(between):
        return Label(last.lastgroup, True)
    # A word of something impersonal further off says nothing.
    if last.lastgroup == "other" or _BREAK.search(between):
        return None
    return Label(last.lastgroup, False)


def label_behind(text: str, end: int) -> Label | None:
    """Say what the words behind a number make of it: «912 345 678 (telemóvel)»."""
    match = _AFTER.match(text, end, end + _REACH_CHARS)
    if match is None or match.lastgroup is None or match.end() == end + _REACH_CHARS:
        return None
    between = text[end : match.start(match.lastgroup)]
    if match.lastgroup == "other" or _BREAK.search(between):
        return None
    return Label(match.lastgroup, False)


def is_listed(between: str) -> bool:
    """Say whether two numbers with this between them stand in a list: «912…, 213…», «912…/213…»."""
    return len(between) <= 6 and _LISTED.fullmatch(between) is not None


def is_counted(text: str, start: int) -> bool:
    """Say whether «n.º» stands directly before a number, and no word of whose."""
    return _BARE.search(text[max(0, start - 10) : start]) is not None


def is_alone(text: str, start: int, end: int) -> bool:
    """Say whether a number stands by itself, neither a part of something longer nor a quantity."""
    return (
        _BAD_BEFORE.search(text[max(0, start - 12) : start]) is None
        and _BAD_AFTER.match(text, end) is None
    )
