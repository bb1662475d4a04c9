"""Which option an answer picks: tables of what people and models write, and the same by numbers."""

import pytest

from amalia.evaluate import answers

# Picked in all the ways people pick.
PICKED = {
    "A": [
        "Fico-me pela A.", "*A*", "Opção «A»", "opção a)", "A opção a é a correta.", "Alínea a.",
        "A certa é a A.", "A é a certa.", "A está correta.", "Tem de ser a A.", "Creio que a A é a correta.",
        "Optaria pela A.", "Certamente a A.", "A, porque fica em Lisboa.", "A porque fica em Lisboa.",
        "É a primeira alínea.", "Alternativa correta: letra A", "penso que é a a)", "a", "a)", "a.",
        "a) Lisboa", "Se tivesse de escolher, escolhia a A.", "O grupo sanguíneo correto é A.",
        "A nota C é o dó, logo a alínea A.", "A. D. João II", "A", " A ", "A:", "A -",
        "Naturalmente, a opção A.", "Assim, A é a resposta.", "Eu digo que A.",
        "**Resposta correta: A) A Torre de Belém**", "Comparando A com B, a correta é A.",
        "É a A, A Brasileira.", "A, com certeza.", "A, sem margem para dúvidas.",
    ],
    "B": [
        "portanto B", "Logo, B.", "Tudo indica B.", "A opção b", "Vou pela B", "B, sem dúvida", "B.", "(b)",
        "(B)", "**B**", "**B.**", "**(B)**", "B) texto", "B) A ponte D. Luís", "b) o rio Douro",
        "Resposta: B) texto", "Resposta: **B) texto**", "Resposta: b) Porto", "Resposta final: B.",
        "**Resposta:** B", "**Resposta: B**", "Resposta correta: letra b)", "Letra B.", "letra b",
        "A alínea b) é a correta.", "A resposta correta, na minha opinião, é a B.", "A minha resposta é a B.",
        "A opção que melhor descreve a imagem é a B.", "A única correta é a B.", "Creio que a certa seja a B.",
        "B é a certa.", "A B é a certa.", "B está certa.", "É a B que está certa.", "A B é que é.",
        "Parece-me a B.", "Diria B.", "Penso que B.", "Acredito que a resposta seja B.", "Inclino-me para a B.",
        "Opto por B.", "Ficaria com a B.", "Vou com a B.", "Eu marcaria B.", "Seleciono B.",
        "Tudo aponta para a B.", "Talvez a B.", "É, sem dúvida, a B.", "Sem dúvida alguma, B!",
        "Claramente a B.", "Logo B", "Assim, a resposta é B.", "Donde se conclui que é a B.",
        "Concluo que é a B.", "Em suma, a B.", "Ou seja, a B.", "A imagem corresponde à opção B.",
        "B, obviamente.", "B, claro.", "B, creio eu.", "B (Porto)", "B — Porto", "Porto (B)",
        "É o Porto (opção B).", "É o Porto, ou seja, a B.", "O Porto: B.", "A segunda opção.",
        "A resposta é B e a C fala de outra coisa.", "a) Lisboa; b) Porto; c) Faro; d) Braga. Escolho a b).",
        "A opção A fala do sul. A opção B fala do norte. A opção C fala das ilhas. A imagem é do norte, logo B.",
        "A A descreve Lisboa, a B o Porto e a C Faro. É a B.", "It is not A, it is B.",
        "A resposta correta é a letra \"b\".", "Eu chutaria a B.", "Escolho a B, já que a A fica no sul.",
        "Escolho a B, embora a A também pudesse ser.", "B. A A fica no sul.", "B, a A fica no sul.",
        "É a B (a A fica no sul).", "É a B, a A fica no sul.", "B, pois A fica no sul e C nas ilhas.",
        "Portanto a resposta certa só pode ser a alínea B).", "A frase completa-se com a B.",
        "A palavra que falta está na opção B.", "Veja-se a opção B.", "Pela imagem, é a B.", "Pela imagem, B.",
        "Na imagem vê-se um autocarro, por isso B.", "A imagem é da cidade do Porto — B.", "Opção correta: B",
        "Opção correta: (B) Porto", "=> B", "✅ B", "B ✔", "**B) Porto**", "**B**) Porto", "**Opção B:** Porto",
        "> B", "# B", "- B", "1. B", "\"B\"", "'B'", "“B”", "B;", "B,", "letra  B", "LETRA B", "RESPOSTA: B",
        "A RESPOSTA É B", "A RESPOSTA CERTA É A B.", "a resposta e b", "a resposta é b", "resposta b",
        "acho que é a b", "é a b", "a opção b), Porto", "Ótimo! B", "Sim: B.", "Se tiver de escolher uma, B.",
        "Palpite: B", "Só a B é verdadeira.", "A vitamina C encontra-se na laranja; a resposta é B.",
        "O Plano A falhou, por isso B.", "A sala C fica ao fundo. B.", "D. Afonso Henriques, ou seja, a B.",
        "Resposta=\"B\"", "A resposta é \"B\".", "A resposta é 'B'.", "A resposta é “b”.", "Resposta - B",
        "A opção B (Porto) é a correta.", "A opção B, Porto, é a correta.",
        "Porto é a resposta certa, alínea B.", "A B e só a B.", "B e só B", "B e nada mais.", "B mesmo.",
        "Claro que é a B.", "Obviamente B.", "Sendo assim, B.", "Daí que seja a B.", "Pelo que fica dito, B.",
        "Vai a B.", "Segue a B.", "Embora A pareça certa, é B.", "Apesar de a A parecer certa, a B é melhor.",
        "A opção que refere a vitamina C é a B.", "A opção B destaca-se.", "Concordo com a opção B.",
        "Creio tratar-se da B.", "Correta: B", "acho que b", "fico-me pela b", "voto na b",
        "Pelo mapa: 1) o rio é o Douro; 2) a cidade é o Porto. Opção B.",
    ],
    "C": [
        "Acho que C", "Alínea c)", "Marcaria a C", "__C__", "`C`", "c. Coimbra", "Resposta: (c)", "Resp.: C",
        "R: C", "Gabarito: C", "alternativa \"c\"", "A resposta é: «C».", "A resposta é a alínea c).",
        "A minha escolha é a C.", "A afirmação verdadeira é a C.", "A opção C está correta.",
        "C é a que faz sentido.", "Parece-me ser a C.", "Há de ser a C.", "Diria que é a C.",
        "Julgo que seja a C.", "Aposto na C.", "Voto na C.", "Vou de C.", "Assinalava a C.", "Respondo: C",
        "Tudo indica que é a C.", "Provavelmente C", "Sem dúvida, a C.", "Por isso, C.", "Então é a C",
        "Conclusão: C", "Resta a C.", "Só resta a C.", "Trata-se da C.", "C, pois é a única com azul.",
        "C porque é a única com azul.", "A resposta é a terceira opção.", "B ou melhor, C",
        "A) Lisboa B) Porto C) Faro D) Braga. É a C.", "A alternativa correta é a letra C.",
        "Letra C, porque o ônibus está na esquerda.", "Você deve marcar a C.", "Completa-se com a opção C.",
        "A resposta está na alínea c.", "Resposta → C", "→ C", "👉 **C**", "• C", "é a c)",
        "Olá! A resposta é C. Espero ter ajudado!",
        "C. Espero ter ajudado! Se precisares de mais alguma coisa, diz.", "Sim, a C.",
        "A opção que mais se aproxima é a C.", "Sem ver a imagem, arrisco a C.", "Apenas a C está correta.",
        "Apenas a afirmação C é verdadeira.", "A única verdadeira é a afirmação C.", "A verdadeira é C.",
        "A C é mais provável do que a D.", "C é melhor do que D.",
        "Os pontos A e B distam 5, logo a resposta é C.", "Foi D. Pedro IV, opção C.", "Posto isto, escolho C.",
        "Por tudo isto, a C.", "A resposta correta é: **C) A cidade do Porto**", "Salvo erro, é a C.",
        "Certa: C", "A fotografia foi tirada de cima. O autocarro vira à direita. C", "A cor é verde. (C)",
        "É verde (C).", "É a opção «C».", "Opção: C", "Opção nº C",
    ],
    "D": [
        "Só pode ser a D", "D: é o mais longo", "D - Faro", "D- Faro", "R.: D", "Gabarito: letra D",
        "Alternativa D.", "Alternativa (d)", "A resposta certa é a (D).", "A opção mais adequada é a D.",
        "A que está certa é a D.", "A D parece ser a melhor.", "Deve ser a D.", "Suponho que a D.",
        "Fico com a D.", "Escolhi a D.", "Provavelmente a D.", "Por conseguinte, a D.", "Assim sendo, D.",
        "Sobra a D.", "Corresponde à D.", "A 4.ª alternativa é a certa.",
        "As opções são A) Lisboa, B) Porto, C) Faro e D) Braga. A resposta é D.", "Acho que é a letra D.",
        "A alínea que completa a frase é a D.", "Boa pergunta! A resposta é a D.", "A melhor é a D.",
        "A mais correta é a D.", "O triângulo tem vértices A, B e C. A área é 12. Resposta: D", "D. D. João II",
        "D) D. João II", "A resposta é D. D. Pedro IV", "Dito isto, a resposta é D.", "logo, d",
        "A imagem mostra o grupo A do campeonato. A resposta é D",
    ],
}  # fmt: skip
# Denied, put aside, asked or corrected, and what is left then.
DENIED = {
    "A": [
        "À exceção da A, todas estão erradas. Logo, A.",
    ],
    "B": [
        "Eliminando A, C e D, fica B.", "Será a B.", "Não há dúvidas, B.", "Por exclusão de partes, é a B.",
        "A) Falsa. B) Verdadeira. C) Falsa. D) Falsa.", "Descarto a A. Fico com a B.",
        "Nenhuma está certa exceto a B.", "Não é senão a B.", "Ao contrário da A, a B está certa.",
        "Não escolheria a A. Escolheria a B.", "Não tenho a certeza, mas acho que é a B.", "B?",
        "À primeira vista parece a A, mas a correta é a B.", "Opção A. Não, opção B.",
        "Hesitei entre a A e a B, mas fico com a B.", "A B não está errada: é a B.", "A afirmação falsa é a B.",
        "A opção correta é a B: a A, a C e a D não fazem sentido.", "A B, porque a A e a C não batem certo.",
        "B. Precisas de mais alguma coisa?", "A menos errada é a B.", "A A não, a B sim.",
        "A primeira não é; é a B.",
        "Afasto desde já a A. A B é mais plausível do que a C, portanto escolho a B.",
        "A (errada), B (certa), C (errada), D (errada)", "A ❌ B ✅ C ❌ D ❌",
        "A opção A é atraente, mas a resposta é B.", "A resposta podia ser A, mas é B.", "Parece A, mas é B.",
        "A resposta correta não é A mas B.", "A resposta correta não é A. É B.", "Não A, mas B.", "Não A; B.",
        "A resposta é B, não A nem C.", "A resposta é B e não A.", "B e não A.", "B em vez de A.",
        "B, ao contrário do que diz A.",
        "A alternativa A menciona Lisboa, mas a imagem é do Porto. Assim, a alternativa correta é a B.",
        "Se não me engano, é a B.", "Não, não é a A; é a B.", "Não é difícil: é a B.",
        "Não é difícil ver que é a B.", "Não é a resposta que eu esperava, mas é a B.",
        "A opção A falha; a B acerta.", "Verdadeira: B; falsas: A, C e D.",
    ],
    "C": [
        "A B não é; é a C.", "A minha opção é a C, embora hesite.", "Não há dúvida: é a C.",
        "Não tenho dúvidas de que é a C.", "Por eliminação: C", "Não é a B, é a C.",
        "A resposta não é a B, mas sim a C.", "Não é a A nem a B; é a C.", "Nem A nem B: C.",
        "Nem a A, nem a B, nem a D. É a C.", "A A não é; a B também não; é a C.",
        "A e B estão erradas, logo C.", "Excluo a A e a D. Entre a B e a C, escolho a C.",
        "Eliminadas a A e a B, fica a C.", "Todas menos a C estão erradas.", "Não pode ser outra senão a C.",
        "Não pode ser outra que não a C.", "Em vez da A, escolho a C.",
        "Não acho que seja a A. Acho que é a C.", "É a B? Não, é a C.", "A resposta é B? Não: C.",
        "Primeiro diria a A, mas é a C.", "B... aliás, C.", "B. Não, espera: a resposta é C.",
        "Se fosse a A, via-se o rio. É a C.", "B não, C sim.", "A C não deixa dúvidas.",
        "A resposta é C. Queres saber porquê?", "São falsas a A, a B e a D; verdadeira é a C.", "Não, é a C.",
        "Não. C.", "A resposta não é nem a A nem a B nem a D, é a C.",
        "A resposta não é a A, a B ou a D, mas a C.", "A – errada; B – errada; C – certa; D – errada.",
        "C, nunca a D.", "Entre as opções A, B, C e D, a correta é a C.", "Não há nenhuma dúvida de que é a C.",
        "A B é falsa e a C é verdadeira.", "não é a b, é a c",
    ],
    "D": [
        "A alínea correta será a d).", "Por eliminação, fica a D.", "Não é a B, mas sim a D.",
        "Não é a B mas a D.", "É a D e não a A.", "É a D, não a A.", "D, e não A.", "D, não A.",
        "A A está errada, a B também; resta a D.", "As opções A e C são falsas. A B não pode ser. Logo, D.",
        "Excluindo A, B e C, só pode ser D.", "Todas erradas, exceto a D.", "Não me parece a A; parece-me a D.",
        "Não sei, talvez a D.", "Podia ser a A, mas é a D.", "será a d",
        "Ponho de lado a A e a B; entre C e D, escolho D.",
        "Penso que a A está errada, a B está errada e a C está errada. Sobra a D.",
        "A está errada. B está errada. C está errada. D está certa.", "A menos que me engane, é a D.",
        "Não escolho a A porque fica longe, escolho a D.", "Nem pensar que é a A; é a D.",
    ],
}  # fmt: skip
# Over several lines, with the options repeated or weighed one by one.
LINES = {
    "A": [
        "A\nimagem",
    ],
    "B": [
        "Resposta:\n\nB", "A imagem mostra um rio.\nO rio é o Douro.\nB", "A imagem mostra um rio.\n\n**B**",
        "B\n\nA opção A fala de Lisboa.", "B) Porto\n\nA opção A fala de Lisboa e a C de Faro.",
        "A) Lisboa\nB) Porto\nC) Faro\nD) Braga\n\nB) Porto", "A) Lisboa\nB) Porto\nC) Faro\nD) Braga\n\nB",
        "A) Lisboa: fica no sul.\nB) Porto: fica no norte.\nC) Faro: é no sul.\nD) Évora: é no sul.\nPortanto, B.",
        "1. O rio é o Douro.\n2. A cidade é o Porto.\nLogo, a opção B.",
        "Passo 1: A ponte é de ferro.\nPasso 2: É do Porto.\nResposta: (B)", "Vejo um rio.\n\nResposta\nB",
        "Pela forma, é o Porto.\nResposta final\n**B) Porto**", "A) ❌\nB) ✅",
        "Vejamos cada opção:\n\nA) Não tem ponte.\nB) Tem a D. Luís.\nC) Faro – Não.\nD) Não.\n\nA resposta é B.",
        "Vejamos cada opção:\n\nA) Não tem ponte.\nB) Tem a D. Luís.\nC) Faro – Não.\nD) Não.\n\n**B**",
        "Vejamos:\nA) Lisboa fica a sul.\nB) Porto fica a norte.\nC) Faro é a sul.\nD) Beja é a sul.\n\nB) Porto",
        "a) Lisboa\nb) Porto\nc) Faro\nd) Braga\n\nb)",
    ],
    "C": [
        "A: errada\nB: errada\nC: certa\nD: errada", "A. Lisboa\nB. Porto\nC. Faro\nD. Braga\n\nResposta: C",
        "Turma B\nResposta: C", "C\n", "C\n\nExplicação: a imagem mostra a vitamina D.",
    ],
    "D": [
        "A) incorreta\nB) incorreta\nC) incorreta\n\nPortanto, D.",
    ],
}  # fmt: skip
# In LaTeX, Markdown, HTML and JSON.
MARKUP = {
    "A": [
        "$\\boxed{\\mathrm{A}}$",
    ],
    "B": [
        "$B$", "\\text{B}", "\\boxed{B}", "\\[\\boxed{B}\\]", "\\(B\\)", "\\fbox{B}",
        "\\boxed{A} … afinal \\boxed{B}", "<answer>B</answer>", "{\"resposta\": \"B\"}", "[\"B\"]",
        "Resposta: [B]", "[[B]]", "Resposta: {B}",
    ],
    "C": [
        "[C]", "\\mathbf{C}", "\\boxed{\\text{(C)}}", "A resposta é $\\boxed{C}$.", "A resposta é \\(C\\).",
        "{\"answer\": \"C\"}",
    ],
    "D": [
        "{D}", "\\boxed{\\textbf{D}}",
    ],
}  # fmt: skip
# In English.
ENGLISH = {
    "A": [
        "A is correct.", "A is the right answer.",
    ],
    "B": [
        "The correct answer is B.", "Option B", "I think it's B.", "I think B.", "I'd go with B.",
        "B is correct.", "A is wrong, so B.",
    ],
    "C": [
        "The answer is (C).", "It's C.", "Therefore, C.",
    ],
    "D": [
        "Answer: D", "I choose D.", "So the answer is D.",
    ],
}  # fmt: skip
# Nothing is picked, or more than one.
NOTHING = [
    "A soma (a + b) é 5.", "f(c) = 3", "P(A) é maior do que P(B).", "[...] A indústria cresceu.",
    "A «abertura» de 1969.", "Na frase «A mãe chegou.», quem chegou?", "As letras A, B e C representam cores.",
    "Em «E foi assim», há um verbo.",
    "Não é a B.", "Resposta: A Torre de Belém", "A resposta é B ou C.", "25 °C", "em 44 a.C.",
    "entre os pontos A e B", "É C++.", "A resposta é a", "Opção a seguir",
    "A resposta a esta pergunta não está aqui.", "resposta e justificação em baixo", "Não é B.",
    "Não é a opção B.", "A resposta não é B.", "Nem a A nem a C.", "A, B e D estão erradas.",
    "Eliminei a A, a B e a C.", "Não pode ser a A.", "Não sei se é a A ou a B.", "Não sei se é a B.",
    "Não sei.", "Será a B?", "Hesito entre a A e a B.", "Estou indeciso entre B e C.", "A B é falsa.", "A ou B",
    "A/B", "A, B", "B e C", "Tanto a B como a C.", "A resposta é B e C.", "A resposta é A, B ou C.",
    "Acho que A ou D.", "Qualquer uma: A, B, C ou D.", "B e C estão certas.", "Todas: A, B, C e D.",
    "A vitamina C.", "É a vitamina C.", "Vitamina D", "O grupo A.", "O grupo sanguíneo é A.", "Tem hepatite B.",
    "O quadrado ABCD.", "O ponto A.", "Do ponto A ao ponto B.", "A distância de A a B é 5.",
    "O segmento que une A e B mede 5.", "Os vértices A, B e C formam um triângulo.", "Plano B", "A classe E",
    "A nota musical é o dó.", "D. João II", "Foi D. Maria I.", "A. C. Milan", "É J. K. Rowling.",
    "A bactéria é a E. coli.", "Entre 20 °C e 30 °C", "Em 27 a. C.", "Foi em 44 d.C.", "A escala vai de A a D.",
    "Na figura A vê-se um rio.", "A letra maiúscula é bonita.", "A palavra começa com A.", "A = 5 × 3",
    "O programa está em C.", "A linha C do metro.", "A Brasileira", "É A Brasileira, em Lisboa.",
    "O filme é A Canção de Lisboa.", "A cidade de Lisboa.", "E a cidade?", "A.C. foi fundada em 1900.",
    "A resposta A Brasileira", "«A Cidade e as Serras»", "A imagem mostra uma rua.\nA rua é em Lisboa.",
    "- A imagem mostra uma rua.", "\\boxed{12}", "A) Lisboa\nB) Porto\nC) Faro\nD) Braga",
    "A) Lisboa B) Porto C) Faro D) Braga", "A. Lisboa B. Porto C. Faro D. Braga",
    "A big dog is in the picture.", "Answer: A dog", "Neither A nor B.", "A or B", "Está na B.", "e", "o",
    "a e b", "Aproxima-se mais da B.", "Mais C do que D.", "Seja A o ponto médio. Então AB = 5.",
    "Como A = 3 e B = 4, C = 5.", "A resposta é D. Pedro IV", "Nenhuma.", "Nenhuma das opções.",
    "Nenhuma das opções A, B, C ou D está certa.", "Todas as opções estão certas.", "Faltam dados.",
    "Não consigo ver a imagem.", "Não consigo responder à pergunta A.", "Desculpa, mas não posso ajudar.",
    "E se for a B?", "A pergunta é difícil.", "Opção", "A opção", "A opção é", "A resposta correta é a opção",
    "A resposta correta é a", "A resposta correta é", "É a", "Dó, ré, mi.", "B2", "B1 e B2", "A4", "BC", "AB",
    "A+", "A1", "3 B", "PB", "C#", "R: D. João II", "S. João", "a.m.", "E.U.A.", "A.C.", "V. Exa.",
    "Portanto: A imagem mostra um rio.", "V F V F", "Jamais a C.", "A opção A falha porque fala de Lisboa.",
    "Erradas: A, B e D.", "nem a b nem a c", "Depende: A ou C.", "E, com certeza.",
]  # fmt: skip
OTHER_NUMBERS = [
    (3, "D", None), (3, "A resposta é D.", None), (3, "É a C.", "C"),
    (3, "A) Lisboa\nB) Porto\nC) Faro\n\nB) Porto", "B"), (5, "E", "E"), (5, "E.", "E"), (5, "É a E.", "E"),
    (5, "E) Porto", "E"), (5, "E é a opção correta.", "E"), (5, "E, porque fica no norte.", "E"),
    (5, "Escolho C. E é a opção correta.", "C"), (5, "E o rio é o Douro.", None), (5, "E depois?", None),
    (5, "A resposta é E.", "E"), (5, "Logo, E.", "E"), (5, "Não é a E, é a D.", "D"),
    (5, "A classe energética é a classe E.", None), (5, "A, B, C, D e E", None), (10, "J", "J"),
    (10, "A resposta é J.", "J"), (10, "I think B.", "B"), (10, "I", "I"), (10, "A opção I.", "I"),
    (10, "A I Guerra Mundial.", None), (10, "É a I.", "I"), (10, "No século I.", None),
    (10, "Foi D. Manuel I.", None), (10, "I é a opção correta.", "I"), (10, "A H está certa.", "H"),
    (10, "J. K. Rowling", None), (10, "É a G, não a H.", "G"), (10, "I would choose B.", "B"),
    (10, "Henrique V", None), (5, "E, com certeza.", "E"), (5, "A, B, C, D ou E? E.", "E"),
    (5, "Não é a A, nem a B, nem a C, nem a D. É a E.", "E"), (5, "Resta a E.", "E"),
    (5, "A E é a correta.", "E"), (5, "e)", "E"), (5, "E) nenhuma das anteriores", "E"),
    (5, "A resposta é a alínea E, e não a D.", "E"), (3, "Das três, a C.", "C"), (3, "C, e não B.", "C"),
    (3, "Nem A nem B, portanto C.", "C"), (10, "Portanto, a resposta é (J).", "J"),
    (10, "A) 1\nB) 2\nC) 3\nD) 4\nE) 5\nF) 6\nG) 7\nH) 8\nI) 9\nJ) 10\n\nH", "H"),
    (10, "Nem F nem G; é a H.", "H"), (10, "F e G estão erradas, fica a I.", "I"), (10, "I think it's G.", "G"),
    (10, "In my opinion, I would go with H.", "H"), (10, "The answer is I.", "I"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (text, letter)
        for table in (PICKED, DENIED, LINES, MARKUP, ENGLISH)
        for letter, texts in table.items()
        for text in texts
    ],
)
def test_an_option_is_picked(text: str, expected: str) -> None:
    assert answers.letter(text, 4) == expected


