"""Pictures of things: who stands where, and how it is drawn.

A scene is a value: which things, in which drawing style, in which boxes, before which backdrop.
Making one and drawing it are two steps, so that questions can be asked of the value and every
answer is known. Boxes are those of the visible ink, found from the transparency of the drawing, and
never overlap.

Not covered: things partly hidden by others, perspective, shadows, photographs.
"""

from __future__ import annotations

import hashlib
import io
import math
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from PIL import Image

from amalia import records
from amalia.errors import RecordError
from amalia.pack import Thing
from amalia.synth.backdrop import Color, backdrop

Style = Literal["noto", "fluent"]
Relation = Literal["left", "right", "above", "below"]
Box = tuple[float, float, float, float]
Size = tuple[int, int]

STYLES: tuple[Style, ...] = ("noto", "fluent")
OPPOSITE: dict[Relation, Relation] = {
    "left": "right", "right": "left", "above": "below", "below": "above",
}  # fmt: skip
MAX_GROUP = 6
MAX_GATHERING = 5

# Words of names of things that bear writing or signs, which would show that they are mirrored.
_ONE_SIDED = frozenset(
    {"stop", "calendário", "nota", "jornal", "hospital", "hotel", "CD", "direita", "esquerda"}
)
_VISIBLE_ALPHA = 24
_GAP_PX = 2


@dataclass(frozen=True, slots=True)
class Cutout:
    """One decoded drawing, trimmed to what is visible."""

    image: Image.Image
    """RGBA."""
    color: Color
    """Mean colour of the opaque part, 0–255."""


class Album:
    """Decoded drawings of things; each is decoded on first use and kept.

    Make one and pass it to whatever draws. It only saves time: results never depend on it.
    """

    def __init__(self) -> None:
        self._cutouts: dict[tuple[str, Style], Cutout] = {}

    def cutout(self, thing: Thing, style: Style) -> Cutout:
        """Give the drawing of a thing in a style."""
        key = (thing.id, style)
        if key not in self._cutouts:
            self._cutouts[key] = _decode(thing, style)
        return self._cutouts[key]


@dataclass(frozen=True, slots=True)
class Placed:
    """A thing somewhere in a picture."""

    thing: Thing
    style: Style
    box: Box
    """``x1, y1, x2, y2`` of the visible part, 0–1 from the left and from the top."""
    flipped: bool = False
    degrees: float = 0.0
    """Turned anticlockwise by so much."""

    @property
    def center(self) -> tuple[float, float]:
        """The middle of the box, 0–1."""
        x1, y1, x2, y2 = self.box
        return (x1 + x2) / 2, (y1 + y2) / 2


@dataclass(frozen=True, slots=True)
class Scene:
    """What a picture shows."""

    placed: tuple[Placed, ...]
    size_px: Size
    """Width and height."""
    background: int
    """Seed of the backdrop."""

    @property
    def composition(self) -> str:
        """The things and how many of each, whatever the places: the key scenes are split by."""
        counts = Counter(placed.thing.id for placed in self.placed)
        return "+".join(f"{name}*{count}" for name, count in sorted(counts.items()))


def portrait(rng: random.Random, thing: Thing, *, album: Album, size_px: Size = (96, 96)) -> Scene:
    """Place one thing, at 60 to 98 % of the shorter side, anywhere it fits, slightly turned.

    Args:
        rng: Source of every choice.
        thing: What to show.
        album: Decoded drawings.
        size_px: Width and height of the picture.

    Returns:
        A scene of one thing.
    """
    width, height = size_px
    style = rng.choice(STYLES)
    flipped = _may_flip(thing) and rng.random() < 0.4
    degrees = round(rng.gauss(0, 6), 1) if rng.random() < 0.5 else 0.0
    degrees = max(-14.0, min(14.0, degrees))
    posed = _posed(album.cutout(thing, style).image, flipped, degrees)
    side = rng.uniform(0.6, 0.98) * min(size_px)
    w, h = _fitted(posed.size, side)
    x, y = rng.randint(0, width - w), rng.randint(0, height - h)
    box = (x / width, y / height, (x + w) / width, (y + h) / height)
    return Scene((Placed(thing, style, box, flipped, degrees),), size_px, rng.getrandbits(32))


