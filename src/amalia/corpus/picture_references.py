"""References to the pictures of a page: where they are, what is said about them.

Each picture of the source gets a marker as its alternative text before the page is parsed, so that what is
extracted tells which pictures stand in the main text; markers never reach the text of a page. Only of those
pictures are the attributes read. Pictures themselves are not fetched. Left out: ``data:`` addresses, counters
and tracking pixels (three pixels or fewer, or by their name), and what has no address.

Not covered: ``picture`` and ``srcset`` beyond the first address, backgrounds of style sheets, pictures that
scripts put in, whether an alternative text is about the picture.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import unescape
from typing import Any
from urllib.parse import urljoin

from amalia.corpus.page_furniture import CAPTIONS
from amalia.records import PictureReference

MAX_PICTURES = 500
"""On one page; what follows is not looked at."""

_MAX_TEXT_CHARS = 1000
_MAX_URL_CHARS = 2000
_MAX_TAG_CHARS = 20_000
_PIXEL_PX = 3
_FRAMES = 4
_PICTURE = re.compile(r"<(?:amp-)?+img(?=[\s/])", re.IGNORECASE)
_ATTRIBUTE = re.compile(
    r"([^\s=>\"'/]++)\s*+(?:=\s*+(?:\"([^\"]*+)\"|'([^']*+)'|([^\s>]++)))?+|(>)|\S"
)
# Where a page that loads its pictures late keeps the address.
_SOURCES = ("src", "data-src", "data-original", "data-lazy-src", "data-lazy", "srcset", "data-srcset")  # fmt: skip
_COUNTERS = re.compile(
    r"(?:^|[/._-])(?:pixel|tracker|tracking|count(?:er)?|contador(?:es)?|spacer|blank|1x1|clear|transparent|webbug)"
    r"(?:[/._-]|$)|doubleclick|google-analytics|/b\?|gemius|netscope|scorecardresearch",
    re.IGNORECASE,
)
_WITH_CAPTION = ",".join(("figcaption", *(f".{name}" for name in sorted(CAPTIONS))))
_AROUND_ALL = frozenset(("body", "html", "article", "main", "section"))


@dataclass(frozen=True, slots=True)
class Marked:
    """A page whose pictures are marked."""

    html: str
    """With a marker as the alternative text of each picture."""
    sources: Sequence[str]
    """What follows the name of each picture's tag in the page, by the number in its marker."""


def mark(html: str) -> Marked:
    """Put numbered markers in the place of the alternative texts of a page's pictures.

    Of two attributes of one name, a parser takes the first; the page's own remains in the source.
    """
    if "<img" not in html and "<IMG" not in html and "<amp-img" not in html:
        return Marked(html, ())
    before, *sources = _PICTURE.split(html, MAX_PICTURES)
    parts = [before]
    for number, source in enumerate(sources):
        parts += ('<img alt="\ue000', str(number), '\ue001"', source)
    return Marked("".join(parts), sources)


def references(
    marked: Marked, tree: Any, numbers: Iterable[int], *, url: str
) -> tuple[PictureReference, ...]:
    """Give the references of the pictures with these numbers, in order, each address once.

    Args:
        marked: What ``mark`` gave.
        tree: The parsed page (of resiliparse, which has no types); captions are looked up in it.
        numbers: Of the pictures that stand in the main text.
        url: What relative addresses start from.
    """
    found: dict[str, PictureReference] = {}
    for number in numbers:
        if number >= len(marked.sources):
            continue
        attributes = _attributes(marked.sources[number])
        address = _address(attributes, url)
        if address is None or address in found or _is_tiny(attributes):
            continue
        caption = _caption(tree, number) or attributes.get("title", "")
        alt = _tidy(attributes.get("alt", ""))
        found[address] = PictureReference(url=address, alt=alt, caption=_tidy(caption))
    return tuple(found.values())


def _attributes(source: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for match in _ATTRIBUTE.finditer(source, 0, _MAX_TAG_CHARS):
        if match[5]:
            break
        if match[1]:
            value = match[2] or match[3] or match[4] or ""
            found.setdefault(match[1].lower(), unescape(value) if "&" in value else value)
    return found


def _address(attributes: dict[str, str], url: str) -> str | None:
    for name in _SOURCES:
        value = attributes.get(name, "").strip()
        if "srcset" in name:
            value = value.split(",")[0].strip().split(" ")[0]
        if not value or value[:5].lower() == "data:" or len(value) > _MAX_URL_CHARS:
            continue
        try:
            address = urljoin(url, value)
        except ValueError:  # «http://[» and the like
            return None
        if not address.startswith(("http://", "https://")) or _COUNTERS.search(address):
            return None
        return address
    return None


def _is_tiny(attributes: dict[str, str]) -> bool:
    for name in ("width", "height"):
        match = re.match(r"\s*([0-9]{1,6})(?:px)?\s*$", attributes.get(name, ""))
        if match and int(match[1]) <= _PIXEL_PX:
            return True
    return False


def _caption(tree: Any, number: int) -> str:
    """Look for a caption in the frames around a picture, the nearest first."""
    picture = tree.document.query_selector(f'img[alt="\ue000{number}\ue001"]')
    frame = picture.parent if picture else None
    for _ in range(_FRAMES):
        if frame is None or frame.tag in _AROUND_ALL:
            return ""
        if caption := frame.query_selector(_WITH_CAPTION):
            return str(caption.text)
        # Beyond a frame of several pictures, a caption may be another's.
        if len(frame.get_elements_by_tag_name("img")) > 1:
            return ""
        frame = frame.parent
    return ""


def _tidy(text: str) -> str:
    return " ".join(text.split())[:_MAX_TEXT_CHARS]