@pytest.mark.parametrize("text", NOTHING)
def test_no_option_is_picked(text: str) -> None:
    assert answers.letter(text, 4) is None


@pytest.mark.parametrize(("num_choices", "text", "expected"), OTHER_NUMBERS)
def test_other_numbers_of_options(num_choices: int, text: str, expected: str | None) -> None:
    assert answers.letter(text, num_choices) == expected


# Options that begin with what would deny them, or that talk of letters themselves.
OPTION_TEXTS = [
    "inadequado.", "impossível", "não", "Não é possível saber.", "falso", "errado, porque é de noite", "está errado",
    "Nenhuma das anteriores", "A Torre de Belém", "a vitamina C", "o ponto A", "D. João II", "E se chover?",
    "Quando surgiu a ciência?", "I é verdadeira e III é falsa.", "$P(A) + P(B) = 1$", "A e B são iguais", "entre A e B",
    "sim, mas não sempre", "falham", "25 °C", "em 44 a.C.", "As frases «A foz do Tejo» e «O Tejo»", "menos 3",
    "exceto aos domingos", "$A \\cup B$", "\\frac{a}{b}", "um só, e não dois", "Por que razão?",
    "[...] A indústria cresceu.",
]  # fmt: skip
TEXT_SENTENCES = [
    "{letter}) {text}", "{letter}. {text}", "**{letter}) {text}**", "Resposta: {letter}) {text}",
    "Resposta: {letter}. {text}", "A resposta correta é a {letter}) {text}", "Portanto, a opção {letter}: {text}",
    "A opção correta é a **{letter}. {text}**", "{text}\n\nResposta: {letter}", "{letter}\n\n{text}",
]  # fmt: skip


