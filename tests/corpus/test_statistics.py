"""Every number by a text short enough to count by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalia.corpus import words
from amalia.corpus.statistics import Statistics, statistics

WORDS = {
    "Disse-me que sim.": ["Disse-me", "que", "sim", "."],
    "um copo d'água, por favor": ["um", "copo", "d'água", ",", "por", "favor"],
    "Custa 1.500,00 € às 10:30, art. 3.º": [
        "Custa", "1.500,00", "€", "às", "10:30", ",", "art", ".", "3.º",
    ],
    "«Olá»... disse ela": ["«", "Olá", "»", "...", "disse", "ela"],
    "Ver https://www.exemplo.pt/a?b=1, ou www.exemplo.pt.": [
        "Ver", "https://www.exemplo.pt/a?b=1", ",", "ou", "www.exemplo.pt", ".",
    ],
    "geral@exemplo.pt e/ou -----": ["geral@exemplo.pt", "e/ou", "-----"],
    "  \n\t ": [],
}  # fmt: skip


@pytest.mark.parametrize("text", WORDS)
def test_words_are_split_as_written(text):
    assert words.split(text) == WORDS[text]


NUMBERS = [
    ("O gato dorme.", "num_words", 3),
    ("O gato dorme.", "num_words_and_marks", 4),
    ("O gato dorme.", "mean_word_chars", (1 + 4 + 5) / 3),
    ("O gato dorme.", "alpha_word_fraction", 3 / 4),
    ("O gato dorme.", "num_chars", 13),
    ("a\n\nb\n", "num_lines", 3),
    ("a\n\nb\n", "new_line_ratio", 3 / 2),
    ("a de A de da", "num_stop_words", 3),
    ("DE DA A", "num_stop_words", 0),
    ("#sol #mar de verão", "hash_sign_ratio", 2 / 6),
    ("bem... e… tu", "ellipsis_ratio", 2 / 5),
    ("12 € ou 3b", "alpha_word_fraction", 2 / 4),
    ("- um\n• dois\ntrês\n", "bullet_line_fraction", 2 / 3),
    ("continua...\nleia mais …\nfim.", "ellipsis_line_fraction", 2 / 3),
    ("Sim.\nNão\n\nTalvez? \n»", "finished_line_fraction", 2 / 4),
    ("curta\n" + "x" * 30 + "\n" + "x" * 31, "short_line_fraction", 2 / 3),
    ("um\ndois\num\num", "duplicate_line_fraction", 2 / 4),
    ("um\ndois\num\num", "duplicate_line_char_fraction", 4 / 13),
    ("um\ndois\num\num", "duplicate_char_fraction", 4 / 10),
    ("a b\n\nc\n\n\na b", "duplicate_paragraph_fraction", 1 / 3),
    ("a b\n\nc\n\n\na b", "duplicate_paragraph_char_fraction", 3 / 12),
    ("a b\nc\na b", "duplicate_paragraph_fraction", 0),
    # «o rato» twice, six characters each, of thirty.
    ("o rato roeu a rolha que o rato", "top_2_gram_char_fraction", 12 / 30),
    # Nothing comes twice, so the first counts once: «um dois» of fourteen.
    ("um dois três a", "top_2_gram_char_fraction", 7 / 14),
    ("um dois três a", "top_3_gram_char_fraction", 12 / 14),
    ("um", "top_2_gram_char_fraction", 0),
    # Of two as frequent the first: «aa b», not «cc dd».
    ("aa b cc dd x aa b cc dd", "top_2_gram_char_fraction", 8 / 23),
    # The second copy of five words, ten letters of 29 characters, the first not.
    ("aa bb cc dd ee aa bb cc dd ee", "duplicate_5_gram_char_fraction", 10 / 29),
    ("aa bb cc dd ee aa bb cc dd ee", "duplicate_6_gram_char_fraction", 0),
    # Copies overlap: «a a a a a» stands six times in ten words, but is counted on four and no more.
    ("a a a a a a a a a a", "duplicate_5_gram_char_fraction", 5 / 19),
    ("a a a a a a a a a a a a", "duplicate_5_gram_char_fraction", 10 / 23),
    ("a a a a a a a a a a a a", "duplicate_10_gram_char_fraction", 10 / 23),
    ("Ele veio cá. E tu? Ora bem...", "num_sentences", 3),
    ("O art. 3.º vale. Custa 3.5 euros", "num_sentences", 3),
    ("Uma linha sem fim\nOutra linha assim.\nCurta.", "num_sentences", 2),
    ("Uma linha sem fim\nOutra linha assim.\nCurta.", "num_sentences_finished", 1),
    ("Ative o JavaScript aqui.\nUma linha de texto.", "num_sentences", 1),
    ("A nossa política de privacidade mudou.\nUma linha de texto.", "num_sentences", 1),
    ("Uma linha de texto.[1]", "num_sentences_finished", 1),
    ("Uma linha de " + "x" * 1001 + ".", "num_sentences", 0),
    ("Ative o JavaScript", "has_javascript", True),
    ("Lorem Ipsum dolor", "has_lorem_ipsum", True),
    ("if (a) { b }", "has_curly_bracket", True),
    ("O gato dorme.", "has_curly_bracket", False),
]  # fmt: skip


@pytest.mark.parametrize(("text", "name", "value"), NUMBERS)
def test_numbers_are_as_counted_by_hand(text, name, value):
    assert getattr(statistics(text), name) == pytest.approx(value)


def test_text_without_words_has_numbers_too():
    for text in ("", "\n\n", " \t"):
        assert statistics(text).num_words_and_marks == 0


def test_stop_words_may_be_given():
    assert statistics("the cat and the dog", stop_words=("the", "and")).num_stop_words == 2


def test_the_mapping_holds_every_number_in_order():
    found = statistics("O gato dorme. O cão não.\n")
    stored = {name: float(value) for name, value in found.as_mapping().items()} | {"other": 1.0}
    assert Statistics.from_mapping(stored) == found
    with pytest.raises(KeyError, match="num_words"):
        Statistics.from_mapping({"num_chars": 1})
    assert list(found.as_mapping())[:2] == ["num_chars", "num_words"]


def duplicated(found: list[str], size: int) -> int:
    """Count as datatrove's ``find_all_duplicate`` does."""
    seen, chars, at = set(), 0, 0
    while at <= len(found) - size:
        gram = tuple(found[at : at + size])
        if gram in seen:
            chars += sum(map(len, gram))
            at += size
        else:
            seen.add(gram)
            at += 1
    return chars


def most_frequent(found: list[str], size: int) -> int:
    """Count as datatrove's ``find_top_duplicate`` does."""
    counts: dict[str, int] = {}
    for at in range(len(found) - size + 1):
        gram = " ".join(found[at : at + size])
        counts[gram] = counts.get(gram, 0) + 1
    gram = max(counts, key=counts.__getitem__, default="")
    return len(gram) * counts.get(gram, 0)


@given(st.lists(st.sampled_from(["a", "bb", "ccc", "d", "."]), max_size=60))
def test_ngrams_are_counted_as_by_plain_loops(some):
    text = " ".join(some).replace(". .", ".")
    found, of_text = words.split(text), statistics(text)
    for size in range(5, 11):
        fraction = getattr(of_text, f"duplicate_{size}_gram_char_fraction")
        assert fraction * len(text) == pytest.approx(duplicated(found, size))
    for size in range(2, 5):
        fraction = getattr(of_text, f"top_{size}_gram_char_fraction")
        assert fraction * len(text) == pytest.approx(most_frequent(found, size))


@given(st.text(max_size=200))
def test_any_text_has_numbers(text):
    found = statistics(text).as_mapping()
    assert all(value >= 0 for value in found.values())
    assert found == statistics(text).as_mapping()
