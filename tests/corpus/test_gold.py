from __future__ import annotations

import pytest

from amalia.corpus import gold

GOLD = ["O rio nasce na serra e corre para o mar.", "A ponte foi aberta em 1910."]


def test_the_same_text_is_perfect():
    score = gold.score("\n".join(GOLD), GOLD)
    assert (score.paragraph_f1, score.word_f1) == (1.0, 1.0)


def test_a_menu_costs_precision_only():
    score = gold.score("Início Notícias\n" + "\n".join(GOLD), GOLD)
    assert score.paragraph_precision == pytest.approx(2 / 3)
    assert (score.paragraph_recall, score.word_recall) == (1.0, 1.0)


def test_a_missing_paragraph_costs_recall_only():
    score = gold.score(GOLD[0], GOLD)
    assert (score.paragraph_precision, score.paragraph_recall) == (1.0, 0.5)


def test_two_paragraphs_in_one_line_are_not_found_but_their_words_are():
    score = gold.score(" ".join(GOLD), GOLD)
    assert (score.paragraph_f1, score.word_f1) == (0.0, 1.0)


def test_one_word_of_ten_may_differ():
    assert gold.score("O rio nasce na serra e corre para o oceano.", GOLD[:1]).paragraph_f1 == 1.0
    assert gold.score("O rio nasce na serra e segue até ao oceano.", GOLD[:1]).paragraph_f1 == 0.0


def test_neutral_lines_do_not_count():
    assert (
        gold.score("O rio\n" + "\n".join(GOLD), GOLD, neutral=["O rio"]).paragraph_precision == 1.0
    )


def test_a_page_without_text_is_right_only_if_nothing_was_found():
    assert gold.score("", []).word_f1 == 1.0
    assert gold.score("Início", []).word_f1 == 0.0
    assert gold.score("", GOLD).word_f1 == 0.0


def test_the_mean_is_over_pages():
    figures = gold.mean([gold.score("", GOLD), gold.score("\n".join(GOLD), GOLD)])
    assert (figures.num_pages, figures.word_f1, figures.paragraph_f1) == (2, 0.5, 0.5)
