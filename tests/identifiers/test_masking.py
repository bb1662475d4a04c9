from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalia.guard.identifiers import Identifiers
from amalia.guard.verdict import IDENTIFIERS, Finding
from amalia.identifiers import Restoring, Vault, redact

CHECK = Identifiers()


def found(text: str, *parts: str, category: str = "nif") -> list[Finding]:
    """Findings at parts of a text."""
    return [
        Finding(category, match.start(), match.end(), "test@1")
        for part in parts
        for match in re.finditer(re.escape(part), text)
    ]


def mask(vault: Vault, text: str) -> str:
    return vault.mask(text, CHECK.find(text, "user"))


def test_identifiers_become_tags_and_come_back() -> None:
    vault = Vault()
    text = "O NIF da Ana é 123 456 789, o telefone 912 345 678 e o correio ana@exemplo.pt."
    masked = mask(vault, text)
    assert masked == (
        "O NIF da Ana é [NIF 1], o telefone [TELEFONE 1] e o correio [CORREIO ELETRÓNICO 1]."
    )
    assert vault.restore(masked) == text
    assert vault.restore("Ligo para o [TELEFONE 1].") == "Ligo para o 912 345 678."


@pytest.mark.parametrize(
    ("category", "tag", "removed"),
    [
        ("nif", "[NIF 1]", "[NIF removido]"),
        ("niss", "[NISS 1]", "[NISS removido]"),
        ("cartao_cidadao", "[CARTÃO DE CIDADÃO 1]", "[CARTÃO DE CIDADÃO removido]"),
        ("iban", "[IBAN 1]", "[IBAN removido]"),
        ("phone", "[TELEFONE 1]", "[TELEFONE removido]"),
        ("postal_code", "[CÓDIGO POSTAL 1]", "[CÓDIGO POSTAL removido]"),
        ("licence_plate", "[MATRÍCULA 1]", "[MATRÍCULA removida]"),
        ("email", "[CORREIO ELETRÓNICO 1]", "[CORREIO ELETRÓNICO removido]"),
        ("payment_card", "[CARTÃO DE PAGAMENTO 1]", "[CARTÃO DE PAGAMENTO removido]"),
        ("hate", "[DADO 1]", "[DADO removido]"),
    ],
)
def test_every_identifier_has_a_portuguese_name(category: str, tag: str, removed: str) -> None:
    findings = found("É o X.", "X", category=category)
    assert Vault().mask("É o X.", findings) == f"É o {tag}."
    assert redact("É o X.", findings) == f"É o {removed}."


def test_a_value_has_one_tag_in_every_turn_however_it_is_written() -> None:
    vault = Vault()
    assert mask(vault, "Ligue 912 345 678 ou 213 456 780.") == "Ligue [TELEFONE 1] ou [TELEFONE 2]."
    assert mask(vault, "É o +351 912-345-678?") == "É o [TELEFONE 1]?"
    assert mask(vault, "Tel. 00351 213456780") == "Tel. [TELEFONE 2]"
    assert mask(vault, "ANA@exemplo.pt, ana@exemplo.pt") == (
        "[CORREIO ELETRÓNICO 1], [CORREIO ELETRÓNICO 1]"
    )
    assert mask(vault, "NIF PT123456789 e NIF 123.456.789") == "NIF [NIF 1] e NIF [NIF 1]"
    # It comes back as it was first written.
    assert vault.restore("[TELEFONE 1], [NIF 1]") == "912 345 678, PT123456789"


def test_tags_that_somebody_typed_stay_theirs() -> None:
    vault = Vault()
    text = "[NIF 1] é o meu NIF: 123456789, e [nif 2] também."
    masked = mask(vault, text)
    assert masked == "[NIF 1] é o meu NIF: [NIF 3], e [nif 2] também."
    assert vault.restore(masked) == text
    # Typed in a later turn, when the tag stands for something already.
    later = "O que é [NIF 3]? E \\[nif 3\\]?"
    masked = mask(vault, later)
    assert masked == "O que é [DADO 1]? E [DADO 2]?"
    assert vault.restore(masked) == later


@pytest.mark.parametrize(
    "tag",
    ["[NIF 1]", "[nif 1]", "[NIF1]", "[ NIF  1 ]", "[NIF\u00a01]", "[NIF-1]", "[NIF_1]", "\\[NIF 1\\]", "[NIF: 1]"],
)  # fmt: skip
def test_a_model_may_write_a_tag_in_its_own_way(tag: str) -> None:
    vault = Vault()
    mask(vault, "NIF 123456789")
    assert vault.restore(f"É {tag}.") == "É 123456789."


