"""How published programs read texts and boxes: tables computed by those programs."""

import pytest

from amalia.evaluate.published import boxes, reasoning, vqa_words

WITHOUT_TAGS = [
    ("<think>a</think> Faro ", "Faro"),
    ("a</think>b</think>Faro", "Faro"),
    ("<think>a <think>b</think> c</think>Faro", "Faro"),
    # A block that is never closed stays, whatever stands before it.
    ("<think>cortado", "<think>cortado"),
    ("</think>Faro<think>x", "</think>Faro<think>x"),
]


@pytest.mark.parametrize(("text", "expected"), WITHOUT_TAGS)
def test_reasoning(text: str, expected: str) -> None:
    assert reasoning.without_tags(text) == expected


CLEANED = [
    ("A Casa da Maria", "casa da maria"),
    ("O carro", "o carro"),
    ("três e two", "três e 2"),
    ("1,5 €", "15 €"),
    ("don't / dont", "don't don't"),
    ("guarda-chuva", "guarda chuva"),
    ("a- b-c", "bc"),
    ("3.5 kg.", "3.5 kg"),
    ("Maria's", "maria 's"),
    ("quê?", "quê"),
    ("...", ""),
    ("." * 40, "." * 8),
]


@pytest.mark.parametrize(("text", "expected"), CLEANED)
def test_words(text: str, expected: str) -> None:
    assert vqa_words.cleaned(text) == expected


BOXES = [
    ("[0.1, 0.2, 0.5, 0.6]", (0.1, 0.2, 0.5, 0.6)),
    ("[[100, 200, 500, 600]]", (0.1, 0.2, 0.5, 0.6)),
    ("[1.01, 0.2, 0.5, 0.6]", (0.00101, 0.0002, 0.0005, 0.0006)),
    ("[0.1 0.2 500 0.6]", (0.1, 0.2, 0.5, 0.6)),
    ("Por exemplo [0, 0, 1, 1]: [0.1, 0.2, 0.5, 0.6]", (0, 0, 1, 1)),
    ('[{"bbox_2d": [1, 2, 3, 4]}, {"bbox_2d": [5, 6, 7, 8]}]', (0.001, 0.002, 0.003, 0.004)),
    ('{"bbox_2d": ["0.1", true, 0, 1]}', (0.1, 1, 0, 1)),
    ("[0.1; 0.2; 0.5; 0.6]", (0, 0, 0, 0)),
]


@pytest.mark.parametrize(("text", "expected"), BOXES)
def test_boxes(text: str, expected: boxes.Edges) -> None:
    assert boxes.read(text)[0] == pytest.approx(expected)
