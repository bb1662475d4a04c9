"""Exchanges of a conversation as HTML: everything a model or a person wrote is escaped, marks are ours.

Meaning never hangs on a color: what is flagged, blocked or weakly supported says so in words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any, NamedTuple

from amalia.serve import page_text as text
from amalia.variety import detect

_CITATION = re.compile(r"\[(\d+(?:\s*,\s*\d+)*)\]")
_WEAK_SUPPORT = 0.5


@dataclass
class Exchange:
    """A question and what came of it."""

    question: str
    pictures: tuple[str, ...] = ()
    """As ``data:`` URLs."""
    answer: str = ""
    extension: dict[str, Any] = field(default_factory=dict)
    """What the server says beside the answer."""
    finish_reason: str = ""
    error: str = ""

    @property
    def trace_id(self) -> str:
        """Leads to the record of the answer; empty while there is none."""
        return str(self.extension.get("trace_id", ""))


class _Mark(NamedTuple):
    start: int
    end: int
    before: str
    after: str


def conversation(exchanges: Sequence[Exchange], *, is_under_way: bool) -> str:
    """Write a whole conversation; screen readers hear what is added."""
    body = "".join(_exchange(item, number) for number, item in enumerate(exchanges, 1))
    body = body or f'<p class="hint">{text.EMPTY}</p>'
    busy = "true" if is_under_way else "false"
    return (
        f'<section role="log" aria-live="polite" aria-busy="{busy}" aria-label="{text.LOG}" tabindex="0" '
        f'lang="pt-PT" class="log">{body}</section>'
    )


def _exchange(item: Exchange, number: int) -> str:
    pictures = "".join(
        f'<img src="{escape(url)}" alt="{text.PICTURE_ALT.format(number=place)}">'
        for place, url in enumerate(item.pictures, 1)
    )
    question = (
        f'<article class="question"><h3>{text.YOU} {number}</h3>{pictures}'
        f"<p>{_lines(escape(item.question))}</p></article>"
    )
    if item.error:
        told = escape(text.FAILED.format(error=item.error))
        return f'{question}<article class="answer failed" role="alert"><p>{told}</p></article>'
    answer = _lines(_marked(item)) if item.answer else text.WORKING
    return (
        f'{question}<article class="answer"><h3>{text.ANSWER} {number}</h3><p>{answer}</p>'
        f"{_notes(item)}{_passages(item, number)}{_trace(item)}</article>"
    )


def _marked(item: Exchange) -> str:
    """Escape an answer, with citations as links and Brazilian forms underlined."""
    marks = _citations(item) + _brazilian(item)
    out, place = "", 0
    for mark in sorted(marks):
        if mark.start < place:
            continue
        inner = escape(item.answer[mark.start : mark.end])
        out += escape(item.answer[place : mark.start]) + mark.before + inner + mark.after
        place = mark.end
    return out + escape(item.answer[place:])


def _citations(item: Exchange) -> list[_Mark]:
    known = {passage["number"] for passage in item.extension.get("passages", ())}
    marks = []
    for found in _CITATION.finditer(item.answer):
        first = int(re.split(r"\s*,\s*", found[1])[0])
        if first in known:
            link = f'<a href="#fonte-{item.trace_id}-{first}">'
            marks.append(_Mark(found.start(), found.end(), link, "</a>"))
    return marks


def _brazilian(item: Exchange) -> list[_Mark]:
    if not item.trace_id:  # not while the answer comes
        return []
    marks = []
    for sign in detect(item.answer).evidence:
        if sign.suggests != "pt-BR":
            continue
        told = text.INSTEAD.format(instead=sign.instead) if sign.instead else "português do Brasil"
        start, end = sign.span
        marks.append(
            _Mark(start, end, f'<span class="brazilian" title="{escape(told)}">', "</span>")
        )
    return marks


def _notes(item: Exchange) -> str:
    """Say in words what guards found and what is underlined."""
    notes = []
    by_action: dict[str, list[str]] = {}
    for verdict in item.extension.get("verdicts", ()):
        name = text.CATEGORY_NAMES.get(verdict["category"], verdict["category"])
        names = by_action.setdefault(verdict["action"], [])
        if name not in names:
            names.append(name)
    if item.finish_reason == "content_filter":
        notes.append(text.BLOCKED)
    if "mask" in by_action:
        notes.append(text.MASKED.format(categories=", ".join(by_action["mask"])))
    flagged = [
        name for action in ("flag", "ask_again", "block") for name in by_action.get(action, ())
    ]
    if flagged:
        notes.append(text.FLAGGED.format(categories=", ".join(dict.fromkeys(flagged))))
    if _brazilian(item):
        notes.append(text.BRAZILIAN)
    return "".join(f'<p class="note">⚑ {escape(note)}</p>' for note in notes)


def _passages(item: Exchange, number: int) -> str:
    passages = item.extension.get("passages", ())
    if not passages:
        return ""
    weak = {
        cited["passage"]
        for cited in item.extension.get("citations", ())
        if cited["support"] < _WEAK_SUPPORT
    }
    rows = "".join(
        f'<li id="fonte-{item.trace_id}-{passage["number"]}" value="{passage["number"]}">'
        f"<details><summary>{escape(passage['title'] or passage['id'])}"
        f"{f' ({text.WEAK})' if passage['number'] in weak else ''}</summary>"
        f"<p>{_lines(escape(passage['text']))}</p><p>{escape(passage['source'])}</p></details></li>"
        for passage in passages
    )
    return f'<h4 id="fontes-{number}">{text.PASSAGES}</h4><ol>{rows}</ol>'


def _trace(item: Exchange) -> str:
    if not item.trace_id:
        return ""
    return f'<p class="trace">{text.TRACE}: <code tabindex="0">{escape(item.trace_id)}</code></p>'


def _lines(written: str) -> str:
    return written.replace("\n", "<br>")
