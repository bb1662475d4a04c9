"""Small SVG charts as safe markup: lines, confidence intervals, shares.

Colors come from the page's style sheet (classes ``s1`` … ``s4``), so one drawing serves light,
dark and print. Every chart carries its label for screen readers; series differ by dash as well as
by color.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from markupsafe import Markup, escape

from amalia.report import numbers

NUM_STYLES = 4
"""How many series can be told apart in one chart; further ones start again at the first."""

Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Line:
    """One series of a line chart."""

    label: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Span:
    """A value with its interval, drawn as a dot on a bar."""

    value: float
    low: float
    high: float
    style: Literal["after", "before"]
    ticks: tuple[float, ...] = ()
    """Single measurements behind the value, for example one for each seed."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A baseline across all spans."""

    value: float
    style: Literal["blind", "majority"]


def line_chart(lines: Sequence[Line], *, label: str, x_label: str, y_label: str) -> Markup:
    """Draw series against the step.

    A series that jumps up and down is drawn faint, with its moving average on top; a long one is
    thinned to the extremes of each stretch, so that spikes stay visible.

    Args:
        lines: The series; values that are not finite are left out.
        label: What the chart shows, for screen readers.
        x_label: Name of the horizontal axis.
        y_label: Unit of the vertical axis.

    Returns:
        One ``<svg>``; empty markup when there is nothing finite to draw.
    """
    finite = [_finite(line.points) for line in lines]
    averages = [smooth(points) if is_noisy(points) else None for points in finite]
    every = [point for points in finite for point in points]
    if not every:
        return Markup("")
    frame = _Frame.around(every, averages)
    parts = [_axes(frame, x_label, y_label)]
    for position, (points, average) in enumerate(zip(finite, averages, strict=True)):
        style = f"s{position % NUM_STYLES + 1}"
        if len(points) == 1:
            x, y = frame.place(points[0])
            parts.append(_element("circle", class_=f"dot {style}", cx=x, cy=y, r=3))
            continue
        parts.append(_path(frame, points, f"line {style}" if average is None else f"raw {style}"))
        if average is not None:
            parts.append(_path(frame, average, f"line {style}"))
    return _svg(parts, frame.width, frame.height, label, "chart")


def interval_chart(
    spans: Sequence[Span],
    marks: Sequence[Mark],
    *,
    label: str,
    high: float = 1.0,
    write: Callable[[float], str] = numbers.number,
) -> Markup:
    """Draw intervals one below the other over a common axis from zero, with baselines across.

    Args:
        spans: What to compare; first on top.
        marks: Baselines, drawn as upright lines.
        label: The same in words, for screen readers.
        high: End of the axis.
        write: Writes a value under the axis.

    Returns:
        One ``<svg>``, 180 pixels wide.
    """
    width, left, right, row = 180.0, 12.0, 162.0, 16.0
    bottom = 6 + row * max(1, len(spans))

    def at(value: float) -> float:
        return left + (right - left) * min(1.0, max(0.0, value / high))

    parts: list[Markup] = []
    for quarter in range(5):
        x = at(high * quarter / 4)
        parts.append(_element("line", class_="grid", x1=x, x2=x, y1=2, y2=bottom))
        if quarter % 2 == 0:
            text = write(high * quarter / 4)
            parts.append(_element("text", text, class_="tick middle", x=x, y=bottom + 13))
    for mark in marks:
        x = at(mark.value)
        parts.append(_element("line", class_=f"mark {mark.style}", x1=x, x2=x, y1=1, y2=bottom + 1))
    for position, span in enumerate(spans):
        y = 3 + row * (position + 0.5)
        x1, x2 = at(span.low), at(span.high)
        parts.append(_element("line", class_=f"bar {span.style}", x1=x1, x2=x2, y1=y, y2=y))
        for value in span.ticks:
            x = at(value)
            parts.append(_element("line", class_="seed", x1=x, x2=x, y1=y - 5, y2=y + 5))
        parts.append(_element("circle", class_=f"point {span.style}", cx=at(span.value), cy=y, r=4))
    return _svg(parts, width, bottom + 18, label, "intervals")


