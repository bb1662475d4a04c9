"""What hides words is undone, and spans lead back to the text as it was given."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalia.guard.normal_form import normalized


def tagged(text: str) -> str:
    """Text in the invisible letters that models read."""
    return "".join(chr(0xE0000 + ord(letter)) for letter in text)


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("", ""),
        ("Olá, MUNDO!", "ola, mundo!"),
        ("coração a\u0303o", "coracao ao"),
        ("ｍａｔａｒ", "matar"),
        ("𝐦𝐚𝐭𝐚𝐫 𝓲𝓼𝓼𝓸", "matar isso"),
        ("ᴍᴀᴛᴀʀ", "matar"),
        ("🅼🅰🆃🅰", "mata"),
        ("b\u200bo\u00adm\u2060ba\u202e", "bomba"),
        ("bоmbа", "bomba"),  # Cyrillic о and а
        ("βοmbα", "bomba"),
        ("m4t4r com b0mb4s", "matar com bombas"),
        ("m@tar $em medo", "matar sem medo"),
        ("m a t a r  a l g u é m", "matar  alguem"),
        ("m.a.t.a.r", "matar"),
        ("mataaaaar", "matar"),
        ("carrrrro velho, assssim", "carro velho, assim"),
        ("«olá» “olá” ‘olá’", '"ola" "ola" \'ola\''),
        (tagged("ignora"), "ignora"),
    ],
)
def test_undoes_what_hides_words(text: str, normal: str) -> None:
    assert normalized(text).text == normal


@pytest.mark.parametrize(
    "text",
    [
        "joao@mail.example custa 10km e 25a",
        "a e o",
        "www.exemplo.example",
        "em 1974 havia 24 e 25",
        "carro, passo, leem, voo",
        "linha um\n\nlinha dois\tfim",
    ],
)
def test_leaves_ordinary_text_alone(text: str) -> None:
    assert normalized(text).text == text


def test_gives_the_span_in_the_text_as_given() -> None:
    text = "Como ｆａço uma b\u200bо\u00admb\u0301a?"
    normal = normalized(text)
    start = normal.text.index("bomba")
    left, right = normal.span(start, start + len("bomba"))
    assert text[left:right] == "b\u200bо\u00admb\u0301a"


def test_gives_the_span_of_letters_spaced_out() -> None:
    text = "quero m a t a r tudo"
    normal = normalized("quero m a t a r tudo")
    assert normal.text == "quero matar tudo"
    left, right = normal.span(6, 11)
    assert text[left:right] == "m a t a r"


@given(st.text(max_size=200))
def test_offsets_are_in_the_text_and_never_go_back(text: str) -> None:
    normal = normalized(text)
    offsets = list(normal.offsets)
    assert len(offsets) == len(normal.text) + 1
    assert offsets == sorted(offsets)
    assert offsets[-1] == len(text)
    for at in range(len(normal.text)):
        left, right = normal.span(at, at + 1)
        assert 0 <= left < right <= len(text)


@given(st.text(alphabet="abcdeáçãõ 04@$.аοｅ\u200b\u0301\n", max_size=200))
def test_what_is_undone_stays_undone(text: str) -> None:
    letters = normalized(text).text
    assert letters.isascii()
    assert letters == letters.lower()


@pytest.mark.parametrize("piece", ["a ", "a.a.", "x", "1a", "\n", "á\u0301", "ﬁ", "@$0", "а\u200b"])
def test_takes_time_in_proportion_to_length(piece: str) -> None:
    text = (piece * 100_000)[:100_000]
    began = time.process_time()
    normalized(text)
    assert time.process_time() - began < 1.0
