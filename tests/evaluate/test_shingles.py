"""Words and where they stand, told by texts that a person can read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amalia.evaluate.shingles import (
    Match,
    Phrase,
    PhraseIndex,
    bare_words,
    behind,
    excerpt,
    shingles,
    shortened,
    spelled_words,
)

QUESTION = "Em que ano chegou Vasco da Gama à Índia pela primeira vez?"


def phrase(text: str, *, rarest: tuple[str, ...] = ()) -> Phrase:
    """Make a phrase all of whose shingles count."""
    words = tuple(bare_words(text))
    telling = (True,) * len(shingles(words))
    return Phrase(words, " ".join(spelled_words(text)), telling, frozenset(rarest))


def line(text: str) -> Phrase:
    """Make a phrase that counts as a whole line only."""
    return Phrase(tuple(bare_words(text)), " ".join(spelled_words(text)))


def found(phrases: list[Phrase], *texts: str, min_share: float = 0.6) -> list[Match]:
    return list(PhraseIndex(phrases, min_share=min_share).matches(texts))


@pytest.mark.parametrize(
    ("text", "spelled", "bare"),
    [
        ("A Ação começa.", "ação começa", "acao comeca"),
        ("Levanta-te: é o 1.º dia!", "levanta te 1 dia", "levanta te 1 dia"),
        ("«ÓCULOS» e guarda-chuva", "óculos guarda chuva", "oculos guarda chuva"),
        ("A) Lisboa\nB) Porto", "lisboa porto", "lisboa porto"),
        ("co\u00adra\u00adção", "coração", "coracao"),
        ("a\u0301gua", "água", "agua"),
        ("nome_do_ficheiro2", "nome do ficheiro2", "nome do ficheiro2"),
        ("3,5 km em 12 min", "3 5 km em 12 min", "3 5 km em 12 min"),
        ("… — ?", "", ""),
    ],
)
def test_words_are_read_without_capitals_marks_and_lone_letters(
    text: str, spelled: str, bare: str
) -> None:
    assert " ".join(spelled_words(text)) == spelled
    # A number of two digits is one word, and one of one digit too.
    assert " ".join(bare_words(text)) == bare


def test_a_question_is_found_inside_a_long_text() -> None:
    text = "O professor perguntou: EM QUE ANO chegou Vasco da Gama a India, pela primeira vez? Ninguém sabia."
    (match,) = found([phrase(QUESTION)], "Outro texto qualquer sobre autocarros.", text)
    assert (match.record, match.phrase, match.share) == (1, 0, 1.0)
    assert excerpt(text, match.first, match.last) == (
        "EM QUE ANO chegou Vasco da Gama a India, pela primeira vez"
    )
    assert behind(text, match.last) == "? Ninguém sabia."


def test_a_copy_with_a_few_other_words_is_a_near_one() -> None:
    text = "Em que ano chegou Vasco da Gama à Índia pela segunda vez?"
    (match,) = found([phrase(QUESTION)], text)
    # Of the 9 runs of em-que-ano-chegou-vasco-da-gama-índia-pela-primeira-vez, «primeira» is in 2.
    assert match.share == pytest.approx(7 / 9)
    assert found([phrase(QUESTION)], text, min_share=0.8) == []


def test_runs_that_are_spread_over_a_document_are_no_copy() -> None:
    runs = [" ".join(run) for run in shingles(bare_words(QUESTION))]
    together = " . ".join(runs[::2])
    apart = " ".join(run + " palavra" * 40 for run in runs)
    assert len(found([phrase(QUESTION)], together, min_share=0.5)) == 1
    assert found([phrase(QUESTION)], apart) == []


def test_a_run_that_is_repeated_counts_once() -> None:
    text = "em que ano, em que ano, em que ano, em que ano, em que ano, em que ano, em que ano"
    assert found([phrase(QUESTION)], text, min_share=0.2) == []


def test_no_copy_reaches_from_one_record_into_the_next() -> None:
    words = QUESTION.split()
    halves = " ".join(words[:6]), " ".join(words[6:])
    assert found([phrase(QUESTION)], *halves) == []
    assert len(found([phrase(QUESTION)], "\n".join(halves))) == 1


def test_the_rarest_words_have_to_be_there() -> None:
    asked = "Como se chama em português de Portugal a palavra bombinha?"
    other = "Como se chama em português de Portugal a palavra geladeira?"
    assert len(found([phrase(asked)], other)) == 1
    assert found([phrase(asked, rarest=("bombinha",))], other) == []
    assert len(found([phrase(asked, rarest=("bombinha",))], asked)) == 1


def test_a_short_question_is_found_as_a_whole_line_only() -> None:
    texts = [
        "Quem és tu?",
        "Conversa:\n– Quem és tu?\n– Sou a Amália.",
        "Perguntou-lhe quem és tu e ela não respondeu.",
        "Quem és tu, afinal?",
        "",
    ]
    matches = found([line("Quem és tu?")], *texts)
    assert [match.record for match in matches] == [0, 1]
    assert excerpt(texts[1], matches[1].first, matches[1].last) == "Quem és tu"


def test_a_line_that_stands_twice_is_one_match() -> None:
    assert len(found([line("Quem és tu?")], "Quem és tu?\nQuem és tu?")) == 1


def test_two_phrases_may_share_words() -> None:
    phrases = [phrase(QUESTION), phrase("Vasco da Gama à Índia pela primeira vez chegou em 1498")]
    matches = found(phrases, QUESTION + " Vasco da Gama à Índia pela primeira vez chegou em 1498.")
    assert sorted((match.phrase, match.share) for match in matches) == [(0, 1.0), (1, 1.0)]


@pytest.mark.parametrize("texts", [(), ("",), ("", "\x00\x00", "\n"), ("ab",), ("a b c",)])
def test_texts_without_words_hold_nothing(texts: tuple[str, ...]) -> None:
    assert found([phrase(QUESTION), line("Quem és tu?")], *texts) == []
    assert found([], *texts) == []


@given(
    st.lists(st.sampled_from(["gato", "cão", "ecrã", "em", "que", "ano", "vasco"]), max_size=30),
    st.lists(st.sampled_from(["rua", "da", "gama", "índia", "\n", "vez"]), max_size=30),
)
def test_a_copy_is_found_between_any_words(before: list[str], after: list[str]) -> None:
    text = " ".join([*before, QUESTION, *after])
    (match,) = found([phrase(QUESTION)], "rua", text)
    assert (match.record, match.share) == (1, 1.0)
    assert set(bare_words(QUESTION)) <= set(bare_words(excerpt(text, match.first, match.last)))


def test_excerpts_stay_inside_the_text() -> None:
    assert excerpt("Um gato preto.", 1, 9) == "gato preto"
    assert excerpt("Um gato preto.", 7, 9) == ""
    assert behind("Um gato preto.", 2) == "."
    assert behind("Um gato preto.", 7) == ""


def test_long_texts_are_cut_in_the_middle() -> None:
    assert shortened("Que  animal\né este?", max_chars=40) == "Que animal é este?"
    assert shortened("abcdefghij" * 10, max_chars=21) == "abcdefghi … bcdefghij"
