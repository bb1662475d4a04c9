"""Spelling and grammar rules: what they find, what they say instead, and what they leave alone."""

from itertools import pairwise

import pytest

from amalia.variety.evidence import find
from amalia.variety.text import read

FOUND = [
    # text, evidence, kind, variety, instead
    ("O gênio chegou.", "gênio", "spelling", "pt-BR", "génio"),
    ("O génio chegou.", "génio", "spelling", "pt-PT", None),
    ("Ontem falámos disso.", "falámos", "spelling", "pt-PT", None),
    ("A acção foi óptima.", "acção", "old-spelling", "pt-PT", None),
    ("O projecto de arquitectura.", "projecto", "old-spelling", "pt-PT", None),
    ("Ligou o motor eléctrico.", "eléctrico", "old-spelling", "pt-PT", None),
    ("É um caso freqüente.", "freqüente", "spelling", "pt-BR", "frequente"),
    ("Foi ambigüíssimo.", "ambigüíssimo", "old-spelling", "pt-BR", "ambiguíssimo"),
    ("Que idéia boa!", "idéia", "spelling", "pt-BR", "ideia"),
    ("Ele está fazendo o jantar.", "está fazendo", "progressive", "pt-BR", "está a fazer"),
    ("Ele está sempre dormindo.", "está sempre dormindo", "progressive", "pt-BR", "está sempre a dormir"),
    ("Ela está a ler.", "está a ler", "progressive", "pt-PT", None),
    ("Continuam a chegar cartas.", "Continuam a chegar", "progressive", "pt-PT", None),
    ("Ele disse-me tudo.", "disse-me", "clitic", "pt-PT", None),
    ("Dar-lhe-ei uma resposta.", "Dar-lhe-ei", "clitic", "pt-PT", None),
    ("Me diga uma coisa.", "Me diga", "clitic", "pt-BR", "Diga-me"),
    ("Ele me disse tudo.", "me disse", "clitic", "pt-BR", "disse-me"),
    ("Vou te contar tudo.", "Vou te contar", "clitic", "pt-BR", "Vou contar-te"),
    ("Você viu?", "Você", "address", "pt-BR", None),
    ("Gosto da vossa casa.", "vossa", "address", "pt-PT", None),
    ("Tens razão.", "Tens", "address", "pt-PT", None),
    ("O meu pai chegou.", "O meu", "article", "pt-PT", None),
    ("Meu pai chegou.", "Meu", "article", "pt-BR", None),
    ("Mora em uma aldeia.", "em uma", "contraction", "pt-BR", "numa"),
    ("Mora numa aldeia.", "numa", "contraction", "pt-PT", None),
    ("Ele ia no dentista.", "no dentista", "regency", "pt-BR", "ao dentista"),
]  # fmt: skip
NOTHING = [
    "Não me disse nada.",
    "O livro que ele me deu é bom.",
    "Nos dias de hoje ninguém lê.",
    "O mundo está lindo.",
    "Ele mora em casa da avó.",
    "Fiquei em casa.",
    "Vai no sábado.",
    "A fêmea tem dois estômagos.",
    "O setor cresceu com o espetáculo.",
    "Vocês chegaram cedo.",
    "Ela vinha cantando.",
    "Sendo assim, vamos embora.",
]
TYPED_WITHOUT_ACCENTS = [
    ("o onibus ja passou", ["onibus"]),
    ("deixei o telemovel no comboio", ["o telemovel"]),
    ("esta a chover", ["esta a chover"]),
    ("esta chovendo", ["esta chovendo"]),
    ("voce viu isso?", ["voce"]),
    ("no cafe da manha", ["no cafe da manha"]),
    ("comprei um maio azul em maio", []),  # not «maiô»
    ("esta secretaria fica no rio", []),
    ("um premio e uma cerimonia", []),  # alike in both countries without their accents
]


@pytest.mark.parametrize(("text", "said"), TYPED_WITHOUT_ACCENTS)
def test_words_typed_without_accents_are_signs_too(text: str, said: list[str]) -> None:
    assert [sign.text for sign in find(read(text), text)] == said


@pytest.mark.parametrize(("text", "said", "kind", "suggests", "instead"), FOUND)
def test_a_rule_finds_its_sign(
    text: str, said: str, kind: str, suggests: str, instead: str | None
) -> None:
    signs = [sign for sign in find(read(text), text) if sign.text == said]
    assert [(s.kind, s.suggests, s.instead) for s in signs] == [(kind, suggests, instead)]
    start, end = signs[0].span
    assert text[start:end] == said


@pytest.mark.parametrize("text", NOTHING)
def test_a_rule_leaves_alone_what_both_countries_write(text: str) -> None:
    assert find(read(text), text) == ()


def test_evidence_does_not_overlap_and_is_in_order() -> None:
    text = "Você está me dizendo que o ônibus chegou em casa? Meu telefone celular quebrou."
    spans = [sign.span for sign in find(read(text), text)]
    assert spans == sorted(spans)
    assert all(left[1] <= right[0] for left, right in pairwise(spans))


def test_capitals_are_kept() -> None:
    text = "ÔNIBUS PARADO. Ônibus parado."
    assert [sign.instead for sign in find(read(text), text)] == ["AUTOCARRO", "Autocarro"]
