"""Mathematical answers written in LaTeX: what is boxed, and whether two of them are equal.

Values are compared as numbers where both are: decimals with point or comma, fractions, roots, powers,
percentages and multiples of pi. Everything else is compared as text without what changes only its look.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable

_BOXED = re.compile(r"\\(?:boxed|fbox)\s*\{")
# Only looks: fonts, spaces, sizes of brackets, dollar signs.
_FONTS = re.compile(r"\\(?:text|mathrm|mathbf|textbf|mathit|operatorname|mbox)\s*\{([^{}]*)\}")
_LOOKS = re.compile(r"\\(?:left|right|displaystyle|[,;:! ]|quad|qquad)|[$\s~]|\\(?=[%$€])")
_THOUSANDS = re.compile(r"(?<![\d.,])\d{1,3}(?:\.\d{3})+,\d+|(?<![\d.,])\d{1,3}(?:,\d{3})+\.\d+")
_TOLERANCE = 5e-3


def boxed(text: str) -> str | None:
    r"""Give what the last ``\boxed{…}`` of an answer holds, braces inside it included.

    Returns:
        The content, stripped; None if nothing is boxed or the brace is never closed.
    """
    for match in reversed(list(_BOXED.finditer(text))):
        depth = 1
        for place in range(match.end(), len(text)):
            depth += {"{": 1, "}": -1}.get(text[place], 0)
            if not depth:
                return text[match.end() : place].strip()
    return None


def equal(first: str, second: str) -> bool:
    r"""Tell whether two mathematical answers are the same.

    Numbers are the same when they agree to two decimals, as in MATH-Vision (Wang et al. 2024,
    arXiv:2402.14804); a percentage is its number, and units in ``\text{…}`` count as text.
    """
    plain = [_plain(text) for text in (first, second)]
    if plain[0] == plain[1]:
        return True
    values = [value(text) for text in (first, second)]
    if values[0] is None or values[1] is None:
        return False
    return abs(values[0] - values[1]) < _TOLERANCE


def value(text: str) -> float | None:
    r"""Read a number written in LaTeX.

    Args:
        text: such as ``\frac{3}{4}``, ``2\sqrt{3}``, ``-1,5``, ``10^{3}``, ``2\pi`` or ``12\%``.

    Returns:
        The number, or None where the text is anything more or less than one.
    """
    reader = _Reader(
        _plain(text).rstrip(".").removesuffix("%").removesuffix("^\\circ").removesuffix("°")
    )
    try:
        found = reader.product()
    except (ValueError, ZeroDivisionError, OverflowError):
        return None
    return found if reader.is_done and math.isfinite(found) else None


def _plain(text: str) -> str:
    text = _FONTS.sub(r"\1", text)
    text = _LOOKS.sub("", text).replace("\\dfrac", "\\frac").replace("\\tfrac", "\\frac")
    text = text.replace("−", "-").replace("{,}", ",").rstrip(".")
    return _THOUSANDS.sub(_without_thousands, text)


def _without_thousands(match: re.Match[str]) -> str:
    whole = match.group()
    decimal = max(".", ",", key=whole.rfind)
    return whole.replace("," if decimal == "." else ".", "").replace(decimal, ".")


class _Reader:
    """Reads a product of factors from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._place = 0

    @property
    def is_done(self) -> bool:
        return self._place == len(self._text)

    def product(self) -> float:
        """Read a sign and factors that stand side by side, or with a sign of multiplication or division."""
        sign = -1.0 if self._takes("-") else 1.0
        self._takes("+")
        found = self._power()
        while not self.is_done and self._text[self._place] != "}":
            if self._takes("/"):
                found /= self._power()
                continue
            if not (self._takes("\\times") or self._takes("\\cdot")) and self._starts_digit():
                raise ValueError("two numbers side by side")
            found *= self._power()
        return sign * found

    def _power(self) -> float:
        base = self._factor()
        if not self._takes("^"):
            return base
        return float(base ** (self._braced() if self._sees("{") else float(self._digit())))

    def _factor(self) -> float:
        names: dict[str, Callable[[], float]] = {
            "\\frac": lambda: self._braced() / self._braced(),
            "\\sqrt": lambda: math.sqrt(self._braced()),
            "\\pi": lambda: math.pi,
            "π": lambda: math.pi,
        }
        for name, read in names.items():
            if self._takes(name):
                return read()
        found = re.compile(r"\d+(?:[.,]\d+)?").match(self._text, self._place)
        if found is None:
            raise ValueError(f"no number at {self._text[self._place :]!r}")
        self._place = found.end()
        return float(found.group().replace(",", "."))

    def _braced(self) -> float:
        if not self._takes("{"):
            return float(self._digit())
        found = self.product()
        if not self._takes("}"):
            raise ValueError("a brace is not closed")
        return found

    def _digit(self) -> str:
        if not self._starts_digit():
            raise ValueError("no digit")
        self._place += 1
        return self._text[self._place - 1]

    def _starts_digit(self) -> bool:
        return self._text[self._place : self._place + 1].isdecimal()

    def _sees(self, token: str) -> bool:
        return self._text.startswith(token, self._place)

    def _takes(self, token: str) -> bool:
        taken = self._sees(token)
        self._place += len(token) * taken
        return taken
