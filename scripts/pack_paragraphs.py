"""Help paragraphs aligned across pt-PT, pt-BR and English by page file and element id.

The three language packages of one LibreOffice version are made from one source, so an element id on
a page names the same paragraph in each. Dropped: code listings, what is not translated, what is too
short or too long, and repeats of a pt-PT text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

MIN_WORDS = 3
MAX_WORDS = 120
# So many words in a row as in the English text are a sentence left untranslated; shorter overlaps
# are names of menus, functions and products.
MIN_ENGLISH_RUN_WORDS = 6
# Of English function words, at least this many and this share: a text left in English.
MIN_ENGLISH_WORDS = 2
MIN_ENGLISH_WORD_FRACTION = 0.1

_ID = re.compile(r"^(par|hd)_id\w+$")
_CODE = {"code", "codeintable", "smathcode", "image", "imageintable", "youtube_consent", "related"}
_TEXT_TAGS = {"p", "h1", "h2", "h3", "h4", "h5", "h6"}
_WORD = re.compile(r"[^\W\d_]+(?:[-'’][^\W\d_]+)*")
_ENGLISH = re.compile(
    "the|of|and|to|is|are|in|with|you|that|this|be|on|can|or|it|an|from|if|not|when|which|your|all"
    "|will|click|choose|select|used|value|returns"
)
# No European Portuguese help text uses these words: a Brazilian translation was copied over.
_BRAZILIAN = frozenset({"você", "vocês", "usuário", "usuários", "planilha", "planilhas"})


@dataclass(frozen=True, slots=True)
class _Element:
    kind: str
    text: str


def paragraphs(unpacked: Path) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """Return the rows of ``paragraphs.parquet`` and how many elements each rule dropped.

    Args:
        unpacked: folder with one folder for each unpacked package.

    """
    roots = {
        column: unpacked / package / "usr/share/libreoffice/help" / folder / "text"
        for column, package, folder in (
            ("pt_pt", "libreoffice-help-pt", "pt"),
            ("pt_br", "libreoffice-help-pt-br", "pt-BR"),
            ("en", "libreoffice-help-en-us", "en-US"),
        )
    }
    rows: list[dict[str, Any]] = []
    dropped: dict[str, int] = {}
    seen: set[str] = set()
    for file in sorted(roots["pt_pt"].rglob("*.html")):
        relative = file.relative_to(roots["pt_pt"])
        pages = {column: _elements(root / relative) for column, root in roots.items()}
        for id_, element in pages["pt_pt"].items():
            texts = {column: page[id_].text for column, page in pages.items() if id_ in page}
            reason = _reason(texts, seen)
            if reason:
                dropped[reason] = dropped.get(reason, 0) + 1
                continue
            seen.add(texts["pt_pt"])
            page = relative.with_suffix("").as_posix()
            rows.append({"id": f"{page}#{id_}", "page": page, "kind": element.kind, **texts})
    return rows, dropped


def _reason(texts: dict[str, str], seen: set[str]) -> str | None:
    if len(texts) < 3:
        return "missing_in_a_language"
    portuguese = texts["pt_pt"]
    if portuguese == texts["en"] or texts["pt_br"] == texts["en"]:
        return "untranslated"
    counts = [len(_WORD.findall(text)) for text in texts.values()]
    if min(counts) < MIN_WORDS:
        return "too_short"
    if max(counts) > MAX_WORDS:
        return "too_long"
    if any(_keeps_english(texts[column], texts["en"]) for column in ("pt_pt", "pt_br")):
        return "partly_untranslated"
    if _BRAZILIAN & set(_WORD.findall(portuguese.lower())):
        return "brazilian_in_pt_pt"
    if portuguese in seen:
        return "repeated"
    return None


def _keeps_english(text: str, english: str) -> bool:
    words = _WORD.findall(text.lower())
    stopped = sum(bool(_ENGLISH.fullmatch(word)) for word in words)
    if stopped >= max(MIN_ENGLISH_WORDS, MIN_ENGLISH_WORD_FRACTION * len(words)):
        return True
    original = " ".join(_WORD.findall(english.lower()))
    runs = zip(*(words[i:] for i in range(MIN_ENGLISH_RUN_WORDS)), strict=False)
    return any(" ".join(run) in original for run in runs)


def _elements(file: Path) -> dict[str, _Element]:
    if not file.exists():
        return {}
    reader = _Reader()
    reader.feed(file.read_text("utf-8"))
    return reader.elements


class _Reader(HTMLParser):
    """Collects the plain text of every paragraph and heading that has an id.

    Text that a page shows only in some applications or systems (``hidden``) is left out together
    with its siblings: such an element has no single text.
    """

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: dict[str, _Element] = {}
        self._id: str | None = None
        self._tag = ""
        self._parts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        classes = set((given.get("class") or "").split())
        if tag in _TEXT_TAGS:
            id_ = given.get("id") or ""
            self._id = id_ if _ID.match(id_) and not classes & _CODE else None
            self._tag, self._parts = tag, []
        elif self._id and (classes & {"switch", "switchinline"} or "hidden" in given):
            self._id = None
        elif self._id and tag in ("br", "img"):
            self._parts.append(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag != self._tag or self._id is None:
            return
        text = re.sub(r"\s+([,.;:!?)])", r"\1", " ".join("".join(self._parts).split()))
        if text and self._id not in self.elements:
            kind = "h" if tag != "p" or self._id.startswith("hd") else "p"
            self.elements[self._id] = _Element(kind, text)
        self._id = None

    def handle_data(self, data: str) -> None:
        if self._id:
            self._parts.append(data)
