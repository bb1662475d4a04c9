"""Numbers of digits in running text: NIF, NISS, IBAN and NIB, phones, payment cards, civil numbers.

A *run* is digits with single spaces, dots or hyphens between them. What a run is taken for:

- behind +351 or 00351: a phone if it has the form of a personal one; behind + and another country: a phone;
- behind PT: an IBAN (PT50) or a NIF, if the check digits are right;
- behind a word directly before it («NIF n.º», «tel.:»): that kind or nothing, in any grouping; a word for
  something else («fatura», «artigo», «referência») makes it nobody's;
- without one, only if it stands alone (``number_words.is_alone``) and all of it fits, in groups that people
  use: a mobile number (before a NIF, which rarely begins with 91); then a NIF with a right check digit;
  then a landline number, unless its nine digits stand together; a NISS; a NIB; a card of 14 digits or more.
  Thousands with dots (234.567.899) are amounts. «n.º» alone leaves only mobile numbers. Numbers of service
  lines (707, 760, 800, 808…) are nobody's.

Not covered: nine digits of another meaning that happen to fit (without a word one in eight random ones
written together, one in five in groups of three); landline numbers written in one group without a word;
numbers cut by a line break or spelled in words; foreign bank accounts and tax numbers; the number of an SNS
user, which has no public check; phones that begin with 30.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import NamedTuple

from amalia.identifiers import check_digits, number_words
from amalia.identifiers.number_words import Label

_DIGITS = re.compile(r"[0-9]+(?:[ .\-][0-9]+)*")
_GROUP = re.compile(r"[0-9]+")
_MIN_DIGITS = 8
# A country or an area code in brackets, which the rest of the number follows.
_CODE = re.compile(r"(?:00)?351(?: ?\(2[0-9]{1,2})?|2[0-9]{1,2}")
_BRACKETS = frozenset((")", ") ", ")-", ").", " (", "("))
_PT = re.compile(r"(?:(?<![^\W_])|(?<=IBAN)|(?<=NIF)|(?<=VAT))PT[ .-]?\Z", re.IGNORECASE)
_SERVICE = re.compile(r"[78]0[0789]|76[0-9]|884")
_CARD_GROUPS = frozenset(
    ((14,), (15,), (16,), (18,), (19,), (4, 4, 4, 4), (4, 6, 5), (4, 6, 4), (4, 4, 4, 4, 3))
)

_PHONE_GROUPS = frozenset(
    ((9,), (3, 3, 3), (2, 3, 2, 2), (2, 7), (3, 6), (2, 3, 4), (3, 2, 2, 2), (3, 2, 4))
)

_LABELLED: dict[str, dict[int, Callable[[str], bool]]] = {
    "nif": {9: check_digits.is_nif},
    "niss": {11: check_digits.is_niss},
    "iban": {21: check_digits.is_nib},
    "phone": {9: check_digits.is_phone, 12: check_digits.is_phone},
    "payment_card": dict.fromkeys(range(19, 12, -1), check_digits.is_payment_card),
    "cartao_cidadao": {9: check_digits.is_civil_number},
}


class Hit(NamedTuple):
    """An identifier in a text."""

    category: str
    start: int
    end: int


class _Run(NamedTuple):
    """Digits that stand together."""

    text: str
    start: int
    """Where it begins, brackets included."""
    groups: list[tuple[int, int]]

    def digits(self, first: int, last: int) -> str:
        """Join the digits of some groups."""
        return "".join(self.text[start:end] for start, end in self.groups[first:last])

    def until(self, length: int) -> int:
        """Give behind which group so many digits end, 0 if within one or never."""
        for index, (start, end) in enumerate(self.groups, 1):
            length -= end - start
            if length <= 0:
                return index if length == 0 else 0
        return 0


def find(text: str) -> Iterator[Hit]:
    """Find identifiers among the runs of digits of a text.

    Args:
        text: As ``check_digits.plain`` writes it.
    """
    floor, before = 0, None
    for start, end in _runs(text):
        run = _Run(text, start, [match.span() for match in _GROUP.finditer(text, start, end)])
        if sum(last - first for first, last in run.groups) < _MIN_DIGITS:
            continue
        label = number_words.label(text, start, floor)
        if label is None and before is not None and number_words.is_listed(text[floor:start]):
            label = Label(before.kind, before.kind == "other")
        if label is None:
            label = number_words.label_behind(text, end)
        yield from _in_run(run, label)
        floor, before = end, label


def _runs(text: str) -> Iterator[tuple[int, int]]:
    """Give runs that may hold an identifier, «(21) 345 67 89» as one."""
    start = end = 0
    for match in _DIGITS.finditer(text):
        follows = end and text[end : match.start()] in _BRACKETS
        if follows and text[start - 1 : start] in ("(", "+") and _CODE.fullmatch(text[start:end]):
            end = match.end()
            continue
        if end - start >= _MIN_DIGITS:
            yield _opened(text, start, end), end
        start, end = match.span()
    if end - start >= _MIN_DIGITS:
        yield _opened(text, start, end), end


def _opened(text: str, start: int, end: int) -> int:
    """Take a plus and the bracket that opens into a run."""
    first = start - (text[start - 1 : start] == "+")
    closes = ")" in text[start : min(end, start + 16)]
    return first - (closes and first > 0 and text[first - 1] == "(")


def _in_run(run: _Run, label: Label | None) -> Iterator[Hit]:
    hit, used = _prefixed(run) or _labelled(run, label) or (None, 0)
    if hit is not None:
        yield hit
    if used < len(run.groups):
        yield from _bare(run, used, label)


def _prefixed(run: _Run) -> tuple[Hit | None, int] | None:
    """Read a run behind +, 00 or PT; None if there is none of them."""
    text, (start, first_end) = run.text, run.groups[0]
    everything = len(run.groups)
    if text[start - 1 : start] == "+" and not text[max(0, start - 2) : start - 1].isalnum():
        return _international(run, run.digits(0, min(everything, 16)), code="351")
    if text.startswith("00351", start):
        return _international(run, run.digits(0, min(everything, 16)), code="00351")
    letters = _PT.search(text[max(0, start - 8) : start])
    if letters is None:
        return None
    begin = start - len(letters.group())
    last = run.until(23)
    if last and check_digits.is_iban("PT" + run.digits(0, last)):
        return Hit("iban", begin, run.groups[last - 1][1]), last
    last = run.until(9)
    if last and check_digits.is_nif(run.digits(0, last)):
        return Hit("nif", begin, run.groups[last - 1][1]), last
    # «Compre em www.loja.pt 912 345 678» is no number with a prefix; «PT50 …» is nothing else.
    return (None, everything) if text[start:first_end].startswith("50") else None


def _international(run: _Run, digits: str, code: str) -> tuple[Hit | None, int]:
    everything = len(run.groups)
    if digits.startswith(code):
        last = run.until(len(code) + 9)
        if last and check_digits.is_phone(digits[len(code) : len(code) + 9]):
            return Hit("phone", run.start, run.groups[last - 1][1]), last
    elif 10 <= len(digits) <= 15 and digits[0] != "0" and code == "351" and _ends_alone(run):
        return Hit("phone", run.start, run.groups[-1][1]), everything
    return None, everything


def _ends_alone(run: _Run) -> bool:
    return number_words.is_alone(run.text, run.start, run.groups[-1][1])


def _labelled(run: _Run, label: Label | None) -> tuple[Hit | None, int] | None:
    """Read a run as what the word before it says; None if that leaves it open."""
    if label is None or label.kind == "own":
        return None
    for length, is_valid in _LABELLED.get(label.kind, {}).items():
        last = run.until(length)
        if last and is_valid(run.digits(0, last)):
            end = run.groups[last - 1][1]
            if label.is_close or number_words.is_alone(run.text, run.start, end):
                return Hit(label.kind, run.start, end), last
    if label.kind == "cartao_cidadao" and label.is_close and _is_civil_without_check(run):
        return Hit(label.kind, *run.groups[0]), 1
    return (None, len(run.groups)) if label.is_close else None


def _is_civil_without_check(run: _Run) -> bool:
    """Say whether eight digits stand alone behind «CC n.º»: most people leave the rest out."""
    start, end = run.groups[0]
    return len(run.groups) == 1 and end - start == 8 and number_words.is_alone(run.text, start, end)


def _bare(run: _Run, used: int, label: Label | None) -> Iterator[Hit]:
    """Read what no word explains: all that is left of a run, or numbers in it that spaces set apart."""
    groups = run.groups[used:]
    start, end = run.start if used == 0 else groups[0][0], groups[-1][1]
    is_own = label is not None and label.kind == "own"
    is_counted = not is_own and number_words.is_counted(run.text, start)
    if len(groups) <= 8 and _is_alone(run.text, start, end, at_start=used > 0):
        category = _kind(run.text, groups, is_own=is_own, is_counted=is_counted)
        if category:
            yield Hit(category, start, end)
            return
    if len(groups) == 1:
        return
    for index, (start, end) in enumerate(groups):
        if end - start < 9 or (index == 0 and is_counted):
            continue
        if run.text[start - 1] == " " or index == 0:
            is_last = index == len(groups) - 1
            if (is_last or run.text[end] == " ") and number_words.is_alone(run.text, start, end):
                category = _kind(run.text, [(start, end)], is_own=is_own, is_counted=False)
                if category:
                    yield Hit(category, start, end)


def _is_alone(text: str, start: int, end: int, *, at_start: bool) -> bool:
    if at_start:  # another number of a known kind stands before it
        return number_words.is_alone(text[start : end + 16], 0, end - start)
    return number_words.is_alone(text, start, end)


def _kind(
    text: str, groups: list[tuple[int, int]], *, is_own: bool, is_counted: bool
) -> str | None:
    """Say what a number without a word is, None if nothing."""
    sizes = tuple(end - start for start, end in groups)
    gaps = {text[left[1] : right[0]] for left, right in pairwise(groups)}
    digits = "".join(text[start:end] for start, end in groups)
    if check_digits.is_nib(digits):  # often ends in a group of one
        return None if is_counted else "iban"
    if "." in gaps or min(sizes) < 2:
        return None
    if len(digits) == 9:
        return _kind_of_nine(digits, sizes, gaps, is_own=is_own, is_counted=is_counted)
    if is_counted:
        return None
    if len(digits) == 12 and digits.startswith("351") and check_digits.is_phone(digits):
        return "phone"
    if len(digits) == 11 and len(gaps) < 2 and sizes != (2, 3, 3, 3):  # thousands
        return "niss" if check_digits.is_niss(digits) else None
    if sizes in _CARD_GROUPS and len(gaps) < 2:
        return "payment_card" if check_digits.is_payment_card(digits) else None
    return None


def _kind_of_nine(
    digits: str, sizes: tuple[int, ...], gaps: set[str], *, is_own: bool, is_counted: bool
) -> str | None:
    if check_digits.is_mobile(digits) and sizes in _PHONE_GROUPS:
        return "phone"
    if is_counted or _SERVICE.match(digits):
        return None
    if sizes in ((9,), (3, 3, 3)) and len(gaps) < 2 and check_digits.is_nif(digits):
        return "nif"
    is_phone = sizes in _PHONE_GROUPS and (is_own or len(sizes) > 1)
    return "phone" if is_phone and check_digits.is_landline(digits) else None
