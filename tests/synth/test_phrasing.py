"""The banks hold enough forms, fill without a rest, and read as European Portuguese."""

from __future__ import annotations

import random
import re

import pytest

from amalia.evaluate import answers
from amalia.synth import phrasing
from amalia.synth.grammar import agreement
from amalia.synth.phrasing import Bank, ask, fill

BANKS = {name: bank for name, bank in vars(phrasing).items() if isinstance(bank, Bank)}
FACTS = {
    "br": "ônibus", "list": "um gato e um cão", "counted": "dois gatos", "number": "dois",
    "none": "nenhum", "asked": "três gatos", "side": "à esquerda", "read": "autocarro",
    "box": "[0.10, 0.20, 0.30, 0.40]", "color": "azul", "keywords": "animal e casa",
    "text": "Um texto.", "denied": "dois",
}  # fmt: skip
# What only a Brazilian would write, apart from the words quoted as such.
BRAZILIAN = re.compile(
    r"\b(você|vocês|tela|arquivo|ônibus|trem|embaixo|est\w+ \w+(?:ando|endo|indo))\b", re.IGNORECASE
)
UNCONTRACTED = re.compile(r"\b(de|em) (o|a|os|as)\b|\bem uma?s?\b|\ba (o|os) \b", re.IGNORECASE)


@pytest.fixture(scope="module")
def nouns(make_thing):
    return [
        make_thing("gato"),
        make_thing("maçã", gender="f", plural="maçãs"),
        make_thing("óculos", plural="óculos", is_plural=True),
        make_thing("calças", gender="f", plural="calças", is_plural=True),
    ]


def filled(bank: Bank, nouns) -> list[str]:
    forms = (*bank.questions, *bank.answers, *bank.denials)
    return [
        fill(form, agreement(one) | agreement(other, "2") | agreement(one, "3") | FACTS)
        for form in forms
        for one in nouns
        for other in nouns
    ]


@pytest.mark.parametrize("name", BANKS)
def test_a_bank_is_varied(name) -> None:
    bank = BANKS[name]
    assert len(set(bank.questions)) == len(bank.questions) >= 8
    assert len(set(bank.answers)) == len(bank.answers) >= 3
    assert len(bank.denials) in (0, len(bank.answers))


@pytest.mark.parametrize("name", BANKS)
def test_forms_fill_and_read_well(name, nouns) -> None:
    for text in filled(BANKS[name], nouns):
        assert "{" not in text
        assert "  " not in text
        assert text[0].isupper() or not text[0].isalpha()
        assert not UNCONTRACTED.search(text), text
        assert text[-1] in ".?!:]", text


@pytest.mark.parametrize("name", BANKS)
def test_forms_are_european(name) -> None:
    bank = BANKS[name]
    for form in (*bank.questions, *bank.answers, *bank.denials):
        assert not BRAZILIAN.search(form), form


@pytest.mark.parametrize("name", ["IS_IT", "COUNT_CHECK", "PRESENCE"])
def test_denials_are_the_twins_of_answers(name) -> None:
    bank = BANKS[name]
    for yes, no in zip(bank.answers, bank.denials, strict=True):
        assert answers.yes_no(yes) == "sim"
        assert answers.yes_no(no) == "não"
        assert yes.split()[0] == no.split()[0]


def test_what_is_read_stands_in_guillemets() -> None:
    for bank in (phrasing.READING, phrasing.READING_LINE, phrasing.FIRST_LETTER):
        assert all("«{read}»" in answer for answer in bank.answers)


def test_sentences_agree_with_what_they_are_about(nouns) -> None:
    gato, maca, oculos, _ = nouns
    fields = agreement(maca) | agreement(gato, "2") | {"side": "à esquerda"}
    assert fill(phrasing.PLACE, fields) == "A maçã está à esquerda do gato."
    fields = agreement(oculos) | agreement(maca, "2") | {"side": "acima"}
    assert fill(phrasing.PLACE, fields) == "Os óculos estão acima da maçã."
    assert fill("{quantos} {plural} há?", agreement(maca)) == "Quantas maçãs há?"


def test_asking_is_a_function_of_the_seed() -> None:
    asked = {ask(random.Random(seed), phrasing.NAMING, {}) for seed in range(200)}
    assert asked == set(phrasing.NAMING.questions)
    assert ask(random.Random(5), phrasing.NAMING, {}) == ask(random.Random(5), phrasing.NAMING, {})
