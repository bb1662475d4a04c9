"""Samples: balanced, stable, one question each, and apart from what is trained on."""

from __future__ import annotations

import random
from collections import Counter
from itertools import islice

import pytest

from amalia.errors import RecipeError, RecordError
from amalia.synth.conversations import picture_conversations
from amalia.synth.preferences import preferences
from amalia.synth.samples import TASKS, samples
from amalia.synth.splits import split_of, word_split
from amalia.synth.subjects import Studio
from amalia.synth.varieties import Varieties


@pytest.fixture(scope="module")
def sampled(twin_things, fonts, words, paragraphs):
    def make(seed: int = 0, split="test", **counts: int):
        rows = samples(
            seed, counts=counts, varieties=Varieties.of(twin_things, paragraphs, split),
            studio=Studio.of(twin_things, fonts=fonts, words=words, split=split),
        )  # fmt: skip
        return list(rows)

    return make


@pytest.mark.parametrize("task", TASKS)
def test_a_sample_is_one_question(task, sampled) -> None:
    rows = sampled(**{task: 12})
    assert [row.record.id for row in rows] == [f"{task}-test-0-{n:05d}" for n in range(12)]
    for row in rows:
        sample = row.record
        assert sample.task == task
        assert len(sample.prompt.turns) == 1
        assert sample.target
        assert sample.target not in sample.accepted
        assert set(row.images) == {image.sha256 for image in sample.prompt.images}
        assert len(row.images) == 1 or task == "variety"
        assert bool(sample.choices) == (task == "variety")


def test_more_of_one_task_changes_nothing_else(sampled) -> None:
    few = sampled(naming=5, reading=5)
    many = sampled(counting=4, reading=9, naming=5)
    kept = {row.record.id: row for row in many}
    assert all(kept[row.record.id] == row for row in few)


def test_another_seed_asks_something_else(sampled) -> None:
    one, other = sampled(0, reading=10), sampled(1, reading=10)
    assert not {r.record.id for r in one} & {r.record.id for r in other}
    assert not {i for r in one for i in r.images} & {i for r in other for i in r.images}


def test_every_name_is_asked_equally_often(sampled) -> None:
    names = Counter(row.record.target for row in sampled(naming=124))
    assert len(names) == 62
    assert set(names.values()) == {2}


def test_counts_and_answers_are_balanced(sampled) -> None:
    assert Counter(r.record.target for r in sampled(counting=24)) == dict.fromkeys("123456", 4)
    assert Counter(r.record.target for r in sampled(yes_no=40)) == {"sim": 20, "não": 20}
    assert Counter(r.record.groups[0] for r in sampled(reading=20)) == {
        "printed": 10, "handwriting": 10,
    }  # fmt: skip
    sides = Counter(r.record.target for r in sampled(position=20))
    assert set(sides.values()) == {5}
    assert len(sides) == 4
    assert Counter(r.record.groups[0] for r in sampled(variety=30)) == {"paragraph": 20, "name": 10}


def test_variety_prefers_portugal(sampled) -> None:
    for row in sampled(variety=40):
        sample = row.record
        assert sample.target == sample.choices[1] != sample.choices[0]
        assert any(
            ours in sample.target.lower() for ours in ("ficheiro", "ónico", "autocarro", "ecrã")
        )
        assert not any(theirs in sample.target for theirs in ("arquivo", "ônico", "ônibus", "tela"))


def test_test_shares_nothing_with_train(sampled, twin_things, fonts, words, paragraphs) -> None:
    held_out = sampled(naming=24, counting=12, yes_no=12, reading=20, reading_line=8, chart=8)
    pictures = {image for row in held_out for image in row.images}
    studio = Studio.of(twin_things, fonts=fonts, words=words, split="train")
    varieties = Varieties.of(twin_things, paragraphs, "train")
    talked = islice(picture_conversations(random.Random(0), studio=studio), 150)
    preferred = islice(preferences(random.Random(0), studio=studio, varieties=varieties), 100)
    trained = {image for row in talked for image in row.images}
    trained |= {image for row in preferred for image in row.images}
    assert not pictures & trained
    for row in held_out:
        if row.record.task.startswith("reading"):
            assert {word_split(word) for word in row.record.target.split()} == {"test"}
        if row.record.task == "counting":
            (parent,) = row.record.origin.parents
            name = parent.removeprefix("thing:")
            assert split_of(f"count:{name}x{row.record.target}") == "test"


def test_unknown_tasks_are_refused(sampled) -> None:
    with pytest.raises(RecipeError, match="unknown task 'ocr' in counts; expected some of naming"):
        sampled(ocr=3)


def test_variety_needs_something_to_say(things, fonts, words) -> None:
    rows = samples(
        0, counts={"variety": 1}, varieties=Varieties.of(things, (), "test"),
        studio=Studio.of(things, fonts=fonts, words=words, split="test"),
    )  # fmt: skip
    with pytest.raises(RecordError, match="0 paragraphs and 0 names of the test split differ"):
        next(rows)
