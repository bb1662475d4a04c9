"""Made-up words can be said; misspellings are near and never equal."""

from __future__ import annotations

import random
import re
import unicodedata
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from amalia.synth.spelling import jumbled, misspelt

LETTERS = "abcdefghijlmnopqrstuvxzáàâãéêíóôõúç"


def distance(one: str, other: str) -> int:
    """Count insertions, deletions and replacements."""
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, 1):
        previous, row[0] = row[0], i
        for j, b in enumerate(other, 1):
            previous, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, previous + (a != b))
    return row[-1]


def test_jumbled_letters_have_every_length_and_every_letter() -> None:
    rng = random.Random(0)
    made = [jumbled(rng, 6) for _ in range(2000)]
    assert all(re.fullmatch(f"[{LETTERS}]{{1,6}}", text) for text in made)
    assert 280 < sum(len(text) == 6 for text in made) < 390
    assert set("".join(made)) == set(LETTERS)


@settings(max_examples=300, deadline=None)
@given(seed=st.integers(0, 10**6), text=st.text(LETTERS, min_size=1, max_size=11))
def test_a_misspelling_is_near_but_never_equal(seed: int, text: str) -> None:
    wrong, slip = misspelt(random.Random(seed), text)
    assert wrong != text
    assert wrong
    assert distance(text, wrong) <= 2
    if slip == "letter_dropped":
        assert len(wrong) == len(text) - 1
    else:
        assert len(wrong) == len(text)
    if slip == "letters_swapped":
        assert Counter(wrong) == Counter(text)
    if slip == "diacritic_changed":
        assert bare(wrong) == bare(text)


def bare(text: str) -> str:
    decomposed = unicodedata.normalize("NFD", text)
    return "".join(letter for letter in decomposed if not unicodedata.combining(letter))


def test_spaces_stay_where_they_are() -> None:
    rng = random.Random(1)
    for _ in range(200):
        wrong, _ = misspelt(rng, "pão e sal")
        assert wrong.count(" ") == 2


def test_marks_are_often_what_is_wrong() -> None:
    rng = random.Random(2)
    slips = Counter(misspelt(rng, "coração")[1] for _ in range(600))
    assert set(slips) == {
        "letter_replaced", "letters_swapped", "letter_dropped", "diacritic_changed"
    }  # fmt: skip
    assert slips["diacritic_changed"] > 80
