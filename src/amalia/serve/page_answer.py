"""Exchanges of a conversation as HTML: everything a model or a person wrote is escaped, marks are ours.

Meaning never hangs on a color: what is flagged, blocked or weakly supported says so in words.

Not covered: Markdown. An answer is shown as it was written, for a link or a picture in it could carry what
was asked to somebody else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any, NamedTuple

from amalia.serve import page_text as text
from amalia.variety import Evidence, detect

_CITATION = re.compile(r"\[\d+(?:\s*,\s*\d+)*\]")
_NUMBER = re.compile(r"\d+")
_LINK = re.compile(r"https?://[^\s\"'<>]+")
_WEAK_SUPPORT = 0.5
_VARIETY = "variety_pt_br"
_MARKED_ACTIONS = ("flag", "mask")


class Shown(NamedTuple):
    """A picture of a question, as ``data:`` URLs."""

    url: str
    small: str
    """What the conversation shows of it; empty where the browser could not draw it."""


@dataclass
class Exchange:
    """A question and what came of it."""

    question: str
    pictures: tuple[Shown, ...] = ()
    answer: str = ""
    trace_id: str = ""
    """Leads to the record; empty while nobody knows who asks."""
    extension: dict[str, Any] = field(default_factory=dict)
    """What the server says beside a whole answer."""
    finish_reason: str = ""
    error: str = ""
    is_stopped: bool = False
    is_done: bool = False


class _Mark(NamedTuple):
    start: int
    end: int
    before: str
    after: str
    inner: str | None = None
    """HTML in place of what stands there."""


def conversation(exchanges: Sequence[Exchange], *, is_last_answered: bool = True) -> str:
    """Write a conversation.

    Args:
        exchanges: From the first on.
        is_last_answered: Whether the last answer is written too; while it comes it stands elsewhere.
    """
    parts = []
    for number, item in enumerate(exchanges, 1):
        parts.append(_question(item, number))
        if is_last_answered or number < len(exchanges):
            parts.append(answer(item, number))
    body = "".join(parts) or f'<p class="hint">{text.EMPTY}</p>'
    return f'<section aria-label="{text.LOG}" lang="pt-PT" class="log">{body}</section>'


def answer(item: Exchange, number: int) -> str:
    """Write the answer to a question, as far as it has come."""
    head = f"<h2>{text.ANSWER.format(number=number)}</h2>"
    if item.error and not item.answer:
        failed = escape(text.FAILED.format(error=item.error))
        return f'<article class="answer failed">{head}<p>{failed}</p></article>'
    kind = "answer blocked" if item.finish_reason == "content_filter" else "answer"
    if not item.is_done:
        said = f"<p>{_lines(escape(item.answer))}</p>" if item.answer else ""
        return (
            f'<article class="{kind}" aria-busy="true">{head}{said}'
            f'<p class="working"><span aria-hidden="true"></span>{text.WORKING}</p></article>'
        )
    signs = _brazilian(item)
    notes = "".join(f'<li class="{kind}">{escape(note)}</li>' for kind, note in _notes(item, signs))
    return (
        f'<article class="{kind}">{head}<p class="said">{_lines(_marked(item, signs))}</p>'
        f"{f'<ul class=notes>{notes}</ul>' if notes else ''}{_passages(item)}{_foot(item, number)}</article>"
    )


def spoken(item: Exchange, number: int) -> str:
    """Say an answer to a screen reader, once it is there, with what is told of it."""
    if item.error and not item.answer:
        return text.FAILED.format(error=item.error)
    notes = " ".join(note for _, note in _notes(item, _brazilian(item)))
    return f"{text.ANSWER.format(number=number)}: {item.answer} {notes}".strip()


def _question(item: Exchange, number: int) -> str:
    pictures = "".join(
        f'<li><img src="{escape(each.small)}" alt="{text.PICTURE_ALT.format(number=place)}"></li>'
        if each.small
        else f"<li>{text.PICTURE_ALT.format(number=place)}</li>"
        for place, each in enumerate(item.pictures, 1)
    )
    said = f"<p>{_lines(escape(item.question))}</p>" if item.question else ""
    return (
        f'<article class="question"><h2>{text.YOU.format(number=number)}</h2>'
        f"{f'<ul class=pictures>{pictures}</ul>' if pictures else ''}{said}</article>"
    )


# --- the text of an answer ------------------------------------------------------------------------


def _marked(item: Exchange, signs: Sequence[Evidence]) -> str:
    """Escape an answer, with what was found marked, citations as links, Brazilian forms underlined."""
    marks = [*_found(item), *_citations(item)]
    for sign in signs:
        title = escape(_instead(sign))
        marks.append(_Mark(*sign.span, f'<span class="brazilian" title="{title}">', "</span>"))
    # The widest first, so that what lies within another mark is written within it.
    marks.sort(key=lambda mark: (mark.start, -mark.end))
    return _written(item.answer, 0, len(item.answer), marks)


def _written(said: str, start: int, end: int, marks: Sequence[_Mark]) -> str:
    out, place = "", start
    for at, mark in enumerate(marks):
        if mark.start < place or mark.end > end or mark.start >= mark.end:
            continue  # it crosses the mark before, or lies within it and is written there
        inner = mark.inner or _written(said, mark.start, mark.end, marks[at + 1 :])
        out += escape(said[place : mark.start]) + mark.before + inner + mark.after
        place = mark.end
    return out + escape(said[place:end])


def _found(item: Exchange) -> Iterator[_Mark]:
    for verdict in _verdicts(item):
        if verdict.get("part") or verdict["action"] not in _MARKED_ACTIONS:
            continue
        if verdict["category"] == _VARIETY:
            continue  # of a whole sentence; the forms themselves are underlined
        start, end = verdict["span"]
        if 0 <= start < end <= len(item.answer):
            # What was taken out says so itself.
            is_named = verdict["action"] == "flag"
            tag = f" <small>⚑ {escape(_name(verdict['category']))}</small>" if is_named else ""
            yield _Mark(start, end, '<mark class="flagged">', f"{tag}</mark>")


def _citations(item: Exchange) -> Iterator[_Mark]:
    known = {passage["number"] for passage in item.extension.get("passages", ())}
    weak = _weak(item)
    for found in _CITATION.finditer(item.answer):
        numbers = [int(number) for number in _NUMBER.findall(found[0])]
        if not known.intersection(numbers):
            continue
        links = ", ".join(
            f'<a href="#fonte-{item.trace_id}-{number}" aria-label="{text.SOURCE.format(number=number)}">'
            f"{number}</a>"
            if number in known
            else str(number)
            for number in numbers
        )
        is_weak = any((number, found.start()) in weak for number in numbers)
        after = f" <small>{text.WEAK}</small>" if is_weak else ""
        yield _Mark(found.start(), found.end(), '<span class="cited">[', f"]{after}</span>", links)


def _weak(item: Exchange) -> set[tuple[int, int]]:
    """Passages that hardly bear out the sentence that cites them, with where the mark stands."""
    return {
        (cited["passage"], cited["span"][0])
        for cited in item.extension.get("citations", ())
        if cited["support"] < _WEAK_SUPPORT
    }


def _brazilian(item: Exchange) -> list[Evidence]:
    return [sign for sign in detect(item.answer).evidence if sign.suggests == "pt-BR"]


def _instead(sign: Evidence) -> str:
    return text.INSTEAD.format(instead=sign.instead) if sign.instead else text.FROM_BRAZIL


# --- what stands below it -------------------------------------------------------------------------


def _notes(item: Exchange, signs: Sequence[Evidence]) -> Iterator[tuple[str, str]]:
    """Say in words what guards found, what is underlined and why an answer is not whole."""
    if item.error:
        yield "bad", text.BROKEN_OFF.format(error=item.error)
    if item.is_stopped:
        yield "plain", text.STOPPED
    if item.finish_reason == "length":
        yield "plain", text.CUT
    by_action: dict[str, list[str]] = {}
    for verdict in _verdicts(item):
        by_action.setdefault(verdict["action"], []).append(_name(verdict["category"]))
    if item.finish_reason == "content_filter":
        yield "bad", _listed(text.BLOCKED, text.BLOCKED_FOR, by_action.get("block", []))
    if "mask" in by_action:
        yield "flag", _listed("", text.MASKED, by_action["mask"])
    flagged = [*by_action.get("flag", []), *by_action.get("ask_again", [])]
    if signs:  # told below, form by form
        flagged = [name for name in flagged if name != _name(_VARIETY)]
    if flagged:
        yield "flag", _listed("", text.FLAGGED, flagged)
    if signs:
        forms = dict.fromkeys(
            f"«{sign.text}» ({_lowered(_instead(sign))})" if sign.instead else f"«{sign.text}»"
            for sign in signs
        )
        yield "brazilian-note", text.BRAZILIAN.format(forms=", ".join(forms))


def _listed(without: str, with_them: str, names: Sequence[str]) -> str:
    return with_them.format(categories=", ".join(dict.fromkeys(names))) if names else without


def _lowered(written: str) -> str:
    return written[:1].lower() + written[1:]


def _verdicts(item: Exchange) -> Iterator[dict[str, Any]]:
    """What was found in the answer; of a question only what kept it from being answered."""
    for verdict in item.extension.get("verdicts", ()):
        if verdict.get("place", "answer") == "answer" or verdict["action"] == "block":
            yield verdict


def _name(category: str) -> str:
    return text.CATEGORY_NAMES.get(category, category)


def _passages(item: Exchange) -> str:
    passages = item.extension.get("passages", ())
    if not passages:
        return ""
    weak = {number for number, _ in _weak(item)}
    rows = ""
    for passage in passages:
        number, title = passage["number"], escape(passage["title"] or passage["id"])
        tag = f" <small>{text.WEAK}</small>" if number in weak else ""
        rows += (
            f'<li id="fonte-{item.trace_id}-{number}" value="{number}"><details><summary>{title}{tag}</summary>'
            f"<p>{_lines(escape(passage['text']))}</p><p>{_source(passage['source'])}</p></details></li>"
        )
    return f"<h3>{text.PASSAGES}</h3><ol>{rows}</ol>"


def _source(source: str) -> str:
    written = escape(source)
    if not _LINK.fullmatch(source):
        return written
    return f'<a href="{written}" target="_blank" rel="noopener noreferrer nofollow">{written}</a>'


def _foot(item: Exchange, number: int) -> str:
    if not item.trace_id:
        return ""
    trace = escape(item.trace_id)
    return (
        f"<footer><span>{text.TRACE} <code>{trace}</code></span>"
        f'<button type="button" data-copy="{trace}">{text.COPY}</button>'
        f'<button type="button" data-report="{number}">{text.REPORT_THIS}</button></footer>'
    )


def _lines(written: str) -> str:
    return written.replace("\n", "<br>")
