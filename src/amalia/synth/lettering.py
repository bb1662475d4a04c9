"""Pictures of words: printed and handwritten, on light, dark and colored paper.

The ink is measured before it is placed, so nothing is ever cut off by the edge, and paper and ink
always differ enough in luminance to be read. The letters of a word are about as wide as a patch of
the mini model's tower, on one line at half the height of the picture.

Not covered: curved baselines, letters over photographs, perspective, capitals chosen here (the text
is drawn as given).
"""

from __future__ import annotations

import io
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from PIL import Image, ImageDraw, ImageFont

from amalia.errors import RecordError
from amalia.pack import Font
from amalia.synth.backdrop import Color, clouds, gradient, mixed, random_color, rounded

Hand = Literal["printed", "handwriting"]
Size = tuple[int, int]

SHORT_WORD_PX: Size = (96, 96)
LONG_WORD_PX: Size = (192, 96)
LINE_PX: Size = (192, 96)
MAX_SHORT_LETTERS = 6

_MEASURED_AT_PX = 40
_MIN_LUMINANCE_GAP = 115.0
# Measured: a tower of 16 px patches learns letters of this width several times faster than letters
# that fill the picture, since each patch then sees most of one.
_LETTER_PX = 15
_MAX_FONT_PX = 34
_MARGIN_PX = 4


@dataclass(frozen=True, slots=True)
class Lettering:
    """What is written in a picture, and how."""

    text: str
    font: str
    style: Hand
    size_px: Size


class Typecase:
    """Fonts ready to draw with; each size of each is parsed on first use and kept.

    Make one and pass it to whatever writes. It only saves time: results never depend on it.
    """

    def __init__(self, fonts: Sequence[Font]) -> None:
        self._fonts = {font.name: font for font in fonts}
        self._names: dict[Hand, tuple[str, ...]] = {
            "printed": tuple(sorted(f.name for f in fonts if f.style == "printed")),
            "handwriting": tuple(sorted(f.name for f in fonts if f.style == "handwriting")),
        }
        self._faces: dict[tuple[str, int], ImageFont.FreeTypeFont] = {}

    def names(self, style: Hand) -> tuple[str, ...]:
        """Names of the fonts of a style, sorted.

        Raises:
            RecordError: If there is none.
        """
        if not self._names[style]:
            raise RecordError(
                f"no {style} font among {sorted(self._fonts)}; expected at least one, add it",
                reason="no_font",
            )
        return self._names[style]

    def license(self, name: str) -> str:
        """SPDX identifier of a font's licence."""
        return self._fonts[name].license

    def face(self, name: str, size_px: int) -> ImageFont.FreeTypeFont:
        """Give a font at a size."""
        key = (name, size_px)
        if key not in self._faces:
            data = io.BytesIO(self._fonts[name].data)
            # The basic layout gives the same places on machines with and without a shaping library.
            layout = ImageFont.Layout.BASIC
            self._faces[key] = ImageFont.truetype(data, size_px, layout_engine=layout)
        return self._faces[key]


def word_picture(
    rng: random.Random,
    text: str,
    *,
    style: Hand,
    typecase: Typecase,
    indents: tuple[float, float] = (0.15, 0.85),
) -> tuple[Lettering, Image.Image]:
    """Write one word, in a square picture if it has at most six letters and else in a wide one.

    Args:
        rng: Source of every choice.
        text: What to write, drawn as given.
        style: Printed or handwritten.
        typecase: Fonts to choose among.
        indents: Least and greatest share of the free width that is left of the word.

    Returns:
        What was written, and an RGB picture of it.

    Raises:
        RecordError: If ``text`` is blank or there is no font of that style.
    """
    _check([text])
    font = rng.choice(typecase.names(style))
    size_px = SHORT_WORD_PX if len(text) <= MAX_SHORT_LETTERS else LONG_WORD_PX
    width, height = size_px
    room = width - 2 * _MARGIN_PX
    wide = min(room, len(text) * _LETTER_PX * rng.uniform(0.9, 1.1))
    left, _, right, _ = typecase.face(font, _MEASURED_AT_PX).getbbox(text, anchor="ls")
    size = min(_MAX_FONT_PX, max(9, int(_MEASURED_AT_PX * wide / max(1, right - left))))
    face = typecase.face(font, size)
    left, _, right, _ = face.getbbox(text, anchor="ls")
    x = _MARGIN_PX + (room - (right - left)) * rng.uniform(*indents) - left
    x_height = -face.getbbox("x", anchor="ls")[1]
    y = (height + x_height) / 2 + rng.uniform(-2, 2)
    mask = Image.new("L", size_px)
    ImageDraw.Draw(mask).text((x, y), text, fill=255, font=face, anchor="ls")
    if rng.random() < 0.5:
        mask = mask.rotate(rng.uniform(-2, 2), Image.Resampling.BICUBIC)
    paper, color = _paper(rng, size_px)
    paper.paste(rounded(color), (0, 0), mask)
    return Lettering(text, font, style, size_px), _grained(rng, paper)