def share_bar(fractions: Sequence[float], *, label: str) -> Markup:
    """Draw parts of a whole side by side.

    Args:
        fractions: Each part, 0–1; what is missing to 1 stays empty.
        label: The same in words, for screen readers.

    Returns:
        One ``<svg>``, 120 pixels wide.
    """
    parts = [_element("rect", class_="track", x=0, y=0, width=120, height=10, rx=2)]
    x = 0.0
    for position, fraction in enumerate(fractions):
        width = 120 * min(1.0, max(0.0, fraction))
        style = f"fill s{position % NUM_STYLES + 1}"
        parts.append(_element("rect", class_=style, x=x, y=0, width=width, height=10, rx=2))
        x += width
    return _svg(parts, 120, 10, label, "share")


def ticks(low: float, high: float, target: int = 5) -> tuple[float, ...]:
    """Choose round values between ``low`` and ``high``, about ``target`` of them.

    Args:
        low: Finite.
        high: Finite and greater than ``low``.
        target: How many to aim at.

    Returns:
        Rising multiples of 1, 2 or 5 times a power of ten.
    """
    rough = (high - low) / target
    power: float = 10.0 ** math.floor(math.log10(rough))
    step = power * min((1, 2, 5, 10), key=lambda factor: abs(math.log(power * factor / rough)))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return tuple(position * step for position in range(first, last + 1))


def axis_end(greatest: float) -> float:
    """Choose a round end, with a round half, for an axis from zero that holds ``greatest``.

    Returns:
        1, 2, 4, 6, 8 or 10 times a power of ten; 1 when there is nothing above zero to hold.
    """
    if greatest <= 0:
        return 1.0
    power: float = 10.0 ** math.floor(math.log10(greatest))
    return next(power * factor for factor in (1, 2, 4, 6, 8, 10) if power * factor >= greatest)


def is_noisy(points: Points) -> bool:
    """Tell a jumpy series (a training loss) from a smooth one (a learning rate).

    Returns:
        True for 30 points or more that turn round in more than a quarter of their steps.
    """
    if len(points) < 30:
        return False
    rises = [b[1] - a[1] for a, b in pairwise(points)]
    turns = sum(a * b < 0 for a, b in pairwise(rises))
    return turns > 0.25 * len(rises)


