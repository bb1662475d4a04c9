"""The page in a real Chromium: by keyboard alone, with nobody else asked."""

from __future__ import annotations

import re
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
from amalia.serve.audit_search import Kept

CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)

# Gradio uses names of statuses that starlette has newer ones for.
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no chromium on PATH"),
    pytest.mark.filterwarnings("ignore::starlette.exceptions.StarletteDeprecationWarning"),
]

LONG = " ".join(f"Passo {number}, devagar e com calma." for number in range(1, 80))
ANSWERS = {
    "Como chego à estação?": "Apanhe o ônibus para a estação. O NIF da empresa é 501442600.",
    "Que cor é esta?": "É vermelha.",
    "Linha um\nlinha dois": "Duas linhas.",
    "Insulta-me.": "Claro. Vai-te foder, filho da puta.",
    "Como se faz?": LONG,
}
CAMERA = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]


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
        made = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", *CAMERA])
        yield made
        made.close()


@pytest.fixture
def page(browser: Any, served: Running) -> Iterator[Any]:
    context = browser.new_context(locale="en-US")
    opened = context.new_page()
    opened.set_default_timeout(15_000)
    outside: list[str] = []
    context.on("request", lambda asked: outside.append(asked.url))
    problems: list[str] = []
    opened.on("pageerror", lambda error: problems.append(str(error)))
    with opened.expect_response("**/gradio_api/heartbeat/*"):
        opened.goto(served.url)
    opened.wait_for_selector("#imagens button[name=add]")
    opened.wait_for_timeout(500)  # its handlers come a moment after what they handle
    yield opened
    context.close()
    assert [url for url in outside if not url.startswith((served.url, "data:", "blob:"))] == []
    assert problems == []


def ask(page: Any, text: str) -> None:
    page.locator("#pergunta textarea").focus()
    page.keyboard.type(text)
    page.keyboard.press("Enter")


def answer(page: Any, number: int = 1) -> Any:
    """The answer, once it is whole."""
    found = page.locator("#resposta article", has_text=f"Resposta {number}")
    found.locator("footer").wait_for()
    return found


def record(served: Running, page: Any) -> Kept:
    trace = page.locator("#resposta footer code").inner_text()
    with Log.open(AuditSettings(log=str(served.log)), create=False) as opened:
        (kept,) = opened.search(Query(trace_id=trace))
    return kept


def test_a_question_by_keyboard_is_answered_marked_and_reported(page: Any, served: Running) -> None:
    ask(page, "Como chego à estação?")
    told = answer(page)
    assert told.locator("mark").inner_text() == "[NIF removido]"
    assert told.locator(".brazilian").inner_text() == "ônibus"
    assert "«ônibus» (em Portugal: autocarro)" in told.inner_text()
    heard = page.locator("#ouvido [aria-live=polite]")
    assert heard.inner_text().startswith("Resposta 1: Apanhe o ônibus")

    told.get_by_role("button", name="Denunciar esta resposta").press("Enter")
    page.get_by_role("heading", name="Denunciar a resposta 1").wait_for()
    page.wait_for_function("document.activeElement.type === 'radio'")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    page.keyboard.type("Traz um número de contribuinte.")
    page.get_by_role("button", name="Enviar a denúncia").press("Enter")
    page.get_by_text("A denúncia ficou registada com o número").wait_for()
    kept = record(served, page)
    assert kept.record.endpoint == "page"
    assert "501442600" not in (kept.record.answer or "")
    with Log.open(AuditSettings(log=str(served.log)), create=False) as opened:
        (report,) = opened.reports()
    assert (report.trace_id, report.category) == (kept.record.trace_id, "private")
    assert report.report_id in page.locator("#dito").inner_text()


