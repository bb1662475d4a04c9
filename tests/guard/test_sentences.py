from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalia.guard.sentences import Sentences

# One text a line: ⏎ is a line break, | a cut.
GOLDEN = """\
Olá. |Bom dia.
Está a chover! |Leve o guarda-chuva.
Já almoçou? |Ainda não.
Não sei… |Talvez amanhã.
Não sei... talvez amanhã.
Não sei... |Talvez amanhã.
O Sr. Silva está no ecrã.
A Sra. Costa e o Dr. Matos já chegaram. |Entre.
A Dr.ª Inês e a Prof.ª Marta falaram.
O art.º 3.º e o n.º 2 do mesmo artigo aplicam-se.
Nos termos do art. 5 da lei, pode recorrer.
Veja p. ex. a página seguinte.
Frutas, legumes, etc. são saudáveis.
Frutas, legumes, etc. |A seguir, o peixe.
Mora na Av. Almada Negreiros. |Fica longe.
Viva na R. Augusta, n.º 12, 3.º Dto.
Custa 3.500,50 euros. |É caro.
São 3.5 km. |Vamos a pé.
Fernando A. Pessoa nasceu em Lisboa. |Morreu lá.
O J. R. R. Tolkien escreveu-o. |Leia-o.
Vive em S. Paulo. |Trabalha em D. Maria II.
Veja https://www.exemplo.pt/a.b?c=1.2 e diga-me. |Obrigado.
Escreva para ana.teste@exemplo.pt. |Respondo logo.
O sítio é www.exemplo.pt. |Visite-o.
A versão 1.2.3 saiu. |Atualize.
1. Abra o ficheiro.⏎|2. Guarde-o.⏎|3. Feche o ecrã.
a. Primeiro ponto.⏎|b. Segundo ponto.
IV. Disposições finais⏎|Este diploma entra em vigor amanhã.
- pão⏎|- leite⏎|- ovos
Compre:⏎- pão⏎|- leite
O seu NIF é:⏎⏎123 456 789⏎|Confirma?
# Título⏎|Texto do parágrafo. |Outra frase.
⏎|Novo parágrafo.
Disse: «Vamos embora.» |E foi.
Disse «Vamos embora!», e foi.
— Vens? — perguntou ela. — Vou.
(É verdade.) |Acredite.
"Está certo." |Assim seja.
**Atenção.** |Leia tudo.
O quê?! |Não acredito!!! |Pois é.
Ligue 912 345 678. |Atendemos logo.
O número é 912. 345. 678. |Anote.
Entre 2010 e 2024. |Depois, acabou.
Chegou a 5 de out. 2024, de manhã.
Chegou em out. |Partiu em nov. |Voltou.
Corra `print("Olá. Mundo")` no terminal. |Já está.
```python⏎|x = 1.  # Um. Dois. Três.⏎|if x:⏎    |print("A. B. C.")⏎|```⏎|Feito. |Experimente.
O sr. e a sra. Silva. |Ambos.
Ver fig. 3 e tab. 2. |Ver também vol. 4.
A empresa Exemplo, Lda. |O gerente assinou.
Cap. 3: O início. |Fim.
Em 44 a.C. morreu César. |Seguiu-se Augusto.
Tem 1,80 m. |Pesa 70 kg. |É alto.
Às 10 h. |Às 11 h.
Sim. |Não. |Talvez.
Os E.U.A. assinaram. |Hoje.
Exmo. Senhor Diretor, venho por este meio pedir. |Atentamente.
O ponto final não tem espaço.Depois continua. |Fim.
V. Ex.ª tem razão. |Concordo.
Passe ao n.os 3 e 4. |Siga.
Isto é o fim ...  |Ou não.
A [fonte](https://exemplo.pt/x.y). |B.
O meu IBAN é PT50 0002 0123 1234 5678 9015 4. |Obrigado.
O texto acaba em etc. |Mas continua.
Bloco:⏎```⏎|a. B. C⏎|```⏎|Fim. |Mesmo.
Use ` e siga. Sem fim⏎|Nova linha. |Outra.
Olá.   |Adeus.⏎⏎
😀 Boa! |🚌 O autocarro chegou.
Segundo a Lei n.º 58/2019, de 8 de agosto, sim. |Leia-a.
Prof. Doutor Rui. |Bem-vindo.
O voo é às 21.45. |Chegue cedo.""".split("\n")


