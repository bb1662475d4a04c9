"""Main text and pictures of a page's HTML, by one of two ways.

``resiliparse`` (the default) parses the page and writes it out as reduced HTML without what
``page_furniture`` names; ``blocks`` then tells the main text. ``trafilatura`` is the extractor that the
published pipeline used, at about a tenth of the speed; its pictures come from the first way. Both are compared in
docs/extraction.md.

trafilatura is asked for precision, without comments. Its own removal of duplicates is off: it remembers
texts across pages, so that what is kept would depend on the order of the pages.
"""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import urljoin

from amalia.corpus import blocks, html_limits, page_furniture, picture_references
from amalia.errors import AmaliaError, MissingExtra, RecordError
from amalia.records import PictureReference

Extractor = Literal["resiliparse", "trafilatura"]

_FEW_WORDS = 50
_MUCH_MORE = 3
_MAX_DEPTH_OF_LXML = 250
# 300,000 of «br» took it 24 s, growing with the square.
_MAX_TAGS_OF_TRAFILATURA = 100_000
_FRAMES = re.compile(r"</?+(?:frameset|frame|noframes)\b[^>]*+(?:>|\Z)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Extract:
    """What was extracted of a page."""

    text: str
    """Main text, one paragraph a line; empty if the page has none."""
    pictures: tuple[PictureReference, ...]
    """Of the main content, in order."""
    tree: Any
    """The parsed page (of resiliparse, which has no types)."""


def extracted(html: str, url: str, *, by: Extractor = "resiliparse") -> Extract:
    """Extract main text and pictures.

    Args:
        html: The page.
        url: What relative addresses start from.
        by: Which way.

    Raises:
        RecordError: for HTML that is refused or cannot be parsed, with a reason.
        MissingExtra: if the extractor is not installed.
    """
    if by == "trafilatura":
        html_limits.check(html, max_depth=_MAX_DEPTH_OF_LXML, max_tags=_MAX_TAGS_OF_TRAFILATURA)
    else:
        html_limits.check(html)
    prepared = _prepared(html)
    try:
        tree, marked, found = _by_resiliparse(prepared)
    except AmaliaError:
        raise
    except ValueError as error:
        raise RecordError(
            f"HTML cannot be parsed: {str(error)[:200]!r}, expected a page; count it as a drop",
            reason="html_unreadable",
        ) from error
    main = blocks.main(found)
    pictures = picture_references.references(
        marked, tree, blocks.pictures_of(found), url=_base(tree, prepared, url)
    )
    if by == "trafilatura":
        text = _by_trafilatura(prepared)
    else:
        text = "\n".join(line for block in main for line in block.lines)
    return Extract(text, pictures, tree)


def _base(tree: Any, html: str, url: str) -> str:
    if "<base" in html or "<BASE" in html:
        for element in tree.document.get_elements_by_tag_name("base"):
            with suppress(ValueError):
                return urljoin(url, str(element.get_attribute("href", "") or ""))
    return url


def _prepared(html: str) -> str:
    if "\0" in html:
        html = html.replace("\0", "")
    if "\ue000" in html:  # nobody but ``picture_references`` writes its markers
        html = html.replace("\ue000", "").replace("\ue001", "")
    if "frameset" in html or "FRAMESET" in html or "Frameset" in html:
        html = _FRAMES.sub(
            "", html
        )  # what follows a frameset is not shown; here it is all there is
    return html


def _by_resiliparse(
    html: str,
) -> tuple[Any, picture_references.Marked, list[blocks.Block]]:
    try:
        from resiliparse.parse.html import HTMLTree
    except ImportError as error:
        raise MissingExtra("Extracting text of pages", "corpus") from error
    marked = picture_references.mark(html)
    tree = HTMLTree.parse(marked.html)
    selectors = page_furniture.selectors(html)
    found = _found(tree, selectors)
    if _num_words(found) < _FEW_WORDS:
        # Perhaps the page gives to its main text a name that others give to a side bar.
        fewer = page_furniture.selectors(html, only_sure=True)
        other = _found(tree, fewer) if fewer != selectors else found
        if _num_words(other) > _MUCH_MORE * _num_words(found):
            found = other
    return tree, marked, found


def _found(tree: Any, selectors: list[str]) -> list[blocks.Block]:
    from resiliparse.extract.html2text import extract_plain_text

    reduced = extract_plain_text(
        tree, preserve_formatting="minimal_html", links=True, skip_elements=selectors
    )
    # So resiliparse writes a place that is linked to, <a name="…">, and does not close it: it is no link.
    return blocks.blocks(reduced.replace('<a href="">', ""))


def _num_words(found: list[blocks.Block]) -> int:
    return sum(block.num_words for block in found if block.link_fraction < 0.5)


def _by_trafilatura(html: str) -> str:
    try:
        import trafilatura
    except ImportError as error:
        raise MissingExtra("Extracting text with trafilatura", "corpus") from error
    text = trafilatura.extract(
        html, favor_precision=True, include_comments=False, deduplicate=False
    )
    return "\n".join(
        stripped for line in (text or "").splitlines() if (stripped := " ".join(line.split()))
    )
