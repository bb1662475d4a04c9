"""The chat page at ``/``: Gradio in front of the same service that answers the interface.

The conversation lives in the browser's session and is written as HTML of ours, so nothing a model says can
become a link, a picture or a script. Pictures come as text within the question, like a client's: Gradio's own
components for files keep what they are given on the disk and decode it in this process.

Not covered: speech, files other than pictures, conversations that are kept.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from html import escape
from importlib.resources import files
from typing import Any, NamedTuple

import gradio as gr
from fastapi import FastAPI

from amalia.errors import RequestError
from amalia.serve import page_answer, page_talk
from amalia.serve import page_text as text
from amalia.serve.front import Front
from amalia.serve.page_answer import Exchange
from amalia.serve.page_gate import Gate

_MAX_WAITING = 64
_SHOWN_EVERY_S = 0.05
_FONTS = [
    "system-ui",
    "-apple-system",
    "Segoe UI",
    "Roboto",
    "Noto Sans",
    "Liberation Sans",
    "sans-serif",
]
_MONO = ["ui-monospace", "Menlo", "Consolas", "DejaVu Sans Mono", "monospace"]
# Through the queue, the only way that the gate lets through; how much is asked at a time, keys say.
_HIDDEN: Any = {
    "api_visibility": "private",
    "show_progress": "hidden",
    "queue": True,
    "concurrency_limit": None,
}
_KINDS = ("image/png", "image/jpeg", "image/webp", "image/gif")
# Handlebars: what it writes is escaped.
_PICTURES = """
<ul aria-label="{pictures}">{{{{#each value}}}}<li><img src="{{{{this.small}}}}" alt="{picture}">
<button type="button" name="remove" value="{{{{this.number}}}}" aria-label="{remove}">
<span aria-hidden="true">✕</span></button></li>{{{{/each}}}}</ul>
<div class="bar"><input type="file" accept="{kinds}" multiple hidden tabindex="-1" aria-label="{add}">
<button type="button" name="add">{add}</button><button type="button" name="camera">{camera}</button>
<p role="status" aria-live="polite">{{{{said}}}}</p></div>
"""
_REPORTED_CLICK = """
element.addEventListener('click', (event) => {
  const button = event.target.closest('[data-report]');
  if (button) trigger('click', { number: Number(button.dataset.report) });
});
"""
_TO_REPORT = (
    "() => { setTimeout(() => document.querySelector('#denuncia input:checked')?.focus(), 150); }"
)
_TO_QUESTION = (
    "() => { setTimeout(() => document.querySelector('#pergunta textarea')?.focus(), 150); }"
)


class Mounted(NamedTuple):
    """An application with a page."""

    app: FastAPI
    stop: asyncio.Event
    """To be set when the server stops: open pages hold a connection each, for ever."""


def mounted(app: FastAPI, front: Front, *, title: str) -> Mounted:
    """Put the page beside the routes of an application, which keep their addresses."""
    # Where no event loop runs, Gradio opens some and leaves them; in a thread of its own it finds one.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, _mounted(app, front, title)).result()


async def _mounted(app: FastAPI, front: Front, title: str) -> Mounted:
    page = _Page(front, title).made()
    page.queue(max_size=_MAX_WAITING, api_open=False)
    made: FastAPI = gr.mount_gradio_app(
        app,
        page,
        "/",
        footer_links=[],
        allowed_paths=[],
        show_error=False,
        max_file_size=1,
        ssr_mode=False,
        enable_monitoring=False,
        pwa=False,
        mcp_server=False,
        theme=_theme(),
        css=_asset("page_style.css"),
        head=_head(front),
    )
    # Gradio looks whether a file was uploaded only where this is set, which mounting does not.
    page.has_launched = True
    mount: Any = made.routes[-1]  # what was mounted last
    inner = mount.app
    mount.app = Gate(inner, front.limits, frozenset(page.fns))
    return Mounted(made, inner.stop_event)


class _Page:
    """Lays the page out and answers its events."""

    def __init__(self, front: Front, title: str) -> None:
        self._front = front
        self._title = title

    def made(self) -> Any:  # untyped in gradio
        """Make the page."""
        title = text.HEADING.format(model=self._title)
        with gr.Blocks(title=title, analytics_enabled=False, fill_width=False) as page:
            gr.HTML(
                f'<header class="top"><h1>{escape(title)}</h1><p>{text.WARNING}</p></header>',
                js_on_load=None,
            )
            self._key = gr.Textbox(
                label=text.KEY,
                info=text.KEY_INFO,
                type="password",
                visible=self._front.access.needs_key,
                html_attributes=gr.InputHTMLAttributes(autocomplete="off"),
            )
            self._known = gr.State([])
            self._past = gr.HTML(
                page_answer.conversation([]), elem_id="conversa", js_on_load=_REPORTED_CLICK
            )
            self._current = gr.HTML("", elem_id="resposta", js_on_load=_REPORTED_CLICK)
            self._heard = gr.HTML(_spoken(""), elem_id="ouvido", js_on_load=None)
            self._report_panel()
            self._composer()
            gr.HTML(
                f'<div class="end"><p>{escape(text.FOOTER.format(model=self._title))}</p></div>',
                js_on_load=None,
            )
            self._wire()
        return page

    def _composer(self) -> None:
        with gr.Column(elem_id="compor"):
            self._question = gr.Textbox(
                label=text.QUESTION,
                placeholder=text.PLACEHOLDER,
                lines=1,
                max_lines=10,
                autofocus=True,
                elem_id="pergunta",
            )
            self._pictures = gr.HTML(
                [],
                html_template=_pictures_template(),
                js_on_load="window.amaliaPictures(element, props, watch)",
                elem_id="imagens",
                said="",
            )
            with gr.Row(elem_id="acoes"):
                self._send = gr.Button(text.SEND, variant="primary")
                self._stop = gr.Button(text.STOP, elem_id="parar", interactive=False)
                self._new = gr.Button(text.NEW)

    def _report_panel(self) -> None:
        self._reported = gr.State(0)
        with gr.Column(visible=False, elem_id="denuncia") as self._panel:
            self._report_title = gr.HTML("", js_on_load=None)
            self._category = gr.Radio(list(text.CATEGORIES), label=text.CATEGORY, value="wrong")
            self._comment = gr.Textbox(label=text.COMMENT, lines=2, max_lines=6, max_length=4000)
            with gr.Row():
                self._send_report = gr.Button(text.REPORT_SEND, variant="primary")
                self._cancel_report = gr.Button(text.REPORT_CANCEL)
        self._told = gr.HTML(_said(""), elem_id="dito", js_on_load=None)

    def _wire(self) -> None:
        shown = [
            self._past, self._current, self._heard, self._known, self._question, self._pictures, self._stop
        ]  # fmt: skip
        running = gr.on(
            [self._question.submit, self._send.click],
            self._ask,
            [self._question, self._pictures, self._known, self._key],
            shown,
            trigger_mode="once",
            **_HIDDEN,
        )
        self._stop.click(self._stopped, self._known, shown, cancels=[running], **_HIDDEN)
        self._new.click(
            self._renewed,
            None,
            [*shown, self._panel, self._told],
            cancels=[running],
            **_HIDDEN,
        ).then(None, js=_TO_QUESTION)
        for place in (self._past, self._current):
            place.click(
                self._report_opened,
                self._known,
                [self._panel, self._report_title, self._reported, self._told],
                **_HIDDEN,
            ).then(None, js=_TO_REPORT)
        self._send_report.click(
            self._report,
            [self._category, self._comment, self._reported, self._known, self._key],
            [self._told, self._panel, self._comment],
            **_HIDDEN,
        ).then(None, js=_TO_QUESTION)
        self._cancel_report.click(
            lambda: gr.Column(visible=False), None, self._panel, **_HIDDEN
        ).then(None, js=_TO_QUESTION)

    # --- events -----------------------------------------------------------------------------------

    async def _ask(
        self,
        question: str | None,
        pictures: Any,
        known: list[Exchange],
        key: str | None,
        request: gr.Request,
    ) -> AsyncIterator[tuple[Any, ...]]:
        item = Exchange((question or "").strip(), page_talk.shown(pictures))
        if not item.question and not item.pictures:
            yield (gr.skip(),) * 7
            return
        known, number = [*known, item], len(known) + 1
        yield (
            page_answer.conversation(known, is_last_answered=False),
            _current(item, number),
            _spoken(text.WORKING),
            known,
            "",
            [],
            gr.Button(interactive=True),
        )
        shown_s = 0.0
        async for _ in page_talk.answered(self._front, known, _visitor(key, request)):
            if time.monotonic() - shown_s >= _SHOWN_EVERY_S:
                shown_s = time.monotonic()
                yield (gr.skip(), _current(item, number), *((gr.skip(),) * 5))
        last = (gr.skip(), _current(item, number), _spoken(page_answer.spoken(item, number)))
        if item.error and not item.answer:
            # It was not answered: it can be asked again, and is no part of the conversation.
            yield (*last, known[:-1], question, pictures, gr.Button(interactive=False))
        else:
            yield (*last, known, gr.skip(), gr.skip(), gr.Button(interactive=False))

    def _stopped(self, known: list[Exchange]) -> tuple[Any, ...]:
        """Show what was said until somebody stopped it."""
        kept = (gr.skip(), gr.skip(), gr.Button(interactive=False))
        if not known or known[-1].is_done:
            return (gr.skip(), gr.skip(), gr.skip(), known, *kept)
        item = known[-1]
        item.is_stopped = item.is_done = True
        current = _current(item, len(known))
        return (gr.skip(), current, _spoken(text.STOPPED), known, *kept)

    def _renewed(self) -> tuple[Any, ...]:
        return (
            page_answer.conversation([]),
            "",
            _spoken(""),
            [],
            "",
            [],
            gr.Button(interactive=False),
            gr.Column(visible=False),
            _said(""),
        )

    def _report_opened(self, known: list[Exchange], event: gr.EventData) -> tuple[Any, ...]:
        number = event._data.get("number") if isinstance(event._data, dict) else None
        if not isinstance(number, int) or not 1 <= number <= len(known):
            return (gr.skip(),) * 4
        title = f"<h2>{text.REPORT.format(number=number)}</h2>"
        return gr.Column(visible=True), title, number, _said("")

    async def _report(
        self,
        category: str | None,
        comment: str | None,
        number: int,
        known: list[Exchange],
        key: str | None,
        request: gr.Request,
    ) -> tuple[Any, ...]:
        if not 1 <= number <= len(known):
            return _said(""), gr.Column(visible=False), ""
        try:
            told = await page_talk.reported(
                self._front,
                known[number - 1],
                category or "other",
                comment or "",
                _visitor(key, request),
            )
        except RequestError as error:
            told = text.NOT_REPORTED.format(error=page_talk.told(error))
            return _said(told), gr.skip(), gr.skip()
        return _said(told), gr.Column(visible=False), ""


def _current(item: Exchange, number: int) -> str:
    return f'<div lang="pt-PT" class="log">{page_answer.answer(item, number)}</div>'


def _spoken(said: str) -> str:
    """Write what screen readers are to hear; the place stays, so that a change of it is heard."""
    return f'<p class="off" role="status" aria-live="polite" lang="pt-PT">{escape(said)}</p>'


def _said(said: str) -> str:
    return f'<p role="status" aria-live="polite">{escape(said)}</p>'


def _visitor(key: str | None, request: gr.Request) -> page_talk.Visitor:
    return page_talk.Visitor(key or "", request.client.host if request.client else "")


def _pictures_template() -> str:
    said = {name: escape(value) for name, value in text.SCRIPT.items()}
    said |= {
        "picture": said["picture"].format(number="{{this.number}}"),
        "remove": said["remove"].format(number="{{this.number}}"),
    }
    return _PICTURES.format(kinds=",".join(_KINDS), **said)


def _head(front: Front) -> str:
    settings = {
        "text": text.SCRIPT,
        "kinds": _KINDS,
        "maxPictures": front.limits.max_pictures,
        "maxBytes": front.limits.max_body_bytes,
    }
    return f"<script>const amaliaPage = {json.dumps(settings)};\n{_asset('page.js')}</script>"


def _asset(name: str) -> str:
    return files("amalia.serve").joinpath(name).read_text("utf-8")


def _theme() -> Any:
    """Give Gradio's own parts the colors of the page, with no fonts from elsewhere."""
    colors: dict[str, tuple[str, str]] = {
        "body_background_fill": ("#fbfaf7", "#14181a"),
        "body_text_color": ("#1d2327", "#e6e8e6"),
        "body_text_color_subdued": ("#55606a", "#a9b3b7"),
        "background_fill_primary": ("#ffffff", "#1c2225"),
        "background_fill_secondary": ("#efece5", "#252c30"),
        "block_background_fill": ("#ffffff", "#1c2225"),
        "block_label_text_color": ("#55606a", "#a9b3b7"),
        "block_title_text_color": ("#55606a", "#a9b3b7"),
        "block_info_text_color": ("#55606a", "#a9b3b7"),
        "border_color_primary": ("#85898c", "#7b868b"),
        "input_background_fill": ("#ffffff", "#14181a"),
        "input_border_color": ("#85898c", "#7b868b"),
        "button_primary_background_fill": ("#0b5c6b", "#6cc3d2"),
        "button_primary_background_fill_hover": ("#08464f", "#8fd4df"),
        "button_primary_text_color": ("#ffffff", "#0d1517"),
        "button_primary_text_color_hover": ("#ffffff", "#0d1517"),
        "button_primary_border_color": ("#0b5c6b", "#6cc3d2"),
        "button_secondary_background_fill": ("#ffffff", "#1c2225"),
        "button_secondary_background_fill_hover": ("#efece5", "#252c30"),
        "button_secondary_border_color": ("#85898c", "#7b868b"),
        "button_secondary_text_color": ("#1d2327", "#e6e8e6"),
        "checkbox_label_background_fill": ("#ffffff", "#1c2225"),
        "checkbox_label_background_fill_hover": ("#efece5", "#252c30"),
        "checkbox_label_background_fill_selected": ("#efece5", "#252c30"),
        "checkbox_label_text_color": ("#1d2327", "#e6e8e6"),
        "checkbox_label_text_color_selected": ("#1d2327", "#e6e8e6"),
        "checkbox_background_color_selected": ("#0b5c6b", "#2f8493"),
        "checkbox_border_color": ("#85898c", "#7b868b"),
        "checkbox_border_color_selected": ("#0b5c6b", "#6cc3d2"),
    }
    both = {name: light for name, (light, _) in colors.items()}
    both |= {f"{name}_dark": dark for name, (_, dark) in colors.items()}
    return gr.themes.Base(font=_FONTS, font_mono=_MONO).set(
        **both, button_border_width="1px", button_transition="none"
    )
