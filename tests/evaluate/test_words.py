"""Tokenizers by tables: what a Portuguese sentence is split into, and what others make of it."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalia.evaluate.words import portuguese_words, ptb_words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("… — «»", ""),
        ("Um autocarro vermelho.", "um autocarro vermelho"),
        ("Vê-se um guarda-chuva.", "vê-se um guarda-chuva"),
        ("Lembrar-se-á, dir-lho-ei!", "lembrar-se-á dir-lho-ei"),
        ("um copo-d’água e água d'Óbidos", "um copo-d'água e água d'óbidos"),
        ("'tá na casa dos avós'", "tá na casa dos avós"),
        ("Foi pelo caminho do moinho, numa carrinha.", "foi pelo caminho do moinho numa carrinha"),
        ("«Bom dia», disse “ele” (a rir)…", "bom dia disse ele a rir"),
        ("ESTAÇÃO DE SÃO BENTO", "estação de são bento"),
        ("homem/mulher e/ou cão_gato", "homem mulher e ou cão gato"),
        ("pré- e pós-parto", "pré e pós-parto"),
        ("Lisboa–Porto — ida e volta - barato", "lisboa porto ida e volta barato"),
        ("soft\u00adhyphen e\u2011mail", "softhyphen e-mail"),
        ("Um cão 😀 feliz ❤️", "um cão feliz"),
    ],
)
def test_portuguese_words(text: str, expected: str) -> None:
    assert portuguese_words(text) == expected.split()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1,5 € ou 1.500,00 euros", "1,5 € ou 1.500,00 euros"),
        ("25% ou 25 %", "25 % ou 25 %"),
        ("1\u00a0000\u00a0000 de velas e 2\u202f500 pessoas", "1000000 de velas e 2500 pessoas"),
        ("em 2024 500 pessoas", "em 2024 500 pessoas"),
        ("às 10:30 ou às 10h30", "às 10:30 ou às 10h30"),
        ("24/07/2026, 1/2 litro, ½ litro", "24/07/2026 1/2 litro ½ litro"),
        ("1990-2000 ou 1990–2000", "1990 2000 ou 1990 2000"),
        ("-5 graus, −5 graus", "-5 graus -5 graus"),
        ("35 °C, 35°C, 35 ºC, 35ºC, 35°", "35 °c 35 °c 35 °c 35 °c 35 °"),
        ("A4, 4x4, 10km, 5 m²", "a4 4x4 10km 5 m²"),
        ("COVID-19, 12-A, 2-em-1", "covid-19 12-a 2-em-1"),
        ("H&M, preto & branco", "h&m preto branco"),
        ("3.º andar, 3º andar, 2.ª porta", "3.º andar 3.º andar 2.ª porta"),
        ("N.º 5, nº 5, n.º5, os n.ºs 1 e 2", "n.º 5 n.º 5 n.º 5 os n.ºs 1 e 2"),
        ("O Sr. João e a Sr.ª Ana, etc.", "o sr joão e a sr.ª ana etc"),
        ("E.U.A. e EUA; 300 a.C.; S.O.S", "eua e eua 300 ac sos"),
        ("p. ex. e p.ex.", "p ex e p ex"),
        ("gato.Um cão", "gato um cão"),
    ],
)
def test_portuguese_words_of_figures_and_abbreviations(text: str, expected: str) -> None:
    assert portuguese_words(text) == expected.split()


@given(st.text(alphabet="aãÇ1 .-'’º,«/", max_size=12))
def test_portuguese_words_do_not_depend_on_composition_or_case(text: str) -> None:
    words = portuguese_words(text)
    assert words == portuguese_words(unicodedata.normalize("NFD", text))
    assert words == portuguese_words(text.upper()) == portuguese_words(text.lower())
    assert all(word and not any(sign.isspace() for sign in word) for word in words)


# What the program itself gives (stanford-corenlp-3.4.1, -preserveLines -lowerCase, marks dropped).
@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("Um homem vê-se ao espelho.", "um homem vê-se ao espelho"),
        ("Uma vista para o mar.", "uma vista para o mar."),
        ("«Bom dia», disse “ele” e 'ela'…", "bom dia disse ele e ela"),
        ("(dois) [três] {quatro}", "-lrb- dois -rrb- -lsb- três -rsb- -lcb- quatro -rcb-"),
        ("Que bonito!!! O quê?!", "que bonito !!! o quê ?!"),
        ("casa -- telhado - porta — janela", "casa telhado porta janela"),
        ("pré- e pós-parto", "pré e pós-parto"),
        ("homem/mulher e/ou gatos/cães", "homem/mulher e/ou gatos/c ães"),
        ("à/às, c/ e km/h", "à / às c / e km/h"),
        ("gato.Um cão, fim!Um", "gato.um cão fim!um"),
        ("cão_gato #praia @joao 5_", "cão_gato #praia @joao 5 _"),
        ("preto & branco, H&M, <b>sim</b>", "preto & branco h&m <b> sim </b>"),
        ("um gato :) e <3", "um gato :-rrb- e < 3"),
        ("www.cm-lisboa.pt, geral@cm-porto.pt.", "www.cm-lisboa.pt geral@cm-porto.pt"),
        ("um cão 😀 feliz ❤️ ou não\u200b", "um cão feliz ❤ ou não"),
    ],
)
def test_ptb_words(text: str, expected: str) -> None:
    assert ptb_words(text) == expected.split()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("copo d'água, d’Óbidos", "copo d'água d’óbidos"),
        ("caixa-d'água, O'Neill, Sant'Ana, p'ra", "caixa-d'água o'neill sant ana p ra"),
        ("McDonald's, a Ana’s, d'o", "mcdonald 's a ana 's d' o"),
        ("don't, can’t, cannot, gonna", "do n't ca n't can not gon na"),
        ("os anos '80 e 80's", "os anos '80 e 80 's"),
        ("1,5 € ou 1.500,00€; R$ 5; £2", "1,5 $ ou 1.500,00 $ r$ 5 # 2"),
        ("½ litro, m², 25% e 1,5L", "1/2 litro m ² 25 % e 1,5 l"),
        ("3.º andar, 2ª porta, n.º 5, Sr.ª", "3 º andar 2ª porta n.º 5 sr. ª"),
        ("25ºC, 25 °C", "25ºc 25 ° c"),
        ("às 10:30, 10h30, 24/07/2021", "às 10:30 10h30 24/07/2021"),
        ("de 1990-2000, -5, +5, 2+2", "de 1990-2000 -5 +5 2 +2"),
        ("o Dr. e a Dra. Silva, a Av., etc.", "o dr. e a dra silva a av. etc."),
        ("S. João, E.U.A., a.C. e séc. XX", "s. joão e.u.a. a.c. e séc xx"),
        ("fig. 3, a fig. seguinte", "fig. 3 a fig seguinte"),
        ("25 °C. A praia. La. la.", "25 ° c a praia la. la"),
    ],
)
def test_ptb_words_of_figures_and_abbreviations(text: str, expected: str) -> None:
    assert ptb_words(text) == expected.split()


@given(st.text(max_size=30))
def test_ptb_words_end_on_any_text(text: str) -> None:
    assert all(ptb_words(text))
