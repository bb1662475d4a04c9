from __future__ import annotations

import re
import time
from collections import Counter
from pathlib import Path

import make_identifiers as draw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalia.guard.identifiers import Identifiers
from amalia.guard.verdict import IDENTIFIERS

# kind and text: what is to be found stands in ⟦ ⟧; a text without them holds nothing to find.
TABLE = [
    (kind, text)
    for kind, text in (
        line.split("\t")
        for line in (Path(__file__).parent / "identifiers.tsv").read_text("utf-8").split("\n")[1:-1]
    )
]
CHECK = Identifiers()


def found(text: str) -> list[tuple[str, str]]:
    return [(f.category, text[f.start : f.end]) for f in CHECK.find(text, "user")]


@pytest.mark.parametrize(("kind", "text"), TABLE)
def test_what_is_marked_is_found_and_nothing_else(kind: str, text: str) -> None:
    marked = [(kind, part) for part in re.findall("⟦(.*?)⟧", text)]
    assert found(re.sub("[⟦⟧]", "", text)) == marked


def test_the_table_has_enough_of_each() -> None:
    numbers = Counter((kind, "⟦" in text) for kind, text in TABLE)
    assert min(numbers[kind, is_right] for kind in IDENTIFIERS for is_right in (True, False)) >= 15


def test_findings_name_the_check_and_stand_in_order() -> None:
    text = (
        "Ligue 912 345 678 ou escreva a ana@exemplo.pt; NIF 123456789, 1000-100 Lisboa, AB-12-CD."
    )
    findings = CHECK.find(text, "passage")
    assert [finding.category for finding in findings] == [
        "phone", "email", "nif", "postal_code", "licence_plate",
    ]  # fmt: skip
    assert {(finding.check, finding.score) for finding in findings} == {("identifiers@1", 1.0)}
    assert [f.start for f in findings] == sorted(f.start for f in findings)


def test_a_plate_in_a_picture_needs_no_hyphens() -> None:
    for text, plate in (
        ("PT BM 61 XO", "BM 61 XO"),
        ("STOP\nAB12CD\n", "AB12CD"),
        ("12 34 AB", "12 34 AB"),
    ):
        assert [(f.category, text[f.start : f.end]) for f in CHECK.find(text, "picture")] == [
            ("licence_plate", plate)
        ]
        assert found(text) == []
    assert list(CHECK.find("DE 10 EM", "picture")) == []
    assert list(CHECK.find("SALA AB 12 CD", "picture")) == []


SPACES = " \u00a0\u2009-"


@given(st.data())
def test_numbers_without_a_word_are_found_in_the_groups_people_use(data: st.DataObject) -> None:
    kind, numbers, forms, signs = data.draw(
        st.sampled_from(
            [
                ("niss", draw.nisss(), ((11,), (3, 3, 3, 2), (5, 6), (4, 4, 3)), SPACES),
                (
                    "cartao_cidadao",
                    draw.citizen_cards(),
                    ((12,), (8, 1, 3), (8, 1, 2, 1), (8, 4)),
                    SPACES,
                ),
                ("iban", draw.nibs(), ((21,), (4, 4, 11, 2), (4, 4, 4, 4, 4, 1)), SPACES),
                ("phone", draw.mobiles(), ((9,), (3, 3, 3), (2, 3, 2, 2), (2, 7), (3, 6)), SPACES),
            ]
        )
    )
    number = data.draw(draw.groupings(data.draw(numbers), forms, signs))
    assert found(f"Segue: {number}, obrigada.") == [(kind, number)]


@given(st.data())
def test_cards_and_nifs_without_a_word(data: st.DataObject) -> None:
    card = data.draw(draw.cards().filter(lambda card: len(card) == 16))
    written = data.draw(draw.groupings(card, ((16,), (4, 4, 4, 4)), SPACES))
    assert found(f"Segue: {written}.") == [("payment_card", written)]
    # Numbers that a phone could have too are taken for a NIF, but for mobile ones.
    nif = data.draw(draw.nifs().filter(lambda nif: not re.match("70[0789]|80[089]|884|91", nif)))
    written = data.draw(draw.groupings(nif, ((9,), (3, 3, 3)), SPACES))
    assert found(f"Segue: {written}.") == [("nif", written)]


