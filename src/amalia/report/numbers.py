"""Numbers and times as they are written in Portugal.

Decimal comma, a no-break space between thousands and before a unit, a true minus sign. What is
missing or not finite is a dash.
"""

from __future__ import annotations

import math
from datetime import datetime

DASH = "—"
SPACE = "\u00a0"
MINUS = "\u2212"

_MONTHS = (
    "janeiro", "fevereiro", "março", "abril", "maio", "junho",
    "julho", "agosto", "setembro", "outubro", "novembro", "dezembro",
)  # fmt: skip
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_SIZE_UNITS = ("B", "kB", "MB", "GB", "TB")


def decimal(value: float | None, digits: int = 1) -> str:
    """Write ``value`` with a fixed number of decimals: 1234.5 → ``1 234,5``."""
    if value is None or not math.isfinite(value):
        return DASH
    text = f"{abs(value):,.{digits}f}".replace(",", SPACE).replace(".", ",")
    is_zero = not any(character in "123456789" for character in text)
    return text if value >= 0 or is_zero else MINUS + text


def integer(value: float | None) -> str:
    """Write a count: 12345 → ``12 345``."""
    return decimal(value, 0)


def percent(fraction: float | None, digits: int = 1) -> str:
    """Write a fraction as a percentage: 0.873 → ``87,3 %``."""
    if fraction is None or not math.isfinite(fraction):
        return DASH
    return f"{decimal(100 * fraction, digits)}{SPACE}%"


def number(value: float | None) -> str:
    """Write any number with about three significant digits: 0.01234 → ``0,0123``."""
    if value is None or not math.isfinite(value):
        return DASH
    if value == 0:
        return "0"
    exponent = math.floor(math.log10(abs(value)))
    if exponent < -3:
        return scientific(value)
    return decimal(value, max(0, 2 - exponent))


def scientific(value: float) -> str:
    """Write a very small or very large number: 0.00002 → ``2 × 10⁻⁵``."""
    mantissa, exponent = f"{abs(value):.1e}".split("e")
    sign = MINUS if value < 0 else ""
    return f"{sign}{mantissa.removesuffix('.0').replace('.', ',')}{SPACE}{factor(int(exponent))}"


def factor(exponent: int) -> str:
    """Write a power of ten as a factor: -5 → ``× 10⁻⁵``."""
    return f"×{SPACE}10{str(exponent).translate(_SUPERSCRIPTS)}"


def tick(value: float, step: float) -> str:
    """Write a value on an axis with only the decimals its ``step`` needs."""
    if value == 0:
        return "0"
    return decimal(value, max(0, -math.floor(math.log10(step) + 1e-9)))


def millions(count: float) -> str:
    """Write a large count in words: 10 312 000 → ``10,3 milhões``."""
    if count < 1_000_000:
        return integer(count)
    if count >= 1_000_000_000:
        return f"{integer(count / 1e6)}{SPACE}milhões"
    text = decimal(count / 1e6)
    return f"{text}{SPACE}{'milhão' if count < 2_000_000 else 'milhões'}"


def size(num_bytes: float | None) -> str:
    """Write a size in decimal units: 12 400 000 → ``12,4 MB``."""
    if num_bytes is None:
        return DASH
    amount = float(num_bytes)
    for unit in _SIZE_UNITS:
        if amount < 999.5 or unit == _SIZE_UNITS[-1]:
            digits = 0 if unit == "B" or amount >= 100 else 1
            return f"{decimal(amount, digits)}{SPACE}{unit}"
        amount /= 1000
    raise AssertionError


def duration(seconds: float | None) -> str:
    """Write a time span: 8.24 → ``8,2 s``, 192 → ``3 min 12 s``, 3900 → ``1 h 05 min``."""
    if seconds is None or not math.isfinite(seconds):
        return DASH
    if seconds < 59.95:
        return f"{decimal(seconds)}{SPACE}s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60}{SPACE}min{SPACE}{whole % 60:02}{SPACE}s"
    minutes = round(seconds / 60)
    return f"{minutes // 60}{SPACE}h{SPACE}{minutes % 60:02}{SPACE}min"


def moment(at: datetime) -> str:
    """Write a date and time: ``21 de novembro de 2026, 22:58 (UTC)``."""
    zone = at.tzname()
    suffix = f" ({zone})" if zone else ""
    return f"{at.day} de {_MONTHS[at.month - 1]} de {at.year}, {at:%H:%M}{suffix}"
