"""Pairs of sentences that say the same in the grammar of Portugal and in that of Brazil.

Software translations hardly ever have a first or second person, a past, or a clitic. These pairs have little else: one
difference each, on words of everyday life. Written by us
; the differences are those grammars of the two varieties
describe.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

Pair = tuple[str, str]

# infinitive, gerund, I did, (s)he did, (s)he does, we did (Portugal)
_VERBS = [
    line.split()
    for line in """
comprar comprando comprei comprou compra comprámos
falar falando falei falou fala falámos
jantar jantando jantei jantou janta jantámos
trabalhar trabalhando trabalhei trabalhou trabalha trabalhámos
estudar estudando estudei estudou estuda estudámos
cozinhar cozinhando cozinhei cozinhou cozinha cozinhámos
procurar procurando procurei procurou procura procurámos
esperar esperando esperei esperou espera esperámos
ajudar ajudando ajudei ajudou ajuda ajudámos
levar levando levei levou leva levámos
chegar chegando cheguei chegou chega chegámos
começar começando comecei começou começa começámos
olhar olhando olhei olhou olha olhámos
chamar chamando chamei chamou chama chamámos
tratar tratando tratei tratou trata tratámos
preparar preparando preparei preparou prepara preparámos
ler lendo li leu lê lemos
escrever escrevendo escrevi escreveu escreve escrevemos
correr correndo corri correu corre corremos
comer comendo comi comeu come comemos
beber bebendo bebi bebeu bebe bebemos
aprender aprendendo aprendi aprendeu aprende aprendemos
fazer fazendo fiz fez faz fizemos
dizer dizendo disse disse diz dissemos
ver vendo vi viu vê vimos
ter tendo tive teve tem tivemos
perder perdendo perdi perdeu perde perdemos
vender vendendo vendi vendeu vende vendemos
crescer crescendo cresci cresceu cresce crescemos
dormir dormindo dormi dormiu dorme dormimos
sair saindo saí saiu sai saímos
ouvir ouvindo ouvi ouviu ouve ouvimos
subir subindo subi subiu sobe subimos
dividir dividindo dividi dividiu divide dividimos
pedir pedindo pedi pediu pede pedimos
construir construindo construí construiu constrói construímos
rir rindo ri riu ri rimos
cair caindo caí caiu cai caímos
""".splitlines()
    if line
]
_AFTER = """em casa|na cozinha|com os amigos|desde manhã|há muito tempo|devagar|outra vez|sozinho
|com a família|um livro
|a carta|o almoço|a tarde inteira|sem parar|na rua|para o exame|as notícias|na escola|no trabalho
|tudo""".replace("\n", "").split("|")
_WHO = """Ele|Ela|A Ana|O Pedro|A professora|O médico|O vizinho|A polícia|O governo|O presidente
|A empresa|O avô|A mãe|O rapaz
|Um amigo|Uma senhora|O tribunal|O autor|A rainha|Alguém ali""".replace("\n", "").split("|")
_THEY = """Eles|Elas|Os alunos|Os pais|As crianças|Os jogadores|Os cientistas|Os moradores
|As testemunhas""".replace("\n", "").split("|")
_MALE = """carro|pai|irmão|trabalho|livro|amigo|filho|nome|quarto|cão|país|dinheiro|médico|problema|avô
|marido|tempo|corpo|jardim
|computador|discurso|romance|projeto|advogado|plano""".replace("\n", "").split("|")
_FEMALE = """mãe|casa|irmã|vida|mulher|filha|amiga|cidade|avó|ideia|família|mala|roupa|saúde|opinião
|obra|empresa|conta|viagem|aldeia
|rua|voz|mão|escola|história""".replace("\n", "").split("|")
_PLACES_M = """médico|supermercado|cinema|mercado|banco|teatro|dentista|restaurante|hospital|jardim|parque
|centro""".replace("\n", "").split("|")
_PLACES_F = (
    "praia|escola|farmácia|festa|igreja|feira|padaria|biblioteca|loja|piscina|reunião|cidade".split(
        "|"
    )
)
_DAYS = "segunda-feira|terça-feira|quarta-feira|quinta-feira|sexta-feira".split("|")
_TIMES = "dois anos|três dias|muito tempo|uma semana|seis meses|dez minutos|poucas horas|um século".split(
    "|"
)
# With -me, -te, -lhe, -nos in Portugal: what (s)he did, and what follows.
_GAVE = """deu|um livro;disse|a verdade;mostrou|a casa;pediu|ajuda;contou|uma história;trouxe|um café
;ofereceu|flores;explicou|tudo
;perguntou|as horas;emprestou|dinheiro;telefonou|ontem;escreveu|uma carta;ensinou|a nadar
;pareceu|cansado;mandou|uma mensagem
;prometeu|voltar;vendeu|o carro;respondeu|logo;fez|um favor;roubou|a carteira;enviou|o relatório
;causou|problemas""".replace("\n", "")
_SELF = """levantou|cedo;sentou|à mesa;esqueceu|do nome;lembrou|de tudo;casou|em maio;chama|Rui
;deitou|tarde;queixou|do frio
;apaixonou|por ela;tornou|famoso;mudou|para o Porto;encontra|fechado;realizou|ontem;transformou|em gelo
;formou|em direito
;aproximou|da porta;riu|muito;vestiu|depressa;demitiu|ontem;refere|ao passado;deve|ao calor
;despediu|de todos;perdeu|na serra
;reuniu|em Lisboa;recusou|a falar;dirigiu|à saída;tratava|de um erro;ouvia|o mar""".replace(
    "\n", ""
)
# Sentences whose difference is one of person, question or custom.
_AS_WRITTEN = """
O que achas?|O que você acha?
Tens a certeza?|Você tem certeza?
Tenho a certeza.|Tenho certeza.
Queres vir comigo?|Você quer vir comigo?
Podes ajudar-me?|Você pode me ajudar?
Pode ajudar-me, por favor?|Pode me ajudar, por favor?
Quando é que chegas?|Quando você chega?
Onde é que moras?|Onde você mora?
Porque é que não vens?|Por que você não vem?
Porque choras?|Por que você está chorando?
Como é que te chamas?|Como você se chama?
Como te chamas?|Qual é o seu nome?
Tu sabes muito bem.|Você sabe muito bem.
Já comeste?|Você já comeu?
Foste tu que disseste isso.|Foi você que disse isso.
Vou contigo.|Vou com você.
Falei de ti.|Falei de você.
Isto é para ti.|Isso é para você.
Falo convosco amanhã.|Falo com vocês amanhã.
O vosso pedido foi aceite.|O seu pedido foi aceito.
A vossa casa é bonita.|A casa de vocês é bonita.
Gosto muito de vos ver.|Gosto muito de ver vocês.
Eu amo-te.|Eu te amo.
Amo-te.|Te amo.
Diz-me uma coisa.|Me diz uma coisa.
Diga-me uma coisa.|Me diga uma coisa.
Dá-me um copo de água.|Me dá um copo de água.
Dê-me só um minuto.|Me dê só um minuto.
Desculpa lá.|Me desculpa.
Desculpe incomodar.|Desculpe o incômodo.
Chamo-me Marta.|Me chamo Marta.
Lembras-te dela?|Você se lembra dela?
Lembro-me bem desse dia.|Me lembro bem desse dia.
Esqueci-me das chaves.|Esqueci as chaves.
Sinto-me cansado.|Me sinto cansado.
Parece-me bem.|Me parece bem.
Apetece-me um café.|Estou com vontade de tomar um café.
Dói-me a cabeça.|Estou com dor de cabeça.
Doem-me as pernas.|Minhas pernas estão doendo.
Deixa-me em paz.|Me deixa em paz.
Liga-me logo.|Me liga mais tarde.
Cala-te!|Cala a boca!
Vai-te embora.|Vai embora.
Fui-me embora.|Fui embora.
Vou-me embora.|Vou embora.
Vamos lá.|Vamos.
Anda cá.|Vem cá.
Vê lá se te lembras.|Vê se você lembra.
Então, está tudo bem?|E aí, tudo bem?
Está tudo bem contigo?|Tudo bem com você?
Vemo-nos amanhã.|A gente se vê amanhã.
Vamos ao cinema logo à noite.|A gente vai ao cinema hoje à noite.
Nós gostamos disto.|A gente gosta disso.
Vi-o ontem na rua.|Vi ele ontem na rua.
Encontrei-a na praça.|Encontrei ela na praça.
Não o conheço.|Não conheço ele.
Vou vê-los amanhã.|Vou ver eles amanhã.
Deixa-o falar.|Deixa ele falar.
Comprei-o ontem.|Comprei ontem.
Telefona-lhe.|Liga para ele.
Disse-lhe que não.|Disse a ele que não.
Dei-lhes o dinheiro.|Dei o dinheiro a eles.
Havia muita gente na praça.|Tinha muita gente na praça.
Há um café ali à esquina.|Tem um café ali na esquina.
Já não há pão.|Não tem mais pão.
Já não trabalho lá.|Não trabalho mais lá.
Nunca mais o vi.|Nunca mais vi ele.
Ainda bem que vieste.|Que bom que você veio.
Com certeza que sim.|Claro que sim.
De certeza que vai chover.|Com certeza vai chover.
Toda a gente sabe isso.|Todo mundo sabe disso.
Todos os dias é a mesma coisa.|Todo dia é a mesma coisa.
É mais pequeno do que pensava.|É menor do que eu pensava.
Um pouco mais pequena.|Um pouco menor.
Se eu pudesse, comprava uma casa.|Se eu pudesse, compraria uma casa.
Gostava de falar consigo.|Gostaria de falar com o senhor.
Eu queria um quilo de arroz, se faz favor.|Eu queria um quilo de arroz, por favor.
Preciso de falar com ele.|Preciso falar com ele.
Precisas de ajuda?|Você precisa de ajuda?
Tenho de ir.|Tenho que ir.
Temos de acabar isto hoje.|Temos que acabar isso hoje.
Hás de ver.|Você vai ver.
Isto é muito bom.|Isso é muito bom.
O que é isto?|O que é isso?
O que é que se passa?|O que está acontecendo?
O que aconteceu a seguir?|O que aconteceu em seguida?
Ao fim e ao cabo, tinhas razão.|No fim das contas, você tinha razão.
Ele é dos que mais trabalham.|Ele é um dos que mais trabalham.
Faltam cinco para as oito.|Faltam cinco minutos para as oito.
São oito menos um quarto.|São quinze para as oito.
São duas e meia da tarde.|São duas e meia da tarde, né?
Estou sim?|Alô?
Está lá?|Alô?
Até à próxima.|Até a próxima.
Até amanhã às nove.|Até amanhã, às nove.
Boa noite a todos.|Boa noite para todos.
Com os melhores cumprimentos.|Atenciosamente.
Os meus sinceros cumprimentos.|Atenciosamente.
Exmo. Senhor Diretor|Ilmo. Sr. Diretor
Caro senhor, venho por este meio pedir uma informação.|Prezado senhor, venho por meio desta pedir uma informação.
Nos termos do artigo 5.º da lei.|Nos termos do art. 5º da lei.
O 1.º lugar foi nosso.|O 1º lugar foi nosso.
Estou farto disto.|Estou cheio disso.
Ficaste zangado comigo?|Você ficou bravo comigo?
Que horas são aí?|Que horas são aí, gente?
Espera aí um bocadinho.|Espera aí um pouquinho.
Ora bem, vamos começar.|Bom, vamos começar.
Pois, é verdade.|É, é verdade.
Olha, não sei.|Olha só, não sei.
Não faz mal.|Não tem problema.
Não percebi nada.|Não entendi nada.
Percebes o que digo?|Você entende o que eu digo?
Estás a perceber?|Você está entendendo?
A sério?|Sério?
Fica já ali.|Fica logo ali.
Anda, despacha-te!|Vem, anda logo!
Põe aqui.|Bota aqui.
Pôs o prato na mesa.|Colocou o prato na mesa.
Tirei uma fotografia.|Tirei uma foto.
Mandaram-no embora.|Mandaram ele embora.
Perguntou-me se queria jantar.|Me perguntou se eu queria jantar.
Vendem-se apartamentos.|Vende-se apartamentos.
Dir-se-ia que vai chover.|Parece que vai chover.
Far-se-á justiça.|A justiça será feita.
Dar-lhe-ei uma resposta.|Eu lhe darei uma resposta.
Chamá-lo-ei mais tarde.|Vou chamar ele mais tarde.
Ter-se-á enganado.|Ele deve ter se enganado.
"""


def grammar_pairs(seed: int = 0, times: int = 40) -> Iterator[Pair]:
    """Give pairs of a pt-PT and a pt-BR sentence: those written out, and ``times`` of every pattern."""
    for line in _AS_WRITTEN.strip().splitlines():
        ours, theirs = line.split("|")
        yield ours, theirs
    rng = random.Random(seed)
    for _ in range(times):
        yield from _progressives(rng)
        yield from _clitics(rng)
        yield from _possessives(rng)
        yield from _persons(rng)
        yield from _prepositions(rng)


def _progressives(rng: random.Random) -> Iterator[Pair]:
    after = rng.choice(_AFTER)
    for who, auxiliary in (
        (rng.choice(_WHO), rng.choice(("está", "estava", "continua", "esteve", "anda", "ficou"))),
        (rng.choice(_THEY), rng.choice(("estão", "estavam", "continuam", "andam", "ficaram"))),
        ("", rng.choice(("Estou", "Estava", "Estamos", "Estávamos", "Continuo", "Fiquei"))),
    ):
        infinitive, gerund = rng.choice(_VERBS)[:2]
        start = f"{who} {auxiliary}".strip()
        yield f"{start} a {infinitive} {after}.", f"{start} {gerund} {after}."
    infinitive, gerund = rng.choice(_VERBS)[:2]
    who = rng.choice(_WHO)
    yield f"Vi a Rita a {infinitive} {after}.", f"Vi a Rita {gerund} {after}."
    yield f"{who} passou o dia a {infinitive}.", f"{who} passou o dia {gerund}."
    yield f"Há quem acabe por {infinitive} {after}.", f"Tem quem acabe {gerund} {after}."


def _clitics(rng: random.Random) -> Iterator[Pair]:
    clitic = rng.choice(("me", "nos", "lhe", "te"))
    for _ in range(2):
        verb, rest = rng.choice(_GAVE.split(";")).split("|")
        who = rng.choice(_WHO)
        yield f"{who} {verb}-{clitic} {rest}.", f"{who} {clitic} {verb} {rest}."
        verb, rest = rng.choice(_SELF.split(";")).split("|")
        yield f"{who} {verb}-se {rest}.", f"{who} se {verb} {rest}."
    verb, rest = rng.choice(_GAVE.split(";")).split("|")
    yield f"E {verb}-{clitic} {rest}.", f"E {clitic} {verb} {rest}."
    yield f"Depois {verb}-{clitic} {rest}.", f"Depois {clitic} {verb} {rest}."
    infinitive = rng.choice(("dizer", "mostrar", "pedir", "contar", "dar", "explicar", "oferecer"))
    before = rng.choice(
        ("Quero", "Vou", "Queria", "Preciso de", "Posso", "Vamos", "Ele vai", "Ela quer")
    )
    bare = before.removesuffix(" de")
    yield f"{before} {infinitive}-te uma coisa.", f"{bare} te {infinitive} uma coisa."
    yield f"{before} {infinitive}-lhe tudo.", f"{bare} lhe {infinitive} tudo."
    who = rng.choice(_WHO)
    yield f"{who} tinha-se esquecido de mim.", f"{who} tinha se esquecido de mim."
    yield f"{who} vai-se embora amanhã.", f"{who} vai embora amanhã."


def _possessives(rng: random.Random) -> Iterator[Pair]:
    male, female = rng.choice(_MALE), rng.choice(_FEMALE)
    his, her = rng.choice((("meu", "minha"), ("seu", "sua"), ("nosso", "nossa")))
    verb = rng.choice(
        ("é novo", "não está cá", "chegou ontem", "custou muito", "está bem", "mudou")
    )
    yield f"O {his} {male} {verb}.", f"{his.capitalize()} {male} {verb}."
    yield f"A {her} {female} vai bem.", f"{her.capitalize()} {female} vai bem."
    yield f"Gosto do {his} {male}.", f"Gosto de {his} {male}."
    yield f"Penso na {her} {female}.", f"Penso em {her} {female}."
    yield f"Falou com a {her} {female}.", f"Falou com {her} {female}."
    yield f"Deixou o {his} {male} em casa.", f"Deixou {his} {male} em casa."
    yield f"O teu {male} é bonito.", f"Seu {male} é bonito."
    yield f"Onde está a tua {female}?", f"Onde está sua {female}?"


def _persons(rng: random.Random) -> Iterator[Pair]:
    infinitive, gerund, _, did, does, we_did = rng.choice(_VERBS)
    after = rng.choice(_AFTER)
    if infinitive.endswith("ar"):
        yield f"Ontem {we_did} {after}.", f"Ontem nós {infinitive[:-1]}mos {after}."
        yield f"Tu {infinitive[:-1]}ste {after}?", f"Você {did} {after}?"
    yield f"Nós {we_did} {after}.", f"A gente {did} {after}."
    yield f"Podes {infinitive} {after}?", f"Você pode {infinitive} {after}?"
    yield f"Vais {infinitive} {after}?", f"Você vai {infinitive} {after}?"
    yield f"Queres {infinitive} {after}?", f"Você quer {infinitive} {after}?"
    yield f"Estás a {infinitive} {after}?", f"Você está {gerund} {after}?"
    yield f"Tens de {infinitive} {after}.", f"Você tem que {infinitive} {after}."
    yield f"Se quiseres, podes {infinitive}.", f"Se você quiser, pode {infinitive}."
    yield f"Alguém {does} aí?", f"Tem alguém {gerund} aí?"


def _prepositions(rng: random.Random) -> Iterator[Pair]:
    male, female = rng.choice(_PLACES_M), rng.choice(_PLACES_F)
    yield f"Vou ao {male}.", f"Vou no {male}."
    yield f"Fomos à {female} ontem.", f"Fomos na {female} ontem."
    yield "Cheguei a casa tarde.", "Cheguei em casa tarde."
    yield f"{rng.choice(_WHO)} voltou a casa.", f"{rng.choice(_WHO)} voltou para casa."
    yield f"Num {rng.choice(_MALE)} assim.", f"Em um {rng.choice(_MALE)} assim."
    yield f"Vive numa {female} pequena.", f"Vive em uma {female} pequena."
    yield f"Noutro {male} há mais.", f"Em outro {male} tem mais."
    yield f"Falou noutra {female}.", f"Falou em outra {female}."
    day, time = rng.choice(_DAYS), rng.choice(_TIMES)
    yield f"À {day} não trabalho.", f"Na {day} não trabalho."
    yield "Ao domingo dormimos até tarde.", "No domingo dormimos até tarde."
    yield f"Foi há {time}.", f"Foi {time} atrás."
    yield f"Moro aqui há {time}.", f"Moro aqui faz {time}."
    yield "Ficou à porta, à espera.", "Ficou na porta, esperando."
    yield "Está ao telefone.", "Está no telefone."
    yield f"Dentro de {time} está pronto.", f"Em {time} está pronto."
