"""Personal identifiers of Portugal in running text, with their check digits.

This module finds citizen card numbers, licence plates, postal codes and e-mail addresses, takes the numbers
that ``digit_runs`` finds, and settles overlaps: the longest wins, so that the digits of an IBAN are no NIF.
What is taken for what without a word that says it:

- a citizen card number with a letter if both check digits are right; a bare civil number only behind «CC», «BI»…;
- a licence plate only in capitals with hyphens (12-AB-34), and not if it reads as a date (12-12-AA);
  behind «matrícula», «carro»…, or as a line of its own in a picture, in any writing;
- a postal code behind «código postal», within an address («Rua …»), or before a word with a capital, as
  localities have («1000-100 Lisboa»); any other 1234-567 is left alone;
- every e-mail address, also of an office: nothing tells them from a person's.

Time grows with the length of the text only; no pattern runs back.

Not covered: names, street addresses without a postal code, dates of birth, passports and driving licences,
trailers, diplomatic and military plates, addresses written «nome arroba sítio ponto pt», digits spelled in
words, what spans two texts, and all that ``digit_runs`` names.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator

from amalia.identifiers import check_digits, digit_runs, number_words
from amalia.identifiers.digit_runs import Hit

_CARD = re.compile(
    r"(?<![\w-])[0-9]{8}[ .-]?[0-9][ .-]?[0-9A-Z]{2}[ .-]?[0-9](?![\w-])", re.IGNORECASE
)

_AT = re.compile(r"(?<=[\w%+-])@(?=[^\W_][\w-]{0,62}\.)")
_LOCAL = re.compile(r"[\w.%+-]{1,64}")
_DOMAIN = re.compile(r"(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,8}[^\W\d_]{2,24}(?![\w-])")
# «logo@2x.png» is a picture, «git@servidor:projeto» an account of a program.
_NO_DOMAIN = re.compile(r".*\.(?:png|jpe?g|gif|svg|webp|html?|js|css|py)", re.IGNORECASE)
_PROGRAMS = frozenset(("git", "svn", "hg"))

_PLATE = re.compile(
    r"(?<![\w.-])(?:[A-Z]{2}-[0-9]{2}-(?:[0-9]{2}|[A-Z]{2})|[0-9]{2}-(?:[0-9]{2}-[A-Z]{2}|[A-Z]{2}-[0-9]{2}))"
    r"(?![\w-]|[.,][0-9])"
)
_DATE = re.compile(r"(?:[0-2][0-9]|3[01])-(?:0[0-9]|1[0-2])-AA|AA-(?:0[0-9]|1[0-2])-[0-3][0-9]")
_VEHICLE = re.compile(
    r"(?<!\w)(?:matr[íi]culas?|viaturas?|ve[íi]culos?|autom[óo]ve(?:l|is)|carros?|motas?|motociclos?)(?!\w)"
    r"[^\n0-9]{0,28}?(?<!\w)([A-Z]{2}[-.]?[0-9]{2}[-.]?(?:[0-9]{2}|[A-Z]{2})"
    r"|[0-9]{2}[-.]?(?:[0-9]{2}[-.]?[A-Z]{2}|[A-Z]{2}[-.]?[0-9]{2})"
    r"|(?-i:[A-Z]{2} [0-9]{2} (?:[0-9]{2}|[A-Z]{2})|[0-9]{2} (?:[0-9]{2} [A-Z]{2}|[A-Z]{2} [0-9]{2})))(?!\w)",
    re.IGNORECASE,
)
# A plate that was read in a picture is a line of its own, behind the letters of the country.
_PICTURED = re.compile(
    r"^(?:PT? )?([A-Z]{2} ?[0-9]{2} ?(?:[0-9]{2}|[A-Z]{2})"
    r"|[0-9]{2} ?(?:[0-9]{2} ?[A-Z]{2}|[A-Z]{2} ?[0-9]{2}))$",
    re.MULTILINE,
)
# «O CARRO ANDA DE 10 EM 10» is no plate.
_SHORT_WORDS = re.compile(r"(?<!\w)(?:A[OS]|D[AEO]|EM|EU|N[AO]|O[SU]|SE|TU|UM|KM|CV)(?!\w)")

_POSTAL = re.compile(r"(?<![\w/.,-])[1-9][0-9]{3}-[0-9]{3}(?![\w/-]|[.,][0-9])")
_LOCALITY = re.compile(r"(?: |, ?|\n)(?=[^\W\d_a-zà-ÿ][^\W\d_]{2,})(?!EUR\b|USD\b)")
_ADDRESS = re.compile(
    r"(?<!\w)(?:ruas?|r\.|avenidas?|av\.|travessas?|trav\.|largo|lg\.|praças?|praceta|estrada|urbanização"
    r"|bairro|beco|calçada|alameda|quinta|lote|lt\.|apartado|morada|residentes?|resid[eo]|viv[eo]|mor[ao]|moramos|vivemos|endereço"
    r"|c[óo]digos? posta(?:l|is)|(?-i:CP|C\.P\.))(?!\w)",
    re.IGNORECASE,
)
_ADDRESS_CHARS = 90


def find(text: str, *, is_picture: bool = False) -> list[Hit]:
    """Give the identifiers in a text, in order and without overlaps.

    Args:
        text: Any text.
        is_picture: Whether it was read in a picture, which may show a plate without hyphens.
    """
    plain = check_digits.plain(text)
    return _without_overlaps(
        (
            *_emails(plain),
            *_citizen_cards(plain),
            *_plates(plain),
            *(_pictured_plates(plain) if is_picture else ()),
            *digit_runs.find(plain),
            *_postal_codes(plain),
        )
    )


def _emails(text: str) -> Iterator[Hit]:
    for match in _AT.finditer(text):
        at = match.start()
        domain = _DOMAIN.match(text, at + 1)
        local = _LOCAL.match(text[max(0, at - 64) : at][::-1])
        if domain is None or local is None or _NO_DOMAIN.fullmatch(domain.group()):
            continue
        name = local.group()[::-1].lstrip(".-+%")
        if (
            not name
            or text[at - len(name) - 1 : at - len(name)] == "@"
            or name.lower() in _PROGRAMS
        ):
            continue
        yield Hit("email", at - len(name), domain.end())


def _citizen_cards(text: str) -> Iterator[Hit]:
    for match in _CARD.finditer(text):
        # Cards have a letter before the last digit; without one it is some other number of twelve digits.
        has_letter = any(letter.isalpha() for letter in match.group())
        if has_letter and check_digits.is_cartao_cidadao(match.group()):
            yield Hit("cartao_cidadao", *match.span())


def _plates(text: str) -> Iterator[Hit]:
    for match in _PLATE.finditer(text):
        plate = match.group()
        if check_digits.is_licence_plate(plate) and not _DATE.fullmatch(plate):
            yield Hit("licence_plate", *match.span())
    for match in _VEHICLE.finditer(text):
        plate = match.group(1)
        is_words = " " in plate and _SHORT_WORDS.search(plate)
        if check_digits.is_licence_plate(plate) and not is_words:
            yield Hit("licence_plate", *match.span(1))


def _pictured_plates(text: str) -> Iterator[Hit]:
    for match in _PICTURED.finditer(text):
        if check_digits.is_licence_plate(match[1]) and not _SHORT_WORDS.search(match[1]):
            yield Hit("licence_plate", *match.span(1))


def _postal_codes(text: str) -> Iterator[Hit]:
    found = [match.span() for match in _POSTAL.finditer(text)]
    if not found:
        return
    # Read once, not before each code, so that a long list of codes takes no longer than other text.
    addresses = [match.start() for match in _ADDRESS.finditer(text)]
    floor = 0
    for start, end in found:
        near = bisect_left(addresses, start)
        in_address = near > 0 and start - addresses[near - 1] <= _ADDRESS_CHARS
        if not in_address:
            label = number_words.label(text, start, floor)
            is_other = (label and label.kind == "other") or number_words.is_counted(text, start)
            in_address = not is_other and _LOCALITY.match(text, end) is not None
        if in_address:
            yield Hit("postal_code", start, end)
        floor = end


def _without_overlaps(hits: Iterable[Hit]) -> list[Hit]:
    """Keep the longest of what overlaps, in order of place; of two alike the one that was found first."""
    kept: list[Hit] = []
    for hit in sorted(hits, key=lambda hit: (hit.start, hit.start - hit.end)):
        if kept and hit.start < kept[-1].end:
            if hit.end - hit.start > kept[-1].end - kept[-1].start:
                kept[-1] = hit
        else:
            kept.append(hit)
    return kept
