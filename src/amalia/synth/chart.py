"""Small bar charts: two to five bars of different colors, each with its value written above it."""

from __future__ import annotations

import random
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

from amalia.synth.backdrop import Color, mixed, random_color, rounded
from amalia.synth.lettering import Typecase

Size = tuple[int, int]

COLORS: dict[str, Color] = {
    "vermelha": (214, 40, 40),
    "azul": (38, 84, 212),
    "verde": (44, 160, 60),
    "amarela": (246, 214, 30),
    "roxa": (128, 42, 168),
    "laranja": (244, 132, 20),
    "preta": (18, 18, 20),
    "cor-de-rosa": (246, 138, 188),
}
"""Color of a bar by its pt-PT name, feminine as «barra» is; red, green, blue, 0–255."""

MAX_BARS = 5
MAX_VALUE = 9
_MIN_LABEL_PX = 7

_WEEKDAYS = ("seg", "ter", "qua", "qui", "sex", "sáb", "dom")
_MONTHS = ("jan", "fev", "mar", "abr", "mai", "jun", "jul", "ago", "set", "out", "nov", "dez")


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar."""

    label: str
    """Written below it: a weekday or a month cut to three letters."""
    value: int
    """1 to 9, written above it."""
    color: str
    """A name of ``COLORS``."""


@dataclass(frozen=True, slots=True)
class Chart:
    """Bars from left to right, of different labels, colors and values."""

    bars: tuple[Bar, ...]
    size_px: Size
    """Width and height."""

    @property
    def composition(self) -> str:
        """Colors and values, whatever the order: the key charts are split by."""
        return "+".join(sorted(f"{bar.color}{bar.value}" for bar in self.bars))


def chart(rng: random.Random, *, size_px: Size = (96, 96)) -> Chart:
    """Choose a chart of 2 to 5 bars.

    Args:
        rng: Source of every choice.
        size_px: Width and height of the picture.

    Returns:
        Bars whose labels follow each other in the week or the year.
    """
    count = rng.randint(2, MAX_BARS)
    names = rng.choice((_WEEKDAYS, _MONTHS))
    start = rng.randrange(len(names) - count + 1)
    values = rng.sample(range(1, MAX_VALUE + 1), count)
    colors = rng.sample(sorted(COLORS), count)
    labels = names[start : start + count]
    bars = tuple(Bar(*bar) for bar in zip(labels, values, colors, strict=True))
    return Chart(bars, size_px)


def draw_chart(chart: Chart, rng: random.Random, *, typecase: Typecase) -> Image.Image:
    """Draw a chart on light paper.

    Args:
        chart: What to draw.
        rng: Source of paper, typeface, spacing and slight shades of the colors.
        typecase: Fonts; a printed one is chosen.

    Returns:
        An RGB picture of ``chart.size_px``.

    Raises:
        RecordError: If there is no printed font.
    """
    width, height = chart.size_px
    paper = mixed((255.0, 255.0, 255.0), random_color(rng), rng.uniform(0.0, 0.12))
    ink = rounded(mixed((20.0, 20.0, 24.0), random_color(rng), 0.1))
    canvas = Image.new("RGB", chart.size_px, rounded(paper))
    pen = ImageDraw.Draw(canvas)
    value_px = round(height * 0.15)
    font = rng.choice(_even(typecase, value_px))
    value_face = typecase.face(font, value_px)
    slot = (width - 6) / len(chart.bars)
    label_face = _fitting(typecase, font, chart, slot - 2)
    floor = height - round(height * 0.17)
    room = floor - round(height * 0.2)
    thickness = slot * rng.uniform(0.5, 0.8)
    if rng.random() < 0.4:
        faint = rounded(mixed(paper, (0.0, 0.0, 0.0), 0.12))
        for step in range(1, 4):
            y = floor - room * step / 3
            pen.line((3, y, width - 3, y), fill=faint)
    for position, bar in enumerate(chart.bars):
        middle = 3 + slot * (position + 0.5)
        top = floor - max(2.0, room * bar.value / MAX_VALUE)
        shade = mixed(COLORS[bar.color], random_color(rng), rng.uniform(0.0, 0.06))
        pen.rectangle(
            (middle - thickness / 2, top, middle + thickness / 2, floor), fill=rounded(shade)
        )
        pen.text((middle, top - 2), str(bar.value), fill=ink, font=value_face, anchor="mb")
        pen.text((middle, height - 4), bar.label, fill=ink, font=label_face, anchor="ms")
    pen.line((3, floor, width - 3, floor), fill=ink)
    return canvas


def _even(typecase: Typecase, size_px: int) -> tuple[str, ...]:
    """Name the printed fonts whose figures are all of a height; if there are none, all of them.

    The small «1» of old-style figures cannot be told from a capital I at this size.
    """
    names = typecase.names("printed")
    even = []
    for name in names:
        boxes = [typecase.face(name, size_px).getbbox(figure) for figure in "148"]
        heights = [box[3] - box[1] for box in boxes]
        if max(heights) - min(heights) <= 1:
            even.append(name)
    return tuple(even) or names


def _fitting(typecase: Typecase, font: str, chart: Chart, room_px: float) -> ImageFont.FreeTypeFont:
    """Give the largest face in which every label fits its slot."""
    size = round(chart.size_px[1] * 0.125)
    while size > _MIN_LABEL_PX:
        face = typecase.face(font, size)
        if max(face.getlength(bar.label) for bar in chart.bars) <= room_px:
            break
        size -= 1
    return typecase.face(font, size)
