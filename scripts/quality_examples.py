"""Good and bad texts for the quality score: prose of this repository, and what web pages have in its place.

Good text is help pages of the pack and the written sentences of ``variety_registers``, of both countries, sometimes
with a title, a menu line or a list as pages have them. Bad text is made of the same sentences, so that words alone do
not tell, and of templates written here. Everything is drawn from the generator that is passed in.
"""

from __future__ import annotations

import random
import string
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from amalia import pack

_REGISTERS = Path(__file__).with_name("variety_registers")
_MIN_SENTENCE_CHARS = 50
_MENU = (
    "Início|Quem somos|Sobre nós|Contactos|Contatos|Notícias|Agenda|Mapa do sítio|Pesquisa|Entrar|Registar|"
    "Perguntas frequentes|Loja|Carrinho|A minha conta|Ajuda|Serviços|Produtos|Parceiros|Galeria|Vídeos|Arquivo|"
    "Subscrever|Partilhar|Imprimir|Voltar ao topo|Ver mais|Ler mais|Anterior|Seguinte|Desporto|Política|Economia|"
    "Cultura|Opinião|Sociedade|Internacional|Emprego|Imobiliário|Classificados|Meteorologia|Ligações úteis|PT|EN|"
    "Português|English|Facebook|Twitter|RSS|Recursos humanos|Documentos|Downloads|Newsletter|Fale connosco"
).split("|")
_NOTICES = (
    "© {year} {name}. Todos os direitos reservados.|Este sítio utiliza cookies para melhorar a sua experiência.|"
    "Ao continuar a navegar está a aceitar a política de cookies.|Tem de ativar o JavaScript para ver esta página.|"
    "Sessão iniciada como visitante.|Esqueceu-se da palavra-passe?|Ainda não tem conta? Registe-se já.|"
    "Partilhe esta página: Facebook Twitter WhatsApp|0 comentários|Seja o primeiro a comentar!|Página {n} de {year}|"
    "Erro 404: a página que procura não existe.|Clique aqui para continuar.|Optimizado para 800x600.|"
    "Visitantes em linha: {n}|Última atualização: {n}-05-{year}|Desenvolvido por {name} Lda.|Termos e condições|"
    "Se não for redirecionado, carregue aqui.|Mensagens: {n} | Registado: {n} mai {year} | Local: {name}|"
    "Nenhum resultado encontrado para a sua pesquisa.|Mostrar {n} resultados por página|Enviar Limpar Cancelar|"
    "Nome: * Correio eletrónico: * Assunto: Mensagem:|Livro de reclamações|Campos assinalados com * são obrigatórios."
).split("|")
_THINGS = (
    "Mesa de centro|Cadeira dobrável|T2 remodelado|Moradia V3|Telemóvel livre|Portátil usado|Sapatilhas|Vestido azul|"
    "Bicicleta BTT|Frigorífico|Máquina de lavar|Apartamento T1|Carrinho de bebé|Relógio de homem|Mala de viagem"
).split("|")
_PLACES = (
    "Lisboa Porto Braga Faro Coimbra Évora Aveiro Viseu Setúbal Leiria Loulé Sintra Maia".split()
)
_BAIT = (
    "barato|grátis|comprar|online|melhor preço|promoção|desconto|download|Lisboa|Porto|hotel|voos baratos|crédito|"
    "empréstimo|emagrecer|dieta|filmes|jogos|telemóveis|usados|carros|casas|apartamentos|viagens|férias|seguro auto"
).split("|")


@dataclass(frozen=True, slots=True)
class Example:
    """A text, what it is an example of, and which part of the sources it was made of."""

    text: str
    kind: str
    is_good: bool
    source: str
    """A register, or the beginning of the name of a help page; parts are left out whole to examine."""


def examples(rng: random.Random, *, each: int) -> list[Example]:
    """Give all help pages with enough prose, ``2 · each`` texts of every register, and ``each`` of every bad kind."""
    pages, registers = _pages(), _registers()
    found = []
    for source, paragraphs in sorted(pages.items()):
        found += [Example(_dressed(rng, some), "help", True, source) for some in paragraphs]
    for name, sentences in sorted(registers.items()):
        texts = [_dressed(rng, _prose(rng, sentences)) for _ in range(2 * each)]
        found += [Example(text, name, True, name) for text in texts]
    sources = {
        **registers,
        **{name: [s for page in some for s in page] for name, some in pages.items()},
    }
    names = sorted(sources)
    for kind, make in BAD.items():
        for _ in range(each):
            source = rng.choice(names)
            found.append(Example(make(rng, sources[source]), kind, False, source))
    return [example for example in found if len(example.text.split()) >= 15]


