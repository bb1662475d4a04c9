"""What things and letters stand before: plain, gradient, cloudy or patterned fields of color."""

from __future__ import annotations

import colorsys
import math
import random
from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw

Color = tuple[float, float, float]
"""Red, green, blue, 0–255."""

# Euclidean distance in RGB below which a thing melts into its backdrop; chosen by eye.
_MIN_DISTANCE = 75.0


def backdrop(seed: int, size_px: tuple[int, int], *, avoided: Sequence[Color] = ()) -> Image.Image:
    """Draw a backdrop.

    Args:
        seed: Chooses everything about it.
        size_px: Width and height.
        avoided: Colours of what will stand before it; the backdrop keeps away from them.

    Returns:
        An RGB picture.
    """
    rng = random.Random(seed)
    first = _unlike(rng, avoided)
    second = mixed(first, random_color(rng), rng.uniform(0.15, 0.5))
    kind = rng.choices(("plain", "gradient", "clouds", "shapes"), (3, 3, 2, 2))[0]
    if kind == "gradient":
        return gradient(rng, size_px, first, second)
    if kind == "clouds":
        return clouds(rng, size_px, first, second)
    plain = Image.new("RGB", size_px, rounded(first))
    return _with_shapes(rng, plain, first, second) if kind == "shapes" else plain


def random_color(rng: random.Random) -> Color:
    """Choose a pastel, saturated, grey or dark color."""
    kind = rng.choices(("pastel", "saturated", "grey", "dark"), (55, 22, 12, 11))[0]
    hue = rng.random()
    saturation, value = {
        "pastel": (rng.uniform(0.05, 0.35), rng.uniform(0.85, 1.0)),
        "saturated": (rng.uniform(0.45, 0.9), rng.uniform(0.55, 0.95)),
        "grey": (0.0, rng.uniform(0.4, 1.0)),
        "dark": (rng.uniform(0.1, 0.6), rng.uniform(0.1, 0.35)),
    }[kind]
    red, green, blue = colorsys.hsv_to_rgb(hue, saturation, value)
    return red * 255, green * 255, blue * 255


def mixed(first: Color, second: Color, share: float) -> Color:
    """Mix two colors; ``share`` 0–1 of the second."""
    red, green, blue = (a + (b - a) * share for a, b in zip(first, second, strict=True))
    return red, green, blue


def rounded(color: Color) -> tuple[int, int, int]:
    """Round a color to what a picture can hold."""
    red, green, blue = (max(0, min(255, round(part))) for part in color)
    return red, green, blue


def gradient(
    rng: random.Random, size_px: tuple[int, int], first: Color, second: Color
) -> Image.Image:
    """Draw a straight run from one color to the other, in any direction."""
    width, height = size_px
    angle = rng.uniform(0, 2 * math.pi)
    across = np.linspace(-0.5, 0.5, width, dtype=np.float32) * math.cos(angle)
    down = np.linspace(-0.5, 0.5, height, dtype=np.float32) * math.sin(angle)
    share = across[None, :] + down[:, None]
    share = (share - share.min()) / max(1e-6, float(np.ptp(share)))
    start = np.asarray(first, dtype=np.float32)
    step = np.asarray(second, dtype=np.float32) - start
    return Image.fromarray((start + share[:, :, None] * step).astype(np.uint8))


def clouds(
    rng: random.Random, size_px: tuple[int, int], first: Color, second: Color
) -> Image.Image:
    """Draw soft patches of two colors."""
    across, down = rng.randint(3, 8), rng.randint(3, 8)
    patches = [rounded(mixed(first, second, rng.random())) for _ in range(across * down)]
    small = np.asarray(patches, dtype=np.uint8).reshape(down, across, 3)
    return Image.fromarray(small).resize(size_px, Image.Resampling.BICUBIC)


def _unlike(rng: random.Random, avoided: Sequence[Color]) -> Color:
    best, best_distance = random_color(rng), -1.0
    for _ in range(8):
        candidate = random_color(rng)
        distance = min((math.dist(candidate, color) for color in avoided), default=math.inf)
        if distance > best_distance:
            best, best_distance = candidate, distance
        if best_distance >= _MIN_DISTANCE:
            break
    return best


def _with_shapes(
    rng: random.Random, canvas: Image.Image, first: Color, second: Color
) -> Image.Image:
    pen = ImageDraw.Draw(canvas)
    width, height = canvas.size
    kind = rng.choice(("stripes", "discs", "blocks", "floor"))
    # Faint, so that nothing of the backdrop is ever counted as a thing.
    color = rounded(mixed(first, second, 0.6))
    if kind == "stripes":
        step, slant = rng.randint(8, 22), rng.randint(-40, 40)
        for start in range(-60, width + 60, step):
            pen.line((start, 0, start + slant, height), fill=color, width=max(2, step // 3))
        return canvas
    if kind == "floor":
        pen.rectangle((0, round(rng.uniform(0.5, 0.85) * height), width, height), fill=color)
        return canvas
    for _ in range(rng.randint(2, 6)):
        x, y = rng.uniform(-0.2, 0.9) * width, rng.uniform(-0.2, 0.9) * height
        w, h = rng.uniform(0.2, 0.7) * width, rng.uniform(0.2, 0.7) * height
        if kind == "discs":
            pen.ellipse((x, y, x + w, y + w), fill=color)
        else:
            pen.rectangle((x, y, x + w, y + h), fill=color)
    return canvas
