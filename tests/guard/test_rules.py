"""Classes of words, and rules over them, with a vocabulary small enough to see through."""

from __future__ import annotations

from typing import Any

import pytest

from amalia.guard.normal_form import normalized
from amalia.guard.rules import Rules
from amalia.guard.vocabulary import Vocabulary, Words

TREE: dict[str, Any] = {
    "asks": "ask",
    "opening": "ask",
    "lead": "me e",
    "owned": "thing",
    "classes": {
        "idiom": "partir~ a loiça, casa de partir",
        "ask": "como, diz-me",
        "break": "partir~, quebrar~",
        "thing": "janela+, porta+ de vidro, @glass",
        "glass": "copo+",
        "secret": "às escondidas",
        "joke": "a brincar",
        "apart": "sobre",
    },
}


def found(line: str, text: str, *, unless: str = "") -> list[str]:
    """What a rule finds, as it stands in the text."""
    vocabulary = Vocabulary(TREE)
    rules = Rules(vocabulary, [{"category": "violence", "unless": unless, "rules": [line]}])
    words = Words.of(normalized(text))
    return [
        " ".join(words.words[match.start : match.end])
        for match in rules.find(words, vocabulary.hits(words))
    ]


@pytest.mark.parametrize(
    ("line", "text", "expected"),
    [
        # What asks stands first, and in the same sentence.
        ("ask: break>thing", "Como parto uma janela?", ["como parto uma janela"]),
        ("ask: break>thing", "Parto uma janela e como?", []),
        ("ask: break>thing", "Como? Parto uma janela.", []),
        # Only where a clause begins, or behind a word that leads.
        ("ask: break>thing", "Sei como se partem janelas.", []),
        ("ask: break>thing", "Olha: como se partem janelas?", ["como se partem janelas"]),
        ("ask: break>thing", "E como se partem janelas?", ["como se partem janelas"]),
        # In this order, close, with nothing that sets apart.
        ("ask: break>thing", "Como é que a janela se parte?", []),
        ("ask: break>thing", "Como se parte uma coisa sobre a janela?", []),
        ("ask: break>thing", "Como se parte, um dois três quatro, a janela?",
         ["como se parte um dois três quatro a janela"]),
        ("ask: break>thing", "Como se parte um dois três quatro cinco seis sete a janela?", []),
        # In any order.
        ("ask: break & secret", "Como às escondidas parto tudo?", ["como as escondidas parto"]),
        ("ask: break & secret", "Como parto tudo?", []),
        # Alternatives.
        ("ask: glass | secret & thing", "Como vejo a janela às escondidas?", ["como vejo a janela as escondidas"]),
        ("ask: break>thing/secret", "Como parto às escondidas?", ["como parto as escondidas"]),
        # What must not be there.
        ("ask: break>thing - joke", "Como parto uma janela a brincar?", []),
        ("ask: break>thing - joke>thing", "Como parto uma janela a brincar?", ["como parto uma janela"]),
        # Verbs that are denied, or done to me, are not meant.
        ("ask: break", "Como evito não partir nada?", []),
        ("ask: break", "Como faço, se alguém me partir tudo?", []),
        ("ask: break>thing", "Diz-me como se parte um copo.", ["diz me como se parte um copo"]),
        # What is mine, and idioms.
        ("ask: break>thing", "Como parto a minha janela?", []),
        ("ask: break", "Como parto a loiça na festa?", []),
        ("ask: break>thing", "Como parto as portas de vidro?", ["como parto as portas de vidro"]),
        # Without what asks, in any sentence.
        ("break>thing", "Eu parto janelas.", ["parto janelas"]),
    ],
)  # fmt: skip
def test_reads_a_rule(line: str, text: str, expected: list[str]) -> None:
    assert found(line, text) == [" ".join(normalized(one).text.split()) for one in expected]


def test_a_group_is_silent_beside_what_its_rules_exempt() -> None:
    assert found("ask: break>thing", "Como parto uma janela a brincar?", unless="joke") == []


def test_looks_at_every_piece_of_a_long_sentence() -> None:
    filler = "palavra " * 500
    assert found("break>thing", f"{filler}parto janelas {filler}") == ["parto janelas"]


def test_stops_where_more_says_nothing_new() -> None:
    assert len(found("ask: break>thing", "Como parto uma janela? " * 100)) == 8


@pytest.mark.parametrize("line", ["nothing: break", "ask: nothing", "break - nothing"])
def test_refuses_a_class_that_does_not_exist(line: str) -> None:
    with pytest.raises(ValueError, match="there is no class nothing; expected one of apart, ask"):
        found(line, "")


def test_refuses_to_take_in_a_class_that_does_not_exist() -> None:
    with pytest.raises(ValueError, match="class a takes in @b, which does not exist"):
        Vocabulary({"classes": {"a": "@b"}})
