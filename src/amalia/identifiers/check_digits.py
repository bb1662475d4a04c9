"""Is this a valid number of its kind? Pure functions over the whole of a short text.

Each function answers for one number written in any grouping (spaces, dots, hyphens, full-width digits) and
with the prefix that belongs to it (PT before a NIF, +351 before a phone). Finding numbers in running text
is the business of ``identifiers``. A right check digit says that a number can exist, not that it is given to
anyone; phones, postal codes and licence plates have no check digit, only a form.

Not covered: whether a number was issued, the check digits of other countries, the social security numbers
of before 2001.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_SPACES = (
    "\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"
)
_UNSEEN = "\u00ad\u200b\u200c\u200d\u2060\ufeff"
_HYPHENS = "\u2010\u2011\u2012\u2013\u2212\ufe58\ufe63"
_DOTS = "\u00b7\u2024\u2219\u22c5\u30fb"
# Arabic, Persian, Devanagari and mathematical digits; full-width ones stand with the other letters.
_ZEROS = (0x0660, 0x06F0, 0x0966, *range(0x1D7CE, 0x1D800, 10))
_PLAIN = {
    **dict.fromkeys(map(ord, _SPACES + _UNSEEN), " "),
    **dict.fromkeys(map(ord, _HYPHENS), "-"),
    **dict.fromkeys(map(ord, _DOTS), "."),
    **{zero + digit: str(digit) for zero in _ZEROS for digit in range(10)},
    **{code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)},
}
_ODD = re.compile(f"[{''.join(map(chr, _PLAIN))}]")

_NIF_STARTS = re.compile(r"[123568]|45|7[0-24-57-9]|9[0189]")
_AREAS = frozenset(
    "231 232 233 234 235 236 238 239 241 242 243 244 245 249 251 252 253 254 255 256 258 259 261 262 263 265"
    " 266 268 269 271 272 273 274 275 276 277 278 279 281 282 283 284 285 286 289 291 292 295 296".split()
)
_COUNTRY = re.compile(r"\(?(?:\+|00)351\)?(?:\(0\))?|\(?351\)?(?=\(?\d{2,3}\)?\d{6,7}\Z)")
_CARDS = re.compile(
    r"4(?:\d{12}|\d{15}|\d{18})"  # Visa
    r"|5[1-5]\d{14}|(?:222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}"  # Mastercard
    r"|3[47]\d{13}"  # American Express
    r"|3(?:0[0-5]|[68]\d)\d{11}"  # Diners Club
    r"|35(?:2[89]|[3-8]\d)\d{12}"  # JCB
    r"|6(?:011|5\d\d|4[4-9]\d)\d{12}"  # Discover
    r"|(?:5018|5020|5038|5893|6304|6759|676[1-3])\d{8,15}"  # Maestro
)
_PLATE = re.compile(
    r"[A-JL-VXZ]{2}\d{4}|\d{4}[A-JL-VXZ]{2}|\d{2}[A-JL-VXZ]{2}\d{2}|[A-Z]{2}\d{2}[A-Z]{2}"
)
_EMAIL = re.compile(
    r"[\w!#$%&'*+/=?^`{|}~-]+(?:\.[\w!#$%&'*+/=?^`{|}~-]+)*"
    r"@(?:[^\W_](?:[\w-]{0,61}[^\W_])?\.){1,8}[^\W\d_]{2,24}"
)
_MAX_EMAIL_CHARS = 254


def plain(text: str) -> str:
    """Write full-width characters, odd digits, spaces and hyphens as ASCII; no character moves."""
    return text.translate(_PLAIN) if not text.isascii() and _ODD.search(text) else text


def is_nif(text: str) -> bool:
    """Check a tax number: nine digits, a first digit that is given out, mod 11."""
    digits = _bare(text).removeprefix("PT")
    if not _are_digits(digits, 9) or not _NIF_STARTS.match(digits):
        return False
    rest = _weighed(digits[:8], range(9, 1, -1)) % 11
    return int(digits[8]) == (0 if rest < 2 else 11 - rest)


def is_niss(text: str) -> bool:
    """Check a social security number: eleven digits, 1 or 2 first, weighed with the first ten primes."""
    digits = _bare(text)
    if not _are_digits(digits, 11) or digits[0] not in "12":
        return False
    return int(digits[10]) == 9 - _weighed(digits[:10], (29, 23, 19, 17, 13, 11, 7, 5, 3, 2)) % 10


def is_cartao_cidadao(text: str) -> bool:
    """Check the number of a citizen card: «12345678 9 ZZ4», both of its check digits."""
    letters = _bare(text)
    if not re.fullmatch(r"[0-9]{9}[0-9A-Z]{2}[0-9]", letters) or not is_civil_number(letters[:9]):
        return False
    values = [int(letter, 36) for letter in letters]
    doubled = [2 * value for value in values[::2]]
    # Twice a letter less nine stays above nine, as the card has it; only the last figure counts.
    return (sum(value - 9 * (value > 9) for value in doubled) + sum(values[1::2])) % 10 == 0


def is_civil_number(text: str) -> bool:
    """Check a civil identification number of eight digits with its check digit, mod 11."""
    digits = _bare(text)
    if not _are_digits(digits, 9):
        return False
    rest = _weighed(digits, range(9, 0, -1)) % 11
    # A check digit of ten is printed as 0.
    return rest == 0 or (digits[8] == "0" and rest == 1)


def is_nib(text: str) -> bool:
    """Check a Portuguese account number (NIB): 21 digits, mod 97."""
    digits = _bare(text)
    return _are_digits(digits, 21) and int(digits) % 97 == 1


def is_iban(text: str) -> bool:
    """Check a Portuguese IBAN: PT50, mod 97, and the account number's own check."""
    letters = _bare(text)
    return (
        letters.startswith("PT50") and is_nib(letters[4:]) and int(letters[4:] + "252950") % 97 == 1
    )


