"""The blocks of a page, and which of them are its main text.

A block is a paragraph, heading, list item, row of a table or stanza. Whether one is main text is told by
the share of its words that stand in links, its length, how it ends, and what stands beside it, much as
in boilerpipe (Kohlschütter et al. 2010) and jusText (Pomikálek 2011); but lists and rows are
judged as a whole, and phrases such as «Notícias relacionadas» end the main text. The thresholds were
chosen with the gold set in view, see docs/extraction.md.

Input is the reduced HTML of ``resiliparse`` (``minimal_html``), whose only tags are headings, ``p``,
lists, ``pre``, ``br`` and ``a``; every ``<`` of the text is escaped in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from amalia.errors import RecordError

Kind = Literal["paragraph", "heading", "item", "row", "bare", "lines"]

MAX_LINES = 300_000
"""A page of more is refused; a book has ten thousand."""

_LONG_WORDS = 20
_SENTENCE_WORDS = 5
_MIN_MAIN_WORDS = 10
_MAX_LINK_FRACTION = 0.5
_REACH = 2
_CELL_WORDS = 8
_RUN_WORDS = 4
_BRIEF_WORDS = 30
_WRAPPED_CHARS = 50

_LISTS = frozenset(("<ul>", "</ul>", "<ol>", "</ol>"))
_KINDS: dict[str, Kind] = {
    "<p>": "paragraph", "<li": "item", **{f"<h{level}": "heading" for level in range(1, 7)},
}  # fmt: skip
_TAG = re.compile(r"<[^>]*>")
_LINK = re.compile(r"<a [^>]*>(.*?)(?:</a>|$)")
_TO_PICTURE = re.compile(r"<a href=\"[^\"]*\.(?:jpe?g|png|gif|webp)\b", re.IGNORECASE)
_PICTURE = re.compile("\ue000([0-9]+)\ue001")
_ENDS = (".", "!", "?", ":", ";", "…", "»", "”", '"', ".)", "?)", "!)")
_MORE = (
    "ler mais",
    "saiba mais",
    "saber mais",
    "ver mais",
    "leia mais",
    "continuar a ler",
    "ler artigo",
)
_AFTER = re.compile(
    r"(?:[0-9]+ )?(?:comentários?|coment[áa]rios? dos leitores|respostas?)(?: ?[(:].{0,12})?"
    r"|(?:[0-9]+ )?comentários? (?:a|em|sobre)\b.*|deixe (?:uma|a sua) resposta|deixe (?:o seu|um) comentário"
    r"|(?:not[íi]cias|artigos|conte[úu]dos|temas) relacionad[oa]s?|relacionad[oa]s?|not[íi]cias semelhantes"
    r"|leia também|ler também|veja também|pode também gostar(?: de)?|(?:ofertas|produtos) semelhantes"
    r"|os clientes também compraram|mais (?:lidas|vistas|populares|recentes)|últimas(?: notícias)?|outras notícias"
    r"|artigos recentes|próximos eventos|documentos|anexos|onde dormir",
    re.IGNORECASE,
)
_FOOT = (
    " ©", "direitos reservados", "powered by", "desenvolvido por", "copyright", "webmaster", "última atualização",
    "última actualização", "melhor visualizado", "timizado para", "política de cookies", "livro de reclamações",
    "visitante n",
)  # fmt: skip
_BYLINES = (
    "©",
    "publicado por",
    "publicada por",
    "postado por",
    "escrito por",
    "enviado por",
    "partilhar",
    "partilhe",
)


@dataclass(slots=True)
class Block:
    """One block; ``keep`` is settled by ``main``."""

    kind: Kind
    lines: list[str]
    num_words: int
    link_fraction: float
    pictures: list[int] = field(default_factory=list)
    keep: bool = False

    @property
    def text(self) -> str:
        """Its lines, one after the other."""
        return "\n".join(self.lines)


def blocks(reduced: str) -> list[Block]:
    """Split reduced HTML into blocks, in order; pictures stand where their markers stood.

    Raises:
        RecordError: with the reason ``too_many_lines`` beyond ``MAX_LINES``.
    """
    if (num_lines := reduced.count("\n")) > MAX_LINES:
        raise RecordError(
            f"The page is refused: {num_lines} lines of text, expected at most {MAX_LINES}; count it as a drop",
            reason="too_many_lines",
        )
    found: list[Block] = []
    kind: Kind = "bare"
    held: list[str] = []
    is_open = False  # within a paragraph that goes on over lines
    for raw in _unwrapped(reduced) if "<pre>" in reduced else reduced.split("\n"):
        line = raw.strip()
        if not line or line in _LISTS:
            continue
        if line[0] == "<" and not is_open and not held:
            kind = _KINDS.get(line[:3], "bare")
            is_open = kind == "paragraph"
        elif not held and not is_open:
            kind = "bare"
        held.append(line)
        if line[-1] == ">":
            if line.endswith("</p>"):
                is_open = False
            elif line.endswith("<br>") and not line.endswith("<br><br>"):
                continue
        elif is_open:
            continue
        found += _closed(kind, held)
        held = []
    found += _closed(kind, held)
    return found


def main(found: Sequence[Block]) -> list[Block]:
    """Give the blocks of the main text, in order; empty if the page has none."""
    kept = list(_until_after(found))
    bad = [_is_bad(block) for block in kept]
    for block, is_bad in zip(kept, bad, strict=True):
        block.keep = not is_bad and _is_long(block)
    _judge_runs(kept, bad)
    _judge_beside(kept, bad)
    chosen = [block for block in kept if block.keep]
    if max((b.num_words for b in chosen if b.kind != "row"), default=0) < _MIN_MAIN_WORDS:
        return []
    return chosen


def pictures_of(found: Sequence[Block]) -> list[int]:
    """Give the numbers of the pictures that stand in, between or right beside the blocks of the main text."""
    kept = [index for index, block in enumerate(found) if block.keep]
    if not kept:
        return []
    first, last = kept[0], kept[-1]
    while first > 0 and found[first - 1].pictures:
        first -= 1
    while last + 1 < len(found) and found[last + 1].pictures:
        last += 1
    return [number for block in found[first : last + 1] for number in block.pictures]


def _unwrapped(reduced: str) -> Iterator[str]:
    """Give the lines; in preformatted text, lines broken at a fixed width are joined again."""
    within, held = False, ""
    for raw in reduced.split("\n"):
        line = raw
        if line.lstrip().startswith("<pre>"):
            within, line = True, line.replace("<pre>", "", 1)
        ends = within and line.endswith("</pre>")
        if ends:
            line = line[: -len("</pre>")]
        if not within:
            yield line
            continue
        held = f"{held} {line.strip()}" if held else line.strip()
        if len(line.strip()) < _WRAPPED_CHARS or ends:
            yield held
            held = ""
        within = not ends
    if held:
        yield held


def _closed(kind: Kind, raw: Sequence[str]) -> Sequence[Block]:
    if kind == "bare" and any("\t\t" in line for line in raw):
        return _cells(raw)
    block = _block(kind, raw)
    return (block,) if block else ()


def _cells(raw: Sequence[str]) -> list[Block]:
    """Give a row of a table as one block, or several where cells that hold whole texts stand side by side."""
    found: list[Block | None] = []
    part: list[str] = []
    for line in raw:
        cells = [cell for cell in line.split("\t\t") if cell.strip()]
        if len(cells) < 2:
            part.append(line)
        elif len(raw) == 1 and all(cell.count(" ") < _CELL_WORDS for cell in cells):
            found.append(_block("row", [" ".join(cells)]))
        else:
            for cell in cells[:-1]:
                found.append(_block("bare", [*part, cell]))
                part = []
            part = [cells[-1]]
    found.append(_block("bare", part))
    return [block for block in found if block]


def _block(kind: Kind, raw: Sequence[str]) -> Block | None:
    lines: list[str] = []
    pictures: list[int] = []
    num_words = num_linked = 0
    for each in raw:
        # Most lines are one whole paragraph: its tags need no search.
        line = each[3:-4] if each.startswith("<p>") and each.endswith("</p>") else each
        if "\ue000" in line:
            pictures += [int(number) for number in _PICTURE.findall(line)]
            line = _PICTURE.sub(" ", line)
        if "<" in line:
            if "<a " in line:
                num_linked += sum(len(_TAG.sub("", link).split()) for link in _LINK.findall(line))
            line = _TAG.sub("", line)
        if "&" in line:
            line = _unescaped(line)
        line = line.strip()
        if "  " in line or "\t" in line:
            line = " ".join(line.split())
        if line:
            lines.append(line)
            num_words += line.count(" ") + 1
    if not lines and (not pictures or _is_button(raw)):
        return None
    fraction = min(1.0, num_linked / num_words) if num_linked else 0.0
    return Block(kind, lines, num_words, fraction, pictures)


def _is_button(raw: Sequence[str]) -> bool:
    """Tell pictures that lead elsewhere; those that lead to a larger picture do not."""
    text = " ".join(raw)
    return "<a " in text and not _TO_PICTURE.search(text)


def _unescaped(text: str) -> str:
    text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"')
    return text.replace("&nbsp;", " ").replace("&amp;", "&")


def _until_after(found: Sequence[Block]) -> Sequence[Block]:
    """Cut what follows a phrase like «Notícias relacionadas», if most of the text stands before it."""
    so_far = 0
    total = sum(block.num_words for block in found if block.link_fraction < _MAX_LINK_FRACTION)
    for index, block in enumerate(found):
        if block.num_words <= 12 and block.lines:
            if so_far >= 30 and 3 * so_far > total - so_far and _AFTER.fullmatch(block.lines[0]):
                return found[:index]
        elif block.link_fraction < _MAX_LINK_FRACTION:
            so_far += block.num_words
    return found


def _is_bad(block: Block) -> bool:
    """Tell a run of links, a foot, or a teaser, whatever stands beside it."""
    if not block.num_words or block.link_fraction > _MAX_LINK_FRACTION:
        return True
    if block.num_words >= _BRIEF_WORDS:
        return False
    text = block.text
    lower = text.lower()
    if lower.startswith(_BYLINES):
        return True
    for phrase in _FOOT:
        if phrase in lower:
            return True
    if block.link_fraction and lower.rstrip(" .…»›>[]()").endswith(_MORE):
        return True
    if text.count(" | ") + text.count(" › ") + text.count(" · ") >= 2:
        return True
    return not (text[0].isalpha() or any(map(str.isalpha, text)))


def _is_long(block: Block) -> bool:
    if block.kind in ("heading", "row"):
        return False
    if block.num_words >= _LONG_WORDS:
        # Many short lines one below the other are a form or a menu, not a stanza.
        return block.num_words >= 4 * len(block.lines)
    return block.num_words >= 12 and block.lines[-1].endswith(_ENDS) and not block.link_fraction


def _judge_runs(found: Sequence[Block], bad: Sequence[bool]) -> None:
    """Settle lists and tables as wholes: kept if few of their words are links and main text is beside them."""
    index = 0
    while index < len(found):
        kind = found[index].kind
        if kind not in ("item", "row"):
            index += 1
            continue
        end = index
        while end < len(found) and found[end].kind == kind:
            end += 1
        run = found[index:end]
        words = sum(block.num_words for block in run)
        linked = sum(block.num_words * block.link_fraction for block in run)
        is_text = words > 0 and linked / words < 0.3 and words >= _RUN_WORDS
        near = any(found[i].keep for i in range(max(0, index - _REACH), index)) or any(
            found[i].keep for i in range(end, min(len(found), end + _REACH))
        )
        for offset, block in enumerate(run):
            block.keep = is_text and near and not bad[index + offset]
        index = end


def _judge_beside(found: Sequence[Block], bad: Sequence[bool]) -> None:
    """Settle headings and short blocks by what is kept beside them."""
    for _ in range(2):  # a short block may lean on another that was kept by the first pass
        for index, block in enumerate(found):
            if block.keep or bad[index] or block.kind in ("item", "row"):
                continue
            after = _is_near(found, bad, index, 1)
            before = _is_near(found, bad, index, -1)
            if block.kind == "heading":
                block.keep = after
            elif _is_sentence(block):
                block.keep = before or after
            elif block.kind == "paragraph":
                # Before 2000, headings are often paragraphs in bold.
                block.keep = after and (before or found[index + 1].keep)
            else:
                block.keep = before and after and block.num_words >= 2 and len(block.lines) == 1


def _is_sentence(block: Block) -> bool:
    if block.kind == "paragraph" and block.num_words >= _LONG_WORDS // 2:
        return True
    return block.num_words >= _SENTENCE_WORDS and block.lines[-1].endswith(_ENDS)


def _is_near(found: Sequence[Block], bad: Sequence[bool], index: int, step: int) -> bool:
    """Tell whether main text follows (or precedes) within reach, with nothing bad between."""
    seen = 0
    at = index + step
    while 0 <= at < len(found) and seen < _REACH:
        block = found[at]
        if block.keep:
            return True
        if block.num_words:
            if bad[at]:
                return False
            seen += 1
        at += step
    return False
