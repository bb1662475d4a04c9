"""Pictures stay in their split, and nothing shown can be taken for what is not."""

from __future__ import annotations

import random

import pytest

from amalia.errors import RecordError
from amalia.synth import subjects
from amalia.synth.splits import SPLITS, split_of, word_split
from amalia.synth.subjects import Cast, Studio, confusable


@pytest.fixture(scope="module")
def studios(twin_things, fonts, words):
    return {
        split: Studio.of(twin_things, fonts=fonts, words=words, split=split) for split in SPLITS
    }


def test_a_cast_holds_everyday_things(things) -> None:
    cast = Cast.of(things)
    assert {"gato", "óculos"} <= {thing.name for thing in cast.things}
    assert "botão" not in {thing.name for thing in cast.things}
    assert "óculos" not in {thing.name for thing in cast.countable}


def test_too_small_a_cast_is_refused(things) -> None:
    with pytest.raises(RecordError, match="only 3 everyday things; expected at least 8"):
        Cast.of(things[:3])


def test_absent_things_are_never_confusable(things) -> None:
    cast = Cast.of(things)
    for seed in range(200):
        rng = random.Random(seed)
        present = rng.sample(cast.things, 3)
        absent = cast.absent(rng, present, countable=True)
        assert not absent.is_plural
        assert not any(confusable(absent, thing) for thing in present)


def test_confusable(make_thing) -> None:
    bear, polar = make_thing("urso"), make_thing("urso polar")
    owl, other_owl = make_thing("mocho", keywords=("coruja",)), make_thing("coruja")
    pie, tea = make_thing("fatia de bolo"), make_thing("copo de leite")
    assert confusable(bear, bear)
    assert confusable(bear, polar)
    assert confusable(other_owl, owl)
    assert not confusable(pie, tea)


@pytest.mark.parametrize("split", SPLITS)
def test_gatherings_and_groups_are_of_their_split(split, studios) -> None:
    rng = random.Random(1)
    for _ in range(15):
        scene, picture = subjects.gathering(rng, studio=studios[split])
        assert split_of(f"scene:{scene.composition}") == split
        names = [placed.thing for placed in scene.placed]
        assert 2 <= len(names) <= 5
        assert len({thing.id for thing in names}) >= 2
        assert sorted(scene.size_px) == [96, 96 * min(4, len(names))]
        assert picture.origin.parents == tuple(dict.fromkeys(f"thing:{t.id}" for t in names))
        scene, _ = subjects.group(rng, studio=studios[split], count=3)
        assert split_of(f"count:{scene.placed[0].thing.id}x3") == split
        assert len(scene.placed) == 3


@pytest.mark.parametrize("split", SPLITS)
def test_writing_and_charts_are_of_their_split(split, studios) -> None:
    rng = random.Random(2)
    for _ in range(15):
        lettering, picture = subjects.word(rng, studio=studios[split], style="printed")
        assert word_split(lettering.text) == split
        assert picture.origin.license == "MPL-2.0 AND OFL-1.1 AND Unicode-3.0"
        lettering, _ = subjects.line(rng, studio=studios[split], style="handwriting")
        assert {word_split(word) for word in lettering.text.split()} == {split}
        assert len(lettering.text) <= 20
        chart, _ = subjects.chart(rng, studio=studios[split])
        assert split_of(f"chart:{chart.composition}") == split


def test_portraits_of_the_same_state_differ_between_splits(studios, things) -> None:
    digests = {
        subjects.portrait(random.Random(3), things[0], studio=studios[split])[1].image.sha256
        for split in SPLITS
    }
    assert len(digests) == len(SPLITS)


def test_without_words_writing_is_refused(things, fonts) -> None:
    studio = Studio.of(things, fonts=fonts, words=(), split="test")
    with pytest.raises(RecordError, match="found no word for the test split"):
        subjects.word(random.Random(0), studio=studio, style="printed")


def test_a_smaller_cast_is_part_of_a_larger_one(things) -> None:
    all_of_them = Cast.of(things)
    small, large = (Cast.of(things, number=len(all_of_them.things) - n) for n in (2, 1))
    assert set(small.things) < set(large.things) < set(all_of_them.things)
    assert Cast.of(things, number=100) == all_of_them


def test_long_words_are_left_out(things, fonts, words) -> None:
    studio = Studio.of(things, fonts=fonts, words=words, split="train", max_letters=5)
    assert studio.words
    assert {len(word) for word in studio.words} <= {3, 4, 5}