def is_phone(text: str) -> bool:
    """Check the form of a personal Portuguese phone number: mobile or landline, +351 or not.

    Service numbers (112, 116…, 707, 760, 800, 808…) are nobody's.
    """
    digits = _national(text)
    return is_mobile(digits) or is_landline(digits)


def is_mobile(text: str) -> bool:
    """Check the form of a Portuguese mobile number: nine digits from 91, 92, 93 or 96 on."""
    digits = _national(text)
    return _are_digits(digits, 9) and digits[:2] in ("91", "92", "93", "96")


def is_landline(text: str) -> bool:
    """Check the form of a Portuguese landline number: nine digits behind an area code in use."""
    digits = _national(text)
    return _are_digits(digits, 9) and (digits[:2] in ("21", "22") or digits[:3] in _AREAS)


def is_postal_code(text: str) -> bool:
    """Check the form of a postal code: 1000-000 to 9999-999."""
    return bool(re.fullmatch(r"[1-9][0-9]{3}-[0-9]{3}", plain(text).strip()))


def is_licence_plate(text: str) -> bool:
    """Check the form of a Portuguese plate: AA-00-00, 00-00-AA, 00-AA-00, AA-00-AA.

    K, W and Y exist in the last form only, given out since 2020.
    """
    return bool(_PLATE.fullmatch(_bare(text)))


def is_email(text: str) -> bool:
    """Check the form of an e-mail address."""
    text = text.strip()
    return len(text) <= _MAX_EMAIL_CHARS and bool(_EMAIL.fullmatch(text))


def is_payment_card(text: str) -> bool:
    """Check a payment card number: the prefix and length of a known scheme, Luhn."""
    digits = _bare(text)
    if not digits.isascii() or not _CARDS.fullmatch(digits):
        return False
    doubled = [2 * int(digit) for digit in digits[-2::-2]]
    singles = sum(map(int, digits[-1::-2]))
    return (sum(value - 9 * (value > 9) for value in doubled) + singles) % 10 == 0


def _bare(text: str) -> str:
    """Take out what groups a number and write it in capitals."""
    return re.sub(r"[ .\-]", "", plain(text)).upper()


def _national(text: str) -> str:
    """Take the country off a phone number, and brackets."""
    bare = re.sub(r"[ .\-]", "", plain(text))
    return _COUNTRY.sub("", bare, count=1).replace("(", "").replace(")", "")


def _are_digits(text: str, length: int) -> bool:
    return len(text) == length and text.isascii() and text.isdigit()


def _weighed(digits: str, weights: Iterable[int]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=True))
