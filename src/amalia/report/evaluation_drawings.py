"""Values of the page about evaluations as words and as places in small drawings.

The drawings themselves stand in the template; here are only pixels.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from amalia.report import charts, numbers, text
from amalia.report import evaluation_text as words
from amalia.report.evaluation import ComparisonRow, ResultRow

_BAR_PX, _FOREST_PX = 150.0, 190.0
_SHARES = {"": 1.0, "%": 100.0}
"""Unit of a share → the whole."""


def value(amount: float | None, unit: str) -> str:
    """Write a value on the scale of its unit: 0.873 → ``87,3 %``, 1523 points → ``1 523 pontos``."""
    if amount is None or not math.isfinite(amount):
        return numbers.DASH
    if unit in _SHARES:
        return numbers.percent(amount / _SHARES[unit])
    return f"{numbers.number(amount)}{numbers.SPACE}{words.unit(unit)}"


def spread(amount: float | None, unit: str) -> str:
    """Write a distance between two values, without a sign: 0.012 → ``1,2 p.p.``."""
    if amount is None or not math.isfinite(amount):
        return numbers.DASH
    if unit in _SHARES:
        return f"{numbers.decimal(100 * amount / _SHARES[unit])}{numbers.SPACE}p.p."
    return f"{numbers.number(amount)}{numbers.SPACE}{words.unit(unit)}"


def signed(amount: float | None, unit: str) -> str:
    """Write a difference with its sign: 0.012 → ``+1,2 p.p.``."""
    told = spread(amount, unit)
    return f"+{told}" if amount is not None and 0 < amount < math.inf else told


def interval(row: ResultRow) -> str:
    """Write the interval of a result."""
    return text.interval(value(row.low, row.unit), value(row.high, row.unit))


@dataclass(frozen=True, slots=True)
class Drawn:
    """A value on its interval, in pixels of its drawing."""

    low: float
    value: float
    high: float
    width: float
    zero: float
    label: str
    scale: str = ""
    """How far the axis reaches, in words."""


def with_bars(rows: Sequence[ResultRow]) -> Iterator[tuple[ResultRow, Drawn]]:
    """Draw values of one metric over a common axis from zero."""
    end = charts.axis_end(max(_finite(row.high, row.value) for row in rows))
    end = _SHARES.get(rows[0].unit, end)
    for row in rows:
        yield row, _bar(row, end)


def with_forests(
    rows: Sequence[ComparisonRow],
) -> Iterator[tuple[ComparisonRow, Drawn | None]]:
    """Draw differences around zero; those in one unit share a scale."""
    ends: dict[str, float] = {}
    for row in rows:
        if row.difference is not None:
            reach = [abs(_finite(end, row.difference)) for end in (row.low, row.high)]
            ends[row.unit] = max(*reach, ends.get(row.unit, 0.0))
    for row in rows:
        if row.difference is None:
            yield row, None
            continue
        half, end = _FOREST_PX / 2, charts.axis_end(ends[row.unit])
        low, middle, high = (
            round(half + (half - 6) * min(1.0, max(-1.0, amount / end)), 1)
            for amount in (row.low, row.difference, row.high)
        )
        told = text.interval(signed(row.low, row.unit), signed(row.high, row.unit))
        name = words.group(row.group) if row.group else words.task(row.task)
        label = words.forest_label(name, signed(row.difference, row.unit), told)
        scale = words.forest_scale(signed(-end, row.unit), signed(end, row.unit))
        yield row, Drawn(low, middle, high, _FOREST_PX, half, label, scale)


def _bar(row: ResultRow, end: float) -> Drawn:
    def at(amount: float) -> float:
        # The interval of a single unit may have no ends, which then are those of the axis.
        return round(_BAR_PX * min(1.0, max(0.0, amount / end)), 1)

    label = words.bar_label(words.group(row.group), value(row.value, row.unit), interval(row))
    return Drawn(at(row.low), at(row.value), at(row.high), _BAR_PX, 0.0, label)


def _finite(amount: float, instead: float) -> float:
    return amount if math.isfinite(amount) else instead