def test_a_tag_without_accents_is_read() -> None:
    vault = Vault()
    mask(vault, "Matrícula AB-12-CD, ana@exemplo.pt")
    assert vault.restore("[Matricula 1] [correio eletronico 1]") == "AB-12-CD ana@exemplo.pt"


@pytest.mark.parametrize("text", ["[NIF 2]", "NIF 1", "[NIF 11]", "[NIF 1", "[[NIF] 1]", "[x](y)"])
def test_what_is_no_tag_stays(text: str) -> None:
    vault = Vault()
    mask(vault, "NIF 123456789")
    assert vault.restore(text) == text


def test_a_vault_does_not_show_what_it_holds() -> None:
    vault = Vault()
    mask(vault, "NIF 123456789")
    assert "123456789" not in repr(vault)


def test_overlapping_findings_are_taken_out_together() -> None:
    text = "abcdefgh"
    findings = [
        Finding("nif", 1, 3, "a@1"),
        Finding("iban", 2, 7, "a@1"),
        Finding("nif", 4, 5, "b@1"),
    ]
    assert redact(text, findings) == "a[IBAN removido]h"
    assert Vault().mask(text, findings) == "a[IBAN 1]h"
    assert redact(text, [Finding("nif", 6, 99, "a@1"), Finding("nif", 3, 3, "a@1")]) == (
        "abcdef[NIF removido]"
    )


ALPHABET = st.sampled_from(
    [*"a1 []\\NIF", "[NIF 1]", "[nif 2]", "\\[NIF 1\\]", "[DADO 1]", "[TELEFONE 1", "é"]
)
TEXTS = st.lists(ALPHABET, max_size=30).map("".join) | st.text(max_size=40)
FINDINGS = st.lists(
    st.builds(
        Finding,
        category=st.sampled_from([*IDENTIFIERS, "hate"]),
        start=st.integers(-2, 45),
        end=st.integers(-2, 45),
        check=st.just("test@1"),
    ),
    max_size=6,
)


@given(st.lists(st.tuples(TEXTS, FINDINGS), max_size=4))
def test_restoring_gives_every_turn_back(turns: list[tuple[str, list[Finding]]]) -> None:
    # No identifiers, so that no two spans are two writings of one value.
    vault = Vault()
    masked = [vault.mask(text, [f for f in found if f.category == "hate"]) for text, found in turns]
    assert [vault.restore(text) for text in masked] == [text for text, _ in turns]


@given(TEXTS, FINDINGS)
def test_restoring_gives_any_identifiers_back(text: str, findings: list[Finding]) -> None:
    vault = Vault()
    masked = vault.mask(text, findings)
    spans = {text[max(0, f.start) : max(0, f.end)] for f in findings}
    bare = {re.sub(r"\W", "", span).casefold() for span in spans}
    if len(bare) == len(spans):
        assert vault.restore(masked) == text
    # However they are written, the values are the same.
    assert re.sub(r"\W", "", vault.restore(masked)).casefold() == (
        re.sub(r"\W", "", text).casefold()
    )


@given(TEXTS, FINDINGS, TEXTS, st.lists(st.integers(1, 7), max_size=20))
def test_restoring_in_pieces_is_restoring_whole(
    text: str, findings: list[Finding], answer: str, sizes: list[int]
) -> None:
    vault = Vault()
    answer += vault.mask(text, findings) + answer
    restoring, given_, at = Restoring(vault), "", 0
    for size in [*sizes, len(answer)]:
        given_ += restoring.push(answer[at : at + size])
        at += size
    assert given_ + restoring.finish() == vault.restore(answer)


def test_only_what_may_begin_a_tag_is_held_back() -> None:
    vault = Vault()
    mask(vault, "Tel. 912345678")
    restoring = Restoring(vault)
    assert restoring.push("Ligue [") == "Ligue "
    assert restoring.push("tele") == ""
    assert restoring.push("fone 1") == ""
    assert restoring.push("], sim [n") == "912345678, sim [n"
    assert restoring.push("[TELEFONE 1") == ""
    assert restoring.finish() == "[TELEFONE 1"
    assert restoring.push("[TELEFONE 1" + " " * 60) == "[TELEFONE 1" + " " * 60
    assert Restoring(Vault()).push("[") == "["
