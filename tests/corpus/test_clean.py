from __future__ import annotations

import time

import pytest

from amalia.corpus.clean import cleaned

LEFT_OUT = {
    "boilerplate_cookies": [
        "Este site utiliza cookies para melhorar a sua experiência de navegação.",
        "Ao continuar a navegar está a concordar com a nossa política de cookies.",
        "Política de cookies",
        "Aceitar todos os cookies",
        "A sua privacidade é importante para nós",
    ],
    "boilerplate_share": [
        "Partilhar no Facebook",
        "Partilhar no Twitter",
        "Partilhe esta notícia",
        "Clique para partilhar no Twitter (Opens in new window)",
        "Enviar por e-mail",
        "Gosto",
    ],
    "boilerplate_rights": [
        "© 2015 Jornal do Vale",
        "Todos os direitos reservados",
        "Empresa do Vale, Lda. Todos os direitos reservados.",
        "Desenvolvido por Joomla!",
        "Melhor visualizado em 800x600",
        "Livro de reclamações",
        "Última atualização: 3 de maio de 1996",
    ],
    "boilerplate_navigation": [
        "Saltar para o conteúdo",
        "Ir para o menu",
        "Voltar ao topo",
        "Página anterior",
        "Seguinte",
        "Versão para impressão",
        "Menu principal",
    ],
    "boilerplate_more": [
        "Ler mais",
        "LER MAIS »",
        "Saiba mais...",
        "Notícias relacionadas",
        "Deixe uma resposta",
        "2 comentários:",
        "O seu endereço de email não será publicado. Campos obrigatórios marcados com *",
        "Publicidade",
    ],
    "boilerplate_notice": [
        "Javascript desativado",
        "Precisa de ativar o JavaScript para utilizar esta aplicação.",
        "A página que procura não existe ou foi removida.",
        "Erro 404",
    ],
    "navigation_run": [
        "Início | Notícias | Desporto | Contactos",
        "Início › Município › Notícias",
        "Casa · Jardim · Livros · Promoções",
    ],
    "symbol_line": ["* * *", "-----", "»", "_________________"],
}

KEPT = [
    "O presidente explicou que o site utiliza cookies para contar visitas.",
    "Não quis partilhar no Facebook a fotografia do filho.",
    "Todos sabem que os direitos da família ficaram reservados na escritura de 1910.",
    "Ler mais devagar foi o melhor conselho que me deram.",
    "Voltar ao topo da serra demorou três horas.",
    "Para ativar o JavaScript, abra as definições do programa.",
    "Facebook compra empresa de óculos",
    "Início da época balnear antecipado para maio",
    "2004 | 2005 | 2006 | 2007",
    "A: «O menu é curto», disse.",
    "Sim.",
    "1.º",
]


@pytest.mark.parametrize(
    ("reason", "line"), [(reason, line) for reason, lines in LEFT_OUT.items() for line in lines]
)
def test_boilerplate_is_left_out_under_its_reason(reason, line):
    text = f"A ponte foi aberta ao trânsito em março.\n{line}\nO rio corre para o mar."
    result = cleaned(text)
    assert result.text == "A ponte foi aberta ao trânsito em março.\nO rio corre para o mar."
    assert result.counts == {reason: 1}


@pytest.mark.parametrize("line", [line for line in KEPT if "|" not in line])
def test_what_only_mentions_it_is_kept(line):
    assert cleaned(line).text == line
    assert cleaned(line).counts == {}


def test_columns_become_lines():
    result = cleaned("A Maria foi ao mercado. | O João ficou em casa a dormir.")
    assert result.text == "A Maria foi ao mercado.\nO João ficou em casa a dormir."
    assert result.counts == {"symbol_line": 1}
    assert cleaned("2004 | 2005 | 2006").text == "2004\n2005\n2006"


@pytest.mark.parametrize(
    ("given", "expected", "counts"),
    [
        ("A associaÃ§Ã£o nÃ£o abriu.", "A associação não abriu.", {"encoding_repaired": 1}),
        ("â€œOláâ€\u009d, disse.", "“Olá”, disse.", {"encoding_repaired": 1}),
        ("NÃO É CORAÇÃO, É MÃO.", "NÃO É CORAÇÃO, É MÃO.", {}),
        ("S\u0061\u0303o Joa\u0303o", "São João", {"not_composed": 1}),
        ("par\u00adágra\u00adfo", "parágrafo", {"control_characters": 2}),
        ("um\u200bdois\ufeff", "umdois", {"control_characters": 2}),
        ("um\u00a0\u2003 dois\t três  ", "um dois três", {}),
        ("um\r\ndois\u2028três\rquatro", "um\ndois\ntrês\nquatro", {}),
        ("Família 👩\u200d🌾 feliz", "Família 👩\u200d🌾 feliz", {}),
        ("", "", {}),
        ("\n\n  \n", "", {}),
    ],
)
def test_letters_are_repaired(given, expected, counts):
    result = cleaned(given)
    assert (result.text, result.counts) == (expected, counts)


def test_copies_go_but_the_first():
    result = cleaned("O rio corre.\nA ponte caiu.\nO rio corre.\nO rio corre.")
    assert result.text == "O rio corre.\nA ponte caiu."
    assert result.counts == {"duplicate_line": 2}


def test_menus_at_both_ends_go():
    text = "Concelho\nDistrito\nOpinião\nNecrologia\nA ponte foi aberta em março.\nSim\nNão\nSul\nLeste"
    result = cleaned(text)
    assert result.text == "A ponte foi aberta em março."
    assert result.counts == {"menu_line": 8}


@pytest.mark.parametrize(
    "text",
    [
        "Um título\nA ponte foi aberta em março.",
        "Concelho\nDistrito\nDesporto",
        "O rio corre.\nVila Nova 8h10\nPortela 8h22\nRibeira 8h40\nSouto 8h50",
    ],
)
def test_titles_short_texts_and_tables_stay(text):
    assert cleaned(text).text == text


def test_it_is_idempotent():
    text = "\n".join([*KEPT, *(line for lines in LEFT_OUT.values() for line in lines)])
    once = cleaned(text).text
    assert cleaned(once).text == once
    assert cleaned(once).counts == {}


@pytest.mark.parametrize(
    "text",
    [
        "|" * 200_000,
        " " * 1_000_000 + "a",
        "a | " * 100_000,
        "Ã" * 20_000,
        "comentários " * 30_000,
        ("Última atualização: " + "1" * 270 + "\n") * 500,
        "\n".join("todos " + "a " * 140 + str(i) for i in range(3000)),
    ],
)
def test_hostile_text_takes_no_time(text):
    start = time.perf_counter()
    cleaned(text)
    assert time.perf_counter() - start < 5