def line_picture(
    rng: random.Random, text: str, *, style: Hand, typecase: Typecase
) -> tuple[Lettering, Image.Image]:
    """Write a short line of two or three words, on one row or broken into two.

    Args:
        rng: Source of every choice.
        text: Words separated by single spaces.
        style: Printed or handwritten.
        typecase: Fonts to choose among.

    Returns:
        What was written, and an RGB picture of it.

    Raises:
        RecordError: If ``text`` is blank or there is no font of that style.
    """
    rows = _rows(rng, text)
    _check(rows)
    font = rng.choice(typecase.names(style))
    width, height = LINE_PX
    mask = _inked(rng, rows, font, typecase, LINE_PX)
    paper, color = _paper(rng, LINE_PX)
    slack_x, slack_y = width - mask.width, height - mask.height
    x = round(slack_x * rng.uniform(0.15, 0.85)) if slack_x > 2 else slack_x // 2
    y = round(slack_y * rng.uniform(0.2, 0.8)) if slack_y > 2 else slack_y // 2
    paper.paste(rounded(color), (x, y), mask)
    return Lettering(" ".join(rows), font, style, LINE_PX), _grained(rng, paper)


def _check(rows: Sequence[str]) -> None:
    if not "".join(rows).strip():
        raise RecordError(
            f"nothing to write, got {tuple(rows)!r}; give letters", reason="blank_text"
        )


def _rows(rng: random.Random, text: str) -> tuple[str, ...]:
    """Break a line in two when it is long, or by chance."""
    words = text.split()
    if len(words) < 2 or (len(text) <= 14 and rng.random() < 0.4):
        return (text,)
    breaks = range(1, len(words))
    balanced = min(breaks, key=lambda at: max(len(" ".join(words[:at])), len(" ".join(words[at:]))))
    return " ".join(words[:balanced]), " ".join(words[balanced:])


def _inked(
    rng: random.Random, rows: Sequence[str], font: str, typecase: Typecase, size_px: Size
) -> Image.Image:
    """Set the rows at the size that fills the picture, turn them a little, trim, make them fit."""
    room_w, room_h = size_px[0] - 4, size_px[1] - 4
    trial = typecase.face(font, _MEASURED_AT_PX)
    boxes = [trial.getbbox(row) for row in rows]
    wide = max(box[2] - box[0] for box in boxes)
    # A word of low letters alone, such as «sem», is not blown up to the height of one with stems.
    tall = sum(max(box[3] - box[1], 0.85 * _MEASURED_AT_PX) for box in boxes)
    tall *= 1.0 if len(rows) == 1 else 1.15
    by_width = room_w * rng.uniform(0.78, 0.97) / max(1.0, wide)
    by_height = room_h * rng.uniform(0.8, 1.0) / max(1.0, tall)
    size = max(9, int(_MEASURED_AT_PX * min(by_width, by_height)))
    face = typecase.face(font, size)
    mask = _set(rng, rows, face)
    degrees = max(-4.0, min(4.0, rng.gauss(0, 1.4))) if rng.random() < 0.7 else 0.0
    if degrees:
        mask = mask.rotate(degrees, Image.Resampling.BICUBIC, expand=True)
    box = mask.point([255 * (level > 16) for level in range(256)]).getbbox()
    assert box is not None
    mask = mask.crop(box)
    scale = min(1.0, room_w / mask.width, room_h / mask.height)
    if scale < 1.0:
        fitted = max(1, int(mask.width * scale)), max(1, int(mask.height * scale))
        mask = mask.resize(fitted, Image.Resampling.BICUBIC)
    return mask