@pytest.mark.parametrize("text", OPTION_TEXTS)
def test_the_text_of_an_option_changes_nothing(text: str) -> None:
    for letter in "ABCD":
        said = [sentence.format(letter=letter, text=text) for sentence in TEXT_SENTENCES]
        assert [one for one in said if answers.letter(one, 4) != letter] == []


NUMBERED = {
    1: [
        "1.", "um", "Opção um",
    ],
    2: [
        "É a número 2", "**2**", "A opção certa é a dois.",
    ],
    3: [
        "A 1 e a 2 estão erradas, logo 3.", "3", "3.", "3) da Estrela.", "três", "A opção número 3",
        "A terceira.", "É a terceira opção.", "A 3.ª", "Não é a 2, é a 3.", "Nem 1 nem 2: 3.", "\\boxed{3}",
        "Opção 3, porque a 1 não faz sentido.", "Resposta: três", "3 - da Estrela",
        "1) do Gerês\n2) de Sintra\n3) da Estrela\n4) do Caramulo\n\n3", "São 1993 metros, logo a 3.",
        "Eliminando a 1, a 2 e a 4, fica a 3.", "n.º 3", "3ª opção", "A resposta é 3, 1993 m.", "3, com 1993 m",
        "2 + 1 = 3",
    ],
    4: [
        "A opção 2 é falsa; a certa é a 4.", "(4)", "O número 4.", "A resposta correta é a opção 4",
    ],
}  # fmt: skip
NO_NUMBER = [
    "Em 1993", "5", "1993 m", "1 ou 2", "A serra tem 3 picos.", "Nenhuma das 4.", "A 2 e a 3.", "3.14", "12",
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"), [(text, number) for number, texts in NUMBERED.items() for text in texts]
)
def test_an_option_is_picked_by_its_number(text: str, expected: int) -> None:
    assert answers.option_number(text, 4) == expected


@pytest.mark.parametrize("text", NO_NUMBER)
def test_no_number_of_an_option(text: str) -> None:
    assert answers.option_number(text, 4) is None


@pytest.mark.parametrize("num_choices", [0, 1, 10])
def test_numbers_of_options_have_one_digit(num_choices: int) -> None:
    with pytest.raises(ValueError, match="expected 2 to 9"):
        answers.option_number("2", num_choices)
