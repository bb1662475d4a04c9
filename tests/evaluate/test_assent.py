"""Yes, no and «I do not know» as people say them."""

import unicodedata

import pytest

from amalia.evaluate import answers

YES = [
    "Claro.", "Com certeza.", "Sem dúvida.", "Correto.", "Afirmativo", "Exatamente.", "Obviamente que sim.",
    "Claro, há um gato na mesa.", "Correto. O gato não está no chão, está na mesa.", "Claro que há.",
    "Claro que está.", "Com certeza, está à esquerda.", "Com toda a certeza.", "Sem dúvida, é um gato.",
    "Sem dúvida alguma.", "Sem sombra de dúvida!", "Não há dúvida.", "Não tenho dúvidas.",
    "Não há dúvida de que está um gato na mesa.", "Certamente.", "Certamente que sim.", "Evidentemente.",
    "Naturalmente.", "Obviamente.", "Efetivamente.", "De facto, sim.", "De facto.", "Certo.", "Certíssimo.",
    "Está certo.", "Está correto.", "É correto.", "É certo.", "Exato.", "Isso mesmo.", "É isso mesmo.",
    "É verdade.", "É verdade, sim.", "É verdade que há um gato.", "Verdade.", "Verdadeiro.",
    "A afirmação é verdadeira.", "A afirmação está correta.", "Isso é verdade.", "Concordo.", "Confirmo.",
    "Positivo.", "Pois claro.", "Pois é.", "Pois há.", "Ora, claro.", "Há.", "Há, há.", "Há, sim.",
    "Há, está em cima da mesa.", "Está, ao fundo.", "Está, mas não se vê bem.", "Está lá.", "Tem.", "Usa.",
    "Usa, sim senhor.", "Vejo.", "Acho que há.", "Penso que está.", "Parece que está.",
    "Sim, mas não à esquerda.", "Talvez sim.", "Provavelmente sim.",
    "A pergunta é se está ou não um gato: sim.", "Sim ou não? Sim.", "Resposta: Claro.", "**Correto.**",
    "«Claro que sim.»", "- Sim", "SIM", "Sim", "Na imagem, sim.", "Sim, há.", "Sim, não há dúvida.",
    "Yes, there is.", "Correct.", "True.", "Of course.", "Eu diria que sim.", "Creio bem que sim.",
    "Sim, creio que sim.", "Felizmente, sim.", "Correto, há dois gatos.", "Exatamente, é um gato.",
    "Certo, mas está escondido.", "Tem, tem.", "São, são.", "Têm.", "Certo, vou ver. Sim, há um gato.",
    "Claro! Há um gato na mesa.", "Sem dúvida que há.", "Claro que há um gato.", "Sem dúvida que é um gato.",
    "É provável que sim.", "Existe, sim, um gato.", "Há sim!", "Há, pelo menos um.", "Confirma-se: há um gato.",
]  # fmt: skip
NO = [
    "Negativo.", "De modo nenhum.", "Nem por isso.", "Claro que não.", "Com certeza que não.", "Nada disso.",
    "Nenhum.", "Claro, não há nenhum.", "Certamente que não.", "Obviamente que não.", "Essa afirmação é falsa.",
    "A afirmação não é verdadeira.", "Isso é falso.", "Falso.", "É falso.", "É mentira.", "Mentira.", "Errado.",
    "Incorreto.", "Está errado.", "De modo algum.", "De maneira nenhuma.", "De forma alguma!", "Nem pensar.",
    "Nunca.", "Jamais.", "Nada.", "Ninguém.", "Nenhuma.", "Nenhum gato à vista.",
    "Nenhuma das pessoas usa óculos.", "Discordo.", "Pois não.", "Acho que não há.", "É, não há.",
    "Talvez não.", "Provavelmente não.", "Não consigo ver nenhum gato.", "Não se consegue ver qualquer gato.",
    "Não se vê nenhum gato.", "Não se vê.", "Não, não e não.", "Não há um gato, mas sim um cão.",
    "Se há ou não um gato? Não.", "Resposta: não", "> Não.", "Não!", "Nao.", "Não.", "Na imagem não.",
    "No, there is not.", "There is not.", "There isn't.", "False.", "Of course not.", "Eu diria que não.",
    "Não me parece.", "Não creio.", "Parece-me que não.", "Infelizmente não.", "Em caso algum.",
    "Em lado nenhum.", "Correto, não há gatos.", "Isso não é verdade.", "Não é verdade.", "Não é bem assim.",
    "Claro! Vou analisar a imagem. Não há nenhum gato.", "Claro que não há nenhum gato.", "Não exatamente.",
    "Não, mas há um cão.",
]  # fmt: skip
UNSURE = [
    "Não faço ideia.", "Não faço a menor ideia.", "Não sei dizer.", "Sei lá.", "Não tenho a certeza.",
    "Não estou certo.", "Não tenho como saber.", "Não consigo identificar.", "Não consigo perceber se está.",
    "Não posso afirmar.", "Não é possível confirmar.", "É difícil dizer.", "É impossível saber.",
    "A imagem não permite concluir.", "Não se vê bem.", "Não há dados suficientes.", "I don't know.",
]  # fmt: skip
NEITHER = [
    "Há: gato e cão.", "É, por isso, um gato.", "De facto, o gato dorme.",
    "Talvez.", "Depende.", "Sim e não.", "Nem sim nem não.", "Sim ou não?", "Sim/não",
    "Talvez sim, talvez não.", "Pode ser.", "Provavelmente.", "Possivelmente.", "Quem sabe.",
    "Depende do que se entende por gato.", "Absolutamente.", "Em absoluto.", "De todo.", "Pois.",
    "Não só há um gato como há dois.", "S", "N", "Há um gato.", "Está um gato na mesa.", "São dois gatos.",
    "É um gato.", "No chão.", "Nos Açores.", "Simples.", "Assim parece.", "Nenhures", "É possível.",
    "É provável.", "É pouco provável.", "Claro! Vou analisar a imagem.", "Nenhuma dúvida: está.", "Tem razão.",
    "Mais ou menos.", "Nunca se sabe.", "Está vazio.",
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *((text, "sim") for text in YES),
        *((text, "não") for text in NO),
        *((text, "não sei") for text in UNSURE),
        *((text, None) for text in NEITHER),
    ],
)
def test_what_is_said(text: str, expected: str | None) -> None:
    assert answers.yes_no(text) == expected
    assert answers.yes_no(unicodedata.normalize("NFD", text)) == expected
    assert answers.yes_no(f"**{text}**") == expected