def _pages() -> dict[str, list[list[str]]]:
    pages: dict[tuple[str, str], list[str]] = {}
    for paragraph in pack.paragraphs():
        for side, text in (("pt", paragraph.pt_pt), ("br", paragraph.pt_br)):
            if len(text) >= _MIN_SENTENCE_CHARS and text[-1] in ".:!?" and text[0].isupper():
                pages.setdefault((paragraph.page, side), []).append(text)
    found: dict[str, list[list[str]]] = {}
    for (page, _), paragraphs in pages.items():
        if len(paragraphs) >= 2:
            found.setdefault(page.rpartition("/")[0] or page, []).append(paragraphs)
    return found


def _registers() -> dict[str, list[str]]:
    found = {}
    for file in sorted(_REGISTERS.glob("*.tsv")):
        pairs = [line.split("\t") for line in file.read_text("utf-8").splitlines() if line.strip()]
        found[file.stem] = [side for pair in pairs for side in pair]
    return found


def _prose(rng: random.Random, sentences: Sequence[str]) -> list[str]:
    side = rng.randrange(2)
    some = [
        sentences[2 * rng.randrange(len(sentences) // 2) + side] for _ in range(rng.randint(3, 30))
    ]
    paragraphs, at = [], 0
    while at < len(some):
        num = rng.randint(1, 6)
        paragraphs.append(" ".join(some[at : at + num]))
        at += num
    return paragraphs


def _dressed(rng: random.Random, paragraphs: Sequence[str]) -> str:
    """Give paragraphs as pages have them: now and then with a title, a list, a line of a menu, a notice."""
    lines = list(paragraphs)
    if rng.random() < 0.4:
        lines.insert(
            0, " ".join(rng.choice(paragraphs).split()[: rng.randint(2, 7)]).rstrip(".,;:")
        )
    if rng.random() < 0.25:
        items = [
            " ".join(rng.choice(paragraphs).split()[: rng.randint(3, 9)])
            for _ in range(rng.randint(2, 6))
        ]
        lines[1:1] = [f"- {item}" for item in items]
    if rng.random() < 0.3:
        lines.insert(rng.choice([0, len(lines)]), rng.choice([*_MENU, _notice(rng)]))
    return rng.choice(["\n", "\n\n"]).join(lines)


def _notice(rng: random.Random) -> str:
    name = "".join(rng.choices(string.ascii_uppercase, k=4)).capitalize()
    return rng.choice(_NOTICES).format(
        year=rng.randint(1996, 2024), n=rng.randint(1, 31), name=name
    )


def _words(rng: random.Random, sentences: Sequence[str], low: int, high: int) -> list[str]:
    num = rng.randint(low, high)
    found: list[str] = []
    while len(found) < num:
        found += rng.choice(sentences).split()
    return found[:num]


def _shuffled(rng: random.Random, sentences: Sequence[str]) -> str:
    found = _words(rng, sentences, 40, 400)
    rng.shuffle(found)
    width = rng.randint(8, 60)
    return "\n".join(" ".join(found[at : at + width]) for at in range(0, len(found), width))


def _chained(rng: random.Random, sentences: Sequence[str]) -> str:
    """Give text in which every word has followed the one before it somewhere: fluent in pairs, nonsense as a whole."""
    found = _words(rng, sentences, 1500, 3000)
    after: dict[str, list[str]] = {}
    for one, other in pairwise(found):
        after.setdefault(one.lower(), []).append(other)
    made = [rng.choice(found)]
    for _ in range(rng.randint(60, 300)):
        made.append(rng.choice(after.get(made[-1].lower()) or found))
    return " ".join(made)


def _menu(rng: random.Random, sentences: Sequence[str]) -> str:
    share = rng.random()  # some menus are all of their own page
    items = [
        rng.choice(_MENU) if rng.random() < share else _beginning(rng, sentences, 1, 4)
        for _ in range(rng.randint(12, 90))
    ]
    return rng.choice(["\n", "\n", " | ", " » ", " "]).join(items)


def _fragments(rng: random.Random, sentences: Sequence[str]) -> str:
    """Give a list of headings or items that no sentence explains."""
    marks = rng.choice([[""], [""], ["- "], ["• "], ["» "], ["- ", "• ", ""]])
    longest = rng.randint(4, 18)
    lines = [
        rng.choice(marks) + _beginning(rng, sentences, 3, longest)
        for _ in range(rng.randint(6, 50))
    ]
    return "\n".join(lines)


def _beginning(rng: random.Random, sentences: Sequence[str], low: int, high: int) -> str:
    return " ".join(rng.choice(sentences).split()[: rng.randint(low, high)]).strip(".,;:")


def _keywords(rng: random.Random, sentences: Sequence[str]) -> str:
    topic = rng.sample(_BAIT, 6) + _words(rng, sentences, 3, 6)
    found = rng.choices(topic, k=rng.randint(30, 250))
    return rng.choice([", ", " ", " - "]).join(found)


def _listing(rng: random.Random, sentences: Sequence[str]) -> str:
    lines = []
    for _ in range(rng.randint(6, 50)):
        line = f"{rng.choice(_THINGS)} {rng.choice(_PLACES)} {rng.randint(1, 9)}{rng.randint(0, 99):02} €"
        more = rng.choice(
            [
                "",
                " Ver mais",
                " Adicionar ao carrinho",
                f" {rng.randint(1, 28)}-0{rng.randint(1, 9)}-2015",
                " Ref. " + str(rng.randint(100, 9999)),
            ]
        )
        lines.append(line + more)
    if rng.random() < 0.5:
        lines.insert(0, rng.choice(sentences))
    return "\n".join(lines)


def _boilerplate(rng: random.Random, sentences: Sequence[str]) -> str:
    lines = [_notice(rng) for _ in range(rng.randint(5, 25))]
    lines += [rng.choice(_MENU) for _ in range(rng.randint(3, 20))]
    lines += [rng.choice(sentences)] * (rng.random() < 0.5)
    rng.shuffle(lines)
    return "\n".join(lines)


def _truncated(rng: random.Random, sentences: Sequence[str]) -> str:
    marks = ["...", "…", " [...]", " (ler mais)", ""]
    marks = rng.choice([marks, [rng.choice(marks)]])
    lines = []
    for _ in range(rng.randint(4, 40)):
        line = rng.choice(sentences)
        lines.append(line[: rng.randint(15, 60)].rstrip() + rng.choice(marks))
    return "\n".join(lines)


def _repeated(rng: random.Random, sentences: Sequence[str]) -> str:
    some = [rng.choice(sentences) for _ in range(rng.randint(1, 4))]
    return rng.choice([" ", "\n"]).join(rng.choices(some, k=rng.randint(8, 40)))


def _garbled(rng: random.Random, sentences: Sequence[str]) -> str:
    """Give letters exchanged as bad recognition and broken encodings have them."""
    text = " ".join(rng.choice(sentences) for _ in range(rng.randint(3, 15)))
    share, signs = rng.uniform(0.08, 0.3), string.ascii_letters + "|¬~^°�Ã©§»"
    return "".join(rng.choice(signs) if rng.random() < share else letter for letter in text)


def _code(rng: random.Random, sentences: Sequence[str]) -> str:
    names = [word.strip('.,;:()«»"').lower() or "x" for word in _words(rng, sentences, 8, 20)]
    forms = (
        "var {a} = document.getElementById('{b}');",
        "if ({a} == {n}) {{ {b}.show(); }}",
        "<td class={a}>{b}</td>",
        ".{a} {{ margin: {n}px; color: #{n}{n}; }}",
        "// {a} {b}",
        "SELECT {a} FROM {b} WHERE id={n};",
        "}}",
    )
    return "\n".join(
        rng.choice(forms).format(a=rng.choice(names), b=rng.choice(names), n=rng.randint(0, 99))
        for _ in range(rng.randint(8, 60))
    )


def _forum(rng: random.Random, sentences: Sequence[str]) -> str:
    lines = []
    for _ in range(rng.randint(4, 20)):
        lines += [
            f"user{rng.randint(1, 999)} escreveu:",
            _notice(rng),
            rng.choice(
                ["up", "lol", "boas", "+1", "obrigado", "mt fixe", "k dixes?? kkkk", "alguem??"]
            ),
        ]
        lines += [rng.choice(sentences)] * (rng.random() < 0.2)
    return "\n".join(lines)


def _numbers(rng: random.Random, sentences: Sequence[str]) -> str:
    heads = _words(rng, sentences, 3, 6)
    rows = [
        " ".join(str(rng.randint(0, 9999)) for _ in heads) + " " + rng.choice(heads)
        for _ in range(rng.randint(5, 40))
    ]
    return "\n".join([" ".join(heads), *rows])


BAD: dict[str, Callable[[random.Random, Sequence[str]], str]] = {
    "shuffled words": _shuffled,
    "chained words": _chained,
    "menu": _menu,
    "fragments": _fragments,
    "key words": _keywords,
    "listing": _listing,
    "notices": _boilerplate,
    "cut lines": _truncated,
    "repeated": _repeated,
    "garbled": _garbled,
    "code": _code,
    "forum": _forum,
    "numbers": _numbers,
}
"""What web pages have in place of prose, by name."""