def cut(text: str, sizes: list[int] | None = None, max_chars: int = 400) -> list[str]:
    sentences = Sentences(max_chars)
    found, at = list[str](), 0
    for size in [*(sizes or []), len(text)]:
        found += sentences.push(text[at : at + size])
        at += size
    return [*found, *filter(None, [sentences.finish()])]


def test_there_are_enough_texts() -> None:
    assert len(GOLDEN) >= 40


@pytest.mark.parametrize("text", GOLDEN)
def test_a_text_is_cut_where_a_reader_would(text: str) -> None:
    text = text.replace("⏎", "\n")
    assert cut(text.replace("|", "")) == text.split("|")


PIECES = st.sampled_from(
    [
        *'abA1 .!?…\n`:—)»"',
        "```",
        "\n```\n",
        "Sr. ",
        "n.º ",
        "1. ",
        " ",
        "  ",
        "912 345 678",
        "[NIF 1]",
        ". ",
    ]
)


@given(
    text=st.lists(PIECES, max_size=120).map("".join) | st.text(max_size=80),
    sizes=st.lists(st.integers(0, 9), max_size=60),
    max_chars=st.integers(1, 60),
)
def test_cuts_depend_on_the_text_alone(text: str, sizes: list[int], max_chars: int) -> None:
    whole = cut(text, max_chars=max_chars)
    assert "".join(whole) == text
    assert all(0 < len(sentence) <= max_chars for sentence in whole)
    assert cut(text, sizes, max_chars) == whole
    assert cut(text, [1] * len(text), max_chars) == whole


@given(st.lists(st.sampled_from(GOLDEN), max_size=8), st.integers(1, 30))
def test_golden_texts_are_cut_alike_in_any_pieces(rows: list[str], size: int) -> None:
    text = " ".join(rows).replace("⏎", "\n").replace("|", "")
    assert cut(text, [size] * (len(text) // size)) == cut(text)


@pytest.mark.parametrize(
    "identifier",
    [
        "912 345 678",
        "PT50 0002 0123 1234 5678 9015 4",
        "12345678 9 ZZ4",
        "AA 01 BB",
        "+351 21 345 67 89",
    ],
)
def test_no_identifier_is_cut(identifier: str) -> None:
    for num_words in range(60):
        text = "pois " * num_words + identifier + " e pois" * 60
        assert any(identifier in sentence for sentence in cut(text, max_chars=100))


def test_a_sentence_is_given_with_the_first_letter_of_the_next() -> None:
    sentences = Sentences()
    assert sentences.push("Olá.") == []
    assert sentences.push(" ") == []
    assert sentences.push("B") == ["Olá. "]
    assert sentences.finish() == "B"
    assert sentences.finish() == ""


def test_a_text_without_an_end_does_not_wait() -> None:
    assert cut("a" * 950) == ["a" * 400, "a" * 400, "a" * 150]
    assert cut("pois " * 100, max_chars=52) == ["pois " * 10] * 10


def test_a_text_after_another_begins_anew() -> None:
    sentences = Sentences()
    sentences.push("```\nA. B")
    sentences.finish()
    assert sentences.push("A casa. B") == ["A casa. "]


def test_no_length_is_refused() -> None:
    with pytest.raises(ValueError, match="max_chars is 0; expected 1 or more"):
        Sentences(0)


@pytest.mark.parametrize(
    "text",
    ["Olá. Bom dia! ", "a", ".", "\n", " ", "`", ":\n", "1. ", "a 1 1 1 1 ", "```\n", ". . "],
)
def test_time_grows_with_the_length_only(text: str) -> None:
    def seconds(length: int) -> float:
        whole = (text * length)[:length]
        sentences, best = Sentences(), float("inf")
        for _ in range(3):
            begun = time.process_time()
            for letter in whole:
                sentences.push(letter)
            sentences.finish()
            best = min(best, time.process_time() - begun)
        return best

    # Eight times the text; sixty-four times the time if it were quadratic.
    assert seconds(16_000) < 24 * seconds(2_000) + 0.05
