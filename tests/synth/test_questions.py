"""Questions about scenes, charts and writing whose answers a person can check at a glance."""

from __future__ import annotations

import random
import re
from collections import Counter
from dataclasses import replace

import pytest

from amalia.synth import chart_questions, questions
from amalia.synth.chart import Bar, Chart
from amalia.synth.lettering import Lettering
from amalia.synth.scene import Placed, Scene

SEEDS = range(60)


@pytest.fixture(scope="module")
def noun(things):
    by_name = {thing.name: thing for thing in things}
    return by_name.__getitem__


def scene_of(*placed) -> Scene:
    """Make a scene of (thing, x, y) pairs, each a fifth of the side wide and high."""
    boxes = [Placed(t, "noto", (x, y, round(x + 0.2, 2), round(y + 0.2, 2))) for t, x, y in placed]
    return Scene(tuple(boxes), (96, 96), 0)


@pytest.fixture(scope="module")
def pets(noun) -> Scene:
    """Two cats on the left, a cow right of the upper one, an apple in the lower right corner."""
    gato, vaca, maca = noun("gato"), noun("vaca"), noun("maçã")
    return scene_of((gato, 0.0, 0.0), (gato, 0.0, 0.7), (vaca, 0.5, 0.0), (maca, 0.5, 0.7))


CHART = Chart((Bar("seg", 3, "azul"), Bar("ter", 9, "vermelha"), Bar("qua", 1, "verde")), (96, 96))


def test_naming_answers_with_the_name(noun):
    for seed in SEEDS:
        made = questions.naming(random.Random(seed), noun("maçã"), other=noun("gato"))
        assert made.target == "maçã"
        assert made.accepted == ("uma maçã", "a maçã")
        assert made.answer.endswith(" maçã.")
        assert made.wrong_answer == made.answer.replace("maçã", "gato")


def test_no_article_gives_the_name_away(noun):
    answers = {
        questions.naming(random.Random(seed), noun("óculos"), other=noun("gato")).answer
        for seed in SEEDS
    }
    assert answers == {
        "Chama-se óculos.", "Isto chama-se óculos.", "Vejo: óculos.", "Na imagem: óculos.",
    }  # fmt: skip


def test_a_choice_offers_both(noun):
    orders = set()
    for seed in SEEDS:
        made = questions.choice(random.Random(seed), noun("maçã"), other=noun("gato"))
        text = made.text.lower()
        assert "uma maçã" in text
        assert "um gato" in text
        assert "maçã" in made.answer
        assert "gato" in made.wrong_answer
        orders.add(text.index("maçã") < text.index("gato"))
    assert orders == {True, False}


@pytest.mark.parametrize("truth", [True, False])
def test_is_it(truth, noun):
    for seed in SEEDS:
        rng = random.Random(seed)
        made = questions.is_it(rng, noun("maçã"), other=noun("gato"), truth=truth)
        assert made.target == ("sim" if truth else "não")
        answers = (made.answer, made.wrong_answer)
        yes, no = answers if truth else answers[::-1]
        asked, other = ("uma maçã", "um gato") if truth else ("um gato", "uma maçã")
        assert asked in made.text.lower()
        seen = asked.split()[1], other.split()[1]
        assert re.search(rf"{seen[0]}\. se é {asked}\? sim", yes.lower())
        assert re.search(rf"{seen[1]}\. se é {asked}\? não", no.lower())


def test_local_name():
    made = questions.local_name(random.Random(0), ("autocarro", "ônibus"))
    assert made.target == "autocarro"
    assert made.answer.lower().endswith("autocarro.")
    assert made.wrong_answer.lower().endswith("ônibus.")


