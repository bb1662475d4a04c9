"""Every Portuguese sentence of the made conversations, in European Portuguese.

A bank holds the ways to ask one thing and the ways to answer it. Forms are separated by ``|`` and
filled with the fields of ``grammar.agreement`` (``{um}`` is "um gato", ``{do2}`` is "da maçã" of a
second thing) and a few facts. ``denials`` are the answers that say no, form by form the twins of
``answers``, so that a right and a wrong answer can have the same shape. Answers are short and say
the fact where a reader, or a parser, looks for it; text that was read stands inside guillemets.

What is seen is named before any article: whoever has said "uma" can no longer say "gato". What is asked
is said again before a verdict: whether words just said were said before is seen at a glance.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Bank:
    """Ways to ask and to answer one thing."""

    questions: tuple[str, ...]
    answers: tuple[str, ...]
    denials: tuple[str, ...] = ()


def ask(rng: random.Random, bank: Bank, fields: Mapping[str, str]) -> str:
    """Fill one question form, chosen by ``rng``."""
    return fill(rng.choice(bank.questions), fields)


def fill(form: str, fields: Mapping[str, str]) -> str:
    """Fill a form and begin it with a capital letter."""
    text = form.format_map(fields)
    return text[:1].upper() + text[1:]


def _forms(block: str) -> tuple[str, ...]:
    return tuple(" ".join(form.split()) for form in block.split("|"))


def _bank(questions: str, answers: str, denials: str = "") -> Bank:
    return Bank(_forms(questions), _forms(answers), _forms(denials) if denials else ())


NAMING = _bank(
    """O que é isto? | O que se vê na imagem? | O que mostra a imagem? | Diz o que é isto.
    | O que vês na imagem? | O que está na imagem? | O que aparece aqui? | Diz-me o que vês.
    | Como se chama o que está na imagem? | Sabes o que é isto?
    | Identifica o que está na imagem. | O que é que vês aqui?
    | Consegues dizer-me o que é isto?""",
    "Chama-se {name}. | Isto chama-se {name}. | Vejo: {name}. | Na imagem: {name}.",
)
IS_IT = _bank(
    """Isto {é} {um}? | {é} {um}? | O que está na imagem {é} {um}? | Achas que isto {é} {um}?
    | Diz-me, sim ou não: isto {é} {um}? | É verdade que isto {é} {um}?
    | Confirmas que isto {é} {um}? | Isto que aqui está {é} {um}? | O que vês {é} {um}?
    | Parece-te que isto {é} {um}?""",
    """Vejo: {name}. Se {é} {um}? Sim. | Na imagem: {name}. Se {é} {um}? Sim, {é}.
    | Isto chama-se {name}. Se {é} {um}? Sim, {é}.""",
    """Vejo: {name2}. Se {é} {um}? Não. | Na imagem: {name2}. Se {é} {um}? Não, não {é}.
    | Isto chama-se {name2}. Se {é} {um}? Não, não {é}.""",
)
CHOICE = _bank(
    """{é} {um} ou {um2}? | Isto {é} {um} ou {um2}? | O que vês: {um} ou {um2}?
    | Diz-me se isto {é} {um} ou {um2}. | Na imagem {está} {um} ou {um2}?
    | O que é isto: {um} ou {um2}? | Estou na dúvida: isto {é} {um} ou {um2}?
    | Achas que isto {é} {um} ou {um2}?""",
    "Vejo: {name3}. | Chama-se {name3}. | Na imagem: {name3}.",
)
LOCAL_NAME = _bank(
    """Como se chama isto em Portugal? | Que nome se dá a isto em Portugal?
    | Em Portugal, como se chama isto? | Como se diz isto em português europeu?
    | No Brasil diz-se {br}. E em Portugal? | Qual é o nome disto em português de Portugal?
    | Os brasileiros dizem {br}. E os portugueses?
    | Que palavra usam os portugueses para isto?""",
    "Em Portugal diz-se {name}. | Diz-se {name}. | {name}. | Chama-se {name}.",
)
DESCRIBING = _bank(
    """Descreve a imagem. | O que há na imagem? | O que vês aqui?
    | Diz-me tudo o que vês na imagem. | Conta-me o que aparece na imagem.
    | Que coisas se veem na imagem? | Podes descrever o que vês? | Faz uma lista do que vês.
    | O que se vê nesta imagem? | Descreve esta imagem, por favor. | Que coisas há aqui?
    | O que mostra esta imagem?""",
    "Na imagem há: {list}. | Vejo: {list}. | Há: {list}. | A imagem mostra: {list}.",
)
SEVERAL = "Há {counted}."
PLACE = "{o} {está} {side} {do2}."
COUNTING = _bank(
    """{quantos} {plural} há na imagem? | {quantos} {plural} vês? | Conta {os}.
    | {quantos} {plural} há aqui? | {quantos} {plural} aparecem na imagem?
    | Diz-me {quantos} {plural} há. | Qual é o número de {plural}?
    | Sabes {quantos} {plural} há aqui? | Podes contar {os} da imagem?
    | {quantos} {plural} consegues ver? | Ao todo, {quantos} {plural} há?""",
    "Há {counted}. | {number}. | Vejo {counted}. | Na imagem há {counted}.",
    "Não há {nenhum}. | {none}. | Não vejo {nenhum}. | Na imagem não há {nenhum}.",
)
COUNT_CHECK = _bank(
    """Há exatamente {asked}? | Ao todo, há {asked}? | Contas {asked}? | São {asked}, não são?
    | Diz-me, sim ou não: há {asked} ao todo? | É verdade que são {asked}?
    | Confirmas que são {asked}? | São mesmo {asked}? | Na imagem há {asked} ao todo?""",
    "Há {counted}, sim. | Vejo {counted}, sim. | Na imagem há {counted}, sim.",
    "Há {counted}, não {denied}. | Vejo {counted}, não {denied}. | Na imagem há {counted}, não {denied}.",
)
PRESENCE = _bank(
    """Há {um} na imagem? | Vês {um}? | A imagem mostra {um}? | Consegues ver {um}?
    | Há aqui {um}? | Diz-me, sim ou não: há {um} na imagem?
    | É verdade que há {um} na imagem? | Estás a ver {um}? | Achas que há {um} na imagem?
    | {está} aqui {um}? | Consegues encontrar {um} na imagem?""",
    """Vejo: {list}. Se há {um}? Sim, há. | Na imagem há: {list}. Se vejo {um}? Sim, vejo.
    | Há: {list}. Se há {um}? Sim.""",
    """Vejo: {list}. Se há {um}? Não, não há. | Na imagem há: {list}. Se vejo {um}? Não, não vejo.
    | Há: {list}. Se há {um}? Não.""",
)
SKETCH = _forms(
    """Imagina este desenho:{sketch}{question} | O desenho é este:{sketch}{question}
    | {question} O desenho é este:{sketch} | Imagina esta imagem:{sketch}{question}
    | Numa folha aos quadrados está isto:{sketch}{question}
    | {question} Imagina que a imagem é esta:{sketch}"""
)
SIDE = _bank(
    """Onde {está} {o} em relação {ao2}? | Em que posição {está} {o} em relação {ao2}?
    | Comparando com {o2}, onde {está} {o}? | Em relação {ao2}, onde {está} {o}?
    | Onde {fica} {o} em relação {ao2}? | Diz-me onde {está} {o} em relação {ao2}.
    | Tendo {o2} como referência, onde {está} {o}? | Qual é a posição {do} em relação {ao2}?
    | Em relação {ao2}, {o} {está} à esquerda, à direita, em cima ou em baixo?""",
    "{está} {side}. | {fica} {side}. | {side}. | {o} {está} {side}.",
)
NEIGHBOUR = _bank(
    """O que está {side} {do}? | O que há {side} {do}? | O que fica {side} {do}?
    | O que vês {side} {do}? | Diz-me o que está {side} {do}. | O que se vê {side} {do}?
    | O que aparece {side} {do}? | Sabes o que está {side} {do}?
    | Que coisa está {side} {do}?""",
    "Vejo: {name2}. | {side} {do}: {name2}. | Há isto: {name2}.",
)
POINTING = _bank(
    """Aponta {o} com uma caixa. | Onde {está} {o}? Dá-me a caixa. | Indica a caixa {do}.
    | Dá-me as coordenadas {do}. | Marca {o} com uma caixa. | Em que caixa {está} {o}?
    | Qual é a caixa {do}? | Localiza {o} com uma caixa. | Assinala {o} com uma caixa.
    | Diz-me as coordenadas da caixa {do}.""",
    "{box} | {está} em {box}. | A caixa é {box}.",
)
READING = _bank(
    """O que está escrito? | Que palavra está escrita? | Lê a palavra. | O que diz a imagem?
    | Que palavra é esta? | Consegues ler o que está escrito?
    | Lê o que está escrito na imagem. | Que palavra se lê aqui? | O que se lê na imagem?
    | Podes ler esta palavra?""",
    "Está escrito «{read}». | Lê-se «{read}». | A palavra é «{read}». | «{read}».",
)
READING_LETTERS = _bank(
    """O que está escrito? | Que letras estão escritas? | Lê as letras. | Lê letra a letra.
    | Que letras se leem aqui? | Consegues ler o que está escrito?
    | Lê o que está escrito na imagem. | Que letras são estas? | O que se lê na imagem?
    | Podes ler estas letras?""",
    "Está escrito «{read}». | Lê-se «{read}». | «{read}».",
)
READING_LINE = _bank(
    """O que está escrito? | Lê o texto da imagem. | Que palavras estão escritas?
    | Lê tudo o que está escrito. | O que diz o texto? | Consegues ler o texto?
    | Transcreve o texto. | O que se lê na imagem? | Podes ler estas palavras?""",
    "Está escrito «{read}». | Lê-se «{read}». | O texto diz «{read}». | «{read}».",
)
FIRST_LETTER = _bank(
    """Qual é a primeira letra? | Por que letra começa a palavra?
    | Com que letra começa a palavra? | Que letra vem primeiro? | Diz-me a primeira letra.
    | Qual é a primeira letra da palavra? | Qual é a letra inicial?
    | Sabes qual é a primeira letra?""",
    "A primeira letra é «{read}». | Começa por «{read}». | É «{read}».",
)
NUM_LETTERS = _bank(
    """Quantas letras tem a palavra? | Conta as letras. | De quantas letras é feita a palavra?
    | Quantas letras vês? | Qual é o número de letras? | Diz-me quantas letras há.
    | Sabes quantas letras tem a palavra? | Ao todo, quantas letras são?""",
    "Tem {number} letras. | {number}. | São {number} letras.",
)
TALLEST = _bank(
    """De que cor é a barra mais alta? | Qual é a barra mais alta?
    | Que barra tem o valor mais alto? | Qual é a cor da barra maior? | Que barra é a maior?
    | Diz-me qual é a barra mais alta. | Que cor tem a barra com o maior valor?
    | Qual das barras é a mais alta?""",
    "A barra mais alta é a {color}. | É a {color}. | A {color}.",
)
SHORTEST = _bank(
    """De que cor é a barra mais baixa? | Qual é a barra mais baixa?
    | Que barra tem o valor mais baixo? | Qual é a cor da barra mais pequena?
    | Que barra é a mais pequena? | Diz-me qual é a barra mais baixa.
    | Que cor tem a barra com o menor valor? | Qual das barras é a mais baixa?""",
    "A barra mais baixa é a {color}. | É a {color}. | A {color}.",
)
BAR_VALUE = _bank(
    """Quanto vale a barra {color}? | Qual é o valor da barra {color}?
    | Que valor tem a barra {color}? | Que número está por cima da barra {color}?
    | Diz-me o valor da barra {color}. | A barra {color} vale quanto?
    | Lê o valor da barra {color}. | Que número tem a barra {color}?""",
    "A barra {color} vale {number}. | Vale {number}. | {number}.",
)
NUM_BARS = _bank(
    """Quantas barras há? | Quantas barras tem o gráfico? | Conta as barras.
    | Qual é o número de barras? | Quantas barras vês?
    | Diz-me quantas barras há no gráfico. | O gráfico tem quantas barras?
    | Quantas barras há no gráfico?""",
    "Há {number} barras. | {number}. | O gráfico tem {number} barras.",
)
TRANSLATE_NAME = _bank(
    """Como se diz «{br}» em Portugal? | Como se diz “{br}” em português europeu?
    | Que palavra se usa em Portugal em vez de “{br}”? | No Brasil diz-se {br}. E em Portugal?
    | Diz “{br}” em português de Portugal. | Qual é o equivalente de “{br}” em Portugal?
    | Como é que um português diz “{br}”? | Os brasileiros dizem {br}. E os portugueses?""",
    "Em Portugal diz-se {name}. | Diz-se {name}. | {name}.",
)
EXPLAIN = _bank(
    """O que {é} {um}? | Explica a palavra {name}. | O que significa {name}?
    | A que se liga a palavra {name}? | Que ideias associas a {name}?
    | Diz-me em poucas palavras o que {é} {um}.
    | Em que pensas quando ouves a palavra {name}? | Que palavras combinam com {name}?""",
    "{name} tem a ver com {keywords}. | Tem a ver com {keywords}. | Faz pensar em {keywords}.",
)
NAME_FOR = _bank(
    """Que coisa tem a ver com {keywords}? | Diz-me uma coisa ligada a {keywords}.
    | Em que pensas com estas palavras: {keywords}? | Adivinha: tem a ver com {keywords}.
    | Pensa em {keywords}. O que te vem à cabeça?
    | Qual é coisa, qual é ela, que tem a ver com {keywords}?
    | Dá um exemplo de uma coisa ligada a {keywords}.
    | O que te lembram estas palavras: {keywords}?""",
    "{um}. | Por exemplo, {um}. | Penso {num}.",
)
PLURAL = _bank(
    """Qual é o plural de {name}? | Como se escreve o plural de {name}?
    | Diz-me o plural de {name}. | Põe no plural: {name}. | Passa para o plural: {name}.
    | Qual é a forma plural de {name}? | Sabes o plural de {name}?
    | Há mais do que {um}. Como se diz no plural?""",
    "O plural é {plural}. | {plural}. | No plural diz-se {plural}.",
)
REWRITE = _bank(
    """Reescreve em português europeu: {text} | Passa para português de Portugal: {text}
    | Como se escreve isto em Portugal? {text}
    | Adapta este texto a leitores portugueses: {text}
    | Põe em português de Portugal: {text} | Como diria um português? {text}
    | Este texto está em português do Brasil. Escreve-o em português europeu: {text}
    | Converte para português europeu: {text}""",
    "{text} | Em português europeu: {text} | Em Portugal escreve-se assim: {text}",
)
TRANSLATE = _bank(
    """Traduz para português: {text} | Como se diz isto em português? {text}
    | Escreve em português: {text} | Traduz para português de Portugal: {text}
    | Passa de inglês para português: {text} | Qual é a tradução portuguesa? {text}
    | Diz isto em português: {text} | Traduz, por favor: {text}""",
    "{text} | Em português: {text} | A tradução é esta: {text}",
)
CONTINUE = _bank(
    """Continua o texto: {text} | Como continua este texto? {text} | Completa: {text}
    | Acaba a frase: {text} | Termina o texto: {text} | Escreve o que falta: {text}
    | Continua a escrever: {text} | Completa a frase que começa assim: {text}""",
    "{text} | … {text} | O texto continua assim: {text}",
)
ABOUT = _bank(
    """Explica em poucas palavras: {text} | Escreve uma frase sobre este tema: {text}
    | Fala-me deste tema: {text} | O que se pode dizer sobre isto? {text}
    | Escreve um parágrafo com este título: {text} | Ajuda-me com este tema: {text}
    | Diz-me o essencial sobre este assunto: {text}
    | Preciso de saber mais sobre isto: {text}""",
    "{text} | Eis o essencial: {text} | Em poucas palavras: {text}",
)
IDENTITY = _bank(
    """Quem és tu? | Como te chamas? | O que és? | Apresenta-te. | Qual é o teu nome?
    | Fala-me de ti. | Com quem estou a falar? | És uma pessoa ou um programa?
    | Diz-me quem és. | Que modelo és?""",
    """Sou a Amália, um modelo de linguagem aberto para o português europeu.
    | Chamo-me Amália. Sou um modelo de linguagem aberto para o português europeu.
    | Sou um modelo de linguagem aberto para o português europeu e chamo-me Amália.""",
)
ABILITY = _bank(
    """O que sabes fazer? | Em que me podes ajudar? | Para que serves? | O que consegues fazer?
    | Podes ajudar-me? | Que tarefas sabes fazer? | Como me podes ajudar?
    | O que é que fazes?""",
    """Respondo em português europeu, descrevo imagens e leio palavras.
    | Vejo imagens, leio o que está escrito e respondo em português europeu.
    | Posso descrever uma imagem, contar coisas, ler palavras e responder em português europeu.""",
)
NO_IMAGE = _bank(
    """O que vês na imagem? | Descreve a imagem. | O que está escrito na imagem?
    | Quantas coisas há na imagem? | O que mostra a fotografia?
    | De que cor é a barra mais alta? | O que é isto na imagem?
    | Lê o que está escrito na imagem.""",
    """Não vejo nenhuma imagem. Podes enviar uma? | Não recebi nenhuma imagem. Podes enviá-la?
    | Não sei, porque não vejo nenhuma imagem.""",
)
UNKNOWN = _bank(
    """Que horas são? | Que tempo faz hoje? | O que almocei hoje? | Onde deixei as chaves?
    | Quantos anos tenho? | Como se chama o meu vizinho? | Quem ganhou o jogo de ontem?
    | Em que rua moro? | Quem está à porta? | Que dia é hoje?""",
    "Não sei, não tenho como saber isso. | Isso não sei. | Não sei responder a isso.",
)
SMALL_TALK = (
    _bank(
        "Olá! | Olá, Amália! | Viva! | Ora viva!",
        "Olá! Em que posso ajudar? | Olá! Diz-me em que posso ajudar.",
    ),
    _bank(
        "Bom dia! | Bom dia, Amália!",
        "Bom dia! Em que posso ajudar? | Bom dia! Diz-me do que precisas.",
    ),
    _bank(
        "Boa tarde! | Boa tarde, Amália!",
        "Boa tarde! Em que posso ajudar? | Boa tarde! Diz-me do que precisas.",
    ),
    _bank(
        "Boa noite! | Boa noite, Amália!",
        "Boa noite! Em que posso ajudar? | Boa noite! Diz-me do que precisas.",
    ),
    _bank(
        "Tudo bem? | Como estás? | Como vais?",
        "Tudo bem, obrigada. E contigo? | Estou bem, obrigada.",
    ),
    _bank(
        "Obrigado! | Obrigada! | Muito obrigado.", "De nada! | Não tens de quê. | Sempre às ordens!"
    ),
    _bank("Adeus! | Até logo! | Até amanhã!", "Até à próxima! | Adeus e até breve! | Até breve!"),
)
SYSTEM = _forms(
    """És a Amália, um modelo de linguagem aberto para o português europeu.
    | Responde em português europeu.
    | És a Amália. Responde de forma breve, em português de Portugal.
    | Responde de forma curta e correta."""
)