def test_lines_pictures_and_a_new_conversation(page: Any, tmp_path: Path) -> None:
    PIL.Image.new("RGB", (64, 48), "red").save(tmp_path / "cor.png")
    (tmp_path / "nota.txt").write_text("texto")
    with page.expect_file_chooser() as chosen:
        page.get_by_role("button", name="Juntar imagens").press("Enter")
    chosen.value.set_files([tmp_path / "cor.png", tmp_path / "nota.txt"])
    page.get_by_text("«nota.txt» não é uma imagem").wait_for()
    assert page.locator("#imagens li img").get_attribute("alt") == "Imagem 1"
    ask(page, "Que cor é esta?")
    assert "É vermelha." in answer(page).inner_text()
    assert page.locator("#conversa img").get_attribute("alt") == "Imagem 1 da pergunta"
    assert page.locator("#imagens li").count() == 0

    page.locator("#pergunta textarea").focus()
    page.keyboard.type("Linha um")
    page.keyboard.press("Shift+Enter")
    ask(page, "linha dois")
    assert "Duas linhas." in answer(page, 2).inner_text()
    page.get_by_role("button", name="Nova conversa").press("Enter")
    page.get_by_text("Faça uma pergunta ou junte uma imagem").wait_for()
    assert page.locator("article").count() == 0


def test_a_photograph_and_one_dropped_are_asked_about_and_one_is_taken_back(page: Any) -> None:
    page.get_by_role("button", name="Usar a câmara").press("Enter")
    dialog = page.get_by_role("dialog", name="Usar a câmara")
    page.wait_for_function("document.querySelector('dialog video')?.videoWidth > 0")
    dialog.get_by_role("button", name="Fotografar").press("Enter")
    page.wait_for_selector("#imagens li")
    page.evaluate(
        """async () => {
          const canvas = document.createElement('canvas');
          const blob = await new Promise((done) => canvas.toBlob(done));
          const dataTransfer = new DataTransfer();
          dataTransfer.items.add(new File([blob], 'x.png', { type: 'image/png' }));
          const event = { dataTransfer, bubbles: true, cancelable: true };
          document.querySelector('#compor').dispatchEvent(new DragEvent('drop', event));
        }"""
    )
    page.wait_for_function("document.querySelectorAll('#imagens li').length === 2")
    page.get_by_role("button", name="Retirar a imagem 2").press("Enter")
    page.wait_for_function("document.querySelectorAll('#imagens li').length === 1")
    ask(page, "Que cor é esta?")
    assert "É vermelha." in answer(page).inner_text()


def test_escape_stops_an_answer_and_its_record_is_kept(page: Any, served: Running) -> None:
    ask(page, "Como se faz?")
    page.get_by_text("Passo 2, devagar").first.wait_for()
    page.keyboard.press("Escape")
    told = answer(page)
    assert "A resposta foi interrompida." in told.inner_text()
    assert "Passo 79" not in told.inner_text()
    page.wait_for_timeout(300)
    kept = record(served, page)
    assert kept.record.status == 499 and "Passo 1" in (kept.record.answer or "")
    ask(page, "Insulta-me.")
    told = answer(page, 2)
    assert "Esta resposta foi bloqueada. Motivo: linguagem obscena." in told.inner_text()
    assert "filho" not in told.inner_text()


def test_the_page_is_in_portuguese_and_every_control_is_reached_and_named(page: Any) -> None:
    assert page.evaluate("document.documentElement.lang") == "pt-PT"
    assert page.title() == "Conversar com scripted"
    tree = page.locator("body").aria_snapshot()
    controls = re.findall(r"- (button|textbox|radio|checkbox|link|img)(.*)", tree)
    assert len(controls) >= 5
    for kind, name in controls:
        assert re.match(r' "[^"]+"', name), (kind, name, tree)
    page.locator("#pergunta textarea").focus()
    reached = []
    for _ in range(4):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.innerText"))
        style = "getComputedStyle(document.activeElement).outlineStyle"
        assert page.evaluate(style) == "solid", reached
    assert reached == ["Juntar imagens", "Usar a câmara", "Enviar", "Nova conversa"]
    assert not re.search(
        r"\b(Submit|Upload|Clear|Stop|Settings|Loading)\b",
        page.content().partition("<body")[2].partition("<script")[0],
    )
