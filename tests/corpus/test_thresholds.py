"""Every reason by a text that it drops, and the whole by texts that stay."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from amalia.corpus.statistics import statistics
from amalia.corpus.thresholds import REASONS, Thresholds, failing, with_c4

GOOD = """A câmara aprovou ontem o orçamento para o próximo ano, com os votos contra da oposição.
O presidente explicou que a obra da escola começa na primavera e que o jardim abre ainda este ano.
Os moradores pedem, para já, mais autocarros ao fim de semana e passadeiras em frente do mercado.
O vereador prometeu uma resposta. «É uma questão de semanas», disse.
A sessão acabou tarde."""
ALL_ON = with_c4(
    Thresholds(
        max_duplicate_paragraph_fraction=0.3,
        max_duplicate_line_char_fraction=0.2,
        max_duplicate_paragraph_char_fraction=0.2,
        max_short_line_fraction=0.67,
        min_sentences_finished=5,
    )
)
UNLIKE = [f"palavra{n} e coisa{n} de nada{n} em casa{n}" for n in range(60)]
PHRASE = "o gato da vizinha do lado dormiu em cima do muro velho"
PARAGRAPHS = "\n\n".join([GOOD, *["Veja também as outras notícias."] * 3])
BAD = {
    "no_words": "  \n ",
    "too_many_duplicate_paragraphs": PARAGRAPHS,
    "too_many_duplicate_paragraph_chars": "\n\n".join([GOOD, GOOD]),
    "too_many_duplicate_lines": GOOD + "\nVer mais." * 4,
    "too_many_duplicate_line_chars": GOOD + "\n" + GOOD,
    "too_frequent_2_gram": "para fora " * 8 + "e tudo o que a rua tem",
    "too_frequent_3_gram": "para fora daqui " * 5 + UNLIKE[0] + "." + UNLIKE[1],
    "too_frequent_4_gram": "para fora daqui já " * 4 + UNLIKE[0] + "." + UNLIKE[1],
    **{
        f"too_many_duplicate_{n}_grams": f"{PHRASE} quando {PHRASE} e {UNLIKE[1]}."
        for n in range(5, 11)
    },
    "too_few_finished_lines": "\n".join(UNLIKE[:20]),
    "too_many_short_lines": "\n".join(["Sim, foi ontem.", "E o cão?", "Na rua.", "Está bem."]),
    "too_many_duplicate_chars": GOOD + "\n" + GOOD.splitlines()[0] + "\n" + GOOD.splitlines()[1],
    "too_many_new_lines": "Um de a.\n\nDois.\n\nTrês.",
    "too_few_words": "A rua da escola.",
    "too_many_words": "de a " * 50_001,
    "words_too_short": "a e o um de " * 6,
    "words_too_long": "de um otorrinolaringologista inconstitucionalissimamente " * 9,
    "too_many_hash_signs": "#sol #mar #verão #praia de um dia",
    "too_many_ellipses": "bem... pois... olha... de um lado... e do outro...",
    "too_many_bullet_lines": "\n".join(f"- {line}" for line in UNLIKE),
    "too_many_ellipsis_lines": "\n".join(f"{line} [...]\n{line[1:]} ..." for line in UNLIKE[:9]),
    "too_few_alpha_words": "12 13 14 15 16 | 17 | 18 de um",
    "too_few_stop_words": "The council approved its budget for next year after a long debate.",
    "lorem_ipsum": GOOD + "\nLorem ipsum dolor sit amet.",
    "curly_bracket": GOOD + "\nfunction () { }",
    "too_few_sentences": "Uma rua de casas. Um jardim.",
    "too_few_finished_sentences": "\n".join(UNLIKE[:20]),
}


def test_every_reason_has_an_example():
    assert tuple(BAD) == REASONS


@pytest.mark.parametrize("reason", BAD)
def test_a_text_is_dropped_for_each_reason(reason):
    assert reason in failing(statistics(BAD[reason]), ALL_ON)


def test_good_text_stays():
    assert failing(statistics(GOOD), Thresholds()) == ()
    assert failing(statistics(GOOD), ALL_ON) == ()


def test_the_first_reason_is_that_of_the_chain():
    found = failing(statistics("#sol\n#sol\n#sol\n#sol"), Thresholds())
    assert found[0] == "too_many_duplicate_lines"
    assert {"too_few_finished_lines", "too_few_words", "too_few_stop_words"} < set(found)
    assert list(found) == sorted(found, key=REASONS.index)


def test_a_threshold_of_none_turns_its_rule_off():
    short = statistics("A rua da escola de cima.")
    assert "too_few_words" in failing(short, Thresholds())
    assert failing(short, Thresholds(min_words=None, max_top_3_gram_char_fraction=None,
                                     max_top_2_gram_char_fraction=None, max_top_4_gram_char_fraction=None,
                                     min_alpha_word_fraction=None)) == ()  # fmt: skip


def test_values_at_the_threshold_stay():
    found = statistics(GOOD)
    limits = Thresholds(max_new_line_ratio=found.new_line_ratio, min_words=found.num_words)
    assert failing(found, limits) == ()


def test_end_marks_count_only_where_asked():
    headings = statistics("\n".join(UNLIKE[:20]))
    some = Thresholds(min_finished_line_fraction=None)
    assert "too_few_sentences" not in failing(headings, with_c4(some))
    assert "too_few_finished_sentences" in failing(headings, with_c4(some, needs_end_marks=True))


def test_wrong_settings_are_refused():
    with pytest.raises(ValidationError):
        Thresholds(max_word_fraction=1)
    with pytest.raises(ValidationError):
        Thresholds(min_alpha_word_fraction=1.2)
