"""What HTML is refused before a parser sees it.

Parsers and extractors are native code: a page on which they take minutes or gigabytes cannot be stopped
from within the process. What they take badly was tried with resiliparse 2.0.1 (lexbor) and trafilatura
2.3.1 (lxml 6.1): 100,000 attributes in one tag (18 s), 10,000 nested lists (300 MB of indentation),
20,000 unclosed ``font`` with different sizes (2 s, growing with the square), 50 MB of ``br``
(3.6 GB). No browser shows elements deeper than 512; lxml stops at 256.

Not covered: HTML that is written to mislead this check (quotes in odd places) within ``MAX_CHARS``; a
worker needs a limit of its own on time and memory.
"""

from __future__ import annotations

import re

from amalia.errors import RecordError

MAX_CHARS = 4 * 1024 * 1024
MAX_DEPTH = 512
MAX_DEPTH_OF_LISTS = 64
MAX_ATTRIBUTES = 1000
MAX_TAGS = 300_000

_FEW_TAGS = 500
_LONG_TAG_CHARS = 10_000

# Never fails and never runs back: each match consumes what it read, up to the end of an unclosed tag.
_TAG = re.compile(
    r"<(?:!--.*?(?:-->|\Z)|(?i:script|style|textarea)\b.*?(?:</|\Z)"
    r"|(/?+)([a-zA-Z][a-zA-Z0-9]*+)((?:[^>=]++|=\s*+(?:\"[^\"]*+(?:\"|\Z)|'[^']*+(?:'|\Z)|))*+)(?:>|\Z))",
    re.DOTALL,
)
# No contents, or closed without a tag of their own in most pages.
_FLAT = frozenset(
    "area base basefont bgsound br col command embed frame hr img input keygen link meta param source track wbr "
    "p li dt dd tr td th thead tbody tfoot option optgroup colgroup html head body".split()
)
_LISTS = frozenset(("ul", "ol", "menu", "dir"))


def check(html: str, *, max_depth: int = MAX_DEPTH, max_tags: int = MAX_TAGS) -> None:
    """Refuse a page that a parser would take badly.

    Args:
        html: The page.
        max_depth: Most elements within each other.
        max_tags: Most ``<``.

    Raises:
        RecordError: with the reason ``html_too_long``, ``html_too_deep``, ``html_too_many_tags`` or
            ``html_too_many_attributes``.
    """
    if len(html) > MAX_CHARS:
        raise _refusal("html_too_long", "characters", len(html), MAX_CHARS)
    num_tags = html.count("<")
    if num_tags > max_tags:
        raise _refusal("html_too_many_tags", "tags", num_tags, max_tags)
    if num_tags > min(_FEW_TAGS, max_depth) or len(html) > 20 * _LONG_TAG_CHARS:
        _check_tags(html, max_depth)


def _check_tags(html: str, max_depth: int) -> None:
    depth = deepest = depth_of_lists = 0
    for match in _TAG.finditer(html):
        name = match[2]
        if name is None:
            continue
        name = name.lower()
        attributes = match[3]
        if len(attributes) > _LONG_TAG_CHARS:
            unquoted = re.sub(r"\"[^\"]*+\"|'[^']*+'", "", attributes)
            num_attributes = len(unquoted.replace("/", " ").split())
            if num_attributes > MAX_ATTRIBUTES:
                raise _refusal(
                    "html_too_many_attributes", "attributes", num_attributes, MAX_ATTRIBUTES
                )
        if name in _FLAT or attributes.endswith("/"):
            continue
        step = -1 if match[1] else 1
        depth = max(0, depth + step)
        deepest = max(deepest, depth)
        if name in _LISTS:
            depth_of_lists = max(0, depth_of_lists + step)
            if depth_of_lists > MAX_DEPTH_OF_LISTS:
                raise _refusal("html_too_deep", "lists deep", depth_of_lists, MAX_DEPTH_OF_LISTS)
        if deepest > max_depth:
            raise _refusal("html_too_deep", "elements deep", deepest, max_depth)


def _refusal(reason: str, what: str, value: int, limit: int) -> RecordError:
    return RecordError(
        f"HTML is refused: at least {value} {what}, expected at most {limit}; count it as a drop",
        reason=reason,
    )