@pytest.mark.parametrize(
    ("name", "answers"),
    [
        ("gato", ("há um gato? Sim, há.", "há um gato? Sim.", "vejo um gato? Sim, vejo.")),
        ("vaca", ("há uma vaca? Sim, há.", "há uma vaca? Sim.", "vejo uma vaca? Sim, vejo.")),
        (
            "pera",
            ("há uma pera? Não, não há.", "há uma pera? Não.", "vejo uma pera? Não, não vejo."),
        ),
        (
            "óculos",
            (
                "há uns óculos? Não, não há.",
                "há uns óculos? Não.",
                "vejo uns óculos? Não, não vejo.",
            ),
        ),
    ],
)
def test_presence_is_answered_after_looking(name, answers, pets, noun):
    made = [questions.presence(random.Random(seed), pets, noun(name)) for seed in SEEDS]
    seen = "gato, vaca e maçã"
    forms = (f"Vejo: {seen}. Se ", f"Há: {seen}. Se ", f"Na imagem há: {seen}. Se ")
    said = {form + answer for form, answer in zip(forms, answers, strict=True)}
    assert {question.answer for question in made} == said


@pytest.mark.parametrize("name", ["gato", "vaca", "óculos"])
def test_who_is_wrong_about_presence_sees_right_and_concludes_wrongly(name, pets, noun):
    for seed in SEEDS:
        made = questions.presence(random.Random(seed), pets, noun(name))
        assert made.wrong_answer.partition(". ")[0] == made.answer.partition(". ")[0]
        verdict = "sim" if name == "óculos" else "não"
        assert verdict in made.wrong_answer.lower()
        assert made.target != verdict


@pytest.mark.parametrize(
    ("name", "target", "answers"),
    [
        ("gato", "2", {"Há dois gatos.", "Dois.", "Vejo dois gatos.", "Na imagem há dois gatos."}),
        ("maçã", "1", {"Há uma maçã.", "Uma.", "Vejo uma maçã.", "Na imagem há uma maçã."}),
        (
            "pera",
            "0",
            {
                "Não há nenhuma pera.", "Nenhuma.", "Não vejo nenhuma pera.",
                "Na imagem não há nenhuma pera.",
            },
        ),
    ],
)  # fmt: skip
def test_counting(name, target, answers, pets, noun):
    made = [questions.counting(random.Random(seed), pets, noun(name)) for seed in SEEDS]
    assert {question.target for question in made} == {target}
    assert {question.answer for question in made} == answers
    assert all(question.wrong_answer not in answers for question in made)


def test_no_number_of_a_group_is_wrong_more_often_than_another(noun):
    cats = scene_of(*((noun("gato"), 0.0, y / 10) for y in range(6)))
    wrong = Counter(
        questions.counting(random.Random(seed), cats, noun("gato")).wrong_answer.lower().split()[-2]
        for seed in range(400)
        if "gato" in questions.counting(random.Random(seed), cats, noun("gato")).wrong_answer
    )
    assert set(wrong) == {"um", "dois", "três", "quatro", "cinco"}
    assert max(wrong.values()) < 2 * min(wrong.values())


def test_counting_asks_in_the_gender_of_the_thing(pets, noun):
    texts = [questions.counting(random.Random(seed), pets, noun("maçã")).text for seed in SEEDS]
    assert any(text.startswith("Quantas maçãs") for text in texts)
    assert not any("quantos" in text.lower() for text in texts)


@pytest.mark.parametrize(("asked", "target"), [(2, "sim"), (3, "não")])
def test_count_check(asked, target, pets, noun):
    for seed in SEEDS:
        made = questions.count_check(random.Random(seed), pets, noun("gato"), asked=asked)
        assert made.target == target
        seen = "dois gatos, sim." if asked == 2 else "dois gatos, não três."
        wrong = "um gato, não dois." if asked == 2 else "três gatos, sim."
        assert made.answer.endswith(seen)
        assert made.wrong_answer.endswith(wrong)


def test_describing_goes_from_left_to_right_and_says_numbers_last(pets, noun):
    added = set()
    for seed in SEEDS:
        made = questions.describing(random.Random(seed), pets, other=noun("livro"))
        assert made.target == "dois gatos, uma vaca e uma maçã"
        assert "gato, vaca e maçã. Há dois gatos." in made.answer
        assert "livro" in made.wrong_answer
        added.add(made.answer.partition("Há dois gatos.")[2].strip())
    assert added == {"", "A vaca está acima da maçã.", "A maçã está abaixo da vaca."}


