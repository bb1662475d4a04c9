"""Marks in Portuguese answers, and how far passages bear them out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalia.retrieve.cite import citations
from amalia.retrieve.search import Passage


def passage(text: str, title: str = "Guia") -> Passage:
    return Passage("g#1", "g", title, None, "CC0-1.0", text, 1.0, "0" * 64, 0, len(text))


PASSAGES = (
    passage(
        "O museu está aberto de terça a domingo, das 10h00 às 18h00. A entrada custa 5 euros.",
        "Museu da Cidade",
    ),
    passage("As exposições temporárias são gratuitas para estudantes. A diretora é Ana Sousa."),
    passage("Em 2023 o museu recebeu 25.000 visitantes, quase todos do Porto."),
)


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ("O museu abre à terça.", []),
        ("O museu está aberto ao domingo [1].", [(1, 1.0)]),
        ("O museu está aberto ao domingo. [1]", [(1, 1.0)]),
        ("O museu está aberto ao domingo.[1]", [(1, 1.0)]),
        ("O museu esta aberto a terca [1].", [(1, 1.0)]),
        ("A entrada custa 5 euros [1].", [(1, 1.0)]),
        ("A entrada custa 6 euros [1].", [(1, 0.75)]),
        ("A entrada custa 5 euros [2].", [(2, 0.0)]),
        ("A exposição temporária é gratuita [2].", [(2, 1.0)]),
        ("A exposição temporária é gratuita para um estudante [2].", [(2, 1.0)]),
        ("A diretora é Ana Sousa [2].", [(2, 1.0)]),
        ("A diretora é Ana Souto [2].", [(2, 2 / 3)]),
        ("O museu recebeu 25 000 visitantes [3].", [(3, 1.0)]),
        ("O museu recebeu 25000 visitantes [3].", [(3, 1.0)]),
        ("O museu recebeu 2500 visitantes [3].", [(3, 0.75)]),
        ("O museu recebe visitantes do Porto [1, 3].", [(1, 0.25), (3, 1.0)]),
        ("O museu recebe visitantes do Porto [1][3].", [(1, 0.25), (3, 1.0)]),
        ("O museu recebe visitantes do Porto [1 e 3].", [(1, 0.25), (3, 1.0)]),
        ("O museu [1-3].", [(1, 1.0), (2, 0.0), (3, 1.0)]),
        ("O museu [1, 1].", [(1, 1.0)]),
        ("O museu fecha em agosto [9].", [(9, 0.0)]),
        ("O museu [0].", [(0, 0.0)]),
        ("Está aberto ao domingo [1]. Custa 5 euros [1].", [(1, 1.0), (1, 1.0)]),
        ("- Aberto ao domingo [1]\n- Bilhete a 7 euros [1]", [(1, 1.0), (1, 1 / 3)]),
        ("O museu está aberto ao domingo.\n[1]", [(1, 1.0)]),
        ("O Sr. Costa dirige o museu [2].", [(2, 0.0)]),
        ("Não é [1].", [(1, 0.0)]),
        ("Na Cidade há um museu [1].", [(1, 1.0)]),
        ("A lista[123] tem [a] e [1.5].", []),
    ],
)
def test_what_is_cited_and_how_far_it_holds(answer: str, found: list[tuple[int, float]]) -> None:
    told = [(one.number, pytest.approx(one.support)) for one in citations(answer, PASSAGES)]
    assert found == told


def test_a_citation_stands_where_its_mark_does() -> None:
    answer = "Olá. O museu abre [1, 3]."
    assert [answer[one.start : one.end] for one in citations(answer, PASSAGES)] == ["[1, 3]"] * 2


def test_what_is_not_covered_negation() -> None:
    assert citations("O museu não está aberto ao domingo [1].", PASSAGES)[0].support == 1.0


@given(
    st.lists(st.sampled_from(["O museu", "abre", "[1]", "[2, 7]", ".", "\n", " ", "5", "ã", "["]))
)
def test_support_is_a_share(parts: list[str]) -> None:
    answer = "".join(parts)
    for one in citations(answer, PASSAGES):
        assert 0 <= one.support <= 1
        assert answer[one.start] == "["
        assert answer[one.end - 1] == "]"
