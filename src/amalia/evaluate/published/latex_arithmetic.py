r"""Arithmetic in LaTeX as latex2sympy reads it and Python then computes it, for MATH-Vision's published scoring.

Numbers with points or groups of three digits behind commas, + - * / : ^ !, brackets and braces, ``\frac``, ``\sqrt``,
``\times``, ``\cdot``, ``\div``, ``\pi``, and factors side by side, which bind more tightly than a division. A decimal
comma makes a list there, so «3,14» is no number; «3\frac{1}{2}» is a product, 1.5; what stands behind a complete
sum and cannot go on with it is dropped.

Not covered: functions such as ``\sin`` and ``\log``, binomials, relations, matrices, and divisions by a fraction,
which are printed there without brackets and computed wrongly.
"""

import math
import re

Number = int | float

_GROUPED = re.compile(r"\d+(?:,\d{3})*")
_DECIMAL = re.compile(r"\d*(?:,\d{3})*\.\d+")
_BRACKETS = {"(": ")", "{": "}", "[": "]", "\\{": "\\}"}
_TIMES = ("*", "\\times", "\\cdot")
_DIVIDED = ("/", "\\div", ":")
_SPACES = re.compile(r"(?:[\s$~]|\\,|\\q?quad|\\displaystyle|\\left|\\right)*")
# Behind a complete sum these are dropped; a letter would be a variable, a comma or sign of relation no number.
_DROPPED = ("]", ")", "}", ".", "_", "^")
# A model may write any power; nobody waits for it.
_MAX_FACTORIAL = 1000
_MAX_BITS = 100_000


def value(text: str) -> Number | None:
    """Compute a text; None where it is not arithmetic or has no value."""
    reader = _Reader(text)
    try:
        found = reader.sum()
    except (ValueError, ArithmeticError):
        return None
    return found if reader.is_done and not isinstance(found, complex) else None


class _Reader:
    """Reads a sum from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._place = 0
        self._skip_spaces()

    @property
    def is_done(self) -> bool:
        rest = self._text[self._place :]
        return not rest or rest.startswith(_DROPPED)

    def sum(self) -> Number:
        """Read products that are added or taken away."""
        found = self._product()
        while sign := self._takes("+", "-"):
            term = self._product()
            found = found + term if sign == "+" else found - term
        return found

    def _product(self) -> Number:
        found = self._factors()
        while True:
            if self._takes(*_TIMES):
                found *= self._factors()
            elif self._takes(*_DIVIDED):
                found /= self._factors()
            else:
                return found

    def _factors(self) -> Number:
        """Read a sign and what stands side by side."""
        if sign := self._takes("+", "-"):
            return self._factors() if sign == "+" else -self._factors()
        found = self._power()
        while self._starts_factor():
            found *= self._power()
        return found

    def _power(self) -> Number:
        found = self._atom()
        # From left to right: 2^3^2 is 64.
        while self._takes("^"):
            exponent = self._braced() if self._sees("{") else self._atom()
            if isinstance(found, int) and found.bit_length() * abs(exponent) > _MAX_BITS:
                raise ValueError("too large a power")
            found = found**exponent
        while self._takes("!"):
            if not isinstance(found, int) or found > _MAX_FACTORIAL:
                raise ValueError("no factorial of this")
            found = math.factorial(found)
        return found / 100 if self._takes("\\%") else found

    def _atom(self) -> Number:
        if self._takes("\\frac"):
            above = self._braced()
            return above / self._braced()
        if self._takes("\\sqrt"):
            root = self._bracketed("[", "]") if self._takes("[") else 2
            inside = self._braced()
            return math.sqrt(inside) if root == 2 else inside ** (1 / root)
        if self._takes("\\pi"):
            return math.pi
        if opening := self._takes(*_BRACKETS):
            return self._bracketed(opening, _BRACKETS[opening])
        figure = self._figure()
        if not figure:
            raise ValueError("no number")
        self._place += len(figure)
        self._skip_spaces()
        digits = figure.replace(",", "")
        if digits.isdecimal():
            return int(digits)
        found = float(digits)
        return int(found) if found.is_integer() else found

    def _figure(self) -> str:
        """Give the longest number that starts here, or nothing."""
        found = [form.match(self._text, self._place) for form in (_GROUPED, _DECIMAL)]
        return max((match.group() for match in found if match), key=len, default="")

    def _braced(self) -> Number:
        if not self._takes("{"):
            raise ValueError("no brace")
        return self._bracketed("{", "}")

    def _bracketed(self, opening: str, closing: str) -> Number:
        found = self.sum()
        if not self._takes(closing):
            raise ValueError(f"{opening} is not closed")
        return found

    def _starts_factor(self) -> bool:
        rest = self._text[self._place :]
        return bool(self._figure()) or rest.startswith(("\\frac", "\\sqrt", "\\pi", *_BRACKETS))

    def _sees(self, token: str) -> bool:
        return self._text.startswith(token, self._place)

    def _takes(self, *tokens: str) -> str:
        for token in tokens:
            if self._sees(token):
                self._place += len(token)
                self._skip_spaces()
                return token
        return ""

    def _skip_spaces(self) -> None:
        match = _SPACES.match(self._text, self._place)
        assert match is not None
        self._place = match.end()
