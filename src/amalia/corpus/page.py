"""A page as people read it: its title, language, main text and pictures.

Here the parts meet; each has a module of its own: ``encoding`` makes text of bytes, ``html_limits`` refuses
what would hang a parser, ``extraction`` finds main text and pictures, ``clean`` tidies the text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from amalia.corpus.extraction import Extractor, extracted
from amalia.records import PictureReference

_MAX_TITLE_CHARS = 500
_ROOT_WITHIN_CHARS = 10_000
_ROOT = re.compile(r"<html\s[^>]*+", re.IGNORECASE)
_LANG = re.compile(r"\s(?:xml:)?lang\s*=\s*[\"']?\s*([\w-]{1,35})", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Page:
    """What a page says."""

    title: str
    """Of the browser's window, spaces joined; empty if there is none."""
    lang: str
    """As the page declares it, for example ``pt-PT``; empty if it does not. Often wrong."""
    text: str
    """Main text, one paragraph a line; empty if there is none."""
    pictures: tuple[PictureReference, ...]
    """Of the main content, in order."""


def page(text: str, url: str, *, by: Extractor = "resiliparse") -> Page:
    """Read the HTML of a page.

    Args:
        text: Its HTML.
        url: Where it was, for relative addresses of pictures.
        by: The extractor of the main text.

    Raises:
        RecordError: for HTML beyond ``html_limits``, or that cannot be parsed.
        MissingExtra: if the extractor is not installed.
    """
    extract = extracted(text, url, by=by)
    return Page(
        title=" ".join((extract.tree.title or "").split())[:_MAX_TITLE_CHARS],
        lang=_lang(text),
        text=extract.text,
        pictures=extract.pictures,
    )


def _lang(html: str) -> str:
    root = _ROOT.search(html, 0, _ROOT_WITHIN_CHARS)
    lang = _LANG.search(root[0]) if root else None
    return lang[1] if lang else ""