def group(
    rng: random.Random, thing: Thing, count: int, *, album: Album, size_px: Size = (96, 96)
) -> Scene:
    """Place copies of one thing apart from each other.

    Args:
        rng: Source of every choice.
        thing: What to show.
        count: How many, 1 to 6.
        album: Decoded drawings.
        size_px: Width and height of the picture.

    Returns:
        A scene of ``count`` things of about the same size, all in one drawing style.

    Raises:
        RecordError: If ``count`` is out of range.
    """
    if not 1 <= count <= MAX_GROUP:
        raise RecordError(
            f"a group cannot hold {count} things; expected 1 to {MAX_GROUP}", reason="group_size"
        )
    style = rng.choice(STYLES)
    usual = rng.uniform(0.65, 1.0)
    sides = [usual * rng.uniform(0.85, 1.0) for _ in range(count)]
    return _arranged(rng, [(thing, style)] * count, sides, album, size_px)


def gathering(
    rng: random.Random, things: Sequence[Thing], *, album: Album, size_px: Size = (96, 96)
) -> Scene:
    """Place several things apart from each other, large enough to tell what each is.

    Args:
        rng: Source of every choice.
        things: 2 to 5 things, repeated as often as they are to be shown.
        album: Decoded drawings.
        size_px: Width and height of the picture.

    Returns:
        A scene of those things, in that order; in a 96 px picture each is 28 to 46 px long.

    Raises:
        RecordError: If there are too few or too many things.
    """
    if not 2 <= len(things) <= MAX_GATHERING:
        raise RecordError(
            f"a gathering cannot hold {len(things)} things; expected 2 to {MAX_GATHERING}",
            reason="gathering_size",
        )
    style = rng.choice(STYLES)
    mixed = rng.random() < 0.3
    cast = [(thing, rng.choice(STYLES) if mixed else style) for thing in things]
    return _arranged(rng, cast, [rng.uniform(0.8, 1.0) for _ in cast], album, size_px)


def relations(one: Placed, other: Placed) -> tuple[Relation, ...]:
    """Say where ``one`` lies with respect to ``other``.

    A relation is said only when it holds of every part: ``left`` means that the box of ``one`` ends
    before that of ``other`` begins. Boxes apart from each other have one or two relations, and the
    opposite of a relation that holds never does.

    Returns:
        Every relation that holds, the clearest first; empty if the boxes overlap.
    """
    ax1, ay1, ax2, ay2 = one.box
    bx1, by1, bx2, by2 = other.box
    gaps: list[tuple[float, Relation]] = [
        (bx1 - ax2, "left"), (ax1 - bx2, "right"), (by1 - ay2, "above"), (ay1 - by2, "below"),
    ]  # fmt: skip
    held = sorted(((gap, name) for gap, name in gaps if gap >= 0), reverse=True)
    return tuple(name for _, name in held)


def draw(scene: Scene, rng: random.Random, *, album: Album) -> Image.Image:
    """Draw a scene.

    Args:
        scene: What to draw. Its backdrop and the poses are part of it.
        rng: Source of the lighting only: brightness and contrast.
        album: Decoded drawings.

    Returns:
        An RGB picture of ``scene.size_px``.
    """
    width, height = scene.size_px
    cutouts = [album.cutout(placed.thing, placed.style) for placed in scene.placed]
    avoided = [cutout.color for cutout in cutouts]
    canvas = backdrop(scene.background, scene.size_px, avoided=avoided)
    for placed, cutout in zip(scene.placed, cutouts, strict=True):
        x1, y1 = round(placed.box[0] * width), round(placed.box[1] * height)
        x2, y2 = round(placed.box[2] * width), round(placed.box[3] * height)
        posed = _posed(cutout.image, placed.flipped, placed.degrees)
        posed = posed.resize((x2 - x1, y2 - y1), Image.Resampling.BICUBIC)
        canvas.paste(posed, (x1, y1), posed)
    gain, lift = rng.uniform(0.82, 1.08), rng.uniform(-12, 12)
    curve = [max(0, min(255, round(128 + (level - 128) * gain + lift))) for level in range(256)]
    return canvas.point(curve * 3)


def encode(image: Image.Image) -> tuple[records.Image, bytes]:
    """Encode a picture as PNG, fast rather than small.

    Returns:
        The record that names the bytes, and the bytes.
    """
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=1)
    data = buffer.getvalue()
    digest = hashlib.sha256(data).hexdigest()
    return records.Image(sha256=digest, width_px=image.width, height_px=image.height), data


