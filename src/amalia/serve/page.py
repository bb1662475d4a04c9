"""The chat page at ``/``: Gradio in front of the same service that answers the interface.

Guards, limits, keys and the log hold for it as for any client; it has no way to the model of its own. The
conversation lives in the browser's session and is written as HTML of ours, so nothing a model says can become
a link, a picture or a script.

Not covered: speech, files other than pictures, conversations that are kept.
"""

from __future__ import annotations

import asyncio
import base64
import mimetypes
import tempfile
from collections.abc import AsyncIterator, Sequence
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr
from fastapi import FastAPI

from amalia.errors import RequestError
from amalia.serve import page_text as text
from amalia.serve import wire
from amalia.serve.audit_record import new_trace_id
from amalia.serve.engine import Piece
from amalia.serve.front import Front
from amalia.serve.page_answer import Exchange, conversation
from amalia.serve.trace import About, Trace

_PICTURES = [".png", ".jpg", ".jpeg", ".webp", ".gif"]
_MAX_SESSIONS_WAITING = 64
_FONTS = ["system-ui", "Segoe UI", "Roboto", "sans-serif"]
_HIDDEN: Any = {"api_visibility": "private"}
_CSS = """
.log {max-height: 60vh; overflow-y: auto; padding: .25rem .75rem; border: 1px solid var(--border-color-primary);
      border-radius: .5rem}
.log h3 {font-size: .8rem; margin: 0; opacity: .85}
.log article {margin: .75rem 0; padding: .6rem .9rem; border-radius: .6rem; overflow-wrap: anywhere}
.log .question {background: var(--background-fill-secondary)}
.log .answer {border-left: .25rem solid var(--primary-600)}
.log .failed {border-left-color: #b00020}
.log img {max-height: 9rem; margin: .25rem .25rem 0 0; border-radius: .3rem; display: inline-block}
.log .note, .log .trace, .log .hint, .log ol {font-size: .85rem}
.log .brazilian {text-decoration: underline dotted 2px; text-underline-offset: 3px}
.log :focus-visible, .log:focus-visible {outline: 3px solid var(--primary-500); outline-offset: 1px}
#pergunta textarea::placeholder {color: var(--body-text-color); opacity: .75}
footer {display: none !important}
"""
# Gradio takes its language from the browser; the page has one of its own.
_HEAD = """
<script>
document.documentElement.lang = 'pt-PT';
Object.defineProperty(navigator, 'language', {get: () => 'pt'});
Object.defineProperty(navigator, 'languages', {get: () => ['pt']});
const names = {'Submit': 'Enviar', 'Upload a file': 'Juntar imagens', 'Clear': 'Retirar', 'Stop': 'Parar'};
new MutationObserver(() => {
  for (const button of document.querySelectorAll('button[aria-label]')) {
    const name = names[button.ariaLabel];
    if (name) { button.ariaLabel = name; button.title = name; }
  }
  const question = document.querySelector('#pergunta textarea');
  if (question && !question.ariaLabel) question.ariaLabel = 'Pergunta';
  if (document.documentElement.lang !== 'pt-PT') document.documentElement.lang = 'pt-PT';
  const log = document.querySelector('.log');
  if (log && log.getAttribute('aria-busy') === 'true') log.scrollTop = log.scrollHeight;
}).observe(document, {subtree: true, childList: true, attributes: true, attributeFilter: ['lang']});
document.addEventListener('keydown', (event) => {
  if (event.key === 'Escape') document.querySelector('#parar')?.click();
});
</script>
"""


class Mounted(NamedTuple):
    """An application with a page."""

    app: FastAPI
    stop: asyncio.Event
    """To be set when the server stops: open pages hold a connection each, for ever."""


def mounted(app: FastAPI, front: Front, *, title: str) -> Mounted:
    """Put the page beside the routes of an application, which keep their addresses."""
    page = _page(front, title)
    page.queue(max_size=_MAX_SESSIONS_WAITING, api_open=False)
    made: FastAPI = gr.mount_gradio_app(
        app,
        page,
        "/",
        footer_links=[],
        allowed_paths=[],
        show_error=False,
        max_file_size=front.limits.max_body_bytes,
        ssr_mode=False,
        enable_monitoring=False,
        pwa=False,
        mcp_server=False,
        theme=gr.themes.Soft(font=_FONTS, font_mono=["ui-monospace", "monospace"]),
        css=_CSS,
        head=_HEAD,
    )
    inner: Any = made.routes[-1]  # what was mounted last
    return Mounted(made, inner.app.stop_event)


