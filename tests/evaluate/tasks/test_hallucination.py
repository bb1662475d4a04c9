"""Things that a caption names and that are not there, counted as CHAIR does."""

import make
import pytest

from amalia import pack
from amalia.evaluate.plurals import plurals
from amalia.evaluate.source import Failed
from amalia.evaluate.tasks import hallucination

NAMES = (
    "gato", "gato preto", "cão", "maçã", "bola", "bola de futebol", "balão", "autocarro", "luvas", "óculos",
    "nota musical", "guarda-chuva", "mesa", "bilhete", "bilhetes",
)  # fmt: skip
TASK = hallucination.task(NAMES, {"ônibus": "autocarro"})
THERE = "um gato, duas maçãs e um cão"


def score(answer: str, target: str = THERE, accepted: tuple[str, ...] = ()):
    return TASK.score(
        answer, make.sample(task="describing", target=target, accepted=accepted).record
    )


@pytest.mark.parametrize(
    ("answer", "target", "said", "f1"),
    [
        ("Na imagem há: um gato, duas maçãs e um cão. Há duas maçãs.", THERE, "cão, gato, maçã", 1),
        ("Vejo um gato e uma maçã.", THERE, "gato, maçã", 4 / 5),
        ("Um gato e um balão.", THERE, "*balão, gato", 2 / 5),
        ("Dois balões.", THERE, "*balão", 0),
        ("Os cães estão ao pé dos gatos.", THERE, "cão, gato", 4 / 5),
        ("Um gato preto.", THERE, "*gato preto", 0),
        ("Há um gato. Não há nenhum balão.", THERE, "gato", 1 / 2),
        ("Um cão sem bola, ao lado de uma mesa.", THERE, "cão, *mesa", 2 / 5),
        ("Um ônibus.", "um autocarro", "autocarro", 1),
        ("Dois autocarros.", "dois autocarros", "autocarro", 1),
        ("Uma luva e uns óculos.", "umas luvas e uns óculos", "luvas, óculos", 1),
        ("Duas notas musicais.", "uma nota musical", "nota musical", 1),
        ("Vários guarda-chuvas.", "um guarda-chuva", "guarda-chuva", 1),
        ("Um bilhete.", "dois bilhetes", "bilhete", 1),
        ("Bolas de futebol.", "uma bola", "*bola de futebol", 0),
        ("Uma gaivota e um gato.", "gaivota, gato", "gaivota, gato", 1),
    ],
)
def test_a_caption(answer, target, said, f1) -> None:
    found = score(answer, target)
    assert (found.answer, found.readable) == (said, True)
    assert found.value == pytest.approx(f1)


def test_what_is_not_named_is_noted() -> None:
    assert score("Um gato.").note == "not named: cão, maçã"
    assert score("Um gato, um cão e uma maçã.").note == ""


@pytest.mark.parametrize("answer", ["", "Uma coisa bonita.", "Não há gatos."])
def test_a_caption_that_names_nothing_is_unreadable(answer) -> None:
    assert score(answer).readable is False


def test_figures() -> None:
    captions = ["Um gato, um cão e um balão.", "Um gato.", "Uma bola e uma mesa.", "Bonito."]
    samples = [make.sample(task="describing", target=THERE).record] * len(captions)
    scores = [TASK.score(text, samples[0]) for text in captions]
    f1, chair_i, chair_s, recall = TASK.metrics
    assert (f1.is_lower_better, chair_i.is_lower_better, chair_s.is_lower_better) == (
        False,
        True,
        True,
    )
    sums = chair_i.statistics(scores, samples).sum(axis=0)
    assert sums.tolist() == [6, 3, 12]
    assert chair_i.combine(sums) == 0.5
    assert recall.combine(sums) == 0.25
    assert [chair_s.measure(one, samples[0]) for one in scores] == [1, 0, 1, 0]


def test_a_row_of_other_data(samples_from) -> None:
    row = {"image": {"bytes": make.picture(), "path": None}, "objects": ["gato", "Gaivota"]}
    (found,) = samples_from(TASK, row)
    sample = found.record
    assert sample.prompt.turns[-1].text == (
        "Descreve a imagem.\nResponde numa ou duas frases e diz só o que vês."
    )
    assert (sample.target, sample.accepted) == ("gato, Gaivota", ("gato", "Gaivota"))
    assert TASK.score("Gaivotas e gatos.", sample).value == 1


@pytest.mark.parametrize("change", [{"objects": []}, {"objects": None}, {"image": None}])
def test_a_row_that_is_wrong_says_why(samples_from, change) -> None:
    row = {"image": {"bytes": make.picture(), "path": None}, "objects": ["gato"]}
    (found,) = samples_from(TASK, row | change)
    assert isinstance(found, Failed)


def test_every_plural_of_the_pack_is_found() -> None:
    things = [(thing.name.lower(), thing.plural.lower()) for thing in pack.things() if thing.plural]
    assert len(things) > 400
    assert [pair for pair in things if pair[1] not in plurals(pair[0]) | {pair[0]}] == []
