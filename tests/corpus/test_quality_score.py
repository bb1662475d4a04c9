"""The score puts prose before what stands in its place, and the weights are small and repeatable."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalia.corpus.quality_score import FILE, MEASURED, TABLE_SIZE, Model, features, score
from amalia.corpus.statistics import Statistics, statistics

PROSE = {
    "news": "A câmara aprovou ontem o orçamento para o próximo ano, com os votos contra da oposição. O presidente"
    " explicou que a obra da escola começa na primavera e que o jardim abre ainda este ano.\nOs moradores pedem mais"
    " autocarros ao fim de semana. O vereador prometeu uma resposta dentro de semanas.",
    "story": "Quando a avó abriu a janela, o cheiro a figos entrou pela cozinha dentro. Ninguém falou durante um"
    " bocado. Depois o rapaz levantou-se, pôs o boné e disse que ia ver o mar.\nSó voltou à noite, com os sapatos na"
    " mão.",
    "school": "A fotossíntese é o processo pelo qual as plantas transformam a luz em energia. Precisam de água, de"
    " dióxido de carbono e de luz. O oxigénio que respiramos é libertado nesse processo, sobretudo nas folhas.",
    "brazil": "O governo anunciou nesta semana um pacote de medidas para reduzir o preço do gás de cozinha. Segundo o"
    " ministro, o desconto começa a valer em março e deve beneficiar mais de dois milhões de famílias.",
}  # fmt: skip
JUNK = {
    "menu": "Início\nQuem somos\nServiços\nContactos\nNotícias\nGaleria\nLoja\nEntrar\nRegistar\nMapa do sítio"
    "\nAjuda\nPT\nEN\nFacebook\nParcerias\nImprensa\nAgenda cultural\nTurismo\nDesporto",
    "key words": "hotel barato Lisboa, hotel Porto barato, voos baratos, hotel, hotel Lisboa, promoção hotel, voos"
    " Porto, melhor preço hotel, hotel barato, férias baratas, hotel Algarve barato, viagens, hotel, voos",
    "listing": "Sofá cama 120 € Ver mais\nMesa de jantar 80 € Ver mais\nCadeira 15 € Ver mais\nEstante 60 € Ver mais"
    "\nCandeeiro 12 € Ver mais\nTapete 35 € Ver mais\nEspelho 22 € Ver mais",
    "notices": "© 2009 Todos os direitos reservados.\nEste sítio utiliza cookies.\nTermos e condições"
    "\nPolítica de privacidade\nPartilhar Imprimir\n0 comentários\nVoltar ao topo\nOptimizado para 1024x768",
    "shuffled": " ".join(random.Random(3).sample(PROSE["news"].split(), k=len(PROSE["news"].split()))),
    "cut lines": "A câmara aprovou ontem o orça...\nO presidente explicou que a...\nOs moradores pedem mais aut...\n"
    "Quando a avó abriu a janela...\nA fotossíntese é o processo p...\nO governo anunciou nesta se...",
    "code": "var menu = document.getElementById('menu');\nif (menu == 1) { menu.show(); }\n.titulo { margin: 4px; }\n}",
    "numbers": "12 45 78 1\n34 11 90 2\n56 22 8 3\n77 0 12 4\n12 45 78 5\n34 11 90 6",
}  # fmt: skip


def scored(text: str) -> float:
    return score(text, statistics(text))


@pytest.mark.parametrize("kind", PROSE)
def test_prose_scores_high(kind):
    assert scored(PROSE[kind]) > 0.6


@pytest.mark.parametrize("kind", JUNK)
def test_junk_scores_low(kind):
    assert scored(JUNK[kind]) < 0.4


def test_a_text_without_words_has_no_score():
    assert scored("") == scored(" \n—") == 0


def test_the_weights_are_small_and_fit_what_is_weighed():
    assert FILE.stat().st_size < 300_000
    found = features(PROSE["news"], statistics(PROSE["news"]))
    assert found.measured.shape == (len(MEASURED) + 2,)
    assert 0 <= found.rows.min() <= found.rows.max() < 2 * TABLE_SIZE
    assert found.weights.sum() == pytest.approx(2)
    assert set(MEASURED) <= set(Statistics.__slots__)


def test_one_word_has_a_score():
    assert 0 <= scored("Olá") <= 1


def test_the_score_is_the_logistic_of_the_weighed_sum():
    found = features("o gato dorme", statistics("o gato dorme"))
    nothing = np.zeros_like(found.measured)
    model = Model(
        table=np.ones(2 * TABLE_SIZE, np.float32),
        center=nothing,
        scale=nothing + 1,
        of_measured=nothing,
        bias=-2.0,
    )
    assert model.score(found) == pytest.approx(0.5)


@given(st.text(max_size=200))
def test_any_text_has_a_score(text):
    assert 0 <= scored(text) <= 1
    assert scored(text) == scored(text)
