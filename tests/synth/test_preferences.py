"""Preferences: shaped alike, different in one fact, half of them about the variety."""

from __future__ import annotations

import random
import re
from collections import Counter
from itertools import islice

import pytest

from amalia.errors import RecipeError
from amalia.evaluate.answers import number, yes_no
from amalia.records import Preference, Row
from amalia.synth.preferences import PREFERENCE_WEIGHTS, preferences
from amalia.synth.splits import SPLITS, split_of, word_split
from amalia.synth.subjects import Studio
from amalia.synth.varieties import Varieties


@pytest.fixture(scope="module")
def preferred(twin_things, fonts, words, paragraphs):
    """Make preferences: of one reason, or of all in the usual shares."""

    def make(number: int, *, reason: str = "", seed: int = 0, split="train"):
        rows = preferences(
            random.Random(seed), varieties=Varieties.of(twin_things, paragraphs, split),
            studio=Studio.of(twin_things, fonts=fonts, words=words, split=split),
            weights={reason: 1.0} if reason else PREFERENCE_WEIGHTS,
        )  # fmt: skip
        return list(islice(rows, number))

    return make


def answers(row: Row[Preference]) -> tuple[str, str]:
    return row.record.chosen.text, row.record.rejected.text


@pytest.mark.parametrize("reason", PREFERENCE_WEIGHTS)
def test_a_preference_is_a_prompt_and_two_answers(reason, preferred) -> None:
    for row in preferred(40, reason=reason):
        assert row.record.reason == reason
        (turn,) = row.record.prompt.turns
        assert set(row.images) == {image.sha256 for image in turn.images}
        assert bool(row.images) or reason == "variety_pt_br"
        chosen, rejected = answers(row)
        assert chosen != rejected
        assert chosen
        assert rejected


def test_half_are_about_the_variety(preferred) -> None:
    reasons = Counter(row.record.reason for row in preferred(600))
    assert 0.44 <= reasons["variety_pt_br"] / 600 <= 0.56
    assert set(reasons) == set(PREFERENCE_WEIGHTS)


def test_same_seed_same_rows(preferred) -> None:
    assert preferred(40, seed=4) == preferred(40, seed=4)


@pytest.mark.parametrize("reason", ["wrong_position", "wrong_reading", "wrong_count", "wrong_name"])
def test_answers_have_the_same_form(reason, preferred) -> None:
    hidden = {
        "wrong_position": r"à (esquerda|direita)|em (cima|baixo)|(?<=: )\w+",
        "wrong_reading": "«.*»",
        "wrong_count": r"(não )?(há|vejo) .*|\b(um|uma|dois|duas|três|quatro|cinco|seis|sete)\b"
        r"|nenhuma?",
        "wrong_name": r"(?<=[:e] )\w+(?=\.)",
    }[reason]
    for row in preferred(60, reason=reason):
        chosen, rejected = (re.sub(hidden, "_", text.lower()) for text in answers(row))
        if "óculos" not in chosen + rejected:
            assert chosen == rejected, answers(row)


def test_a_chart_is_misread_in_color_number_or_value(preferred) -> None:
    told = Counter[str]()
    for row in preferred(60, reason="wrong_chart"):
        chosen, rejected = answers(row)
        differing = [
            (a, b) for a, b in zip(chosen.split(), rejected.split(), strict=True) if a != b
        ]
        assert len(differing) == 1
        told["value" if any(c.isdigit() for c in differing[0][0]) else "word"] += 1
    assert set(told) == {"value", "word"}


def test_a_hallucinated_thing_takes_the_place_of_another(preferred) -> None:
    for row in preferred(60, reason="hallucinated_object"):
        chosen, rejected = answers(row)
        assert chosen.count(",") == rejected.count(",")
        assert chosen.partition(":")[0] == rejected.partition(":")[0]


def test_yes_and_no_are_balanced(preferred) -> None:
    said = Counter(yes_no(answers(row)[0]) for row in preferred(300, reason="wrong_yes_no"))
    assert said["sim"] + said["não"] == 300
    assert 0.4 <= said["sim"] / 300 <= 0.6


def test_each_number_is_right_as_often_as_wrong(preferred) -> None:
    rows = [answers(row) for row in preferred(600, reason="wrong_count")]
    right, wrong = (Counter(number(said[side]) for said in rows) for side in (0, 1))
    assert all(60 <= counts[n] <= 140 for counts in (right, wrong) for n in range(1, 7))


def test_the_chosen_variety_is_portugals(preferred) -> None:
    for row in preferred(200, reason="variety_pt_br"):
        chosen, rejected = answers(row)
        assert re.search(r"ficheiro|ecrã|autocarro|comboio|ónico", chosen, re.IGNORECASE)
        assert re.search(r"arquivo|tela|ônibus|trem|ônico", rejected, re.IGNORECASE)


def test_splits_share_no_page_no_name_no_word(preferred) -> None:
    for split in SPLITS:
        for row in preferred(120, split=split):
            parents = row.record.origin.parents
            assert parents or row.record.reason == "wrong_chart"
            if row.record.origin.source == "pack:paragraphs":
                (parent,) = parents
                assert split_of(f"paragraph:{parent.rpartition('/')[0]}") == split
            if row.record.reason == "wrong_reading":
                (read,) = re.findall("«(.*)»", row.record.chosen.text)
                assert {word_split(word) for word in read.split()} == {split}


def test_without_twins_the_variety_cannot_be_asked_for(things, fonts, words) -> None:
    rows = preferences(
        random.Random(0), varieties=Varieties.of(things, (), "train"),
        studio=Studio.of(things, fonts=fonts, words=words, split="train"), weights={"variety_pt_br": 1.0},
    )  # fmt: skip
    with pytest.raises(RecipeError, match="nothing can be made"):
        next(rows)
