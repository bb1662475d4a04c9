"""The shared reader of letters; every letter was read by the published program."""

import pytest

from amalia.evaluate.published.ranked_letters import read

CASES = [
    ("A resposta é B.", "A", "the letter begins the answer"),
    ("é a opção B", "B", "the letter ends the answer"),
    ("the answer is (B) ou C, creio", "C", "a capital behind «the answer is»"),
    ("i choose o Bairro Alto", "A", "a capital behind «i choose»"),
    ("é (B) ou C. talvez", "B", "a letter in brackets"),
    ("é C. talvez D: sim", "C", "a letter before a full stop"),
    ("é D: sim, não C) não", "D", "a letter before a colon"),
    ("é C) sim", "C", "a letter before a bracket"),
    ("talvez B ou C talvez", "C", "a letter before a blank"),
    ("o Bairro", "B", "a capital in a word"),
    ("não sei", "", "no capital from A to D stands in the answer"),
    ("?!", "", "no capital from A to D stands in the answer"),
    (" ", "", "the answer is empty"),
]


@pytest.mark.parametrize(("text", "letter", "rule"), CASES)
def test_read(text: str, letter: str, rule: str) -> None:
    assert read(text) == (letter, rule)
