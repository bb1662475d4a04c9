"""The packaged data: drawn things with Portuguese names, trilingual help paragraphs, typefaces.

Everything here ships inside the wheel, so that the smallest recipes run without a network. The
files are made by ``scripts/build_pack.py`` from published packages; ``manifest.json`` names each
package, its version, digest and licence, and ``LICENSES/`` holds the licence texts. This module
only reads; it never draws, filters or chooses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal

import pyarrow.parquet as pq

from amalia.errors import ArtifactError

__all__ = ["Font", "Paragraph", "Thing", "fonts", "paragraphs", "path", "things"]


@dataclass(frozen=True, slots=True)
class Thing:
    """One drawn thing in two drawing styles, with its names.

    ``id`` is the code points in hexadecimal joined with "-" ("1F68C"), without the presentation
    selector that ``char`` carries. ``name`` is the pt-PT name without an article; ``name_pt_br`` is
    set only where the Brazilian name differs. Only ``everyday`` things have ``gender`` and
    ``plural``; ``is_plural`` says that the name itself is a plural ("óculos"). ``noto`` and
    ``fluent`` are 64 × 64 px WebP bytes with alpha.
    """

    id: str
    char: str
    name: str
    name_pt_br: str | None
    keywords: tuple[str, ...]
    category: str
    everyday: bool
    gender: Literal["m", "f"] | None
    is_plural: bool
    plural: str | None
    noto: bytes
    fluent: bytes


@dataclass(frozen=True, slots=True)
class Paragraph:
    """One paragraph ("p") or heading ("h") of a help page, in pt-PT, pt-BR and English."""

    id: str
    page: str
    kind: Literal["p", "h"]
    pt_pt: str
    pt_br: str
    en: str


@dataclass(frozen=True, slots=True)
class Font:
    """One regular-weight typeface file with every Portuguese letter; ``license`` is an SPDX id."""

    name: str
    style: Literal["printed", "handwriting"]
    license: str
    data: bytes


def path() -> Path:
    """Return the folder of the pack, which holds ``manifest.json`` and ``LICENSES/``."""
    return Path(str(files(__name__)))


@cache
def things() -> tuple[Thing, ...]:
    """Return every drawn thing, in Unicode's order.

    Raises:
        ArtifactError: if the packaged file is missing or damaged.

    """
    return tuple(
        Thing(**{**row, "keywords": tuple(row["keywords"])}) for row in _rows("things.parquet")
    )


@cache
def paragraphs() -> tuple[Paragraph, ...]:
    """Return every aligned help paragraph, ordered by page.

    Raises:
        ArtifactError: if the packaged file is missing or damaged.

    """
    return tuple(Paragraph(**row) for row in _rows("paragraphs.parquet"))


@cache
def fonts() -> tuple[Font, ...]:
    """Return every typeface, printed ones first.

    Raises:
        ArtifactError: if the packaged file is missing or damaged.

    """
    return tuple(Font(**row) for row in _rows("fonts.parquet"))


def _rows(name: str) -> list[Mapping[str, Any]]:
    file = path() / name
    try:
        rows: list[Mapping[str, Any]] = pq.read_table(file).to_pylist()
    except (OSError, ValueError) as error:
        raise ArtifactError(
            f"packaged data cannot be read: {file} ({error}); expected a Parquet file of this "
            "release; reinstall amalia, or in a checkout run scripts/build_pack.py"
        ) from error
    return rows
