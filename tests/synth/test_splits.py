"""Splits are stable and disjoint; the vocabulary holds words a person would read."""

from __future__ import annotations

import unicodedata
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from amalia.synth.splits import SPLITS, split_of, word_split, words


def test_a_key_keeps_its_split_for_ever() -> None:
    # Computed once; a change here would move pictures of finished data between splits.
    keys = ["word:maçã", "word:autocarro", "scene:1F408*2+1F68C*1", "count:1F408x3", "naming:7"]
    assert [split_of(key) for key in keys] == ["train", "train", "train", "train", "test"]


def test_about_four_fifths_train() -> None:
    counts = Counter(split_of(f"naming:{seed}") for seed in range(20_000))
    assert abs(counts["train"] / 20_000 - 0.8) < 0.015
    assert abs(counts["validation"] / 20_000 - 0.1) < 0.01
    assert abs(counts["test"] / 20_000 - 0.1) < 0.01


@given(st.text(max_size=20))
def test_both_spellings_of_a_marked_letter_are_one_key(text: str) -> None:
    assert split_of(unicodedata.normalize("NFD", text)) == split_of(text)


def test_case_does_not_move_a_word() -> None:
    assert word_split("Maçã") == word_split("maçã") == split_of("word:maçã")


def test_vocabulary_is_whole_lower_case_words_seen_twice() -> None:
    texts = [
        "Guarde o ficheiro no ecrã; ver com.sun.star, foo_bar, --help ou SUBTOTAL().",
        "O ficheiro e o ecrã. Pode-se ver o Lisboa em foo_bar, com.sun.star e --help.",
        "Só uma vez: relâmpago. Duas vezes web, web.",
        "Extraordinariamente web e extraordinariamente outra vez.",
    ]
    found = words(texts, ["guarda-chuva", "Pai Natal", "óculos de sol", "pé"])
    every = sorted(word for split in SPLITS for word in found[split])
    assert every == ["ecrã", "ficheiro", "natal", "pai", "sol", "ver", "vez", "óculos"]


def test_words_are_sorted_and_in_their_own_split_only() -> None:
    found = words([], [f"palavra{a}{b}" for a in "abcdef" for b in "ghijkl"])
    for split in SPLITS:
        assert list(found[split]) == sorted(found[split])
        assert all(word_split(word) == split for word in found[split])
    assert sum(len(members) for members in found.values()) == 36
