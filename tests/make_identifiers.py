"""Draw identifiers, made from the published rules a second time and apart from the code; nobody's."""

from __future__ import annotations

from hypothesis import strategies as st

NIF_STARTS = "1 2 3 45 5 6 70 71 72 74 75 77 78 79 8 90 91 98 99".split()
MOBILE_STARTS = "91 92 93 96".split()
LANDLINE_STARTS = "21 22 232 239 253 265 289 291 296".split()
CARD_STARTS = ("4", 16), ("51", 16), ("55", 16), ("2221", 16), ("37", 15), ("36", 14), ("6011", 16)


def _digits(length: int) -> st.SearchStrategy[str]:
    return st.text("0123456789", min_size=length, max_size=length)


@st.composite
def nifs(draw: st.DrawFn) -> str:
    start = draw(st.sampled_from(NIF_STARTS))
    rest = start + draw(_digits(8 - len(start)))
    remainder = sum((9 - place) * int(digit) for place, digit in enumerate(rest)) % 11
    return rest + str(max(0, 11 - remainder) % 11 % 10 if remainder > 1 else 0)


@st.composite
def nisss(draw: st.DrawFn) -> str:
    rest = draw(st.sampled_from("12")) + draw(_digits(9))
    primes = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29][::-1]
    return rest + str(9 - sum(p * int(d) for p, d in zip(primes, rest, strict=True)) % 10)


@st.composite
def civil_numbers(draw: st.DrawFn) -> str:
    rest = draw(st.sampled_from("123")) + draw(_digits(7))
    check = -sum((9 - place) * int(digit) for place, digit in enumerate(rest)) % 11
    return rest + str(check % 10)


@st.composite
def citizen_cards(draw: st.DrawFn) -> str:
    body = draw(civil_numbers()) + "Z" + draw(st.sampled_from("XYZ0123456789"))
    total = 0
    for place, letter in enumerate(body):
        value = int(letter) if letter.isdigit() else ord(letter) - ord("A") + 10
        value = value if place % 2 else value * 2
        total += value - 9 if value > 9 and place % 2 == 0 else value
    return body + str(-total % 10)


@st.composite
def nibs(draw: st.DrawFn) -> str:
    rest = draw(_digits(19))
    return f"{rest}{98 - int(rest) * 100 % 97:02d}"


@st.composite
def mobiles(draw: st.DrawFn) -> str:
    return draw(st.sampled_from(MOBILE_STARTS)) + draw(_digits(7))


@st.composite
def landlines(draw: st.DrawFn) -> str:
    start = draw(st.sampled_from(LANDLINE_STARTS))
    return start + draw(_digits(9 - len(start)))


@st.composite
def cards(draw: st.DrawFn) -> str:
    start, length = draw(st.sampled_from(CARD_STARTS))
    rest = start + draw(_digits(length - 1 - len(start)))
    doubled = [int(digit) * 2 for digit in rest[::-2]]
    total = sum(value // 10 + value % 10 for value in doubled) + sum(map(int, rest[-2::-2]))
    return rest + str(-total % 10)


@st.composite
def plates(draw: st.DrawFn) -> str:
    old, new = "ABCDEFGHIJLMNOPQRSTUVXZ", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    form = draw(st.sampled_from(["aa-00-00", "00-00-aa", "00-aa-00", "AA-00-AA"]))
    signs = {"a": old, "A": new, "0": "0123456789"}
    return "".join(draw(st.sampled_from(signs[sign])) if sign != "-" else "-" for sign in form)


@st.composite
def groupings(draw: st.DrawFn, number: str, forms: tuple[tuple[int, ...], ...], signs: str) -> str:
    """Write a number in one of some forms, with one sign between the groups, maybe in full width."""
    sign, at, groups = draw(st.sampled_from(signs)), 0, list[str]()
    for size in draw(st.sampled_from(forms)):
        groups.append(number[at : at + size])
        at += size
    written = sign.join(groups)
    if draw(st.booleans()):
        written = "".join(
            chr(ord(c) + 0xFEE0) if c.isascii() and c.isalnum() else c for c in written
        )
    return written


@st.composite
def any_grouping(draw: st.DrawFn, number: str) -> str:
    """Write a number with a sign or none behind each letter."""
    signs = st.sampled_from(["", "", " ", ".", "-", "\u00a0", "\u2009", "–"])
    return "".join(letter + draw(signs) for letter in number[:-1]) + number[-1]


def with_another_last(number: str) -> list[str]:
    """Give the number with each other last digit."""
    return [number[:-1] + digit for digit in "0123456789" if digit != number[-1]]
