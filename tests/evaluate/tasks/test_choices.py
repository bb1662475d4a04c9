"""Continuations that are weighed: every shape in which the sets are published, and sentences with a gap."""

import pytest

from amalia.evaluate.draft import Fields
from amalia.evaluate.source import Failed
from amalia.evaluate.tasks import choices

SAY = "Responde só com a letra da opção certa."
FILL = "Escreve a frase a partir do espaço em branco, já preenchido."


@pytest.mark.parametrize(
    "row",
    [
        {"question": "Onde fica a Sé Velha?", "choices": ["Braga", "Coimbra", "Faro"], "answer": 1},
        {"question": "Onde fica a Sé Velha?", "options": "['Braga', 'Coimbra', 'Faro']", "answer": "B"},
        {"question": "Onde fica a Sé Velha?", "choices": ["Braga", "Coimbra", "Faro"], "answer": "Coimbra"},
        {
            "question": "Onde fica a Sé Velha?",
            "choices": {"text": ["Braga", "Coimbra", "Faro"], "label": ["1", "2", "3"]},
            "answerKey": "2",
        },
        {
            "prompt": "Onde fica a Sé Velha?",
            "facts_pair": ["Braga", "Coimbra", "Faro"],
            "answer_index": 1,
        },
        {
            "question": "Onde fica a Sé Velha?",
            "option_a": "Braga",
            "option_b": "Coimbra",
            "option_c": "Faro",
            "label": "b",
        },
        {
            "sentence": "Onde fica a Sé Velha?",
            "option1": "Braga",
            "option2": "Coimbra",
            "option3": "Faro",
            "answer": "2",
        },
        {"text": "Onde fica a Sé Velha?\nOpções:\na. Braga\nb. Coimbra\nc. Faro", "label": "b"},
        {"question": "Onde fica a Sé Velha?", "choices": ["Braga", "Coimbra", "Faro"], "correct_choice": 1},
    ],
)  # fmt: skip
def test_every_shape_is_the_same_question(row) -> None:
    assert choices.question_of(Fields(row, where="x")) == (
        "Onde fica a Sé Velha?",
        ("Braga", "Coimbra", "Faro"),
        1,
    )


def test_options_inside_a_text_may_run_over_lines() -> None:
    text = "Faz um acróstico.\nOpções:\na. Mar\nAreia\nb. Sol\n\nLua\nc. Rio"
    found = choices.question_of(Fields({"text": text, "label": "c"}, where="x"))
    assert found == ("Faz um acróstico.", ("Mar\nAreia", "Sol\n\nLua", "Rio"), 2)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"question": "O quê?"}, "has no options; expected choices"),
        ({"question": "O quê?", "choices": ["um"], "answer": 0}, "has 1 options in 'choices'"),
        ({"question": "O quê?", "choices": ["um", "dois"]}, "has no right option; expected one of"),
        ({"question": "O quê?", "choices": ["um", "dois"], "answer": 2}, "0 to 1 or A to B"),
        ({"choices": ["um", "dois"], "answer": 0}, "has no question; expected one of"),
    ],
)
def test_a_row_of_no_shape_says_why(samples_from, row, message) -> None:
    (found,) = samples_from(choices.CULTURAVIVA, row)
    assert isinstance(found, Failed)
    assert message in found.message


def test_culture(samples_from) -> None:
    row = {
        "id": "x1",
        "question": "Que doce é típico de Aveiro?",
        "choices": {"text": ["Ovos moles", "Queijadas", "Dom-rodrigos", "Sericaia"], "label": list("ABCD")},
        "answerKey": "A",
        "domain": "gastronomy",
    }  # fmt: skip
    (found,) = samples_from(choices.CULTURAVIVA, row)
    sample = found.record
    assert sample.prompt.turns[-1].text == (
        "Que doce é típico de Aveiro?\nA. Ovos moles\nB. Queijadas\nC. Dom-rodrigos\nD. Sericaia\n"
        + SAY
    )
    assert (sample.target, sample.choices) == ("A", ("A", "B", "C", "D"))
    assert sample.groups == ("gastronomy",)


def test_chronology(samples_from) -> None:
    row = {
        "prompt": "Em Moura, o que aconteceu primeiro?",
        "facts_pair": ["Abriu a biblioteca", "Foi elevada a cidade"],
        "answer_index": 1,
        "entity": "Moura",
        "category": "Municipio_Portugal",
    }
    (found,) = samples_from(choices.SAUDADE, row)
    assert found.record.target == "B"
    assert (found.record.groups, found.record.cluster) == (("Municipio_Portugal",), "Moura")


def test_completions_are_weighed_from_the_gap_on(samples_from) -> None:
    row = {"text": "Vou de _______ para o trabalho.", "pt-pt": "autocarro", "pt-br": "ônibus"}
    (found,) = samples_from(choices.PT_COMPLETIONS, row)
    sample = found.record
    assert sample.prompt.turns[-1].text == "Vou de _____ para o trabalho.\n" + FILL
    assert sample.target == "autocarro para o trabalho."
    # Among equals the first wins, which is never the right one.
    assert sample.choices == ("ônibus para o trabalho.", "autocarro para o trabalho.")
    assert choices.PT_COMPLETIONS.per_token == "character"
    assert choices.PT_COMPLETIONS.score("autocarro para o trabalho.", sample).value == 1
    assert choices.PT_COMPLETIONS.score("ônibus para o trabalho.", sample).value == 0


def test_a_gap_at_the_beginning_takes_a_capital(samples_from) -> None:
    row = {"text": "_______ vamos ao cinema.", "pt-pt": "a malta", "pt-br": "a galera"}
    (found,) = samples_from(choices.PT_COMPLETIONS, row)
    assert found.record.choices == ("A galera vamos ao cinema.", "A malta vamos ao cinema.")


@pytest.mark.parametrize(
    "row",
    [
        {
            "sentence": "A taça não cabe na mala porque _ é grande.",
            "option1": "a mala",
            "option2": "a taça",
            "answer": "2",
        },
        {
            "text": "A taça não cabe na mala porque _ é grande. A que se refere o espaço em branco _?"
            "\nOpções:\na. a mala\nb. a taça",
            "label": "b",
        },
    ],
)
def test_pronouns(samples_from, row) -> None:
    (found,) = samples_from(choices.WINOGRANDE, row)
    sample = found.record
    assert sample.prompt.turns[-1].text == (
        "A taça não cabe na mala porque _____ é grande.\n" + FILL
    )
    assert sample.choices == ("a mala é grande.", "a taça é grande.")
    assert sample.target == "a taça é grande."


@pytest.mark.parametrize("text", ["Não tem espaço.", "Um _ e outro _."])
def test_a_sentence_has_one_gap(samples_from, text) -> None:
    row = {"text": text, "pt-pt": "ecrã", "pt-br": "tela"}
    (found,) = samples_from(choices.PT_COMPLETIONS, row)
    assert isinstance(found, Failed)
    assert "expected one, written _" in found.message
