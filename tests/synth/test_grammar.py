"""Agreement, contractions, numbers and lists."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalia.synth.grammar import (
    agreement,
    counted,
    definite,
    enumerated,
    indefinite,
    inflected,
    number_word,
)


@pytest.fixture(scope="module")
def gato(make_thing):
    return make_thing("gato")


@pytest.fixture(scope="module")
def maca(make_thing):
    return make_thing("maçã", gender="f", plural="maçãs")


@pytest.fixture(scope="module")
def oculos(make_thing):
    return make_thing("óculos", plural="óculos", is_plural=True)


@pytest.fixture(scope="module")
def calcas(make_thing):
    return make_thing("calças", gender="f", plural="calças", is_plural=True)


@pytest.mark.parametrize(
    ("word", "forms"),
    [
        ("o", ["o", "a", "os", "as"]),
        ("um", ["um", "uma", "uns", "umas"]),
        ("do", ["do", "da", "dos", "das"]),
        ("no", ["no", "na", "nos", "nas"]),
        ("num", ["num", "numa", "nuns", "numas"]),
        ("ao", ["ao", "à", "aos", "às"]),
        ("nenhum", ["nenhum", "nenhuma", "nenhuns", "nenhumas"]),
    ],
)
def test_articles_and_contractions_agree(word, forms, gato, maca, oculos, calcas) -> None:
    assert [inflected(thing, word) for thing in (gato, maca, oculos, calcas)] == forms


def test_names_with_articles(gato, maca, oculos, calcas) -> None:
    assert [indefinite(t) for t in (gato, maca, oculos, calcas)] == [
        "um gato", "uma maçã", "uns óculos", "umas calças",
    ]  # fmt: skip
    assert [definite(t) for t in (gato, maca, oculos, calcas)] == [
        "o gato", "a maçã", "os óculos", "as calças",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("number", "said"),
    [(1, "um gato uma maçã"), (2, "dois gatos duas maçãs"), (6, "seis gatos seis maçãs")],
)
def test_counts_agree(number, said, gato, maca) -> None:
    assert f"{counted(number, gato)} {counted(number, maca)}" == said


@pytest.mark.parametrize(
    ("items", "said"),
    [
        ([], ""),
        (["um gato"], "um gato"),
        (["um gato", "um cão"], "um gato e um cão"),
        (["um gato", "duas maçãs", "um cão"], "um gato, duas maçãs e um cão"),
    ],
)
def test_lists(items, said) -> None:
    assert enumerated(items) == said


def test_every_field_agrees(maca, oculos) -> None:
    assert agreement(maca, "2") == {
        "name2": "maçã", "plural2": "maçãs", "um2": "uma maçã", "num2": "numa maçã", "o2": "a maçã",
        "os2": "as maçãs", "do2": "da maçã", "no2": "na maçã", "ao2": "à maçã",
        "nenhum2": "nenhuma maçã", "quantos2": "quantas", "é2": "é", "está2": "está",
        "fica2": "fica",
    }  # fmt: skip
    assert agreement(oculos)["é"] == "são"
    assert agreement(oculos)["está"] == "estão"
    assert agreement(oculos)["do"] == "dos óculos"


@given(st.integers(0, 12), st.integers(0, 12))
def test_number_words_are_distinct(one, other) -> None:
    for gender in "mf":
        assert (number_word(one, gender) == number_word(other, gender)) == (one == other)
