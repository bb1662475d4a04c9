"""What is read of a text, and where it stood."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalia.variety.text import SEPARATOR, join_readable, read

READ = {
    "acentos decompostos": (unicodedata.normalize("NFD", "está à mão"), "está à mão"),
    "mojibake": ("NÃ£o sei onde estÃ¡ o telemÃ³vel", "Não sei onde está o telemóvel"),
    "largura zero": ("auto\u200bcarro", "autocarro"),
    "hífen suave": ("fre\u00adquente", "frequente"),
    "menção": ("a palavra ônibus", "a               "),
    "aspas": ("chama-se «ônibus» aqui", "chama-se          aqui"),
    "discurso": ("disse: «O ônibus parou mesmo à porta»", "disse: «O ônibus parou mesmo à porta»"),
    "HTML": ("o <b>autocarro</b> parou", "o    autocarro     parou"),
    "entidades": ("est&aacute; &#224; porta", "está à porta"),
    "endereço": (
        "ver https://exemplo.com.br/onibus hoje",
        "ver                               hoje",
    ),
}


@pytest.mark.parametrize("name", READ)
def test_what_is_read(name: str) -> None:
    given_text, expected = READ[name]
    assert read(given_text).text == expected


def test_evidence_finds_its_way_back() -> None:
    text = "O te\u200blemÃ³vel to\u0301ca"
    reading = read(text)
    assert reading.text == "O telemóvel tóca"
    start = reading.text.index("telemóvel")
    left, right = reading.span(start, start + len("telemóvel"))
    assert text[left:right] == "te\u200blemÃ³vel"


def test_a_word_may_begin_with_an_entity() -> None:
    text = "o &ocirc;nibus"
    reading = read(text)
    assert reading.text == "o ônibus"
    assert reading.span(2, 8) == (2, len(text))


@given(st.lists(st.text(), min_size=1, max_size=5))
def test_joined_texts_keep_their_lengths(texts: list[str]) -> None:
    joined, lengths = join_readable(texts)
    assert len(joined) == sum(lengths) + len(SEPARATOR) * (len(lengths) + 1)


@given(st.text())
def test_every_span_lies_in_the_text(text: str) -> None:
    reading = read(text)
    for at in range(len(reading.text)):
        left, right = reading.span(at, at + 1)
        assert 0 <= left < right <= len(text)