def smooth(points: Points) -> list[tuple[float, float]]:
    """Average each value with its neighbors, a fifteenth of the series wide.

    Towards both ends, where the neighbors are on one side only, a straight line through them takes
    the place of their mean: the curve is neither dragged nor as jumpy as its last point.
    """
    reach = max(2, len(points) // 30)
    sums = [0.0]
    for _, value in points:
        sums.append(sums[-1] + value)
    averaged = []
    for position, (x, _) in enumerate(points):
        first, end = max(0, position - reach), min(len(points), position + reach + 1)
        mean = (sums[end] - sums[first]) / (end - first)
        middle = (first + end - 1) / 2
        if position != middle:
            slope_sum = sum((index - middle) * points[index][1] for index in range(first, end))
            square_sum = sum((index - middle) ** 2 for index in range(first, end))
            mean += (position - middle) * slope_sum / square_sum
        averaged.append((x, mean))
    return averaged


def thin(points: Points, limit: int = 400) -> list[tuple[float, float]]:
    """Keep the lowest and the highest point of each stretch, and both ends.

    Returns:
        At most about ``limit`` points in the same order; all of them when there are no more.
    """
    if len(points) <= limit:
        return list(points)
    num_stretches = limit // 2
    kept = {0, len(points) - 1}
    for stretch in range(num_stretches):
        first = stretch * len(points) // num_stretches
        indices = range(first, (stretch + 1) * len(points) // num_stretches)
        kept.add(min(indices, key=lambda index: points[index][1]))
        kept.add(max(indices, key=lambda index: points[index][1]))
    return [points[index] for index in sorted(kept)]


@dataclass(frozen=True, slots=True)
class _Frame:
    """Data range and the box it is drawn in, in SVG units."""

    x_low: float
    x_high: float
    y_low: float
    y_high: float
    width: float = 340.0
    height: float = 212.0
    left: float = 50.0
    right: float = 320.0
    top: float = 26.0
    bottom: float = 174.0

    @classmethod
    def around(cls, every: Points, averages: Sequence[Points | None]) -> _Frame:
        xs = [x for x, _ in every]
        ys = sorted(y for _, y in every)
        # A single spike must not flatten the rest: beyond 200 points the outermost half percent
        # may be clipped, but never the averages.
        margin = len(ys) // 200
        shown = [ys[margin], ys[-1 - margin]]
        shown += [y for average in averages if average for _, y in average]
        low, high = min(shown), max(shown)
        if low == high:
            spread = abs(low) / 2 or 1.0
            low, high = low - spread, high + spread
        if 0 < low < 0.3 * high:
            low = 0.0
        else:
            low -= 0.04 * (high - low) if low != 0 else 0
        high += 0.04 * (high - low)
        x_low, x_high = min(xs), max(xs)
        if x_low == x_high:
            x_low, x_high = x_low - 1, x_high + 1
        return cls(x_low, x_high, low, high)

    def place(self, point: tuple[float, float]) -> tuple[float, float]:
        across = (point[0] - self.x_low) / (self.x_high - self.x_low)
        up = (min(self.y_high, max(self.y_low, point[1])) - self.y_low) / (self.y_high - self.y_low)
        x = self.left + across * (self.right - self.left)
        return x, self.bottom - up * (self.bottom - self.top)


def _axes(frame: _Frame, x_label: str, y_label: str) -> Markup:
    parts: list[Markup] = []
    y_ticks = ticks(frame.y_low, frame.y_high, 5)
    step = y_ticks[1] - y_ticks[0]
    greatest = max(abs(frame.y_low), abs(frame.y_high))
    exponent = 0
    if step < 0.001 or greatest >= 100_000:
        # Left of the axis there is no room for long numbers: their power of ten goes to the name.
        exponent = math.floor(math.log10(greatest))
        y_label = f"{numbers.factor(exponent)} {y_label}".strip()
    for value in y_ticks:
        _, y = frame.place((frame.x_low, value))
        text = numbers.tick(value / 10**exponent, step / 10**exponent)
        style = "axis" if value == 0 else "grid"
        parts.append(_element("line", class_=style, x1=frame.left, x2=frame.right, y1=y, y2=y))
        parts.append(_element("text", text, class_="tick end", x=frame.left - 7, y=y + 4))
    x_ticks = [tick for tick in ticks(frame.x_low, frame.x_high, 4) if tick == round(tick)]
    for value in x_ticks:
        x, _ = frame.place((value, frame.y_low))
        y1, y2 = frame.bottom, frame.bottom + 4
        parts.append(_element("line", class_="axis", x1=x, x2=x, y1=y1, y2=y2))
        text = numbers.integer(value)
        parts.append(_element("text", text, class_="tick middle", x=x, y=frame.bottom + 17))
    x1, x2, y = frame.left, frame.right, frame.bottom
    parts.append(_element("line", class_="axis", x1=x1, x2=x2, y1=y, y2=y))
    middle = (frame.left + frame.right) / 2
    parts.append(_element("text", x_label, class_="name middle", x=middle, y=frame.height - 6))
    parts.append(_element("text", y_label, class_="name", x=6, y=13))
    return Markup("").join(parts)


def _path(frame: _Frame, points: Points, style: str) -> Markup:
    placed = (frame.place(point) for point in thin(points))
    text = " ".join(f"{x:.1f},{y:.1f}" for x, y in placed)
    return _element("polyline", class_=style, points=text)


def _svg(parts: Sequence[Markup], width: float, height: float, label: str, style: str) -> Markup:
    content = _element("title", label) + Markup("").join(parts)
    box = f"0 0 {width:g} {height:g}"
    # Named twice: aria-label for screen readers that skip <title>, <title> for the pointer.
    return _element("svg", content, class_=style, viewBox=box, role="img", aria_label=label)


def _element(name: str, content: str = "", **attributes: str | float) -> Markup:
    """One SVG element; text that is not markup yet is escaped."""
    pairs = []
    for key, value in attributes.items():
        text = value if isinstance(value, str) else f"{value:.1f}".removesuffix(".0")
        pairs.append(f' {key.rstrip("_").replace("_", "-")}="{escape(text)}"')
    return Markup(f"<{name}{''.join(pairs)}>{escape(content)}</{name}>")


def _finite(points: Points) -> list[tuple[float, float]]:
    return [(x, y) for x, y in points if math.isfinite(x) and math.isfinite(y)]
