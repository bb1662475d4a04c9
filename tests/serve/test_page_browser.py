"""The page in a real Chromium: by keyboard alone, with nobody else asked."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import PIL.Image
import pytest
from running_server import Running, recipe, running

from amalia.serve.audit import Log, Query
from amalia.serve.audit_record import AuditSettings

CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)

# Gradio's own: names of statuses that starlette has newer ones for.
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on PATH"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::starlette.exceptions.StarletteDeprecationWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

ANSWERS = {
    "Como chego à estação?": "Apanhe o ônibus para a estação. O NIF da empresa é 501442600.",
    "Que cor é esta?": "É vermelha.",
}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("page")
    engine = {"kind": "scripted", "answers": ANSWERS, "piece_s": 0.02}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        with running(recipe(folder / "log.sqlite", page=True, engine=engine), folder) as up:
            yield up


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        made = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield made
        made.close()


@pytest.fixture
def page(browser: Any, served: Running) -> Iterator[Any]:
    context = browser.new_context(locale="en-US")
    opened = context.new_page()
    opened.outside = []
    opened.on(
        "request",
        lambda asked: (
            opened.outside.append(asked.url)
            if not asked.url.startswith((served.url, "data:", "blob:"))
            else None
        ),
    )
    opened.goto(served.url)
    opened.wait_for_selector("#pergunta textarea")
    # Its handlers are there when the script that names the controls has run, and a moment later.
    opened.wait_for_selector("#pergunta textarea[aria-label=Pergunta]")
    opened.wait_for_timeout(700)
    yield opened
    context.close()


def ask(page: Any, text: str) -> None:
    page.locator("#pergunta textarea").focus()
    page.keyboard.type(text)
    page.keyboard.press("Enter")


def test_a_question_by_keyboard_is_answered_marked_and_reported(page: Any, served: Running) -> None:
    ask(page, "Como chego à estação?")
    page.wait_for_selector(".trace", timeout=20_000)
    log = page.locator(".log")
    assert "[NIF removido]" in log.inner_text()
    assert page.locator(".brazilian").inner_text() == "ônibus"
    assert "Foram retirados dados pessoais: NIF" in log.inner_text()
    assert log.get_attribute("aria-live") == "polite"
    page.get_by_role("button", name="Denunciar a última resposta").press("Enter")
    page.get_by_role("button", name="Denunciar", exact=True).press("Enter")
    page.get_by_text("A denúncia ficou registada").wait_for(timeout=10_000)
    trace = page.locator(".trace code").inner_text()
    with Log.open(AuditSettings(log=str(served.log)), create=False) as opened:
        (kept,) = opened.search(Query(trace_id=trace))
        assert kept.record.endpoint == "page"
        assert "501442600" not in (kept.record.answer or "")
        assert [report.trace_id for report in opened.reports()] == [trace]
    assert page.outside == []


def test_a_picture_is_shown_and_asked_about(page: Any, tmp_path: Path) -> None:
    PIL.Image.new("RGB", (64, 48), "red").save(tmp_path / "cor.png")
    page.locator("#pergunta input[type=file]").set_input_files(tmp_path / "cor.png")
    page.wait_for_timeout(500)
    ask(page, "Que cor é esta?")
    page.wait_for_selector(".trace", timeout=20_000)
    assert page.locator(".log img").get_attribute("alt") == "Imagem 1 da pergunta"
    assert "É vermelha." in page.locator(".log").inner_text()


def test_the_page_is_in_portuguese_and_every_control_has_a_name(page: Any) -> None:
    assert page.evaluate("document.documentElement.lang") == "pt-PT"
    controls = page.locator("button:visible, textarea:visible, input:visible").all()
    assert len(controls) >= 6
    for control in controls:
        name = control.evaluate(
            "e => e.ariaLabel || e.innerText || e.title || (e.labels && e.labels[0]?.innerText)"
        )
        assert name, control.evaluate("e => e.outerHTML")
        assert name.strip() not in ("Submit", "Clear", "Upload a file", "Stop")
