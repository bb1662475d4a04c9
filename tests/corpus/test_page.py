from __future__ import annotations

import subprocess
import sys
import time

import pytest

from amalia.corpus import html_limits
from amalia.corpus.page import page
from amalia.errors import RecordError

URL = "http://www.exemplo.pt/pasta/pagina.html"
LONG = (
    "A ponte que liga as duas margens reabriu esta manhã ao trânsito, oito meses depois de ter sido "
    "encerrada por causa de fissuras num dos pilares."
)


def html(body: str, head: str = "<title>A ponte</title>") -> str:
    return f'<!DOCTYPE html><html lang="pt-PT"><head>{head}</head><body>{body}</body></html>'


def test_a_page_has_title_language_text_and_pictures():
    found = page(
        html(
            f'<p>{LONG}</p><figure><img src="a.jpg" alt="Ponte"><figcaption>Em maio</figcaption></figure>'
            f"<p>{LONG} Fim.</p>"
        ),
        URL,
    )
    assert (found.title, found.lang) == ("A ponte", "pt-PT")
    assert found.text == f"{LONG}\n{LONG} Fim."
    (picture,) = found.pictures
    assert (picture.url, picture.alt, picture.caption) == (
        "http://www.exemplo.pt/pasta/a.jpg",
        "Ponte",
        "Em maio",
    )


@pytest.mark.parametrize(
    ("root", "lang"),
    [
        ("<html>", ""),
        ("<HTML LANG=pt>", "pt"),
        ("<html xmlns='x' xml:lang='pt-BR'>", "pt-BR"),
        ("<html data-lang='x'>", ""),
        ("", ""),
    ],
)
def test_the_language_is_what_the_root_declares(root, lang):
    assert page(f"{root}<body><p>{LONG}", URL).lang == lang


def test_a_page_of_frames_gives_what_it_has_for_others():
    text = f"<HTML><FRAMESET COLS='1,*'><FRAME SRC=a.htm><NOFRAMES><BODY><P>{LONG}</BODY></NOFRAMES></FRAMESET></HTML>"
    assert page(text, URL).text == LONG


@pytest.mark.parametrize(
    "around",
    [
        "<nav><p>{}</p></nav>",
        "<div class='cookie-banner'><p>{}</p></div>",
        "<div id='rodape'>{}</div>",
        "<aside>{}</aside>",
        "<div style='display:none'>{}</div>",
        "<div role='dialog'>{}</div>",
        "<section class='comments'><p>{}</p></section>",
        "<script>{}</script>",
        "<noscript>{}</noscript>",
    ],
)
def test_what_stands_around_the_text_is_left_out(around):
    other = "Os restos mortais do navegador foram levados para a igreja matriz, onde ainda hoje se encontram."
    assert page(html(f"<p>{LONG}</p>" + around.format(other)), URL).text == LONG


def test_a_side_bar_that_holds_everything_is_read():
    body = "<div class='sidebar'>" + f"<p>{LONG}</p><p>{LONG} Mais.</p><p>{LONG} Fim.</p></div>"
    assert page(html(body), URL).text.count("\n") == 2


def test_a_class_of_the_whole_page_leaves_nothing_out():
    assert page(f"<body class='sidebar menu'><div class='with-sidebar'><p>{LONG}", URL).text == LONG


def test_rows_lists_stanzas_and_preformatted_text_are_lines():
    body = f"<p>{LONG}</p><table><tr><td>Vila Nova<td>8h10<tr><td>Portela<td>8h22</table><p>{LONG}!</p>"
    assert "Vila Nova 8h10\nPortela 8h22" in page(html(body), URL).text
    body = (
        "<pre>O presente regulamento estabelece as regras de funcionamento das feiras\ne dos mercados"
        " realizados na área do município, fixando as condições.\n</pre>"
    )
    assert "feiras e dos mercados" in page(html(body), URL).text
    body = (
        "<p>Três cadeiras e o vento que as ocupa,<br>um relógio sem corda na parede,"
        "<br>a toalha com nódoas de outra ceia,<br>o cântaro que já não mata a sede.</p>"
    )
    assert page(html(body), URL).text.count("\n") == 3


