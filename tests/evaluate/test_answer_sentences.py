"""A right answer stays right in whatever natural sentence it is said, and a wrong one stays wrong."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalia.evaluate import answers

LETTER_SENTENCES = [
    "{}",
    "{}.",
    "({})",
    "**{}**",
    "{})",
    "Opção {}",
    "Opção {}.",
    "Resposta: {}",
    "Resposta final: **{}**",
    "A resposta é {}.",
    "A resposta é a {}.",
    "A resposta certa é a {}.",
    "A resposta correta é a opção {}.",
    "A resposta correta é: {}",
    "A opção correta é a {}, como se vê na imagem.",
    "A opção {} é a única que bate certo com o gráfico.",
    "A opção certa é a {}.",
    "A alternativa correta é a {}).",
    "A alínea correta é a alínea {}.",
    "A hipótese {} é a correta.",
    "A letra é {}.",
    "A imagem mostra um autocarro parado; por isso, a resposta é {}.",
    "A meu ver, é a alínea {}.",
    "A certa é a {}.",
    "É a {}.",
    "É a opção {}, sem dúvida.",
    "Eu diria {}.",
    "Eu escolheria a {}.",
    "Escolho a opção {}, porque as outras não fazem sentido.",
    "Fico com a {}.",
    "Parece-me que a resposta certa é {}.",
    "Penso que a resposta é a {}.",
    "Das quatro opções, a correta é a {}.",
    "Depois de olhar com atenção para a imagem, escolho a {}.",
    "Trata-se da opção {}.",
    "Só pode ser a {}.",
    "Tendo em conta o que está escrito, a opção correta é {}.",
    "Com base no mapa, a resposta correta é {}.",
    "Portanto, a resposta é {}!",
    "{}) é a resposta correta.",
    "{} é a opção correta.",
    "{}, porque a cidade fica a norte do Mondego.",
    "{}: o autocarro está à esquerda.",
    r"Logo, \boxed{{{}}}.",
    "Primeiro pensei noutra, mas a resposta é a {}.",
    "A fotografia foi tirada à noite. A resposta é {}.",
    "Segundo a legenda, a resposta correta será a {}.",
]


@pytest.mark.parametrize("sentence", LETTER_SENTENCES)
@pytest.mark.parametrize("num_choices", [3, 4, 5, 10])
def test_a_letter_stays_itself_in_any_sentence(sentence: str, num_choices: int) -> None:
    for letter in "ABCDEFGHIJ"[:num_choices]:
        assert answers.letter(sentence.format(letter), num_choices) == letter


# {0} is denied and {1} is said.
LETTER_DENIALS = [
    "Não é a {0}, mas sim a {1}.",
    "Não é a {0}, é a {1}.",
    "Não é a {0}; é a {1}.",
    "Não é a {0}. É a {1}.",
    "Não {0}, mas {1}.",
    "Não é a opção {0}, mas sim a opção {1}.",
    "A resposta não é a {0}, mas a {1}.",
    "A resposta não é {0}; é {1}.",
    "A resposta é a {1}, e não a {0}.",
    "A resposta é {1} e não {0}.",
    "É a {1}, não a {0}.",
    "É a {1} e não a {0}.",
    "{1}, e não {0}.",
    "Escolho a {1}, porque a {0} não faz sentido.",
    "A {0} não é; é a {1}.",
    "A {0} está errada, logo {1}.",
    "A opção {0} está errada. A opção {1} está certa.",
    "A opção {0} não pode ser, portanto {1}.",
    "Excluindo a {0}, fica a {1}.",
    "Eliminei a {0}. Fico com a {1}.",
    "Em vez da {0}, marcaria a {1}.",
    "Não me parece a {0}; parece-me a {1}.",
    "Não acho que seja a {0}. Acho que é a {1}.",
    "Não escolheria a {0}. Escolheria a {1}.",
    "Nem pensar na {0}: é a {1}.",
    "É a {0}? Não, é a {1}.",
    "Pensei na {0}, mas é a {1}.",
    "Podia ser a {0}, mas a certa é a {1}.",
    "A {0} parece certa, mas a resposta é {1}.",
    "Entre a {0} e a {1}, escolho a {1}.",
    "A {1} está certa e a {0} está errada.",
    "Antes a {1} do que a {0}.",
]


@pytest.mark.parametrize("sentence", LETTER_DENIALS)
@pytest.mark.parametrize("num_choices", [3, 4, 5, 10])
def test_a_letter_that_is_denied_never_counts(sentence: str, num_choices: int) -> None:
    letters = "ABCDEFGHIJ"[:num_choices]
    for denied, said in zip(letters, letters[1:] + letters[0], strict=True):
        assert answers.letter(sentence.format(denied, said), num_choices) == said


# Scorers in use give these to the wrong option, or give credit for none.
LETTER_TRAPS = [
    ("A opção correta é a C) Lisboa", "C"),
    ("A imagem mostra uma ponte sobre o Douro. Resposta: D", "D"),
    ("a resposta é a B", "B"),
    ("A resposta correta é B.", "B"),
    ("A: Lisboa", "A"),
    ("A – Lisboa", "A"),
    ("A Torre de Belém fica em Lisboa.", None),
    ("A cidade que se vê é Lisboa.", None),
    ("A imagem não permite responder.", None),
    ("A D. Maria II foi rainha de Portugal.", None),
    ("Foi D. João II quem o mandou fazer.", None),
    ("A resposta é D. Afonso Henriques.", None),
    ("A vitamina C faz bem.", None),
    ("O plano B falhou.", None),
    ("O Grupo C joga amanhã.", None),
    ("E o rio é o Tejo.", None),
    ("É a B, e não a C.", "B"),
    ("Nem A nem B.", None),
    ("Pode ser A ou D.", None),
    ("B ou C.", None),
    ("A opção A está errada.", None),
    ("A opção A não está certa, mas a D está. A resposta é D.", "D"),
    ("A) é falsa. B) é falsa. Logo, a resposta é C.", "C"),
    ("Todas as anteriores.", None),
    ("Opções A, B, C e D.", None),
    ("ANSWER: C", "C"),
    ("Resposta: C) 1143", "C"),
    ("Resposta: D. João II", None),
    ("<b>B</b>", "B"),
    ("$\\boxed{\\text{B}}$", "B"),
    ("\\boxed{B) Porto}", "B"),
]


@pytest.mark.parametrize(("text", "expected"), LETTER_TRAPS)
def test_letters_where_others_trip(text: str, expected: str | None) -> None:
    assert answers.letter(text, 4) == expected


NUMBER_SENTENCES = [
    "{}",
    "{}.",
    "**{}**",
    "São {}.",
    "São {} ao todo.",
    "Ao todo são {}.",
    "Há {} na imagem.",
    "Vejo {}.",
    "Na imagem veem-se {}.",
    "Conto {}.",
    "Contam-se {} no total.",
    "No total, {}.",
    "A resposta é {}.",
    "Resposta: {}",
    "Resposta final: {}.",
    "O resultado é {}.",
    "O valor é {}.",
    "O valor é de {}.",
    "O gráfico indica {}.",
    "A barra azul vale {}.",
    "A barra mais alta chega a {}.",
    "Penso que são {}.",
    "Parece-me que são {}.",
    "Se contei bem, são {}.",
    "Olhando com atenção, conto {}.",
    "Estão lá {}.",
    "Ao balcão estão {} pessoas.",
    "Vendo a imagem, diria que há {} gatos.",
    "Aparecem {} autocarros na fotografia.",
    "O número que procura é {}.",
    "Tem {} janelas.",
    "O total é {}.",
    r"Logo, \boxed{{{}}}.",
]


@pytest.mark.parametrize("sentence", NUMBER_SENTENCES)
@given(st.integers(min_value=0, max_value=99_999))
def test_a_number_stays_itself_in_any_sentence(sentence: str, value: int) -> None:
    assert answers.number(sentence.format(value)) == value


@pytest.mark.parametrize("sentence", NUMBER_SENTENCES)
@pytest.mark.parametrize(
    ("word", "value"), [("duas", 2), ("três", 3), ("dezanove", 19), ("vinte e cinco", 25), ("3,5", 3.5)]
)  # fmt: skip
def test_a_number_in_words_stays_itself(sentence: str, word: str, value: float) -> None:
    assert answers.number(sentence.format(word)) == value


NUMBER_DENIALS = [
    "Não são {0}, são {1}.", "Não são {0}, mas sim {1}.", "Não são {0} mas {1}.", "Não há {0}, há {1}.",
    "São {1}, não {0}.",
    "São {1} e não {0}.", "Em vez de {0}, são {1}.", "São {1}, em vez de {0}.", "Não conto {0}; conto {1}.",
    "São {0}? Não, são {1}.", "Parecem {0}, mas são {1}.", "Contei {0}, mas na verdade são {1}.",
    "Nem {0} nem mais: {1}.",
]  # fmt: skip


@pytest.mark.parametrize("sentence", NUMBER_DENIALS)
@pytest.mark.parametrize(
    ("denied", "said", "value"),
    [("3", "4", 4), ("duas", "vinte e cinco", 25), ("2,5", "1.234,5", 1234.5), ("12 mil", "3 milhões", 3e6)],
)  # fmt: skip
def test_a_number_that_is_denied_never_counts(
    sentence: str, denied: str, said: str, value: float
) -> None:
    assert answers.number(sentence.format(denied, said)) == value


YES = [
    "Sim.", "sim", "Sim!", "Sim, há.", "Sim, está um gato em cima da mesa.", "Sim, não há dúvida.",
    "Sim, sem dúvida.", "Claro que sim.", "Com certeza que sim.", "Penso que sim.", "Acho que sim.",
    "Creio que sim.", "Diria que sim.", "Parece que sim.", "Parece-me que sim.", "A resposta é sim.",
    "A resposta é: sim.", "Resposta: Sim", "**Sim**", "«Sim».", "Há, sim.", "Está, sim, à esquerda.",
    "Vê-se, sim.", "Não tenho dúvidas: sim.", "Não há dúvida de que sim.", "Na imagem, sim.",
    "Sim, embora não se veja bem.", "Sim, mas não está à esquerda.", "Ora, sim.", "Pois sim.",
    "Há.", "Está.", "É.", "Tem.", "São.", "Existe.", "É verdade.", "É, é.", "Está, está.", "Vê-se.",
]  # fmt: skip
NO = [
    "Não.", "não", "nao", "Não!", "Não, não há.", "Não há nenhum gato.", "Não se vê nenhum gato.",
    "Não está à esquerda.", "Claro que não.", "Com certeza que não.", "Penso que não.", "Acho que não.",
    "Creio que não.", "Diria que não.", "Parece que não.", "A resposta é não.", "Resposta: Não",
    "**Não**", "«Não».", "Não, de todo.", "De modo algum, não.", "Infelizmente, não.",
    "Na imagem não há nenhum autocarro.", "Não, embora pareça que sim.", "Não tenho dúvidas: não.",
    "Não há dúvida de que não.", "Pois não.", "Não é verdade.", "Isso não se vê na imagem.",
    "O gato não está na mesa.", "Não tem.", "Não existe.",
]  # fmt: skip
UNSURE = [
    "Não sei.", "Não sei dizer.", "Não tenho a certeza.", "Não tenho a certeza se há.", "Não consigo ver.",
    "Não consigo dizer se está.", "Não é possível saber.", "Não dá para ver.", "Não faço ideia.",
    "Não se consegue distinguir.", "É impossível dizer.", "Não é claro se sim ou não.",
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [*((t, "sim") for t in YES), *((t, "não") for t in NO), *((t, "não sei") for t in UNSURE)],
)
def test_yes_and_no_as_people_say_them(text: str, expected: str) -> None:
    assert answers.yes_no(text) == expected


YES_NO_SENTENCES = [
    "{}", "{}.", "{}!", "**{}**", "«{}»", "({})", "- {}", "Resposta: {}", "Resposta final: {}.", "A resposta é {}.",
    "A resposta é: {}", "A resposta certa é {}.", "Penso que {}.", "Acho que {}.", "Creio que {}.", "Julgo que {}.",
    "Diria que {}.", "Parece-me que {}.", "Parece que {}.", "Claro que {}.", "Com certeza que {}.",
    "Obviamente que {}.",
    "Certamente que {}.", "Sem dúvida que {}.", "É evidente que {}.", "{}, sem dúvida.", "{}, como se vê na imagem.",
    "{}, porque se vê bem.", "{}. A imagem mostra-o bem.", "{}\n\nA imagem mostra uma rua.", "Na imagem, {}.",
    "Olhando com atenção, {}.", "A meu ver, {}.", "Há ou não há? {}.", "Sim ou não? {}.", "Não tenho dúvidas: {}.",
    "Não há dúvida de que {}.", "Vejo uma rua e pessoas, por isso {}.",
]  # fmt: skip


@pytest.mark.parametrize("sentence", YES_NO_SENTENCES)
@pytest.mark.parametrize("answer", ["sim", "não", "Sim", "Não"])
def test_yes_and_no_stay_themselves_in_any_sentence(sentence: str, answer: str) -> None:
    assert answers.yes_no(sentence.format(answer)) == answer.lower()


BOX_SENTENCES = [
    "{}",
    "{}.",
    "**{}**",
    "`{}`",
    "Está em {}.",
    "O gato está em {}.",
    "A caixa é {}.",
    "A caixa que o envolve é {}.",
    "As coordenadas são {}.",
    "Coordenadas: {}",
    "Resposta: {}",
    "Resposta final: {}.",
    "Na imagem, o autocarro ocupa {}.",
    "Encontra-se na zona {}.",
    "Fica mais ou menos em {}.",
    "Diria que está em {}.",
    "A região pedida é {}, à esquerda.",
    "O objeto vai de um canto ao outro: {}.",
    "Vejo-o em {}, junto à janela.",
    "O segundo gato, o preto, está em {}.",
    "A única maçã da imagem está em {}.",
    "Depois de olhar com atenção: {}",
    "O retângulo é {}!",
    "Posição: {}",
    "Aqui está: {}",
    "Delimita-se com {}.",
    "A placa lê-se bem e está em {}.",
    "É a caixa {}.",
    "Trata-se de {}.",
    "Segundo a imagem, {}.",
]
_FORMS = (
    "[{:.2f}, {:.2f}, {:.2f}, {:.2f}]", "({:.2f}, {:.2f}, {:.2f}, {:.2f})", "[{:.2f} {:.2f} {:.2f} {:.2f}]",
    "({:.2f}, {:.2f}), ({:.2f}, {:.2f})", '{{"bbox_2d": [{:.2f}, {:.2f}, {:.2f}, {:.2f}]}}',
)  # fmt: skip
EDGES = st.lists(st.integers(1, 99), min_size=2, max_size=2, unique=True).map(sorted)


@pytest.mark.parametrize("sentence", BOX_SENTENCES)
@given(EDGES, EDGES, st.sampled_from(_FORMS), st.booleans())
def test_a_box_stays_itself_in_any_sentence(
    sentence: str, across: list[int], down: list[int], form: str, with_commas: bool
) -> None:
    expected = (across[0] / 100, down[0] / 100, across[1] / 100, down[1] / 100)
    said = form.format(*expected)
    if with_commas:
        # As people write in Portuguese: a comma in the number, a semicolon between numbers.
        said = said.replace(", ", "; ").replace(".", ",")
    assert answers.box(sentence.format(said)) == pytest.approx(expected)


NAME_SENTENCES = [
    "{}", "{}.", "**{}**", "É um {}.", "É uma {}.", "É o {}.", "Isto é um {}.", "Vejo um {}.", "Vejo: {}.",
    "Na imagem vê-se um {}.", "A imagem mostra um {}.", "Trata-se de um {}.", "Parece ser um {}.",
    "Penso que é um {}.", "Parece-me um {}.", "Resposta: {}", "A resposta é {}.", "O objeto é um {}.",
    "Chama-se {}.", "Está lá um {}.", "Aparece um {} no centro.", "Um {}, sem dúvida.", "Diria que é um {}.",
    "É claramente um {}.", "Um {} em fundo branco.", "O desenho é de um {}.", "No meio está um {}.",
    "Aquilo é um {}!", "Temos um {}.", "Em Portugal diz-se {}.",
]  # fmt: skip
NAMES = (
    "gato",
    "autocarro",
    "guarda-chuva",
    "gato preto",
    "comboio",
    "elétrico",
    "maçã",
    "pão de ló",
)


@pytest.mark.parametrize("sentence", NAME_SENTENCES)
@pytest.mark.parametrize("name", NAMES)
def test_a_name_stays_itself_in_any_sentence(sentence: str, name: str) -> None:
    said = sentence.format(name)
    assert [other for other in NAMES if answers.contains_name(said, [other], NAMES)] == [name]
    assert answers.contains_name(said.upper(), [name], NAMES)


NAME_DENIALS = [
    "Não é um {0}, é um {1}.", "Não é um {0}, mas sim um {1}.", "Não é um {0} mas um {1}.", "Não é um {0}. É um {1}.",
    "É um {1} e não um {0}.", "É um {1}, não um {0}.", "Em vez de um {0}, é um {1}.",
    "Ao contrário do {0}, isto é um {1}.",
    "Isto não é um {0}; é um {1}.", "O que se vê não é um {0}, é um {1}.", "É um {0}? Não, é um {1}.",
    "Parece um {0}, mas é um {1}.", "Não me parece um {0}, parece-me um {1}.", "Não se trata de um {0}, mas de um {1}.",
    "Não é {0} nem nada parecido: é {1}.", "Um {1}, nunca um {0}.",
]  # fmt: skip


@pytest.mark.parametrize("sentence", NAME_DENIALS)
def test_a_name_that_is_denied_never_counts(sentence: str) -> None:
    for denied, name in zip(NAMES, NAMES[1:] + NAMES[:1], strict=True):
        said = sentence.format(denied, name)
        assert [other for other in NAMES if answers.contains_name(said, [other], NAMES)] == [name]


@pytest.mark.parametrize("sentence", NAME_DENIALS)
def test_a_side_that_is_denied_never_counts(sentence: str) -> None:
    words = {"lado esquerdo": "esquerda", "lado direito": "direita", "baixo": "baixo"}
    for denied, said in zip(words, [*words][1:] + [*words][:1], strict=True):
        assert answers.side(sentence.format(denied, said)) == words[said]


@pytest.mark.parametrize("sentence", NAME_SENTENCES)
@pytest.mark.parametrize("marks", ["«{}»", "“{}”", '"{}"'])
def test_a_quotation_stays_itself_in_any_sentence(sentence: str, marks: str) -> None:
    for written in ("Pão quente", "RUA DE CIMA", "às 10 h", "fecha à 2.ª feira"):
        assert answers.quoted(sentence.format(marks.format(written))) == written
