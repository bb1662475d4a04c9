"""The forms that an entry of the rules stands for."""

from __future__ import annotations

import pytest

from amalia.guard.forms import expand, folded, plural, verb_forms


@pytest.mark.parametrize(
    ("verb", "forms"),
    [
        ("matar", "matar mato matas mata matam mate mates matem matando matares"),
        ("atacar", "ataco ataca ataque ataquem"),
        ("ameaçar", "ameaço ameaça ameace"),
        ("enganar", "engano enganas engane"),
        ("bombardear", "bombardeio bombardeia bombardeie bombardeamos"),
        ("odiar", "odeio odeia odeie"),
        ("perseguir", "persigo persegue persiga perseguem"),
        ("agredir", "agrido agride agrida agridem"),
        ("descobrir", "descubro descobre descubra"),
        ("fingir", "finjo finge finja"),
        ("fugir", "fujo foge fuja fogem"),
        ("esconder", "escondo esconde esconda"),
        ("perder", "perco perde perca"),
        ("construir", "construo constrói construa constroem"),
        ("excluir", "excluo exclui exclua"),
        ("produzir", "produzo produz produza"),
        ("fazer", "faço faz faça fazem fazê"),
        ("contrafazer", "contrafaço contrafaz"),
        ("pôr", "ponho põe ponha põem"),
        ("despedir", "despeço despede despeça"),
        ("dar", "dou dá dão dê"),
    ],
)
def test_gives_the_forms_that_ask(verb: str, forms: str) -> None:
    given = {folded(form) for form in verb_forms(verb)}
    assert {folded(form) for form in forms.split()} <= given


@pytest.mark.parametrize(
    ("verb", "past"), [("matar", "matou"), ("bater", "bateu"), ("fazer", "fez")]
)
def test_leaves_the_past_out(verb: str, past: str) -> None:
    assert past not in set(verb_forms(verb))


@pytest.mark.parametrize(
    ("noun", "many"),
    [
        ("bomba", "bombas"), ("explosão", "explosões"), ("animal", "animais"), ("míssil", "míssis"),
        ("refém", "reféns"), ("professor", "professores"), ("francês", "franceses"), ("rapaz", "rapazes"),
    ],
)  # fmt: skip
def test_gives_the_plural(noun: str, many: str) -> None:
    assert plural(noun) == many


@pytest.mark.parametrize(
    ("entry", "forms"),
    [
        ("palavra-passe", {"palavra passe"}),
        ("vizinho/a", {"vizinho", "vizinha", "vizinhos", "vizinhas"}),
        ("inglês/a", {"ingles", "inglesa", "ingleses", "inglesas"}),
        ("bomba+ de água", {"bomba de agua", "bombas de agua"}),
        ("(as|) saudades", {"saudades", "as saudades"}),
        ("ajuda-(me|nos) a", {"ajuda me a", "ajuda nos a"}),
        ("socia(l|is)", {"social", "sociais"}),
        ("leis?", {"lei", "leis"}),
        ("sem (que-ela|ninguém) saber", {"sem que ela saber", "sem ninguem saber"}),
    ],
)
def test_gives_every_form_of_an_entry(entry: str, forms: set[str]) -> None:
    assert {" ".join(form) for form in expand(entry)} == forms
