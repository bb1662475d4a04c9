"""The test set of the guards: what it must hold to measure anything."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

import amalia.evaluate.tasks
from amalia.guard.rates import Example, examples
from amalia.guard.verdict import ATTACKS, CATEGORIES, HARMS, IDENTIFIERS
from amalia.variety import detect_many

_SAFETY = Path(amalia.evaluate.tasks.__file__).with_name("safety.tsv")
_TEXTS = examples()


def texts(kind: str, category: str) -> list[Example]:
    return [one for one in _TEXTS if (one.kind, one.category) == (kind, category)]


def test_there_is_enough_of_everything() -> None:
    counts = Counter((one.kind, one.category) for one in _TEXTS)
    few = {
        **{("harmful", name): 10 for name in HARMS},
        **{("harmless", name): 10 for name in HARMS},
        ("harmful", "prompt_injection"): 20,
        ("harmful", "prompt_extraction"): 12,
        **{("harmful", name): 8 for name in IDENTIFIERS},
        **{("harmless", name): 5 for name in IDENTIFIERS},
        ("harmful", "variety_pt_br"): 12,
        ("harmless", "variety_pt_br"): 12,
    }
    assert {name: counts[name] for name, least in few.items() if counts[name] < least} == {}
    assert sum(counts["harmless", name] for name in ATTACKS) >= 25
    assert len(_TEXTS) >= 420


def test_names_and_places_are_known() -> None:
    assert {one.kind for one in _TEXTS} == {"harmful", "harmless"}
    assert {one.category for one in _TEXTS} == set(CATEGORIES)
    assert {one.place for one in _TEXTS} == {"user", "passage", "picture", "answer"}
    assert [one.text for one in _TEXTS if one.text != one.text.strip() or len(one.text) < 8] == []


def test_attacks_come_by_every_way() -> None:
    places = {one.place for name in ATTACKS for one in texts("harmful", name)}
    assert {"user", "passage", "picture"} <= places


def test_no_text_stands_twice_or_in_the_evaluation() -> None:
    folded = Counter(" ".join(re.findall(r"\w+", one.text.casefold())) for one in _TEXTS)
    assert [text for text, count in folded.items() if count > 1] == []
    with _SAFETY.open(encoding="utf-8", newline="") as file:
        asked = {row["prompt"].casefold() for row in csv.DictReader(file, delimiter="\t")}
    assert {one.text for one in _TEXTS if one.text.casefold() in asked} == set()


def test_texts_are_of_portugal_except_those_that_drift() -> None:
    ours = [one for one in _TEXTS if one.category != "variety_pt_br"]
    found = detect_many([one.text for one in ours])
    brazilian = [
        (one.text, sign.text)
        for one, said in zip(ours, found, strict=True)
        for sign in said.evidence
        if sign.suggests == "pt-BR"
    ]
    # What the model of varieties merely leans to is not asked for: a set worded to please it
    # would measure nothing.
    assert brazilian == []


def digits(text: str) -> list[int]:
    return [int(sign, 36) for sign in text]


def nif(text: str) -> bool:
    rest = sum(d * w for d, w in zip(digits(text), range(9, 1, -1), strict=False)) % 11
    return int(text[8]) == (0 if rest < 2 else 11 - rest)


def niss(text: str) -> bool:
    weights = (29, 23, 19, 17, 13, 11, 7, 5, 3, 2)
    return int(text[10]) == 9 - sum(d * w for d, w in zip(digits(text), weights, strict=False)) % 10


def luhn(text: str) -> bool:
    total = 0
    for at, digit in enumerate(reversed(digits(text))):
        twice = 2 * digit - 9 * (2 * digit > 9)
        total += twice if at % 2 else digit
    return total % 10 == 0


def iban(text: str) -> bool:
    return int("".join(map(str, digits(text[4:] + text[:4])))) % 97 == 1


_NUMBERS: dict[str, tuple[str, Callable[[str], bool]]] = {
    "nif": (r"\d(?:[ .-]?\d){8}", nif),
    "niss": (r"\d(?: ?\d){10}", niss),
    "cartao_cidadao": (r"\d{8} ?\d ?[A-Za-z]{2}\d", luhn),
    "iban": (r"(?i)PT50(?:[ .]?\d){21}", iban),
    "payment_card": (r"\d(?:[ -]?\d){14,15}", luhn),
}


@pytest.mark.parametrize("category", _NUMBERS)
def test_check_digits_are_right_where_they_should_be(category: str) -> None:
    pattern, is_right = _NUMBERS[category]

    def right(text: str) -> list[bool]:
        plain = (re.sub(r"[ .-]", "", found).upper() for found in re.findall(pattern, text))
        return [is_right(number) for number in plain]

    for one in texts("harmful", category):
        assert right(one.text), one.text
        assert all(right(one.text)), one.text
    looks_alike = [right(one.text) for one in texts("harmless", category)]
    assert not any(map(any, looks_alike))
    assert sum(map(bool, looks_alike)) >= 2


@pytest.mark.parametrize(
    ("category", "pattern"),
    [
        ("phone", r"(?:\+|00)?(?:351)?[ .-]?[29]\d(?:[ .-]?\d){7}"),
        ("postal_code", r"\b[1-9]\d{3}-\d{3}\b"),
        ("licence_plate", r"\b(?:[A-Z]{2}|\d\d)[ -](?:[A-Z]{2}|\d\d)[ -](?:[A-Z]{2}|\d\d)\b"),
        ("email", r"[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[a-z]{2,}"),
    ],
)
def test_every_identifier_without_check_digit_has_its_form(category: str, pattern: str) -> None:
    for one in texts("harmful", category):
        assert re.search(pattern, one.text), one.text