def test_signs_are_unescaped_once():
    assert page(html(f"<p>{LONG} 1 &lt; 2 &amp;amp; 3</p>"), URL).text.endswith("1 < 2 &amp; 3")


POISONED = {
    "nested 100,000 deep": "<div>" * 100_000 + LONG,
    "nested and closed": "<div>" * 100_000 + LONG + "</div>" * 100_000,
    "nested lists": "<ul><li>" * 10_000,
    "unclosed fonts": "".join(f"<font size={i}>x" for i in range(20_000)),
    "50 MB of tags": "<br>" * 12_500_000,
    "attributes": "<div " + " ".join(f"a{i}=1" for i in range(100_000)) + ">",
    "open quotes": '<a href="' * 200_000,
    "lines": "<pre>" + "a\n" * 1_000_000,
}
HARMLESS = {
    "null bytes": "\0" * 100_000 + f"<p>{LONG[:70]}\0{LONG[70:]}",
    "unclosed": f"<table><tr><td><b><i><font><p>{LONG}",
    "open comment": f"<p>{LONG}<!--" + "<" * 10_000,
    "500 deep": "<div>" * 500 + LONG,
    "our markers": f"<p>{LONG}" + "\ue000\ue001" * 100,
}


@pytest.mark.parametrize("name", POISONED)
def test_poisoned_html_costs_one_exception_with_a_reason(name):
    start = time.perf_counter()
    with pytest.raises(RecordError) as caught:
        page(POISONED[name], URL)
    assert caught.value.reason in (
        "html_too_deep", "html_too_long", "html_too_many_tags", "html_too_many_attributes", "too_many_lines",
    )  # fmt: skip
    assert time.perf_counter() - start < 10


@pytest.mark.parametrize("name", HARMLESS)
def test_broken_html_is_read(name):
    assert page(HARMLESS[name], URL).text == LONG


def test_half_of_a_letter_is_refused():
    with pytest.raises(RecordError) as caught:
        page("<p>\ud800 olá", URL)
    assert caught.value.reason == "html_unreadable"


@pytest.mark.parametrize("text", ["", "\0", "<", "olá", "<html></html>", "<body>", "&", "<!--"])
def test_next_to_nothing_is_no_text(text):
    assert page(text, URL).text == ""


def test_thousands_of_names_take_seconds_not_minutes():
    many = "".join(f"<i class=comment-{i}>x</i>" for i in range(20_000))
    start = time.perf_counter()
    page(many, URL)
    assert time.perf_counter() - start < 10


def test_a_message_says_value_limit_and_what_to_do():
    with pytest.raises(RecordError, match=r"at least 513 elements deep, expected at most 512"):
        html_limits.check("<div>" * 600)


@pytest.mark.parametrize(
    "text",
    [
        "<p>olá" * 5000,
        "<!--" + "<div>" * 5000 + "-->",
        "<script>" + "'<div>'+" * 5000 + "</script>",
        "<table>" + "<tr><td>a" * 5000 + "</table>",
        "<br/>" * 5000,
        ("<b>" + "</b>") * 5000,
        f'<img src="data:image/png;base64,{"A=/b" * 60_000}">',
    ],
)
def test_usual_pages_are_within_the_limits(text):
    html_limits.check(text)


def test_importing_it_brings_no_optional_library():
    code = (
        "import sys, amalia.corpus.page, amalia.corpus.clean, amalia.corpus.encoding\n"
        "sys.exit(any(m in sys.modules for m in ('resiliparse', 'trafilatura', 'ftfy')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_named_place_is_no_link() -> None:
    """Pages of the 1990s have one before every heading, and what follows is their text."""
    text = (
        '<body><h3><a name="a"></a>História</h3><p><a name="b"></a>A vila tem foral desde 1212 e uma ponte de pedra '
        'sobre a ribeira.</p><h3><a name="c"></a>Festas</h3><p><a name="d"></a>Em agosto há procissão, bandas e '
        "fogo de artifício no largo.</p></body>"
    )
    assert page(text, "http://x.pt/").text.split("\n") == [
        "História",
        "A vila tem foral desde 1212 e uma ponte de pedra sobre a ribeira.",
        "Festas",
        "Em agosto há procissão, bandas e fogo de artifício no largo.",
    ]
