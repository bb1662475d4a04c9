"""Typefaces under the SIL Open Font License with every Portuguese letter, as published."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from fontTools.ttLib import TTFont

_LETTERS = "abcdefghijklmnopqrstuvwxyzáàâãçéêíóôõúü"
NEEDED = frozenset(_LETTERS + _LETTERS.upper() + "0123456789 .,;:!?()-–—/%+=«»“”'\"ºª€")
_MAX_TOTAL_BYTES = 2_500_000


@dataclass(frozen=True, slots=True)
class Choice:
    """One typeface: the name that users read, its drawing style, its package and file there."""

    name: str
    style: Literal["printed", "handwriting"]
    package: str
    file: str


CHOICES = (
    Choice("Liberation Sans", "printed", "fonts-liberation2", "LiberationSans-Regular.ttf"),
    Choice("Liberation Serif", "printed", "fonts-liberation2", "LiberationSerif-Regular.ttf"),
    Choice("EB Garamond", "printed", "fonts-ebgaramond", "EBGaramond08-Regular.otf"),
    Choice("Courier Prime", "printed", "fonts-courier-prime", "Courier Prime.otf"),
    Choice("ABeeZee", "printed", "fontpkg-abeezee", "ABeeZee-Regular.ttf"),
    Choice(
        "Atkinson Hyperlegible",
        "printed",
        "fontpkg-atkinson-hyperlegible",
        "AtkinsonHyperlegible-Regular.ttf",
    ),
    Choice("Caveat", "handwriting", "fontpkg-caveat", "Caveat[wght].ttf"),
    Choice("Dancing Script", "handwriting", "fonts-dancingscript", "DancingScript-Regular.otf"),
    Choice("Delius", "handwriting", "fontpkg-delius", "Delius-Regular.ttf"),
    Choice("Indie Flower", "handwriting", "fontpkg-indie-flower", "IndieFlower-Regular.ttf"),
    Choice("Kalam", "handwriting", "fontpkg-kalam", "Kalam-Regular.ttf"),
    Choice(
        "Shadows Into Light", "handwriting", "fontpkg-shadows-into-light", "ShadowsIntoLight.ttf"
    ),
    Choice("Zeyada", "handwriting", "fontpkg-zeyada", "Zeyada.ttf"),
)


def fonts(unpacked: Path) -> list[dict[str, Any]]:
    """Return the rows of ``fonts.parquet``, printed ones first.

    Args:
        unpacked: folder with one folder for each unpacked package.

    Raises:
        ValueError: if a typeface lacks a needed character, or all together are too large.

    """
    rows = []
    for choice in CHOICES:
        file = _file(unpacked, choice)
        lacking = NEEDED - _characters(file)
        if lacking:
            raise ValueError(
                f"{choice.name} lacks {''.join(sorted(lacking))}; choose another typeface"
            )
        rows.append(
            {
                "name": choice.name,
                "style": choice.style,
                "license": "OFL-1.1",
                "data": file.read_bytes(),
            }
        )
    total_bytes = sum(len(row["data"]) for row in rows)
    if total_bytes > _MAX_TOTAL_BYTES:
        raise ValueError(f"typefaces are {total_bytes} bytes, at most {_MAX_TOTAL_BYTES}; drop one")
    return rows


def copyright_lines(unpacked: Path) -> list[str]:
    """Return one line for each typeface: its name, package file, digest and copyright notice."""
    lines = []
    for choice in CHOICES:
        file = _file(unpacked, choice)
        with TTFont(file, lazy=True) as font:
            notice = " ".join(str(font["name"].getDebugName(0)).split())
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        lines.append(f"{choice.name} ({choice.package}: {file.name}, sha256 {digest}): {notice}")
    return lines


def _file(unpacked: Path, choice: Choice) -> Path:
    return next(file for file in (unpacked / choice.package).rglob("*") if file.name == choice.file)


def _characters(file: Path) -> set[str]:
    with TTFont(file, lazy=True) as font:
        return {chr(code) for code in font.getBestCmap()}