def _decode(thing: Thing, style: Style) -> Cutout:
    with Image.open(io.BytesIO(thing.noto if style == "noto" else thing.fluent)) as opened:
        image = _trimmed(opened.convert("RGBA"))
    # A pixel counts as much as it is opaque; premultiplied averaging does that in two calls.
    mean = image.convert("RGBa").resize((1, 1), Image.Resampling.BOX)
    red, green, blue, alpha = mean.tobytes()
    opacity = max(alpha, 1) / 255
    color = (min(255.0, red / opacity), min(255.0, green / opacity), min(255.0, blue / opacity))
    return Cutout(image, color)


def _trimmed(image: Image.Image) -> Image.Image:
    visible = image.getchannel("A").point([255 * (a >= _VISIBLE_ALPHA) for a in range(256)])
    box = visible.getbbox()
    return image.crop(box) if box else image


def _posed(image: Image.Image, flipped: bool, degrees: float) -> Image.Image:
    if flipped:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if degrees:
        image = _trimmed(image.rotate(degrees, Image.Resampling.BICUBIC, expand=True))
    return image


def _may_flip(thing: Thing) -> bool:
    return thing.everyday and _ONE_SIDED.isdisjoint(thing.name.split())


def _fitted(size: Size, side: float) -> Size:
    scale = side / max(size)
    return max(4, round(size[0] * scale)), max(4, round(size[1] * scale))


def _arranged(
    rng: random.Random,
    cast: Sequence[tuple[Thing, Style]],
    sides: Sequence[float],
    album: Album,
    size_px: Size,
) -> Scene:
    """Choose sizes and places; ``sides`` are relative to the largest that fits so many."""
    width, height = size_px
    # Of a picture of 96 by 96 px: 46 px for two, 30 for six; of 192 by 96 px: 65 and 46.
    cell = min(_cell(len(cast), size_px))
    middling = math.sqrt(width * height)
    largest = min(46 / 96 * middling, 0.62 / math.sqrt(len(cast) * 0.68) * middling, cell - _GAP_PX)
    smallest = min(28 / 96 * min(size_px), largest)
    poses = []
    for (thing, style), share in zip(cast, sides, strict=True):
        image = album.cutout(thing, style).image
        poses.append(_fitted(image.size, max(smallest, share * largest)))
    corners = _scattered(rng, poses, size_px) or _gridded(rng, poses, size_px)
    placed = []
    for (thing, style), (w, h), (x, y) in zip(cast, poses, corners, strict=True):
        box = (x / width, y / height, (x + w) / width, (y + h) / height)
        placed.append(Placed(thing, style, box, _may_flip(thing) and rng.random() < 0.4))
    return Scene(tuple(placed), size_px, rng.getrandbits(32))


def _scattered(rng: random.Random, sizes: Sequence[Size], size_px: Size) -> list[Size] | None:
    """Try free places at random; give up after a few rounds."""
    width, height = size_px
    for _ in range(12):
        taken: list[tuple[int, int, int, int]] = []
        for w, h in sizes:
            for _ in range(8):
                x, y = rng.randint(0, width - w), rng.randint(0, height - h)
                x2, y2 = x + w + _GAP_PX, y + h + _GAP_PX
                if all(x2 <= a or c <= x or y2 <= b or d <= y for a, b, c, d in taken):
                    taken.append((x, y, x2, y2))
                    break
            else:
                break
        if len(taken) == len(sizes):
            return [(x, y) for x, y, _, _ in taken]
    return None


def _gridded(rng: random.Random, sizes: Sequence[Size], size_px: Size) -> list[Size]:
    """Give each its own cell of a grid and a place inside it."""
    cell_w, cell_h = _cell(len(sizes), size_px)
    if size_px[0] == size_px[1] and rng.random() < 0.5:
        cell_w, cell_h = cell_h, cell_w
    columns, rows = size_px[0] // cell_w, size_px[1] // cell_h
    cells = rng.sample([(c, r) for c in range(columns) for r in range(rows)], len(sizes))
    corners = []
    for (column, row), (w, h) in zip(cells, sizes, strict=True):
        x = column * cell_w + rng.randint(0, max(0, cell_w - w - _GAP_PX))
        y = row * cell_h + rng.randint(0, max(0, cell_h - h - _GAP_PX))
        corners.append((x, y))
    return corners


def _cell(number: int, size_px: Size) -> Size:
    """Give the size of a cell of a grid for so many things; cells are about as wide as high."""
    width, height = size_px
    along, across = max(size_px), min(size_px)
    many = math.ceil(math.sqrt(number * along / across))
    few = math.ceil(number / many)
    return (width // many, height // few) if width >= height else (width // few, height // many)
