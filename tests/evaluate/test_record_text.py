"""What records of each kind say, and which turn answers which."""

import make

from amalia.evaluate.record_text import record_text


def test_turns_are_lines_and_pictures_are_named_once() -> None:
    data = make.picture(noise=1)
    row = make.conversation(
        ("system", "Sê breve."),
        ("user", data, "Que animal", data, "é este?"),
        ("assistant", "Um gato."),
    )
    read = record_text(row.record)
    assert read.id == "c1"
    assert read.text == "Sê breve.\nQue animal\né este?\nUm gato."
    assert read.digests == tuple(row.images)


def test_the_answer_is_the_turn_behind_the_question() -> None:
    read = record_text(
        make.conversation(
            ("user", "Que animal é este?"),
            ("assistant", "Um gato."),
            ("user", "De que cor?"),
            ("assistant", "Preto."),
        ).record
    )
    # que animal este um gato de que cor preto
    assert read.answer_behind(2) == "Um gato."
    assert read.answer_behind(7) == "Preto."
    assert read.answer_behind(99) == ""


def test_in_running_text_the_answer_is_what_follows() -> None:
    read = record_text(make.document("Que animal é este? Resposta: B").record)
    assert read.answer_behind(2) == "? Resposta: B"
    assert len(record_text(make.document("uma palavra " * 900).record).answer_behind(0)) == 300


def test_a_rejected_answer_answers_nothing() -> None:
    row = make.preference(chosen="Um autocarro.", rejected="Um ônibus.")
    read = record_text(row.record)
    assert read.text == "O que vês?\nUm autocarro.\nUm ônibus."
    assert read.answer_behind(1) == "Um autocarro."


def test_a_sample_says_its_right_answers() -> None:
    row = make.sample(
        ("user", "Que animal é este?"), target="gato", accepted=("gata",), follow_ups=("E este?",)
    )
    read = record_text(row.record)
    assert [said.text for said in read.said] == ["Que animal é este?", "E este?", "gato\ngata"]
    assert read.answer_behind(3) == "gato\ngata"
