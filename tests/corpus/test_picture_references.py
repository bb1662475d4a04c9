from __future__ import annotations

import pytest

from amalia.corpus.page import page

LONG = "A ponte que liga as duas margens reabriu esta manhã ao trânsito, oito meses depois de ter sido encerrada."
URL = "http://www.exemplo.pt/pasta/pagina.html"


def pictures(body: str, head: str = ""):
    return page(
        f"<html><head>{head}</head><body><p>{LONG}</p>{body}<p>{LONG} Fim.</p>", URL
    ).pictures


@pytest.mark.parametrize(
    ("tag", "url"),
    [
        ('<img src="a.jpg">', "http://www.exemplo.pt/pasta/a.jpg"),
        ("<IMG SRC=../a.gif>", "http://www.exemplo.pt/a.gif"),
        ('<img src="//cdn.exemplo.pt/a.jpg?x=1&amp;y=2">', "http://cdn.exemplo.pt/a.jpg?x=1&y=2"),
        ('<img src="data:image/gif;base64,AA" data-src="/b.jpg">', "http://www.exemplo.pt/b.jpg"),
        ('<img srcset="/s.jpg 1x, /l.jpg 2x">', "http://www.exemplo.pt/s.jpg"),
        ('<amp-img src="/amp.jpg"></amp-img>', "http://www.exemplo.pt/amp.jpg"),
    ],
)
def test_addresses_become_absolute(tag, url):
    assert [picture.url for picture in pictures(tag)] == [url]


@pytest.mark.parametrize(
    "tag",
    [
        '<img src="data:image/gif;base64,R0lGOD">',
        '<img src="p.gif" width="1" height="1">',
        '<img src="http://pixel.exemplo.pt/x.gif">',
        '<img src="/cgi-bin/count.gif">',
        '<img src="http://[">',
        '<img src="javascript:x()">',
        '<img alt="só texto">',
        '<a href="/perfil.html"><img src="botao.gif" alt="Perfil"></a>',
        '<nav><img src="menu.jpg"></nav>',
    ],
)
def test_what_is_no_picture_of_the_text_is_left_out(tag):
    assert pictures(tag) == ()


@pytest.mark.parametrize(
    ("body", "caption"),
    [
        ('<figure><img src="a.jpg"><figcaption>Em  maio</figcaption></figure>', "Em maio"),
        ('<div><img src="a.jpg"><p class="wp-caption-text">Em maio</p></div>', "Em maio"),
        ('<img src="a.jpg" title="Em maio">', "Em maio"),
        ('<figure><img src="a.jpg" title="b"><figcaption>Em maio</figcaption></figure>', "Em maio"),
        ('<img src="a.jpg">', ""),
    ],
)
def test_captions_are_found(body, caption):
    (picture,) = pictures(body)
    assert picture.caption == caption


def test_captions_are_not_part_of_the_text():
    figure = '<figure><img src="a.jpg" alt="Vista"><figcaption>Em maio</figcaption></figure>'
    text = f"<p>{LONG}</p>{figure}<p>{LONG} Fim.</p>"
    assert page(text, URL).text == f"{LONG}\n{LONG} Fim."


def test_two_pictures_keep_their_own_captions():
    one = '<figure><img src="{0}.jpg" alt="{0}"><figcaption>Legenda {0}</figcaption></figure>'
    found = pictures("<div>" + one.format(1) + one.format(2) + "</div>")
    assert [(picture.alt, picture.caption) for picture in found] == [
        ("1", "Legenda 1"),
        ("2", "Legenda 2"),
    ]


def test_an_address_counts_once_and_signs_are_unescaped():
    found = pictures('<img src="a.jpg" alt="Pão &amp; vinho"><img src="a.jpg">')
    assert [picture.alt for picture in found] == ["Pão & vinho"]


def test_the_base_of_the_page_is_respected():
    found = pictures('<img src="a.jpg">', head='<base href="http://outro.pt/x/">')
    assert found[0].url == "http://outro.pt/x/a.jpg"


def test_thousands_of_pictures_are_cut():
    found = pictures("".join(f'<img src="{i}.jpg">' for i in range(3000)))
    assert len(found) == 500