def _set(rng: random.Random, rows: Sequence[str], face: ImageFont.FreeTypeFont) -> Image.Image:
    """Draw rows below each other, as white ink on black."""
    boxes = [face.getbbox(row) for row in rows]
    wide = max(box[2] - box[0] for box in boxes)
    leading = max(2, round(face.size * rng.uniform(0.08, 0.3)))
    heights = [box[3] - box[1] for box in boxes]
    margin = 3
    size = (
        math.ceil(wide) + 2 * margin,
        math.ceil(sum(heights)) + leading * (len(rows) - 1) + 2 * margin,
    )
    mask = Image.new("L", size)
    pen = ImageDraw.Draw(mask)
    align = rng.choice((0.0, 0.5, 1.0)) if len(rows) > 1 else 0.0
    y = float(margin)
    for row, box, height in zip(rows, boxes, heights, strict=True):
        x = margin + (wide - (box[2] - box[0])) * align - box[0]
        pen.text((x, y - box[1]), row, fill=255, font=face)
        y += height + leading
    return mask


def _paper(rng: random.Random, size_px: Size) -> tuple[Image.Image, Color]:
    """Choose paper and an ink that stands out from every part of it."""
    kind = rng.choices(("light", "colored", "dark"), (60, 25, 15))[0]
    if kind == "light":
        tint = rng.uniform(0.0, 0.2)
        paper = mixed((255.0, 255.0, 255.0), random_color(rng), tint)
    else:
        paper = random_color(rng)
        if kind == "dark":
            paper = mixed(paper, (0.0, 0.0, 0.0), 0.7)
    second = mixed(paper, random_color(rng), rng.uniform(0.05, 0.25))
    ink = _ink_for(rng, paper, second)
    ground = rng.choices(("plain", "gradient", "clouds", "ruled"), (45, 25, 15, 15))[0]
    if ground == "gradient":
        return gradient(rng, size_px, paper, second), ink
    if ground == "clouds":
        return clouds(rng, size_px, paper, second), ink
    sheet = Image.new("RGB", size_px, rounded(paper))
    if ground == "ruled":
        pen = ImageDraw.Draw(sheet)
        step = rng.randint(9, 24)
        for y in range(rng.randint(2, step), size_px[1], step):
            pen.line((0, y, size_px[0], y), fill=rounded(mixed(paper, ink, 0.22)))
    return sheet, ink


def _ink_for(rng: random.Random, *papers: Color) -> Color:
    lights = [_luminance(paper) for paper in papers]
    for _ in range(6):
        ink = random_color(rng)
        if rng.random() < 0.6:
            ink = mixed(ink, (0.0, 0.0, 0.0), 0.7)
        if all(abs(_luminance(ink) - light) >= _MIN_LUMINANCE_GAP for light in lights):
            return ink
    return (8.0, 8.0, 16.0) if sum(lights) / len(lights) > 120 else (250.0, 250.0, 245.0)


def _luminance(color: Color) -> float:
    return 0.299 * color[0] + 0.587 * color[1] + 0.114 * color[2]


def _grained(rng: random.Random, image: Image.Image) -> Image.Image:
    """Sometimes blur a little or add faint grain, as a scanner or a camera would."""
    kind = rng.random()
    if kind < 0.15:
        small = (round(image.width * 0.75), round(image.height * 0.75))
        return image.resize(small, Image.Resampling.BILINEAR).resize(
            image.size, Image.Resampling.BILINEAR
        )
    if kind < 0.35:
        width, height = image.width // 2, image.height // 2
        grain = Image.frombytes("L", (width, height), rng.randbytes(width * height))
        grain = grain.resize(image.size, Image.Resampling.BILINEAR).convert("RGB")
        return Image.blend(image, grain, rng.uniform(0.03, 0.09))
    return image