def test_a_tall_picture_is_described_from_the_top(pets, noun):
    tall = replace(pets, size_px=(96, 192))
    made = questions.describing(random.Random(0), tall, other=noun("livro"))
    assert "gato, vaca e maçã" in made.answer
    below = scene_of((noun("maçã"), 0.0, 0.6), (noun("vaca"), 0.5, 0.0))
    made = questions.describing(
        random.Random(0), replace(below, size_px=(96, 192)), other=noun("livro")
    )
    assert "vaca e maçã" in made.answer


def test_sides_are_told_only_where_there_is_no_doubt(pets):
    asked = set()
    for seed in SEEDS:
        made = questions.side(random.Random(seed), pets)
        assert made.target in made.answer.lower()
        asked.add((made.target, made.accepted))
    assert asked == {("em cima", ("acima", "por cima")), ("em baixo", ("abaixo", "por baixo"))}


def test_no_side_between_things_at_a_slant(noun):
    slanted = scene_of((noun("gato"), 0.0, 0.0), (noun("vaca"), 0.6, 0.6))
    assert questions.side(random.Random(0), slanted) is None
    assert questions.neighbour(random.Random(0), slanted, other=noun("pera")) is None


def test_neighbour(noun):
    row = scene_of((noun("gato"), 0.0, 0.4), (noun("vaca"), 0.4, 0.4), (noun("pera"), 0.75, 0.4))
    found = set()
    for seed in range(200):
        made = questions.neighbour(random.Random(seed), row, other=noun("livro"))
        side = "esquerda" if "esquerda" in made.text else "direita"
        one = next(name for name in ("gato", "vaca", "pera") if name in made.text)
        found.add((side, one, made.target))
        assert made.answer.rstrip(".").endswith(made.target)
    # Two things are right of the cat and left of the pear, so neither is asked.
    assert found == {("esquerda", "vaca", "gato"), ("direita", "vaca", "pera")}


def test_pointing(pets, noun):
    boxes = {"[0.50, 0.00, 0.70, 0.20]": "vaca", "[0.50, 0.70, 0.70, 0.90]": "maçã"}
    for seed in SEEDS:
        made = questions.pointing(random.Random(seed), pets)
        assert made.target in made.answer
        assert boxes[made.target] in made.text
    twins = scene_of((noun("gato"), 0.0, 0.0), (noun("gato"), 0.5, 0.5))
    assert questions.pointing(random.Random(0), twins) is None


@pytest.mark.parametrize(
    ("text", "kind"), [("maçã", "reading"), ("guardar ficheiro", "reading_line")]
)
def test_reading(text, kind):
    lettering = Lettering(text, "Font", "handwriting", (192, 48))
    for seed in SEEDS:
        made = questions.reading(random.Random(seed), lettering)
        assert (made.kind, made.group, made.target) == (kind, "handwriting", text)
        assert f"«{text}»" in made.answer
        assert f"«{text}»" not in made.wrong_answer
        assert made.wrong_answer.partition("«")[0] == made.answer.partition("«")[0]


def test_letters():
    lettering = Lettering("ecrã", "Font", "printed", (192, 48))
    first = questions.first_letter(random.Random(0), lettering)
    assert first.target == "e"
    assert "«e»" in first.answer
    number = questions.num_letters(random.Random(0), lettering)
    assert (number.target, number.accepted) == ("4", ("quatro",))


def test_chart():
    for seed in SEEDS:
        rng = random.Random(seed)
        tallest = chart_questions.tallest(rng, CHART)
        assert (tallest.target, tallest.accepted) == ("vermelha", ("vermelho",))
        assert "vermelha" not in tallest.wrong_answer
        assert chart_questions.tallest(rng, CHART, lowest=True).target == "verde"
        assert chart_questions.num_bars(rng, CHART).target == "3"
        value = chart_questions.bar_value(rng, CHART)
        color = next(bar.color for bar in CHART.bars if bar.color in value.text)
        assert value.target == {"azul": "3", "vermelha": "9", "verde": "1"}[color]
        assert value.answer.endswith(f"{value.target}.")


def test_box_text():
    assert questions.box_text((0.125, 0.3, 0.454, 1.0)) == "[0.12, 0.30, 0.45, 1.00]"