@given(st.data())
def test_numbers_behind_their_word_are_found_in_any_grouping(data: st.DataObject) -> None:
    kind, word, numbers = data.draw(
        st.sampled_from(
            [
                ("nif", "NIF: ", draw.nifs()),
                ("nif", "o contribuinte n.º ", draw.nifs()),
                ("niss", "NISS ", draw.nisss()),
                ("iban", "NIB ", draw.nibs()),
                ("phone", "tel. ", draw.mobiles()),
                ("phone", "o telemóvel é o ", draw.landlines()),
                ("payment_card", "cartão de crédito: ", draw.cards()),
                ("cartao_cidadao", "BI n.º ", draw.civil_numbers()),
            ]
        )
    )
    number = data.draw(draw.any_grouping(data.draw(numbers)))
    assert found(f"É {word}{number}, sim.") == [(kind, number)]


@given(st.data())
def test_a_wrong_check_digit_is_not_found(data: st.DataObject) -> None:
    word, numbers = data.draw(
        st.sampled_from(
            [
                ("NIF ", draw.nifs()),
                ("NISS ", draw.nisss()),
                ("IBAN PT50", draw.nibs()),
                ("NIB ", draw.nibs()),
                ("cartão ", draw.cards()),
                ("BI ", draw.civil_numbers().filter(lambda number: number[8] != "0")),
                ("documento ", draw.citizen_cards()),
            ]
        )
    )
    wrong = data.draw(st.sampled_from(draw.with_another_last(data.draw(numbers))))
    if word != "BI " or not wrong.endswith("0"):  # 0 stands for ten as well
        assert found(f"É {word}{wrong}.") == []


@given(draw.plates().filter(lambda plate: not plate.endswith("-AA") and not plate.startswith("AA")))
def test_plates_are_found(plate: str) -> None:
    assert found(f"Vi passar {plate}.") == [("licence_plate", plate)]
    assert found(f"Matrícula {plate.lower()}") == [("licence_plate", plate.lower())]


TOKENS = st.sampled_from(
    ["1", "12", "123", "912345678", " ", ".", "-", "PT50 ", "+351 ", "(", ")", "@", "a.pt", "NIF ", "n.º ", "\n",
     "tel. ", ", ", "AB", "Lisboa", "/", "５", "🚌", "€"]
)  # fmt: skip


@given(st.lists(TOKENS, max_size=60).map("".join) | st.text())
def test_any_text_gives_spans_in_order_that_do_not_overlap(text: str) -> None:
    findings = CHECK.find(text, "user")
    ends = [0, *(finding.end for finding in findings)]
    for finding, before in zip(findings, ends, strict=False):
        assert before <= finding.start < finding.end <= len(text)
        assert finding.category in IDENTIFIERS


def test_lines_and_tables_of_numbers() -> None:
    assert found("912345678\n963000111\n") == [("phone", "912345678"), ("phone", "963000111")]
    table = "Nome\tNIF\tTelefone\nAna\t123456789\t912 345 678\nRui\t599999993\t213 456 780\n"
    assert found(table) == [
        ("nif", "123456789"), ("phone", "912 345 678"), ("nif", "599999993"), ("phone", "213 456 780"),
    ]  # fmt: skip
    assert found("NIF:\n123 456 789") == [("nif", "123 456 789")]


def test_ordinary_portuguese_raises_no_alarm() -> None:
    text = (
        "Em 25 de abril de 1974, às 0h20, a Rádio Renascença passou a canção. A Lei n.º 58/2019, de 8 de "
        "agosto, executa o Regulamento (UE) 2016/679. O PIB de 2023 foi de 265 503 milhões de euros, mais "
        "2,3 % do que em 2022. O autocarro 28 passa às 10.45 e às 11.15. A 1,5 km fica o km 12+300 da EN125. "
        "A distância da Terra ao Sol é de 149 597 871 km; a da Lua, de 384.400 km. ISBN 978-972-46-1234-5."
    )
    assert found(text) == []


HOSTILE = [
    "1", "1 ", "12 ", "123.", "1-", "912345678\n", "912345678 ", "234567890  ", "NIF 123456788 ", "@", "a@",
    "a@a.", "a@b.pt ", "a", "carro ", "1000-100, ", "Rua ", " ", ".", "(21) ", "+351 ", "12345678 9 ZZ4 ",
    "PT50 0035 ", "AA-00-", "n.º 213 456 789 ", "tel nif cc ", "tel: n.º o a 213456780\n", "９１２３ ",
    "213456789 € ", "4111 1111 1111 1112\n", "a-", "\u00a0", "((((", "ana@a-", "o a é ",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_time_grows_with_the_length_only(text: str) -> None:
    def seconds(length: int) -> float:
        whole, best = (text * length)[:length], float("inf")
        for _ in range(3):
            begun = time.process_time()
            CHECK.find(whole, "user")
            best = min(best, time.process_time() - begun)
        return best

    # Eight times the text; sixty-four times the time if it were quadratic.
    assert seconds(32_000) < 24 * seconds(4_000) + 0.05
