"""The words that tell pt-PT from pt-BR: their table, their inflection, and which count."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pytest

import amalia.variety.lexicon as lexicon_module
from amalia.variety.lexicon import Entry, Lexicon, Row, forms, rows, words_of

KINDS = ("spelling", "lexicon", "collocation")
NEITHER = "none"
WRITTEN_IN_BOTH = (
    "fato fatos rapariga propina apelido comboio esquisito camisola camisa bala celular arquivo tela senha "
    "site legal cara moça time polícia policial medo pia grama durex bicha cuecas canalização controle "
    "controlo ligação separador aplicação definições gestor médio canto quinta irão terno banco dados "
    "exceção aspecto recepção ótimo cadastro cheque acesso monitores palestina checa peão fixe giro "
    "frigorífico rato base cancro caracteres moto corretor câmara sumo gelado"
)


@pytest.fixture(scope="module")
def lexicon() -> Lexicon:
    return Lexicon.load()


def entry_of(lexicon: Lexicon, phrase: str) -> Entry | None:
    """The entry that is exactly this phrase."""
    words = words_of(phrase)
    entry = lexicon.at(words, 0)
    return entry if entry is not None and entry.words == words else None


def row(pt_pt: str, pt_br: str, inflect: str = "-", sign: str = "both", safe: bool = True) -> Row:
    return Row(pt_pt, pt_br, "lexicon", inflect, sign, safe, "authored")


@pytest.mark.parametrize(
    ("singular", "plural"),
    [
        ("autocarro", "autocarros"),
        ("camião", "camiões"),
        ("viagem", "viagens"),
        ("aluguel", "aluguéis"),
        ("hospital", "hospitais"),
        ("subtil", "subtis"),
        ("percetível", "percetíveis"),
        ("girassol", "girassóis"),
        ("utilizador", "utilizadores"),
        ("ônibus", "ônibus"),
        ("lápis", "lápis"),
        ("polonês", "poloneses"),
        ("rapaz", "rapazes"),
        ("xerox", "xerox"),
        ("elétron", "elétrons"),
        ("chupa-chupa", "chupa-chupas"),
        ("telefone celular", "telefones celulares"),
        ("café da manhã", "cafés da manhã"),
        ("história em quadrinhos", "histórias em quadrinhos"),
        ("carta de condução", "cartas de condução"),
        ("lápis de cera", "lápis de cera"),
    ],
)
def test_plurals(singular: str, plural: str) -> None:
    assert forms(singular, "x", "n") == [(singular, "x"), (plural, "x")]


def test_a_plural_may_be_given() -> None:
    assert forms("pequeno-almoço/pequenos-almoços", "café da manhã", "n") == [
        ("pequeno-almoço", "café da manhã"),
        ("pequenos-almoços", "cafés da manhã"),
    ]


def test_adjectives_have_four_forms_that_may_coincide() -> None:
    assert forms("canadiano", "canadense", "a") == [
        ("canadiano", "canadense"),
        ("canadiana", "canadense"),
        ("canadianos", "canadenses"),
        ("canadianas", "canadenses"),
    ]


@pytest.mark.parametrize(
    ("pt_pt", "pt_br", "pairs"),
    [
        (
            "planear",
            "planejar",
            "planeio/planejo planeia/planeja planeamos/planejamos planeiem/planejem "
            "planeámos/x planeou/planejou planeava/planejava planeará/planejará planearei/planejarei "
            "planeasse/planejasse planearem/planejarem planeando/planejando planeadas/planejadas",
        ),
        ("partilhar", "compartilhar", "partilhas/compartilhas partilharia/compartilharia"),
        ("contactar", "contatar", "contacto/contato contacte/contate"),
        ("descolar", "decolar", "descolaram/decolaram descolei/decolei"),
        ("comunicar", "avisar", "comunique/avise comuniquei/avisei comunico/aviso"),
        ("humedecer", "umedecer", "humedeço/umedeço humedece/umedece humedeceu/umedeceu"),
        ("gerir", "gerenciar", "giro/gerencio gere/gerencia giram/gerenciem geriu/gerenciou"),
        ("gerir", "gerenciar", "gerido/gerenciado gerindo/gerenciando geria/gerenciava"),
    ],
)
def test_verbs(pt_pt: str, pt_br: str, pairs: str) -> None:
    made = forms(pt_pt, pt_br, "v")
    for ours, theirs in (pair.split("/") for pair in pairs.split()):
        # The preterite with nós is Portugal's alone and another rule's.
        assert ((ours, theirs) in made) == (theirs != "x")


def test_the_object_of_a_verb_stays() -> None:
    made = forms("apanhar o comboio", "pegar o trem", "v")
    assert ("apanhou o comboio", "pegou o trem") in made
    assert ("apanhes o comboio", "pegues o trem") in made


@pytest.mark.parametrize(
    ("phrase", "suggests", "instead"),
    [
        ("autocarros", "pt-PT", None),
        ("ônibus", "pt-BR", "autocarro"),
        ("cafés da manhã", "pt-BR", "pequenos-almoços"),
        ("compartilhou", "pt-BR", "partilhou"),
        ("econômicas", "pt-BR", "económicas"),
        ("neurónios", "pt-PT", None),
        ("perspetivas", "pt-PT", None),
        ("facto", "pt-PT", None),
        ("freqüentemente", "pt-BR", "frequentemente"),
        ("idéias", "pt-BR", "ideias"),
        ("Moscou", "pt-BR", "Moscovo"),
        ("dezesseis", "pt-BR", "dezasseis"),
        ("elétrons", "pt-BR", "eletrões"),
        ("guarda-redes", "pt-PT", None),
        ("toda semana", "pt-BR", "todas as semanas"),
        ("chegou em casa", "pt-BR", "chegou a casa"),
        ("tomei o pequeno-almoço", "pt-PT", None),
        ("deixa o celular", None, None),
    ],
)
def test_what_words_tell(
    lexicon: Lexicon, phrase: str, suggests: str | None, instead: str | None
) -> None:
    entry = entry_of(lexicon, phrase)
    assert (entry.suggests if entry else None) == suggests
    assert (entry.instead if entry else None) == instead


@pytest.mark.parametrize("word", WRITTEN_IN_BOTH.split())
def test_what_both_countries_write_tells_nothing(lexicon: Lexicon, word: str) -> None:
    assert lexicon.at([word], 0) is None


def test_the_longest_entry_counts(lexicon: Lexicon) -> None:
    tokens = words_of("Ontem tomou café da manhã no ônibus espacial")
    assert lexicon.at(tokens, 0) is None
    assert entry_at(lexicon, tokens, 1) == "tomou café da manhã"
    assert entry_at(lexicon, tokens, 2) == "café da manhã"
    assert entry_at(lexicon, tokens, 6) == "ônibus espacial"
    assert entry_at(lexicon, tokens[:-1], 6) == "ônibus"


def entry_at(lexicon: Lexicon, tokens: tuple[str, ...], position: int) -> str | None:
    entry = lexicon.at(tokens, position)
    return " ".join(entry.words) if entry else None


def test_trains_do_not_land(lexicon: Lexicon) -> None:
    entry = entry_of(lexicon, "trem de aterragem")
    assert entry is not None
    assert entry.suggests == "pt-PT"


def test_a_form_on_both_sides_is_no_sign() -> None:
    lexicon = Lexicon.of([row("checo", "tcheco", "a"), row("verificar", "checar", "v")])
    assert entry_of(lexicon, "checo") is None
    assert entry_of(lexicon, "tcheca") is not None
    assert entry_of(lexicon, "checaram") is not None


def test_sides_that_are_equal_are_no_sign() -> None:
    lexicon = Lexicon.of([row("carácter/caracteres", "caráter/caracteres", "n")])
    assert entry_of(lexicon, "carácter") is not None
    assert entry_of(lexicon, "caracteres") is None


def test_a_row_says_which_side_is_a_sign() -> None:
    lexicon = Lexicon.of([row("fato", "terno", sign="br"), row("facto", "fato", sign="pt")])
    assert set(lexicon.by_first) == {"terno", "facto"}


def test_of_two_rows_the_first_counts() -> None:
    lexicon = Lexicon.of([row("boleia", "carona"), row("viagem", "carona", safe=False)])
    entry = entry_of(lexicon, "carona")
    assert entry is not None
    assert (entry.instead, entry.safe) == ("boleia", True)


def test_only_what_is_replaced_is_safe() -> None:
    lexicon = Lexicon.of([row("camião", "caminhão", "n")])
    assert [
        e.safe for e in (entry_of(lexicon, "camiões"), entry_of(lexicon, "caminhões")) if e
    ] == [
        False,
        True,
    ]


def test_the_table_is_well_formed() -> None:
    table = rows()
    assert len(table) >= 1000
    for entry in table:
        assert entry.kind in KINDS
        assert entry.inflect in ("n", "a", "v", "-")
        assert entry.sign in ("both", "br", "pt", NEITHER)
        assert entry.source in ("authored", "cldr")
        assert (entry.pt_pt == entry.pt_br) == (entry.sign == NEITHER)
        assert not (entry.safe and entry.sign in ("pt", NEITHER))


def test_no_row_stands_twice() -> None:
    pairs = [(entry.pt_pt, entry.pt_br) for entry in rows()]
    assert len(set(pairs)) == len(pairs)


def test_every_row_tells_what_it_says(lexicon: Lexicon) -> None:
    """No row is silenced by another one, apart from verb forms that are also nouns."""
    silenced = []
    for entry in rows():
        pairs = forms(entry.pt_pt, entry.pt_br, entry.inflect)
        if entry.sign in ("both", "pt"):
            silenced += [entry] if all(entry_of(lexicon, ours) is None for ours, _ in pairs) else []
        if entry.sign in ("both", "br"):
            silenced += [entry] if all(entry_of(lexicon, br) is None for _, br in pairs) else []
    assert silenced == []


def test_entries_split_like_texts(lexicon: Lexicon) -> None:
    for entries in lexicon.by_first.values():
        for entry in entries:
            assert words_of(" ".join(entry.words)) == entry.words


def test_what_is_safe_has_one_replacement() -> None:
    """«Ônibus» is one bus or many, so nothing can stand in its place unread."""
    for entry in rows():
        instead = defaultdict(set)
        for ours, theirs in forms(entry.pt_pt, entry.pt_br, entry.inflect):
            instead[theirs].add(ours)
        if entry.safe:
            assert all(len(ours) == 1 for ours in instead.values()), entry


def test_no_sign_stands_on_both_sides_of_the_table(lexicon: Lexicon) -> None:
    ours, theirs = set[str](), set[str]()
    for entry in rows():
        pairs = forms(entry.pt_pt.lower(), entry.pt_br.lower(), entry.inflect)
        ours |= {own for own, _ in pairs}
        theirs |= {other for _, other in pairs}
    assert {form for form in ours & theirs if entry_of(lexicon, form) is not None} == set()


def test_the_first_line_names_the_columns() -> None:
    table = Path(lexicon_module.__file__).with_name("lexicon.tsv").read_text("utf-8")
    assert table.startswith("pt_pt\tpt_br\tkind\tinflect\tsign\tsafe\tsource\n")


def test_brazilian_forms_know_their_counterpart(lexicon: Lexicon) -> None:
    for entries in lexicon.by_first.values():
        for entry in entries:
            assert (entry.instead is None) == (entry.suggests == "pt-PT")
            assert entry.instead is None or words_of(entry.instead) != entry.words