def _page(front: Front, title: str) -> Any:  # untyped in gradio
    with gr.Blocks(title=title, analytics_enabled=False, fill_width=False) as page:
        gr.Markdown(f"# {text.HEADING.format(model=title)}\n\n{text.WARNING}")
        key = gr.Textbox(
            label=text.KEY, info=text.KEY_INFO, type="password", visible=front.access.needs_key
        )
        exchanges = gr.State([])
        log = gr.HTML(conversation([], is_under_way=False), elem_id="conversa")
        question = gr.MultimodalTextbox(
            label=text.QUESTION,
            placeholder=text.PLACEHOLDER,
            sources=["upload"],
            file_types=_PICTURES,
            file_count="multiple",
            submit_btn=text.SEND,
            max_lines=8,
            autofocus=True,
            elem_id="pergunta",
        )
        with gr.Accordion(text.CAMERA, open=False):
            photo = gr.Image(label=text.PICTURE, sources=["webcam"], type="filepath", format="jpeg")
        with gr.Row():
            stop = gr.Button(text.STOP, elem_id="parar")
            new = gr.Button(text.NEW)
        with gr.Accordion(text.REPORT, open=False):
            category = gr.Radio(list(text.CATEGORIES), label=text.CATEGORY, value="wrong")
            comment = gr.Textbox(label=text.COMMENT, lines=2, max_length=4000)
            send_report = gr.Button(text.REPORT_SEND)
            told = gr.HTML('<p role="status" aria-live="polite"></p>')

        async def ask(
            asked: dict[str, Any],
            shown: str | None,
            known: list[Exchange],
            key: str | None,
            request: gr.Request,
        ) -> AsyncIterator[tuple[Any, ...]]:
            files = [*asked.get("files", ()), *([shown] if shown else [])]
            item = Exchange(asked.get("text", "").strip(), _urls(files))
            if not item.question and not item.pictures:
                yield conversation(known, is_under_way=False), known, asked, shown
                return
            known = [*known, item]
            yield conversation(known, is_under_way=True), known, None, None
            async for _ in _answered(front, known, key, request):
                yield conversation(known, is_under_way=True), known, None, None
            yield conversation(known, is_under_way=False), known, None, None

        async def report(
            category: str, comment: str, known: list[Exchange], key: str | None, request: gr.Request
        ) -> str:
            said = await _reported(front, category, comment, known, (key, request))
            return f'<p role="status" aria-live="polite">{escape(said)}</p>'

        running = question.submit(
            ask,
            [question, photo, exchanges, key],
            [log, exchanges, question, photo],
            concurrency_limit=None,
            show_progress="hidden",
            **_HIDDEN,
        )
        stop.click(None, cancels=[running], queue=False, **_HIDDEN)
        new.click(
            lambda: (conversation([], is_under_way=False), []),
            None,
            [log, exchanges],
            cancels=[running],
            **_HIDDEN,
        )
        send_report.click(
            report, [category, comment, exchanges, key], told, show_progress="hidden", **_HIDDEN
        )
    return page


async def _answered(
    front: Front, known: Sequence[Exchange], key: str | None, request: gr.Request
) -> AsyncIterator[None]:
    """Answer the last question into its exchange, piece by piece."""
    item = known[-1]
    try:
        trace = _begun(front, "page", key, request)
        asked = wire.ChatRequest(
            model=front.served_name, messages=_messages(known), temperature=0.0, stream=True
        )
        if not front.state().is_ready:
            raise RequestError("not ready", status=503, code="not_ready")
        async for event in await front.chat(asked, trace):
            if isinstance(event, Piece):
                item.answer += event.text
                item.finish_reason = event.finish_reason or item.finish_reason
            else:
                item.extension = dict(event.extension)
            yield
    except RequestError as error:
        item.error = text.ERRORS.get(error.code, text.UNKNOWN_ERROR.format(code=error.code))


async def _reported(
    front: Front,
    category: str,
    comment: str,
    known: Sequence[Exchange],
    caller: tuple[str | None, gr.Request],
) -> str:
    answered = [item for item in known if item.trace_id]
    if not answered:
        return text.NOTHING_TO_REPORT
    try:
        asked = wire.ReportRequest.model_validate(
            {"trace_id": answered[-1].trace_id, "category": category, "comment": comment[:4000]}
        )
        told = await front.report(asked, _begun(front, "reports", *caller))
    except RequestError as error:
        return text.ERRORS.get(error.code, text.UNKNOWN_ERROR.format(code=error.code))
    return text.REPORTED.format(number=told["id"])


def _begun(front: Front, endpoint: str, given: str | None, request: gr.Request) -> Trace:
    """Know who asks; the page has no other way in than any client."""
    key = (given or "").strip()
    caller = front.access.authenticate(f"Bearer {key}" if key else None)
    front.access.admit_request(caller)
    client = request.client.host if request.client else ""
    return Trace(About(new_trace_id(), new_trace_id(), endpoint, caller=caller, client=client))


def _messages(known: Sequence[Exchange]) -> list[wire.Message]:
    messages = []
    for item in known:
        parts: list[dict[str, Any]] = [
            {"type": "image_url", "image_url": {"url": url}} for url in item.pictures
        ]
        messages.append(
            {"role": "user", "content": [*parts, {"type": "text", "text": item.question}]}
        )
        if item is not known[-1] and item.answer:
            messages.append({"role": "assistant", "content": item.answer})
    # A question that failed has no answer, and is not asked again with the next.
    kept = [
        message
        for place, message in enumerate(messages)
        if message["role"] == "assistant"
        or place == len(messages) - 1
        or messages[place + 1]["role"] == "assistant"
    ]
    return [wire.Message.model_validate(message) for message in kept]


def _urls(files: Sequence[str]) -> tuple[str, ...]:
    """Read what was uploaded; only files that Gradio itself has put into its folder are opened."""
    uploads = Path(tempfile.gettempdir()).resolve() / "gradio"
    urls = []
    for name in files:
        path = Path(name).resolve()
        if not path.is_relative_to(uploads) or not path.is_file():
            continue
        kind = mimetypes.guess_type(path.name)[0] or "image/png"
        urls.append(f"data:{kind};base64,{base64.b64encode(path.read_bytes()).decode()}")
    return tuple(urls)
